//! Looks at the page at short intervals, so that a recording of nothing does not go on for hours.
//!
//! A page that is gone ends the recording: the browser says so, or the process behind the page has disappeared. A page
//! that only answers late is warned of once, since a busy machine is no reason to end a recording; only when it has not
//! answered for as long as the operator allows, it is over.

use std::time::Duration;

use actors::{ports::EngineError, recording::EndReason};
use tokio::time::sleep;

use super::{
    bidi::Trouble,
    browser::{Page, STAGE},
};

const PAUSE: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(2);
/// The settings that were put there for the call are gone when the page is another one. What stands behind its address
/// is nobody's business; an error page of the browser has no origin.
const PROBE: &str = "() => {
    const place = location.origin === 'null' ? location.protocol : location.origin;
    return JSON.stringify(window.signalingSettings ? '' : place + location.pathname);
}";

/// Returns when the page is gone, or has not answered for this long.
pub(super) async fn watch(page: &Page, unresponsive: Option<Duration>) -> EngineError {
    let mut processes = page.page_processes();
    let mut refused = false;
    // Counted, not measured: a server that was itself held up blames nobody.
    let mut silent = Duration::ZERO;
    loop {
        sleep(PAUSE).await;
        match page.ask::<String>(PROBE, &[], PATIENCE).await {
            Ok(elsewhere) if elsewhere.is_empty() => {
                (silent, refused) = (Duration::ZERO, false);
                processes = page.page_processes();
            }
            Ok(elsewhere) => {
                let cause = format!("the page left the call for {elsewhere}");
                return EngineError::new(STAGE, cause).because(EndReason::PageLeft);
            }
            Err(Trouble::Late(_)) => {
                if let (Some(before), Some(now)) = (&processes, page.page_processes())
                    && before.iter().any(|process| !now.contains(process))
                {
                    return EngineError::new(STAGE, "a process of the page crashed");
                }
                if silent.is_zero() {
                    log::warn!(recording:% = page.recording(), seconds = PATIENCE.as_secs(); "the page answers late, the machine may be too busy");
                }
                silent += PAUSE + PATIENCE;
                if unresponsive.is_some_and(|limit| silent >= limit) {
                    let cause = format!("the page has not answered for {} s", silent.as_secs());
                    return EngineError::new(STAGE, cause).because(EndReason::PageUnresponsive);
                }
            }
            // Once may be a page in the middle of something, twice is not.
            Err(trouble) if refused || trouble == Trouble::Gone => {
                return EngineError::new(STAGE, format!("the page is gone: {trouble}"));
            }
            Err(_) => refused = true,
        }
    }
}
