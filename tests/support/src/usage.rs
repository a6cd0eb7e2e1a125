//! What the processes of a server cost: CPU time and memory, by kind of program.

use std::collections::BTreeMap;

use procfs::{process::Process, ticks_per_second};

use crate::processes::{self, Process as Found};

/// CPU-seconds and proportional memory of one kind of program.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// User and system time since the process began.
    pub cpu_seconds: f64,
    /// Proportional set size: shared pages count once among those who share them.
    pub pss_mib: f64,
}

/// The usage of everything that carries a marker, by kind. A process that ends while it is read counts for nothing.
pub fn by_kind(marker: &str) -> BTreeMap<&'static str, Usage> {
    let mut kinds: BTreeMap<&'static str, Usage> = BTreeMap::new();
    for found in processes::carrying(marker) {
        let Some(usage) = of(&found) else { continue };
        let kind = kinds.entry(kind(&found.command)).or_default();
        kind.cpu_seconds += usage.cpu_seconds;
        kind.pss_mib += usage.pss_mib;
    }
    kinds
}

/// The resident memory of a process in MiB.
///
/// # Panics
/// When there is no such process.
pub fn resident_mib(pid: u32) -> f64 {
    let process = Process::new(pid.cast_signed()).expect("the process runs");
    let pages = process.statm().expect("its memory can be read").resident;
    #[expect(clippy::cast_precision_loss, reason = "memory is far below 2^52 bytes")]
    let mib = (pages * procfs::page_size()) as f64 / f64::from(1 << 20);
    mib
}

fn of(found: &Found) -> Option<Usage> {
    let process = Process::new(found.pid).ok()?;
    let stat = process.stat().ok()?;
    #[expect(clippy::cast_precision_loss, reason = "a process that runs for minutes has few ticks")]
    let cpu_seconds = (stat.utime + stat.stime) as f64 / ticks_per_second() as f64;
    let rollup = process.smaps_rollup().ok()?;
    let pss: u64 = rollup.memory_map_rollup.iter().filter_map(|map| map.extension.map.get("Pss")).sum();
    #[expect(clippy::cast_precision_loss, reason = "memory is far below 2^52 bytes")]
    let pss_mib = pss as f64 / f64::from(1 << 20);
    Some(Usage { cpu_seconds, pss_mib })
}

fn kind(command: &str) -> &'static str {
    let program = command.split_whitespace().next().unwrap_or_default();
    let kinds = [
        ("talk-recorder", "server"),
        ("ffmpeg", "encoder"),
        ("Xvfb", "display"),
        ("pulseaudio", "sound"),
        ("chromedriver", "driver"),
        ("firefox", "browser"),
        ("chrom", "browser"),
    ];
    let fitting = kinds.iter().find(|(part, _)| program.contains(part));
    fitting.map_or("other", |(_, kind)| kind)
}
