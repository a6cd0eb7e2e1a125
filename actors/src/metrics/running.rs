//! What running recordings say of themselves: signs that they may be of nothing, and how their encoders keep up.

use std::collections::HashMap;

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::series::{Each, Labels, Passing, Real, Shown, family, labels};
use crate::{
    ids::{BackendId, RecordingId},
    recording::Sign,
};

/// The families.
pub(super) struct Families {
    signs: Family<Labels, Gauge>,
    signs_seen: Family<Labels, Counter>,
    speed: Family<Labels, Real>,
    dropped: Family<Labels, Counter>,
}

impl Families {
    pub(super) fn register(registry: &mut Registry) -> Self {
        Self {
            signs: family(
                registry,
                "recordings_signs",
                "Running recordings that may be of nothing, by the sign that they show now",
                None,
            ),
            signs_seen: family(registry, "signs", "Signs that a recording may be of nothing", None),
            speed: family(
                registry,
                "encoder_speed_lowest",
                "Seconds of media a second of the slowest running encoder, below 1 it falls behind",
                None,
            ),
            dropped: family(registry, "encoder_dropped_frames", "Frames that encoders dropped", None),
        }
    }
}

/// What one recording said last.
#[derive(Default)]
struct Said {
    signs: Vec<Sign>,
    speed: Option<f64>,
    dropped_frames: u64,
}

/// The running recordings of one backend.
pub(super) struct RunningOnes {
    said: HashMap<RecordingId, Said>,
    signs: Each<Sign, Gauge>,
    signs_seen: Each<Sign, Counter>,
    speed: Passing,
    dropped: Counter,
}

impl RunningOnes {
    pub(super) fn new(families: &Families, backend: &BackendId, shown: Shown) -> Self {
        Self {
            said: HashMap::new(),
            signs: Each::new(&families.signs, backend, "sign", &Sign::ALL, Sign::name, shown),
            signs_seen: Each::new(&families.signs_seen, backend, "sign", &Sign::ALL, Sign::name, shown),
            speed: Passing::new(&families.speed, backend),
            dropped: families.dropped.get_or_create_owned(&labels(backend)),
        }
    }

    /// A recording begins or ceases to show a sign.
    pub(super) fn sign(&mut self, id: RecordingId, sign: Sign, seen: bool) {
        let signs = &mut self.said.entry(id).or_default().signs;
        if seen == signs.contains(&sign) {
            return;
        }
        if seen {
            signs.push(sign);
            self.signs.grow(sign);
            self.signs_seen.count(sign);
        } else {
            signs.retain(|shown| *shown != sign);
            self.signs.shrink(sign);
        }
    }

    /// How the encoder of a recording keeps up; `dropped_frames` counts from its beginning.
    pub(super) fn encoding(&mut self, id: RecordingId, speed: f64, dropped_frames: u64) {
        let said = self.said.entry(id).or_default();
        self.dropped.inc_by(dropped_frames.saturating_sub(said.dropped_frames));
        said.dropped_frames = said.dropped_frames.max(dropped_frames);
        said.speed = speed.is_finite().then_some(speed);
        self.show_speed();
    }

    /// A recording runs no more.
    pub(super) fn end(&mut self, id: RecordingId) {
        let Some(said) = self.said.remove(&id) else { return };
        for sign in said.signs {
            self.signs.shrink(sign);
        }
        self.show_speed();
    }

    /// None runs any more.
    pub(super) fn end_all(&mut self) {
        let running: Vec<RecordingId> = self.said.keys().copied().collect();
        for id in running {
            self.end(id);
        }
    }

    fn show_speed(&mut self) {
        self.speed.set(self.said.values().filter_map(|said| said.speed).min_by(f64::total_cmp));
    }
}
