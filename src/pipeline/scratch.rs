//! The directory in which the programs of one recording keep their files, and the environment they live in.
//!
//! - It is `<base>/<first digits of the recording's id>`, mode 0700, and holds a locked file `lock` for as long
//!   as the recording lives: a directory without a locked file belongs to nobody any more ([`sweep`]).
//! - The programs see nothing of the server's own environment but what they need to run; the server's may hold secrets.
//! - Each program carries the mark [`MARK`], by which what it leaves behind can be told from other people's programs.
//! - Dropping it ends everything that still carries the mark and removes the directory. That takes a while: the actors'
//!   thread has the blocking pool do it, unless a future was dropped that could not wait.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use actors::{ids::RecordingId, ports::EngineError};
use rustix::fs::{FlockOperation, flock};
use tokio::task::spawn_blocking;

use super::sweep;

/// Environment variable that every program of a recording carries; its value is the recording's id.
pub(super) const MARK: &str = "TALK_RECORDER_RECORDING";
/// So many digits of the id name the directory: sockets in it have short paths, and there are few recordings at a time.
pub(super) const NAME_DIGITS: usize = 12;
/// Unix sockets take 107 bytes; the longest one below `base` is Chromium's, with 59.
const LONGEST_BASE: usize = 48;
const STAGE: &str = "runtime directory";
/// What programs may see of the server's environment.
const SHARED_VARIABLES: [&str; 12] = [
    "PATH",
    "LANG",
    "LANGUAGE",
    "TZ",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "DRI_PRIME",
];
/// Beginnings of the names of further such variables: languages, and drivers of graphics cards.
const SHARED_PREFIXES: [&str; 8] =
    ["LC_", "LIBVA_", "VDPAU_", "CUDA_", "NVIDIA_", "ONEVPL_", "FONTCONFIG_", "MESA_"];

/// Where the directories of all recordings lie: `$RUNTIME_DIRECTORY`, which systemd makes for a service, else
/// `$XDG_RUNTIME_DIR/talk-recorder`, else `talk-recorder-<user id>` in the directory for temporary files.
pub(super) fn base_directory() -> PathBuf {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(directories) = variable("RUNTIME_DIRECTORY") {
        return std::env::split_paths(&directories).next().unwrap_or_default();
    }
    if let Some(directory) = variable("XDG_RUNTIME_DIR") {
        return Path::new(&directory).join("talk-recorder");
    }
    std::env::temp_dir().join(format!("talk-recorder-{}", rustix::process::geteuid().as_raw()))
}

/// Makes the base directory, or makes sure that nobody else can look into the one that is there.
///
/// # Errors
/// A directory that belongs to somebody else, or whose path is too long for sockets.
pub(super) fn prepare_base(base: &Path) -> Result<(), EngineError> {
    let fault = |cause: String| EngineError::new(STAGE, format!("{}: {cause}", base.display()));
    if base.as_os_str().len() > LONGEST_BASE {
        return Err(fault(format!(
            "the path is too long for sockets (at most {LONGEST_BASE} bytes): set RUNTIME_DIRECTORY to a shorter one"
        )));
    }
    match DirBuilder::new().recursive(true).mode(0o700).create(base) {
        Ok(()) => {}
        Err(error) => return Err(fault(format!("cannot be created: {error}"))),
    }
    let found = fs::symlink_metadata(base).map_err(|error| fault(error.to_string()))?;
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() {
        return Err(fault("does not belong to the user of this server: remove it".to_owned()));
    }
    if found.mode() & 0o077 != 0 {
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(base, private).map_err(|error| fault(error.to_string()))?;
    }
    Ok(())
}

/// Locks the base directory against other servers that use it, until the file is dropped.
///
/// # Errors
/// When the file cannot be opened or locked.
pub(super) fn lock_base(base: &Path) -> io::Result<File> {
    let lock = lock_file(&base.join(".lock"))?;
    flock(&lock, FlockOperation::LockExclusive)?;
    Ok(lock)
}

/// Opens, and if need be creates, a file that serves as a lock.
pub(super) fn lock_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)
}

/// The directory of one recording.
#[derive(Debug)]
pub(super) struct Scratch {
    id: RecordingId,
    directory: PathBuf,
    /// Locked while the recording lives; the kernel unlocks it even after a `kill -9`.
    _lock: File,
}

impl Scratch {
    /// Makes it on the blocking pool.
    ///
    /// # Errors
    /// What the file system said.
    pub(super) async fn begin(base: &Path, id: RecordingId) -> Result<Self, EngineError> {
        let base = base.to_owned();
        let made = spawn_blocking(move || Self::create(&base, id)).await;
        made.map_err(|error| EngineError::new(STAGE, error)).flatten()
    }

    /// Ends it on the blocking pool, and waits for that.
    pub(super) async fn end(self) {
        // Where the pool is gone it is dropped right here.
        drop(spawn_blocking(move || drop(self)).await);
    }

    /// Makes it. Nobody else sees it before it is locked. Another server that shares the base may hold this up.
    ///
    /// # Errors
    /// What the file system said.
    pub(super) fn create(base: &Path, id: RecordingId) -> Result<Self, EngineError> {
        let directory = base.join(&id.to_string()[..NAME_DIGITS]);
        let create = || {
            let _base = lock_base(base)?;
            DirBuilder::new().mode(0o700).create(&directory)?;
            let lock = lock_file(&directory.join("lock"))?;
            flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
            io::Result::Ok(lock)
        };
        match create() {
            Ok(lock) => Ok(Self { id, directory: directory.clone(), _lock: lock }),
            Err(error) => Err(EngineError::new(STAGE, format!("{}: {error}", directory.display()))),
        }
    }

    /// A file or directory in it.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Makes a directory in it.
    ///
    /// # Errors
    /// What the file system said.
    pub(super) fn subdirectory(&self, name: &str) -> Result<PathBuf, EngineError> {
        let path = self.path(name);
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => Ok(path),
            Err(error) => Err(EngineError::new(STAGE, format!("{}: {error}", path.display()))),
        }
    }

    /// Writes a file into it that only this user can read.
    ///
    /// # Errors
    /// What the file system said.
    pub(super) fn write(&self, name: &str, content: &[u8]) -> Result<PathBuf, EngineError> {
        let path = self.path(name);
        let write = || {
            let mut file =
                OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&path)?;
            io::Write::write_all(&mut file, content)
        };
        match write() {
            Ok(()) => Ok(path),
            Err(error) => Err(EngineError::new(STAGE, format!("{}: {error}", path.display()))),
        }
    }

    /// The environment of the recording's programs.
    pub(super) fn environment(&self) -> Environment {
        let mut environment = Environment { recording: self.id, variables: Vec::new() };
        for (name, value) in std::env::vars_os() {
            if name.to_str().is_some_and(is_shared) {
                environment.variables.push((name, value));
            }
        }
        for name in ["HOME", "XDG_RUNTIME_DIR", "TMPDIR"] {
            environment.set(name, &self.directory);
        }
        // A program that finds no bus would start one that outlives it.
        environment.set("DBUS_SESSION_BUS_ADDRESS", "disabled:");
        environment.set(MARK, self.id.to_string());
        environment
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        sweep::end_marked(&self.id.to_string(), &self.directory);
        sweep::remove(&self.directory);
    }
}

/// The environment variables of a program, and the recording that it belongs to.
#[derive(Debug, Clone)]
pub(super) struct Environment {
    /// The recording.
    pub(super) recording: RecordingId,
    /// All variables: nothing is inherited.
    pub(super) variables: Vec<(OsString, OsString)>,
}

impl Environment {
    /// Adds a variable; a later one of the same name wins.
    pub(super) fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.variables.push((name.into(), value.into()));
    }
}

fn is_shared(name: &str) -> bool {
    let upper_case = name.to_ascii_uppercase();
    SHARED_VARIABLES.contains(&upper_case.as_str())
        || SHARED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_do_not_see_the_settings_of_the_server() {
        assert!(is_shared("PATH"));
        assert!(is_shared("https_proxy"));
        assert!(is_shared("LC_ALL"));
        assert!(!is_shared("TALK_RECORDER_BACKEND_SECRET"));
        assert!(!is_shared("DISPLAY"));
        assert!(!is_shared("DBUS_SESSION_BUS_ADDRESS"));
    }

    #[test]
    fn a_directory_is_private_and_goes_with_its_recording() {
        let base = tempfile::tempdir().unwrap();
        let scratch = Scratch::create(base.path(), RecordingId::random()).unwrap();
        let file = scratch.write("cookie", b"x").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        let directory = file.parent().unwrap().to_owned();
        assert_eq!(fs::metadata(&directory).unwrap().mode() & 0o777, 0o700);
        drop(scratch);
        assert!(!directory.exists());
    }

    #[tokio::test]
    async fn a_directory_comes_and_goes_on_the_blocking_pool() {
        let base = tempfile::tempdir().unwrap();
        // Whoever sweeps holds the base.
        let held = lock_base(base.path()).unwrap();
        let begun = Scratch::begin(base.path(), RecordingId::random());
        let release = async { drop(held) };
        let (begun, ()) = tokio::join!(begun, release);
        let scratch = begun.unwrap();
        let directory = scratch.path("lock").parent().unwrap().to_owned();
        assert!(directory.exists());
        scratch.end().await;
        assert!(!directory.exists());
    }

    #[test]
    fn a_base_with_a_long_path_is_refused_with_a_hint() {
        let refused = prepare_base(Path::new(&format!("/tmp/{}", "x".repeat(60)))).unwrap_err();
        assert!(refused.cause.contains("RUNTIME_DIRECTORY"), "{refused}");
    }
}
