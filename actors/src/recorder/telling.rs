//! Telling Nextcloud what it is owed: one try at a time, in order, and never late.
//!
//! A `stopped` or `failed` sets the state of the room, whatever it is. Told late, it would end a newer
//! recording of that room in the eyes of everybody in the call. So a notice is dropped when it is no longer
//! fresh, or when a younger recording of the room is under way.

use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep_until};

use super::{Recorder, Take, effects::guarded};
use crate::{
    ids::RecordingId,
    ports::Refusal,
    recording::{Event, Notice, Owed, Phase},
};

/// How long a notice may be told.
const FRESH: Duration = Duration::from_mins(5);
/// Nextcloud notes that a recording is starting only after it has read the answer to its request. An end that
/// comes sooner is overwritten, and the room stays "starting" for ever. A stop that a user asked for needs no
/// such care: Nextcloud asks only after it has noted the start.
const EARLIEST_END: Duration = Duration::from_secs(3);
/// Pauses between the tries of a notice; the last one goes on.
const PAUSES: [u64; 5] = [1, 4, 10, 20, 30];
/// The last of them.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A shutdown waits for this many tries of a notice.
const TRIES_WORTH_WAITING_FOR: usize = 3;

/// A notice on its way.
pub(super) struct Telling {
    number: u64,
    notice: Notice,
    since: Instant,
    tries: usize,
    in_flight: bool,
    /// An earlier try was not refused in so many words: Nextcloud may have heard it, and know already.
    doubtful: bool,
    /// How often Nextcloud said that it knows nothing of such a recording.
    unknown: u32,
}

impl Telling {
    fn of(number: u64, notice: Notice) -> Self {
        Self {
            number,
            notice,
            since: Instant::now(),
            tries: 0,
            in_flight: false,
            doubtful: false,
            unknown: 0,
        }
    }
}

/// What the answer to a try means.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Told,
    Untold { room_unknown: bool },
    Again(Duration),
}

impl Take {
    /// Whether a shutdown may leave this recording to the next start.
    pub(super) fn can_wait_for_the_next_start(&self) -> bool {
        let settled = match self.recording.phase {
            Phase::Starting | Phase::Recording | Phase::Stopping | Phase::Salvaging => false,
            Phase::Uploading => self.recording.rounds_failed > 0,
            Phase::Parked { .. } => true,
            // Without a debt it is about to be removed.
            Phase::Closed(_) => self.recording.owed.is_some(),
        };
        let worn_out = self.telling.as_ref().is_some_and(|telling| telling.tries >= TRIES_WORTH_WAITING_FOR);
        settled && !self.saving && (self.recording.owed.is_none() || worn_out)
    }
}

impl Recorder {
    /// Begins to tell what is owed. A try that is under way is waited for: its end looks at what is owed then.
    pub(super) fn tell(&mut self, id: RecordingId, ctx: &mut Context<Self>) {
        let Some(take) = self.takes.get(&id) else { return };
        let Some(Owed { notice, .. }) = &take.recording.owed else { return };
        if take.telling.as_ref().is_some_and(|telling| telling.in_flight || telling.notice == *notice) {
            return;
        }
        let earliest = match notice {
            Notice::Failed | Notice::Stopped { by: None } => take.accepted + EARLIEST_END,
            Notice::Started | Notice::Stopped { by: Some(_) } => Instant::now(),
        };
        let notice = notice.clone();
        let number = self.next_number();
        if let Some(take) = self.takes.get_mut(&id) {
            take.telling = Some(Telling::of(number, notice));
        }
        self.try_to_tell(id, number, earliest, ctx);
    }

    /// Tries at a time, unless another telling has taken the place of this one by then.
    fn try_to_tell(&mut self, id: RecordingId, number: u64, at: Instant, ctx: &mut Context<Self>) {
        let waiting = sleep_until(at).into_actor(self);
        ctx.spawn(waiting.map(move |(), recorder, ctx| {
            let telling = recorder.takes.get(&id).and_then(|take| take.telling.as_ref());
            if telling.is_some_and(|telling| telling.number == number) {
                recorder.send_notice(id, ctx);
            }
        }));
    }

    fn send_notice(&mut self, id: RecordingId, ctx: &mut Context<Self>) {
        let Some(take) = self.takes.get(&id) else { return };
        let (Some(owed), Some(telling)) = (&take.recording.owed, &take.telling) else { return };
        let late = is_stale(owed, telling) || self.is_superseded(take);
        if owed.notice != Notice::Started && late {
            let notice = owed.notice.clone();
            return self.settle_notice(id, Event::Untold { notice, room_unknown: false }, ctx);
        }
        let (backend, order, notice) =
            (self.world.backend.clone(), take.recording.order.clone(), telling.notice.clone());
        if let Some(telling) = self.takes.get_mut(&id).and_then(|take| take.telling.as_mut()) {
            telling.in_flight = true;
        }
        let telling = async move {
            let answer = guarded(backend.notify(&order, &notice)).await;
            answer.unwrap_or_else(|panic| Err(Refusal::Unanswered(panic)))
        };
        ctx.spawn(
            telling
                .into_actor(self)
                .map(move |answer, recorder, ctx| recorder.notice_answered(id, &answer, ctx)),
        );
    }

    fn notice_answered(&mut self, id: RecordingId, answer: &Result<(), Refusal>, ctx: &mut Context<Self>) {
        let Some(take) = self.takes.get_mut(&id) else { return };
        let Some(telling) = &mut take.telling else { return };
        telling.tries += 1;
        telling.in_flight = false;
        telling.unknown += u32::from(matches!(answer, Err(Refusal::RoomUnknown(_))));
        let verdict = judge(telling, answer);
        // A server error may come after the state of the room was set.
        telling.doubtful |= matches!(
            answer,
            Err(Refusal::Transient(_) | Refusal::Busy { .. } | Refusal::Unanswered(_) | Refusal::Limit(_))
        );
        let (notice, number) = (telling.notice.clone(), telling.number);
        let is_owed = take.recording.owed.as_ref().is_some_and(|owed| owed.notice == notice);
        self.note_answer(id, answer, &verdict);
        match verdict {
            Verdict::Told => self.settle_notice(id, Event::Told { notice }, ctx),
            Verdict::Untold { room_unknown } => {
                self.settle_notice(id, Event::Untold { notice, room_unknown }, ctx);
            }
            Verdict::Again(pause) if is_owed => self.try_to_tell(id, number, Instant::now() + pause, ctx),
            // The recording has moved on.
            Verdict::Again(_) => self.tell(id, ctx),
        }
        self.answer_drain();
    }

    /// Lets the recording know. If it owes something newer by now, that comes next.
    fn settle_notice(&mut self, id: RecordingId, event: Event, ctx: &mut Context<Self>) {
        let Some(take) = self.takes.get_mut(&id) else { return };
        let settled = take.telling.take().map(|telling| telling.notice);
        let owed = take.recording.owed.as_ref().map(|owed| owed.notice.clone());
        self.advance(id, event, ctx);
        if owed != settled {
            self.tell(id, ctx);
        }
    }

    fn note_answer(&self, id: RecordingId, answer: &Result<(), Refusal>, verdict: &Verdict) {
        let Err(refusal) = answer else { return };
        let Some(take) = self.takes.get(&id) else { return };
        let notice = take.telling.as_ref().map_or("notice", |telling| telling.notice.name());
        let (backend, room) = (&self.backend, &take.recording.order.room);
        match verdict {
            Verdict::Told => log::info!(backend:%, room:%, recording:% = id, notice;
                "nextcloud knows already, the answer to an earlier try was lost"),
            Verdict::Again(pause) => {
                log::warn!(backend:%, room:%, recording:% = id, notice, reason:% = refusal,
                next_try_seconds = pause.as_secs(); "nextcloud did not take a notice");
            }
            Verdict::Untold { .. } => {
                log::error!(backend:%, room:%, recording:% = id, notice, reason:% = refusal;
                "nextcloud will not take a notice");
            }
        }
    }
}

/// By the clock that survives a restart, or by the one that nobody sets.
fn is_stale(owed: &Owed, telling: &Telling) -> bool {
    let age = Timestamp::now().duration_since(owed.since);
    // A clock that was set back over a restart says nothing of the age.
    let is_from_the_future = age < SignedDuration::from_mins(-1);
    is_from_the_future || age.unsigned_abs() > FRESH || telling.since.elapsed() > FRESH
}

fn judge(telling: &Telling, answer: &Result<(), Refusal>) -> Verdict {
    let started = telling.notice == Notice::Started;
    match answer {
        Ok(()) => Verdict::Told,
        // A room that already records answers 404 to `started`: it has heard an earlier try.
        Err(Refusal::RoomUnknown(_)) if started && telling.doubtful => Verdict::Told,
        // Nextcloud may not yet have noted that the room is starting.
        Err(Refusal::RoomUnknown(_)) if started && telling.unknown < 2 => {
            Verdict::Again(Duration::from_secs(2))
        }
        Err(Refusal::RoomUnknown(_)) => Verdict::Untold { room_unknown: true },
        Err(Refusal::Permanent(_)) => Verdict::Untold { room_unknown: false },
        // Until then the notice would be stale.
        Err(Refusal::Busy { retry_after, .. }) => {
            Verdict::Again(pause_after(telling.tries).max((*retry_after).min(LONGEST_PAUSE)))
        }
        Err(Refusal::Transient(_) | Refusal::Unanswered(_) | Refusal::Limit(_)) => {
            Verdict::Again(pause_after(telling.tries))
        }
    }
}

fn pause_after(tries: usize) -> Duration {
    let last = PAUSES.len() - 1;
    Duration::from_secs(PAUSES[tries.saturating_sub(1).min(last)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn telling(notice: Notice, unknown: u32, doubtful: bool) -> Telling {
        Telling { tries: unknown as usize, unknown, doubtful, ..Telling::of(1, notice) }
    }

    fn unknown() -> Result<(), Refusal> {
        Err(Refusal::RoomUnknown("404".to_owned()))
    }

    #[test]
    fn a_lost_answer_makes_unknown_mean_known() {
        assert_eq!(judge(&telling(Notice::Started, 2, true), &unknown()), Verdict::Told);
    }

    #[test]
    fn a_room_that_is_not_starting_yet_is_asked_once_more() {
        let again = Verdict::Again(Duration::from_secs(2));
        assert_eq!(judge(&telling(Notice::Started, 1, false), &unknown()), again);
        let untold = Verdict::Untold { room_unknown: true };
        assert_eq!(judge(&telling(Notice::Started, 2, false), &unknown()), untold);
    }

    #[test]
    fn a_deleted_room_is_not_told_that_its_recording_stopped() {
        let untold = Verdict::Untold { room_unknown: true };
        assert_eq!(judge(&telling(Notice::Stopped { by: None }, 1, true), &unknown()), untold);
    }

    #[test]
    fn a_nextcloud_that_wants_to_be_left_alone_hears_it_before_it_is_stale() {
        let busy = Err(Refusal::Busy { reason: "429".to_owned(), retry_after: Duration::MAX });
        assert_eq!(judge(&telling(Notice::Failed, 1, false), &busy), Verdict::Again(LONGEST_PAUSE));
    }

    #[test]
    fn a_notice_is_stale_when_it_is_old_or_from_the_future() {
        let owed = |since| Owed { notice: Notice::Failed, since };
        let telling = || Telling::of(1, Notice::Failed);
        let now = Timestamp::now();
        assert!(!is_stale(&owed(now), &telling()));
        assert!(is_stale(&owed(now - SignedDuration::from_mins(6)), &telling()));
        assert!(is_stale(&owed(now + SignedDuration::from_mins(6)), &telling()));
    }

    #[test]
    fn the_first_three_tries_take_a_few_seconds() {
        let pauses: Vec<u64> = (1..=7).map(|tries| pause_after(tries).as_secs()).collect();
        assert_eq!(pauses, [1, 4, 10, 20, 30, 30, 30]);
    }
}
