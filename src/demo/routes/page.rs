//! The recording page: the sample call while the recording of its room is starting, else "not found".

use actix_web::{
    HttpResponse,
    http::{StatusCode, header::ContentType},
    web::{Data, Path},
};

use crate::demo::{cloud::Inside, state::RecordingState};

const CALL: &str = include_str!("../call.html");
const NOT_FOUND: &str = "<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title>Page not found</title></head>\
                         <body><h1>Page not found</h1></body></html>\n";

pub(super) async fn page(cloud: Data<Inside>, token: Path<String>) -> HttpResponse {
    let recording = cloud.state.borrow().recording(&token);
    let (status, html) = if recording.is_some_and(RecordingState::is_starting) {
        (StatusCode::OK, CALL)
    } else {
        (StatusCode::NOT_FOUND, NOT_FOUND)
    };
    HttpResponse::build(status).content_type(ContentType::html()).body(html)
}

#[cfg(test)]
mod tests {
    use crate::demo::{cloud::tests::cloud, state::RecordingState};

    #[actix_rt::test]
    async fn the_page_is_open_only_while_a_recording_starts() {
        let (cloud, _files) = cloud();
        let cases = [
            (RecordingState::None, 404),
            (RecordingState::VideoStarting, 200),
            (RecordingState::AudioStarting, 200),
            (RecordingState::Video, 404),
            (RecordingState::Failed, 404),
        ];
        for (recording, status) in cases {
            cloud.change(|state| state.rooms.get_mut("abcd1234").unwrap().recording = recording);
            let answer = reqwest::get(cloud.page("abcd1234")).await.unwrap();
            assert_eq!(answer.status(), status, "{recording:?}");
            let has_call = answer.text().await.unwrap().contains("signalingJoinCallForRecording");
            assert_eq!(has_call, status == 200);
        }
        assert_eq!(reqwest::get(cloud.page("nosuchroom")).await.unwrap().status(), 404);
    }
}
