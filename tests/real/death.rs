//! A program dies in the middle of a recording: it is noticed, told, and what was recorded is uploaded.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use talk_recorder::demo::{Kind, judge, state::NoticeKind};
use testing::{
    processes::displays,
    scene::{LEFT, ROOM},
};
use tokio::time::{Instant, sleep};

use crate::stage::{Browser, CHROMIUM, FIREFOX, START, find, nothing_is_left, seekable, small};

/// A death must be noticed within this time.
const NOTICED: Duration = Duration::from_secs(5);

async fn dies(browser: Browser, victim: &[&str]) {
    let locks = displays();
    let scene = small(browser).await;
    scene.press_record(Kind::Video).await;
    scene.until_started(START).await;
    // Longer than three seconds after the start, before which a failure is not told.
    sleep(Duration::from_secs(5)).await;
    let process = find(&scene, victim);
    let killed = Instant::now();
    kill_process(Pid::from_raw(process.pid).unwrap(), Signal::KILL).unwrap();
    scene.until("failed", 30, |state| state.told(ROOM).last() == Some(&NoticeKind::Failed)).await;
    let noticed = killed.elapsed();
    println!("{victim:?}: told after {noticed:?}");
    let file = scene.until_stored(1, 30).await;
    assert!(scene.server.log().contains("recording broke off"), "{}", scene.server.log());
    nothing_is_left(&scene, &locks).await;
    assert_eq!(scene.server.count("failed_total").await, 1.0);
    assert_eq!(scene.server.count("uploads_failed_total").await, 0.0);
    assert_eq!(scene.server.count("current").await, 0.0);
    let seconds = seekable(&file).await;
    println!("{victim:?}: {seconds} seconds delivered");
    let frames = judge::frames(&file.path).await.unwrap();
    assert!(frames.seconds() > 3.0, "{} seconds of 5 were salvaged", frames.seconds());
    assert!(noticed < NOTICED, "told after {noticed:?}\n{}", scene.server.log());
}

#[actix_rt::test]
async fn firefox_dies() {
    dies(FIREFOX, FIREFOX.main).await;
}

#[actix_rt::test]
async fn the_page_of_firefox_dies() {
    dies(FIREFOX, FIREFOX.renderer).await;
}

#[actix_rt::test]
async fn chromium_dies() {
    dies(CHROMIUM, CHROMIUM.main).await;
}

#[actix_rt::test]
async fn the_page_of_chromium_dies() {
    dies(CHROMIUM, CHROMIUM.renderer).await;
}

#[actix_rt::test]
async fn chromedriver_dies() {
    dies(CHROMIUM, &["chromedriver --"]).await;
}

#[actix_rt::test]
async fn the_display_dies() {
    dies(FIREFOX, &["Xvfb"]).await;
    dies(CHROMIUM, &["Xvfb"]).await;
}

#[actix_rt::test]
async fn the_sound_server_dies() {
    dies(FIREFOX, &["pulseaudio"]).await;
    dies(CHROMIUM, &["pulseaudio"]).await;
}

#[actix_rt::test]
async fn the_encoder_dies() {
    dies(FIREFOX, &["ffmpeg"]).await;
    dies(CHROMIUM, &["ffmpeg"]).await;
}

#[actix_rt::test]
async fn a_page_that_is_led_elsewhere_is_noticed_and_only_its_address_is_told() {
    let locks = displays();
    let scene = small(CHROMIUM).await;
    scene.cloud.press_record(LEFT, Kind::Video).await.unwrap();
    let ended = [NoticeKind::Started(1), NoticeKind::Failed];
    scene.until("failed", START, |state| state.told(LEFT) == ended).await;
    let seconds = seekable(&scene.until_stored(1, 30).await).await;
    assert!((3.0..9.0).contains(&seconds), "{seconds} seconds");
    let log = scene.server.log();
    let address = format!("the page left the call for {}/index.php/call/gone/", scene.cloud.address());
    assert!(log.contains("why=page_left") && log.contains(&address), "{log}");
    assert!(!log.contains("private"), "{log}");
    nothing_is_left(&scene, &locks).await;
}
