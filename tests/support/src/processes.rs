//! Processes that belong to a server: those that carry its marker, and their descendants.
//!
//! The marker is the path of the scene's directory. Every program that a server starts has it in its environment, as a part of
//! its home, or in its command line; Chromium wipes the environment of its processes.

use std::{
    collections::HashSet,
    fs,
    os::unix::net::UnixStream,
    path::Path,
    time::{Duration, Instant},
};

use procfs::process::all_processes;

/// A running process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// Its command line.
    pub command: String,
    /// CPU time that it has used, in ticks.
    pub ticks: u64,
    parent: i32,
    is_ours: bool,
}

/// Every process with this marker and its descendants, except for dead ones that nobody has waited for.
pub fn carrying(marker: &str) -> Vec<Process> {
    let mut processes = look_at_all(marker);
    let mut ours: HashSet<i32> =
        processes.iter().filter(|process| process.is_ours).map(|process| process.pid).collect();
    loop {
        let known = ours.len();
        ours.extend(
            processes
                .iter()
                .filter(|process| ours.contains(&process.parent))
                .map(|process| process.pid)
                .collect::<Vec<_>>(),
        );
        if ours.len() == known {
            break;
        }
    }
    processes.retain(|process| ours.contains(&process.pid));
    processes
}

/// Waits until no process carries the marker; returns those that still do after `limit`.
pub fn wait_until_gone(marker: &str, limit: Duration) -> Vec<Process> {
    #[expect(clippy::disallowed_methods, reason = "this waits for other processes, outside of any runtime")]
    let (begun, pause) = (Instant::now(), || std::thread::sleep(Duration::from_millis(50)));
    loop {
        let left = carrying(marker);
        if left.is_empty() || begun.elapsed() > limit {
            return left;
        }
        pause();
    }
}

/// What dead X displays have left in the directory for temporary files: locks and sockets. Living ones may be somebody
/// else's.
pub fn displays() -> Vec<String> {
    let list = |directory: &str| {
        let entries = fs::read_dir(directory).into_iter().flatten();
        entries.filter_map(|entry| Some(entry.ok()?.path())).collect::<Vec<_>>()
    };
    let is_lock = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with(".X") && name.ends_with("-lock")
    };
    let holder_lives = |lock: &Path| {
        let holder = fs::read_to_string(lock).unwrap_or_default();
        holder.trim().parse::<u32>().is_ok_and(|pid| Path::new(&format!("/proc/{pid}")).exists())
    };
    let mut left = list("/tmp/.X11-unix");
    left.retain(|socket| UnixStream::connect(socket).is_err());
    left.extend(list("/tmp").into_iter().filter(|path| is_lock(path) && !holder_lives(path)));
    left.sort();
    left.iter().map(|path| path.display().to_string()).collect()
}

fn look_at_all(marker: &str) -> Vec<Process> {
    let Ok(processes) = all_processes() else { return Vec::new() };
    processes.filter_map(|process| look_at(&process.ok()?, marker)).collect()
}

/// A process, unless it is gone or dead.
fn look_at(process: &procfs::process::Process, marker: &str) -> Option<Process> {
    let stat = process.stat().ok().filter(|stat| stat.state != 'Z')?;
    let command = process.cmdline().ok()?.join(" ");
    let environment = fs::read(format!("/proc/{}/environ", stat.pid)).unwrap_or_default();
    let is_ours = command.contains(marker) || String::from_utf8_lossy(&environment).contains(marker);
    Some(Process { pid: stat.pid, command, ticks: stat.utime + stat.stime, parent: stat.ppid, is_ours })
}
