//! Making media whole that was cut off: one file at a time, so that a start over a full spool stays calm.

use std::sync::Arc;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use tokio::sync::Semaphore;

use super::{Recorder, disk::Disk, effects::guarded};
use crate::{ids::RecordingId, ports::Engine, recording::Event};

impl Recorder {
    pub(super) fn salvage(&mut self, id: RecordingId, ctx: &mut Context<Self>) {
        let (engine, disk) = (self.world.engine.clone(), self.disk.clone());
        let salvaging = salvage(engine, disk, id, Arc::clone(&self.salvages));
        ctx.spawn(
            salvaging.into_actor(self).map(move |event, recorder, ctx| recorder.advance(id, event, ctx)),
        );
    }
}

/// Whatever goes wrong, the media is uploaded: as it is, if it cannot be mended.
async fn salvage(engine: Arc<dyn Engine>, disk: Disk, id: RecordingId, turns: Arc<Semaphore>) -> Event {
    let unmended = |problem: String| Event::Salvaged { seconds: None, problem: Some(problem) };
    let _turn = turns.acquire().await;
    let media = match disk.ask(move |drawer| drawer.media(id)).await {
        Ok(Some(media)) => media,
        Ok(None) => return Event::MediaGone,
        Err(error) => return unmended(error),
    };
    match guarded(engine.mend(&media.path)).await {
        Ok(Ok(take)) => Event::Salvaged { seconds: take.map(|take| take.seconds), problem: None },
        Ok(Err(error)) => unmended(error.to_string()),
        Err(panic) => unmended(panic),
    }
}
