//! How Chromium, or Chrome, is started: by chromedriver, which speaks WebDriver BiDi for it.
//!
//! chromedriver and Chromium talk through a pipe. So Chromium opens no port through which others could look at the
//! call, and it ends by itself when chromedriver is gone.

use std::{path::Path, time::Duration};

use actors::spool::free_bytes;
use rustix::process::{Pid, Signal};
use serde_json::{Value, json};

use super::{
    bidi::{Bidi, Trouble},
    browser::{Look, STAGE},
    display::Size,
    process::{Launch, Stream},
    scratch::{Environment, Scratch},
};

/// Less free shared memory than this makes Chromium crash in large calls.
const ENOUGH_SHARED_MEMORY: u64 = 2 << 30;
const PATIENCE: Duration = Duration::from_secs(10);
/// Parts of Chromium that would ask, calls home, or get in the way of the watch over its processes.
const SWITCHED_OFF: &str = "LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets,Translate,MediaRouter,\
                            OptimizationHints,SpareRendererForSitePerProcess,CertificateTransparencyComponentUpdater";

/// What to start for a Chromium.
pub(super) fn launch(environment: &Environment, driver: &Path) -> Launch {
    Launch {
        stage: STAGE,
        program: driver.to_owned(),
        arguments: vec!["--port=0".into()],
        environment: environment.clone(),
        when_orphaned: Signal::KILL,
        speaks: Stream::Output,
    }
}

/// Where chromedriver listens, once it says so.
pub(super) fn address(line: &str) -> Option<String> {
    let (_, port) = line.split_once("started successfully on port ")?;
    let port: u16 = port.trim_end_matches('.').parse().ok()?;
    Some(format!("ws://127.0.0.1:{port}/session"))
}

/// The screen that it needs: of a window as large as the screen Chromium cuts off one row and one column.
pub(super) fn screen(picture: Size) -> Size {
    Size { width: picture.width + 2, height: picture.height + 2 }
}

/// What is asked of a session: the browser to start and its switches.
pub(super) fn capabilities(scratch: &Scratch, look: &Look, browser: &Path) -> Value {
    let host = Host {
        is_root: rustix::process::geteuid().is_root(),
        free_shared_memory: free_bytes(Path::new("/dev/shm")).unwrap_or_default(),
        free_elsewhere: free_bytes(&scratch.path("")).unwrap_or_default(),
    };
    json!({
        "acceptInsecureCerts": look.accept_any_certificate,
        "goog:chromeOptions": {
            "binary": browser,
            "args": arguments(&scratch.path("profile"), look.size, host),
            "excludeSwitches": ["enable-automation"],
        },
    })
}

/// What decides about switches.
#[derive(Debug, Clone, Copy)]
struct Host {
    is_root: bool,
    free_shared_memory: u64,
    /// In the run-time directory.
    free_elsewhere: u64,
}

fn arguments(profile: &Path, size: Size, host: Host) -> Vec<String> {
    let mut arguments = vec![
        "--remote-debugging-pipe".to_owned(),
        format!("--user-data-dir={}/", profile.display()),
        "--kiosk".to_owned(),
        "--window-position=0,0".to_owned(),
        format!("--window-size={},{}", size.width, size.height),
        "--force-device-scale-factor=1".to_owned(),
        "--autoplay-policy=no-user-gesture-required".to_owned(),
        "--use-fake-ui-for-media-stream".to_owned(),
        format!("--disable-features={SWITCHED_OFF}"),
    ];
    let plain = [
        "disable-gpu",
        "disable-infobars",
        "disable-notifications",
        "disable-extensions",
        "disable-sync",
        "disable-breakpad",
        "disable-background-networking",
        "disable-background-timer-throttling",
        "disable-backgrounding-occluded-windows",
        "disable-renderer-backgrounding",
        "disable-component-update",
        "disable-default-apps",
        "disable-session-crashed-bubble",
        "hide-crash-restore-bubble",
        "no-default-browser-check",
        "no-first-run",
        "noerrdialogs",
        "password-store=basic",
        "disk-cache-size=1",
    ];
    arguments.extend(plain.map(|name| format!("--{name}")));
    if host.is_root {
        // It refuses to start as root with its sandbox.
        arguments.push("--no-sandbox".to_owned());
        // Without it a bar over the page warns of the missing sandbox.
        arguments.push("--test-type".to_owned());
    }
    // It then takes the run-time directory instead, which may lie in memory as well, and be smaller.
    if host.free_shared_memory < ENOUGH_SHARED_MEMORY.min(host.free_elsewhere) {
        arguments.push("--disable-dev-shm-usage".to_owned());
    }
    arguments
}

/// Asks to be told when the process of a page crashes; says by which name that will be told.
///
/// # Errors
/// When the browser refuses.
pub(super) async fn watch_crashes(bidi: &Bidi, context: &str) -> Result<String, Trouble> {
    let events = json!({ "events": ["goog:cdp.Inspector.targetCrashed"] });
    bidi.command("session.subscribe", events, PATIENCE).await?;
    let session = bidi.command("goog:cdp.getSession", json!({ "context": context }), PATIENCE).await?;
    Ok(session["session"].as_str().unwrap_or_default().to_owned())
}

/// The processes that run pages, among them that of the call, and that of chromedriver's own hidden page.
/// No event tells when the latter dies.
///
/// `None` where the system does not say.
pub(super) fn page_processes(driver: Pid) -> Option<Vec<i32>> {
    let processes = procfs::process::all_processes().ok()?;
    let runs_a_page = |process: &procfs::process::Process| {
        let arguments = process.cmdline().unwrap_or_default().join(" ");
        arguments.contains("--type=renderer") && !arguments.contains("--top-chrome-webui")
    };
    let of_this_driver = |process: &procfs::process::Process| {
        process.stat().is_ok_and(|stat| stat.session == driver.as_raw_pid() && stat.state != 'Z')
    };
    let pages = processes.flatten().filter(|process| of_this_driver(process) && runs_a_page(process));
    Some(pages.map(|process| process.pid).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOMY: Host = Host { is_root: false, free_shared_memory: 4 << 30, free_elsewhere: 8 << 30 };

    fn line(host: Host) -> String {
        arguments(Path::new("/run/x/profile"), Size { width: 960, height: 540 }, host).join(" ")
    }

    #[test]
    fn the_window_has_the_size_of_the_picture_and_no_port_is_opened() {
        let line = line(ROOMY);
        assert!(line.contains("--window-size=960,540"), "{line}");
        assert!(line.contains("--remote-debugging-pipe"), "{line}");
    }

    #[test]
    fn the_sandbox_is_given_up_only_for_root() {
        assert!(!line(ROOMY).contains("sandbox"));
        assert!(line(Host { is_root: true, ..ROOMY }).contains("--no-sandbox"));
    }

    #[test]
    fn scarce_shared_memory_is_not_used() {
        assert!(!line(ROOMY).contains("dev-shm"));
        let scarce = Host { free_shared_memory: 64 << 20, ..ROOMY };
        assert!(line(scarce).contains("--disable-dev-shm-usage"));
        assert!(!line(Host { free_elsewhere: 32 << 20, ..scarce }).contains("--disable-dev-shm-usage"));
    }

    #[test]
    fn the_port_is_taken_from_the_line_that_announces_it() {
        assert_eq!(
            address("ChromeDriver was started successfully on port 41001.").unwrap(),
            "ws://127.0.0.1:41001/session"
        );
        assert_eq!(address("Starting ChromeDriver 156.0 on port 0"), None);
    }
}
