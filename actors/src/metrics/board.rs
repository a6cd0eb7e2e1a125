//! All that is known of one backend.

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use super::{
    News,
    counts::{self, Counts},
    running::{self, RunningOnes},
    series::{Each, Labels, Shown, family, labels},
    standings::{self, Standings},
    uploads::{self, Uploads},
};
use crate::{
    ids::{BackendId, RecordingId},
    recording::{Rejection, Report},
};

/// Every family that has a series a backend.
pub(super) struct Families {
    counts: counts::Families,
    standings: standings::Families,
    running: running::Families,
    uploads: uploads::Families,
    rejected: Family<Labels, Counter>,
    recovered: Family<Labels, Counter>,
    delivered_late: Family<Labels, Counter>,
    spool_bytes: Family<Labels, Gauge>,
    restarts: Family<Labels, Counter>,
}

impl Families {
    pub(super) fn register(registry: &mut Registry) -> Self {
        Self {
            counts: counts::Families::register(registry),
            standings: standings::Families::register(registry),
            running: running::Families::register(registry),
            uploads: uploads::Families::register(registry),
            rejected: family(
                registry,
                "recordings_rejected",
                "Recordings that were not begun, by the reason",
                None,
            ),
            recovered: family(
                registry,
                "recordings_recovered",
                "Recordings that were cut off by the end of the server, or of a part of it, and taken up again",
                None,
            ),
            delivered_late: family(
                registry,
                "recordings_delivered_late",
                "Recordings that were stored after a first round of upload tries that failed",
                None,
            ),
            spool_bytes: family(registry, "spool", "Media in the spool", Some(Unit::Bytes)),
            restarts: family(
                registry,
                "recorder_restarts",
                "Recorders that broke off and were made again",
                None,
            ),
        }
    }

    /// Makes the series of the five families exist.
    pub(super) fn know(&self, backend: &BackendId) {
        self.counts.know(backend);
    }
}

/// The series of one backend, and the recordings behind them.
pub(super) struct Board {
    counts: Counts,
    standings: Standings,
    running: RunningOnes,
    uploads: Uploads,
    rejected: Each<Rejection, Counter>,
    recovered: Counter,
    delivered_late: Counter,
    spool_bytes: Gauge,
    restarts: Counter,
}

impl Board {
    pub(super) fn new(families: &Families, backend: &BackendId, shown: Shown) -> Self {
        let labels = labels(backend);
        Self {
            counts: Counts::new(&families.counts, backend, shown),
            standings: Standings::new(&families.standings, backend, shown),
            running: RunningOnes::new(&families.running, backend, shown),
            uploads: Uploads::new(&families.uploads, backend, shown),
            rejected: Each::new(
                &families.rejected,
                backend,
                "reason",
                &Rejection::ALL,
                Rejection::name,
                shown,
            ),
            recovered: families.recovered.get_or_create_owned(&labels),
            delivered_late: families.delivered_late.get_or_create_owned(&labels),
            spool_bytes: families.spool_bytes.get_or_create_owned(&labels),
            restarts: families.restarts.get_or_create_owned(&labels),
        }
    }

    /// Takes what is new about the backend.
    pub(super) fn hear(&mut self, news: News) {
        match news {
            News::Happened { id, report } => self.happened(id, report),
            News::Moved { id, reports, standing } => {
                for report in reports {
                    self.happened(id, report);
                }
                self.standings.set(id, standing);
                if !self.standings.is_live(id) {
                    self.running.end(id);
                }
            }
            News::RecorderBegins { recordings } => {
                self.running.end_all();
                self.standings.replace(recordings);
            }
            News::RecorderRestarted => _ = self.restarts.inc(),
            News::Spooled { bytes } => {
                _ = self.spool_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
            }
            News::UploadTried { outcome, took, bytes } => self.uploads.tried(outcome, took, bytes),
        }
    }

    fn happened(&mut self, id: RecordingId, report: Report) {
        match report {
            Report::Started => self.counts.start(id),
            Report::Rolling
            | Report::Failed
            | Report::Ended(_)
            | Report::UploadFailed
            | Report::Finished { .. } => self.counts.count(id, report),
            Report::Rejected(why) => self.rejected.count(why),
            Report::Recovered => _ = self.recovered.inc(),
            Report::DeliveredLate => _ = self.delivered_late.inc(),
            // An engine may still say something while its recording is being closed.
            Report::Sign { .. } | Report::Encoding { .. } if !self.standings.is_live(id) => {}
            Report::Sign { sign, seen } => self.running.sign(id, sign, seen),
            Report::Encoding { speed, dropped_frames } => self.running.encoding(id, speed, dropped_frames),
        }
    }
}
