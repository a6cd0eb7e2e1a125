//! SIGHUP: another configuration for a running server, of which running recordings notice nothing.

use std::{fs, path::Path, time::Duration};

use rustix::process::Signal;
use talk_recorder::demo::{
    Kind,
    faults::{Door, Fault},
    state::NoticeKind,
};
use testing::{
    Scene, Setup,
    scene::{OTHER_ROOM, ROOM, SECRET},
};
use tokio::time::sleep;

use crate::{
    SERVER,
    protocol::{START, STOP, post_signed},
};

const SUCCESSFUL: &str = "recording_config_last_reload_successful";
const SUCCESS_AT: &str = "recording_config_last_reload_success_timestamp_seconds";
const RELOADED: &str = "INFO  configuration reloaded";
const NOT_RELOADED: &str = "ERROR configuration not reloaded, the old one goes on to hold";

/// The same configuration with a second backend at this address, whose recordings lie in this directory.
fn with_second(text: &str, url: &str, directory: &Path) -> String {
    let section = format!(
        "[second]\nurl = \"{url}\"\nsecret = \"{SECRET}\"\ndirectory = \"{}\"\n",
        directory.display()
    );
    text.replace("[\"cloud\"]", "[\"cloud\", \"second\"]") + &section
}

async fn start_as(scene: &Scene, backend: &str, body: &'static str) -> u16 {
    let url = format!("{}/api/v1/room/{OTHER_ROOM}", scene.server.url());
    post_signed(&url, backend, body).await.status().as_u16()
}

/// The synthetic engine, and more settings.
async fn scene_with(more: &'static str) -> Scene {
    let setup = Setup { recording: "engine = \"synthetic\"", more, ..Setup::default() };
    Scene::start(SERVER, setup).await
}

#[actix_rt::test]
async fn a_running_recording_is_delivered_with_a_secret_that_was_changed_meanwhile() {
    let mut scene = Scene::synthetic(SERVER).await;
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    scene.cloud.use_secret("abracadabra".into());
    let log = scene.reload(|text| text.replace(SECRET, "abracadabra")).await;
    assert!(log.contains(RELOADED) && log.contains("backends_changed=cloud"), "{log}");
    assert!(!log.contains("abracadabra"), "{log}");
    scene.press_stop().await;
    scene.until_stored(1, 10).await;
    assert_eq!(scene.told(), [NoticeKind::Started(1), NoticeKind::Stopped]);
    scene.until_nothing_is_spooled().await;
    let log = scene.server.log();
    assert_eq!(log.matches("WARN").count(), 1, "that the engine is synthetic:\n{log}");
}

#[actix_rt::test]
async fn an_upload_that_waits_for_its_next_round_goes_with_the_new_secret() {
    let mut scene = Scene::with_old_talk(SERVER).await;
    scene.cloud.faults().script(Door::Store, vec![Fault::Status(503); 3]);
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    scene.press_stop().await;
    scene.server.wait_for_log(0, "upload failed, the file stays in the spool").await;
    scene.cloud.use_secret("abracadabra".into());
    scene.reload(|text| text.replace(SECRET, "abracadabra")).await;
    scene.until_stored(1, 20).await;
}

#[actix_rt::test]
async fn a_file_with_a_mistake_changes_nothing_until_it_is_mended() {
    let mut scene = Scene::synthetic(SERVER).await;
    assert_eq!(scene.server.value(SUCCESSFUL).await, Some(1.0));
    let begun = scene.server.value(SUCCESS_AT).await.unwrap();
    let log = scene.reload(|text| text.replace("[cloud]", "[cloud]\nmaxmessagesize = \"much\"")).await;
    assert!(log.contains(NOT_RELOADED), "{log}");
    assert!(log.contains("config.toml") && log.contains("maxmessagesize"), "{log}");
    assert_eq!(scene.server.value(SUCCESSFUL).await, Some(0.0));
    assert_eq!(scene.server.value(SUCCESS_AT).await, Some(begun));
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    let log = scene.reload(|text| text.replace("\"much\"", "2000")).await;
    assert!(log.contains(RELOADED) && log.contains("backends_changed=cloud"), "{log}");
    assert_eq!(scene.server.value(SUCCESSFUL).await, Some(1.0));
    assert!(scene.server.value(SUCCESS_AT).await > Some(begun));
    scene.press_stop().await;
    scene.until_stored(1, 10).await;
}

#[actix_rt::test]
async fn a_backend_that_is_added_stands_at_zero_and_records_at_once() {
    let mut scene = Scene::synthetic(SERVER).await;
    let second = scene.cloud.address().replace("127.0.0.1", "localhost");
    let spool = scene.directory().join("second");
    assert_eq!(start_as(&scene, &second, START).await, 403);
    let log = scene.reload(|text| with_second(&text, &second, &spool)).await;
    assert!(log.contains("backends_added=second"), "{log}");
    for family in ["current", "total", "failed_total", "uploads_failed_total", "duration_seconds_total"] {
        let series = format!("recording_recordings_{family}{{backend=\"second\"}}");
        assert_eq!(scene.server.value(&series).await, Some(0.0), "{series}");
    }
    scene.cloud.call_as(&second);
    scene.cloud.press_record(OTHER_ROOM, Kind::Video).await.unwrap();
    scene.until("started", 10, |state| state.told(OTHER_ROOM) == [NoticeKind::Started(1)]).await;
    scene.cloud.press_stop(OTHER_ROOM).await.unwrap();
    assert_eq!(scene.until_stored(1, 10).await.room, OTHER_ROOM);
    assert!(spool.join(".control").exists(), "operators are heard there, too");
    assert_eq!(scene.server.value("recording_recordings_total{backend=\"second\"}").await, Some(1.0));
}

#[actix_rt::test]
async fn a_spool_that_cannot_be_used_stops_the_whole_reload() {
    let mut scene = Scene::synthetic(SERVER).await;
    let second = scene.cloud.address().replace("127.0.0.1", "localhost");
    let blocked = scene.directory().join("blocked");
    fs::write(&blocked, "no directory").unwrap();
    let log = scene
        .reload(|text| with_second(&text, &second, &blocked.join("spool")).replace(SECRET, "abracadabra"))
        .await;
    assert!(log.contains(NOT_RELOADED) && log.contains("blocked"), "{log}");
    assert_eq!(start_as(&scene, &second, START).await, 403);
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
}

#[actix_rt::test]
async fn a_backend_that_is_removed_gets_its_running_recording_and_may_start_no_other() {
    let mut scene = scene_with("[limits]\nmax_length = \"6s\"").await;
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    let spool = scene.spool();
    let log = scene
        .reload(|text| {
            let text = with_second(&text, "https://other.example.com", &spool).replace("\"6s\"", "\"1h\"");
            text.replace("[\"cloud\", \"second\"]", "[\"second\"]")
        })
        .await;
    assert!(log.contains("backends_added=second backends_removed=cloud"), "{log}");
    assert!(log.contains("WARN  this backend may not record any more; what it has"), "{log}");
    assert_eq!(start_as(&scene, scene.cloud.address(), START).await, 403);
    assert_eq!(start_as(&scene, scene.cloud.address(), STOP).await, 403);
    assert_eq!(scene.until_stored(1, 20).await.room, ROOM, "it keeps the limit that it began with");
    scene.until("stopped", 5, |state| state.told(ROOM).len() == 2).await;
    assert_eq!(scene.server.count("total").await, 1.0, "its series stay");
    let log = scene.reload(|text| text.replace("[\"second\"]", "[\"cloud\"]")).await;
    assert!(log.contains("backends_added=cloud backends_removed=second"), "{log}");
    scene.press_record(Kind::Video).await;
    scene.until("started again", 10, |state| state.told(ROOM).len() == 3).await;
}

#[actix_rt::test]
async fn a_backend_that_comes_back_gets_what_it_left_in_the_spool() {
    let mut scene = Scene::with_old_talk(SERVER).await;
    scene.cloud.faults().script(Door::Store, vec![Fault::Status(503); 3]);
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    scene.press_stop().await;
    scene.server.wait_for_log(0, "upload failed, the file stays in the spool").await;
    // It has no section when the server starts.
    scene.server.kill();
    let spool = scene.spool();
    let config = scene.directory().join("config.toml");
    let text = fs::read_to_string(&config).unwrap();
    let without = with_second(&text, "https://other.example.com", &spool);
    fs::write(&config, without.replace("[\"cloud\", \"second\"]", "[\"second\"]")).unwrap();
    scene.restart().await;
    scene.server.wait_for_log(0, "recordings of a backend that is not configured any more").await;
    scene.reload(|_| text).await;
    scene.until_stored(1, 30).await;
    scene.until_nothing_is_spooled().await;
}

#[actix_rt::test]
async fn who_may_read_the_metrics_and_what_is_logged_is_changed_at_once() {
    let mut scene = Scene::synthetic(SERVER).await;
    let status = async |scene: &Scene| {
        let answer = reqwest::get(format!("{}/metrics", scene.server.url())).await.unwrap();
        answer.status().as_u16()
    };
    assert_eq!(status(&scene).await, 200);
    let more = "[stats]\nallowed_ips = [\"192.0.2.1\"]\n[logs]\nlevel = \"debug\"\n";
    let log = scene.reload(|text| text + more).await;
    assert!(log.contains("sections_changed=[logs],[stats]"), "{log}");
    assert_eq!(status(&scene).await, 403);
    scene.press_record(Kind::Video).await;
    scene.server.wait_for_log(0, "DEBUG").await;
    let log =
        scene.reload(|text| text.replace("\"debug\"", "\"info\"").replace("192.0.2.1", "127.0.0.1")).await;
    let so_far = log.len() + scene.server.log().find(&log).unwrap();
    assert_eq!(status(&scene).await, 200);
    scene.until_started(10).await;
    scene.press_stop().await;
    scene.until_stored(1, 10).await;
    assert!(!scene.server.log()[so_far..].contains("DEBUG"), "{}", scene.server.log());
}

#[actix_rt::test]
async fn what_rust_log_says_of_a_module_stays_above_the_level() {
    let environment = vec![("RUST_LOG", "talk_recorder=info".to_owned())];
    let setup = Setup { recording: "engine = \"synthetic\"", environment, ..Setup::default() };
    let mut scene = Scene::start(SERVER, setup).await;
    let log = scene.reload(|text| text + "[logs]\nlevel = \"error\"\n").await;
    assert!(log.contains(RELOADED), "{log}");
}

#[actix_rt::test]
async fn what_needs_a_restart_is_named_and_the_rest_is_taken_over() {
    let mut scene = Scene::synthetic(SERVER).await;
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    let directory = scene.directory().join("elsewhere").display().to_string();
    let spool = scene.spool().display().to_string();
    scene
        .reload(|text| {
            let text = text.replace("\"127.0.0.1:0\"", "\"127.0.0.1:1\"").replace(&spool, &directory);
            text.replace("\"synthetic\"", "\"real\"\nmax_concurrent = 1") + "[spool]\nreserve = 5000\n"
        })
        .await;
    let again = scene.reload(|text| text).await;
    let log = scene.server.log();
    for key in ["[http] listen", "[recording] engine", "[recording] max_concurrent", "[cloud] directory"] {
        let line = format!("WARN  this setting needs a restart, the old one goes on to hold key={key:?}");
        assert!(log.matches(&line).count() == 2 && again.contains(&line), "{key}, each time: {log}");
    }
    assert_eq!(log.matches(RELOADED).count(), 2, "{log}");
    assert!(log.contains("sections_changed=[spool]"), "{log}");
    assert_eq!(scene.server.value(SUCCESSFUL).await, Some(1.0), "the old address serves");
    scene.press_stop().await;
    scene.until_stored(1, 10).await;
    scene.until_nothing_is_spooled().await;
    until_reserve_is(&scene, 5000.0).await;
}

/// The reserve of the spool, once it is this one.
async fn until_reserve_is(scene: &Scene, bytes: f64) {
    let series = format!("recording_spool_reserve_bytes{{directory=\"{}\"}}", scene.spool().display());
    let mut seen = None;
    for _ in 0..100 {
        seen = scene.server.value(&series).await;
        if seen == Some(bytes) {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(seen, Some(bytes), "{}", scene.server.log());
}

#[actix_rt::test]
async fn of_two_signals_the_last_one_counts() {
    let scene = Scene::synthetic(SERVER).await;
    let config = scene.directory().join("config.toml");
    let text = fs::read_to_string(&config).unwrap();
    for reserve in [1000, 2000] {
        fs::write(&config, format!("{text}[spool]\nreserve = {reserve}\n")).unwrap();
        scene.server.signal(Signal::HUP);
    }
    until_reserve_is(&scene, 2000.0).await;
    assert!(!scene.server.log().contains("ERROR"), "{}", scene.server.log());
}

#[actix_rt::test]
async fn a_server_that_ends_takes_a_new_secret_over_for_what_is_still_to_be_delivered() {
    let mut scene = scene_with("[shutdown]\ncalls = \"wait\"").await;
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    scene.server.signal(Signal::TERM);
    scene.server.wait_for_log(0, "shutting down").await;
    scene.cloud.use_secret("abracadabra".into());
    scene.reload(|text| text.replace(SECRET, "abracadabra")).await;
    scene.press_stop().await;
    scene.until_stored(1, 10).await;
    assert!(scene.server.wait_for_end().await.success());
    assert_eq!(scene.told(), [NoticeKind::Started(1), NoticeKind::Stopped]);
}
