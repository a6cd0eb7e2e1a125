//! What is left for more recordings: places, and room on the disks.

use std::{
    collections::BTreeMap,
    fmt,
    path::PathBuf,
    sync::{Arc, atomic::AtomicU64},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet},
    metrics::{MetricType, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};
use rustix::fs::statvfs;
use tokio::sync::Semaphore;

use super::process::whole;
use crate::config::Current;

type Real = Gauge<f64, AtomicU64>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Directory {
    directory: String,
}

/// How long a recording may be, if it is begun now; no series where that is not limited.
#[derive(Debug)]
pub(super) struct MaxLength(Current);

impl MaxLength {
    pub(super) fn of(config: Current) -> Self {
        Self(config)
    }
}

impl Collector for MaxLength {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let Some(limit) = self.0.get().limits.max_length else { return Ok(()) };
        let help = "How long a recording may be.";
        let unit = Some(&Unit::Seconds);
        let name = "recording_recordings_max_length";
        let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        family.encode_gauge(&limit.as_secs_f64())
    }
}

/// How much of each resource is in use, from 0 to 1: for autoscalers. The places are counted when somebody scrapes.
#[derive(Debug)]
pub(super) struct Load {
    free: Arc<Semaphore>,
    all: usize,
    /// As the last look at the disks found it.
    disk: Real,
}

impl Load {
    pub(super) fn new(free: Arc<Semaphore>, all: usize, disk: Real) -> Self {
        Self { free, all, disk }
    }
}

impl Collector for Load {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let used = self.all.saturating_sub(self.free.available_permits());
        let shares = [("slots", share(used as u64, self.all as u64)), ("disk", self.disk.get())];
        let help = "Share of a resource that is in use, at 1 no further recording can begin.";
        let mut family = encoder.encode_descriptor("recording_load_ratio", help, None, MetricType::Gauge)?;
        for (resource, share) in shares {
            family.encode_family(&[("resource", resource)])?.encode_gauge(&share)?;
        }
        Ok(())
    }
}

/// The disks of the spools.
pub(super) struct Disks {
    config: Current,
    free: Family<Directory, Gauge>,
    reserve: Family<Directory, Gauge>,
    /// A spool that was opened once stays open.
    directories: BTreeMap<PathBuf, (Gauge, Gauge)>,
    load: Real,
}

impl Disks {
    pub(super) fn register(registry: &mut Registry, config: Current) -> Self {
        let (free, reserve) = (Family::<Directory, Gauge>::default(), Family::<Directory, Gauge>::default());
        registry.register_with_unit(
            "recording_spool_free",
            "Room on the disk of a spool directory",
            Unit::Bytes,
            free.clone(),
        );
        registry.register_with_unit(
            "recording_spool_reserve",
            "Room that must be free on that disk before a recording begins",
            Unit::Bytes,
            reserve.clone(),
        );
        Self { config, free, reserve, directories: BTreeMap::new(), load: Real::default() }
    }

    /// How full the fullest disk is.
    pub(super) fn load(&self) -> Real {
        self.load.clone()
    }

    /// The fullest disk makes the load. One that cannot be looked at keeps its last value.
    pub(super) fn look(&mut self) {
        let config = self.config.get();
        for directory in config.backends.directories() {
            if !self.directories.contains_key(directory) {
                let labels = Directory { directory: directory.display().to_string() };
                let gauges =
                    (self.free.get_or_create_owned(&labels), self.reserve.get_or_create_owned(&labels));
                self.directories.insert(directory.to_owned(), gauges);
            }
        }
        let mut load = 0.0_f64;
        for (directory, (free, reserve)) in &self.directories {
            reserve.set(whole(config.reserve));
            let Ok(disk) = statvfs(directory) else { continue };
            let room = disk.f_bavail.saturating_mul(disk.f_frsize);
            free.set(whole(room));
            load = load.max(fullness(room, disk.f_blocks.saturating_mul(disk.f_frsize), config.reserve));
        }
        self.load.set(load);
    }
}

/// How full a disk is of which a part must stay free.
fn fullness(free: u64, size: u64, reserve: u64) -> f64 {
    1.0 - share(free.saturating_sub(reserve), size.saturating_sub(reserve))
}

/// A part of a whole; nothing of nothing.
fn share(part: u64, all: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a ratio needs no more than 15 digits")]
    let share = if all == 0 { 0.0 } else { part as f64 / all as f64 };
    share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_full_when_only_the_reserve_is_left() {
        let full = |free, size, reserve| format!("{:.2}", fullness(free, size, reserve));
        assert_eq!(full(100, 100, 0), "0.00");
        assert_eq!(full(55, 100, 10), "0.50");
        assert_eq!(full(10, 100, 10), "1.00");
        assert_eq!(full(3, 100, 10), "1.00");
        assert_eq!(full(3, 5, 10), "1.00", "a reserve that is larger than the disk");
    }

    #[test]
    fn each_recording_takes_its_share_of_the_places() {
        let mut registry = Registry::default();
        let slots = Arc::new(Semaphore::new(4));
        registry.register_collector(Box::new(Load::new(Arc::clone(&slots), 4, Real::default())));
        let _taken = slots.try_acquire_many(3).unwrap();
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        assert!(text.contains("recording_load_ratio{resource=\"slots\"} 0.75\n"), "{text}");
        assert!(text.contains("recording_load_ratio{resource=\"disk\"} 0.0\n"), "{text}");
    }
}
