//! The five families that dashboards know, and what else is told of recordings that were started in this life of the
//! server: how they ended, and how long they took to begin.

use std::{
    collections::{HashMap, hash_map::Entry},
    mem::replace,
    sync::atomic::AtomicU64,
};

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};
use tokio::time::Instant;

use super::series::{Each, Labels, Shown, family, labels, register};
use crate::{
    ids::{BackendId, RecordingId},
    recording::{EndReason, Report},
};

/// Bounds for the time from the accepted start to the first frame. Nextcloud gives up hope after a minute.
const START_BOUNDS: [f64; 8] = [1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 30.0, 60.0];

/// The families.
pub(super) struct Families {
    current: Family<Labels, Gauge>,
    failed: Family<Labels, Counter>,
    uploads_failed: Family<Labels, Counter>,
    total: Family<Labels, Counter>,
    duration: Family<Labels, Counter<f64, AtomicU64>>,
    ended: Family<Labels, Counter>,
    /// Of all backends: how long a recording takes to begin is a matter of this machine.
    start_duration: Histogram,
}

impl Families {
    /// The five stand first, in the order in which they always stood.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let families = Self {
            current: family(
                registry,
                "recordings_current",
                "Recordings that are starting, running, stopping or being uploaded",
                None,
            ),
            failed: family(
                registry,
                "recordings_failed",
                "Recordings that could not be started or broke off",
                None,
            ),
            uploads_failed: family(
                registry,
                "recordings_uploads_failed",
                "Recordings that succeeded but could not be uploaded at once",
                None,
            ),
            total: family(registry, "recordings", "Recordings that were started", None),
            duration: family(
                registry,
                "recordings_duration",
                "Length of the recordings that succeeded",
                Some(Unit::Seconds),
            ),
            ended: family(
                registry,
                "recordings_ended",
                "Recordings that came to their end, by its reason",
                None,
            ),
            start_duration: Histogram::new(START_BOUNDS),
        };
        register(
            registry,
            "start_duration",
            "Time from the accepted start of a recording to its first frame",
            Some(Unit::Seconds),
            families.start_duration.clone(),
        );
        families
    }

    /// Makes the five series of a backend exist.
    pub(super) fn know(&self, backend: &BackendId) {
        let labels = labels(backend);
        drop(self.current.get_or_create(&labels));
        drop(self.failed.get_or_create(&labels));
        drop(self.uploads_failed.get_or_create(&labels));
        drop(self.total.get_or_create(&labels));
        drop(self.duration.get_or_create(&labels));
    }
}

/// A recording that is current.
struct Current {
    since: Instant,
    /// Its failure is counted already.
    failed: bool,
    /// Its end is counted already.
    ended: bool,
}

/// The counts of one backend.
pub(super) struct Counts {
    recordings: HashMap<RecordingId, Current>,
    current: Gauge,
    failed: Counter,
    uploads_failed: Counter,
    total: Counter,
    duration: Counter<f64, AtomicU64>,
    ended: Each<EndReason, Counter>,
    start_duration: Histogram,
}

impl Counts {
    pub(super) fn new(families: &Families, backend: &BackendId, shown: Shown) -> Self {
        let labels = labels(backend);
        Self {
            recordings: HashMap::new(),
            current: families.current.get_or_create_owned(&labels),
            failed: families.failed.get_or_create_owned(&labels),
            uploads_failed: families.uploads_failed.get_or_create_owned(&labels),
            total: families.total.get_or_create_owned(&labels),
            duration: families.duration.get_or_create_owned(&labels),
            ended: Each::new(&families.ended, backend, "reason", &EndReason::ALL, EndReason::name, shown),
            start_duration: families.start_duration.clone(),
        }
    }

    /// A start was accepted.
    pub(super) fn start(&mut self, id: RecordingId) {
        if let Entry::Vacant(vacant) = self.recordings.entry(id) {
            vacant.insert(Current { since: Instant::now(), failed: false, ended: false });
            self.total.inc();
            self.current.inc();
        }
    }

    /// Something happened to a recording. It counts if the recording is current, and once.
    pub(super) fn count(&mut self, id: RecordingId, report: Report) {
        let Some(current) = self.recordings.get_mut(&id) else { return };
        match report {
            Report::Rolling => self.start_duration.observe(current.since.elapsed().as_secs_f64()),
            Report::Failed if !replace(&mut current.failed, true) => _ = self.failed.inc(),
            Report::Ended(why) if !replace(&mut current.ended, true) => self.ended.count(why),
            Report::UploadFailed => _ = self.uploads_failed.inc(),
            Report::Finished { seconds } => {
                self.recordings.remove(&id);
                self.current.dec();
                self.duration.inc_by(seconds);
            }
            Report::Failed
            | Report::Ended(_)
            | Report::Started
            | Report::Rejected(_)
            | Report::Recovered
            | Report::DeliveredLate
            | Report::Sign { .. }
            | Report::Encoding { .. } => {}
        }
    }
}
