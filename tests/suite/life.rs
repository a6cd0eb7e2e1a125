//! From the pressed button to the stored file.

use std::time::Duration;

use talk_recorder::demo::{
    Kind,
    state::{NoticeKind, RecordingState},
};
use testing::{
    Scene, Setup,
    scene::{OWNER, ROOM},
};

use crate::{
    SERVER,
    protocol::{START, STOP, post},
};

#[actix_rt::test]
async fn a_call_is_recorded_stored_and_counted() {
    let mut scene = Scene::synthetic(SERVER).await;
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    assert_eq!(scene.server.count("current").await, 1.0);
    tokio::time::sleep(Duration::from_secs(1)).await;
    scene.press_stop().await;
    let file = scene.until_stored(1, 10).await;
    assert_eq!((file.room.as_str(), file.owner.as_str()), (ROOM, OWNER));
    assert!(file.name.starts_with("Recording 20") && file.name.contains(".webm"), "{}", file.name);
    scene.until_nothing_is_spooled().await;
    assert_eq!(scene.told(), [NoticeKind::Started(1), NoticeKind::Stopped]);
    assert_eq!(scene.cloud.state().recording(ROOM), Some(RecordingState::None));
    assert_eq!(scene.server.count("current").await, 0.0);
    assert_eq!(scene.server.count("total").await, 1.0);
    assert_eq!(scene.server.count("failed_total").await, 0.0);
    assert_eq!(scene.server.count("uploads_failed_total").await, 0.0);
    let seconds = scene.server.count("duration_seconds_total").await;
    assert!((1.0..10.0).contains(&seconds), "{seconds}");
    assert!(scene.server.terminate().await.success());
}

#[actix_rt::test]
async fn an_audio_recording_is_told_with_its_status() {
    let scene = Scene::synthetic(SERVER).await;
    scene.press_record(Kind::Audio).await;
    scene.until_started(10).await;
    assert_eq!(scene.told(), [NoticeKind::Started(2)]);
    assert_eq!(scene.cloud.state().recording(ROOM), Some(RecordingState::Audio));
}

#[actix_rt::test]
async fn the_end_of_a_call_stops_its_recording_by_nobody() {
    let scene = Scene::synthetic(SERVER).await;
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    scene.cloud.end_call(ROOM).await.unwrap();
    scene.until_stored(1, 10).await;
    let state = scene.until("stopped", 10, |state| state.told(ROOM).len() == 2).await;
    assert_eq!(state.notices[1].actor, None);
}

#[actix_rt::test]
async fn the_actor_of_start_and_stop_comes_back() {
    let scene = Scene::synthetic(SERVER).await;
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    scene.press_stop().await;
    let state = scene.until("stopped", 10, |state| state.told(ROOM).len() == 2).await;
    for notice in &state.notices {
        let actor = notice.actor.as_ref().unwrap();
        assert_eq!((actor.kind.as_str(), actor.id.as_str()), ("users", OWNER));
    }
}

#[actix_rt::test]
async fn a_stop_while_starting_records_nothing_and_leaves_nothing() {
    let scene = Scene::synthetic(SERVER).await;
    scene.press_record(Kind::Video).await;
    scene.press_stop().await;
    scene.until("stopped", 10, |state| state.told(ROOM) == [NoticeKind::Stopped]).await;
    scene.until_nothing_is_spooled().await;
    assert!(scene.cloud.state().stored.is_empty());
    assert_eq!(scene.server.count("current").await, 0.0);
    assert_eq!(scene.server.count("failed_total").await, 0.0);
}

#[actix_rt::test]
async fn twenty_recordings_in_quick_succession_are_twenty_files() {
    let scene = Scene::synthetic(SERVER).await;
    for count in 1..=20 {
        scene.press_record(Kind::Video).await;
        scene.until_started(10).await;
        scene.press_stop().await;
        scene.until("stopped", 10, |state| state.told(ROOM).last() == Some(&NoticeKind::Stopped)).await;
        scene.until_stored(count, 10).await;
    }
    let stored = scene.cloud.state().stored;
    let mut names: Vec<&str> = stored.iter().map(|file| file.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 20, "no file replaced another");
    scene.until_nothing_is_spooled().await;
    assert_eq!(scene.server.count("total").await, 20.0);
    assert_eq!(scene.server.count("current").await, 0.0);
}

async fn slow_to_start() -> Scene {
    let recording = "engine = \"synthetic\"\nsynthetic = \"bring_up_ms=2000\"";
    Scene::start(SERVER, Setup { recording, ..Setup::default() }).await
}

#[actix_rt::test]
async fn start_stop_start_in_quick_succession_are_three_lives_however_slow_a_start_is() {
    let scene = slow_to_start().await;
    for lives in 1..=2 {
        scene.press_record(Kind::Video).await;
        scene.press_stop().await;
        scene.until("stopped", 10, |state| state.told(ROOM) == vec![NoticeKind::Stopped; lives]).await;
    }
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    scene.press_stop().await;
    scene.until_stored(1, 10).await;
    scene.until_nothing_is_spooled().await;
    let (started, stopped) = (NoticeKind::Started(1), NoticeKind::Stopped);
    assert_eq!(scene.told(), [stopped, stopped, started, stopped]);
    assert_eq!(scene.cloud.state().stored.len(), 1, "the first two were over before a frame was there");
    assert_eq!(scene.server.count("total").await, 3.0);
    assert_eq!(scene.server.count("current").await, 0.0);
    assert_eq!(scene.server.count("failed_total").await, 0.0);
}

#[actix_rt::test]
async fn a_start_on_the_heels_of_a_stop_does_not_join_the_recording_that_ends() {
    let scene = slow_to_start().await;
    scene.press_record(Kind::Video).await;
    for _ in 0..2 {
        assert_eq!(post(&scene, STOP).await, 200);
        assert_eq!(post(&scene, START).await, 200);
    }
    assert_eq!(scene.server.count("total").await, 3.0);
    assert_eq!(post(&scene, STOP).await, 200);
    scene.until_nothing_is_spooled().await;
    assert_eq!(scene.server.count("current").await, 0.0);
    assert_eq!(scene.server.count("failed_total").await, 0.0);
}
