//! What a watcher and a signaling server say to each other, in the server's shapes.
//!
//! Only what a watcher needs is read; everything else, also what later servers may add, is passed over.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::signature::Signature;

/// Without it an internal client counts as in the call from the moment it joins.
const HIDDEN: &str = "internal-incall";

/// A message of the server.
#[derive(Debug, Deserialize)]
pub(super) struct Message {
    /// Of the request that it answers, if it answers one.
    pub(super) id: Option<String>,
    /// What it says.
    #[serde(flatten)]
    pub(super) said: Said,
}

/// What a message says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum Said {
    /// The answer to a hello: come in.
    Hello { hello: Hello },
    /// The room that the session is in.
    Room { room: RoomName },
    /// Something happened.
    Event { event: Event },
    /// The answer to a request that is not granted.
    Error { error: Error },
    /// The server ends the conversation.
    Bye {
        #[serde(default)]
        bye: Bye,
    },
    /// Nothing for a watcher.
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
pub(super) struct Hello {
    /// By which the session is taken up again after its connection was cut.
    pub(super) resumeid: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct RoomName {
    pub(super) roomid: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Event {
    pub(super) target: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// Sessions that left.
    #[serde(default)]
    pub(super) leave: Vec<String>,
    #[serde(default)]
    pub(super) update: Update,
}

/// Who is in the call now.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Update {
    #[serde(default)]
    pub(super) users: Vec<User>,
    /// Whether `incall` goes for everybody.
    #[serde(default)]
    all: bool,
    #[serde(default)]
    incall: Value,
}

impl Update {
    pub(super) fn ends_call_for_all(&self) -> bool {
        self.all && self.incall.as_u64() == Some(0)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct User {
    #[serde(default)]
    pub(super) session_id: String,
    /// A recording page, a watcher or the like.
    #[serde(default)]
    pub(super) internal: bool,
    #[serde(default)]
    in_call: Value,
}

impl User {
    /// The lowest bit says it; the others are for sound, picture and telephone.
    pub(super) fn is_in_call(&self) -> bool {
        self.in_call.as_u64().is_some_and(|flags| flags & 1 == 1)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Error {
    pub(super) code: String,
    #[serde(default)]
    pub(super) message: String,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Bye {
    #[serde(default)]
    pub(super) reason: String,
}

/// Reads a message.
pub(super) fn parse(text: &str) -> serde_json::Result<Message> {
    serde_json::from_str(text)
}

/// Asks to be let in as a hidden internal client of a Nextcloud.
pub(super) fn hello(id: &str, signature: &Signature, nextcloud: &str) -> Value {
    let Signature { random, checksum } = signature;
    let params = json!({"random": random, "token": checksum, "backend": nextcloud});
    let auth = json!({"type": "internal", "params": params});
    json!({"id": id, "type": "hello", "hello": {"version": "1.0", "auth": auth, "features": [HIDDEN]}})
}

/// Asks for a session whose connection was cut.
pub(super) fn resume(id: &str, resume: &str) -> Value {
    json!({"id": id, "type": "hello", "hello": {"version": "1.0", "resumeid": resume}})
}

/// Joins a room.
pub(super) fn join(id: &str, room: &str) -> Value {
    json!({"id": id, "type": "room", "room": {"roomid": room}})
}

/// Leaves for good, so that nothing is kept for a return.
pub(super) fn bye(id: &str) -> Value {
    json!({"id": id, "type": "bye", "bye": {}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_whatever_the_order_of_their_keys() {
        let hello = r#"{"id":"1","type":"hello","hello":{"version":"1.0","sessionid":"SID_W","resumeid":"R","userid":"","server":{"version":"2.0.2","features":["mcu"]}}}"#;
        let turned = r#"{"hello":{"resumeid":"R","version":"1.0"},"type":"hello","id":"1"}"#;
        for text in [hello, turned] {
            let message = parse(text).unwrap();
            assert_eq!(message.id.as_deref(), Some("1"));
            assert!(matches!(message.said, Said::Hello { hello } if hello.resumeid == "R"));
        }
        let error = parse(
            r#"{"id":"1","type":"error","error":{"code":"invalid_token","message":"The passed token is invalid."}}"#,
        );
        assert!(matches!(error.unwrap().said, Said::Error { error } if error.code == "invalid_token"));
        let bye = parse(r#"{"type":"bye","bye":{"reason":"hello_timeout"}}"#).unwrap();
        assert!(matches!(bye.said, Said::Bye { bye } if bye.reason == "hello_timeout"));
        assert!(matches!(parse(r#"{"id":"5","type":"bye"}"#).unwrap().said, Said::Bye { .. }));
    }

    #[test]
    fn what_a_watcher_does_not_know_is_passed_over() {
        for text in [
            r#"{"type":"welcome","welcome":{"version":"2.0.2","features":["mcu"]}}"#,
            r#"{"type":"something new","content":[1]}"#,
        ] {
            assert!(matches!(parse(text).unwrap().said, Said::Other), "{text}");
        }
        assert!(parse("not JSON").is_err());
    }

    #[test]
    fn a_hello_is_hidden_and_signed_over_nothing() {
        let secret = "internal".into();
        let message = hello("1", &Signature::of(&secret, b""), "https://cloud.example.com");
        let hello = &message["hello"];
        assert_eq!((hello["version"].as_str(), hello["features"][0].as_str()), (Some("1.0"), Some(HIDDEN)));
        let params = &hello["auth"]["params"];
        assert_eq!(params["backend"], "https://cloud.example.com");
        let text = |key: &str| params[key].as_str().unwrap().to_owned();
        assert!(Signature { random: text("random"), checksum: text("token") }.verifies(&secret, b""));
    }
}
