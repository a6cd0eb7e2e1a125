//! What came out of a churn, for people and for programs.

use std::{fmt, time::Duration};

use serde::Serialize;

use super::{
    Options,
    gauges::{Figures, Gauges},
    verdict::Verdict,
};

/// The outcome of a run.
#[derive(Debug, Serialize)]
pub struct Report {
    /// `actors` or `http`.
    pub mode: &'static str,
    /// Backends.
    pub backends: u64,
    /// Rooms.
    pub rooms: u64,
    /// The laps in order.
    pub laps: Vec<LapFigures>,
    /// From a start to its report (actors) or its answer (http).
    pub start: Figures,
    /// From a stop to its answer.
    pub stop: Figures,
    /// How long scrapes took meanwhile.
    pub scrape: Figures,
    /// What the five families say, summed over the backends.
    pub counts: Totals,
    /// Where they differ from the script; empty if every count is exact.
    pub differences: Vec<String>,
}

/// One lap.
#[derive(Debug, Clone, Serialize)]
pub struct LapFigures {
    /// Recordings.
    pub recordings: u64,
    /// How long it took until the last one was over.
    pub seconds: f64,
    /// Recordings a second as long as there were any to begin. The last ones are over some seconds later.
    pub rate: f64,
    /// Resident memory at its end, in bytes.
    pub resident_bytes: u64,
}

impl LapFigures {
    pub(super) fn new(recordings: u64, beginning: Duration, all: Duration, resident_bytes: u64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let rate = recordings as f64 / beginning.as_secs_f64();
        Self { recordings, seconds: all.as_secs_f64(), rate, resident_bytes }
    }
}

/// Sums of the five families.
#[derive(Debug, Serialize)]
pub struct Totals {
    /// `recording_recordings_current`
    pub current: f64,
    /// `recording_recordings_total`
    pub total: f64,
    /// `recording_recordings_failed_total`
    pub failed: f64,
    /// `recording_recordings_uploads_failed_total`
    pub uploads_failed: f64,
    /// `recording_recordings_duration_seconds_total`
    pub duration_seconds: f64,
}

impl Report {
    pub(super) fn new(options: &Options, laps: Vec<LapFigures>, gauges: &Gauges, verdict: Verdict) -> Self {
        let Verdict { sum, differences } = verdict;
        Self {
            mode: if options.server.is_some() { "http" } else { "actors" },
            backends: options.backends,
            rooms: options.rooms,
            laps,
            start: gauges.start.figures(),
            stop: gauges.stop.figures(),
            scrape: gauges.scrape.figures(),
            counts: Totals {
                current: sum.current,
                total: sum.total,
                failed: sum.failed,
                uploads_failed: sum.uploads_failed,
                duration_seconds: sum.seconds,
            },
            differences,
        }
    }

    /// Whether every count is what the script says it must be.
    pub fn is_exact(&self) -> bool {
        self.differences.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "mode      {}, {} backends, {} rooms", self.mode, self.backends, self.rooms)?;
        for (number, lap) in (1..).zip(&self.laps) {
            writeln!(
                formatter,
                "lap {number}     {} recordings in {:.1} s, {:.0} a second until the last began; resident memory {:.1} MiB",
                lap.recordings,
                lap.seconds,
                lap.rate,
                mebibytes(lap.resident_bytes),
            )?;
        }
        if let [.., before, last] = &self.laps[..] {
            let growth = mebibytes(last.resident_bytes) - mebibytes(before.resident_bytes);
            writeln!(formatter, "memory    {growth:+.1} MiB in the last lap")?;
        }
        for (name, figures) in [("start", &self.start), ("stop", &self.stop), ("scrape", &self.scrape)] {
            let Figures { count, p50_ms, p99_ms, max_ms } = figures;
            writeln!(
                formatter,
                "{name:9} {count} times: p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms, max {max_ms:.2} ms"
            )?;
        }
        let Totals { current, total, failed, uploads_failed, duration_seconds } = &self.counts;
        writeln!(
            formatter,
            "counts    current {current}, total {total}, failed {failed}, uploads failed {uploads_failed}, \
             duration {duration_seconds} s"
        )?;
        if self.is_exact() {
            return write!(formatter, "exact     every count of every backend is what the script says");
        }
        write!(formatter, "NOT exact:\n  {}", self.differences.join("\n  "))
    }
}

fn mebibytes(bytes: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    mebibytes
}
