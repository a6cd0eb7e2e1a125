//! How Firefox is started: directly, without a driver, in a profile of its own that is made for recording.

use std::path::Path;

use actors::ports::EngineError;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{
    browser::{Look, STAGE},
    process::{Launch, Stream},
    scratch::{Environment, Scratch},
};

/// What the profile sets, each with its reason in the line above its group.
const PREFERENCES: &[(&str, &str)] = &[
    // Only WebDriver BiDi.
    ("remote.active-protocols", "1"),
    // Sound starts without a click; the page may ask for devices and gets no prompt.
    ("media.autoplay.default", "0"),
    ("media.autoplay.blocking_policy", "0"),
    ("media.navigator.permission.disabled", "true"),
    ("media.navigator.permission.device", "false"),
    ("permissions.default.desktop-notification", "2"),
    // The signaling server and the media often have private addresses.
    ("network.lna.enabled", "false"),
    ("network.lna.blocking", "false"),
    ("network.lna.block_trackers", "false"),
    ("network.lna.etp.enabled", "false"),
    ("network.lna.websocket.enabled", "false"),
    // Nothing lies over the page.
    ("browser.shell.checkDefaultBrowser", "false"),
    ("browser.aboutwelcome.enabled", "false"),
    ("browser.startup.page", "0"),
    ("browser.startup.homepage_override.mstone", "\"ignore\""),
    ("browser.newtabpage.enabled", "false"),
    ("browser.tabs.warnOnClose", "false"),
    ("browser.translations.enable", "false"),
    ("browser.uitour.enabled", "false"),
    ("browser.sessionstore.resume_from_crash", "false"),
    ("browser.fullscreen.autohide", "true"),
    ("full-screen-api.warning.timeout", "0"),
    ("signon.rememberSignons", "false"),
    ("datareporting.policy.dataSubmissionPolicyBypassNotification", "true"),
    ("browser.preonboarding.enabled", "false"),
    ("termsofuse.bypassNotification", "true"),
    // Nothing calls home.
    ("app.update.disabledForTesting", "true"),
    ("app.normandy.enabled", "false"),
    ("app.shield.optoutstudies.enabled", "false"),
    ("browser.region.network.url", "\"\""),
    ("browser.safebrowsing.downloads.remote.enabled", "false"),
    ("browser.safebrowsing.malware.enabled", "false"),
    ("browser.safebrowsing.phishing.enabled", "false"),
    ("browser.search.update", "false"),
    ("datareporting.healthreport.uploadEnabled", "false"),
    ("datareporting.policy.dataSubmissionEnabled", "false"),
    ("extensions.update.enabled", "false"),
    ("extensions.getAddons.cache.enabled", "false"),
    ("extensions.systemAddon.update.enabled", "false"),
    ("media.gmp-manager.updateEnabled", "false"),
    ("network.captive-portal-service.enabled", "false"),
    ("network.connectivity-service.enabled", "false"),
    ("network.prefetch-next", "false"),
    ("services.settings.server", "\"data:,\""),
    ("toolkit.telemetry.enabled", "false"),
    ("toolkit.telemetry.server", "\"\""),
    ("toolkit.telemetry.unified", "false"),
    ("browser.tabs.crashReporting.sendReport", "false"),
    // A page that nobody touches is not slowed down, and a call is not cached on disk.
    ("dom.min_background_timeout_value", "4"),
    ("widget.windows.window_occlusion_tracking.enabled", "false"),
    ("browser.cache.disk.enable", "false"),
    // There is no graphics card behind the display.
    ("layers.acceleration.disabled", "true"),
];

/// What to start for a Firefox that shows what `look` says.
///
/// # Errors
/// When its profile cannot be written.
pub(super) fn launch(
    scratch: &Scratch,
    environment: &Environment,
    look: &Look,
    program: &Path,
) -> Result<Launch, EngineError> {
    let profile = scratch.subdirectory("profile")?;
    scratch.write("profile/user.js", user_js().as_bytes())?;
    let mut environment = environment.clone();
    // No helper that outlives it, and no wait for a report to be sent.
    environment.set("MOZ_CRASHREPORTER_DISABLE", "1");
    environment.set("MOZ_DISABLE_AUTO_SAFE_MODE", "1");
    let mut arguments =
        vec!["--remote-debugging-port=0".into(), "--profile".into(), profile.into_os_string()];
    arguments.extend(["--new-instance", "--no-remote", "--kiosk", "--width"].map(Into::into));
    arguments.extend(
        [look.size.width.to_string(), "--height".to_owned(), look.size.height.to_string()].map(Into::into),
    );
    Ok(Launch {
        stage: STAGE,
        program: program.to_owned(),
        arguments,
        environment,
        when_orphaned: Signal::KILL,
        speaks: Stream::Errors,
    })
}

/// Where it listens, once it says so.
pub(super) fn address(line: &str) -> Option<String> {
    let (_, address) = line.split_once("WebDriver BiDi listening on ")?;
    Some(format!("{}/session", address.trim()))
}

/// What is asked of a session.
pub(super) fn capabilities(look: &Look) -> Value {
    json!({ "acceptInsecureCerts": look.accept_any_certificate })
}

fn user_js() -> String {
    let line = |(name, value): &(&str, &str)| format!("user_pref(\"{name}\", {value});\n");
    PREFERENCES.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_taken_from_the_line_that_announces_it() {
        assert_eq!(
            address("WebDriver BiDi listening on ws://127.0.0.1:41001").unwrap(),
            "ws://127.0.0.1:41001/session"
        );
        assert_eq!(address("*** You are running in headless mode."), None);
    }

    #[test]
    fn the_profile_is_a_list_of_preferences_that_are_set_once() {
        let text = user_js();
        assert!(text.contains("user_pref(\"network.lna.enabled\", false);\n"), "{text}");
        let mut names: Vec<_> = PREFERENCES.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), PREFERENCES.len());
    }
}
