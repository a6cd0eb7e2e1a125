//! A scene with a real browser, and what must be gone when it is over.

use std::{fs, process::Command, time::Duration};

use talk_recorder::demo::{Kind, judge};
use testing::{
    Scene, Setup,
    processes::{Process, displays},
    scene::StoredFile,
};
use tokio::time::{Instant, sleep};

use crate::SERVER;

/// Bringing up a browser for the first time takes long on a busy machine.
pub(crate) const START: u64 = 60;

/// A browser, and how its settings look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Browser {
    pub(crate) setting: &'static str,
    /// A part of the command line of its main process.
    pub(crate) main: &'static [&'static str],
    /// A part of the command line of the process that draws the page.
    pub(crate) renderer: &'static [&'static str],
}

pub(crate) const FIREFOX: Browser =
    Browser { setting: "browser = \"firefox\"", main: &["--profile"], renderer: &["-contentproc", " tab"] };
pub(crate) const CHROMIUM: Browser = Browser {
    setting: "browser = \"chrome\"",
    main: &["--user-data-dir", "--kiosk"],
    renderer: &["--type=renderer"],
};

/// For `[backend]`.
pub(crate) const SMALL: &str = "videowidth = 640\nvideoheight = 360";

/// A server that records small pictures, so that the machine has time.
pub(crate) async fn small(browser: Browser) -> Scene {
    sized(browser, SMALL).await
}

/// A server that records pictures of this size.
pub(crate) async fn sized(browser: Browser, size: &'static str) -> Scene {
    Scene::start(SERVER, Setup { recording: browser.setting, backend: size, ..Setup::default() }).await
}

/// A server that records small pictures, with further sections in its configuration.
pub(crate) async fn with(browser: Browser, more: &'static str) -> Scene {
    let setup = Setup { recording: browser.setting, backend: SMALL, more, ..Setup::default() };
    Scene::start(SERVER, setup).await
}

/// Makes sure that a player knows the length of a file and can seek in it. Says how many seconds it has.
pub(crate) async fn seekable(file: &StoredFile) -> f64 {
    let seconds = judge::facts(&file.path).await.unwrap().seconds.expect("the file has a duration");
    let half = seconds / 2.0;
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "fatal", "-progress", "pipe:1", "-ss", &half.to_string(), "-i"]).arg(&file.path);
    let played = ffmpeg.args(["-f", "null", "-"]).output().unwrap();
    let said = String::from_utf8_lossy(&played.stdout);
    let mut times = said.lines().filter_map(|line| line.strip_prefix("out_time_us=")?.parse::<f64>().ok());
    let rest = times.next_back().expect("there is something behind the middle") / 1e6;
    assert!(played.status.success(), "{played:?}");
    assert!((rest - half).abs() < 1.5, "{rest} s behind the middle of {seconds} s");
    seconds
}

/// Records for some seconds and waits until the file is stored.
pub(crate) async fn record(scene: &Scene, kind: Kind, seconds: u64) -> StoredFile {
    let before = scene.cloud.state().stored.len();
    scene.press_record(kind).await;
    scene.until_started(START).await;
    sleep(Duration::from_secs(seconds)).await;
    scene.press_stop().await;
    scene.until_stored(before + 1, 30).await
}

/// The frame around a page is a page of its own in Chromium; nobody sees it in a recording.
const FRAME_OF_CHROMIUM: &str = "--top-chrome-webui";

/// The process whose command line has all these parts; of several, the one that worked most.
pub(crate) fn find(scene: &Scene, parts: &[&str]) -> Process {
    let helpers = scene.server.helpers();
    let fits = |process: &&Process| {
        parts.iter().all(|part| process.command.contains(part))
            && !process.command.contains(FRAME_OF_CHROMIUM)
    };
    let busiest = helpers.iter().filter(fits).max_by_key(|process| process.ticks);
    busiest.unwrap_or_else(|| panic!("no process with {parts:?} in {helpers:#?}")).clone()
}

/// Waits until the recording has left nothing: no process, no run-time file, no display.
pub(crate) async fn nothing_is_left(scene: &Scene, locks_before: &[String]) {
    let begun = Instant::now();
    loop {
        let processes = scene.server.helpers();
        let files = recordings_in_run_time_directory(scene);
        let locks = displays();
        if processes.is_empty() && files.is_empty() && locks == locks_before {
            return;
        }
        let left =
            format!("{processes:#?} {files:?} {locks:?}, before {locks_before:?}\n{}", scene.server.log());
        assert!(begun.elapsed() < Duration::from_secs(10), "left behind: {left}");
        sleep(Duration::from_millis(100)).await;
    }
}

/// What recordings have in the run-time directory.
pub(crate) fn recordings_in_run_time_directory(scene: &Scene) -> Vec<String> {
    let Ok(entries) = fs::read_dir(scene.server.runtime_directory()) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| !name.starts_with('.')).collect()
}
