//! One session on a signaling server: let in as a hidden internal client, in a room, taken up again after a cut.

use std::time::Duration;

use reqwest::Client;
use secrecy::SecretString;
use serde_json::Value;
use tokio::time::{Instant, timeout};

use super::{
    messages::{self, Message, Said},
    refusal::NotWatched,
    room::Room,
    socket::{Lost, Socket},
};
use crate::signature::Signature;

/// After failed tries from this address the server takes up to 25 s to say no.
const PATIENCE_FOR_ANSWER: Duration = Duration::from_secs(35);
const PATIENCE_FOR_LEAVING: Duration = Duration::from_secs(1);
/// How long the server keeps a session whose connection was cut.
const KEPT_FOR: Duration = Duration::from_secs(30);

/// Where a session is asked for, and by what right.
pub(super) struct Door<'a> {
    /// Base address of the signaling server.
    pub(super) server: &'a str,
    /// The internal secret.
    pub(super) secret: &'a SecretString,
    /// Base address of the Nextcloud whose rooms it has.
    pub(super) nextcloud: &'a str,
}

/// A session that is in a room.
pub(super) struct Session {
    socket: Socket,
    server: String,
    resume: String,
    requests: u32,
}

/// The right to take up a session whose connection was cut.
pub(super) struct Ticket {
    server: String,
    resume: String,
    until: Instant,
}

impl Ticket {
    /// Whether the server still keeps the session.
    pub(super) fn is_good(&self) -> bool {
        Instant::now() < self.until
    }
}

impl Session {
    /// Comes in and joins a room, which hears what is told about it meanwhile.
    ///
    /// # Errors
    /// Why there is no session.
    pub(super) async fn begin(
        client: &Client,
        door: &Door<'_>,
        token: &str,
        room: &mut Room,
    ) -> Result<Self, NotWatched> {
        let Door { server, secret, nextcloud } = *door;
        let lost = |lost: Lost| NotWatched::of_loss(server, &lost);
        let refused = |error: &messages::Error| NotWatched::of_hello(server, nextcloud, error);
        let mut session = Self {
            socket: Socket::open(client, server).await.map_err(lost)?,
            server: server.to_owned(),
            resume: String::new(),
            requests: 0,
        };
        let signature = Signature::of(secret, b"");
        let hello = |id: &str| messages::hello(id, &signature, nextcloud);
        match session.ask(hello, room).await.map_err(lost)? {
            Said::Hello { hello } => session.resume = hello.resumeid,
            Said::Error { error } => return Err(refused(&error)),
            _ => return Err(lost(misunderstood())),
        }
        match session.ask(|id| messages::join(id, token), room).await.map_err(lost)? {
            Said::Room { .. } => Ok(session),
            Said::Error { error } => Err(refused(&error)),
            _ => Err(lost(misunderstood())),
        }
    }

    /// Takes a session up again. What was missed is told right afterwards. `None` if the server has forgotten it.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub(super) async fn resume(
        client: &Client,
        ticket: &Ticket,
        room: &mut Room,
    ) -> Result<Option<Self>, NotWatched> {
        let lost = |lost: Lost| NotWatched::of_loss(&ticket.server, &lost);
        let mut session = Self {
            socket: Socket::open(client, &ticket.server).await.map_err(lost)?,
            server: ticket.server.clone(),
            resume: ticket.resume.clone(),
            requests: 0,
        };
        let said = session.ask(|id| messages::resume(id, &ticket.resume), room).await.map_err(lost)?;
        Ok(matches!(said, Said::Hello { .. }).then_some(session))
    }

    /// The next thing that the server says.
    ///
    /// # Errors
    /// When the connection is gone.
    pub(super) async fn next(&mut self) -> Result<Message, Lost> {
        let message = self.socket.next().await?;
        if let Said::Bye { bye } = message.said {
            return Err(Lost(format!("the server ended the session: {}", bye.reason)));
        }
        Ok(message)
    }

    /// By which it is taken up again.
    pub(super) fn into_ticket(self) -> Ticket {
        Ticket { server: self.server, resume: self.resume, until: Instant::now() + KEPT_FOR }
    }

    /// Ends it, so that nobody waits for its return. A server that cannot be told forgets it after 30 s.
    pub(super) async fn leave(mut self) {
        let id = self.next_id();
        let leaving = async {
            if self.socket.send(&messages::bye(&id)).await.is_ok() {
                while self.next().await.is_ok() {}
            }
        };
        drop(timeout(PATIENCE_FOR_LEAVING, leaving).await);
    }

    /// Sends a request and waits for its answer. What is said meanwhile goes to the room.
    async fn ask(&mut self, request: impl FnOnce(&str) -> Value, room: &mut Room) -> Result<Said, Lost> {
        let id = self.next_id();
        self.socket.send(&request(&id)).await?;
        let answer = async {
            loop {
                let message = self.next().await?;
                if message.id.as_deref() == Some(id.as_str()) {
                    return Ok(message.said);
                }
                room.hear(&message.said);
            }
        };
        let limit = PATIENCE_FOR_ANSWER;
        timeout(limit, answer)
            .await
            .unwrap_or_else(|_| Err(Lost(format!("the server did not answer for {} s", limit.as_secs()))))
    }

    fn next_id(&mut self) -> String {
        self.requests += 1;
        self.requests.to_string()
    }
}

fn misunderstood() -> Lost {
    Lost("the server answered something else than it was asked".to_owned())
}
