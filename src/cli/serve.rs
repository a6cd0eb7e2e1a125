//! `talk-recorder serve`: the server, from its configuration to its last signal.
//!
//! The first SIGTERM or SIGINT lets running recordings end in order and be delivered, within limits. A second one ends at
//! once; what is then unfinished lies in the spool, and the next start takes it up.

use std::{io, path::Path, process::ExitCode, sync::Arc};

use actix::System;
use actors::{ports::Engine, recorder::Running, synthetic::Synthetic};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{environment, shutdown};
use crate::{
    app::App,
    client::Clients,
    config::{Config, EngineChoice},
    logging,
    pipeline::Pipeline,
    service::{self, Service},
    signaling::Watched,
    tls,
};

/// Serves until a signal ends it.
pub(super) fn serve(path: Option<&Path>) -> ExitCode {
    let loaded = match Config::load(path, environment()) {
        Ok(loaded) => loaded,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    logging::start(loaded.config.log_level);
    for warning in &loaded.warnings {
        log::warn!("{warning}");
    }
    let source = loaded.source.map_or("built-in defaults".to_owned(), |path| path.display().to_string());
    log::info!(version = env!("CARGO_PKG_VERSION"), config = source; "talk-recorder starts");
    tls::install_provider();
    match System::new().block_on(run(Arc::new(loaded.config))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(config: Arc<Config>) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let mut clients = Clients::default();
    let engine = engine(&config, &mut clients)?;
    let app = App::start(Arc::clone(&config), engine, &mut clients)?;
    for address in app.addresses() {
        log::info!(address:%; "listening");
    }
    let service = Service::of_environment();
    service::ready();
    tokio::select! {
        ended = serve_until_told(&app, &config, &service, &mut signals) => ended?,
        never = service.keep_informed(&app) => match never {},
    }
    app.stop().await;
    log::info!("talk-recorder ends");
    Ok(())
}

async fn serve_until_told(
    app: &App,
    config: &Config,
    service: &Service,
    signals: &mut Signals,
) -> anyhow::Result<()> {
    let calls = match config.shutdown.calls {
        Running::Stop => "stopped",
        Running::Wait => "waited for",
    };
    tokio::select! {
        name = signals.next() => log::info!(signal = name, running_recordings = calls; "shutting down"),
        reason = app.breakdown() => anyhow::bail!("{reason}: restart the server, nothing is lost"),
    }
    tokio::select! {
        () = shutdown::shut_down(app, config.shutdown, service) => {}
        name = signals.next() => log::warn!(signal = name; "ending at once"),
    }
    shutdown::report_left(app).await;
    Ok(())
}

/// The engine that the configuration chooses.
fn engine(config: &Arc<Config>, clients: &mut Clients) -> anyhow::Result<Arc<dyn Engine>> {
    match config.recording.engine {
        EngineChoice::Real => {
            let engine = Pipeline::new(Arc::clone(config))?;
            Ok(Arc::new(Watched::new(engine, Arc::clone(config), clients)?))
        }
        EngineChoice::Synthetic => {
            log::warn!(
                "[recording] engine = synthetic: nothing is recorded, the files that are uploaded are empty of any call"
            );
            let engine = Synthetic::new(config.recording.synthetic);
            Ok(Arc::new(Watched::new(engine, Arc::clone(config), clients)?))
        }
    }
}

/// The signals that end the server.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The name of the next one.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
