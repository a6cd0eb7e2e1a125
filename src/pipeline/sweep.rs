//! Removes what recordings left behind: at the start of the server what an earlier life of it left, at the end of
//! a recording what its programs left. An encoder that is just sealing its file may finish that first.
//!
//! Only what is known to be ours is touched: directories in our base whose lock nobody holds, processes that carry
//! the mark of such a directory, and the X display that such a directory names. A recording of another living server that
//! shares the base holds its lock, so that it is never touched.

use std::{
    ffi::OsStr,
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::OwnedFd,
    fs::{FlockOperation, flock},
    process::{Pid, PidfdFlags, Signal, getpid, pidfd_open, pidfd_send_signal},
};

use super::{
    display,
    scratch::{MARK, NAME_DIGITS, lock_base, lock_file},
};

/// How long an orphaned encoder may take to seal its file.
const PATIENCE_WITH_SEALING: Timespec = Timespec { tv_sec: 5, tv_nsec: 0 };

/// Removes the directories of recordings that nobody makes any more, with their processes and displays.
///
/// # Errors
/// When the base cannot be read or locked.
pub(super) fn sweep(base: &Path) -> io::Result<()> {
    let locked = lock_base(base)?;
    let unfinished = all_abandoned(base)?;
    // Nobody else who uses the base shall have to wait for an encoder.
    drop(locked);
    for (name, directory) in &unfinished {
        wait_for_sealing(name, directory);
    }
    let _base = lock_base(base)?;
    for (name, directory) in &all_abandoned(base)? {
        let ended = end_marked(name, directory);
        remove(directory);
        log::info!(directory:% = directory.display(), processes = ended; "removed what a recording had left behind");
    }
    Ok(())
}

/// The directories that belong to nobody any more, with their names.
fn all_abandoned(base: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(base)? {
        let directory = entry?.path();
        if let Some(name) = abandoned(&directory) {
            all.push((name, directory));
        }
    }
    Ok(all)
}

/// The name of a directory that has the name of a recording's and is locked by nobody.
fn abandoned(directory: &Path) -> Option<String> {
    let name = directory.file_name()?.to_str()?;
    let ours = name.len() == NAME_DIGITS && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !ours || !directory.is_dir() {
        return None;
    }
    let lock = lock_file(&directory.join("lock")).ok()?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive).ok()?;
    Some(name.to_owned())
}

/// Kills the processes that carry the mark of a recording, or of one whose id begins so, and those that have its
/// directory as an argument: Chromium wipes its environment. Says how many there were.
pub(super) fn end_marked(id: &str, directory: &Path) -> usize {
    let kill = |(_, handle): &(_, OwnedFd)| pidfd_send_signal(handle, Signal::KILL).is_ok();
    marked(id, directory).iter().filter(|process| kill(process)).count()
}

/// Waits a moment for programs that write a media file and were told to end when their server died.
fn wait_for_sealing(id: &str, directory: &Path) {
    for (process, handle) in marked(id, directory) {
        if writes_media(&process) {
            // Readable once it has ended; in any other case it is killed next.
            _ = poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&PATIENCE_WITH_SEALING));
        }
    }
}

/// The processes of a recording: their directories in `/proc`, and a handle of each.
fn marked(id: &str, directory: &Path) -> Vec<(PathBuf, OwnedFd)> {
    let mark = format!("{MARK}={id}");
    let argument = format!("={}/", directory.display());
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for process in processes.flatten() {
        let Some(pid) =
            process.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw)
        else {
            continue;
        };
        // Opened before the look at it, so that what is killed is what was looked at.
        let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else {
            continue;
        };
        if pid != getpid() && carries(&process.path(), mark.as_bytes(), argument.as_bytes()) {
            found.push((process.path(), handle));
        }
    }
    found
}

/// Whether the last argument of a process is a media file.
fn writes_media(process: &Path) -> bool {
    let arguments = fs::read(process.join("cmdline")).unwrap_or_default();
    let last = arguments.split(|byte| *byte == 0).rfind(|argument| !argument.is_empty());
    last.is_some_and(|last| Path::new(OsStr::from_bytes(last)).file_stem() == Some(OsStr::new("media")))
}

fn carries(process: &Path, mark: &[u8], argument: &[u8]) -> bool {
    let read = |name: &str| fs::read(process.join(name)).unwrap_or_default();
    read("environ").split(|byte| *byte == 0).any(|variable| variable.starts_with(mark))
        || read("cmdline").windows(argument.len()).any(|window| window == argument)
}

/// Removes the directory of a recording whose programs have been killed, and what its display left.
pub(super) fn remove(directory: &Path) {
    display::remove_remains(directory);
    // A program that is just dying may still have made a file.
    for _ in 0..3 {
        match fs::remove_dir_all(directory) {
            Ok(()) => return,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(_) => {}
        }
    }
    let left: PathBuf = directory.to_owned();
    log::warn!(directory:% = left.display(); "could not remove a runtime directory, the next start tries again");
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use actors::ids::RecordingId;

    use super::*;
    use crate::pipeline::scratch::Scratch;

    #[test]
    fn a_living_recording_is_left_alone_and_a_dead_one_is_removed_with_its_processes() {
        let base = tempfile::tempdir().unwrap();
        let living = Scratch::create(base.path(), RecordingId::random()).unwrap();
        let dead = RecordingId::random().to_string();
        fs::create_dir(base.path().join(&dead[..NAME_DIGITS])).unwrap();
        let mut orphan = Command::new("sleep").arg("60").env(MARK, &dead).spawn().unwrap();

        sweep(base.path()).unwrap();

        assert!(living.path("lock").exists());
        assert!(!base.path().join(&dead[..NAME_DIGITS]).exists());
        assert!(!orphan.wait().unwrap().success());
    }

    #[test]
    fn an_encoder_that_is_still_sealing_may_finish() {
        let base = tempfile::tempdir().unwrap();
        let dead = RecordingId::random().to_string();
        fs::create_dir(base.path().join(&dead[..NAME_DIGITS])).unwrap();
        let media = base.path().join("media.webm");
        let mut orphan = Command::new("sh")
            .args(["-c", "sleep 0.3; echo sealed > $0"])
            .arg(&media)
            .env(MARK, &dead)
            .spawn()
            .unwrap();

        sweep(base.path()).unwrap();

        assert_eq!(fs::read_to_string(&media).unwrap(), "sealed\n");
        assert!(orphan.wait().unwrap().success());
    }

    #[test]
    fn directories_of_others_are_left_alone() {
        let base = tempfile::tempdir().unwrap();
        fs::create_dir(base.path().join("somebody")).unwrap();
        sweep(base.path()).unwrap();
        assert!(base.path().join("somebody").exists());
    }
}
