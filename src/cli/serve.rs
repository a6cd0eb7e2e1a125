//! `talk-recorder serve`: the server, from its configuration to its last signal.
//!
//! The first SIGTERM or SIGINT lets running recordings end in order and be delivered, within limits. A second one ends at
//! once; what is then unfinished lies in the spool, and the next start takes it up. SIGHUP has the configuration read again.

use std::{
    convert::Infallible,
    future::pending,
    io,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use actix::System;
use actors::{ports::Engine, recorder::Running, synthetic::Synthetic};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{environment, shutdown};
use crate::{
    app::App,
    client::Clients,
    config::{Config, Current, EngineChoice, Holder},
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
    let source = loaded.source.as_ref().map(|path| path.display().to_string());
    log::info!(version = env!("CARGO_PKG_VERSION"), config = source.as_deref().unwrap_or("built-in defaults");
        "talk-recorder starts");
    tls::install_provider();
    match System::new().block_on(run(loaded.config, loaded.source)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(config: Config, source: Option<PathBuf>) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let mut hangup = signal(SignalKind::hangup())?;
    let (holder, clients) = (Holder::new(config), Clients::default());
    let current = holder.current();
    let engine = engine(&current, &clients)?;
    let app = App::start(holder, engine, clients)?;
    for address in app.addresses() {
        log::info!(address:%; "listening");
    }
    let service = Service::of_environment();
    service::ready();
    tokio::select! {
        ended = serve_until_told(&app, &current, &service, &mut signals) => ended?,
        never = service.keep_informed(&app) => match never {},
        never = reload_when_told(&app, source, &service, &mut hangup) => match never {},
    }
    app.stop().await;
    log::info!("talk-recorder ends");
    Ok(())
}

/// Reads the same file again at each signal, one after the other, also while the server ends: a recording that is still to be
/// delivered may need a new secret.
async fn reload_when_told(
    app: &App,
    source: Option<PathBuf>,
    service: &Service,
    hangup: &mut Signal,
) -> Infallible {
    loop {
        if hangup.recv().await.is_none() {
            return pending().await;
        }
        let source = source.clone();
        service.reloading();
        app.reload(move || Config::load(source.as_deref(), environment())).await;
        service.reloaded();
    }
}

async fn serve_until_told(
    app: &App,
    config: &Current,
    service: &Service,
    signals: &mut Signals,
) -> anyhow::Result<()> {
    let name = tokio::select! {
        name = signals.next() => name,
        reason = app.breakdown() => anyhow::bail!("{reason}: restart the server, nothing is lost"),
    };
    let limits = config.get().shutdown;
    let calls = match limits.calls {
        Running::Stop => "stopped",
        Running::Wait => "waited for",
    };
    log::info!(signal = name, running_recordings = calls; "shutting down");
    tokio::select! {
        () = shutdown::shut_down(app, limits, service) => {}
        name = signals.next() => log::warn!(signal = name; "ending at once"),
    }
    shutdown::report_left(app).await;
    Ok(())
}

/// The engine that the configuration chooses.
fn engine(current: &Current, clients: &Clients) -> anyhow::Result<Arc<dyn Engine>> {
    let config = current.get();
    match config.recording.engine {
        EngineChoice::Real => {
            let engine = Pipeline::new(current.clone())?;
            Ok(Arc::new(Watched::new(engine, current.clone(), clients.clone())))
        }
        EngineChoice::Synthetic => {
            log::warn!(
                "[recording] engine = synthetic: nothing is recorded, the files that are uploaded are empty of any call"
            );
            let engine = Synthetic::new(config.recording.synthetic);
            Ok(Arc::new(Watched::new(engine, current.clone(), clients.clone())))
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
