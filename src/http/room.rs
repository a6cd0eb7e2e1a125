//! `POST /api/v1/room/{token}`: start and stop of a recording.

use std::fmt::Display;

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Path, Payload},
};
use actors::{
    ids::RoomToken,
    recorder::{Start, Stop, UnknownRoom},
    recording::{Actor, Kind, Order},
    supervisor::{For, Unavailable},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    client,
    server::Doorway,
    signed::{Signed, authenticate},
};

/// What Nextcloud wants.
#[derive(Debug, PartialEq, Eq)]
enum Wish {
    Start { kind: Kind, owner: String, actor: Actor },
    Stop { by: Option<Actor> },
}

#[derive(Debug, Deserialize)]
struct StartBody {
    #[serde(default = "with_video")]
    status: u8,
    owner: String,
    actor: Actor,
}

#[derive(Debug, Deserialize)]
struct StopBody {
    actor: Option<Actor>,
}

fn with_video() -> u8 {
    1
}

/// Starts or stops, and answers before the work begins.
pub(super) async fn room(
    request: HttpRequest,
    token: Path<String>,
    payload: Payload,
    doorway: Data<Doorway>,
) -> HttpResponse {
    let config = doorway.config.get();
    let client = client::address(&request, &config);
    let signed = match authenticate(&request, payload, &config).await {
        Ok(signed) => signed,
        Err(rejection) => {
            rejection.log(client);
            return refuse(rejection.status(), &rejection.to_string());
        }
    };
    let wish = token
        .parse::<RoomToken>()
        .map_err(|error| error.to_string())
        .and_then(|room| Ok((room, parse(&signed.body)?)));
    let backend = signed.backend.clone();
    let answer = match wish {
        Ok((room, wish)) => obey(wish, room, signed, &doorway).await,
        Err(reason) => Err((StatusCode::BAD_REQUEST, reason)),
    };
    match answer {
        Ok(()) => HttpResponse::Ok().json(json!({})),
        Err((status, reason)) => {
            log::warn!(client:%, backend:%, room = token.as_str(), status = status.as_u16(), reason; "request refused");
            refuse(status, &reason)
        }
    }
}

/// Hands a wish to the recorder. An error is the status of the answer and its reason.
async fn obey(
    wish: Wish,
    room: RoomToken,
    signed: Signed,
    doorway: &Doorway,
) -> Result<(), (StatusCode, String)> {
    let Signed { backend, nextcloud, .. } = signed;
    match wish {
        Wish::Start { kind, owner, actor } => {
            let order = Order { nextcloud, room, kind, owner, actor };
            let answer = doorway.supervisor.send(For { backend, message: Start(order) }).await;
            let started = answer.unwrap_or(Err(Unavailable)).map_err(unavailable)?;
            started.map(drop).map_err(unavailable)
        }
        Wish::Stop { by } => {
            let answer = doorway.supervisor.send(For { backend, message: Stop { room, by } }).await;
            let stopped = answer.unwrap_or(Err(Unavailable)).map_err(unavailable)?;
            stopped.map_err(|UnknownRoom| (StatusCode::NOT_FOUND, UnknownRoom.to_string()))
        }
    }
}

fn unavailable(error: impl Display) -> (StatusCode, String) {
    (StatusCode::SERVICE_UNAVAILABLE, error.to_string())
}

fn refuse(status: StatusCode, reason: &str) -> HttpResponse {
    HttpResponse::build(status).content_type("text/plain; charset=utf-8").body(format!("{reason}\n"))
}

/// Reads the body. The error is a sentence for whoever wrote it.
fn parse(body: &[u8]) -> Result<Wish, String> {
    let message: Value =
        serde_json::from_slice(body).map_err(|error| format!("the body is not JSON: {error}"))?;
    let kind = message.get("type").and_then(Value::as_str).ok_or("the body has no `type`")?;
    let part = || message.get(kind).cloned().ok_or_else(|| format!("the body has no `{kind}`"));
    match kind {
        "start" => parse_start(part()?),
        "stop" => parse_stop(part()?),
        _ => Err("`type` must be `start` or `stop`".to_owned()),
    }
}

fn parse_start(start: Value) -> Result<Wish, String> {
    let start: StartBody = serde_json::from_value(start).map_err(|error| format!("`start`: {error}"))?;
    let kind = match start.status {
        1 => Kind::Video,
        2 => Kind::Audio,
        _ => return Err("`start.status` must be 1 (video) or 2 (audio only)".to_owned()),
    };
    Ok(Wish::Start { kind, owner: start.owner, actor: start.actor })
}

/// PHP writes an empty object as `[]`.
fn parse_stop(stop: Value) -> Result<Wish, String> {
    match stop {
        Value::Array(items) if items.is_empty() => Ok(Wish::Stop { by: None }),
        Value::Object(_) => {
            let stop: StopBody = serde_json::from_value(stop).map_err(|error| format!("`stop`: {error}"))?;
            Ok(Wish::Stop { by: stop.actor })
        }
        _ => Err("`stop` must be an object".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alice() -> Actor {
        Actor { kind: "users".to_owned(), id: "alice".to_owned() }
    }

    #[test]
    fn a_start_of_nextcloud_is_understood() {
        let body =
            br#"{"type":"start","start":{"status":2,"owner":"alice","actor":{"type":"users","id":"alice"}}}"#;
        let wish = Wish::Start { kind: Kind::Audio, owner: "alice".to_owned(), actor: alice() };
        assert_eq!(parse(body), Ok(wish));
    }

    #[test]
    fn a_start_without_status_is_with_video_and_more_keys_do_no_harm() {
        let body = br#"{"type":"start","x":1,"start":{"owner":"alice","actor":{"type":"users","id":"alice","y":2}}}"#;
        let wish = Wish::Start { kind: Kind::Video, owner: "alice".to_owned(), actor: alice() };
        assert_eq!(parse(body), Ok(wish));
    }

    #[test]
    fn a_stop_by_nobody_is_an_empty_array_or_object() {
        for body in [r#"{"type":"stop","stop":[]}"#, r#"{"type":"stop","stop":{}}"#] {
            assert_eq!(parse(body.as_bytes()), Ok(Wish::Stop { by: None }), "{body}");
        }
    }

    #[test]
    fn a_stop_by_somebody_names_them() {
        let body = br#"{"type":"stop","stop":{"actor":{"type":"users","id":"alice"}}}"#;
        assert_eq!(parse(body), Ok(Wish::Stop { by: Some(alice()) }));
    }

    #[test]
    fn everything_else_is_an_error_with_a_reason() {
        let bad = [
            "",
            "{",
            "1",
            "null",
            "[]",
            "{}",
            r#"{"type":7}"#,
            r#"{"type":"pause"}"#,
            r#"{"type":"start"}"#,
            r#"{"type":"start","start":[]}"#,
            r#"{"type":"start","start":{"owner":"a"}}"#,
            r#"{"type":"start","start":{"owner":1,"actor":{"type":"users","id":"a"}}}"#,
            r#"{"type":"start","start":{"owner":"a","actor":{"type":"users"}}}"#,
            r#"{"type":"start","start":{"status":"1","owner":"a","actor":{"type":"users","id":"a"}}}"#,
            r#"{"type":"start","start":{"status":3,"owner":"a","actor":{"type":"users","id":"a"}}}"#,
            r#"{"type":"stop"}"#,
            r#"{"type":"stop","stop":null}"#,
            r#"{"type":"stop","stop":[1]}"#,
        ];
        for body in bad {
            assert!(parse(body.as_bytes()).is_err_and(|reason| !reason.is_empty()), "{body}");
        }
    }
}
