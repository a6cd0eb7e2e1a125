//! What goes wrong on the way to Nextcloud, and that nothing is lost by it: notices, and uploads in one piece. Those in
//! chunks have tests of their own.

use std::{fs, time::Duration};

use talk_recorder::demo::{
    Kind,
    faults::{Door, Fault},
    state::NoticeKind,
};
use testing::{Scene, scene::ROOM};

use crate::{SERVER, faults::record};

#[actix_rt::test]
async fn a_first_round_that_fails_counts_once_and_the_next_start_delivers() {
    let mut scene = Scene::with_old_talk(SERVER).await;
    scene.cloud.faults().script(Door::Store, vec![Fault::Status(503); 3]);
    record(&scene).await;
    scene.server.wait_for_log(0, "upload failed, the file stays in the spool").await;
    assert_eq!(scene.server.count("uploads_failed_total").await, 1.0);
    assert_eq!(scene.server.count("failed_total").await, 0.0);
    assert_eq!(scene.server.count("current").await, 0.0);
    assert!(scene.server.count("duration_seconds_total").await > 0.0);
    assert_eq!(scene.spooled().len(), 1);
    scene.restart().await;
    scene.until_stored(1, 10).await;
    scene.until_nothing_is_spooled().await;
    scene.nothing_counts().await;
}

#[actix_rt::test]
async fn a_start_without_the_section_of_a_backend_parks_nothing_and_the_next_one_with_it_delivers() {
    let mut scene = Scene::with_old_talk(SERVER).await;
    scene.cloud.faults().script(Door::Store, vec![Fault::Status(503); 3]);
    record(&scene).await;
    scene.server.wait_for_log(0, "upload failed, the file stays in the spool").await;
    let config = scene.directory().join("config.toml");
    let with_section = fs::read_to_string(&config).unwrap();
    let without = with_section.replace("\"cloud\"", "\"other\"").replace("[cloud]", "[other]");
    fs::write(&config, without.replace(scene.cloud.address(), "http://127.0.0.1:1")).unwrap();
    scene.server.start_again().await;
    scene.server.wait_for_log(0, "has no section in the configuration").await;
    let journal = fs::read_to_string(scene.spooled()[0].join("recording.json")).unwrap();
    assert!(!journal.contains("parked"), "{journal}");
    fs::write(&config, with_section).unwrap();
    scene.restart().await;
    scene.until_stored(1, 10).await;
    scene.until_nothing_is_spooled().await;
}

#[actix_rt::test]
async fn a_lost_answer_costs_a_second_copy_and_no_more() {
    let scene = Scene::with_old_talk(SERVER).await;
    scene.cloud.faults().script(Door::Store, [Fault::LoseAnswer]);
    record(&scene).await;
    let state = scene.until("stored twice", 15, |state| state.stored.len() == 2).await;
    assert_eq!(state.stored[0].sha256, state.stored[1].sha256);
    assert_eq!(state.stored[0].name, state.stored[1].name, "nextcloud replaces the file by itself");
    scene.until_nothing_is_spooled().await;
}

#[actix_rt::test]
async fn a_refused_file_is_kept_with_the_reason_in_the_log() {
    let mut scene = Scene::synthetic(SERVER).await;
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    scene.cloud.delete_room(ROOM);
    let url = format!("{}/api/v1/room/{ROOM}", scene.server.url());
    let stopped =
        crate::protocol::post_signed(&url, scene.cloud.address(), r#"{"type":"stop","stop":[]}"#).await;
    assert_eq!(stopped.status(), 200);
    scene.server.wait_for_log(0, "parked: the file stays in the spool").await;
    assert!(scene.server.log().contains("the room was deleted"), "{}", scene.server.log());
    assert_eq!(scene.spooled().len(), 1);
    assert_eq!(scene.server.count("uploads_failed_total").await, 1.0);
}

#[actix_rt::test]
async fn a_page_that_answers_in_nextclouds_place_stores_nothing() {
    let mut scene = Scene::with_old_talk(SERVER).await;
    scene.cloud.faults().script(Door::Store, vec![Fault::Status(200); 3]);
    record(&scene).await;
    scene.server.wait_for_log(0, "upload failed, the file stays in the spool").await;
    assert!(scene.server.log().contains("not from Talk's recording API"), "{}", scene.server.log());
    assert_eq!(scene.spooled().len(), 1);
}

#[actix_rt::test]
async fn a_large_file_is_sent_whole_at_each_try() {
    let mut scene = Scene::with_old_talk(SERVER).await;
    scene.cloud.faults().script(Door::Store, [Fault::Hang(Duration::from_secs(20))]);
    record(&scene).await;
    scene.server.wait_for_log(0, "recording sealed").await;
    scene.server.kill();
    let media = scene.spooled()[0].join("media.webm");
    let mut bytes = std::fs::read(&media).unwrap();
    bytes.extend((0..30_000_000_u32).map(|position| position.to_le_bytes()[(position % 4) as usize]));
    std::fs::write(&media, &bytes).unwrap();
    scene.cloud.faults().clear();
    scene.cloud.faults().script(Door::Store, [Fault::Status(500), Fault::Drop]);
    scene.restart().await;
    let file = scene.until_stored(1, 30).await;
    assert_eq!(file.bytes, bytes.len() as u64);
    assert!(std::fs::read(&file.path).unwrap() == bytes, "the bytes differ");
}

#[actix_rt::test]
async fn a_started_whose_answer_was_lost_does_not_end_the_recording() {
    let scene = Scene::synthetic(SERVER).await;
    scene.cloud.faults().script(Door::Notice, [Fault::LoseAnswer]);
    record(&scene).await;
    scene.until_stored(1, 15).await;
    let state = scene.until("stopped", 15, |state| state.told(ROOM).len() == 2).await;
    assert_eq!(state.told(ROOM), [NoticeKind::Started(1), NoticeKind::Stopped]);
    assert!(!scene.server.log().contains("ERROR"), "{}", scene.server.log());
}

#[actix_rt::test]
async fn a_nextcloud_that_hangs_holds_nobody_up() {
    let scene = Scene::synthetic(SERVER).await;
    scene.cloud.faults().script(Door::Notice, [Fault::Hang(Duration::from_mins(1))]);
    scene.press_record(Kind::Video).await;
    scene.server.metrics().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    scene.press_stop().await;
    scene.until_stored(1, 10).await;
}
