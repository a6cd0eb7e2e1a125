//! `talk-recorder serve`: the server, from its configuration to its last signal.
//!
//! The first SIGTERM or SIGINT lets running recordings end in order and be delivered, within a deadline. A second one, or the
//! deadline, ends at once; what is then unfinished lies in the spool, and the next start takes it up.

use std::{io, path::Path, process::ExitCode, sync::Arc, time::Duration};

use actix::System;
use actors::{
    ports::Engine,
    recorder::{RecordingState, Running},
    synthetic::Synthetic,
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::timeout,
};

use super::environment;
use crate::{
    app::App,
    config::{Config, EngineChoice},
    logging,
    pipeline::Pipeline,
    signaling::Watched,
    tls,
};

/// How long running recordings may take to be sealed and delivered after the first signal.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(150);

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
            log::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(config: Arc<Config>) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let engine = engine(&config)?;
    let app = App::start(config, engine)?;
    for address in app.addresses() {
        log::info!(address:%; "listening");
    }
    tokio::select! {
        name = signals.next() => log::info!(signal = name; "shutting down, running recordings are ended and delivered"),
        reason = app.breakdown() => anyhow::bail!("{reason}: restart the server, nothing is lost"),
    }
    tokio::select! {
        drained = timeout(SHUTDOWN_DEADLINE, app.drain(Running::Stop)) => match drained {
            Ok(left) => report_left(&left),
            Err(_) => log::warn!(seconds = SHUTDOWN_DEADLINE.as_secs(); "deadline passed, the next start takes up what is unfinished"),
        },
        name = signals.next() => log::warn!(signal = name; "ending at once, the next start takes up what is unfinished"),
    }
    app.stop().await;
    log::info!("talk-recorder ends");
    Ok(())
}

/// The engine that the configuration chooses.
fn engine(config: &Arc<Config>) -> anyhow::Result<Arc<dyn Engine>> {
    match config.recording.engine {
        EngineChoice::Real => {
            let engine = Pipeline::new(Arc::clone(config))?;
            Ok(Arc::new(Watched::new(engine, Arc::clone(config))?))
        }
        EngineChoice::Synthetic => {
            log::warn!(
                "[recording] engine = synthetic: nothing is recorded, the files that are uploaded are empty of any call"
            );
            let engine = Synthetic::new(config.recording.synthetic);
            Ok(Arc::new(Watched::new(engine, Arc::clone(config))?))
        }
    }
}

fn report_left(left: &[RecordingState]) {
    for state in left {
        let recording = &state.recording;
        log::warn!(backend:% = state.backend, room:% = recording.order.room, recording:% = recording.id,
            phase = recording.phase.name(); "stays in the spool for the next start");
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
