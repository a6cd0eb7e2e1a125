//! Starts for which there is no room: Nextcloud is answered 200, and told that the recording failed once it has noted
//! that it is starting.

use std::time::Duration;

use talk_recorder::demo::{
    Kind,
    state::{NoticeKind, RecordingState, State},
};
use testing::{
    Scene, Setup,
    scene::{OTHER_ROOM, ROOM},
};
use tokio::time::Instant;

use crate::SERVER;

/// Has the second room recorded, and sees it rejected for this reason, in good time and without a trace.
async fn is_rejected(scene: &mut Scene, why: &str) {
    let before = scene.counts().await;
    let begun = Instant::now();
    scene.cloud.press_record(OTHER_ROOM, Kind::Video).await.expect("it is answered with success");
    let told = |state: &State| state.told(OTHER_ROOM) == [NoticeKind::Failed];
    let state = scene.until("failed", 10, told).await;
    assert!(begun.elapsed() >= Duration::from_millis(2900), "told after {:?}", begun.elapsed());
    assert_eq!(state.recording(OTHER_ROOM), Some(RecordingState::Failed));
    scene.server.wait_for_log(0, &format!("why={why}")).await;
    assert_eq!(scene.counts().await, before);
}

async fn scene(recording: &'static str, backend: &'static str, more: &'static str) -> Scene {
    Scene::start(SERVER, Setup { recording, backend, more, ..Setup::default() }).await
}

#[actix_rt::test]
async fn a_server_that_is_full_rejects_and_accepts_again_when_a_place_is_free() {
    let mut scene = scene("engine = \"synthetic\"\nmax_concurrent = 1", "", "").await;
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    is_rejected(&mut scene, "full").await;
    assert_eq!(scene.spooled().len(), 1, "the rejected one is forgotten");
    assert_eq!(scene.told(), [NoticeKind::Started(1)], "the running one goes on");
    scene.press_stop().await;
    scene.until_stored(1, 10).await;
    scene.cloud.press_record(OTHER_ROOM, Kind::Video).await.unwrap();
    let told = |state: &State| state.told(OTHER_ROOM) == [NoticeKind::Failed, NoticeKind::Started(1)];
    scene.until("started", 10, told).await;
}

#[actix_rt::test]
async fn a_backend_that_has_its_share_is_rejected() {
    let mut scene = scene("engine = \"synthetic\"", "maxrecordings = 1", "").await;
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    is_rejected(&mut scene, "share").await;
    assert_eq!(scene.told(), [NoticeKind::Started(1)]);
}

#[actix_rt::test]
async fn nothing_is_begun_on_a_disk_without_the_reserve() {
    let mut scene = scene("engine = \"synthetic\"", "", "[spool]\nreserve = \"1000PiB\"").await;
    is_rejected(&mut scene, "disk_full").await;
    scene.until_nothing_is_spooled().await;
}

#[actix_rt::test]
async fn a_backend_over_its_quota_is_rejected_and_its_running_recording_is_stopped_and_delivered() {
    let mut scene = scene("engine = \"synthetic\"", "quota = \"4KB\"", "").await;
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    let rejected = scene.cloud.press_record(OTHER_ROOM, Kind::Video).await;
    rejected.expect("it is answered with success");
    scene.server.wait_for_log(0, "start rejected, nextcloud is told that it failed").await;
    let file = scene.until_stored(1, 15).await;
    assert_eq!(file.room, ROOM);
    scene.until("failed", 10, |state| state.told(OTHER_ROOM) == [NoticeKind::Failed]).await;
    scene
        .until("stopped", 10, |state| state.told(ROOM) == [NoticeKind::Started(1), NoticeKind::Stopped])
        .await;
    let log = scene.server.log();
    assert_eq!(log.matches("why=quota").count(), 2, "one rejected, one stopped:\n{log}");
    assert_eq!(scene.server.count("total").await, 1.0);
    assert_eq!(scene.server.count("failed_total").await, 0.0);
}
