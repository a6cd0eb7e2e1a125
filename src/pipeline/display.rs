//! The screen of one recording: an Xvfb of its own, which no other user of the machine can look at.
//!
//! Xvfb picks a free display number itself and says it when it is ready. It demands a random cookie from whoever
//! connects. Asked to end it removes its socket; if it had to be killed, [`remove_remains`] does so.

use std::{
    fmt, fs, io,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use actors::ports::EngineError;
use rustix::process::Signal;
use uuid::Uuid;

use super::{
    picture::Eye,
    process::{Launch, Program, Stream},
    scratch::{Environment, Scratch},
};

const STAGE: &str = "display";
/// How the cookie is called.
pub(super) const COOKIE_NAME: &[u8] = b"MIT-MAGIC-COOKIE-1";
const PATIENCE: Duration = Duration::from_secs(15);
const GRACE: Duration = Duration::from_secs(2);
/// File in the runtime directory: display number and process id, for who must clean up.
const NOTE: &str = "display";

/// A size in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    /// Width.
    pub(super) width: u32,
    /// Height.
    pub(super) height: u32,
}

/// A running Xvfb.
#[derive(Debug)]
pub(super) struct Display {
    program: Program,
    name: String,
    eye: Eye,
}

impl Display {
    /// Starts a screen and lets `environment` lead to it.
    ///
    /// # Errors
    /// When Xvfb is missing or does not come up.
    pub(super) async fn start(
        scratch: &Scratch,
        environment: &mut Environment,
        size: Size,
    ) -> Result<Self, EngineError> {
        let secret = Uuid::new_v4().into_bytes();
        let cookie = scratch.write("xauthority", &authority(&secret))?;
        let mut program = Program::launch(Launch {
            stage: STAGE,
            program: "Xvfb".into(),
            arguments: arguments(size, &cookie).into_iter().map(Into::into).collect(),
            environment: environment.clone(),
            // It removes its socket then.
            when_orphaned: Signal::TERM,
            speaks: Stream::Output,
        })?;
        let number = program.ready(PATIENCE, |line| line.parse::<u32>().ok()).await?;
        program.ignore_output();
        let pid = program.pid().map_or(0, rustix::process::Pid::as_raw_pid);
        scratch.write(NOTE, format!("{number} {pid}").as_bytes())?;
        let name = format!(":{number}");
        environment.set("DISPLAY", &name);
        environment.set("XAUTHORITY", cookie);
        let eye = Eye { socket: socket(number), cookie: secret };
        Ok(Self { program, name, eye })
    }

    /// Its name, such as `:7`.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Looks at what it shows.
    pub(super) fn eye(&self) -> Eye {
        self.eye.clone()
    }

    /// Waits until it dies.
    pub(super) async fn ended(&mut self) -> EngineError {
        self.program.ended().await
    }

    /// Whether it is dead by now.
    pub(super) fn is_dead(&mut self) -> bool {
        self.program.is_dead()
    }

    /// Kills it.
    pub(super) fn kill(&mut self) {
        self.program.kill();
    }

    /// Ends it.
    pub(super) async fn stop(&mut self) {
        self.program.stop(Signal::TERM, GRACE).await;
    }
}

/// The error of a display that does not answer, and how that was noticed.
pub(super) fn hangs(noticed: impl fmt::Display) -> EngineError {
    EngineError::new(STAGE, format!("Xvfb does not answer any more ({noticed})"))
}

fn socket(number: u32) -> PathBuf {
    format!("/tmp/.X11-unix/X{number}").into()
}

fn arguments(size: Size, authority: &Path) -> Vec<String> {
    let screen = format!("{}x{}x24", size.width, size.height);
    let authority = authority.display().to_string();
    ["-displayfd", "1", "-nolisten", "tcp", "-noreset", "-auth", &authority, "-screen", "0", &screen]
        .map(str::to_owned)
        .to_vec()
}

/// An X authority file with one cookie for every display of every host: the number is not known yet.
fn authority(cookie: &[u8; 16]) -> Vec<u8> {
    const ANY_HOST: u16 = 0xFFFF;
    let mut file = ANY_HOST.to_be_bytes().to_vec();
    // Address and display number are empty: each matches all.
    for field in [b"".as_slice(), b"", COOKIE_NAME, cookie] {
        let length = u16::try_from(field.len()).unwrap_or(u16::MAX);
        file.extend_from_slice(&length.to_be_bytes());
        file.extend_from_slice(field);
    }
    file
}

/// Removes what a killed display left of itself, where nobody has taken its number since: the socket, to which
/// nobody listens any more, and the lock, which Xvfb writes only where it is given a number.
pub(super) fn remove_remains(directory: &Path) {
    let Ok(note) = fs::read_to_string(directory.join(NOTE)) else { return };
    let Some((number, pid)) = note.split_once(' ') else { return };
    let Ok(number) = number.parse::<u32>() else { return };
    let lock = format!("/tmp/.X{number}-lock");
    if fs::read_to_string(&lock).is_ok_and(|holder| holder.trim() == pid) {
        // Whoever comes first removes it; that it is gone is what counts.
        drop(fs::remove_file(lock));
    }
    let socket = socket(number);
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    if UnixStream::connect(&socket).is_err_and(refused) {
        drop(fs::remove_file(socket));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_screen_is_open_to_nobody_else() {
        let size = Size { width: 1920, height: 1080 };
        assert_eq!(
            arguments(size, Path::new("/run/x")).join(" "),
            "-displayfd 1 -nolisten tcp -noreset -auth /run/x -screen 0 1920x1080x24"
        );
    }

    #[test]
    fn the_authority_file_has_one_entry_that_matches_every_display() {
        let file = authority(&[7; 16]);
        assert_eq!(&file[..8], [0xFF, 0xFF, 0, 0, 0, 0, 0, 18]);
        assert_eq!(&file[8..26], b"MIT-MAGIC-COOKIE-1");
        assert_eq!(&file[26..28], [0, 16]);
        assert_eq!(file.len(), 44);
    }
}
