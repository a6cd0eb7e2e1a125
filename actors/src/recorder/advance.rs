//! The one way a recording changes: the policy decides, the journal is written, the world is told, then it is
//! acted upon, and then comes the next event.

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use jiff::Timestamp;
use tokio::{
    task::{JoinError, spawn_blocking},
    time::Instant,
};

use super::{Recorder, StartError};
use crate::{
    ids::RecordingId,
    metrics::Reported,
    recording::{Event, Recording, Step},
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
                return self.save(Some(event), step, ctx);
            }
        }
    }

    /// Journals a step; what follows from it waits. `event` is `None` for a recording that was just accepted.
    pub(super) fn save(&mut self, event: Option<Event>, step: Step, ctx: &mut Context<Self>) {
        if let Some(take) = self.takes.get_mut(&step.next.id) {
            take.saving = true;
        }
        let (drawer, next) = (self.world.drawer.clone(), step.next.clone());
        let saving = spawn_blocking(move || drawer.save(&next));
        ctx.spawn(saving.into_actor(self).map(move |saved, recorder, ctx| {
            recorder.saved(event.as_ref(), step, saved, ctx);
        }));
    }

    fn saved(
        &mut self,
        event: Option<&Event>,
        step: Step,
        saved: Result<Result<(), SpoolError>, JoinError>,
        ctx: &mut Context<Self>,
    ) {
        let id = step.next.id;
        if let Err(error) = flatten(saved) {
            if event.is_none() {
                return self.refuse(id, &error, ctx);
            }
            self.journal_failed(id, &error);
        }
        self.narrate(event, &step.next);
        for report in &step.reports {
            self.world.metrics.do_send(Reported { backend: self.backend.clone(), id, report: *report });
        }
        self.note_end(&step.next);
        if let Some(take) = self.takes.get_mut(&id) {
            take.saving = false;
            take.recording = step.next;
            if event.is_none() {
                // Nextcloud is answered now, and not when its request came.
                take.accepted = Instant::now();
            }
            take.starts.drain(..).for_each(|start| drop(start.send(Ok(id))));
        }
        for effect in &step.effects {
            self.perform(id, effect, ctx);
        }
        self.work_off(id, ctx);
        self.answer_drain();
    }

    /// A start that cannot be journalled is no start.
    fn refuse(&mut self, id: RecordingId, error: &str, ctx: &mut Context<Self>) {
        log::error!(backend:% = self.backend, recording:% = id, error; "start refused, it cannot be journalled");
        let Some(take) = self.takes.remove(&id) else { return };
        for start in take.starts {
            drop(start.send(Err(StartError::Spool(error.to_owned()))));
        }
        let drawer = self.world.drawer.clone();
        // Where nothing could be made, there is nothing to remove.
        let removing = spawn_blocking(move || drawer.remove(id)).into_actor(self);
        ctx.spawn(removing.map(|_, _, _| ()));
    }

    /// A recording moved out of the engine's hands: repeated stops of its room are fine for a while.
    fn note_end(&mut self, next: &Recording) {
        let was_live = self.takes.get(&next.id).is_some_and(|take| take.recording.phase.is_live());
        if was_live && !next.phase.is_live() {
            self.recently_ended.note(next.order.room.clone(), next.title.clone());
        }
    }
}

fn flatten(saved: Result<Result<(), SpoolError>, JoinError>) -> Result<(), String> {
    saved.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}
