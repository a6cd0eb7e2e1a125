//! `kill -9` of the server in each phase of a recording's life, and what the next start makes of it.

use std::{fs, time::Duration};

use talk_recorder::demo::{
    Kind,
    faults::{Door, Fault},
    state::{NoticeKind, RecordingState},
};
use testing::{Scene, scene::ROOM};

use crate::SERVER;

#[actix_rt::test]
async fn killed_while_starting_nextcloud_learns_that_it_failed() {
    let mut scene = Scene::synthetic(SERVER).await;
    scene.press_record(Kind::Video).await;
    scene.server.kill();
    scene.restart().await;
    let state = scene.until("failed", 10, |state| state.told(ROOM) == [NoticeKind::Failed]).await;
    assert_eq!(state.recording(ROOM), Some(RecordingState::Failed));
    scene.until_nothing_is_spooled().await;
    scene.nothing_counts().await;
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
}

#[actix_rt::test]
async fn killed_while_recording_what_was_recorded_is_delivered() {
    let mut scene = Scene::synthetic(SERVER).await;
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    let media = scene.spooled()[0].join("media.webm");
    let recorded = fs::read(media).unwrap();
    scene.server.kill();
    scene.restart().await;
    let file = scene.until_stored(1, 10).await;
    assert_eq!(fs::read(&file.path).unwrap(), recorded, "every byte");
    let failed = [NoticeKind::Started(1), NoticeKind::Failed];
    scene.until("failed", 10, |state| state.told(ROOM) == failed).await;
    scene.until_nothing_is_spooled().await;
    scene.nothing_counts().await;
}

#[actix_rt::test]
async fn killed_while_stopping_the_file_is_delivered_and_the_stop_is_told() {
    let mut scene = Scene::synthetic(SERVER).await;
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    scene.press_stop().await;
    scene.server.wait_for_log(0, "phase=stopping").await;
    scene.server.kill();
    let journal = fs::read_to_string(scene.spooled()[0].join("recording.json")).unwrap();
    assert!(journal.contains(r#""phase": "stopping""#), "{journal}");
    scene.restart().await;
    scene.until_stored(1, 10).await;
    let stopped = [NoticeKind::Started(1), NoticeKind::Stopped];
    let state = scene.until("stopped", 10, |state| state.told(ROOM) == stopped).await;
    assert_eq!(state.recording(ROOM), Some(RecordingState::None));
    scene.until_nothing_is_spooled().await;
    scene.nothing_counts().await;
}

#[actix_rt::test]
async fn killed_while_uploading_the_file_is_delivered_and_the_stop_is_told() {
    let mut scene = Scene::with_old_talk(SERVER).await;
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    scene.cloud.faults().script(Door::Store, [Fault::Hang(Duration::from_secs(30))]);
    scene.cloud.faults().script(Door::Notice, [Fault::Status(503)]);
    scene.press_stop().await;
    scene.server.wait_for_log(0, "recording sealed").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    scene.server.kill();
    scene.restart().await;
    scene.until_stored(1, 10).await;
    scene.until("stopped", 10, |state| state.told(ROOM).last() == Some(&NoticeKind::Stopped)).await;
    scene.until_nothing_is_spooled().await;
    scene.nothing_counts().await;
}

#[actix_rt::test]
async fn killed_after_the_stop_was_told_it_is_not_told_again() {
    let mut scene = Scene::with_old_talk(SERVER).await;
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    let recorded = fs::read(scene.spooled()[0].join("media.webm")).unwrap();
    scene.cloud.faults().script(Door::Store, [Fault::Hang(Duration::from_secs(30))]);
    scene.press_stop().await;
    let told = [NoticeKind::Started(1), NoticeKind::Stopped];
    scene.until("stopped", 10, |state| state.told(ROOM) == told).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    scene.server.kill();
    scene.restart().await;
    let file = scene.until_stored(1, 10).await;
    assert_eq!(fs::read(&file.path).unwrap(), recorded, "every byte");
    scene.until_nothing_is_spooled().await;
    assert_eq!(scene.told(), told);
    scene.nothing_counts().await;
}

#[actix_rt::test]
async fn killed_between_rounds_the_file_is_delivered() {
    let mut scene = Scene::with_old_talk(SERVER).await;
    scene.cloud.faults().script(Door::Store, vec![Fault::Status(502); 3]);
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    scene.press_stop().await;
    scene.server.wait_for_log(0, "upload failed, the file stays in the spool").await;
    scene.server.kill();
    scene.restart().await;
    scene.until_stored(1, 10).await;
    scene.until_nothing_is_spooled().await;
}

#[actix_rt::test]
async fn a_damaged_entry_is_named_and_the_others_are_delivered() {
    let mut scene = Scene::synthetic(SERVER).await;
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    scene.server.kill();
    let good = scene.spooled()[0].clone();
    let bad = good.with_file_name("00000000000000000000000000000000");
    fs::create_dir(&bad).unwrap();
    fs::write(bad.join("recording.json"), b"{\"half\": ").unwrap();
    scene.restart().await;
    scene.until_stored(1, 10).await;
    assert!(scene.server.log().contains("unreadable entry in the spool"), "{}", scene.server.log());
    assert!(bad.join("recording.json").exists(), "it is left alone");
}
