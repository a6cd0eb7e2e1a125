//! A call that cannot be joined: Nextcloud is told, and the log says why in plain words.

use talk_recorder::demo::{
    Kind,
    faults::{Door, Fault},
    state::{NoticeKind, RecordingState},
};
use testing::{Scene, Setup, processes::displays, scene::ROOM};

use crate::{
    SERVER,
    stage::{CHROMIUM, FIREFOX, START, nothing_is_left, record, small},
};

/// Waits for the failure; then the log must have these words.
async fn fails_with(scene: &Scene, words: &[&str]) {
    let locks = displays();
    scene.press_record(Kind::Video).await;
    let state = scene.until("failed", START, |state| state.told(ROOM) == [NoticeKind::Failed]).await;
    assert_eq!(state.recording(ROOM), Some(RecordingState::Failed));
    let log = scene.server.log();
    for word in words {
        assert!(log.contains(word), "{word:?} is not in\n{log}");
    }
    nothing_is_left(scene, &locks).await;
    scene.until_nothing_is_spooled().await;
    assert_eq!(scene.server.count("failed_total").await, 1.0);
    assert_eq!(scene.server.count("current").await, 0.0);
}

#[actix_rt::test]
async fn a_wrong_internal_secret_is_named() {
    for browser in [FIREFOX, CHROMIUM] {
        let setup = Setup {
            recording: browser.setting,
            backend: "videowidth = 640\nvideoheight = 360",
            internal_secret: Some("wrong"),
            ..Setup::default()
        };
        let scene = Scene::start(SERVER, setup).await;
        fails_with(&scene, &["recording failed", "internal secret"]).await;
    }
}

#[actix_rt::test]
async fn refused_settings_are_named() {
    let scene = small(CHROMIUM).await;
    // The watch over the room asks for them, too.
    scene.cloud.faults().script(Door::Settings, vec![Fault::Status(401); 30]);
    fails_with(&scene, &["recording failed", "settings", "recording secret"]).await;
}

#[actix_rt::test]
async fn a_page_that_is_not_there_is_named() {
    let scene = small(FIREFOX).await;
    scene.cloud.faults().script(Door::Page, vec![Fault::Status(404); 10]);
    fails_with(&scene, &["recording failed", "404"]).await;
    assert!(scene.cloud.state().requests_at(Door::Page) <= 4, "more would look like an attack");
}

#[actix_rt::test]
async fn a_page_that_is_late_is_asked_for_again() {
    let locks = displays();
    for browser in [FIREFOX, CHROMIUM] {
        let scene = small(browser).await;
        scene.cloud.faults().script(Door::Page, [Fault::Status(404)]);
        record(&scene, Kind::Video, 1).await;
        nothing_is_left(&scene, &locks).await;
        assert_eq!(scene.server.count("failed_total").await, 0.0);
    }
}

#[actix_rt::test]
async fn a_missing_program_is_named() {
    let recording = "browser = \"chrome\"\ndriverPath = \"/no/chromedriver\"";
    let scene = Scene::start(SERVER, Setup { recording, ..Setup::default() }).await;
    fails_with(&scene, &["recording failed", "/no/chromedriver"]).await;
}
