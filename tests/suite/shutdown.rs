//! SIGTERM in each phase of a recording's life, and that nothing is lost by it.

use std::{fs, path::Path, time::Duration};

use rustix::process::Signal;
use talk_recorder::demo::{
    Kind,
    faults::{Door, Fault},
    state::{NoticeKind, RecordingState, State, StoredFile},
};
use testing::{
    Scene, Setup,
    scene::{OTHER_ROOM, ROOM},
};
use tokio::time::{Instant, sleep};

use crate::SERVER;

async fn scene(shutdown: &'static str) -> Scene {
    let setup = Setup { recording: "engine = \"synthetic\"", more: shutdown, ..Setup::default() };
    Scene::start(SERVER, setup).await
}

/// A scene with a recording that runs, and the bytes of its media.
async fn recording(shutdown: &'static str) -> (Scene, Vec<u8>) {
    recording_in(scene(shutdown).await).await
}

async fn recording_in(scene: Scene) -> (Scene, Vec<u8>) {
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    let recorded = media(&scene.spooled()[0]);
    (scene, recorded)
}

/// A scene whose sealed recording the cloud does not answer for.
async fn uploading(shutdown: &'static str) -> (Scene, Vec<u8>) {
    let (mut scene, recorded) = recording(shutdown).await;
    scene.cloud.rule(|rules| rules.old_talk = true);
    scene.cloud.faults().script(Door::Store, [Fault::Hang(Duration::from_mins(1))]);
    scene.press_stop().await;
    scene.server.wait_for_log(0, "recording sealed").await;
    scene.until("stopped", 10, |state| state.told(ROOM).last() == Some(&NoticeKind::Stopped)).await;
    (scene, recorded)
}

fn media(entry: &Path) -> Vec<u8> {
    fs::read(entry.join("media.webm")).unwrap()
}

fn bytes(file: &StoredFile) -> Vec<u8> {
    fs::read(&file.path).unwrap()
}

#[actix_rt::test]
async fn told_to_end_while_starting_the_stop_is_told_and_nothing_is_left() {
    let mut scene = scene("").await;
    scene.press_record(Kind::Video).await;
    assert!(scene.server.terminate().await.success());
    assert_eq!(scene.told(), [NoticeKind::Stopped]);
    assert_eq!(scene.cloud.state().recording(ROOM), Some(RecordingState::None));
    assert!(scene.spooled().is_empty());
}

#[actix_rt::test]
async fn told_to_end_while_recording_it_is_delivered_before_the_end() {
    let (mut scene, recorded) = recording("").await;
    assert!(scene.server.terminate().await.success());
    let stored = scene.cloud.state().stored;
    assert!(stored.len() == 1 && bytes(&stored[0]) == recorded);
    assert_eq!(scene.told(), [NoticeKind::Started(1), NoticeKind::Stopped]);
    assert!(scene.server.log().contains("why=shutdown"), "{}", scene.server.log());
    assert!(scene.spooled().is_empty());
}

#[actix_rt::test]
async fn an_upload_that_takes_too_long_is_left_to_the_next_start() {
    let (mut scene, recorded) = uploading("[shutdown]\nupload_limit = \"1s\"").await;
    let begun = Instant::now();
    assert!(scene.server.terminate().await.success());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let log = scene.server.log();
    let left = log.lines().find(|line| line.contains("stays in the spool for the next start")).unwrap();
    assert!(left.contains("phase=uploading") && left.contains("not over in time"), "{left}");
    assert!(scene.cloud.state().stored.is_empty());
    scene.restart().await;
    assert_eq!(bytes(&scene.until_stored(1, 10).await), recorded);
    scene.until_nothing_is_spooled().await;
    assert_eq!(scene.told(), [NoticeKind::Started(1), NoticeKind::Stopped]);
}

#[actix_rt::test]
async fn what_is_not_sealed_in_time_is_made_whole_by_the_next_start() {
    let setup = Setup {
        recording: "engine = \"synthetic\"\nsynthetic = \"wind_down_ms=60000\"",
        more: "[shutdown]\nseal_limit = \"1s\"",
        ..Setup::default()
    };
    let (mut scene, recorded) = recording_in(Scene::start(SERVER, setup).await).await;
    let begun = Instant::now();
    assert!(scene.server.terminate().await.success());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(scene.server.log().contains("it was not sealed in time"), "{}", scene.server.log());
    assert!(scene.cloud.state().stored.is_empty());
    scene.restart().await;
    assert_eq!(bytes(&scene.until_stored(1, 10).await), recorded);
    scene
        .until("stopped", 10, |state| state.told(ROOM) == [NoticeKind::Started(1), NoticeKind::Stopped])
        .await;
    scene.until_nothing_is_spooled().await;
}

#[actix_rt::test]
async fn a_second_signal_ends_an_upload_at_once_and_loses_nothing() {
    let (mut scene, recorded) = uploading("").await;
    scene.server.signal(Signal::TERM);
    scene.server.wait_for_log(0, "shutting down").await;
    let begun = Instant::now();
    assert!(scene.server.terminate().await.success());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(scene.server.log().contains("ending at once"), "{}", scene.server.log());
    scene.restart().await;
    assert_eq!(bytes(&scene.until_stored(1, 10).await), recorded);
    scene.until_nothing_is_spooled().await;
    assert_eq!(scene.told(), [NoticeKind::Started(1), NoticeKind::Stopped]);
}

#[actix_rt::test]
async fn a_second_signal_cuts_a_recording_off_and_loses_nothing() {
    let (mut scene, recorded) = recording("[shutdown]\ncalls = \"wait\"").await;
    scene.server.signal(Signal::TERM);
    scene.server.wait_for_log(0, "shutting down").await;
    assert!(scene.server.terminate().await.success());
    scene.restart().await;
    assert_eq!(bytes(&scene.until_stored(1, 10).await), recorded);
    scene.until("failed", 10, |state| state.told(ROOM) == [NoticeKind::Started(1), NoticeKind::Failed]).await;
    scene.until_nothing_is_spooled().await;
}

#[actix_rt::test]
async fn a_server_that_waits_for_calls_records_on_until_they_are_stopped() {
    let (mut scene, recorded) = recording("[shutdown]\ncalls = \"wait\"").await;
    scene.server.signal(Signal::TERM);
    let line = scene.server.wait_for_log(0, "shutdown waits for a recording").await;
    assert_eq!(line, "backend=cloud");
    assert!(
        scene.server.log().contains("waited_for=\"calls to end\" at_most_seconds=143"),
        "{}",
        scene.server.log()
    );
    scene.cloud.press_record(OTHER_ROOM, Kind::Video).await.unwrap();
    scene.server.wait_for_log(0, "why=draining").await;
    let told = |state: &State| state.told(OTHER_ROOM) == [NoticeKind::Failed];
    scene.until("failed", 10, told).await;
    assert_eq!(scene.server.count("current").await, 1.0, "the other one was rejected");
    assert_eq!(scene.told(), [NoticeKind::Started(1)], "it still runs");
    scene.press_stop().await;
    assert!(scene.server.wait_for_end().await.success());
    let state = scene.cloud.state();
    assert!(state.stored.len() == 1 && bytes(&state.stored[0]) == recorded);
    assert_eq!(scene.told(), [NoticeKind::Started(1), NoticeKind::Stopped]);
    assert!(state.notices.last().unwrap().actor.is_some(), "somebody stopped it");
    assert!(scene.spooled().is_empty());
}

#[actix_rt::test]
async fn calls_are_waited_for_no_longer_than_their_limit() {
    let (mut scene, recorded) = recording("[shutdown]\ncalls = \"wait\"\nwait_limit = \"1s\"").await;
    scene.server.signal(Signal::TERM);
    sleep(Duration::from_millis(500)).await;
    assert_eq!(scene.server.count("current").await, 1.0);
    assert!(scene.server.wait_for_end().await.success());
    let stored = scene.cloud.state().stored;
    assert!(stored.len() == 1 && bytes(&stored[0]) == recorded);
    assert!(scene.server.log().contains("why=shutdown"), "{}", scene.server.log());
}
