//! The signaling server: as much of it as an internal client sees.
//!
//! One task per connection, all owned by [`serve`]. Whoever joins a room is entered in the state of the cloud
//! and leaves it with the connection, however that ends: a [`Seat`] is given back when it is dropped.
//! Unlike the real server it forgets a session at once instead of after 30 s.

mod messages;
mod talk;

use std::sync::Arc;

use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::{
        handshake::server::{ErrorResponse, Request, Response},
        http::StatusCode,
    },
};

use super::{cloud::Inside, state::Session};

/// Serves until it is dropped.
pub(super) async fn serve(listener: TcpListener, cloud: Arc<Inside>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(connection(stream, cloud.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, cloud: Arc<Inside>) {
    // Errors are those of a client that went away.
    if let Ok(socket) = accept_hdr_async(stream, only_at_its_path).await {
        drop(talk::talk(socket, cloud).await);
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

/// A session's place in a room.
struct Seat {
    cloud: Arc<Inside>,
    id: String,
    room: String,
}

impl Seat {
    fn take(cloud: Arc<Inside>, id: &str, room: &str, in_call: u64) -> Self {
        let session = Session { id: id.to_owned(), room: room.to_owned(), in_call, present: true };
        cloud.state.send_modify(|state| state.sessions.push(session));
        Self { cloud, id: id.to_owned(), room: room.to_owned() }
    }

    fn change(&self, change: impl FnOnce(&mut Session)) {
        self.cloud.state.send_modify(|state| {
            let mut sessions = state.sessions.iter_mut().rev();
            if let Some(session) = sessions.find(|session| session.id == self.id) {
                change(session);
            }
        });
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.change(|session| session.present = false);
    }
}

#[cfg(test)]
mod tests;
