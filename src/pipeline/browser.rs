//! The browser of one recording, whichever it is: started, driven and ended in one way.

use std::{fmt, path::PathBuf, time::Duration};

use actors::{ids::RecordingId, ports::EngineError};
use rustix::process::{Pid, Signal};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{
    bidi::{Bidi, Trouble},
    chromium,
    display::Size,
    firefox, health,
    process::Program,
    scratch::{Environment, Scratch},
};
use crate::signature::Signature;

/// The name of this part in errors and log lines.
pub(super) const STAGE: &str = "browser";
/// A browser that starts for the first time on a busy machine takes long.
const PATIENCE: Duration = Duration::from_mins(1);
const GRACE: Duration = Duration::from_secs(2);
const EVENTS: [&str; 2] = ["log.entryAdded", "browsingContext.contextDestroyed"];

/// The programs of a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Installed {
    /// Firefox.
    Firefox {
        /// Its file.
        browser: PathBuf,
    },
    /// Chromium or Chrome.
    Chromium {
        /// Its file.
        browser: PathBuf,
        /// Its chromedriver.
        driver: PathBuf,
    },
}

/// How a browser shall look and behave.
#[derive(Debug, Clone)]
pub(super) struct Look {
    /// The size of the picture, which the page fills.
    pub(super) size: Size,
    /// Whether certificates are not looked at.
    pub(super) accept_any_certificate: bool,
}

/// A running browser.
#[derive(Debug)]
pub(super) struct Browser {
    program: Program,
    page: Page,
}

/// Its one page.
#[derive(Debug)]
pub(super) struct Page {
    bidi: Bidi,
    context: String,
    recording: RecordingId,
    /// Where Chromium is driven: chromedriver, the parent of all its processes.
    driver: Option<Pid>,
}

impl fmt::Display for Installed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Firefox { browser } | Self::Chromium { browser, .. }) = self;
        write!(formatter, "{}", browser.display())
    }
}

impl Installed {
    /// The screen on which it shows a picture of this size from corner to corner.
    pub(super) fn screen(&self, picture: Size) -> Size {
        match self {
            Self::Firefox { .. } => picture,
            Self::Chromium { .. } => chromium::screen(picture),
        }
    }
}

impl Browser {
    /// Starts a browser.
    ///
    /// # Errors
    /// When it does not start, or refuses to be driven.
    pub(super) async fn start(
        installed: &Installed,
        scratch: &Scratch,
        environment: &Environment,
        look: &Look,
    ) -> Result<Self, EngineError> {
        let (launch, capabilities, address): (_, _, fn(&str) -> Option<String>) = match installed {
            Installed::Firefox { browser } => {
                let launch = firefox::launch(scratch, environment, look, browser)?;
                (launch, firefox::capabilities(look), firefox::address)
            }
            Installed::Chromium { browser, driver } => {
                let launch = chromium::launch(environment, driver);
                (launch, chromium::capabilities(scratch, look, browser), chromium::address)
            }
        };
        let mut program = Program::launch(launch)?;
        let url = program.ready(PATIENCE, address).await?;
        program.ignore_output();
        let driver = program.pid().filter(|_| matches!(installed, Installed::Chromium { .. }));
        match Page::take(&url, capabilities, driver, environment.recording).await {
            Ok(page) => Ok(Self { program, page }),
            Err(trouble) => Err(program.error(format!("it does not obey: {trouble}"))),
        }
    }

    /// Its page.
    pub(super) fn page(&self) -> &Page {
        &self.page
    }

    /// Waits until it dies, its page does not show the call any more, or has not answered for this long.
    pub(super) async fn ended(&mut self, unresponsive: Option<Duration>) -> EngineError {
        tokio::select! {
            died = self.program.ended() => died,
            gone = self.page.bidi.ended() => EngineError::new(STAGE, gone),
            gone = health::watch(&self.page, unresponsive) => gone,
        }
    }

    /// Waits until its program dies.
    pub(super) async fn died(&mut self) -> EngineError {
        self.program.ended().await
    }

    /// Whether it is dead by now.
    pub(super) fn is_dead(&mut self) -> bool {
        self.program.is_dead()
    }

    /// Ends it.
    pub(super) async fn stop(&mut self) {
        // chromedriver ends its Chromium; both are killed afterwards in any case.
        drop(self.page.bidi.command("browser.close", json!({}), GRACE).await);
        self.program.stop(Signal::TERM, GRACE).await;
    }
}

impl Page {
    /// Opens a session and takes the page that the browser came with.
    async fn take(
        url: &str,
        capabilities: Value,
        driver: Option<Pid>,
        recording: RecordingId,
    ) -> Result<Self, Trouble> {
        let bidi = Bidi::connect(url, recording, PATIENCE).await?;
        let prompts = json!({ "default": "dismiss", "beforeUnload": "accept" });
        let mut wanted = capabilities;
        wanted["unhandledPromptBehavior"] = prompts;
        bidi.command("session.new", json!({ "capabilities": { "alwaysMatch": wanted } }), PATIENCE).await?;
        let tree = bidi.command("browsingContext.getTree", json!({ "maxDepth": 0 }), PATIENCE).await?;
        let Some(context) = tree.pointer("/contexts/0/context").and_then(Value::as_str).map(str::to_owned)
        else {
            return Err(Trouble::Garbled("it has no page".to_owned()));
        };
        bidi.command("session.subscribe", json!({ "events": EVENTS }), PATIENCE).await?;
        let session =
            if driver.is_some() { chromium::watch_crashes(&bidi, &context).await? } else { String::new() };
        bidi.watch(&context, &session);
        Ok(Self { bidi, context, recording, driver })
    }

    /// Opens a page and returns when its text is there.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub(super) async fn open(&self, url: &str) -> Result<(), Trouble> {
        let params = json!({ "context": self.context, "url": url, "wait": "interactive" });
        self.bidi.command("browsingContext.navigate", params, PATIENCE).await.map(drop)
    }

    /// Calls a function of the page that returns JSON text, or promises it.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        function: &str,
        arguments: &[&str],
        patience: Duration,
    ) -> Result<T, Trouble> {
        let answer = self.bidi.call(&self.context, function, arguments, patience).await?;
        serde_json::from_str(&answer).map_err(|error| Trouble::Garbled(error.to_string()))
    }

    /// The last lines of its console, for the end of an error; empty if there are none.
    pub(super) fn console(&self) -> String {
        self.bidi.console()
    }

    /// Blanks a signature out of what the page says from now on.
    pub(super) fn keep_secret(&self, signature: &Signature) {
        self.bidi.keep_secret(&signature.random);
        self.bidi.keep_secret(&signature.checksum);
    }

    /// What the trouble was, without secrets.
    pub(super) fn redacted(&self, trouble: &Trouble) -> String {
        self.bidi.redacted(&trouble.to_string())
    }

    /// The recording that it belongs to.
    pub(super) fn recording(&self) -> RecordingId {
        self.recording
    }

    /// The processes whose death makes the browser hang without a word.
    pub(super) fn page_processes(&self) -> Option<Vec<i32>> {
        self.driver.and_then(chromium::page_processes)
    }
}
