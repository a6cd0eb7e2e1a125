//! What is measured while it churns: latencies in histograms of a fixed size, and memory.

use std::{cell::RefCell, time::Duration};

use hdrhistogram::Histogram;
use procfs::process::Process;
use serde::Serialize;

/// Latencies are kept in microseconds with three digits.
const DIGITS: u8 = 3;

/// Everything measured so far.
pub(super) struct Gauges {
    pub(super) start: Latencies,
    pub(super) stop: Latencies,
    pub(super) scrape: Latencies,
}

/// One kind of latency.
pub(super) struct Latencies(RefCell<Histogram<u64>>);

/// The figures of a kind of latency, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Figures {
    /// How many were measured.
    pub count: u64,
    /// Half of them took no longer.
    pub p50_ms: f64,
    /// 99 of 100 took no longer.
    pub p99_ms: f64,
    /// None took longer.
    pub max_ms: f64,
}

impl Default for Gauges {
    fn default() -> Self {
        let latencies = || Latencies(RefCell::new(histogram()));
        Self { start: latencies(), stop: latencies(), scrape: latencies() }
    }
}

/// From a microsecond to ten minutes.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 600_000_000, DIGITS).expect("the bounds and the digits are in order")
}

impl Latencies {
    pub(super) fn note(&self, latency: Duration) {
        let microseconds = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.0.borrow_mut().saturating_record(microseconds.max(1));
    }

    pub(super) fn figures(&self) -> Figures {
        let histogram = self.0.borrow();
        #[expect(clippy::cast_precision_loss, reason = "latencies are short")]
        let milliseconds = |microseconds: u64| microseconds as f64 / 1000.0;
        Figures {
            count: histogram.len(),
            p50_ms: milliseconds(histogram.value_at_quantile(0.5)),
            p99_ms: milliseconds(histogram.value_at_quantile(0.99)),
            max_ms: milliseconds(histogram.max()),
        }
    }
}

/// Resident memory of a process in bytes; 0 where it cannot be read.
pub(super) fn resident_memory(pid: u32) -> u64 {
    let process = i32::try_from(pid).ok().and_then(|pid| Process::new(pid).ok());
    let pages = process.and_then(|process| process.statm().ok()).map_or(0, |memory| memory.resident);
    pages * procfs::page_size()
}
