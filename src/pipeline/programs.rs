//! Finds the programs that a recording needs. Nothing is ever downloaded: what is missing is named, with what to install.

use std::{
    env,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{process::Command, time::timeout};

use super::browser::Installed;
use crate::config::{Browser, Config, Recording};

const FIREFOX: [&str; 2] = ["firefox-esr", "firefox"];
const CHROMIUM: [&str; 4] = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
const CHROMEDRIVER: [&str; 3] =
    ["chromedriver", "/usr/lib/chromium-browser/chromedriver", "/usr/lib/chromium/chromedriver"];
const PATIENCE_FOR_VERSION: Duration = Duration::from_secs(20);

/// A program that a recording needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// What it is called.
    pub name: String,
    /// Where it is, and which version; or what to install.
    pub found: Result<Found, String>,
}

/// A program that is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its file.
    pub path: PathBuf,
    /// What it says of its version; empty if it says nothing.
    pub version: String,
}

/// Looks for everything that a recording needs with this configuration.
pub async fn requirements(config: &Config) -> Vec<Requirement> {
    let ffmpeg = config.ffmpeg.common.first().map_or("ffmpeg", String::as_str);
    let mut list = vec![
        requirement("Xvfb", find(Path::new("Xvfb")), "install Xvfb (Debian: xvfb)", None).await,
        requirement(
            "PulseAudio",
            find(Path::new("pulseaudio")),
            "install PulseAudio (Debian: pulseaudio)",
            Some("--version"),
        )
        .await,
        requirement(
            "ffmpeg",
            find(Path::new(ffmpeg)),
            "install ffmpeg 5.1 or newer, or set [ffmpeg] common",
            Some("-version"),
        )
        .await,
    ];
    match choose(&config.recording) {
        Ok(Installed::Firefox { browser }) => {
            list.push(requirement("Firefox", Some(browser), "", Some("--version")).await);
        }
        Ok(Installed::Chromium { browser, driver }) => {
            list.push(requirement("Chromium", Some(browser), "", Some("--version")).await);
            list.push(requirement("chromedriver", Some(driver), "", Some("--version")).await);
        }
        Err(missing) => list.push(Requirement { name: "browser".to_owned(), found: Err(missing) }),
    }
    list
}

/// The browser to record with: the one that is configured, else Firefox where it is installed, else Chromium.
///
/// # Errors
/// What to install, or which path is wrong.
pub(super) fn choose(recording: &Recording) -> Result<Installed, String> {
    match recording.browser {
        Some(Browser::Firefox) => firefox(recording),
        Some(Browser::Chrome) => chromium(recording),
        None => firefox(recording).or_else(|_| chromium(recording)).map_err(|_| {
            "no browser was found: install Firefox, or Chromium with its chromedriver, or set browserPath"
                .to_owned()
        }),
    }
}

fn firefox(recording: &Recording) -> Result<Installed, String> {
    let advice = "Firefox was not found: install it (Debian: firefox-esr), or set browserPath";
    let browser = configured_or(recording.browser_path.as_deref(), "browserPath", &FIREFOX, advice)?;
    Ok(Installed::Firefox { browser })
}

fn chromium(recording: &Recording) -> Result<Installed, String> {
    let advice = "Chromium was not found: install it (Debian: chromium), or set browserPath";
    let browser = configured_or(recording.browser_path.as_deref(), "browserPath", &CHROMIUM, advice)?;
    let advice = "chromedriver was not found: install it (Debian: chromium-driver), or set driverPath";
    let driver = configured_or(recording.driver_path.as_deref(), "driverPath", &CHROMEDRIVER, advice)?;
    Ok(Installed::Chromium { browser, driver })
}

fn configured_or(
    configured: Option<&Path>,
    key: &str,
    names: &[&str],
    advice: &str,
) -> Result<PathBuf, String> {
    match configured {
        Some(path) => find(path).ok_or_else(|| format!("{key} = {} is not a program", path.display())),
        None => names.iter().find_map(|name| find(Path::new(name))).ok_or_else(|| advice.to_owned()),
    }
}

/// A program by its path, or by its name in `$PATH`.
fn find(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return is_program(program).then(|| program.to_owned());
    }
    let directories = env::var_os("PATH")?;
    env::split_paths(&directories).map(|directory| directory.join(program)).find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

async fn requirement(name: &str, path: Option<PathBuf>, advice: &str, ask: Option<&str>) -> Requirement {
    let found = match (path, ask) {
        (Some(path), Some(option)) => version(&path, option).await.map(|version| Found { path, version }),
        (Some(path), None) => Ok(Found { path, version: String::new() }),
        (None, _) => Err(advice.to_owned()),
    };
    Requirement { name: name.to_owned(), found }
}

/// The first line of what it prints; or why it does not run.
async fn version(program: &Path, option: &str) -> Result<String, String> {
    let output = Command::new(program).arg(option).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = timeout(PATIENCE_FOR_VERSION, output).await;
    let fault = |why: &str| format!("{} {option} does not work: {why}", program.display());
    let output = output.map_err(|_| fault("it does not end"))?.map_err(|error| fault(&error.to_string()))?;
    let first_line =
        |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().to_owned();
    if output.status.success() {
        Ok(first_line(&output.stdout))
    } else {
        Err(fault(&first_line(&output.stderr)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(browser: Option<Browser>, path: Option<&str>) -> Recording {
        Recording {
            browser,
            driver_path: path.map(PathBuf::from),
            browser_path: path.map(PathBuf::from),
            ..Recording::default()
        }
    }

    #[test]
    fn configured_paths_are_obeyed() {
        let shell = PathBuf::from("/bin/sh");
        assert_eq!(
            choose(&recording(Some(Browser::Chrome), Some("/bin/sh"))),
            Ok(Installed::Chromium { browser: shell.clone(), driver: shell.clone() })
        );
        assert_eq!(
            choose(&recording(Some(Browser::Firefox), Some("/bin/sh"))),
            Ok(Installed::Firefox { browser: shell })
        );
    }

    #[test]
    fn a_wrong_path_is_named_and_nothing_else_is_taken_instead() {
        let refused = choose(&recording(Some(Browser::Firefox), Some("/nowhere/firefox"))).unwrap_err();
        assert_eq!(refused, "browserPath = /nowhere/firefox is not a program");
    }

    #[test]
    fn a_name_is_looked_for_in_the_path() {
        assert!(find(Path::new("sh")).is_some());
        assert_eq!(find(Path::new("no-such-program")), None);
        assert_eq!(find(Path::new("/etc")), None);
    }
}
