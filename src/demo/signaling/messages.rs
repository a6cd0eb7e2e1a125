//! What the signaling server says, in its own shapes.

use serde_json::{Value, json};

const VERSION: &str = "2.0.2";
const FEATURES: [&str; 6] =
    ["audio-video-permissions", "federation", "hello-v2", "incall-all", "mcu", "welcome"];

pub(super) fn welcome() -> Value {
    json!({"type": "welcome", "welcome": {"version": VERSION, "features": FEATURES}})
}

pub(super) fn hello(id: &Value, session: &str, version: &str) -> Value {
    let server = json!({"version": VERSION, "features": FEATURES});
    let hello = json!({
        "version": version,
        "sessionid": session,
        "resumeid": format!("resume-{session}"),
        "userid": "",
        "server": server,
    });
    answer(id, "hello", &hello)
}

pub(super) fn room(id: &Value, room: &str) -> Value {
    answer(id, "room", &json!({"roomid": room}))
}

pub(super) fn bye(id: &Value) -> Value {
    with_id(id, json!({"type": "bye"}))
}

pub(super) fn hello_timeout() -> Value {
    json!({"type": "bye", "bye": {"reason": "hello_timeout"}})
}

pub(super) fn error(id: &Value, code: &str) -> Value {
    let message = match code {
        "invalid_token" => "The passed token is invalid.",
        "invalid_backend" => "The backend URL is not supported.",
        "hello_expected" => "Expected Hello request.",
        "no_such_session" => "The session to resume does not exist.",
        "already_joined" => "Already joined this room.",
        _ => "Invalid data format.",
    };
    answer(id, "error", &json!({"code": code, "message": message}))
}

/// The newcomer itself and the participant who is there, if any.
pub(super) fn joined(session: &str, somebody: Option<&str>) -> Value {
    let mut join = vec![json!({"sessionid": session, "userid": ""})];
    if let Some(user) = somebody {
        join.push(json!({
            "sessionid": format!("session-of-{user}"),
            "userid": user,
            "user": {"displayname": user},
            "roomsessionid": format!("room-session-of-{user}"),
        }));
    }
    json!({"type": "event", "event": {"target": "room", "type": "join", "join": join}})
}

/// Who is in the call.
pub(super) fn participants(room: &str, session: &str, in_call: u64, somebody: Option<&str>) -> Value {
    let mut users = vec![json!({"internal": true, "inCall": in_call, "sessionId": session})];
    if let Some(user) = somebody {
        users.push(json!({
            "userId": user,
            "sessionId": format!("session-of-{user}"),
            "nextcloudSessionId": format!("room-session-of-{user}"),
            "actorType": "users",
            "actorId": user,
            "participantType": 1,
            "inCall": 7,
        }));
    }
    update(&json!({"roomid": room, "users": users}))
}

pub(super) fn call_over(room: &str) -> Value {
    update(&json!({"roomid": room, "incall": 0, "all": true}))
}

pub(super) fn room_deleted() -> Vec<Value> {
    vec![json!({"type": "event", "event": {"target": "room", "type": "delete"}}), room(&Value::Null, "")]
}

fn update(update: &Value) -> Value {
    json!({"type": "event", "event": {"target": "participants", "type": "update", "update": update}})
}

fn answer(id: &Value, kind: &str, content: &Value) -> Value {
    with_id(id, json!({"type": kind, kind: content}))
}

fn with_id(id: &Value, mut message: Value) -> Value {
    if id.is_string() {
        message["id"] = id.clone();
    }
    message
}
