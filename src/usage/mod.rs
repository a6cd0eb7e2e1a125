//! What the server and its programs take of the machine, for the metrics.
//!
//! What always holds:
//! - `/proc` and the disks are looked at on the blocking pool, every few seconds, and not when somebody scrapes;
//! - CPU time never goes down, though programs come and go;
//! - the labels are four kinds of program, two resources and the configured spool directories.
//!
//! [`process`] is this process, [`programs`] are those of the recordings, [`capacity`] is what is left for more.

use std::{sync::Arc, time::Duration};

use prometheus_client::{metrics::info::Info, registry::Registry};
use tokio::{
    sync::Semaphore,
    task::{JoinSet, spawn_blocking},
    time::sleep,
};

use crate::config::Current;

mod capacity;
mod process;
mod programs;

use capacity::{Disks, Load, MaxLength};
use process::{CpuTime, Process};
use programs::Programs;

/// The pause between two looks.
const LOOK: Duration = Duration::from_secs(5);

/// The gauges and counters that a look sets.
pub(crate) struct Usage {
    process: Process,
    programs: Programs,
    disks: Disks,
}

impl Usage {
    /// Registers everything. `slots` has `capacity` permits when nothing is recorded.
    pub(crate) fn register(
        registry: &mut Registry,
        config: &Current,
        slots: Arc<Semaphore>,
        capacity: usize,
    ) -> Self {
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        registry.register("recording_build", "The version of this server", Info::new(version.to_vec()));
        registry.register_collector(Box::new(MaxLength::of(config.clone())));
        let disks = Disks::register(registry, config.clone());
        registry.register_collector(Box::new(Load::new(slots, capacity, disks.load())));
        registry.register_collector(Box::new(CpuTime));
        Self { process: Process::register(registry), programs: Programs::register(registry), disks }
    }

    fn look(&mut self) {
        self.process.look();
        self.programs.look();
        self.disks.look();
    }

    /// Looks at once, and then again and again as long as what is returned here is kept.
    pub(crate) fn watch(mut self) -> JoinSet<()> {
        self.look();
        let mut watch = JoinSet::new();
        watch.spawn(async move {
            loop {
                sleep(LOOK).await;
                let looked = spawn_blocking(move || {
                    self.look();
                    self
                });
                match looked.await {
                    Ok(usage) => self = usage,
                    Err(error) => {
                        log::error!(error:%; "the metrics of processes and disks stand still, please report this");
                        return;
                    }
                }
            }
        });
        watch
    }
}
