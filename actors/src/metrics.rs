//! The actor [`Metrics`]: the only owner of the registry. Recorders report to it, `/metrics` asks it for its text.
//!
//! What always holds:
//! - `recordings_current` is the size of a set of recordings: it cannot drift;
//! - a recording that this actor was never told has started changes nothing. What lay in the spool when
//!   the server started is such a one;
//! - a report that comes again, from a recorder that was made again, counts once;
//! - the series of a backend exist, at 0, from the moment it is known.

use std::{collections::HashMap, fmt, sync::atomic::AtomicU64};

use actix::{Actor, Context, Handler, Message};
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use crate::{
    ids::{BackendId, RecordingId},
    recording::Report,
};

mod exposition;

/// The label of every family.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    backend: String,
}

/// A recording that is current.
struct Current {
    /// Its failure is counted already.
    failed: bool,
}

/// Owns the registry.
pub struct Metrics {
    registry: Registry,
    current_recordings: HashMap<RecordingId, Current>,
    current: Family<Labels, Gauge>,
    failed: Family<Labels, Counter>,
    uploads_failed: Family<Labels, Counter>,
    total: Family<Labels, Counter>,
    duration: Family<Labels, Counter<f64, AtomicU64>>,
}

impl Metrics {
    /// Metrics in which these backends stand at 0.
    pub fn new(backends: impl IntoIterator<Item = BackendId>) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("recording"),
            current_recordings: HashMap::new(),
            current: Family::default(),
            failed: Family::default(),
            uploads_failed: Family::default(),
            total: Family::default(),
            duration: Family::default(),
        };
        metrics.register();
        for backend in backends {
            metrics.know(&backend);
        }
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "recordings_current",
            "Recordings that are starting, running, stopping or being uploaded",
            self.current.clone(),
        );
        registry.register(
            "recordings_failed",
            "Recordings that could not be started or broke off",
            self.failed.clone(),
        );
        registry.register(
            "recordings_uploads_failed",
            "Recordings that succeeded but could not be uploaded at once",
            self.uploads_failed.clone(),
        );
        registry.register("recordings", "Recordings that were started", self.total.clone());
        registry.register_with_unit(
            "recordings_duration",
            "Length of the recordings that succeeded",
            Unit::Seconds,
            self.duration.clone(),
        );
    }

    /// Makes the series of a backend exist.
    fn know(&self, backend: &BackendId) {
        let labels = Labels { backend: backend.to_string() };
        drop(self.current.get_or_create(&labels));
        drop(self.failed.get_or_create(&labels));
        drop(self.uploads_failed.get_or_create(&labels));
        drop(self.total.get_or_create(&labels));
        drop(self.duration.get_or_create(&labels));
    }

    fn start(&mut self, id: RecordingId, backend: &BackendId) {
        self.know(backend);
        let labels = Labels { backend: backend.to_string() };
        if self.current_recordings.insert(id, Current { failed: false }).is_none() {
            self.total.get_or_create(&labels).inc();
            self.current.get_or_create(&labels).inc();
        }
    }

    fn finish(&mut self, id: RecordingId, labels: &Labels, seconds: f64) {
        self.current_recordings.remove(&id);
        self.current.get_or_create(labels).dec();
        self.duration.get_or_create(labels).inc_by(seconds);
    }
}

impl Actor for Metrics {
    type Context = Context<Self>;
}

/// What happened to a recording, for the metrics.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Reported {
    /// Where.
    pub backend: BackendId,
    /// To which recording.
    pub id: RecordingId,
    /// What.
    pub report: Report,
}

impl Handler<Reported> for Metrics {
    type Result = ();

    fn handle(&mut self, reported: Reported, _: &mut Context<Self>) {
        let Reported { backend, id, report } = reported;
        let labels = Labels { backend: backend.to_string() };
        if report == Report::Started {
            self.start(id, &backend);
        } else if let Some(current) = self.current_recordings.get_mut(&id) {
            match report {
                Report::Failed if std::mem::replace(&mut current.failed, true) => {}
                Report::Failed => drop(self.failed.get_or_create(&labels).inc()),
                Report::UploadFailed => drop(self.uploads_failed.get_or_create(&labels).inc()),
                Report::Finished { seconds } => self.finish(id, &labels, seconds),
                Report::Started
                | Report::Rejected(_)
                | Report::Rolling
                | Report::Ended(_)
                | Report::Recovered
                | Report::DeliveredLate
                | Report::Sign { .. }
                | Report::Encoding { .. } => {}
            }
        }
    }
}

/// How the text shall be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text format 0.0.4, which everything understands.
    Classic,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

/// Asks for the text of `/metrics`.
#[derive(Debug, Message)]
#[rtype(result = "Result<String, fmt::Error>")]
pub struct Scrape {
    /// How it shall be written.
    pub format: Format,
}

impl Handler<Scrape> for Metrics {
    type Result = Result<String, fmt::Error>;

    fn handle(&mut self, scrape: Scrape, _: &mut Context<Self>) -> Self::Result {
        let mut open_metrics = String::new();
        text::encode(&mut open_metrics, &self.registry)?;
        Ok(match scrape.format {
            Format::OpenMetrics => open_metrics,
            Format::Classic => exposition::to_classic(&open_metrics),
        })
    }
}

#[cfg(test)]
mod tests;
