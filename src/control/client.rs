//! The asking side: waits for the answer on the thread that asks.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use super::{Answer, LONGEST_LINE, PATIENCE, Place, Request, line_of};

/// Others may be served first.
const ANSWER_WITHIN: Duration = PATIENCE.saturating_mul(3);

/// Nothing came of it, and why.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// Somebody holds the spool, but does not listen.
    #[error("{spool}: no server answers ({reason}); one may just be starting or ending, try again")]
    Unreachable {
        /// The directory.
        spool: String,
        /// What the system said.
        reason: String,
    },
    /// The user may not talk to it.
    #[error("{spool} belongs to another user: do this as the user of the server, or as root")]
    Forbidden {
        /// The directory.
        spool: String,
    },
}

/// Asks the server that holds this spool.
///
/// # Errors
/// When there is none, or it does not answer in time.
pub(crate) fn ask(spool: &Path, request: &Request) -> Result<Answer, AskError> {
    exchange(spool, request).map_err(|error| {
        let spool = spool.display().to_string();
        match error.kind() {
            io::ErrorKind::PermissionDenied => AskError::Forbidden { spool },
            _ => AskError::Unreachable { spool, reason: error.to_string() },
        }
    })
}

fn exchange(spool: &Path, request: &Request) -> io::Result<Answer> {
    let mut stream = UnixStream::connect(Place::of(spool)?.socket())?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    stream.set_write_timeout(Some(ANSWER_WITHIN))?;
    stream.write_all(&line_of(request)?)?;
    let mut line = String::new();
    BufReader::new(stream.take(LONGEST_LINE)).read_line(&mut line)?;
    if line.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_str(&line)?)
}
