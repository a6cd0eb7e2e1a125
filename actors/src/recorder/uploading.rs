//! Handing the media over: a first round of three tries within about 15 seconds, then a try after a random pause
//! that grows to a quarter of an hour, for days. A file that goes over a limit is tried every few hours.

use std::{sync::Arc, time::Duration};

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use jiff::Timestamp;
use tokio::{
    sync::{Notify, Semaphore, watch},
    time::{Instant, sleep},
};

use super::{Recorder, disk::Disk, effects::guarded};
use crate::{
    ids::{BackendId, RecordingId},
    metrics::{News, Outcome, Reported},
    ports::{Backend, Delivery, Refusal},
    recording::{Event, NextRound, Recording},
    spool::Media,
};

/// Pauses before the tries of the first round.
const FIRST_ROUND: [u64; 3] = [0, 4, 8];
/// The longest pause before the second round; it doubles from round to round.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause of all.
const LONGEST_PAUSE: Duration = Duration::from_mins(15);
/// Nothing is tried in quicker succession.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// No round waits longer, whatever the clock says.
const LONGEST_WAIT: Duration = Duration::from_hours(6);
/// Nextcloud may ask to be left alone for no longer than this.
const LONGEST_RESPITE: Duration = Duration::from_hours(1);

impl Recorder {
    /// Begins a round at once.
    pub(super) fn upload(&mut self, id: RecordingId, ctx: &mut Context<Self>) {
        self.upload_after(Duration::ZERO, id, ctx);
    }

    /// Begins a round after the pause that is due.
    pub(super) fn upload_later(&mut self, id: RecordingId, ctx: &mut Context<Self>) {
        let Some(take) = self.takes.get(&id) else { return };
        let pause = pause_after(take.recording.rounds_failed, fastrand::f64());
        let earliest = take.recording.not_before.map(|earliest| earliest.duration_since(Timestamp::now()));
        let respite = earliest.and_then(|respite| Duration::try_from(respite).ok()).unwrap_or_default();
        // A clock that was set back must not make it wait for years.
        self.upload_after(pause.max(respite.min(LONGEST_WAIT)), id, ctx);
    }

    /// Ends the pause before the next round; one that is under way goes on.
    pub(super) fn hurry_upload(&mut self, id: RecordingId) {
        if let Some(take) = self.takes.get(&id) {
            take.hurry.notify_waiters();
        }
    }

    fn upload_after(&mut self, pause: Duration, id: RecordingId, ctx: &mut Context<Self>) {
        let Some(take) = self.takes.get(&id) else { return };
        let round = Round {
            name: self.backend.clone(),
            metrics: self.world.metrics.clone(),
            door: self.door.subscribe(),
            disk: self.disk.clone(),
            recording: take.recording.clone(),
            pause,
            hurry: Arc::clone(&take.hurry),
        };
        let handle = ctx.spawn(round.run().into_actor(self).map(move |event, recorder, ctx| {
            let event = recorder.give_up_if_it_is_time(id, event);
            recorder.advance(id, event, ctx);
        }));
        if let Some(take) = self.takes.get_mut(&id) {
            take.round = Some(handle);
        }
    }

    /// Makes a round that failed the last one where it has been tried for too long.
    fn give_up_if_it_is_time(&self, id: RecordingId, event: Event) -> Event {
        let Event::RoundFailed { reason, next } = event else { return event };
        let recording = self.takes.get(&id).map(|take| &take.recording);
        let since = recording.map(|recording| recording.upload_since.unwrap_or(recording.accepted_at));
        let tried_for =
            since.and_then(|since| Duration::try_from(Timestamp::now().duration_since(since)).ok());
        match tried_for {
            Some(long) if next != NextRound::Never && long >= self.world.limits.give_up_after => {
                let long = in_words(long);
                let reason = format!("given up after {long} ([upload] give_up_after): {reason}");
                Event::RoundFailed { reason, next: NextRound::Never }
            }
            _ => Event::RoundFailed { reason, next },
        }
    }
}

/// One round of tries.
struct Round {
    name: BackendId,
    metrics: actix::Recipient<Reported>,
    door: watch::Receiver<Door>,
    disk: Disk,
    recording: Recording,
    pause: Duration,
    hurry: Arc<Notify>,
}

/// Where the files of a recorder are handed over. It may be another one at the next try.
pub(super) struct Door {
    /// The Nextcloud.
    pub(super) backend: Arc<dyn Backend>,
    /// A permit for each upload under way: the others of this backend wait.
    pub(super) turns: Arc<Semaphore>,
}

/// What a try that did not succeed means for the round.
enum Then {
    Again { reason: String, after: Duration },
    Over(Event),
}

impl Round {
    async fn run(self) -> Event {
        tokio::select! {
            () = sleep(self.pause) => {}
            () = self.hurry.notified() => {}
        }
        let pauses = if self.recording.rounds_failed == 0 { &FIRST_ROUND[..] } else { &[0] };
        let (mut reason, mut at_least) = (String::new(), Duration::ZERO);
        for pause in pauses {
            sleep(Duration::from_secs(*pause).max(at_least)).await;
            match self.try_once().await {
                Then::Over(event) => return event,
                Then::Again { reason: said, after } => {
                    (reason, at_least) = (said, after.min(LONGEST_RESPITE));
                    // The others shall not wait for it that long.
                    if at_least > LONGEST_PAUSE {
                        break;
                    }
                }
            }
        }
        Event::RoundFailed { reason, next: NextRound::Soon { at_least } }
    }

    async fn try_once(&self) -> Then {
        let again = |reason| Then::Again { reason, after: Duration::ZERO };
        let turns = Arc::clone(&self.door.borrow().turns);
        let _turn = turns.acquire().await;
        let id = self.recording.id;
        let media = match self.disk.ask(move |drawer| drawer.media(id)).await {
            Ok(Some(media)) => media,
            Ok(None) => return Then::Over(Event::MediaGone),
            Err(error) => return again(error),
        };
        let backend = Arc::clone(&self.door.borrow().backend);
        let (begun, bytes) = (Instant::now(), media.bytes);
        let answer = guarded(backend.store(&self.delivery(media))).await;
        let answer = answer.unwrap_or_else(|panic| Err(Refusal::Transient(panic)));
        let (outcome, took) = (Outcome::of(&answer), begun.elapsed());
        let news = News::UploadTried { outcome, took, bytes };
        self.metrics.do_send(Reported { backend: self.name.clone(), news });
        match answer {
            Ok(()) => Then::Over(Event::Stored),
            Err(Refusal::Transient(reason) | Refusal::Unanswered(reason)) => again(reason),
            Err(Refusal::Busy { reason, retry_after }) => Then::Again { reason, after: retry_after },
            Err(Refusal::Limit(reason)) => Then::Over(Event::RoundFailed { reason, next: NextRound::Rarely }),
            Err(Refusal::Permanent(reason) | Refusal::RoomUnknown(reason)) => {
                Then::Over(Event::RoundFailed { reason, next: NextRound::Never })
            }
        }
    }

    fn delivery(&self, media: Media) -> Delivery {
        let extension = media.path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let file_name = format!("{}.{extension}", self.recording.title);
        let memo = self.disk.drawer().memo(self.recording.id);
        Delivery { order: self.recording.order.clone(), file_name, media: media.path, memo }
    }
}

/// A length of time for people: days, hours, minutes or seconds, whichever there are two of.
fn in_words(time: Duration) -> String {
    let seconds = time.as_secs();
    let units = [(86_400, "days"), (3600, "hours"), (60, "minutes")];
    let fitting = units.into_iter().find(|(unit, _)| seconds >= 2 * unit);
    fitting.map_or_else(|| format!("{seconds} seconds"), |(unit, name)| format!("{} {name}", seconds / unit))
}

/// Full jitter: anything up to a bound that doubles. `lot` is a number from 0 to 1.
fn pause_after(rounds_failed: u32, lot: f64) -> Duration {
    let doublings = rounds_failed.saturating_sub(1).min(16);
    let bound = FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
    bound.mul_f64(lot).max(SHORTEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_of_the_pause_doubles_up_to_a_quarter_of_an_hour() {
        let bounds: Vec<u64> = (1..=10).map(|rounds| pause_after(rounds, 1.0).as_secs()).collect();
        assert_eq!(bounds, [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
        assert_eq!(pause_after(u32::MAX, 1.0), LONGEST_PAUSE);
    }

    #[test]
    fn a_length_of_time_is_told_in_the_unit_of_which_there_are_two() {
        let table = [(0, "0 seconds"), (119, "119 seconds"), (120, "2 minutes"), (7200, "2 hours")];
        for (seconds, words) in table {
            assert_eq!(in_words(Duration::from_secs(seconds)), words);
        }
        assert_eq!(in_words(Duration::from_hours(8 * 24)), "8 days");
    }

    #[test]
    fn the_pause_is_drawn_from_all_that_lies_below() {
        assert_eq!(pause_after(9, 0.5), Duration::from_secs(450));
        assert_eq!(pause_after(9, 0.0), SHORTEST_PAUSE);
    }
}
