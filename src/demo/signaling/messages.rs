//! What the signaling server says, in its own shapes.

use serde_json::{Value, json};

use crate::demo::state::{Room, Session};

const VERSION: &str = "2.0.2";
const FEATURES: [&str; 6] =
    ["audio-video-permissions", "federation", "hello-v2", "incall-all", "mcu", "welcome"];
const RESUME: &str = "resume-";

pub(super) fn welcome() -> Value {
    json!({"type": "welcome", "welcome": {"version": VERSION, "features": FEATURES}})
}

pub(super) fn hello(id: &Value, session: &str, version: &str) -> Value {
    let server = json!({"version": VERSION, "features": FEATURES});
    let hello = json!({
        "version": version,
        "sessionid": session,
        "resumeid": format!("{RESUME}{session}"),
        "userid": "",
        "server": server,
    });
    answer(id, "hello", &hello)
}

/// The session that a resume id was given for.
pub(super) fn session_of(resume: &str) -> &str {
    resume.strip_prefix(RESUME).unwrap_or_default()
}

/// With its properties where the server knows the room, since somebody is in it.
pub(super) fn room(id: &Value, token: &str, room: Option<&Room>) -> Value {
    answer(id, "room", &described(token, room))
}

pub(super) fn already_joined(id: &Value, token: &str, room: Option<&Room>) -> Value {
    let mut message = error(id, "already_joined");
    message["error"]["details"] = json!({"room": described(token, room)});
    message
}

fn described(token: &str, room: Option<&Room>) -> Value {
    match room {
        Some(room) if !room.callers.is_empty() => {
            json!({"roomid": token, "properties": {"name": "Private conversation", "type": 2}})
        }
        _ => json!({"roomid": token}),
    }
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
        "too_many_requests" => "Too many requests.",
        "hello_expected" => "Expected Hello request.",
        "no_such_session" => "The session to resume does not exist.",
        "already_joined" => "Already joined this room.",
        _ => "Invalid data format.",
    };
    answer(id, "error", &json!({"code": code, "message": message}))
}

/// An internal session came.
pub(super) fn internal_joined(session: &str) -> Value {
    joined(&[json!({"sessionid": session, "userid": ""})])
}

/// Participants came, or are there already.
pub(in crate::demo) fn users_joined(users: &[String]) -> Value {
    let entry = |user: &String| {
        json!({
            "sessionid": session_of_user(user),
            "userid": user,
            "user": {"displayname": user},
            "roomsessionid": format!("room-session-of-{user}"),
        })
    };
    joined(&users.iter().map(entry).collect::<Vec<_>>())
}

pub(in crate::demo) fn left(session: &str) -> Value {
    json!({"type": "event", "event": {"target": "room", "type": "leave", "leave": [session]}})
}

/// Who is in the call and which internal sessions are in the room; and who has just left the call.
pub(in crate::demo) fn participants(
    token: &str,
    callers: &[String],
    internal: &[&Session],
    leaver: Option<&str>,
) -> Value {
    let callers = callers.iter().map(|user| participant(user, 7));
    let leaver = leaver.map(|user| participant(user, 0));
    let internal = internal.iter().map(
        |session| json!({"internal": true, "inCall": session.in_call, "sessionId": session.id, "lastPing": 0}),
    );
    let users: Vec<Value> = internal.chain(callers).chain(leaver).collect();
    update(&json!({"roomid": token, "users": users}))
}

pub(in crate::demo) fn session_of_user(user: &str) -> String {
    format!("session-of-{user}")
}

pub(in crate::demo) fn call_over(token: &str) -> Value {
    update(&json!({"roomid": token, "incall": 0, "all": true}))
}

pub(in crate::demo) fn room_deleted() -> [Value; 2] {
    let event = json!({"type": "event", "event": {"target": "room", "type": "delete"}});
    [event, room(&Value::Null, "", None)]
}

fn participant(user: &str, in_call: u8) -> Value {
    json!({
        "userId": user,
        "sessionId": session_of_user(user),
        "nextcloudSessionId": format!("room-session-of-{user}"),
        "actorType": "users",
        "actorId": user,
        "participantType": 1,
        "inCall": in_call,
    })
}

fn joined(entries: &[Value]) -> Value {
    json!({"type": "event", "event": {"target": "room", "type": "join", "join": entries}})
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
