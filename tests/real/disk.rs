//! The disk of the spool becomes full while a call is recorded.

use talk_recorder::demo::{Kind, judge, state::NoticeKind};
use testing::{Scene, Setup, processes::displays, scene::ROOM};

use crate::{
    SERVER,
    stage::{CHROMIUM, SMALL, START, nothing_is_left, seekable},
};

/// More than a megabyte a second, so that a small disk is soon full.
const GREEDY: &str =
    "[ffmpeg]\noutputvideo = \"-c:v mjpeg -q:v 2 -pix_fmt yuvj420p\"\nextensionvideo = \".mkv\"\n";

async fn on_a_disk_of(mib: u32, reserve: &str) -> Scene {
    let more = format!("{GREEDY}[spool]\nreserve = \"{reserve}\"").leak();
    let setup =
        Setup { recording: CHROMIUM.setting, backend: SMALL, more, spool_mib: Some(mib), ..Setup::default() };
    Scene::start(SERVER, setup).await
}

#[actix_rt::test]
async fn a_recording_is_stopped_while_there_is_room_to_seal_it() {
    let locks = displays();
    let scene = on_a_disk_of(18, "14MiB").await;
    scene.press_record(Kind::Video).await;
    let ended = [NoticeKind::Started(1), NoticeKind::Stopped];
    scene.until("stopped", START + 60, |state| state.told(ROOM) == ended).await;
    let seconds = seekable(&scene.until_stored(1, 30).await).await;
    println!("stopped after {seconds} seconds");
    let log = scene.server.log();
    assert!(log.contains("why=disk_full"), "{log}");
    assert!(!log.contains("No space left"), "{log}");
    nothing_is_left(&scene, &locks).await;
    assert_eq!(scene.server.count("failed_total").await, 0.0);
}

#[actix_rt::test]
async fn without_a_reserve_what_the_disk_took_is_delivered() {
    let locks = displays();
    let scene = on_a_disk_of(8, "off").await;
    scene.press_record(Kind::Video).await;
    let ended = [NoticeKind::Started(1), NoticeKind::Failed];
    scene.until("failed", START + 60, |state| state.told(ROOM) == ended).await;
    let file = scene.until_stored(1, 30).await;
    let log = scene.server.log();
    assert!(log.contains("recording broke off") && log.contains("No space left on device"), "{log}");
    assert!(log.contains("no room on the disk for a second copy"), "{log}");
    let frames = judge::frames(&file.path).await.unwrap();
    println!("{} seconds on a full disk", frames.seconds());
    assert!(frames.seconds() > 2.0, "{} seconds", frames.seconds());
    nothing_is_left(&scene, &locks).await;
    scene.until_nothing_is_spooled().await;
    assert_eq!(scene.server.count("failed_total").await, 1.0);
}
