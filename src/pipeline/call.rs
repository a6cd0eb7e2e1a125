//! The call: its page is opened and joined as Nextcloud Talk's recording client, and left again.
//!
//! Nextcloud lets the page be opened only after it has stored our answer to its request, so the page is opened no
//! sooner than a second after that and asked for again if it is not there yet; not often, since each try counts as
//! an attack. Every way in which joining fails has a sentence of its own for the operator.

use std::time::Duration;

use actors::ports::{EngineError, Job};
use serde::Deserialize;
use tokio::time::{sleep, sleep_until};
use url::Url;

use super::{bidi::Trouble, browser::Page};
use crate::{
    config::{BackendSettings, Signaling},
    signature::Signature,
};

const STAGE: &str = "call";
/// Nextcloud stores the state of the room only after it has read our answer.
const HEAD_START: Duration = Duration::from_secs(1);
const TRIES: u32 = 3;
const PAUSE_BETWEEN_TRIES: Duration = Duration::from_millis(1500);
const PATIENCE_FOR_PAGE: Duration = Duration::from_secs(40);
const PATIENCE_FOR_SETTINGS: Duration = Duration::from_secs(30);
const PATIENCE_FOR_JOIN: Duration = Duration::from_secs(30);
const PATIENCE_FOR_LEAVING: Duration = Duration::from_secs(1);

/// Waits until Talk has started in the page, unless it is clear that it never will.
const LOOK: &str = r#"async (origin) => {
    const look = () => ({
        url: location.href,
        status: performance.getEntriesByType("navigation")[0]?.responseStatus ?? 0,
        ready: typeof window.OCA?.Talk?.signalingJoinCallForRecording === "function",
    });
    const hopeless = (page) => page.status >= 400 || location.origin !== origin;
    const deadline = Date.now() + 30000;
    while (!look().ready && !hopeless(look()) && Date.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return JSON.stringify(look());
}"#;
const SETTINGS: &str = r"async (room, random, checksum) => {
    window.signalingSettings = await OCA.Talk.signalingGetSettingsForRecording(room, random, checksum);
    const settings = window.signalingSettings;
    return JSON.stringify({ answered: Boolean(settings), server: settings?.server ?? '' });
}";
const JOIN: &str = r"async (room, random, checksum, nextcloud) => {
    const internal = { random, token: checksum, backend: nextcloud };
    await OCA.Talk.signalingJoinCallForRecording(room, window.signalingSettings, internal);
    return JSON.stringify(null);
}";
const LEAVE: &str = "() => { window.OCA?.Talk?.signalingKill?.(); return JSON.stringify(null); }";

/// What the browser shows instead of, or as, the recording page.
#[derive(Debug, Deserialize)]
struct View {
    url: String,
    /// Of HTTP; 0 if the browser does not say.
    status: u16,
    /// Whether Talk's recording functions are there.
    ready: bool,
}

#[derive(Debug, Deserialize)]
struct Settings {
    answered: bool,
    server: String,
}

/// Opens the page of the call and joins it.
///
/// # Errors
/// What kept it out, and what to do about it.
pub(super) async fn join(
    page: &Page,
    job: &Job,
    backend: &BackendSettings,
    signaling: &Signaling,
) -> Result<(), EngineError> {
    sleep_until(job.accepted + HEAD_START).await;
    open(page, job).await?;
    let server = ask_for_settings(page, job, backend).await?;
    enter(page, job, signaling, &server).await
}

/// Leaves the call, so that the others see it at once.
pub(super) async fn leave(page: &Page) {
    // Whoever does not leave is removed by the signaling server after half a minute.
    drop(page.ask::<()>(LEAVE, &[], PATIENCE_FOR_LEAVING).await);
}

async fn open(page: &Page, job: &Job) -> Result<(), EngineError> {
    let nextcloud = &job.order.nextcloud;
    let url = format!("{nextcloud}/index.php/call/{}/recording", job.order.room);
    let origin = Url::parse(nextcloud).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
    let mut tries = 1;
    loop {
        match visit(page, &url, &origin).await {
            Ok(Verdict::Ready) => return Ok(()),
            // No connection, or an error without a page: Nextcloud may be busy.
            Ok(Verdict::NotYet) | Err(Trouble::Refused { .. }) if tries < TRIES => {
                sleep(PAUSE_BETWEEN_TRIES).await;
            }
            Ok(Verdict::NotYet) => {
                return Err(failed(format!(
                    "{url} answered 404 {TRIES} times: the room does not wait for a recording (it was stopped \
                     meanwhile, or deleted), or the address of this Nextcloud is not {nextcloud}"
                )));
            }
            Ok(Verdict::Never(cause)) => return Err(failed(cause + &page.console())),
            Err(trouble) => return Err(failed(format!("{url} could not be loaded: {trouble}"))),
        }
        tries += 1;
    }
}

async fn visit(page: &Page, url: &str, origin: &str) -> Result<Verdict, Trouble> {
    page.open(url).await?;
    let view = look(page, origin).await?;
    Ok(judge(&view, url, origin))
}

/// A page that redirects itself takes the question away with it, so it is asked once more.
async fn look(page: &Page, origin: &str) -> Result<View, Trouble> {
    match page.ask(LOOK, &[origin], PATIENCE_FOR_PAGE).await {
        Err(Trouble::Refused { .. } | Trouble::Thrown(_)) => {
            page.ask(LOOK, &[origin], PATIENCE_FOR_PAGE).await
        }
        answer => answer,
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Ready,
    NotYet,
    Never(String),
}

fn judge(view: &View, url: &str, origin: &str) -> Verdict {
    let View { url: shown, status, ready } = view;
    // What stands behind it on a login page is nobody's business.
    let shown = shown.split(['?', '#']).next().unwrap_or_default();
    let elsewhere = !shown.starts_with(&format!("{origin}/"));
    match status {
        404 => Verdict::NotYet,
        _ if elsewhere => Verdict::Never(format!(
            "{url} led to another server, {shown}: a login page in front of Nextcloud must let this address pass"
        )),
        400.. => Verdict::Never(format!("{url} answered with HTTP status {status}")),
        _ if *ready => Verdict::Ready,
        _ => Verdict::Never(format!("{shown} is not Talk's recording page, or its scripts did not load")),
    }
}

async fn ask_for_settings(page: &Page, job: &Job, backend: &BackendSettings) -> Result<String, EngineError> {
    let signature = Signature::of(&backend.secret, b"");
    page.keep_secret(&signature);
    let arguments = [job.order.room.as_str(), &signature.random, &signature.checksum];
    let settings: Settings =
        page.ask(SETTINGS, &arguments, PATIENCE_FOR_SETTINGS).await.map_err(|trouble| {
            failed(format!(
                "asking {} for the signaling settings: {}{}",
                job.order.nextcloud,
                page.redacted(&trouble),
                page.console()
            ))
        })?;
    if !settings.answered {
        return Err(failed(format!(
            "{} refused the signaling settings: check that the recording secret of this backend is the one in \
             Nextcloud's Talk settings, and that its URL is right{}",
            job.order.nextcloud,
            page.console()
        )));
    }
    if settings.server.is_empty() {
        return Err(failed(format!(
            "{} has no signaling server: recording needs Talk's high performance backend",
            job.order.nextcloud
        )));
    }
    Ok(settings.server)
}

async fn enter(page: &Page, job: &Job, signaling: &Signaling, server: &str) -> Result<(), EngineError> {
    let Some(secret) = signaling.secret_for(server) else {
        return Err(failed(format!(
            "no internal secret is known for the signaling server {server}: set internalsecret in [signaling], or \
             add a section with this url and its internalsecret to the list `signalings` there"
        )));
    };
    let signature = Signature::of(secret, b"");
    page.keep_secret(&signature);
    let order = &job.order;
    let arguments = [order.room.as_str(), &signature.random, &signature.checksum, &order.nextcloud];
    match page.ask::<()>(JOIN, &arguments, PATIENCE_FOR_JOIN).await {
        Ok(()) => Ok(()),
        Err(trouble) => Err(failed(not_joined(server, &trouble, &page.redacted(&trouble)) + &page.console())),
    }
}

fn not_joined(server: &str, trouble: &Trouble, said: &str) -> String {
    match trouble {
        Trouble::Thrown(_) => format!(
            "the signaling server {server} did not let the recording in: {said}; check that the internal secret here \
             is the one in the server's own configuration"
        ),
        Trouble::Late(seconds) => format!(
            "joining the call through {server} took more than {seconds} s: the signaling server cannot be reached \
             from here, its certificate is not trusted, or it does not know this Nextcloud"
        ),
        _ => format!("joining the call through {server}: {said}"),
    }
}

fn failed(cause: String) -> EngineError {
    EngineError::new(STAGE, cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://cloud.example.com/nc/index.php/call/abcd1234/recording";

    fn verdict(url: &str, status: u16, ready: bool) -> Verdict {
        let view = View { url: url.to_owned(), status, ready };
        judge(&view, URL, "https://cloud.example.com")
    }

    #[test]
    fn only_the_recording_page_will_do() {
        assert_eq!(verdict(URL, 200, true), Verdict::Ready);
        assert_eq!(verdict(URL, 0, true), Verdict::Ready);
        assert_eq!(verdict(URL, 404, false), Verdict::NotYet);
        for (url, status, said) in [
            (
                "https://login.example.com/realms?state=x",
                200,
                "another server, https://login.example.com/realms:",
            ),
            (URL, 503, "HTTP status 503"),
            ("https://cloud.example.com/nc/login", 200, "not Talk's recording page"),
        ] {
            let Verdict::Never(cause) = verdict(url, status, false) else { panic!("{url}") };
            assert!(cause.contains(said), "{cause}");
        }
    }

    #[test]
    fn a_join_that_fails_names_the_server_and_what_to_check() {
        let thrown = Trouble::Thrown("Authentication failed".to_owned());
        let cause = not_joined("https://hpb.example.com", &thrown, "Authentication failed");
        assert!(cause.contains("https://hpb.example.com") && cause.contains("internal secret"), "{cause}");
        let late = not_joined("https://hpb.example.com", &Trouble::Late(30), "");
        assert!(late.contains("more than 30 s"), "{late}");
    }
}
