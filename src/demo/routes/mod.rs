//! The doors of the demo cloud. Every request passes [`at_door`]: the fault that awaits it, if any, then
//! Nextcloud's own check of API requests, then the route; its answer goes to the journal.
//!
//! A request that is refused is read to its end first, as the web server in front of a Nextcloud does.

mod dav;
mod notice;
mod page;
mod settings;
mod share;
mod store;

use actix_web::{
    Error, HttpMessage, HttpResponse, HttpResponseBuilder,
    body::BoxBody,
    dev::{Payload, ServiceRequest, ServiceResponse},
    guard,
    http::{
        StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER},
    },
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
    let is_json = || guard::Header("content-type", "application/json");
    let store = web::resource("/v1/recording/{token}/store")
        .wrap(from_fn(|request: ServiceRequest, next| {
            let is_form = request.headers().get(CONTENT_TYPE).is_none_or(|kind| kind != "application/json");
            at_door(if is_form { Door::Store } else { Door::HandIn }, request, next)
        }))
        .route(web::post().guard(is_json()).to(share::hand_in))
        .post(store::store);
    let request_upload = web::resource("/v1/recording/{token}/request-upload")
        .wrap(from_fn(|request, next| at_door(Door::RequestUpload, request, next)))
        .post(share::request_upload);
    let talk = web::scope("/ocs/v2.php/apps/spreed/api");
    let directory = "/public.php/dav/uploads/{share}/{upload}";
    let uploads = web::resource([directory, "/public.php/dav/uploads/{share}/{upload}/{name}"])
        .wrap(from_fn(|request: ServiceRequest, next| {
            at_door(dav::door(request.method().as_str()), request, next)
        }))
        .to(dav::dav);
    app.service(page).service(uploads);
    app.service(talk.service(settings).service(notice).service(store).service(request_upload));
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
            request.into_response(HttpResponse::new(known(status)))
        }
        Some(Fault::Busy(status, seconds)) => {
            read_to_end(request.take_payload()).await;
            let busy = HttpResponseBuilder::new(known(status)).insert_header((RETRY_AFTER, seconds)).finish();
            request.into_response(busy)
        }
        Some(Fault::Drop | Fault::BreakHalfway | Fault::BreakAtEnd | Fault::Hang(_)) => {
            let body = content_length(&request);
            match fault {
                Some(Fault::BreakHalfway) => read(request.take_payload(), body / 2).await,
                Some(Fault::BreakAtEnd) => read_to_end(request.take_payload()).await,
                _ => {}
            }
            request.into_response(HttpResponse::new(StatusCode::BAD_GATEWAY))
        }
        None | Some(Fault::Delay(_) | Fault::LoseAnswer) => serve(door, request, next).await?,
    };
    let is_lost = !matches!(fault, None | Some(Fault::Status(_) | Fault::Busy(..) | Fault::Delay(_)));
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
    let largest = inside(&request).state.borrow().rules.largest_request;
    if largest.is_some_and(|largest| content_length(&request) > largest) {
        read_to_end(request.take_payload()).await;
        let page = "<html><head><title>413 Request Entity Too Large</title></head></html>";
        let refusal = HttpResponse::PayloadTooLarge().content_type("text/html").body(page);
        return Ok(request.into_response(refusal));
    }
    let is_api_request = request.headers().get("OCS-ApiRequest").is_some_and(|value| value == "true");
    if !is_api(door) || is_api_request {
        return next.call(request).await;
    }
    read_to_end(request.take_payload()).await;
    let refusal = HttpResponseBuilder::new(StatusCode::PRECONDITION_FAILED)
        .json(json!({"message": "CSRF check failed"}));
    Ok(request.into_response(refusal))
}

/// Whether a door belongs to Nextcloud's API.
fn is_api(door: Door) -> bool {
    match door {
        Door::Settings | Door::Notice | Door::Store | Door::RequestUpload | Door::HandIn => true,
        Door::Page | Door::MakeDirectory | Door::Chunk | Door::Look | Door::Remove | Door::Join => false,
    }
}

fn known(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn content_length(request: &ServiceRequest) -> u64 {
    let header = request.headers().get(CONTENT_LENGTH);
    header.and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0)
}

fn inside(request: &ServiceRequest) -> web::Data<Inside> {
    request.app_data::<web::Data<Inside>>().cloned().expect("the app is made with it")
}

async fn read_to_end(payload: Payload) {
    read(payload, u64::MAX).await;
}

/// Reads so many bytes of a body, or somewhat more.
async fn read(mut payload: Payload, bytes: u64) {
    let mut left = bytes;
    while left > 0
        && let Some(Ok(piece)) = payload.next().await
    {
        left = left.saturating_sub(piece.len() as u64);
    }
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
    async fn a_busy_door_says_for_how_long() {
        let (cloud, _files) = cloud();
        cloud.faults().script(Door::Notice, [Fault::Busy(429, 7)]);
        let answer = failed(&cloud).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["Retry-After"]),
            (429, &"7".parse().unwrap())
        );
    }

    #[actix_rt::test]
    async fn a_body_that_breaks_off_does_nothing() {
        let (cloud, _files) = cloud();
        cloud.faults().script(Door::Notice, [Fault::BreakHalfway, Fault::BreakAtEnd]);
        for _ in 0..2 {
            assert!(failed(&cloud).send().await.is_err());
        }
        assert_eq!(cloud.state().told("abcd1234"), []);
        assert_eq!(cloud.state().requests_at(Door::Notice), 2);
    }

    #[actix_rt::test]
    async fn a_request_without_the_api_header_is_refused_before_its_checksum_is_looked_at() {
        let (cloud, _files) = cloud();
        let url = format!("{}/ocs/v2.php/apps/spreed/api/v1/recording/backend", cloud.address());
        assert_eq!(Client::new().post(url).body(FAILED).send().await.unwrap().status(), 412);
    }
}
