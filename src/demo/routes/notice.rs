//! Notices of the recorder: started, stopped, failed.

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Bytes, Data},
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error;
use crate::demo::{
    cloud::Inside,
    ocs,
    state::{Actor, Notice, NoticeKind},
};

/// Why a message is no notice.
#[derive(Debug, PartialEq, Eq)]
enum NoNotice {
    /// Talk knows no such type, or it is no JSON at all.
    UnknownType,
    /// A field is missing or of the wrong type, on which Talk fails.
    BadField,
}

pub(super) async fn notice(cloud: Data<Inside>, request: HttpRequest, body: Bytes) -> HttpResponse {
    if !ocs::is_signed(&request, &cloud.recording_secret(), &body) {
        return ocs::refusal(
            StatusCode::FORBIDDEN,
            &error("invalid_request", "The request could not be authenticated."),
        );
    }
    let notice = match parse(&body) {
        Ok(notice) => notice,
        Err(NoNotice::UnknownType) => {
            let data = error("unknown_type", "The given type is not supported.");
            return ocs::refusal(StatusCode::BAD_REQUEST, &data);
        }
        Err(NoNotice::BadField) => {
            let message = "Internal Server Error\n";
            return ocs::refusal_with(StatusCode::INTERNAL_SERVER_ERROR, 996, message, &json!([]));
        }
    };
    let mut outcome = Ok(());
    cloud.state.send_modify(|state| outcome = state.take(notice));
    if outcome.is_err() {
        let data = error("no_such_room", "Room not found.");
        return ocs::refusal(StatusCode::NOT_FOUND, &data);
    }
    ocs::ok(&json!(null))
}

fn parse(body: &[u8]) -> Result<Notice, NoNotice> {
    let message: Value = serde_json::from_slice(body).map_err(|_| NoNotice::UnknownType)?;
    let name = message["type"].as_str().ok_or(NoNotice::UnknownType)?;
    let content = &message[name];
    let kind = match name {
        "started" => NoticeKind::Started(content["status"].as_i64().ok_or(NoNotice::BadField)?),
        "stopped" => NoticeKind::Stopped,
        "failed" => NoticeKind::Failed,
        _ => return Err(NoNotice::UnknownType),
    };
    Ok(Notice {
        at: Timestamp::now(),
        room: content["token"].as_str().ok_or(NoNotice::BadField)?.to_owned(),
        kind,
        actor: Actor::deserialize(&content["actor"]).ok(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::tests::signed;
    use super::*;
    use crate::demo::{
        cloud::{Cloud, tests::cloud},
        state::RecordingState,
    };

    const STARTED: &str = r#"{"type":"started","started":{"token":"abcd1234","status":1,"actor":{"type":"users","id":"alice"}}}"#;

    async fn tell(cloud: &Cloud, body: &str) -> reqwest::StatusCode {
        let request = signed(cloud, "v1/recording/backend", body).body(body.to_owned());
        request.send().await.unwrap().status()
    }

    #[actix_rt::test]
    async fn started_is_accepted_once_and_its_actor_is_remembered() {
        let (cloud, _files) = cloud();
        assert_eq!(tell(&cloud, STARTED).await, 404);
        cloud.change(|state| {
            state.rooms.get_mut("abcd1234").unwrap().recording = RecordingState::VideoStarting;
        });
        assert_eq!(tell(&cloud, STARTED).await, 200);
        assert_eq!(tell(&cloud, STARTED).await, 404);
        let is_video =
            |state: &crate::demo::state::State| state.recording("abcd1234") == Some(RecordingState::Video);
        let state = cloud.wait_for(is_video, Duration::from_secs(1)).await.unwrap();
        assert_eq!(state.notices[0].actor.as_ref().unwrap().id, "alice");
        assert_eq!(state.notices.len(), 1);
    }

    #[actix_rt::test]
    async fn a_wrong_checksum_is_refused() {
        let (cloud, _files) = cloud();
        let request = signed(&cloud, "v1/recording/backend", "something else").body(STARTED);
        assert_eq!(request.send().await.unwrap().status(), 403);
    }

    #[actix_rt::test]
    async fn unknown_rooms_and_types_are_refused() {
        let (cloud, _files) = cloud();
        assert_eq!(tell(&cloud, r#"{"type":"stopped","stopped":{"token":"nosuchroom"}}"#).await, 404);
        assert_eq!(tell(&cloud, r#"{"type":"paused","paused":{"token":"abcd1234"}}"#).await, 400);
        assert_eq!(tell(&cloud, "no json").await, 400);
    }

    #[test]
    fn a_status_that_is_no_number_is_a_bad_field() {
        let body = br#"{"type":"started","started":{"token":"abcd1234","status":"1"}}"#;
        assert_eq!(parse(body), Err(NoNotice::BadField));
    }
}
