//! Another configuration for a running server.
//!
//! ```text
//! read and checked ─► clients, spools ─► taken over: log, metrics, backends, settings, recorders ─► told
//!        │                   │
//!        └────── any fault ──┴─► nothing is changed, and that is told
//! ```
//!
//! What always holds:
//! - a configuration is taken over as a whole, or not at all. What takes time or may fail comes first, on the blocking
//!   pool, and the rest is one step. Only the control sockets of new spools come after it;
//! - recordings that run go on with what they were begun with;
//! - nothing is let go of: backends whose section is gone keep their client, and spools stay open, until the server ends.

use std::{
    cell::RefCell,
    sync::{Arc, atomic::AtomicU64},
};

use actix::Addr;
use actors::{
    ids::BackendId,
    metrics::{Known, Metrics},
    supervisor::{Refit, Supervisor},
};
use jiff::Timestamp;
use prometheus_client::{
    metrics::gauge::Gauge,
    registry::{Registry, Unit},
};
use tokio::{
    sync::watch,
    task::{JoinError, spawn_blocking},
};

use crate::{
    app::StartupError,
    client::Clients,
    config::{Changes, Config, ConfigError, Holder, Loaded},
    control::Control,
    logging,
    sites::Sites,
};

/// Why a configuration is not taken over.
#[derive(Debug, thiserror::Error)]
enum ReloadError {
    #[error("{}", .0.mistakes().join("; "))]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Unusable(#[from] StartupError),
    #[error("a bug in this server, please report it: {0}")]
    Broken(#[from] JoinError),
}

/// Everything that another configuration replaces.
pub(crate) struct Reload {
    pub(crate) holder: Holder,
    pub(crate) sites: watch::Sender<Arc<Sites>>,
    pub(crate) clients: Clients,
    pub(crate) metrics: Addr<Metrics>,
    pub(crate) supervisor: Addr<Supervisor>,
    /// One a spool.
    pub(crate) controls: RefCell<Vec<Control>>,
    pub(crate) outcome: Outcome,
}

/// A configuration with which nothing can go wrong any more.
struct Prepared {
    config: Config,
    warnings: Vec<String>,
    /// Settings that wait for a restart.
    held_back: Vec<String>,
    clients: Clients,
    sites: Sites,
}

impl Reload {
    /// Reads the configuration and takes it over. What came of it stands in the log and in the metrics.
    pub(crate) async fn reload(&self, load: impl FnOnce() -> Result<Loaded, ConfigError> + Send + 'static) {
        let reloaded = self.try_to_reload(load).await;
        self.outcome.note(reloaded.is_ok());
        match reloaded {
            Ok(changes) => {
                let names = |backends: &[BackendId]| {
                    backends.iter().map(BackendId::as_str).collect::<Vec<_>>().join(",")
                };
                log::info!(backends_added = names(&changes.added), backends_removed = names(&changes.removed),
                    backends_changed = names(&changes.changed), sections_changed = changes.sections.join(",");
                    "configuration reloaded");
            }
            Err(error) => {
                log::error!(reason:% = error; "configuration not reloaded, the old one goes on to hold");
            }
        }
    }

    async fn try_to_reload(
        &self,
        load: impl FnOnce() -> Result<Loaded, ConfigError> + Send + 'static,
    ) -> Result<Changes, ReloadError> {
        let (config, sites) = (self.holder.current().get(), Arc::clone(&self.sites.borrow()));
        let prepared = spawn_blocking(move || prepare(load()?, &config, &sites)).await??;
        Ok(self.take_over(prepared).await)
    }

    async fn take_over(&self, prepared: Prepared) -> Changes {
        let Prepared { config, warnings, held_back, clients, sites } = prepared;
        let old = self.holder.current().get();
        let changes = Changes::between(&old, &config);
        if config.log_level != old.log_level {
            logging::change(config.log_level);
        }
        for warning in &warnings {
            log::warn!("{warning}");
        }
        for key in &held_back {
            log::warn!(key; "this setting needs a restart, the old one goes on to hold");
        }
        for backend in &changes.removed {
            log::warn!(backend:%; "this backend may not record any more; what it has recorded is delivered as before, until the server is restarted");
        }
        let mut backends: Vec<_> = config.backends.listed.iter().map(|backend| backend.id.clone()).collect();
        self.metrics.do_send(Known { backends: backends.clone() });
        backends.extend(sites.left_behind());
        self.clients.renew(&clients);
        self.listen_in_new_spools(&sites);
        self.sites.send_replace(Arc::new(sites));
        self.holder.replace(config);
        // A supervisor that is gone ends the server.
        _ = self.supervisor.send(Refit { backends }).await;
        changes
    }

    fn listen_in_new_spools(&self, sites: &Sites) {
        let before = Arc::clone(&self.sites.borrow());
        let new =
            sites.directories().filter(|directory| before.directories().all(|known| known != *directory));
        let controls = new.filter_map(|spool| Control::listen(spool, self.supervisor.clone()));
        self.controls.borrow_mut().extend(controls);
    }
}

/// Does all that may fail.
fn prepare(loaded: Loaded, old: &Config, sites: &Sites) -> Result<Prepared, ReloadError> {
    let Loaded { mut config, warnings, source: _ } = loaded;
    let held_back = config.hold_back(old, |backend| sites.directory_of(backend));
    // Files with certificates may have changed, too.
    let clients = Clients::default();
    let sites = sites.renewed(&config, &clients)?;
    Ok(Prepared { config, warnings, held_back, clients, sites })
}

/// How the last reload went, for the metrics. The start counts as the first one.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    successful: Gauge,
    success_at: Gauge<f64, AtomicU64>,
}

impl Outcome {
    /// The start has read its configuration.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let outcome = Self { successful: Gauge::default(), success_at: Gauge::default() };
        registry.register(
            "recording_config_last_reload_successful",
            "Whether the configuration was taken over when it was read for the last time",
            outcome.successful.clone(),
        );
        registry.register_with_unit(
            "recording_config_last_reload_success_timestamp",
            "When a configuration was taken over for the last time",
            Unit::Seconds,
            outcome.success_at.clone(),
        );
        outcome.note(true);
        outcome
    }

    /// 1 if it went well.
    pub(crate) fn successful(&self) -> Gauge {
        self.successful.clone()
    }

    fn note(&self, successful: bool) {
        self.successful.set(i64::from(successful));
        if successful {
            self.success_at.set(Timestamp::now().as_duration().as_secs_f64());
        }
    }
}
