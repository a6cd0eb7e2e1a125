//! One connection: welcome, hello, in-call flag, room, bye.
//!
//! A client that does not say hello within two seconds is sent away. One that did is told when the call in
//! its room ends and when the room is deleted.

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

use super::{Seat, messages};
use crate::demo::cloud::Inside;
use crate::signature::Signature;

const HELLO_LIMIT: Duration = Duration::from_secs(2);
const PING_EVERY: Duration = Duration::from_secs(54);

type Socket = WebSocketStream<TcpStream>;

/// Whether the conversation goes on.
#[derive(PartialEq, Eq)]
enum Then {
    GoOn,
    Close,
}

/// What the room of a session was like when it was last told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    On,
    Over,
    RoomDeleted,
}

struct Client {
    cloud: Arc<Inside>,
    /// Empty before hello.
    id: String,
    in_call: u64,
    seat: Option<Seat>,
    told: Call,
}

/// Talks with one client until it leaves.
pub(super) async fn talk(mut socket: Socket, cloud: Arc<Inside>) -> Result<(), Error> {
    let mut changes = cloud.state.subscribe();
    let mut client = Client { cloud, id: String::new(), in_call: 0, seat: None, told: Call::On };
    let mut hello_until = Instant::now() + HELLO_LIMIT;
    let mut pings = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    send(&mut socket, vec![messages::welcome()]).await?;
    loop {
        tokio::select! {
            frame = socket.next() => {
                let Some(frame) = frame else { return Ok(()) };
                let (answers, then) = match frame? {
                    Message::Text(text) => client.answer(&text),
                    Message::Close(_) => return Ok(()),
                    _ => continue,
                };
                hello_until = Instant::now() + HELLO_LIMIT;
                send(&mut socket, answers).await?;
                if then == Then::Close {
                    return socket.close(None).await;
                }
            }
            Ok(()) = changes.changed() => send(&mut socket, client.news()).await?,
            _ = pings.tick() => socket.send(Message::Ping(Bytes::new())).await?,
            () = sleep_until(hello_until), if client.id.is_empty() => {
                send(&mut socket, vec![messages::hello_timeout()]).await?;
                return socket.close(None).await;
            }
        }
    }
}

async fn send(socket: &mut Socket, messages: Vec<Value>) -> Result<(), Error> {
    for message in messages {
        socket.send(Message::text(message.to_string())).await?;
    }
    Ok(())
}

impl Client {
    fn answer(&mut self, text: &str) -> (Vec<Value>, Then) {
        let Ok(message) = serde_json::from_str::<Value>(text) else {
            return (vec![messages::error(&Value::Null, "invalid_format")], Then::GoOn);
        };
        let id = &message["id"];
        let answers = match message["type"].as_str().unwrap_or_default() {
            "hello" if self.id.is_empty() => vec![self.hello(id, &message["hello"])],
            _ if self.id.is_empty() => vec![messages::error(id, "hello_expected")],
            "internal" => self.internal(&message["internal"]),
            "room" => self.join(id, message["room"]["roomid"].as_str().unwrap_or_default()),
            "bye" => return (vec![messages::bye(id)], Then::Close),
            _ => Vec::new(),
        };
        (answers, Then::GoOn)
    }

    fn hello(&mut self, id: &Value, hello: &Value) -> Value {
        if hello["resumeid"].is_string() {
            return messages::error(id, "no_such_session");
        }
        if let Err(code) = self.check(&hello["auth"]) {
            return messages::error(id, code);
        }
        let features = hello["features"].as_array();
        let hidden =
            features.is_some_and(|features| features.iter().any(|feature| feature == "internal-incall"));
        // In call with sound, unless it says otherwise.
        self.in_call = if hidden { 0 } else { 3 };
        self.id = Uuid::new_v4().simple().to_string();
        messages::hello(id, &self.id, hello["version"].as_str().unwrap_or("1.0"))
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
        let origin = |url: &str| Url::parse(url).map(|url| url.origin());
        match (origin(&backend), origin(&self.cloud.address)) {
            (Ok(theirs), Ok(ours)) if theirs == ours => Ok(()),
            _ => Err("invalid_backend"),
        }
    }

    fn internal(&mut self, internal: &Value) -> Vec<Value> {
        let Some(in_call) = internal["incall"]["incall"].as_u64() else {
            return Vec::new();
        };
        self.in_call = in_call;
        if let Some(seat) = &self.seat {
            seat.change(|session| session.in_call = in_call);
        }
        Vec::new()
    }

    fn join(&mut self, id: &Value, room: &str) -> Vec<Value> {
        if self.seat.as_ref().is_some_and(|seat| seat.room == room) {
            return vec![messages::error(id, "already_joined")];
        }
        // The old seat is given back before the new one is taken.
        self.seat = None;
        if room.is_empty() {
            return vec![messages::room(id, "")];
        }
        self.seat = Some(Seat::take(self.cloud.clone(), &self.id, room, self.in_call));
        let state = self.cloud.state.borrow();
        let talk_room = state.rooms.get(room);
        let somebody = talk_room.filter(|room| room.in_call).map(|room| room.owner.as_str());
        self.told = if somebody.is_some() { Call::On } else { Call::Over };
        vec![
            messages::room(id, room),
            messages::joined(&self.id, somebody),
            messages::participants(room, &self.id, self.in_call, somebody),
        ]
    }

    /// What a session must hear about a change in its room.
    fn news(&mut self) -> Vec<Value> {
        let Some(seat) = &self.seat else {
            return Vec::new();
        };
        let room = seat.room.clone();
        let call = match self.cloud.state.borrow().rooms.get(&room) {
            None => Call::RoomDeleted,
            Some(room) if room.in_call => Call::On,
            Some(_) => Call::Over,
        };
        if self.told == call {
            return Vec::new();
        }
        self.told = call;
        match call {
            Call::On => Vec::new(),
            Call::Over => vec![messages::call_over(&room)],
            Call::RoomDeleted => {
                self.seat = None;
                messages::room_deleted()
            }
        }
    }
}
