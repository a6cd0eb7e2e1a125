//! Waiting for an answer, but not for ever.
//!
//! The client library's own timeouts run from the first byte to the answer, so they would end a long upload.
//! [`Patience`] instead watches the bytes: it ends when none was taken for a while, or when the whole body
//! was taken and no answer comes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use actors::ports::Refusal;
use reqwest::{RequestBuilder, StatusCode, header::HeaderMap};
use tokio::time::{Instant, sleep, timeout};

use crate::client::{chain, read_beginning};

/// How often the progress is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Of an answer's body, only the beginning is of interest.
const LONGEST_ANSWER: usize = 4096;
/// How long the body of an answer may take once its head is there.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a request may do nothing.
#[derive(Debug)]
pub(super) struct Patience {
    idle: Duration,
    answer: Duration,
    expected: AtomicU64,
    sent: AtomicU64,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// The beginning of the body.
    pub(super) body: String,
}

impl Answer {
    /// The text of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Patience {
    /// For a request whose body is sent at once.
    pub(super) fn without_body(answer: Duration) -> Self {
        Self::with_body(answer, answer)
    }

    /// For a request whose body is streamed.
    pub(super) fn with_body(idle: Duration, answer: Duration) -> Self {
        Self { idle, answer, expected: AtomicU64::new(0), sent: AtomicU64::new(0) }
    }

    /// The body will have this length.
    pub(super) fn expect_bytes(&self, length: u64) {
        self.expected.store(length, Ordering::Relaxed);
    }

    /// A piece was taken.
    pub(super) fn sent(&self, length: usize) {
        self.sent.fetch_add(length as u64, Ordering::Relaxed);
    }

    /// Returns, with the reason, when nothing happened for too long.
    async fn runs_out(&self) -> String {
        let mut seen = self.sent.load(Ordering::Relaxed);
        let mut since = Instant::now();
        loop {
            sleep(LOOK.min(self.idle)).await;
            let sent = self.sent.load(Ordering::Relaxed);
            if sent != seen {
                (seen, since) = (sent, Instant::now());
            }
            let expected = self.expected.load(Ordering::Relaxed);
            if sent < expected && since.elapsed() > self.idle {
                return format!("nothing could be sent for {:?}, {sent} of {expected} bytes were", self.idle);
            }
            if sent >= expected && since.elapsed() > self.answer {
                return format!("no answer within {:?}", self.answer);
            }
        }
    }
}

/// Sends a request and reads the beginning of its answer.
///
/// # Errors
/// When there is no answer: worth another try.
pub(super) async fn send(request: RequestBuilder, patience: Arc<Patience>) -> Result<Answer, Refusal> {
    let response = tokio::select! {
        response = request.send() => response.map_err(no_answer)?,
        reason = patience.runs_out() => return Err(Refusal::Unanswered(reason)),
    };
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Vec::new();
    // The status is known; a body that breaks off or takes too long changes nothing.
    drop(timeout(BODY_TIMEOUT, read_beginning(response, LONGEST_ANSWER, &mut body)).await);
    Ok(Answer { status, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

/// Without a connection nothing was asked; later on it may have been heard.
fn no_answer(error: reqwest::Error) -> Refusal {
    let connected = !error.is_connect();
    let reason = chain(&error.without_url());
    if connected { Refusal::Unanswered(reason) } else { Refusal::Transient(reason) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_rt::test]
    async fn a_body_that_is_not_taken_ends_the_wait() {
        tokio::time::pause();
        let patience = Patience::with_body(Duration::from_mins(2), Duration::from_mins(15));
        patience.expect_bytes(100);
        patience.sent(40);
        let begun = Instant::now();
        assert_eq!(patience.runs_out().await, "nothing could be sent for 120s, 40 of 100 bytes were");
        assert!(begun.elapsed() < Duration::from_secs(125));
    }

    #[actix_rt::test]
    async fn an_answer_that_does_not_come_ends_the_wait_later() {
        tokio::time::pause();
        let patience = Patience::with_body(Duration::from_mins(2), Duration::from_mins(15));
        patience.expect_bytes(100);
        patience.sent(100);
        let begun = Instant::now();
        assert_eq!(patience.runs_out().await, "no answer within 900s");
        assert!(begun.elapsed() > Duration::from_secs(899));
    }
}
