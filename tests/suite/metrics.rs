//! `/metrics` as a scraper sees it.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use reqwest::header::{ACCEPT, ALLOW, CONTENT_TYPE};
use talk_recorder::demo::Kind;
use testing::{Scene, Setup};

use crate::SERVER;

const SYNTHETIC: &str = "engine = \"synthetic\"";

async fn scrape(scene: &Scene, accept: &str) -> reqwest::Response {
    let client = reqwest::Client::new();
    client.get(format!("{}/metrics", scene.server.url())).header(ACCEPT, accept).send().await.unwrap()
}

/// What Prometheus' own tool says of a text in the classic format.
fn promtool_says(text: &str) -> (bool, String) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is not installed: `make test-deps`, or install the Debian package prometheus");
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[actix_rt::test]
async fn every_family_of_a_configured_backend_stands_at_zero_from_the_first_scrape() {
    let scene = Scene::synthetic(SERVER).await;
    for name in ["current", "total", "failed_total", "uploads_failed_total", "duration_seconds_total"] {
        assert_eq!(scene.server.count(name).await, 0.0, "{name}");
    }
}

#[actix_rt::test]
async fn promtool_has_nothing_to_say_against_the_classic_text() {
    let scene = Scene::synthetic(SERVER).await;
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    let answer = scrape(&scene, "*/*").await;
    assert_eq!(answer.headers()[CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text().await.unwrap();
    assert_eq!(promtool_says(&text), (true, String::new()), "{text}");
}

#[actix_rt::test]
async fn promtool_would_have_something_to_say() {
    let (fine, complaint) = promtool_says("# TYPE a counter\na 1\n");
    assert!(!fine && complaint.contains("help text"), "{complaint}");
}

#[actix_rt::test]
async fn prometheus_gets_open_metrics() {
    let scene = Scene::synthetic(SERVER).await;
    let answer =
        scrape(&scene, "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5").await;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(answer.headers()[CONTENT_TYPE], kind);
    let text = answer.text().await.unwrap();
    assert!(text.contains("# TYPE recording_recordings counter\n"), "{text}");
    assert!(text.ends_with("# EOF\n"), "{text}");
}

#[actix_rt::test]
async fn a_stranger_gets_403_and_not_a_byte() {
    let setup =
        Setup { recording: SYNTHETIC, more: "[stats]\nallowed_ips = [\"192.0.2.1\"]", ..Setup::default() };
    let scene = Scene::start(SERVER, setup).await;
    let answer = scrape(&scene, "*/*").await;
    assert_eq!(answer.status(), 403);
    assert!(answer.headers().get(CONTENT_TYPE).is_none());
    assert_eq!(answer.bytes().await.unwrap().len(), 0);
}

#[actix_rt::test]
async fn an_empty_allowlist_allows_nobody() {
    let setup = Setup { recording: SYNTHETIC, more: "[stats]\nallowed_ips = []", ..Setup::default() };
    let scene = Scene::start(SERVER, setup).await;
    assert_eq!(scrape(&scene, "*/*").await.status(), 403);
}

#[actix_rt::test]
async fn behind_a_trusted_proxy_the_client_counts() {
    let more = "[app]\ntrustedproxies = [\"127.0.0.0/8\"]\n[stats]\nallowed_ips = [\"192.0.2.0/24\"]";
    let scene = Scene::start(SERVER, Setup { recording: SYNTHETIC, more, ..Setup::default() }).await;
    let url = format!("{}/metrics", scene.server.url());
    let from =
        |client: &'static str| reqwest::Client::new().get(&url).header("X-Forwarded-For", client).send();
    assert_eq!(from("192.0.2.7").await.unwrap().status(), 200);
    assert_eq!(from("198.51.100.1, 192.0.2.7").await.unwrap().status(), 200);
    assert_eq!(from("192.0.2.7, 198.51.100.1").await.unwrap().status(), 403);
    assert_eq!(scrape(&scene, "*/*").await.status(), 403, "the proxy itself is not allowed");
}

#[actix_rt::test]
async fn metrics_are_read_only() {
    let scene = Scene::synthetic(SERVER).await;
    let url = format!("{}/metrics", scene.server.url());
    let answer = reqwest::Client::new().post(&url).send().await.unwrap();
    assert_eq!(answer.status(), 405);
    assert_eq!(answer.headers()[ALLOW], "GET, HEAD");
    assert_eq!(reqwest::Client::new().head(&url).send().await.unwrap().status(), 200);
}
