//! Where the recordings of a backend stand: a picture of its spool, told anew by each recorder that begins.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use prometheus_client::{
    metrics::{family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use super::series::{Each, Labels, Passing, Real, Shown, family};
use crate::{
    ids::{BackendId, RecordingId},
    recording::{Phase, Recording},
};

/// Where a recording stands, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The engine is coming up.
    Starting,
    /// Frames are being written.
    Recording,
    /// The engine is sealing the media.
    Stopping,
    /// Media that was cut off is being made whole.
    Salvaging,
    /// In its first round of upload tries.
    Uploading,
    /// Refused for now; it is tried again.
    Waiting,
    /// Not tried again until somebody asks for it.
    Parked,
}

impl State {
    /// All of them, so that each has a series from the start.
    pub const ALL: [Self; 7] = [
        Self::Starting,
        Self::Recording,
        Self::Stopping,
        Self::Salvaging,
        Self::Uploading,
        Self::Waiting,
        Self::Parked,
    ];

    /// One word for the metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Recording => "recording",
            Self::Stopping => "stopping",
            Self::Salvaging => "salvaging",
            Self::Uploading => "uploading",
            Self::Waiting => "waiting",
            Self::Parked => "parked",
        }
    }

    fn of(recording: &Recording) -> Option<Self> {
        match recording.phase {
            Phase::Starting => Some(Self::Starting),
            Phase::Recording => Some(Self::Recording),
            Phase::Stopping => Some(Self::Stopping),
            Phase::Salvaging => Some(Self::Salvaging),
            Phase::Uploading if recording.rounds_failed > 0 => Some(Self::Waiting),
            Phase::Uploading => Some(Self::Uploading),
            Phase::Parked { .. } => Some(Self::Parked),
            Phase::Closed(_) => None,
        }
    }
}

/// Where a recording stands, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Where.
    pub state: State,
    /// When its start was accepted.
    pub accepted_at: Timestamp,
    /// Since when it is to be uploaded, where it is.
    pub upload_since: Option<Timestamp>,
}

impl Standing {
    /// Where a recording stands; nowhere once it is closed.
    pub fn of(recording: &Recording) -> Option<Self> {
        let state = State::of(recording)?;
        Some(Self { state, accepted_at: recording.accepted_at, upload_since: recording.upload_since })
    }

    /// Whether the engine is at work.
    pub(super) fn is_live(&self) -> bool {
        matches!(self.state, State::Starting | State::Recording | State::Stopping)
    }

    fn tried_since(&self) -> Option<Timestamp> {
        let is_tried = matches!(self.state, State::Uploading | State::Waiting);
        is_tried.then_some(self.upload_since.unwrap_or(self.accepted_at))
    }
}

/// The families.
pub(super) struct Families {
    states: Family<Labels, Gauge>,
    oldest: Family<Labels, Real>,
    oldest_upload: Family<Labels, Real>,
}

impl Families {
    pub(super) fn register(registry: &mut Registry) -> Self {
        Self {
            states: family(
                registry,
                "recordings_state",
                "Recordings in the spool, by where they stand",
                None,
            ),
            oldest: family(
                registry,
                "recordings_oldest_timestamp",
                "When the oldest of the running recordings was started",
                Some(Unit::Seconds),
            ),
            oldest_upload: family(
                registry,
                "upload_oldest_timestamp",
                "Since when the file that waits longest is to be uploaded; what is parked does not count",
                Some(Unit::Seconds),
            ),
        }
    }
}

/// The standings of one backend.
pub(super) struct Standings {
    recordings: HashMap<RecordingId, Standing>,
    live: BTreeSet<(Timestamp, RecordingId)>,
    waiting: BTreeSet<(Timestamp, RecordingId)>,
    states: Each<State, Gauge>,
    oldest: Passing,
    oldest_upload: Passing,
}

impl Standings {
    pub(super) fn new(families: &Families, backend: &BackendId, shown: Shown) -> Self {
        Self {
            recordings: HashMap::new(),
            live: BTreeSet::new(),
            waiting: BTreeSet::new(),
            states: Each::new(&families.states, backend, "state", &State::ALL, State::name, shown),
            oldest: Passing::new(&families.oldest, backend),
            oldest_upload: Passing::new(&families.oldest_upload, backend),
        }
    }

    pub(super) fn is_live(&self, id: RecordingId) -> bool {
        self.recordings.get(&id).is_some_and(Standing::is_live)
    }

    /// These recordings are there, and no others.
    pub(super) fn replace(&mut self, recordings: Vec<(RecordingId, Standing)>) {
        let gone: Vec<RecordingId> = self.recordings.keys().copied().collect();
        for id in gone {
            self.remove(id);
        }
        for (id, standing) in recordings {
            self.insert(id, standing);
        }
        self.show_oldest();
    }

    /// A recording stands here now, or nowhere any more.
    pub(super) fn set(&mut self, id: RecordingId, standing: Option<Standing>) {
        self.remove(id);
        if let Some(standing) = standing {
            self.insert(id, standing);
        }
        self.show_oldest();
    }

    fn insert(&mut self, id: RecordingId, standing: Standing) {
        self.states.grow(standing.state);
        if standing.is_live() {
            self.live.insert((standing.accepted_at, id));
        }
        if let Some(since) = standing.tried_since() {
            self.waiting.insert((since, id));
        }
        self.recordings.insert(id, standing);
    }

    fn remove(&mut self, id: RecordingId) {
        let Some(standing) = self.recordings.remove(&id) else { return };
        self.states.shrink(standing.state);
        self.live.remove(&(standing.accepted_at, id));
        if let Some(since) = standing.tried_since() {
            self.waiting.remove(&(since, id));
        }
    }

    fn show_oldest(&mut self) {
        let first = |of: &BTreeSet<(Timestamp, RecordingId)>| of.first().map(|(since, _)| seconds(*since));
        self.oldest.set(first(&self.live));
        self.oldest_upload.set(first(&self.waiting));
    }
}

/// As Prometheus writes points in time.
pub(super) fn seconds(timestamp: Timestamp) -> f64 {
    timestamp.as_duration().as_secs_f64()
}
