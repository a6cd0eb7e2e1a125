//! Which form an upload takes: in chunks wherever Nextcloud lets us, else in one piece.
//!
//! In chunks is the better form for every size: the limits of PHP do not apply, a try that was cut off goes on
//! where it stopped, and a try that fails does not bother the owner. It costs a handful of short requests.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use actors::ports::{Delivery, Refusal};
use tokio::time::Instant;

use super::{
    Nextcloud,
    chunked::{self, Trouble},
    multipart,
};

/// For so long, a Nextcloud that took a file in one piece and none in chunks is not asked again.
const MEMORY: Duration = Duration::from_hours(1);

/// What earlier uploads have shown about a Nextcloud.
#[derive(Debug)]
pub(super) struct Experience {
    one_piece_until: Mutex<Option<Instant>>,
    chunk_size: AtomicU64,
}

impl Experience {
    /// None yet; chunks shall have this size in bytes.
    pub(super) fn with_chunk_size(bytes: u64) -> Self {
        Self { one_piece_until: Mutex::default(), chunk_size: AtomicU64::new(bytes) }
    }

    /// The size of chunks, in bytes.
    pub(super) fn chunk_size(&self) -> u64 {
        self.chunk_size.load(Ordering::Relaxed)
    }

    /// Larger chunks are refused.
    pub(super) fn remember_chunk_size(&self, bytes: u64) {
        self.chunk_size.fetch_min(bytes, Ordering::Relaxed);
    }

    fn prefers_one_piece(&self) -> bool {
        let until = *self.one_piece_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    /// What the outcome of an upload in one piece teaches: one that goes over a limit is better tried in chunks.
    fn learn(&self, outcome: &Result<(), Refusal>) {
        let until = match outcome {
            Ok(()) => Some(Instant::now() + MEMORY),
            Err(Refusal::Limit(_)) => None,
            Err(_) => return,
        };
        *self.one_piece_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

pub(super) async fn store(nextcloud: &Nextcloud, delivery: &Delivery) -> Result<(), Refusal> {
    let mut over_limit = None;
    if nextcloud.experience.prefers_one_piece() {
        match in_one_piece(nextcloud, delivery).await {
            Err(limit @ Refusal::Limit(_)) => over_limit = Some(limit),
            outcome => return outcome,
        }
    }
    let why_not = match chunked::store(nextcloud, delivery).await {
        Ok(()) => return Ok(()),
        Err(Trouble::Refused(refusal)) => return Err(refusal),
        Err(Trouble::Lost(reason) | Trouble::Unfit(reason)) => reason,
    };
    // It was sent in one piece already, and its owner was told.
    if let Some(limit) = over_limit {
        return Err(explained(limit, &why_not));
    }
    let room = &delivery.order.room;
    log::info!(room:%, reason = why_not; "no upload in chunks, the file is sent in one piece");
    in_one_piece(nextcloud, delivery).await.map_err(|refusal| explained(refusal, &why_not))
}

async fn in_one_piece(nextcloud: &Nextcloud, delivery: &Delivery) -> Result<(), Refusal> {
    let outcome = multipart::store(nextcloud, delivery).await;
    nextcloud.experience.learn(&outcome);
    outcome
}

/// A limit on one piece matters only because chunks were refused as well.
fn explained(refusal: Refusal, why_not: &str) -> Refusal {
    match refusal {
        Refusal::Limit(reason) => Refusal::Limit(format!("{reason}; no upload in chunks either: {why_not}")),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_rt::test]
    async fn a_nextcloud_that_took_one_piece_gets_the_next_in_one_for_an_hour() {
        tokio::time::pause();
        let experience = Experience::with_chunk_size(1);
        assert!(!experience.prefers_one_piece());
        experience.learn(&Ok(()));
        assert!(experience.prefers_one_piece());
        experience.learn(&Err(Refusal::Transient("500".to_owned())));
        assert!(experience.prefers_one_piece(), "a server error says nothing about the form");
        tokio::time::advance(MEMORY).await;
        assert!(!experience.prefers_one_piece());
    }

    #[actix_rt::test]
    async fn a_limit_makes_it_forget() {
        let experience = Experience::with_chunk_size(1);
        experience.learn(&Ok(()));
        experience.learn(&Err(Refusal::Limit("413".to_owned())));
        assert!(!experience.prefers_one_piece());
    }

    #[test]
    fn chunks_only_shrink() {
        let experience = Experience::with_chunk_size(10);
        experience.remember_chunk_size(5);
        experience.remember_chunk_size(7);
        assert_eq!(experience.chunk_size(), 5);
    }

    #[test]
    fn a_limit_is_told_together_with_what_keeps_chunks_from_passing_it() {
        let refusal = explained(Refusal::Limit("size: too large".to_owned()), "this Talk knows none");
        let both = "size: too large; no upload in chunks either: this Talk knows none";
        assert_eq!(refusal, Refusal::Limit(both.to_owned()));
    }
}
