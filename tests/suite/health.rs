//! `/health` as load balancers and containers see it.

use reqwest::{
    Client, Response,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE},
};
use rustix::process::Signal;
use serde_json::{Value, json};
use talk_recorder::demo::{
    Kind,
    faults::{Door, Fault},
};
use testing::{Scene, Setup};

use crate::SERVER;

const SYNTHETIC: &str = "engine = \"synthetic\"\nmax_concurrent = 4";

async fn ask(scene: &Scene) -> Response {
    reqwest::get(format!("{}/health", scene.server.url())).await.unwrap()
}

/// Status of the answer, and its body.
async fn health(scene: &Scene) -> (u16, Value) {
    let answer = ask(scene).await;
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[actix_rt::test]
async fn a_stranger_hears_that_it_is_well_and_no_more() {
    let more = "[stats]\nallowed_ips = [\"192.0.2.1\"]";
    let scene = Scene::start(SERVER, Setup { recording: SYNTHETIC, more, ..Setup::default() }).await;
    let answer = ask(&scene).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()[CACHE_CONTROL], "no-store");
    assert_eq!(answer.headers()[CONTENT_TYPE], "application/json");
    assert_eq!(answer.text().await.unwrap(), "{\"status\":\"ok\"}");
}

#[actix_rt::test]
async fn a_proxy_does_not_lend_a_stranger_its_own_address() {
    let more = "[app]\ntrustedproxies = [\"127.0.0.1\"]";
    let scene = Scene::start(SERVER, Setup { recording: SYNTHETIC, more, ..Setup::default() }).await;
    let as_client = async |address: &str| {
        let request = Client::new().get(format!("{}/health", scene.server.url()));
        let answer = request.header("X-Forwarded-For", address).send().await.unwrap();
        answer.json::<Value>().await.unwrap()
    };
    assert_eq!(as_client("192.0.2.7").await, json!({ "status": "ok" }));
    assert_eq!(as_client("127.0.0.1").await["recordings"]["at_most"], 4);
}

#[actix_rt::test]
async fn who_may_read_the_metrics_hears_what_is_going_on() {
    let setup = Setup { recording: SYNTHETIC, ..Setup::default() };
    let mut scene = Scene::start(SERVER, setup).await;
    scene.cloud.rule(|rules| rules.old_talk = true);
    scene.cloud.faults().script(Door::Store, vec![Fault::Status(503); 100]);
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    scene.press_stop().await;
    scene.server.wait_for_log(0, "upload failed, the file stays in the spool").await;
    scene.press_record(Kind::Video).await;
    scene.reload(|text| text + "nonsense").await;
    let expected = json!({
        "status": "ok",
        "version": env!("CARGO_PKG_VERSION"),
        "recordings": { "running": 1, "at_most": 4, "waiting": 1, "parked": 0 },
        "last_reload_successful": false,
    });
    assert_eq!(health(&scene).await, (200, expected));
}

#[actix_rt::test]
async fn a_server_that_waits_for_its_calls_to_end_wants_no_more_of_them() {
    let more = "[shutdown]\ncalls = \"wait\"";
    let mut scene = Scene::start(SERVER, Setup { recording: SYNTHETIC, more, ..Setup::default() }).await;
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    scene.server.signal(Signal::TERM);
    scene.server.wait_for_log(0, "shutting down").await;
    let (status, body) = health(&scene).await;
    assert_eq!((status, &body["status"]), (503, &json!("draining")));
    assert_eq!(body["recordings"]["running"], 1);
    scene.press_stop().await;
    assert!(scene.server.wait_for_end().await.success());
}

#[actix_rt::test]
async fn it_is_asked_by_get_and_head_and_counted_as_a_route_of_its_own() {
    let scene = Scene::synthetic(SERVER).await;
    let url = format!("{}/health", scene.server.url());
    assert_eq!(ask(&scene).await.status(), 200);
    let head = Client::new().head(&url).send().await.unwrap();
    assert_eq!((head.status().as_u16(), head.text().await.unwrap()), (200, String::new()));
    let posted = Client::new().post(&url).send().await.unwrap();
    assert_eq!((posted.status().as_u16(), &posted.headers()[ALLOW]), (405, &"GET, HEAD".parse().unwrap()));
    for (status, count) in [(200, 2.0), (405, 1.0), (503, 0.0)] {
        let series = format!("recording_http_requests_total{{route=\"health\",status=\"{status}\"}}");
        assert_eq!(scene.server.value(&series).await, Some(count), "{status}");
    }
}
