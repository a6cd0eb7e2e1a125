//! One connection: welcome, hello, in-call flag, room, bye.
//!
//! A client that does not say hello within two seconds is sent away, and nobody is heard after ten wrong hellos.

use std::{sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::{
    net::TcpStream,
    time::{Instant, interval_at, sleep_until},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Bytes, Error, Message},
};
use url::Url;
use uuid::Uuid;

use super::{hub::Mail, messages};
use crate::demo::{cloud::Inside, state::Session};
use crate::signature::Signature;

const HELLO_LIMIT: Duration = Duration::from_secs(2);
const PING_EVERY: Duration = Duration::from_secs(54);
const WRONG_HELLOS: usize = 10;

type Socket = WebSocketStream<TcpStream>;

/// Whether the conversation goes on.
#[derive(PartialEq, Eq)]
enum Then {
    GoOn,
    Close,
}

struct Client {
    cloud: Arc<Inside>,
    /// The session after a hello, and what it has still to be told.
    session: Option<(String, Mail)>,
    in_call: u64,
}

/// Talks with one client until it leaves. Returns the session of one that did not say goodbye.
pub(super) async fn talk(mut socket: Socket, cloud: Arc<Inside>) -> Option<(String, Mail)> {
    let mut power = cloud.hub.power();
    let mut client = Client { cloud, session: None, in_call: 0 };
    tokio::select! {
        // Errors are those of a client that went away.
        ended = client.converse(&mut socket) => drop(ended),
        // Whoever is connected hears of the next outage, however short. An error means that the cloud is gone.
        outage = power.changed() => drop(outage),
    }
    client.session
}

async fn send(socket: &mut Socket, messages: Vec<Value>) -> Result<(), Error> {
    for message in messages {
        socket.send(Message::text(message.to_string())).await?;
    }
    Ok(())
}

/// What the session has to be told next; nothing before it exists.
async fn news(session: &mut Option<(String, Mail)>) -> Value {
    match session {
        Some((_, mail)) => match mail.recv().await {
            Some(message) => message,
            // The session was forgotten.
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

impl Client {
    async fn converse(&mut self, socket: &mut Socket) -> Result<(), Error> {
        let mut hello_until = Instant::now() + HELLO_LIMIT;
        let mut pings = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        send(socket, vec![messages::welcome()]).await?;
        loop {
            let expects_hello = self.session.is_none();
            tokio::select! {
                frame = socket.next() => {
                    let Some(frame) = frame else { return Ok(()) };
                    let (answers, then) = match frame? {
                        Message::Text(text) => self.answer(&text),
                        Message::Close(_) => return Ok(()),
                        _ => continue,
                    };
                    hello_until = Instant::now() + HELLO_LIMIT;
                    send(socket, answers).await?;
                    if then == Then::Close {
                        return socket.close(None).await;
                    }
                }
                message = news(&mut self.session) => send(socket, vec![message]).await?,
                _ = pings.tick() => socket.send(Message::Ping(Bytes::new())).await?,
                () = sleep_until(hello_until), if expects_hello => {
                    send(socket, vec![messages::hello_timeout()]).await?;
                    return socket.close(None).await;
                }
            }
        }
    }

    fn answer(&mut self, text: &str) -> (Vec<Value>, Then) {
        let Ok(message) = serde_json::from_str::<Value>(text) else {
            return (vec![messages::error(&Value::Null, "invalid_format")], Then::GoOn);
        };
        let id = &message["id"];
        let said = message["type"].as_str().unwrap_or_default();
        let Some((session, _)) = &self.session else {
            let answer = match said {
                "hello" => self.hello(id, &message["hello"]),
                _ => messages::error(id, "hello_expected"),
            };
            return (vec![answer], Then::GoOn);
        };
        let session = session.clone();
        match said {
            "internal" => self.internal(&session, &message["internal"]),
            "room" => {
                let room = message["room"]["roomid"].as_str().unwrap_or_default();
                return (self.join(&session, id, room), Then::GoOn);
            }
            "bye" => {
                self.session = None;
                self.cloud.hub.end(&session);
                self.cloud.leave(&session);
                return (vec![messages::bye(id)], Then::Close);
            }
            _ => {}
        }
        (Vec::new(), Then::GoOn)
    }

    fn hello(&mut self, id: &Value, hello: &Value) -> Value {
        let version = hello["version"].as_str().unwrap_or("1.0");
        if let Some(resume) = hello["resumeid"].as_str() {
            let session = messages::session_of(resume);
            let Some(mail) = self.cloud.hub.take_up(session) else {
                return messages::error(id, "no_such_session");
            };
            self.session = Some((session.to_owned(), mail));
            return messages::hello(id, session, version);
        }
        if self.cloud.state.borrow().wrong_hellos >= WRONG_HELLOS {
            return messages::error(id, "too_many_requests");
        }
        if let Err(code) = self.check(&hello["auth"]) {
            if code != "invalid_format" {
                self.cloud.state.send_modify(|state| state.wrong_hellos += 1);
            }
            return messages::error(id, code);
        }
        let features = hello["features"].as_array();
        let hidden =
            features.is_some_and(|features| features.iter().any(|feature| feature == "internal-incall"));
        // In call with sound, unless it says otherwise.
        self.in_call = if hidden { 0 } else { 3 };
        let session = Uuid::new_v4().simple().to_string();
        let mail = self.cloud.hub.enter(&session);
        let answer = messages::hello(id, &session, version);
        self.session = Some((session, mail));
        answer
    }

    /// Whether an internal client may come in; else the error's code.
    fn check(&self, auth: &Value) -> Result<(), &'static str> {
        let text = |key: &str| auth["params"][key].as_str().unwrap_or_default().to_owned();
        let backend = text("backend");
        if auth["type"] != "internal" || backend.is_empty() {
            return Err("invalid_format");
        }
        let signature = Signature { random: text("random"), checksum: text("token") };
        if !signature.verifies(&self.cloud.settings.internal_secret, b"") {
            return Err("invalid_token");
        }
        let origin = |url: &str| Url::parse(url).map(|url| url.origin()).ok();
        let known = [Some(self.cloud.address.clone()), self.cloud.state.borrow().calls_as.clone()];
        let theirs = origin(&backend).ok_or("invalid_backend")?;
        let is_known = known.iter().flatten().any(|ours| origin(ours).as_ref() == Some(&theirs));
        if is_known { Ok(()) } else { Err("invalid_backend") }
    }

    fn internal(&mut self, session: &str, internal: &Value) {
        let Some(in_call) = internal["incall"]["incall"].as_u64() else { return };
        self.in_call = in_call;
        let room = self.cloud.change_session(session, |session| session.in_call = in_call);
        if let Some(room) = room {
            self.cloud.tell_participants(&room, None);
        }
    }

    /// Any room will do, also one that does not exist.
    fn join(&mut self, session: &str, id: &Value, token: &str) -> Vec<Value> {
        let before = self.cloud.room_of(session);
        let room = self.cloud.state.borrow().rooms.get(token).cloned();
        if before.as_deref() == Some(token) {
            return vec![messages::already_joined(id, token, room.as_ref())];
        }
        self.cloud.leave(session);
        if token.is_empty() {
            return vec![messages::room(id, "", None)];
        }
        let joined = messages::internal_joined(session);
        self.cloud.tell_room(token, &joined);
        let entry =
            Session { id: session.to_owned(), room: token.to_owned(), in_call: self.in_call, present: true };
        self.cloud.state.send_modify(|state| state.sessions.push(entry));
        self.cloud.tell_participants(token, None);
        let mut answers = vec![messages::room(id, token, room.as_ref()), joined];
        if let Some(room) = room.filter(|room| !room.callers.is_empty()) {
            answers.push(messages::users_joined(&room.callers));
        }
        answers
    }
}
