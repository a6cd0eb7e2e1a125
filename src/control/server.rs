//! The listening side: one connection at a time, each for a few seconds at most.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use actix::Addr;
use actors::{
    recorder::{Discard, NotWaiting, Retry},
    supervisor::{For, Supervisor, Unavailable},
};
use rustix::process::geteuid;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{Answer, LONGEST_LINE, PATIENCE, Place, Request, SOCKET, Wish, line_of};

/// A spool's socket. It goes when this is dropped.
pub(crate) struct Control {
    path: PathBuf,
    listening: JoinHandle<()>,
}

impl Control {
    /// Listens in a spool that this process holds. Without a socket the server does its work all the same.
    pub(crate) fn listen(spool: &Path, supervisor: Addr<Supervisor>) -> Option<Self> {
        match bind(spool) {
            Ok(listener) => {
                let listening = actix::spawn(serve(listener, supervisor));
                Some(Self { path: spool.join(SOCKET), listening })
            }
            Err(error) => {
                log::warn!(spool:% = spool.display(), error:%;
                    "no socket for operators: `recordings retry` and `discard` work only while the server is stopped");
                None
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.listening.abort();
        // Whoever takes the spool next replaces what is left.
        drop(fs::remove_file(&self.path));
    }
}

fn bind(spool: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(spool.join(SOCKET)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(Place::of(spool)?.socket())?;
    fs::set_permissions(spool.join(SOCKET), Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn serve(listener: UnixListener, supervisor: Addr<Supervisor>) {
    loop {
        let served = match listener.accept().await {
            Ok((stream, _)) => timeout(PATIENCE, converse(stream, &supervisor)).await,
            Err(error) => {
                log::warn!(error:%; "the socket for operators takes no connection");
                sleep(PATIENCE).await;
                continue;
            }
        };
        if let Ok(Err(error)) = served {
            log::debug!(error:%; "an operator went away");
        }
    }
}

async fn converse(mut stream: UnixStream, supervisor: &Addr<Supervisor>) -> io::Result<()> {
    let peer = stream.peer_cred()?.uid();
    if peer != geteuid().as_raw() && peer != 0 {
        log::warn!(uid = peer; "another user's request to the socket for operators is not heard");
        return Ok(());
    }
    let (reader, mut writer) = stream.split();
    let mut line = String::new();
    BufReader::new(reader.take(LONGEST_LINE)).read_line(&mut line).await?;
    let answer = match serde_json::from_str::<Request>(&line) {
        Ok(request) => obey(request, supervisor).await,
        Err(error) => Answer::Refused(format!("not a request: {error}")),
    };
    writer.write_all(&line_of(&answer)?).await
}

async fn obey(request: Request, supervisor: &Addr<Supervisor>) -> Answer {
    let Request { wish, backend, recording } = request;
    let done = match wish {
        Wish::Retry => supervisor.send(For { backend, message: Retry(recording) }).await,
        Wish::Discard => supervisor.send(For { backend, message: Discard(recording) }).await,
    };
    match done.unwrap_or(Err(Unavailable)) {
        Ok(Ok(())) => Answer::Done,
        Ok(Err(NotWaiting)) => Answer::NotWaiting,
        Err(Unavailable) => Answer::Refused(Unavailable.to_string()),
    }
}
