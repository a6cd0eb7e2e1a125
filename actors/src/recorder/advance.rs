//! The one way a recording changes: the policy decides, the journal is written, the world is told, then it is
//! acted upon, and then comes the next event.

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use jiff::Timestamp;
use tokio::{
    task::{JoinError, spawn_blocking},
    time::Instant,
};

use super::Recorder;
use crate::{
    ids::RecordingId,
    metrics::{News, Reported, Standing},
    recording::{Event, Recording, Rejection, Step},
    spool::SpoolError,
};

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
            if let Some(step) = take.recording.on(&event, Timestamp::now()) {
                return self.save(event, step, ctx);
            }
        }
    }

    /// Journals a start, or that there is no room for it. `forbidden` is what stands against it already; the disk is
    /// looked at now.
    pub(super) fn admit(&mut self, accepted: Step, forbidden: Option<Rejection>, ctx: &mut Context<Self>) {
        let id = accepted.next.id;
        if let Some(take) = self.takes.get_mut(&id) {
            take.saving = true;
        }
        let (drawer, limits) = (self.world.drawer.clone(), self.world.limits);
        let admitting = spawn_blocking(move || {
            let forbidden = forbidden.or_else(|| limits.look_before_start(&drawer));
            let step = forbidden.map_or_else(|| accepted.clone(), |why| reject(&accepted.next, why));
            match drawer.save(&step.next) {
                Ok(()) => (step, forbidden, None),
                Err(error) => {
                    let why = Rejection::Unwritable;
                    (reject(&accepted.next, why), Some(why), Some(error.to_string()))
                }
            }
        });
        ctx.spawn(admitting.into_actor(self).map(move |admitted, recorder, ctx| match admitted {
            Ok((step, forbidden, error)) => recorder.admitted(step, forbidden, error.as_deref(), ctx),
            Err(error) => {
                log::error!(backend:% = recorder.backend, error:%; "a start was lost");
                recorder.takes.remove(&id);
            }
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
        let (drawer, next) = (self.world.drawer.clone(), step.next.clone());
        let saving = spawn_blocking(move || drawer.save(&next));
        ctx.spawn(saving.into_actor(self).map(move |saved, recorder, ctx| {
            if let Err(error) = flatten(saved) {
                recorder.journal_failed(step.next.id, &error);
            }
            recorder.narrate(Some(&event), &step.next);
            recorder.follow(step, ctx);
        }));
    }

    /// What follows from a step that is journalled.
    fn follow(&mut self, step: Step, ctx: &mut Context<Self>) {
        let id = step.next.id;
        for report in &step.reports {
            self.report(News::Happened { id, report: *report });
        }
        self.report(News::Stands { id, standing: Standing::of(&step.next) });
        self.note_end(&step.next);
        if let Some(take) = self.takes.get_mut(&id) {
            take.saving = false;
            take.recording = step.next;
            if !take.recording.phase.is_live() {
                take.slot = None;
            }
        }
        for effect in &step.effects {
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
            self.recently_ended.note(next.order.room.clone(), next.title.clone());
        }
    }
}

/// The rejection of a start that was about to be accepted.
fn reject(accepted: &Recording, why: Rejection) -> Step {
    let Recording { id, order, title, accepted_at, .. } = accepted.clone();
    Recording::rejected(id, order, title, why, accepted_at)
}

fn flatten(saved: Result<Result<(), SpoolError>, JoinError>) -> Result<(), String> {
    saved.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}
