//! The signaling server: as much of it as an internal client sees.
//!
//! One task a connection, all owned by [`serve`]. Whoever joins a room is entered in the state of the cloud, and leaves
//! it with a `bye`, or half a minute after the connection was cut, unless the session is taken up again by then.
//! `talk` is one connection; `hub` keeps the sessions; `messages` are what is said.

mod hub;
pub(super) mod messages;
mod talk;

use std::sync::Arc;

use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::sleep,
};
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::{
        handshake::server::{ErrorResponse, Request, Response},
        http::StatusCode,
    },
};

pub(super) use self::hub::Hub;
use super::cloud::Inside;

/// Serves until it is dropped.
pub(super) async fn serve(listener: TcpListener, cloud: Arc<Inside>) {
    let power = cloud.hub.power();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if *power.borrow() => {
                    connections.spawn(connection(stream, cloud.clone()));
                }
                _ => {}
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, cloud: Arc<Inside>) {
    // Errors are those of a client that went away.
    let Ok(socket) = accept_hdr_async(stream, only_at_its_path).await else { return };
    let Some((session, mail)) = talk::talk(socket, cloud.clone()).await else { return };
    cloud.hub.lay_by(&session, mail);
    sleep(cloud.hub.kept_for()).await;
    if cloud.hub.forget(&session) {
        cloud.leave(&session);
    }
}

#[expect(clippy::result_large_err, reason = "the shape that the handshake asks for")]
fn only_at_its_path(request: &Request, response: Response) -> Result<Response, ErrorResponse> {
    if request.uri().path() == "/spreed" {
        return Ok(response);
    }
    let mut refusal = ErrorResponse::new(None);
    *refusal.status_mut() = StatusCode::NOT_FOUND;
    Err(refusal)
}

#[cfg(test)]
mod tests;
