//! A real recording ends with its room, without being asked to.

use std::{fs, time::Duration};

use talk_recorder::demo::{Kind, judge, state::NoticeKind};
use testing::{processes::displays, scene::ROOM};

use crate::stage::{CHROMIUM, START, nothing_is_left, small};

#[actix_rt::test]
async fn a_room_that_is_deleted_ends_its_recording_and_the_file_is_kept_whole() {
    let locks = displays();
    let mut scene = small(CHROMIUM).await;
    scene.press_record(Kind::Video).await;
    let state = scene.until_started(START).await;
    assert_eq!(state.sessions_in(ROOM).len(), 2, "the page and the watcher");
    assert_eq!(state.pages_in(ROOM), 1, "the watcher is not in the call");
    tokio::time::sleep(Duration::from_secs(3)).await;
    scene.cloud.delete_room(ROOM);
    scene.server.wait_for_log(0, "why=room_deleted").await;
    scene.server.wait_for_log(0, "parked: the file stays in the spool").await;
    nothing_is_left(&scene, &locks).await;
    assert_eq!(scene.told(), [NoticeKind::Started(1)], "nobody is left to be told more");
    let spooled = scene.spooled();
    let kept = scene.directory().join("kept.webm");
    fs::copy(spooled[0].join("media.webm"), &kept).unwrap();
    let seconds = judge::judge(&kept).await.unwrap().facts.seconds.unwrap();
    assert!((3.0..10.0).contains(&seconds), "{seconds}");
}
