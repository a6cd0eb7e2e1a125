//! A recording of nothing is told: a picture that stands still or is black, and silence.

use std::time::Duration;

use talk_recorder::demo::{Kind, state::NoticeKind};
use testing::{
    Scene,
    processes::displays,
    scene::{BLACK, SILENT, STILL},
};
use tokio::{join, time::sleep};

use crate::stage::{Browser, CHROMIUM, FIREFOX, START, nothing_is_left, seekable, with};

const WARN_SOON: &str = "[limits]\nwarn_after = \"5s\"";
const SIGNS: [&str; 3] = [
    "the picture has not changed for a while",
    "the picture has been black for a while",
    "the sound has been digital silence for a while",
];

/// Records in a room, and expects this warning and no other.
async fn warns(browser: Browser, room: &str, sign: &str) -> Scene {
    let scene = with(browser, WARN_SOON).await;
    scene.cloud.press_record(room, Kind::Video).await.unwrap();
    scene.until("started", START, |state| state.told(room) == [NoticeKind::Started(1)]).await;
    sleep(Duration::from_secs(9)).await;
    let log = scene.server.log();
    for possible in SIGNS {
        assert_eq!(log.matches(possible).count(), usize::from(possible == sign), "{possible}\n{log}");
    }
    scene.cloud.press_stop(room).await.unwrap();
    seekable(&scene.until_stored(1, 30).await).await;
    assert_eq!(scene.server.count("failed_total").await, 0.0);
    scene
}

/// Side by side, since most of it is waiting.
#[actix_rt::test]
async fn a_recording_of_nothing_is_a_warning() {
    let [still, black, silent] = SIGNS;
    let locks = displays();
    let scenes =
        join!(warns(FIREFOX, STILL, still), warns(CHROMIUM, BLACK, black), warns(FIREFOX, SILENT, silent));
    for scene in <[Scene; 3]>::from(scenes) {
        nothing_is_left(&scene, &locks).await;
    }
}

#[actix_rt::test]
async fn silence_ends_a_recording_where_the_operator_wants_that() {
    let locks = displays();
    let scene = with(CHROMIUM, "[limits]\nwarn_after = \"5s\"\nend_when = [\"silent\"]").await;
    scene.cloud.press_record(SILENT, Kind::Video).await.unwrap();
    let ended = [NoticeKind::Started(1), NoticeKind::Stopped];
    scene.until("stopped", START, |state| state.told(SILENT) == ended).await;
    let seconds = seekable(&scene.until_stored(1, 30).await).await;
    assert!((4.0..12.0).contains(&seconds), "{seconds} seconds");
    let log = scene.server.log();
    assert!(log.contains("the recording is stopped without having been asked to"), "{log}");
    assert!(log.contains("why=silent"), "{log}");
    nothing_is_left(&scene, &locks).await;
    assert_eq!(scene.server.count("failed_total").await, 0.0);
}
