//! The programs of the recordings: all descendants of this process, by kind.
//!
//! A program's kind is told from its name; what a program starts is of its kind, whatever it is called: browsers
//! name their processes as they like. What a program used between the last look at it and its end is not counted.

use std::{collections::HashMap, sync::atomic::AtomicU64};

use procfs::process::all_processes;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use super::process::whole;

/// What a program is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The page of the call is open in it; its driver, too.
    Browser,
    Encoder,
    Display,
    Sound,
}

const KINDS: [Kind; 4] = [Kind::Browser, Kind::Encoder, Kind::Display, Kind::Sound];

impl Kind {
    /// By the beginning of the program's name.
    fn of(name: &str) -> Option<Self> {
        let known = [
            ("chrom", Self::Browser),
            ("firefox", Self::Browser),
            ("ffmpeg", Self::Encoder),
            ("ffprobe", Self::Encoder),
            ("Xvfb", Self::Display),
            ("pulseaudio", Self::Sound),
        ];
        known.iter().find(|(beginning, _)| name.starts_with(beginning)).map(|(_, kind)| *kind)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Encoder => "encoder",
            Self::Display => "display",
            Self::Sound => "sound",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    kind: &'static str,
}

/// A process as it was seen.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    pid: i32,
    parent: i32,
    name: String,
    /// Number and birth together name a process for good.
    born: u64,
    cpu_ticks: u64,
    resident: u64,
}

/// The families, and what was seen last.
pub(super) struct Programs {
    running: Family<Labels, Gauge>,
    cpu: Family<Labels, Counter<f64, AtomicU64>>,
    resident: Family<Labels, Gauge>,
    known: HashMap<(i32, u64), u64>,
}

impl Programs {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let programs = Self {
            running: Family::default(),
            cpu: Family::default(),
            resident: Family::default(),
            known: HashMap::new(),
        };
        registry.register(
            "recording_programs",
            "Processes of the programs that record, by kind",
            programs.running.clone(),
        );
        registry.register_with_unit(
            "recording_programs_cpu",
            "User and system CPU time of the programs that record, by kind",
            Unit::Seconds,
            programs.cpu.clone(),
        );
        registry.register_with_unit(
            "recording_programs_resident_memory",
            "Memory of the programs that record, by kind, where shared pages count several times",
            Unit::Bytes,
            programs.resident.clone(),
        );
        programs
    }

    pub(super) fn look(&mut self) {
        let Ok(own) = i32::try_from(std::process::id()) else { return };
        self.take(&descendants(own, processes()));
    }

    fn take(&mut self, seen: &[(Kind, Seen)]) {
        let known = std::mem::take(&mut self.known);
        for kind in KINDS {
            let (mut running, mut resident, mut ticks) = (0, 0, 0);
            for (_, process) in seen.iter().filter(|(found, _)| *found == kind) {
                let name = (process.pid, process.born);
                running += 1;
                resident += process.resident;
                ticks += process.cpu_ticks.saturating_sub(known.get(&name).copied().unwrap_or_default());
                self.known.insert(name, process.cpu_ticks);
            }
            let labels = Labels { kind: kind.name() };
            self.running.get_or_create(&labels).set(running);
            self.resident.get_or_create(&labels).set(whole(resident));
            #[expect(clippy::cast_precision_loss, reason = "programs use far fewer than 2^52 ticks")]
            self.cpu.get_or_create(&labels).inc_by(ticks as f64 / procfs::ticks_per_second() as f64);
        }
    }
}

/// All processes that can be seen. One that ends meanwhile is left out.
fn processes() -> Vec<Seen> {
    let Ok(processes) = all_processes() else { return Vec::new() };
    let stats = processes.filter_map(|process| process.ok()?.stat().ok());
    stats
        .map(|stat| Seen {
            pid: stat.pid,
            parent: stat.ppid,
            born: stat.starttime,
            cpu_ticks: stat.utime + stat.stime,
            resident: stat.rss.saturating_mul(procfs::page_size()),
            name: stat.comm,
        })
        .collect()
}

/// What descends from a process and has a kind.
fn descendants(own: i32, processes: Vec<Seen>) -> Vec<(Kind, Seen)> {
    let mut children: HashMap<i32, Vec<Seen>> = HashMap::new();
    for process in processes {
        children.entry(process.parent).or_default().push(process);
    }
    let mut found = Vec::new();
    let mut parents = vec![(own, None)];
    while let Some((parent, inherited)) = parents.pop() {
        for process in children.remove(&parent).unwrap_or_default() {
            let kind = Kind::of(&process.name).or(inherited);
            parents.push((process.pid, kind));
            found.extend(kind.map(|kind| (kind, process)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(pid: i32, parent: i32, name: &str, cpu_ticks: u64) -> Seen {
        Seen { pid, parent, name: name.to_owned(), born: 7, cpu_ticks, resident: 4096 }
    }

    fn kinds(found: &[(Kind, Seen)]) -> Vec<(&'static str, i32)> {
        let mut kinds: Vec<_> = found.iter().map(|(kind, process)| (kind.name(), process.pid)).collect();
        kinds.sort_unstable();
        kinds
    }

    #[test]
    fn descendants_are_of_their_own_kind_or_of_that_of_their_parent() {
        let processes = vec![
            seen(13, 12, "Isolated Web Co", 0),
            seen(12, 1, "firefox-esr", 0),
            seen(14, 1, "ffmpeg", 0),
            seen(15, 1, "Xvfb", 0),
            seen(16, 1, "pulseaudio", 0),
            seen(17, 1, "sh", 0),
            seen(18, 17, "chromedriver", 0),
            seen(19, 2, "ffmpeg", 0),
        ];
        let expected = [
            ("browser", 12),
            ("browser", 13),
            ("browser", 18),
            ("display", 15),
            ("encoder", 14),
            ("sound", 16),
        ];
        assert_eq!(
            kinds(&descendants(1, processes)),
            expected,
            "a shell has no kind, another's child is not ours"
        );
    }

    #[test]
    fn a_process_that_is_its_own_ancestor_ends_the_search() {
        assert_eq!(descendants(1, vec![seen(1, 1, "ffmpeg", 0)]).len(), 1);
    }

    #[test]
    fn cpu_time_never_goes_down_though_programs_end() {
        let mut programs = Programs::register(&mut Registry::default());
        let second = procfs::ticks_per_second();
        let encoder = |pid, seconds| (Kind::Encoder, seen(pid, 1, "ffmpeg", seconds * second));
        let cpu = |programs: &Programs| programs.cpu.get_or_create(&Labels { kind: "encoder" }).get();
        programs.take(&[encoder(10, 3)]);
        programs.take(&[encoder(10, 5), encoder(11, 1)]);
        assert_eq!(cpu(&programs).to_string(), "6");
        programs.take(&[]);
        assert_eq!(cpu(&programs).to_string(), "6");
        assert_eq!(programs.running.get_or_create(&Labels { kind: "encoder" }).get(), 0);
        programs.take(&[(Kind::Encoder, Seen { born: 8, ..seen(10, 1, "ffmpeg", 2 * second) })]);
        assert_eq!(cpu(&programs).to_string(), "8", "the number is used again by another process");
    }

    #[test]
    fn a_child_of_this_process_is_seen() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let own = i32::try_from(std::process::id()).unwrap();
        let found = processes()
            .into_iter()
            .any(|process| process.parent == own && process.pid.unsigned_abs() == child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found);
    }
}
