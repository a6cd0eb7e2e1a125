//! Listens to the sound, independent of the encoder: PulseAudio sends every sample over a socket of its own.
//!
//! It listens all the time: of a call in which one speaks now and then, a sample a minute would say that it is silent.

use std::{io, path::PathBuf, time::Duration};

use tokio::{
    io::AsyncReadExt,
    net::UnixStream,
    time::{Instant, sleep_until, timeout, timeout_at},
};

/// A sound server that sends nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(3);
/// What comes meanwhile is read at once: fragments of the sound have 20 ms, and each reading costs.
const PAUSE: Duration = Duration::from_millis(250);
/// Takes more than comes within a pause, 48 kB.
const BUFFER: usize = 128 << 10;

/// Listens to one sound server.
#[derive(Debug)]
pub(super) struct Ear {
    socket: PathBuf,
    stream: Option<UnixStream>,
    buffer: Vec<u8>,
}

/// What was heard; the louder, the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Heard {
    /// The sound server sent nothing.
    Nothing,
    /// Digital silence.
    Silence,
    /// Something.
    Sound,
}

impl Ear {
    /// One for the sound server that sends its sound to whoever connects to this socket.
    pub(super) fn new(socket: PathBuf) -> Self {
        Self { socket, stream: None, buffer: vec![0; BUFFER] }
    }

    /// Listens until a moment; says what was heard until then.
    pub(super) async fn listen(&mut self, until: Instant) -> Heard {
        let mut heard = Heard::Nothing;
        while Instant::now() < until {
            match timeout_at(until, self.samples()).await {
                Ok(Ok(samples)) if samples.iter().any(|byte| *byte != 0) => heard = Heard::Sound,
                Ok(Ok(_)) if heard == Heard::Nothing => heard = Heard::Silence,
                Ok(Ok(_)) | Err(_) => {}
                // Whoever waits for the sound server's end will learn of it.
                Ok(Err(_)) => self.stream = None,
            }
            sleep_until(until.min(Instant::now() + PAUSE)).await;
        }
        heard
    }

    /// Whether any sound comes, be it silence.
    pub(super) async fn hears(&mut self) -> bool {
        matches!(timeout(PATIENCE, self.samples()).await, Ok(Ok(_)))
    }

    async fn samples(&mut self) -> io::Result<&[u8]> {
        if self.stream.is_none() {
            self.stream = Some(UnixStream::connect(&self.socket).await?);
        }
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        match stream.read(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => Ok(&self.buffer[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write, os::unix::net::UnixListener};

    use super::*;

    #[tokio::test]
    async fn silence_sound_and_nothing_are_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("ear");
        let mut ear = Ear::new(socket.clone());
        let soon = || Instant::now() + Duration::from_millis(50);
        assert_eq!(ear.listen(soon()).await, Heard::Nothing, "nobody is there");
        let server = UnixListener::bind(&socket).unwrap();
        assert_eq!(ear.listen(soon()).await, Heard::Nothing);
        let (mut sound, _) = server.accept().unwrap();
        sound.write_all(&[0; 64]).unwrap();
        assert_eq!(ear.listen(soon()).await, Heard::Silence);
        sound.write_all(&[0, 0, 1, 0, 0, 0]).unwrap();
        assert_eq!(ear.listen(soon()).await, Heard::Sound);
        sound.write_all(&[0; 64]).unwrap();
        assert!(ear.hears().await);
        drop(sound);
        assert_eq!(ear.listen(soon()).await, Heard::Nothing);
    }
}
