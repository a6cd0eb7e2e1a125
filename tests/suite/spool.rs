//! A spool that is not as it should be.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use talk_recorder::demo::{
    Kind,
    state::{NoticeKind, RecordingState, State},
};
use testing::{
    Scene, Setup,
    scene::{OTHER_ROOM, ROOM},
};

use crate::{SERVER, cli::run, faults::over_a_limit};

/// Every file below a directory with its bytes; sockets have none.
fn files_in(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for item in fs::read_dir(directory).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            files.extend(files_in(&path));
        } else {
            let bytes = fs::read(&path).unwrap_or_default();
            files.insert(path, bytes);
        }
    }
    files
}

#[actix_rt::test]
async fn a_start_that_cannot_be_journalled_is_told_to_have_failed_and_the_running_one_goes_on() {
    let mut scene = Scene::synthetic(SERVER).await;
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    // Unlike missing rights, a file in the place of the directory stops root, too.
    let (drawer, aside) = (scene.spool().join("cloud"), scene.spool().join("aside"));
    fs::rename(&drawer, &aside).unwrap();
    fs::write(&drawer, b"").unwrap();
    scene.cloud.press_record(OTHER_ROOM, Kind::Video).await.expect("it is answered with success");
    scene.server.wait_for_log(0, "why=unwritable").await;
    let told = |state: &State| state.told(OTHER_ROOM) == [NoticeKind::Failed];
    let state = scene.until("failed", 10, told).await;
    assert_eq!(state.recording(OTHER_ROOM), Some(RecordingState::Failed));
    assert_eq!(scene.server.count("total").await, 1.0);
    assert_eq!(scene.told(), [NoticeKind::Started(1)], "the running one goes on");
    fs::remove_file(&drawer).unwrap();
    fs::rename(&aside, &drawer).unwrap();
    scene.press_stop().await;
    assert_eq!(scene.until_stored(1, 10).await.room, ROOM);
    scene.until_nothing_is_spooled().await;
}

#[actix_rt::test]
async fn a_disk_without_a_byte_left_keeps_no_recording_from_being_delivered() {
    let setup = Setup {
        recording: "engine = \"synthetic\"",
        more: "[spool]\nreserve = \"off\"",
        spool_mib: Some(4),
        ..Setup::default()
    };
    let mut scene = Scene::start(SERVER, setup).await;
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    let recorded = fs::read(scene.spooled()[0].join("media.webm")).unwrap();
    let filling = fs::write(scene.spool().join("filling"), vec![0; 5 << 20]).unwrap_err();
    assert_eq!(filling.kind(), std::io::ErrorKind::StorageFull);
    scene.press_stop().await;
    scene.server.wait_for_log(0, "journal not written, the recording goes on without").await;
    let file = scene.until_stored(1, 20).await;
    assert!(fs::read(&file.path).unwrap() == recorded);
    scene
        .until("stopped", 10, |state| state.told(ROOM) == [NoticeKind::Started(1), NoticeKind::Stopped])
        .await;
    scene.until_nothing_is_spooled().await;
    assert_eq!(scene.server.count("uploads_failed_total").await, 0.0);
}

#[actix_rt::test]
async fn a_second_server_on_a_spool_ends_with_a_clear_error_and_changes_nothing() {
    let scene = Scene::synthetic(SERVER).await;
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    let before = files_in(&scene.spool());
    let config = scene.directory().join("config.toml");
    let (code, _, errors) = run(&["--config", config.to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("is in use by another talk-recorder"), "{errors}");
    assert!(files_in(&scene.spool()) == before);
    scene.press_stop().await;
    scene.until_stored(1, 10).await;
    scene.until_nothing_is_spooled().await;
}

#[actix_rt::test]
async fn a_recording_whose_media_is_gone_is_named_and_not_kept_for_ever() {
    let mut scene = over_a_limit().await;
    scene.server.kill();
    fs::remove_file(scene.spooled()[0].join("media.webm")).unwrap();
    let already = scene.server.log().len();
    scene.restart().await;
    scene.server.wait_for_log(already, "found in the spool without its media").await;
    scene.until_nothing_is_spooled().await;
    assert!(scene.cloud.state().stored.is_empty());
    scene
        .until("stopped", 10, |state| state.told(ROOM) == [NoticeKind::Started(1), NoticeKind::Stopped])
        .await;
}
