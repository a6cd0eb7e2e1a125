//! What a recorder does after a change: each effect is one future of the actor, and its end is an event.

use std::{
    any::Any,
    future::Future,
    panic::AssertUnwindSafe,
    sync::{Arc, OnceLock},
    time::Duration,
};

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use futures_util::FutureExt;
use tokio::time::Instant;

use super::{Recorder, cues, disk::Disk};
use crate::{
    ids::RecordingId,
    ports::{Cues, EngineError, Job, Take as Taken},
    recording::{Effect, Event},
};

impl Recorder {
    pub(super) fn perform(&mut self, id: RecordingId, effect: &Effect, ctx: &mut Context<Self>) {
        match effect {
            Effect::Record => self.record(id, ctx),
            Effect::StopEngine => self.stop_engine(id),
            Effect::Tell => self.tell(id, ctx),
            Effect::Upload => self.upload(id, ctx),
            Effect::UploadLater => self.upload_later(id, ctx),
            Effect::HurryUpload => self.hurry_upload(id),
            Effect::Salvage => self.salvage(id, ctx),
            Effect::Forget => self.forget(id, ctx),
        }
    }

    fn record(&mut self, id: RecordingId, ctx: &mut Context<Self>) {
        let Some(take) = self.takes.get(&id) else { return };
        let job = Job {
            id,
            backend: self.backend.clone(),
            order: take.recording.order.clone(),
            accepted: take.accepted,
            directory: self.disk.drawer().entry(id),
        };
        let rolling_since = Arc::new(OnceLock::new());
        let cues =
            Cues::new(cues::giver(ctx.address(), id, Arc::clone(&rolling_since)), take.stop.subscribe());
        let (engine, disk) = (self.world.engine.clone(), self.disk.clone());
        let recording = async move {
            let ended = guarded(engine.record(&job, cues)).await;
            let ended = ended.unwrap_or_else(|panic| Err(EngineError::new("engine", panic)));
            let elapsed = rolling_since.get().map_or(Duration::ZERO, Instant::elapsed);
            ending_event(ended, elapsed, &disk, id).await
        };
        ctx.spawn(
            recording.into_actor(self).map(move |event, recorder, ctx| recorder.advance(id, event, ctx)),
        );
    }

    fn stop_engine(&mut self, id: RecordingId) {
        if let Some(take) = self.takes.get(&id) {
            take.stop.send_replace(true);
        }
    }

    fn forget(&mut self, id: RecordingId, ctx: &mut Context<Self>) {
        // An upload of what was discarded must not go on.
        if let Some(round) = self.takes.get_mut(&id).and_then(|take| take.round.take()) {
            ctx.cancel_future(round);
        }
        let disk = self.disk.clone();
        let removing = async move { disk.ask(move |drawer| drawer.remove(id)).await };
        ctx.spawn(removing.into_actor(self).map(move |removed, recorder, _| {
            if let Err(error) = removed {
                log::warn!(backend:% = recorder.backend, recording:% = id, error;
                    "finished, but not removed from the spool; the next start tries again");
            }
            recorder.takes.remove(&id);
            recorder.answer_drain();
        }));
    }
}

/// What the end of an engine means, judged by what lies on the disk.
async fn ending_event(
    ended: Result<Taken, EngineError>,
    recorded: Duration,
    disk: &Disk,
    id: RecordingId,
) -> Event {
    let found = disk.ask(move |drawer| drawer.media(id)).await;
    // What cannot be looked at is not given up: the upload will say what is wrong with it.
    let media = found.map_or(true, |media| media.is_some());
    match ended {
        Ok(taken) => Event::Sealed { seconds: taken.seconds, media },
        Err(error) => {
            let why = error.reason;
            Event::Broke { error: error.to_string(), why, seconds: recorded.as_secs_f64(), media }
        }
    }
}

/// Runs foreign code so that its panic is a value: a recorder does not die of one recording.
pub(super) async fn guarded<T>(future: impl Future<Output = T>) -> Result<T, String> {
    AssertUnwindSafe(future)
        .catch_unwind()
        .await
        .map_err(|panic| format!("panicked: {}", panic_message(&*panic)))
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("for an unknown reason")
}
