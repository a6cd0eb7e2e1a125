//! Nothing is left behind: after twenty recordings, and after `kill -9` of the server in the middle of one.

use std::time::Duration;

use talk_recorder::demo::{Kind, judge, state::NoticeKind};
use testing::{processes, scene::ROOM};
use tokio::time::{Instant, sleep};

use crate::stage::{
    Browser, CHROMIUM, FIREFOX, START, nothing_is_left, record, recordings_in_run_time_directory, seekable,
    small,
};

/// What a crash may cost, in seconds.
const LOST_AT_MOST: f64 = 2.0;

async fn killed_while_recording(browser: Browser) {
    let locks = processes::displays();
    let mut scene = small(browser).await;
    scene.press_record(Kind::Video).await;
    scene.until_started(START).await;
    let started = Instant::now();
    sleep(Duration::from_secs(5)).await;
    scene.server.kill();
    let recorded = started.elapsed();
    let begun = Instant::now();
    while !scene.server.helpers().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(5), "still running: {:#?}", scene.server.helpers());
        sleep(Duration::from_millis(50)).await;
    }
    println!("{}: all programs gone after {:?}", browser.setting, begun.elapsed());
    scene.restart().await;
    let file = scene.until_stored(1, 30).await;
    scene.until("failed", 10, |state| state.told(ROOM).last() == Some(&NoticeKind::Failed)).await;
    nothing_is_left(&scene, &locks).await;
    assert!(scene.server.log().contains("media made whole"), "{}", scene.server.log());
    let seconds = seekable(&file).await;
    println!("{}: {seconds} seconds of {recorded:?} were salvaged", browser.setting);
    assert!(
        seconds > recorded.as_secs_f64() - LOST_AT_MOST,
        "{seconds} seconds of {recorded:?} were salvaged"
    );
    let frames = judge::frames(&file.path).await.unwrap();
    assert!((frames.seconds() - seconds).abs() < 0.5, "pictures for {} s of {seconds}", frames.seconds());
}

#[actix_rt::test]
async fn firefox_and_all_programs_end_with_a_killed_server() {
    killed_while_recording(FIREFOX).await;
}

#[actix_rt::test]
async fn chromium_and_all_programs_end_with_a_killed_server() {
    killed_while_recording(CHROMIUM).await;
}

/// Ten recordings with each browser, and after each nothing is left.
#[actix_rt::test]
async fn twenty_recordings_leave_nothing() {
    for browser in [FIREFOX, CHROMIUM] {
        let locks = processes::displays();
        let scene = small(browser).await;
        for count in 1..=10_usize {
            record(&scene, Kind::Video, 1).await;
            scene.until("stopped", 10, |state| state.told(ROOM).len() == 2 * count).await;
        }
        nothing_is_left(&scene, &locks).await;
        scene.until_nothing_is_spooled().await;
        assert_eq!(recordings_in_run_time_directory(&scene), [""; 0]);
        assert_eq!(scene.server.count("total").await, 10.0);
        assert_eq!(scene.server.count("failed_total").await, 0.0);
    }
}

#[actix_rt::test]
async fn sigterm_seals_and_delivers_a_running_recording() {
    let locks = processes::displays();
    let mut scene = small(CHROMIUM).await;
    scene.press_record(Kind::Video).await;
    scene.until_started(START).await;
    sleep(Duration::from_secs(3)).await;
    assert!(scene.server.terminate().await.success());
    let stored = scene.cloud.state().stored;
    let facts = judge::facts(&stored[0].path).await.unwrap();
    assert!(facts.seconds.expect("a sealed file has a duration") > 2.0);
    assert_eq!(scene.told(), [NoticeKind::Started(1), NoticeKind::Stopped]);
    nothing_is_left(&scene, &locks).await;
}

#[actix_rt::test]
async fn a_stop_while_the_browser_comes_up_leaves_nothing() {
    for browser in [FIREFOX, CHROMIUM] {
        let locks = processes::displays();
        let scene = small(browser).await;
        scene.press_record(Kind::Video).await;
        sleep(Duration::from_millis(500)).await;
        scene.press_stop().await;
        scene.until("stopped", 20, |state| state.told(ROOM) == [NoticeKind::Stopped]).await;
        nothing_is_left(&scene, &locks).await;
        assert_eq!(scene.server.count("failed_total").await, 0.0);
    }
}
