//! `/metrics` as a scraper sees it.

use std::{collections::HashMap, io::Read};

use flate2::read::GzDecoder;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use talk_recorder::demo::{
    Kind,
    faults::{Door, Fault},
};
use testing::{Scene, Setup, promtool, scene::ROOM};

use crate::SERVER;

const SYNTHETIC: &str = "engine = \"synthetic\"";

async fn scrape(scene: &Scene, accept: &str) -> reqwest::Response {
    let client = reqwest::Client::new();
    client.get(format!("{}/metrics", scene.server.url())).header(ACCEPT, accept).send().await.unwrap()
}

#[actix_rt::test]
async fn every_family_of_a_configured_backend_stands_at_zero_from_the_first_scrape() {
    Scene::synthetic(SERVER).await.nothing_counts().await;
}

#[actix_rt::test]
async fn promtool_has_nothing_to_say_against_the_classic_text() {
    let scene = Scene::synthetic(SERVER).await;
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    let answer = scrape(&scene, "*/*").await;
    assert_eq!(answer.headers()[CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text().await.unwrap();
    assert_eq!(promtool::says_of_metrics(&text), (true, String::new()), "{text}");
}

#[actix_rt::test]
async fn promtool_would_have_something_to_say() {
    let (fine, complaint) = promtool::says_of_metrics("# TYPE a counter\na 1\n");
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

#[actix_rt::test]
async fn gzip_is_sent_to_those_who_take_it_and_holds_the_same_text() {
    let scene = Scene::synthetic(SERVER).await;
    let url = format!("{}/metrics", scene.server.url());
    let ask =
        |encoding: &'static str| reqwest::Client::new().get(&url).header(ACCEPT_ENCODING, encoding).send();
    let packed = ask("gzip").await.unwrap();
    assert_eq!(packed.headers()[CONTENT_ENCODING], "gzip");
    assert_eq!(packed.headers()[VARY], "Accept, Accept-Encoding");
    let packed = packed.bytes().await.unwrap();
    let mut text = String::new();
    GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
    assert!(text.starts_with("# HELP recording_recordings_current "), "{text}");
    assert!(packed.len() * 4 < text.len(), "{} of {}", packed.len(), text.len());

    let plain = ask("gzip;q=0, identity").await.unwrap();
    assert!(plain.headers().get(CONTENT_ENCODING).is_none());
    assert_eq!(plain.headers()[VARY], "Accept, Accept-Encoding");
}

#[actix_rt::test]
async fn a_head_has_the_headers_of_a_get() {
    let scene = Scene::synthetic(SERVER).await;
    let answer = reqwest::Client::new().head(format!("{}/metrics", scene.server.url())).send().await.unwrap();
    assert_eq!(answer.headers()[CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(answer.bytes().await.unwrap().len(), 0);
}

#[actix_rt::test]
async fn no_family_stands_twice_and_the_first_five_come_first() {
    let scene = Scene::synthetic(SERVER).await;
    for accept in ["*/*", "application/openmetrics-text"] {
        let text = scrape(&scene, accept).await.text().await.unwrap();
        let mut types: HashMap<&str, usize> = HashMap::new();
        for family in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()) {
            *types.entry(family).or_default() += 1;
        }
        assert!(types.len() > 30 && types.values().all(|times| *times == 1), "{types:?}");
    }
    let text = scene.server.metrics().await;
    let first: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).take(5).collect();
    let names = ["current", "failed_total", "uploads_failed_total", "total", "duration_seconds_total"];
    for (line, name) in first.iter().zip(names) {
        assert!(line.starts_with(&format!("recording_recordings_{name}{{backend=\"cloud\"}} 0")), "{line}");
    }
}

#[actix_rt::test]
async fn requests_do_not_make_series() {
    let scene = Scene::synthetic(SERVER).await;
    let series = async || scene.server.metrics().await.lines().filter(|line| !line.starts_with('#')).count();
    let client = reqwest::Client::new();
    let at = |path: &str| format!("{}{path}", scene.server.url());
    // The first of each kind may: its status is not among the usual ones.
    for path in ["/odd", "/metrics/odd", "/api/v1/room/odd"] {
        client.post(at(path)).body("odd").send().await.unwrap();
    }
    let before = series().await;
    for number in 0..50 {
        let odd = format!("odd{number}");
        for path in [format!("/{odd}"), format!("/metrics/{odd}"), format!("/api/v1/room/{odd}")] {
            let request = client.post(at(&path)).header("Talk-Recording-Backend", &odd).body(odd.clone());
            request.send().await.unwrap();
        }
    }
    assert_eq!(series().await, before);
}

#[actix_rt::test]
async fn requests_are_counted_by_route_and_status() {
    let scene = Scene::synthetic(SERVER).await;
    reqwest::get(format!("{}/api/v1/welcome", scene.server.url())).await.unwrap();
    scene.press_record(Kind::Video).await;
    let text = scene.server.metrics().await;
    for series in [
        "recording_http_requests_total{route=\"welcome\",status=\"200\"} 1\n",
        "recording_http_requests_total{route=\"room\",status=\"200\"} 1\n",
        "recording_http_requests_total{route=\"room\",status=\"403\"} 0\n",
        "recording_http_request_duration_seconds_count{route=\"welcome\"} 1\n",
    ] {
        assert!(text.contains(series), "no {series}{text}");
    }
}

#[actix_rt::test]
async fn the_process_and_the_load_are_shown() {
    let setup = Setup { recording: "engine = \"synthetic\"\nmax_concurrent = 2", ..Setup::default() };
    let scene = Scene::start(SERVER, setup).await;
    assert_eq!(scene.server.value("recording_load_ratio{resource=\"slots\"}").await, Some(0.0));
    let text = scene.server.metrics().await;
    let free =
        text.lines().find_map(|line| line.strip_prefix("recording_spool_free_bytes{directory=\"/")).unwrap();
    assert!(free.rsplit(' ').next().unwrap().parse::<f64>().unwrap() > 0.0, "{free}");
    scene.press_record(Kind::Video).await;
    assert_eq!(scene.server.value("recording_load_ratio{resource=\"slots\"}").await, Some(0.5));
    let value = async |series| scene.server.value(series).await.unwrap();
    assert!(value("process_resident_memory_bytes").await > 1e6);
    assert!(value("process_cpu_seconds_total").await > 0.0);
    assert!(value("process_open_fds").await > 5.0);
    let disk = value("recording_load_ratio{resource=\"disk\"}").await;
    assert!((0.0..=1.0).contains(&disk), "{disk}");
}

#[actix_rt::test]
async fn the_states_are_those_of_the_journal_also_after_a_kill() {
    let mut scene = Scene::synthetic(SERVER).await;
    scene.cloud.rule(|rules| rules.old_talk = true);
    scene.cloud.faults().script(Door::Store, vec![Fault::Status(503); 100]);
    scene.press_record(Kind::Video).await;
    scene.until_started(15).await;
    let state = |state: &str| format!("recording_recordings_state{{backend=\"cloud\",state=\"{state}\"}}");
    assert_eq!(scene.server.value(&state("recording")).await, Some(1.0));
    scene.press_stop().await;
    scene.server.wait_for_log(0, "upload failed, the file stays in the spool").await;
    assert_eq!(scene.server.value(&state("recording")).await, Some(0.0));
    assert_eq!(scene.server.value(&state("waiting")).await, Some(1.0));
    let oldest = "recording_upload_oldest_timestamp_seconds{backend=\"cloud\"}";
    let waits_since = scene.server.value(oldest).await.unwrap();
    let held = scene.server.value("recording_spool_bytes{backend=\"cloud\"}").await.unwrap();
    assert!(held > 4096.0, "{held}");

    scene.server.kill();
    let earlier = scene.server.log().len();
    scene.restart().await;
    scene.server.wait_for_log(earlier, "upload failed, the file stays in the spool").await;
    assert_eq!(
        scene.server.value(oldest).await,
        Some(waits_since),
        "it has been waiting since before the restart"
    );

    scene.cloud.delete_room(ROOM);
    scene.cloud.faults().clear();
    scene.restart().await;
    scene.server.wait_for_log(0, "parked: the file stays in the spool").await;
    assert_eq!(scene.server.value(&state("waiting")).await, Some(0.0));
    assert_eq!(scene.server.value(&state("parked")).await, Some(1.0));
    assert_eq!(scene.server.value(oldest).await, None, "what is parked waits for no upload");
}
