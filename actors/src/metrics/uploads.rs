//! What becomes of upload tries, and when one succeeded last.

use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::{
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::{
    series::{Each, Labels, Passing, Real, Shown, family, labels, register},
    standings::seconds,
};
use crate::{ids::BackendId, ports::Refusal};

/// Bounds for the time that a successful upload takes: a few megabytes in a house, gigabytes through a thin line.
const UPLOAD_BOUNDS: [f64; 8] = [0.5, 2.5, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0];

/// What became of an upload try, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nextcloud has the file.
    Stored,
    /// No connection, or an error that may pass.
    Transient,
    /// Nextcloud asked to be left alone for a while.
    Busy,
    /// The file was sent and no answer came.
    Unanswered,
    /// The file went over a limit.
    Limit,
    /// Refused for good.
    Refused,
}

impl Outcome {
    /// All of them, so that each has a series from the start.
    pub const ALL: [Self; 6] =
        [Self::Stored, Self::Transient, Self::Busy, Self::Unanswered, Self::Limit, Self::Refused];

    /// What the answer of a backend means.
    pub fn of(answer: &Result<(), Refusal>) -> Self {
        match answer {
            Ok(()) => Self::Stored,
            Err(Refusal::Transient(_)) => Self::Transient,
            Err(Refusal::Busy { .. }) => Self::Busy,
            Err(Refusal::Unanswered(_)) => Self::Unanswered,
            Err(Refusal::Limit(_)) => Self::Limit,
            Err(Refusal::RoomUnknown(_) | Refusal::Permanent(_)) => Self::Refused,
        }
    }

    /// One word for the metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Transient => "transient",
            Self::Busy => "busy",
            Self::Unanswered => "unanswered",
            Self::Limit => "limit",
            Self::Refused => "refused",
        }
    }
}

/// The families.
pub(super) struct Families {
    attempts: Family<Labels, Counter>,
    bytes: Family<Labels, Counter>,
    duration: Family<Labels, Histogram, fn() -> Histogram>,
    last_success: Family<Labels, Real>,
}

impl Families {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let families = Self {
            attempts: family(registry, "upload_attempts", "Upload tries, by what became of them", None),
            bytes: family(registry, "upload", "Media that was stored in Nextcloud", Some(Unit::Bytes)),
            duration: Family::new_with_constructor(|| Histogram::new(UPLOAD_BOUNDS)),
            last_success: family(
                registry,
                "last_success_timestamp",
                "When a recording was stored in Nextcloud for the last time",
                Some(Unit::Seconds),
            ),
        };
        register(
            registry,
            "upload_duration",
            "Time that the upload tries took that succeeded",
            Some(Unit::Seconds),
            families.duration.clone(),
        );
        families
    }
}

/// The uploads of one backend.
pub(super) struct Uploads {
    attempts: Each<Outcome, Counter>,
    bytes: Counter,
    duration: Histogram,
    last_success: Passing,
}

impl Uploads {
    pub(super) fn new(families: &Families, backend: &BackendId, shown: Shown) -> Self {
        let labels = labels(backend);
        Self {
            attempts: Each::new(&families.attempts, backend, "outcome", &Outcome::ALL, Outcome::name, shown),
            bytes: families.bytes.get_or_create_owned(&labels),
            duration: families.duration.get_or_create_owned(&labels),
            last_success: Passing::new(&families.last_success, backend),
        }
    }

    /// A try is over.
    pub(super) fn tried(&mut self, outcome: Outcome, took: Duration, bytes: u64) {
        self.attempts.count(outcome);
        if outcome == Outcome::Stored {
            self.bytes.inc_by(bytes);
            self.duration.observe(took.as_secs_f64());
            self.last_success.set(Some(seconds(Timestamp::now())));
        }
    }
}
