//! Kinds of file that need care: an MP4 is whole when it was stopped, and loses little when everything dies.

use std::{fs, time::Duration};

use futures_util::future::join_all;
use rustix::process::{Pid, Signal, kill_process};
use talk_recorder::demo::{Kind, judge};
use testing::{Scene, processes::displays};
use tokio::time::{Instant, sleep};

use crate::stage::{CHROMIUM, FIREFOX, START, nothing_is_left, record, seekable, with};

const MP4: &str = "[ffmpeg]\nextensionvideo = \".mp4\"\noutputaudio = \"-c:a aac\"\n\
                   outputvideo = \"-c:v libx264 -preset ultrafast -pix_fmt yuv420p\"";

/// Kills the server after some seconds; says how many there were and how many were delivered.
async fn killed(scene: &mut Scene, kind: Kind) -> (f64, f64) {
    scene.press_record(kind).await;
    scene.until_started(START).await;
    let started = Instant::now();
    sleep(Duration::from_secs(5)).await;
    // The programs first, so that none of them seals the file when the server dies.
    for process in scene.server.helpers() {
        if process.command.starts_with("ffmpeg") {
            kill_process(Pid::from_raw(process.pid).unwrap(), Signal::KILL).unwrap();
        }
    }
    scene.server.kill();
    let recorded = started.elapsed().as_secs_f64();
    scene.restart().await;
    (recorded, seekable(&scene.until_stored(1, 30).await).await)
}

#[actix_rt::test]
async fn an_mp4_that_was_stopped_is_one_piece() {
    let locks = displays();
    let scene = with(CHROMIUM, MP4).await;
    let file = record(&scene, Kind::Video, 5).await;
    let seconds = seekable(&file).await;
    assert!((4.5..9.0).contains(&seconds), "{seconds} seconds");
    let boxes = fs::read(&file.path).unwrap();
    let has = |name: &[u8]| boxes.windows(4).any(|window| window == name);
    assert!(has(b"moov") && !has(b"moof"), "the file is in fragments");
    let video = judge::facts(&file.path).await.unwrap().video.unwrap();
    assert!((15.0..31.0).contains(&video.fps), "{} frames a second", video.fps);
    nothing_is_left(&scene, &locks).await;
}

#[actix_rt::test]
async fn a_crash_costs_the_last_seconds_at_most_whatever_the_container() {
    let locks = displays();
    let cases = [(Kind::Video, ""), (Kind::Video, MP4), (Kind::Audio, "")];
    let scenes = join_all(cases.map(async |(kind, more)| {
        let mut scene = with(FIREFOX, more).await;
        let (recorded, delivered) = killed(&mut scene, kind).await;
        println!("{kind:?} {more:?}: {delivered} s of {recorded} s");
        assert!(delivered > recorded - 2.0, "{delivered} s of {recorded} s");
        scene
    }));
    for scene in scenes.await {
        nothing_is_left(&scene, &locks).await;
    }
}
