//! The wiring: from a configuration and an engine to a running server.
//!
//! What always holds:
//! - every spool directory is locked before the first request is heard, or the server does not start;
//! - the engine is given from outside, so that the same server records calls, or load, or a test;
//! - actors live on the system that calls [`App::start`], the metrics on a thread of their own there; the caller
//!   outlives the app.

use std::{cell::RefCell, net::SocketAddr, sync::Arc, time::Duration};

use actix::Addr;
use actors::{
    ids::BackendId,
    metrics::{Metrics, MetricsThread, Ping},
    ports::Engine,
    recorder::{Census, Drain, RecordingState, Running, World},
    spool::SpoolError,
    supervisor::Supervisor,
};
use prometheus_client::registry::Registry;
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    capacity,
    client::{Clients, SetupError},
    config::{ConfigError, Holder, Loaded},
    control::Control,
    http::{self, BindError, Doorway, Http, Traffic},
    reload::{Outcome, Reload},
    sites::Sites,
    usage::Usage,
};

/// How often the actors are looked after.
const WATCH: Duration = Duration::from_secs(1);
/// Metrics that take longer to answer than this hang. A text of ten thousand backends takes some milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);

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
    metrics: MetricsThread,
    http: Http,
    /// What another configuration replaces.
    reload: Reload,
    /// Looks at processes and disks.
    _watch: JoinSet<()>,
}

impl App {
    /// Takes the spools, starts the actors, which take up what lies there, and serves.
    ///
    /// # Errors
    /// When a spool, a certificate or an address cannot be used.
    pub fn start(holder: Holder, engine: Arc<dyn Engine>, clients: Clients) -> Result<Self, StartupError> {
        let current = holder.current();
        let config = current.get();
        let listed: Vec<BackendId> =
            config.backends.listed.iter().map(|backend| backend.id.clone()).collect();
        let capacity = capacity::slots(&config);
        let slots = Arc::new(Semaphore::new(capacity));
        let mut registry = Registry::default();
        let traffic = Traffic::register(&mut registry);
        let outcome = Outcome::register(&mut registry);
        let usage = Usage::register(&mut registry, &current, Arc::clone(&slots), capacity);
        let metrics = MetricsThread::start(Metrics::new(listed.iter().cloned(), registry));
        let sites = Arc::new(Sites::open(&config, &clients)?);
        let mut backends = listed;
        backends.extend(sites.left_behind());
        let sites = watch::Sender::new(sites);
        let (recipient, known, settings) = (metrics.reports(), sites.subscribe(), current.clone());
        let world_of = move |backend: &BackendId| {
            let (client, drawer) = known.borrow().of(backend)?;
            Some(World {
                engine: engine.clone(),
                backend: client,
                drawer,
                metrics: recipient.clone(),
                limits: capacity::limits_of(backend, &settings.get()),
                slots: slots.clone(),
            })
        };
        let supervisor = Supervisor::start_with(backends, Box::new(world_of));
        let control = |spool| Control::listen(spool, supervisor.clone());
        let controls = RefCell::new(sites.borrow().directories().filter_map(control).collect());
        let doorway = Doorway {
            config: current,
            supervisor: supervisor.clone(),
            metrics: metrics.address().clone(),
            traffic,
            at_most: capacity,
            last_reload: outcome.successful(),
        };
        // The spools exist now, so that the first scrape finds their disks.
        let watch = usage.watch();
        let http = Http::start(doorway)?;
        let reload = Reload {
            holder,
            sites,
            clients,
            metrics: metrics.address().clone(),
            supervisor: supervisor.clone(),
            controls,
            outcome,
        };
        Ok(Self { supervisor, metrics, http, reload, _watch: watch })
    }

    /// Takes another configuration over, or goes on as before if there is anything wrong with it; the log has the reason.
    pub(crate) async fn reload(&self, load: impl FnOnce() -> Result<Loaded, ConfigError> + Send + 'static) {
        self.reload.reload(load).await;
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
        self.supervisor.send(Drain { running }).await.unwrap_or_default()
    }

    /// Whether the actors that everybody needs work off their mailboxes.
    pub async fn answers_within(&self, limit: Duration) -> bool {
        let (supervisor, metrics) =
            (self.supervisor.clone().recipient(), self.metrics.address().clone().recipient());
        http::pulse_within(limit, &supervisor, &metrics).await.is_some()
    }

    /// Returns when a part is gone that the server cannot do without.
    pub async fn breakdown(&self) -> &'static str {
        loop {
            sleep(WATCH).await;
            if !self.metrics.is_running() {
                return "the metrics actor is gone";
            }
            if !self.supervisor.connected() {
                return "the supervisor is gone";
            }
            if !self.http.is_running() {
                return "the http service is gone";
            }
            if hangs(self.metrics.address()).await {
                return "the metrics actor does not answer";
            }
        }
    }

    /// Ends the service. What still runs is dropped, and taken up by the next start.
    pub async fn stop(self) {
        self.http.stop().await;
    }
}

async fn hangs(metrics: &Addr<Metrics>) -> bool {
    timeout(PATIENCE, metrics.send(Ping)).await.is_err()
}

#[cfg(test)]
mod tests {
    use actix::{Actor, AsyncContext, Context};
    use prometheus_client::registry::Registry;

    use super::*;

    #[actix_rt::test]
    async fn metrics_that_hang_are_told_from_those_that_work() {
        tokio::time::pause();
        let stuck = Context::<Metrics>::new();
        assert!(hangs(&stuck.address()).await);
        assert!(!hangs(&Metrics::new([], Registry::default()).start()).await);
    }
}
