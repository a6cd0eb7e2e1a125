//! What a backend's recordings may take: places, time, bytes, and the room that must be left on the disk.
//!
//! ```text
//! a start:             too many already, or too little room → rejected
//! a running recording: too long, too large, quota used up, half of the reserve gone → stopped, while there is
//!                      room to seal it
//! ```
//!
//! The disk is looked at before each start, and every few seconds as long as there are recordings.

use std::{collections::HashMap, time::Duration};

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use tokio::time::{Instant, sleep, timeout};

use super::{Recorder, Take};
use crate::{
    ids::RecordingId,
    metrics::News,
    recording::{EndReason, Event, Phase, Rejection},
    spool::{Drawer, Room},
};

/// The pause between two looks.
const LOOK: Duration = Duration::from_secs(5);

/// What the recordings of one backend may take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// How many calls of it may be recorded at a time.
    pub recordings: Option<usize>,
    /// How long a recording may be.
    pub length: Option<Duration>,
    /// How many bytes a recording may have.
    pub size: Option<u64>,
    /// How many bytes all its recordings in the spool may have.
    pub quota: Option<u64>,
    /// How many bytes must be free on the disk before a recording is begun; below half of it running ones are stopped.
    pub reserve: u64,
    /// How many files of it may be uploaded at a time.
    pub uploads: usize,
    /// How long a file is tried to be uploaded before it is parked.
    pub give_up_after: Duration,
}

impl Default for Limits {
    /// Few uploads at a time, and a week for each.
    fn default() -> Self {
        Self {
            recordings: None,
            length: None,
            size: None,
            quota: None,
            reserve: 0,
            uploads: 3,
            give_up_after: Duration::from_hours(7 * 24),
        }
    }
}

impl Limits {
    /// Why a recording must not begin, by what its disk says now. A disk that says nothing is no reason: the journal
    /// will tell.
    pub(super) fn look_before_start(&self, drawer: &Drawer) -> Option<Rejection> {
        let free = drawer.free().ok()?;
        // Only a quota is worth a look at every entry.
        let held = if self.quota.is_some() { drawer.room().ok()?.held } else { 0 };
        self.forbid_start(free, held)
    }

    fn forbid_start(&self, free: u64, held: u64) -> Option<Rejection> {
        if free < self.reserve {
            Some(Rejection::DiskFull)
        } else if self.quota.is_some_and(|quota| held >= quota) {
            Some(Rejection::Quota)
        } else {
            None
        }
    }

    /// Why a running recording must end. Its age counts even if the disk cannot be looked at.
    fn forbid_more(&self, room: Option<&Room>, running: Running) -> Option<EndReason> {
        let over = |limit: Option<u64>, bytes: u64| limit.is_some_and(|limit| bytes >= limit);
        if room.is_some_and(|room| room.free < self.reserve / 2) {
            Some(EndReason::DiskFull)
        } else if room.is_some_and(|room| over(self.quota, room.held)) {
            Some(EndReason::Quota)
        } else if over(self.size, running.bytes) {
            Some(EndReason::MaxSize)
        } else if self.length.is_some_and(|limit| running.age >= limit) {
            Some(EndReason::MaxLength)
        } else {
            None
        }
    }
}

/// A running recording.
#[derive(Debug, Clone, Copy)]
struct Running {
    age: Duration,
    bytes: u64,
}

impl Recorder {
    /// Has the disk and the clock looked at in a while, as long as there is anything to look for.
    pub(super) fn look_soon(&mut self, ctx: &mut Context<Self>) {
        if self.looking || self.takes.is_empty() {
            return;
        }
        self.looking = true;
        let disk = self.disk.clone();
        let look = async move {
            sleep(LOOK).await;
            let seen = timeout(LOOK, disk.ask(Drawer::room)).await;
            seen.unwrap_or_else(|_| Err("the disk does not answer".to_owned()))
        };
        ctx.spawn(look.into_actor(self).map(|seen, recorder, ctx| {
            recorder.looking = false;
            recorder.note_look(&seen);
            recorder.end_what_is_over_a_limit(seen.as_ref().ok(), ctx);
            recorder.look_soon(ctx);
        }));
    }

    /// Tells what was seen; that nothing can be seen only once.
    fn note_look(&mut self, seen: &Result<Room, String>) {
        match seen {
            Ok(room) => self.report(News::Spooled { bytes: room.held }),
            Err(error) if !self.is_blind => {
                log::error!(backend:% = self.backend, error; "the spool cannot be looked at");
            }
            Err(_) => {}
        }
        self.is_blind = seen.is_err();
    }

    fn end_what_is_over_a_limit(&mut self, room: Option<&Room>, ctx: &mut Context<Self>) {
        let mut over = HashMap::new();
        for (id, take) in self.takes.iter().filter(|(_, take)| is_running(take)) {
            let bytes = room.and_then(|room| room.media.get(id).copied()).unwrap_or_default();
            let running = Running { age: Instant::now() - take.accepted, bytes };
            if let Some(why) = take.limits.forbid_more(room, running) {
                over.insert(*id, why);
            }
        }
        for (id, why) in over {
            self.advance(id, Event::StopAsked { by: None, why }, ctx);
        }
    }

    /// Why no further recording of this backend can begin now, whatever the disk says.
    pub(super) fn forbid_another(&self, id: RecordingId) -> Option<Rejection> {
        if self.draining {
            return Some(Rejection::Draining);
        }
        let live = self.takes.iter().filter(|(other, take)| **other != id && take.recording.phase.is_live());
        self.world.limits.recordings.is_some_and(|limit| live.count() >= limit).then_some(Rejection::Share)
    }
}

fn is_running(take: &Take) -> bool {
    matches!(take.recording.phase, Phase::Starting | Phase::Recording) && !take.stop_asked
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        recordings: Some(2),
        length: Some(Duration::from_hours(1)),
        size: Some(500),
        quota: Some(1000),
        reserve: 100,
        uploads: 1,
        give_up_after: Duration::from_hours(1),
    };

    fn room(free: u64, held: u64) -> Room {
        Room { free, held, media: HashMap::new() }
    }

    #[test]
    fn a_recording_begins_only_where_there_is_room() {
        assert_eq!(LIMITS.forbid_start(100, 999), None);
        assert_eq!(LIMITS.forbid_start(99, 0), Some(Rejection::DiskFull));
        assert_eq!(LIMITS.forbid_start(100, 1000), Some(Rejection::Quota));
        assert_eq!(Limits::default().forbid_start(0, u64::MAX), None);
    }

    #[test]
    fn a_running_recording_ends_at_the_first_limit_that_it_meets() {
        let young = Running { age: Duration::ZERO, bytes: 499 };
        assert_eq!(
            LIMITS.forbid_more(Some(&room(50, 999)), young),
            None,
            "half of the reserve is still there"
        );
        assert_eq!(LIMITS.forbid_more(Some(&room(49, 0)), young), Some(EndReason::DiskFull));
        assert_eq!(LIMITS.forbid_more(Some(&room(50, 1000)), young), Some(EndReason::Quota));
        let large = Running { bytes: 500, ..young };
        assert_eq!(LIMITS.forbid_more(Some(&room(50, 0)), large), Some(EndReason::MaxSize));
        let old = Running { age: Duration::from_hours(1), ..young };
        assert_eq!(LIMITS.forbid_more(Some(&room(50, 0)), old), Some(EndReason::MaxLength));
        assert_eq!(LIMITS.forbid_more(None, old), Some(EndReason::MaxLength), "whatever the disk says");
        assert_eq!(LIMITS.forbid_more(None, young), None);
    }
}
