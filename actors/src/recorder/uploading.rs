//! Handing the media over: a first round of three tries within about 15 seconds, then a try every few minutes
//! until Nextcloud has it or refuses it for good. A file that goes over a limit is tried every few hours.

use std::{sync::Arc, time::Duration};

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use tokio::{task::spawn_blocking, time::sleep};

use super::{Recorder, effects::guarded};
use crate::{
    ids::RecordingId,
    ports::{Backend, Delivery, Refusal},
    recording::{Event, NextRound, Recording},
    spool::{Drawer, Media},
};

/// Pauses before the tries of the first round.
const FIRST_ROUND: [u64; 3] = [0, 4, 8];
/// The pause after a file went over a limit: Nextcloud bothers its owner at each such try.
const RARELY: Duration = Duration::from_hours(6);
/// Pauses before later rounds, in minutes; the last one goes on.
const LATER_MINUTES: [u64; 4] = [1, 2, 5, 10];

impl Recorder {
    /// Begins a round at once.
    pub(super) fn upload(&mut self, id: RecordingId, ctx: &mut Context<Self>) {
        self.upload_after(Duration::ZERO, id, ctx);
    }

    /// Begins a round after the pause that is due.
    pub(super) fn upload_later(&mut self, id: RecordingId, rarely: bool, ctx: &mut Context<Self>) {
        let Some(take) = self.takes.get(&id) else { return };
        let pause = if rarely { RARELY } else { pause_after(take.recording.rounds_failed) };
        self.upload_after(pause, id, ctx);
    }

    fn upload_after(&mut self, pause: Duration, id: RecordingId, ctx: &mut Context<Self>) {
        let Some(take) = self.takes.get(&id) else { return };
        let round = Round {
            backend: self.world.backend.clone(),
            drawer: self.world.drawer.clone(),
            recording: take.recording.clone(),
            pause,
        };
        ctx.spawn(
            round.run().into_actor(self).map(move |event, recorder, ctx| recorder.advance(id, event, ctx)),
        );
    }
}

/// One round of tries.
struct Round {
    backend: Arc<dyn Backend>,
    drawer: Drawer,
    recording: Recording,
    pause: Duration,
}

impl Round {
    async fn run(self) -> Event {
        sleep(self.pause).await;
        let pauses = if self.recording.rounds_failed == 0 { &FIRST_ROUND[..] } else { &[0] };
        let mut reason = String::new();
        for pause in pauses {
            sleep(Duration::from_secs(*pause)).await;
            let media = match self.find_media().await {
                Ok(Some(media)) => media,
                Ok(None) => return Event::MediaGone,
                Err(error) => {
                    reason = error;
                    continue;
                }
            };
            let answer = guarded(self.backend.store(&self.delivery(media))).await;
            match answer.unwrap_or_else(|panic| Err(Refusal::Transient(panic))) {
                Ok(()) => return Event::Stored,
                Err(Refusal::Transient(why) | Refusal::Unanswered(why)) => reason = why,
                Err(Refusal::Limit(reason)) => return Event::RoundFailed { reason, next: NextRound::Rarely },
                Err(Refusal::Permanent(reason) | Refusal::RoomUnknown(reason)) => {
                    return Event::RoundFailed { reason, next: NextRound::Never };
                }
            }
        }
        Event::RoundFailed { reason, next: NextRound::Soon }
    }

    async fn find_media(&self) -> Result<Option<Media>, String> {
        let (drawer, id) = (self.drawer.clone(), self.recording.id);
        let found = spawn_blocking(move || drawer.media(id)).await;
        found.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    fn delivery(&self, media: Media) -> Delivery {
        let extension = media.path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let file_name = format!("{}.{extension}", self.recording.title);
        Delivery { order: self.recording.order.clone(), file_name, media: media.path }
    }
}

fn pause_after(rounds_failed: u32) -> Duration {
    let last = LATER_MINUTES.len() - 1;
    let position = usize::try_from(rounds_failed.saturating_sub(1)).map_or(last, |round| round.min(last));
    Duration::from_secs(60 * LATER_MINUTES[position])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_rounds_come_every_few_minutes() {
        let minutes: Vec<u64> = (1..=6).map(|rounds| pause_after(rounds).as_secs() / 60).collect();
        assert_eq!(minutes, [1, 2, 5, 10, 10, 10]);
    }
}
