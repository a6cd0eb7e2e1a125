//! This process, under the names that every Prometheus client uses.

use std::{fmt, sync::atomic::AtomicU64, time::Duration};

use procfs::{
    ProcResult,
    process::{LimitValue, Process as Entry},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::Gauge},
    registry::{Registry, Unit},
};
use rustix::time::{ClockId, clock_gettime};

/// CPU time: one system call, so that it is exact at each scrape.
#[derive(Debug)]
pub(super) struct CpuTime;

impl Collector for CpuTime {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let used = clock_gettime(ClockId::ProcessCPUTime);
        let used = Duration::try_from(used).unwrap_or_default();
        let counter = ConstCounter::new(used.as_secs_f64());
        let help = "User and system CPU time of this server, without its programs.";
        let unit = Some(&Unit::Seconds);
        counter.encode(encoder.encode_descriptor("process_cpu", help, unit, counter.metric_type())?)
    }
}

/// Everything else.
pub(super) struct Process {
    resident: Gauge,
    mapped: Gauge,
    open: Gauge,
    open_at_most: Gauge,
    threads: Gauge,
    start: Gauge<f64, AtomicU64>,
}

impl Process {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let process = Self {
            resident: Gauge::default(),
            mapped: Gauge::default(),
            open: Gauge::default(),
            open_at_most: Gauge::default(),
            threads: Gauge::default(),
            start: Gauge::default(),
        };
        registry.register_with_unit(
            "process_resident_memory",
            "Memory in use",
            Unit::Bytes,
            process.resident.clone(),
        );
        registry.register_with_unit(
            "process_virtual_memory",
            "Address space in use",
            Unit::Bytes,
            process.mapped.clone(),
        );
        registry.register("process_open_fds", "Open file descriptors", process.open.clone());
        registry.register(
            "process_max_fds",
            "File descriptors that may be open at a time",
            process.open_at_most.clone(),
        );
        registry.register("process_threads", "Threads", process.threads.clone());
        registry.register_with_unit(
            "process_start_time",
            "When the server was started",
            Unit::Seconds,
            process.start.clone(),
        );
        process
    }

    /// Where `/proc` cannot be read, the gauges stay as they are.
    pub(super) fn look(&self) {
        if let Err(error) = self.read() {
            log::debug!(error:%; "this process cannot be looked at");
        }
    }

    fn read(&self) -> ProcResult<()> {
        let entry = Entry::myself()?;
        let stat = entry.stat()?;
        self.resident.set(whole(stat.rss.saturating_mul(procfs::page_size())));
        self.mapped.set(whole(stat.vsize));
        self.threads.set(stat.num_threads);
        self.open.set(whole(entry.fd_count()? as u64));
        self.open_at_most.set(match entry.limits()?.max_open_files.soft_limit {
            LimitValue::Value(limit) => whole(limit),
            LimitValue::Unlimited => i64::MAX,
        });
        #[expect(clippy::cast_precision_loss, reason = "both are far below 2^52")]
        self.start.set(
            procfs::boot_time_secs()? as f64 + stat.starttime as f64 / procfs::ticks_per_second() as f64,
        );
        Ok(())
    }
}

/// Gauges are signed.
pub(super) fn whole(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_files_and_threads_and_was_started() {
        let mut registry = Registry::default();
        let process = Process::register(&mut registry);
        process.look();
        assert!(process.resident.get() > 1 << 20 && process.mapped.get() > process.resident.get());
        assert!(process.open.get() > 2 && process.open_at_most.get() >= process.open.get());
        assert!(process.threads.get() > 1, "the test runs in a thread of its own");
        assert!(process.start.get() > 1_700_000_000.0);
    }

    #[test]
    fn cpu_time_is_a_counter_of_seconds() {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(CpuTime));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix("process_cpu_seconds_total ")).unwrap();
        assert!(value.parse::<f64>().unwrap() > 0.0);
    }
}
