//! Which form an upload takes: in chunks wherever Nextcloud lets us, else in one piece.
//!
//! In chunks is the better form for every size: the limits of PHP do not apply, a try that was cut off goes on
//! where it stopped, and a try that fails does not bother the owner. It costs a handful of short requests.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
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
/// After so many tries in chunks in a row that came to nothing at the folder of the share …
const PATIENT_TRIES: u32 = 6;
/// … and for no less than so long, a file is sent in one piece. Many recordings may try at once, and a Nextcloud that
/// restarts is soon back.
const PATIENCE: Duration = Duration::from_secs(30);

/// What earlier uploads have shown about a Nextcloud.
#[derive(Debug)]
pub(super) struct Experience {
    one_piece_until: Mutex<Option<Instant>>,
    failures: Mutex<Option<Failures>>,
    chunk_size: AtomicU64,
}

/// A row of tries in which the folder of a share took nothing.
#[derive(Debug, Clone, Copy)]
struct Failures {
    tries: u32,
    since: Instant,
}

impl Experience {
    /// None yet; chunks shall have this size in bytes.
    pub(super) fn with_chunk_size(bytes: u64) -> Self {
        Self {
            one_piece_until: Mutex::default(),
            failures: Mutex::default(),
            chunk_size: AtomicU64::new(bytes),
        }
    }

    /// The size of chunks, in bytes.
    pub(super) fn chunk_size(&self) -> u64 {
        self.chunk_size.load(Ordering::Relaxed)
    }

    /// Larger chunks are refused.
    pub(super) fn remember_chunk_size(&self, bytes: u64) {
        self.chunk_size.fetch_min(bytes, Ordering::Relaxed);
    }

    /// The folder of a share took something.
    pub(super) fn folder_works(&self) {
        *locked(&self.failures) = None;
    }

    /// One more try came to nothing at the folder of its share. Says whether one piece is worth a try.
    pub(super) fn folder_fails(&self) -> bool {
        let mut failures = locked(&self.failures);
        let Failures { tries, since } = failures.unwrap_or(Failures { tries: 0, since: Instant::now() });
        let tries = tries.saturating_add(1);
        *failures = Some(Failures { tries, since });
        tries >= PATIENT_TRIES && since.elapsed() >= PATIENCE
    }

    fn prefers_one_piece(&self) -> bool {
        locked(&self.one_piece_until).is_some_and(|until| Instant::now() < until)
    }

    /// What the outcome of an upload in one piece teaches.
    fn learn(&self, outcome: &Result<(), Refusal>) {
        match outcome {
            Ok(()) => *locked(&self.one_piece_until) = Some(Instant::now() + MEMORY),
            // Better tried in chunks.
            Err(Refusal::Limit(_)) => *locked(&self.one_piece_until) = None,
            // It is not the folder alone that is away.
            Err(Refusal::Transient(_) | Refusal::Unanswered(_) | Refusal::Busy { .. }) => {
                *locked(&self.failures) = None;
            }
            Err(Refusal::RoomUnknown(_) | Refusal::Permanent(_)) => {}
        }
    }
}

/// No code that holds a lock here can panic half-way through a change.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        Err(Trouble::Lost(reason) | Trouble::Unfit(reason) | Trouble::Stuck(reason)) => reason,
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
    if outcome.is_ok() {
        chunked::clean_up(nextcloud, delivery).await;
    }
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

    #[actix_rt::test]
    async fn a_folder_that_takes_nothing_for_some_time_is_worth_a_try_in_one_piece() {
        tokio::time::pause();
        let experience = Experience::with_chunk_size(1);
        for _ in 0..20 {
            assert!(!experience.folder_fails(), "many recordings may try at once");
        }
        tokio::time::advance(PATIENCE).await;
        assert!(experience.folder_fails());
        experience.learn(&Err(Refusal::Limit("413".to_owned())));
        experience.learn(&Ok(()));
        assert!(experience.folder_fails(), "it is still so");
    }

    #[actix_rt::test]
    async fn the_row_of_failures_begins_anew_when_anything_is_taken_or_nothing_at_all() {
        tokio::time::pause();
        let experience = Experience::with_chunk_size(1);
        let teach: [fn(&Experience); 2] =
            [Experience::folder_works, |it| it.learn(&Err(Refusal::Transient("no connection".to_owned())))];
        for teach in teach {
            for tries in 1..PATIENT_TRIES {
                tokio::time::advance(PATIENCE).await;
                assert!(!experience.folder_fails(), "{tries}");
            }
            teach(&experience);
        }
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
