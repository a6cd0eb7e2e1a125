//! The doors of the demo cloud. Every request passes [`at_door`]: the fault that awaits it, if any, then
//! Nextcloud's own check of API requests, then the route; its answer goes to the journal.
//!
//! A request that is refused is read to its end first, as the web server in front of a Nextcloud does.

mod notice;
mod page;
mod settings;
mod store;

use actix_web::{
    Error, HttpMessage, HttpResponse, HttpResponseBuilder,
    body::BoxBody,
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::StatusCode,
    middleware::{Next, from_fn},
    web,
};
use futures_util::StreamExt;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    cloud::Inside,
    faults::{Door, Fault, Line},
    ocs,
    state::Received,
};

/// All routes of the demo cloud.
pub(super) fn configure(app: &mut web::ServiceConfig) {
    let page = web::resource("/index.php/call/{token}/recording")
        .wrap(from_fn(|request, next| at_door(Door::Page, request, next)))
        .get(page::page);
    let settings = web::resource("/v3/signaling/settings")
        .wrap(from_fn(|request, next| at_door(Door::Settings, request, next)))
        .get(settings::settings);
    let notice = web::resource("/v1/recording/backend")
        .wrap(from_fn(|request, next| at_door(Door::Notice, request, next)))
        .post(notice::notice);
    let store = web::resource("/v1/recording/{token}/store")
        .wrap(from_fn(|request, next| at_door(Door::Store, request, next)))
        .post(store::store);
    let request_upload = web::resource("/v1/recording/{token}/request-upload")
        .wrap(from_fn(|request, next| at_door(Door::RequestUpload, request, next)))
        .post(no_such_route);
    let talk = web::scope("/ocs/v2.php/apps/spreed/api");
    app.service(page).service(talk.service(settings).service(notice).service(store).service(request_upload));
}

async fn at_door(
    door: Door,
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let (cloud, path) = (inside(&request), request.path().to_owned());
    let fault = cloud.faults.take(door);
    if let Some(Fault::Delay(time) | Fault::Hang(time)) = fault {
        sleep(time).await;
    }
    let response = match fault {
        Some(Fault::Status(status)) => {
            read_to_end(request.take_payload()).await;
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            request.into_response(HttpResponse::new(status))
        }
        Some(Fault::Drop | Fault::Hang(_)) => {
            request.into_response(HttpResponse::new(StatusCode::BAD_GATEWAY))
        }
        None | Some(Fault::Delay(_) | Fault::LoseAnswer) => serve(door, request, next).await?,
    };
    let is_lost = matches!(fault, Some(Fault::Drop | Fault::Hang(_) | Fault::LoseAnswer));
    let received =
        Received { at: Timestamp::now(), door, path, answer: (!is_lost).then(|| response.status().as_u16()) };
    cloud.state.send_modify(|state| state.received.push(received));
    // Last, so that whoever sees the connection break finds the request in the journal.
    if is_lost && let Some(line) = response.request().conn_data::<Line>() {
        line.break_off();
    }
    Ok(response)
}

async fn serve(
    door: Door,
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let is_api_request = request.headers().get("OCS-ApiRequest").is_some_and(|value| value == "true");
    if door == Door::Page || is_api_request {
        return next.call(request).await;
    }
    read_to_end(request.take_payload()).await;
    let refusal = HttpResponseBuilder::new(StatusCode::PRECONDITION_FAILED)
        .json(json!({"message": "CSRF check failed"}));
    Ok(request.into_response(refusal))
}

/// The answer of a Talk that is too old for uploads in pieces.
async fn no_such_route() -> HttpResponse {
    let message = "Invalid query, please check the syntax. API specifications are here: \
                   http://www.freedesktop.org/wiki/Specifications/open-collaboration-services.\n";
    ocs::refusal_with(StatusCode::NOT_FOUND, 998, message, &json!([]))
}

fn inside(request: &ServiceRequest) -> web::Data<Inside> {
    request.app_data::<web::Data<Inside>>().cloned().expect("the app is made with it")
}

async fn read_to_end(mut payload: Payload) {
    while let Some(Ok(_)) = payload.next().await {}
}

/// How the recording routes of Talk say no.
fn error(code: &str, message: &str) -> Value {
    json!({"type": "error", "error": {"code": code, "message": message}})
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::Client;

    use super::*;
    use crate::demo::{
        cloud::{
            Cloud,
            tests::{SECRET, cloud},
        },
        state::{NoticeKind, RecordingState},
    };
    use crate::signature::{CHECKSUM_HEADER, RANDOM_HEADER, Signature};

    const FAILED: &str = r#"{"type":"failed","failed":{"token":"abcd1234"}}"#;

    /// A request to Talk's API, signed with the recording secret.
    pub(super) fn signed(cloud: &Cloud, path: &str, payload: &str) -> reqwest::RequestBuilder {
        let signature = Signature::of(&SECRET.into(), payload.as_bytes());
        Client::new()
            .post(format!("{}/ocs/v2.php/apps/spreed/api/{path}", cloud.address()))
            .header("OCS-ApiRequest", "true")
            .header(RANDOM_HEADER, signature.random)
            .header(CHECKSUM_HEADER, signature.checksum)
    }

    fn failed(cloud: &Cloud) -> reqwest::RequestBuilder {
        signed(cloud, "v1/recording/backend", FAILED).body(FAILED)
    }

    #[actix_rt::test]
    async fn a_scripted_status_is_answered_once_and_does_nothing() {
        let (cloud, _files) = cloud();
        cloud.faults().script(Door::Notice, [Fault::Status(503)]);
        assert_eq!(failed(&cloud).send().await.unwrap().status(), 503);
        assert_eq!(cloud.state().told("abcd1234"), []);
        assert_eq!(failed(&cloud).send().await.unwrap().status(), 200);
        let answers: Vec<_> = cloud.state().received.iter().map(|request| request.answer).collect();
        assert_eq!(answers, [Some(503), Some(200)]);
    }

    #[actix_rt::test]
    async fn a_lost_answer_was_performed_and_a_dropped_request_was_not() {
        let (cloud, _files) = cloud();
        cloud.faults().script(Door::Notice, [Fault::Drop]);
        assert!(failed(&cloud).send().await.is_err());
        assert_eq!(cloud.state().recording("abcd1234"), Some(RecordingState::None));
        cloud.faults().script(Door::Notice, [Fault::LoseAnswer]);
        assert!(failed(&cloud).send().await.is_err());
        assert_eq!(cloud.state().told("abcd1234"), [NoticeKind::Failed]);
        assert_eq!(cloud.state().received[1].answer, None);
    }

    #[actix_rt::test]
    async fn a_delay_is_served_later_and_a_hang_never() {
        let (cloud, _files) = cloud();
        let time = Duration::from_millis(60);
        cloud.faults().script(Door::Notice, [Fault::Delay(time), Fault::Hang(time)]);
        let before = tokio::time::Instant::now();
        assert_eq!(failed(&cloud).send().await.unwrap().status(), 200);
        assert!(before.elapsed() >= time);
        assert!(failed(&cloud).send().await.is_err());
        assert!(before.elapsed() >= time * 2);
        assert_eq!(cloud.state().notices.len(), 1);
    }

    #[actix_rt::test]
    async fn a_request_without_the_api_header_is_refused_before_its_checksum_is_looked_at() {
        let (cloud, _files) = cloud();
        let url = format!("{}/ocs/v2.php/apps/spreed/api/v1/recording/backend", cloud.address());
        assert_eq!(Client::new().post(url).body(FAILED).send().await.unwrap().status(), 412);
    }

    #[actix_rt::test]
    async fn an_upload_in_pieces_is_not_known_here() {
        let (cloud, _files) = cloud();
        let answer = signed(&cloud, "v1/recording/abcd1234/request-upload", "abcd1234").send();
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), 404);
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["ocs"]["meta"]["statuscode"], 998);
    }
}
