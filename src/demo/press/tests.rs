//! The orders that reach a recorder, byte by byte, and what its answers do to the room.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinSet,
};

use super::*;
use crate::demo::cloud::tests::{SECRET, cloud};

/// Answers each connection with the next status and keeps the requests.
struct Recorder {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
    _server: JoinSet<()>,
}

impl Recorder {
    async fn answering(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        let mut server = JoinSet::new();
        server.spawn(async move {
            for status in statuses {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut bytes = Vec::new();
                // Every order ends in two closing braces or an empty list.
                while !bytes.ends_with(b"}}") && !bytes.ends_with(b"[]}") {
                    stream.read_buf(&mut bytes).await.unwrap();
                }
                seen.lock().unwrap().push(String::from_utf8(bytes).unwrap());
                let answer = format!("HTTP/1.1 {status} Whatever\r\nContent-Length: 2\r\n\r\n{{}}");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { address, requests, _server: server }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn header<'a>(request: &'a str, name: &str) -> &'a str {
    let mut lines = request.lines().map(|line| line.split_once(": ").unwrap_or_default());
    lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
}

fn body(request: &str) -> &str {
    request.split_once("\r\n\r\n").unwrap().1
}

#[actix_rt::test]
async fn a_start_is_signed_and_the_room_changes_after_the_answer() {
    let (cloud, _files) = cloud();
    let recorder = Recorder::answering(&[200]).await;
    cloud.use_recorder(&recorder.address);
    cloud.press_record("abcd1234", Kind::Video).await.unwrap();
    assert_eq!(cloud.state().recording("abcd1234"), Some(RecordingState::VideoStarting));
    let request = recorder.requests().remove(0);
    assert!(request.starts_with("POST /api/v1/room/abcd1234 HTTP/1.1\r\n"));
    assert_eq!(
        body(&request),
        r#"{"type":"start","start":{"status":1,"owner":"alice","actor":{"type":"users","id":"alice"}}}"#
    );
    assert_eq!(header(&request, "Content-Type"), "application/json");
    assert_eq!(header(&request, "Talk-Recording-Backend"), format!("{}/", cloud.address()));
    let signature = Signature {
        random: header(&request, RANDOM_HEADER).to_owned(),
        checksum: header(&request, CHECKSUM_HEADER).to_owned(),
    };
    assert_eq!(signature.random.len(), 64);
    assert!(signature.verifies(&SECRET.into(), body(&request).as_bytes()));
}

#[actix_rt::test]
async fn a_server_error_is_tried_again_with_the_identical_request() {
    let (cloud, _files) = cloud();
    let recorder = Recorder::answering(&[500, 503, 200]).await;
    cloud.use_recorder(&recorder.address);
    cloud.press_record("abcd1234", Kind::Audio).await.unwrap();
    let requests = recorder.requests();
    assert_eq!(requests[0], requests[1]);
    assert_eq!(requests[0], requests[2]);
    assert!(body(&requests[0]).contains(r#""status":2"#));
    assert_eq!(cloud.state().recording("abcd1234"), Some(RecordingState::AudioStarting));
}

#[actix_rt::test]
async fn a_refused_start_leaves_the_room_as_it_was() {
    let (cloud, _files) = cloud();
    assert_eq!(cloud.press_record("abcd1234", Kind::Video).await, Err(PressError::NoRecorder));
    let recorder = Recorder::answering(&[403]).await;
    cloud.use_recorder(&recorder.address);
    assert_eq!(cloud.press_record("abcd1234", Kind::Video).await, Err(PressError::Refused(403)));
    assert_eq!(cloud.state().recording("abcd1234"), Some(RecordingState::None));
    assert_eq!(recorder.requests().len(), 1);
}

#[actix_rt::test]
async fn a_stop_names_its_actor_and_an_ended_call_names_nobody() {
    let (cloud, _files) = cloud();
    let recorder = Recorder::answering(&[200, 200]).await;
    cloud.use_recorder(&recorder.address);
    cloud.press_stop("abcd1234").await.unwrap();
    assert!(recorder.requests().is_empty(), "nothing to stop");
    cloud.set_recording("abcd1234", RecordingState::Video);
    cloud.press_stop("abcd1234").await.unwrap();
    cloud.end_call("abcd1234").await.unwrap();
    let requests = recorder.requests();
    let by_alice = r#"{"type":"stop","stop":{"actor":{"type":"users","id":"alice"}}}"#;
    assert_eq!(body(&requests[0]), by_alice);
    assert_eq!(body(&requests[1]), r#"{"type":"stop","stop":[]}"#);
    assert_eq!(cloud.state().recording("abcd1234"), Some(RecordingState::Video));
}

#[actix_rt::test]
async fn a_stop_that_nobody_knows_shows_a_failed_recording() {
    let (cloud, _files) = cloud();
    let recorder = Recorder::answering(&[404]).await;
    cloud.use_recorder(&recorder.address);
    cloud.set_recording("abcd1234", RecordingState::Video);
    cloud.press_stop("abcd1234").await.unwrap();
    assert_eq!(cloud.state().recording("abcd1234"), Some(RecordingState::Failed));
}

#[test]
fn json_is_written_as_php_writes_it() {
    assert_eq!(php_json(&"a/\u{e4}\u{1f600}\"").unwrap(), r#""a\/\u00e4\ud83d\ude00\"""#);
}
