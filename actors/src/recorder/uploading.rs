//! Handing the media over: a first round of three tries within about 15 seconds, then a try after a random pause
//! that grows to a quarter of an hour, for days. A file that goes over a limit is tried every few hours.

use std::{sync::Arc, time::Duration};

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use jiff::Timestamp;
use tokio::{
    sync::{Notify, Semaphore},
    task::spawn_blocking,
    time::{Instant, sleep},
};

use super::{Recorder, effects::guarded};
use crate::{
    ids::{BackendId, RecordingId},
    metrics::{News, Outcome, Reported},
    ports::{Backend, Delivery, Refusal},
    recording::{Event, NextRound, Recording},
    spool::{Drawer, Media},
};

/// Pauses before the tries of the first round.
const FIRST_ROUND: [u64; 3] = [0, 4, 8];
/// The longest pause before the second round; it doubles from round to round.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause of all.
const LONGEST_PAUSE: Duration = Duration::from_mins(15);
/// Nothing is tried in quicker succession.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
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
        self.upload_after(pause.max(respite), id, ctx);
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
            backend: self.world.backend.clone(),
            drawer: self.world.drawer.clone(),
            recording: take.recording.clone(),
            pause,
            hurry: Arc::clone(&take.hurry),
            turns: Arc::clone(&self.uploads),
            give_up_after: self.world.limits.give_up_after,
        };
        ctx.spawn(
            round.run().into_actor(self).map(move |event, recorder, ctx| recorder.advance(id, event, ctx)),
        );
    }
}

/// One round of tries.
struct Round {
    name: BackendId,
    metrics: actix::Recipient<Reported>,
    backend: Arc<dyn Backend>,
    drawer: Drawer,
    recording: Recording,
    pause: Duration,
    hurry: Arc<Notify>,
    turns: Arc<Semaphore>,
    give_up_after: Duration,
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
        self.failed(reason, NextRound::Soon { at_least })
    }

    async fn try_once(&self) -> Then {
        let again = |reason| Then::Again { reason, after: Duration::ZERO };
        let _turn = self.turns.acquire().await;
        let media = match self.find_media().await {
            Ok(Some(media)) => media,
            Ok(None) => return Then::Over(Event::MediaGone),
            Err(error) => return again(error),
        };
        let (begun, bytes) = (Instant::now(), media.bytes);
        let answer = guarded(self.backend.store(&self.delivery(media))).await;
        let answer = answer.unwrap_or_else(|panic| Err(Refusal::Transient(panic)));
        let (outcome, took) = (Outcome::of(&answer), begun.elapsed());
        let news = News::UploadTried { outcome, took, bytes };
        self.metrics.do_send(Reported { backend: self.name.clone(), news });
        match answer {
            Ok(()) => Then::Over(Event::Stored),
            Err(Refusal::Transient(reason) | Refusal::Unanswered(reason)) => again(reason),
            Err(Refusal::Busy { reason, retry_after }) => Then::Again { reason, after: retry_after },
            Err(Refusal::Limit(reason)) => Then::Over(self.failed(reason, NextRound::Rarely)),
            Err(Refusal::Permanent(reason) | Refusal::RoomUnknown(reason)) => {
                Then::Over(self.failed(reason, NextRound::Never))
            }
        }
    }

    /// The end of the round; the last one, if it has been going on for too long.
    fn failed(&self, reason: String, next: NextRound) -> Event {
        let since = self.recording.upload_since.unwrap_or(self.recording.accepted_at);
        let tried_for = Duration::try_from(Timestamp::now().duration_since(since)).unwrap_or_default();
        if next == NextRound::Never || tried_for < self.give_up_after {
            return Event::RoundFailed { reason, next };
        }
        let hours = tried_for.as_secs() / 3600;
        let reason = format!("given up after {hours} hours ([upload] give_up_after): {reason}");
        Event::RoundFailed { reason, next: NextRound::Never }
    }

    async fn find_media(&self) -> Result<Option<Media>, String> {
        let (drawer, id) = (self.drawer.clone(), self.recording.id);
        let found = spawn_blocking(move || drawer.media(id)).await;
        found.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    fn delivery(&self, media: Media) -> Delivery {
        let extension = media.path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let file_name = format!("{}.{extension}", self.recording.title);
        let memo = self.drawer.memo(self.recording.id);
        Delivery { order: self.recording.order.clone(), file_name, media: media.path, memo }
    }
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
    fn the_pause_is_drawn_from_all_that_lies_below() {
        assert_eq!(pause_after(9, 0.5), Duration::from_secs(450));
        assert_eq!(pause_after(9, 0.0), SHORTEST_PAUSE);
    }
}
