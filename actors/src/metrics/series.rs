//! What the parts of the registry have in common: labels, and series that come in closed sets or come and go.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    metrics::{
        counter::Counter,
        family::{Family, MetricConstructor},
        gauge::Gauge,
    },
    registry::{Metric, Registry, Unit},
};

use crate::ids::BackendId;

/// The labels of a series: `backend`, and for some families one more with few values.
pub(super) type Labels = Vec<(&'static str, String)>;

/// A gauge of seconds, or of anything else that is no whole number.
pub(super) type Real = Gauge<f64, AtomicU64>;

/// The label of a backend.
pub(super) fn labels(backend: &BackendId) -> Labels {
    vec![("backend", backend.to_string())]
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

/// One series for each word of a closed set: all of them exist from the start.
pub(super) struct Each<K, M>(Vec<(K, M)>);

impl<K: Copy + PartialEq, M: Clone> Each<K, M> {
    pub(super) fn new<C: MetricConstructor<M>>(
        family: &Family<Labels, M, C>,
        backend: &BackendId,
        label: &'static str,
        words: &[K],
        name: impl Fn(K) -> &'static str,
    ) -> Self {
        let series = words.iter().map(|word| {
            let labels = vec![("backend", backend.to_string()), (label, name(*word).to_owned())];
            (*word, family.get_or_create_owned(&labels))
        });
        Self(series.collect())
    }

    /// The series of a word; there is one for each that `new` was given.
    fn of(&self, word: K) -> Option<&M> {
        self.0.iter().find(|(known, _)| *known == word).map(|(_, series)| series)
    }
}

impl<K: Copy + PartialEq> Each<K, Counter> {
    pub(super) fn count(&self, word: K) {
        if let Some(counter) = self.of(word) {
            counter.inc();
        }
    }
}

impl<K: Copy + PartialEq> Each<K, Gauge> {
    pub(super) fn grow(&self, word: K) {
        if let Some(gauge) = self.of(word) {
            gauge.inc();
        }
    }

    pub(super) fn shrink(&self, word: K) {
        if let Some(gauge) = self.of(word) {
            gauge.dec();
        }
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
