//! The one way a recording changes: the policy decides, the journal is written, the world is told, then it is
//! acted upon, and then comes the next event.

use std::{future::Future, time::Duration};

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use jiff::Timestamp;
use tokio::time::{Instant, timeout};

use super::Recorder;
use crate::{
    ids::RecordingId,
    metrics::{News, Reported, Standing},
    recording::{Event, Notice, Recording, Rejection, Step},
};

/// A start that is not journalled by then is rejected; a later change goes on without the journal.
const PATIENCE_WITH_THE_DISK: Duration = Duration::from_secs(10);

impl Recorder {
    /// Lets something happen to a recording.
    pub(super) fn advance(&mut self, id: RecordingId, event: Event, ctx: &mut Context<Self>) {
        if let Some(take) = self.takes.get_mut(&id) {
            take.stop_asked |= matches!(event, Event::StopAsked { .. });
            take.queue.push_back(event);
            self.work_off(id, ctx);
        }
    }

    /// Takes the next event that changes anything, unless a save is under way.
    fn work_off(&mut self, id: RecordingId, ctx: &mut Context<Self>) {
        loop {
            let Some(take) = self.takes.get_mut(&id).filter(|take| !take.saving) else {
                return;
            };
            let Some(event) = take.queue.pop_front() else {
                return;
            };
            let Some(step) = take.recording.on(&event, Timestamp::now()) else {
                continue;
            };
            // Journalled with what comes next: a recording that is recovered owes something else anyway.
            if event == (Event::Told { notice: Notice::Started }) {
                return self.follow(step, ctx);
            }
            return self.save(event, step, ctx);
        }
    }

    /// Journals a start, or that there is no room for it. `forbidden` is what stands against it already; the disk is
    /// looked at now.
    pub(super) fn admit(&mut self, accepted: Step, forbidden: Option<Rejection>, ctx: &mut Context<Self>) {
        if let Some(take) = self.takes.get_mut(&accepted.next.id) {
            take.saving = true;
        }
        let (disk, limits) = (self.disk.clone(), self.world.limits);
        let unwritable = reject(&accepted.next, Rejection::Unwritable);
        let admitting = async move {
            let journalled = disk.ask(move |drawer| {
                let forbidden = forbidden.or_else(|| limits.look_before_start(drawer));
                let step = match forbidden {
                    None => accepted,
                    Some(why) => reject(&accepted.next, why),
                };
                drawer.save(&step.next)?;
                Ok((step, forbidden))
            });
            match in_time(journalled).await {
                Ok((step, forbidden)) => (step, forbidden, None),
                Err(error) => (unwritable, Some(Rejection::Unwritable), Some(error)),
            }
        };
        ctx.spawn(admitting.into_actor(self).map(|(step, forbidden, error), recorder, ctx| {
            recorder.admitted(step, forbidden, error.as_deref(), ctx);
        }));
    }

    fn admitted(
        &mut self,
        step: Step,
        forbidden: Option<Rejection>,
        error: Option<&str>,
        ctx: &mut Context<Self>,
    ) {
        match forbidden {
            None => self.narrate(None, &step.next),
            Some(why) => self.narrate_rejection(why, error, &step.next),
        }
        if let Some(take) = self.takes.get_mut(&step.next.id) {
            // Nextcloud is answered now, and not when its request came.
            take.accepted = Instant::now();
            take.starts.drain(..).for_each(|start| drop(start.send(Ok(step.next.id))));
        }
        self.follow(step, ctx);
    }

    /// Journals a step; what follows from it waits.
    fn save(&mut self, event: Event, step: Step, ctx: &mut Context<Self>) {
        if let Some(take) = self.takes.get_mut(&step.next.id) {
            take.saving = true;
        }
        let (disk, next) = (self.disk.clone(), step.next.clone());
        let saving = async move { in_time(disk.ask(move |drawer| drawer.save(&next))).await };
        ctx.spawn(saving.into_actor(self).map(move |saved, recorder, ctx| {
            if let Err(error) = saved {
                recorder.journal_failed(step.next.id, &error);
            }
            recorder.narrate(Some(&event), &step.next);
            recorder.follow(step, ctx);
        }));
    }

    /// What follows from a step that is journalled.
    fn follow(&mut self, step: Step, ctx: &mut Context<Self>) {
        let Step { next, reports, effects } = step;
        let (id, standing) = (next.id, Standing::of(&next));
        let before = self.takes.get(&id).and_then(|take| Standing::of(&take.recording));
        if !reports.is_empty() || standing != before {
            self.report(News::Moved { id, reports, standing });
        }
        self.note_end(&next);
        if let Some(take) = self.takes.get_mut(&id) {
            take.saving = false;
            take.recording = next;
            if !take.recording.phase.is_live() {
                take.slot = None;
            }
        }
        for effect in &effects {
            self.perform(id, effect, ctx);
        }
        self.work_off(id, ctx);
        self.answer_drain();
    }

    /// Tells the metrics.
    pub(super) fn report(&self, news: News) {
        self.world.metrics.do_send(Reported { backend: self.backend.clone(), news });
    }

    /// A recording moved out of the engine's hands: repeated stops of its room are fine for a while.
    fn note_end(&mut self, next: &Recording) {
        let was_live = self.takes.get(&next.id).is_some_and(|take| take.recording.phase.is_live());
        if was_live && !next.phase.is_live() {
            self.recently_ended.note(&next.order.room, &next.title);
        }
    }
}

/// The rejection of a start that was about to be accepted.
fn reject(accepted: &Recording, why: Rejection) -> Step {
    let Recording { id, order, title, accepted_at, .. } = accepted.clone();
    Recording::rejected(id, order, title, why, accepted_at)
}

/// A disk that hangs must not keep a recording from ending.
async fn in_time<T>(asked: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let slow = || Err(format!("the disk does not answer within {} s", PATIENCE_WITH_THE_DISK.as_secs()));
    timeout(PATIENCE_WITH_THE_DISK, asked).await.unwrap_or_else(|_| slow())
}
