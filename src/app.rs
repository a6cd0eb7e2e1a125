//! The wiring: from a configuration and an engine to a running server.
//!
//! What always holds:
//! - every spool directory is locked before the first request is heard, or the server does not start;
//! - the engine is given from outside, so that the same server records calls, or load, or a test;
//! - actors live on the system that calls [`App::start`]; the caller outlives the app.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use actix::{Actor, Addr};
use actors::{
    ids::BackendId,
    metrics::Metrics,
    ports::Engine,
    recorder::{Census, Drain, RecordingState, Running, World},
    spool::SpoolError,
    supervisor::Supervisor,
};
use prometheus_client::registry::Registry;
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{interval, sleep},
};

use crate::{
    capacity,
    config::Config,
    http::{BindError, Doorway, Http, Traffic},
    nextcloud::SetupError,
    sites::Sites,
    usage::Usage,
};

/// How often the actors are looked after.
const WATCH: Duration = Duration::from_secs(1);

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartupError {
    /// A spool directory cannot be used.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// A backend cannot be spoken to.
    #[error(transparent)]
    Backend(#[from] SetupError),
    /// An address cannot be served.
    #[error(transparent)]
    Bind(#[from] BindError),
}

/// A running server.
pub struct App {
    supervisor: Addr<Supervisor>,
    metrics: Addr<Metrics>,
    http: Http,
    /// Looks at processes and disks.
    _watch: JoinSet<()>,
}

impl App {
    /// Takes the spools, starts the actors, which take up what lies there, and serves.
    ///
    /// # Errors
    /// When a spool, a certificate or an address cannot be used.
    pub fn start(config: Arc<Config>, engine: Arc<dyn Engine>) -> Result<Self, StartupError> {
        let listed: Vec<BackendId> =
            config.backends.listed.iter().map(|backend| backend.id.clone()).collect();
        let capacity = capacity::slots(&config);
        let slots = Arc::new(Semaphore::new(capacity));
        let mut registry = Registry::default();
        let traffic = Traffic::register(&mut registry);
        let usage = Usage::register(&mut registry, &config, Arc::clone(&slots), capacity);
        let metrics = Metrics::new(listed.iter().cloned(), registry).start();
        let sites = Sites::open(&config)?;
        let mut backends = listed;
        backends.extend(sites.left_behind());
        let recipient = metrics.clone().recipient();
        let settings = Arc::clone(&config);
        let world_of = move |backend: &BackendId| {
            let (client, drawer) = sites.of(backend)?;
            Some(World {
                engine: engine.clone(),
                backend: client,
                drawer,
                metrics: recipient.clone(),
                limits: capacity::limits_of(backend, &settings),
                slots: slots.clone(),
            })
        };
        let supervisor = Supervisor::start_with(backends, Box::new(world_of));
        let doorway = Doorway { config, supervisor: supervisor.clone(), metrics: metrics.clone(), traffic };
        // The spools exist now, so that the first scrape finds their disks.
        let watch = usage.watch();
        let http = Http::start(doorway)?;
        Ok(Self { supervisor, metrics, http, _watch: watch })
    }

    /// The addresses that are served.
    pub fn addresses(&self) -> &[SocketAddr] {
        self.http.addresses()
    }

    /// What is going on.
    pub async fn census(&self) -> Vec<RecordingState> {
        self.supervisor.send(Census).await.unwrap_or_default()
    }

    /// Refuses new recordings, stops the running ones or waits for them, and waits until they are delivered or have
    /// to wait for the next start, which then finds what is returned here.
    pub async fn drain(&self, running: Running) -> Vec<RecordingState> {
        let draining = self.supervisor.send(Drain { running });
        tokio::pin!(draining);
        let mut reports = interval(Duration::from_secs(5));
        reports.tick().await;
        loop {
            tokio::select! {
                left = &mut draining => return left.unwrap_or_default(),
                _ = reports.tick() => self.report_running().await,
            }
        }
    }

    async fn report_running(&self) {
        for state in self.census().await.into_iter().filter(|state| state.holds_shutdown_up) {
            let recording = &state.recording;
            log::info!(backend:% = state.backend, room:% = recording.order.room, recording:% = recording.id,
                phase = recording.phase.name(); "shutdown waits for a recording");
        }
    }

    /// Returns when a part is gone that the server cannot do without.
    pub async fn breakdown(&self) -> &'static str {
        loop {
            sleep(WATCH).await;
            if !self.metrics.connected() {
                return "the metrics actor is gone";
            }
            if !self.supervisor.connected() {
                return "the supervisor is gone";
            }
            if !self.http.is_running() {
                return "the http service is gone";
            }
        }
    }

    /// Ends the service. What still runs is dropped, and taken up by the next start.
    pub async fn stop(self) {
        self.http.stop().await;
    }
}
