//! A program hangs in the middle of a recording: that is noticed, the program is named, what was recorded is delivered
//! and can be sought in, and nothing is left. One that stalls for a moment costs nothing but that moment.
//!
//! Recordings of one test run side by side, since most of their time is waiting.

use std::time::Duration;

use futures_util::future::join_all;
use rustix::process::{Pid, Signal, kill_process};
use talk_recorder::demo::{Kind, judge, state::NoticeKind};
use testing::{Scene, processes::displays, scene::ROOM};
use tokio::time::{Instant, sleep};

use crate::stage::{Browser, CHROMIUM, FIREFOX, START, find, nothing_is_left, seekable, with};

const LIMITS: &str = "[limits]\nunresponsive_page = \"5s\"";
/// Until it hangs, a program has so long. Longer than three seconds, before which a failure is not told.
const RECORDED: Duration = Duration::from_secs(5);
/// After its limit everything ends within this time.
const WOUND_UP: Duration = Duration::from_secs(15);
/// A look is due 20 s after the beginning, and may take 3 s: a program stalls from before it until after it.
const BEFORE_A_LOOK: Duration = Duration::from_secs(17);
const STALL: Duration = Duration::from_secs(8);

/// A program, and what is to be said when it hangs.
#[derive(Clone, Copy)]
struct Case {
    browser: Browser,
    /// A part of its command line.
    victim: &'static [&'static str],
    why: &'static str,
    reason: &'static str,
    /// How long it may hang.
    limit: Duration,
}

impl Case {
    /// A browser, or a part of it.
    fn page(browser: Browser, victim: &'static [&'static str]) -> Self {
        let limit = Duration::from_secs(5);
        Self {
            browser,
            victim,
            why: "page_unresponsive",
            reason: "browser: the page has not answered",
            limit,
        }
    }

    /// Any other program, which is not the browser's fault whatever the browser says.
    fn other(browser: Browser, victim: &'static [&'static str], reason: &'static str) -> Self {
        Self { browser, victim, why: "engine_failed", reason, limit: Duration::from_secs(20) }
    }
}

async fn hang_side_by_side<const N: usize>(cases: [Case; N]) {
    let displays_before = displays();
    let scenes = join_all(cases.map(hang)).await;
    for scene in scenes {
        nothing_is_left(&scene, &displays_before).await;
    }
}

async fn hang(case: Case) -> Scene {
    let scene = with(case.browser, LIMITS).await;
    scene.press_record(Kind::Video).await;
    scene.until_started(START).await;
    let started = Instant::now();
    sleep(RECORDED).await;
    let process = find(&scene, case.victim);
    kill_process(Pid::from_raw(process.pid).unwrap(), Signal::STOP).unwrap();
    let (recorded, frozen) = (started.elapsed(), Instant::now());
    scene.until("failed", 60, |state| state.told(ROOM).last() == Some(&NoticeKind::Failed)).await;
    let noticed = frozen.elapsed();
    let file = scene.until_stored(1, 30).await;
    let log = scene.server.log();
    let said = log.lines().find(|line| line.contains("recording broke off"));
    let said = said.unwrap_or_else(|| panic!("{:?}: nothing broke off\n{log}", case.victim));
    for part in [case.reason, &format!("why={}", case.why)] {
        assert!(said.contains(part), "{:?}: {part:?} is not in {said}", case.victim);
    }
    assert!(noticed < case.limit + WOUND_UP, "{:?}: told after {noticed:?}\n{log}", case.victim);
    let seconds = seekable(&file).await;
    println!("{:?}: told after {noticed:?}, {seconds} s delivered, {recorded:?} until it hung", case.victim);
    assert!(seconds > recorded.as_secs_f64() - 1.0, "{:?}: {seconds} s of {recorded:?}", case.victim);
    let frames = judge::frames(&file.path).await.unwrap();
    assert!(frames.unique() > 60, "{:?}: {} different frames", case.victim, frames.unique());
    assert_eq!(scene.server.count("failed_total").await, 1.0);
    assert_eq!(scene.server.count("uploads_failed_total").await, 0.0);
    assert_eq!(scene.server.count("current").await, 0.0);
    scene
}

#[actix_rt::test]
async fn a_browser_that_hangs_is_noticed() {
    hang_side_by_side([
        Case::page(FIREFOX, FIREFOX.main),
        Case::page(CHROMIUM, CHROMIUM.main),
        Case::page(CHROMIUM, &["chromedriver --"]),
    ])
    .await;
}

#[actix_rt::test]
async fn a_page_that_hangs_is_noticed() {
    hang_side_by_side([Case::page(FIREFOX, FIREFOX.renderer), Case::page(CHROMIUM, CHROMIUM.renderer)]).await;
}

#[actix_rt::test]
async fn a_display_a_sound_server_or_an_encoder_that_hangs_is_noticed() {
    hang_side_by_side([
        Case::other(FIREFOX, &["Xvfb"], "display: Xvfb does not answer any more"),
        Case::other(CHROMIUM, &["pulseaudio"], "audio: pulseaudio does not answer any more"),
        Case::other(CHROMIUM, &["ffmpeg"], "encoder: ffmpeg has not written anything for 20 s"),
    ])
    .await;
}

/// Stops a program while it is asked whether it answers, wakes it again, and goes on recording.
async fn stall(browser: Browser, victim: &str) -> Scene {
    let scene = with(browser, "").await;
    scene.press_record(Kind::Video).await;
    scene.until_started(START).await;
    let started = Instant::now();
    sleep(BEFORE_A_LOOK).await;
    let process = Pid::from_raw(find(&scene, &[victim]).pid).unwrap();
    kill_process(process, Signal::STOP).unwrap();
    sleep(STALL).await;
    kill_process(process, Signal::CONT).unwrap();
    sleep(RECORDED).await;
    assert_eq!(scene.told(), [NoticeKind::Started(1)], "{victim}\n{}", scene.server.log());
    let recorded = started.elapsed().as_secs_f64();
    scene.press_stop().await;
    let seconds = seekable(&scene.until_stored(1, 30).await).await;
    println!("{victim}: {seconds} s delivered of {recorded} s");
    assert!(seconds > recorded - 1.0, "{victim}: {seconds} s of {recorded} s");
    assert_eq!(scene.server.count("failed_total").await, 0.0);
    scene
}

#[actix_rt::test]
async fn a_display_or_a_sound_server_that_stalls_for_a_moment_ends_no_recording() {
    let displays_before = displays();
    let scenes = join_all([stall(FIREFOX, "Xvfb"), stall(CHROMIUM, "pulseaudio")]).await;
    for scene in scenes {
        nothing_is_left(&scene, &displays_before).await;
    }
}
