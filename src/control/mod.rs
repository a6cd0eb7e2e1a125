//! How an operator on the same machine has a word with a running server: a Unix socket in each spool directory.
//!
//! One connection is one [`Request`] and one [`Answer`], each a line of JSON. What always holds:
//! - the socket belongs to whoever holds the spool's lock: a stale one is replaced, and it goes with the server;
//! - the spool's directory is its owner's alone, and the server listens to its own user and to root only;
//! - neither side waits for the other for ever, nor reads more than [`LONGEST_LINE`].

use std::{
    fs::File,
    io,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    time::Duration,
};

use actors::ids::{BackendId, RecordingId};
use serde::{Deserialize, Serialize};

mod client;
mod server;

pub(crate) use client::{AskError, ask};
pub(crate) use server::Control;

const SOCKET: &str = ".control";
/// No message is longer, in bytes.
const LONGEST_LINE: u64 = 4096;
/// How long the server gives a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    /// Of what.
    pub(crate) wish: Wish,
    /// Whose recording.
    pub(crate) backend: BackendId,
    /// Which one.
    pub(crate) recording: RecordingId,
}

/// What an operator may want of a recording that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Wish {
    /// Another round of upload tries, now.
    Retry,
    /// Its removal.
    Discard,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Answer {
    /// It is being done.
    Done,
    /// The recording does not wait to be uploaded, or not any more.
    NotWaiting,
    /// Nothing was done, for this reason.
    Refused(String),
}

/// The directory of a socket, held open: under it the socket has a short path, however long the real one is. The
/// system allows no more than 107 bytes.
struct Place(File);

impl Place {
    fn of(spool: &Path) -> io::Result<Self> {
        File::open(spool).map(Self)
    }

    fn socket(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", self.0.as_raw_fd()))
    }
}

fn line_of(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests;
