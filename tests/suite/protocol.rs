//! Each row of the protocol's table of answers.

use std::time::Duration;

use reqwest::{Body, Client, RequestBuilder, Response, header::ALLOW};
use secrecy::SecretString;
use talk_recorder::signature::Signature;
use testing::{
    Scene,
    scene::{ROOM, SECRET},
};

use crate::SERVER;

pub(crate) const START: &str =
    r#"{"type":"start","start":{"status":1,"owner":"alice","actor":{"type":"users","id":"alice"}}}"#;
pub(crate) const STOP: &str = r#"{"type":"stop","stop":{"actor":{"type":"users","id":"alice"}}}"#;

/// A request that Nextcloud would send.
pub(crate) async fn post_signed(url: &str, backend: &str, body: &'static str) -> Response {
    signed(url, backend, body).send().await.unwrap()
}

fn signed(url: &str, backend: &str, body: &'static str) -> RequestBuilder {
    let Signature { random, checksum } = Signature::of(&SecretString::from(SECRET), body.as_bytes());
    Client::new()
        .post(url)
        .header("Talk-Recording-Backend", format!("{backend}/"))
        .header("Talk-Recording-Random", random)
        .header("Talk-Recording-Checksum", checksum)
        .body(body)
}

/// Posts to the room of the scene.
pub(crate) async fn post(scene: &Scene, body: &'static str) -> u16 {
    post_signed(&room_url(scene, ROOM), scene.cloud.address(), body).await.status().as_u16()
}

fn room_url(scene: &Scene, room: &str) -> String {
    format!("{}/api/v1/room/{room}", scene.server.url())
}

#[actix_rt::test]
async fn welcome_tells_the_version_and_the_time() {
    let scene = Scene::synthetic(SERVER).await;
    let url = format!("{}/api/v1/welcome", scene.server.url());
    let answer = reqwest::get(&url).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("date"));
    let body: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(body["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(Client::new().head(&url).send().await.unwrap().status(), 200);
    let posted = Client::new().post(&url).send().await.unwrap();
    assert_eq!((posted.status().as_u16(), &posted.headers()[ALLOW]), (405, &"GET, HEAD".parse().unwrap()));
    assert_eq!(reqwest::get(format!("{url}/")).await.unwrap().status(), 404);
}

#[actix_rt::test]
async fn start_and_stop_are_idempotent() {
    let scene = Scene::synthetic(SERVER).await;
    assert_eq!(post(&scene, STOP).await, 404, "nothing to stop");
    assert_eq!(post(&scene, START).await, 200);
    assert_eq!(post(&scene, START).await, 200, "again");
    assert_eq!(post(&scene, STOP).await, 200);
    assert_eq!(post(&scene, STOP).await, 200, "again");
    scene.until_nothing_is_spooled().await;
    assert_eq!(post(&scene, STOP).await, 200, "soon after its end");
    assert_eq!(scene.server.count("total").await, 1.0);
}

#[actix_rt::test]
async fn the_same_request_may_come_again_to_the_letter() {
    let scene = Scene::synthetic(SERVER).await;
    let request = signed(&room_url(&scene, ROOM), scene.cloud.address(), START);
    assert_eq!(request.try_clone().unwrap().send().await.unwrap().status(), 200);
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[actix_rt::test]
async fn rooms_are_apart() {
    let scene = Scene::synthetic(SERVER).await;
    assert_eq!(post(&scene, START).await, 200);
    let other = room_url(&scene, "efgh5678");
    assert_eq!(post_signed(&other, scene.cloud.address(), STOP).await.status(), 404);
}

#[actix_rt::test]
async fn requests_without_a_right_signature_are_forbidden() {
    let scene = Scene::synthetic(SERVER).await;
    let (url, backend) = (room_url(&scene, ROOM), scene.cloud.address());
    let without = |name: &str| {
        let mut request = signed(&url, backend, START).build().unwrap();
        request.headers_mut().remove(name);
        Client::new().execute(request)
    };
    for name in ["Talk-Recording-Backend", "Talk-Recording-Random", "Talk-Recording-Checksum"] {
        assert_eq!(without(name).await.unwrap().status(), 403, "{name}");
    }
    assert_eq!(post_signed(&url, "https://stranger.example.com", START).await.status(), 403);
    assert_eq!(signed(&url, backend, START).body(STOP).send().await.unwrap().status(), 403);
    let mut upper_case = signed(&url, backend, START).build().unwrap();
    let checksum = upper_case.headers()["Talk-Recording-Checksum"].to_str().unwrap().to_uppercase();
    upper_case.headers_mut().insert("Talk-Recording-Checksum", checksum.parse().unwrap());
    assert_eq!(Client::new().execute(upper_case).await.unwrap().status(), 403);
    assert_eq!(scene.server.count("total").await, 0.0);
}

#[actix_rt::test]
async fn neither_secret_nor_right_checksum_is_in_the_log() {
    let mut scene = Scene::synthetic(SERVER).await;
    let right = Signature::of(&SecretString::from(SECRET), STOP.as_bytes());
    let answer = signed(&room_url(&scene, ROOM), scene.cloud.address(), START).body(STOP);
    assert_eq!(answer.send().await.unwrap().status(), 403);
    scene.server.wait_for_log(0, "the checksum does not fit").await;
    let log = scene.server.log();
    assert!(!log.contains(SECRET) && !log.contains(&right.checksum), "{log}");
}

#[actix_rt::test]
async fn malformed_bodies_are_bad_requests() {
    let scene = Scene::synthetic(SERVER).await;
    let bodies = [
        "",
        "no json",
        "7",
        "null",
        "[]",
        "{}",
        r#"{"type":"pause","pause":{}}"#,
        r#"{"type":"start"}"#,
        r#"{"type":"start","start":{"owner":"alice"}}"#,
        r#"{"type":"stop"}"#,
        r#"{"type":"stop","stop":null}"#,
    ];
    for body in bodies {
        assert_eq!(post(&scene, body).await, 400, "{body:?}");
    }
    let bad_token = format!("{}/api/v1/room/UP..CASE", scene.server.url());
    assert_eq!(post_signed(&bad_token, scene.cloud.address(), START).await.status(), 400);
}

#[actix_rt::test]
async fn a_missing_status_is_a_recording_with_picture() {
    let scene = Scene::synthetic(SERVER).await;
    let start = r#"{"type":"start","start":{"owner":"alice","actor":{"type":"users","id":"alice"}}}"#;
    assert_eq!(post(&scene, start).await, 200);
    assert_eq!(scene.server.count("total").await, 1.0);
}

#[actix_rt::test]
async fn long_bodies_are_refused_and_chunked_ones_are_read() {
    let scene = Scene::synthetic(SERVER).await;
    let (url, backend) = (room_url(&scene, ROOM), scene.cloud.address());
    let long: &'static str = Box::leak(format!("{START}{}", " ".repeat(1024)).into_boxed_str());
    assert_eq!(post_signed(&url, backend, long).await.status(), 400);
    let chunked = |body: &'static str| {
        let pieces = body.as_bytes().chunks(16).map(Ok::<_, std::io::Error>);
        let stream = Body::wrap_stream(futures_util::stream::iter(pieces.collect::<Vec<_>>()));
        signed(&url, backend, body).body(stream).send()
    };
    assert_eq!(chunked(long).await.unwrap().status(), 400);
    assert_eq!(chunked(START).await.unwrap().status(), 200);
}

#[actix_rt::test]
async fn other_methods_are_named() {
    let scene = Scene::synthetic(SERVER).await;
    let answer = reqwest::get(room_url(&scene, ROOM)).await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()[ALLOW]), (405, &"POST".parse().unwrap()));
}

#[actix_rt::test]
async fn a_client_that_never_sends_its_body_is_let_go() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let scene = Scene::synthetic(SERVER).await;
    let address = scene.server.url().strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /api/v1/room/{ROOM} HTTP/1.1\r\nHost: x\r\nTalk-Recording-Backend: {}\r\nTalk-Recording-Random: x\r\n\
         Talk-Recording-Checksum: x\r\nContent-Length: 100\r\n\r\n",
        scene.cloud.address(),
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    let read = tokio::time::timeout(Duration::from_secs(15), stream.read_exact(&mut answer)).await;
    read.expect("an answer in time").unwrap();
    assert_eq!(&answer, b"HTTP/1.1 400");
}
