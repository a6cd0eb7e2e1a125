//! What the parts of the registry have in common: labels, and series that come in closed sets or come and go.

use std::{fmt, sync::atomic::AtomicU64};

use prometheus_client::{
    encoding::{EncodeLabel, EncodeLabelSet, LabelSetEncoder},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Metric, Registry, Unit},
};

use crate::ids::BackendId;

/// The labels of a series: `backend`, and for some families one more with a word of a closed set. They take no memory
/// of their own, since there may be very many.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Labels {
    backend: BackendId,
    word: Option<(&'static str, &'static str)>,
}

impl EncodeLabelSet for Labels {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        ("backend", self.backend.as_str()).encode(encoder.encode_label())?;
        self.word.map_or(Ok(()), |word| word.encode(encoder.encode_label()))
    }
}

/// A gauge of seconds, or of anything else that is no whole number.
pub(super) type Real = Gauge<f64, AtomicU64>;

/// The label of a backend.
pub(super) fn labels(backend: &BackendId) -> Labels {
    Labels { backend: backend.clone(), word: None }
}

/// Makes a family of the registry. The name of a counter gets its `_total` later, and a unit is appended.
pub(super) fn family<M>(
    registry: &mut Registry,
    name: &str,
    help: &str,
    unit: Option<Unit>,
) -> Family<Labels, M>
where
    Family<Labels, M>: Metric + Default,
{
    let family = Family::default();
    register(registry, name, help, unit, family.clone());
    family
}

/// The same for a metric that is there already.
pub(super) fn register(
    registry: &mut Registry,
    name: &str,
    help: &str,
    unit: Option<Unit>,
    metric: impl Metric,
) {
    match unit {
        Some(unit) => registry.register_with_unit(name, help, unit, metric),
        None => registry.register(name, help, metric),
    }
}

/// Which series of a closed set exist before there is anything to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// All of them.
    FromTheStart,
    /// None: there are very many backends.
    WithTheFirstNews,
}

/// One series for each word of a closed set.
pub(super) struct Each<K, M> {
    family: Family<Labels, M>,
    backend: BackendId,
    label: &'static str,
    name: fn(K) -> &'static str,
    series: Vec<(K, M)>,
}

impl<K: Copy + PartialEq, M: Clone + Default> Each<K, M> {
    pub(super) fn new(
        family: &Family<Labels, M>,
        backend: &BackendId,
        label: &'static str,
        words: &[K],
        name: fn(K) -> &'static str,
        shown: Shown,
    ) -> Self {
        let (family, backend) = (family.clone(), backend.clone());
        let mut each = Self { family, backend, label, name, series: Vec::new() };
        if shown == Shown::FromTheStart {
            for word in words {
                drop(each.of(*word));
            }
        }
        each
    }

    /// The series of a word; it exists from now on.
    fn of(&mut self, word: K) -> M {
        if let Some((_, series)) = self.series.iter().find(|(known, _)| *known == word) {
            return series.clone();
        }
        let labels = Labels { backend: self.backend.clone(), word: Some((self.label, (self.name)(word))) };
        let series = self.family.get_or_create_owned(&labels);
        self.series.push((word, series.clone()));
        series
    }
}

impl<K: Copy + PartialEq> Each<K, Counter> {
    pub(super) fn count(&mut self, word: K) {
        self.of(word).inc();
    }
}

impl<K: Copy + PartialEq> Each<K, Gauge> {
    pub(super) fn grow(&mut self, word: K) {
        self.of(word).inc();
    }

    pub(super) fn shrink(&mut self, word: K) {
        self.of(word).dec();
    }
}

/// A gauge that exists only while there is something to tell.
pub(super) struct Passing {
    family: Family<Labels, Real>,
    labels: Labels,
    shown: Option<f64>,
}

impl Passing {
    pub(super) fn new(family: &Family<Labels, Real>, backend: &BackendId) -> Self {
        Self { family: family.clone(), labels: labels(backend), shown: None }
    }

    pub(super) fn set(&mut self, value: Option<f64>) {
        if std::mem::replace(&mut self.shown, value) == value {
            return;
        }
        if let Some(value) = value {
            self.family.get_or_create(&self.labels).set(value);
        } else {
            self.family.remove(&self.labels);
        }
    }
}
