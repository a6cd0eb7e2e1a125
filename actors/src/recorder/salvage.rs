//! Making media whole that was cut off: one file at a time, so that a start over a full spool stays calm.

use std::sync::Arc;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::{Recorder, effects::guarded};
use crate::{ids::RecordingId, ports::Engine, recording::Event, spool::Drawer};

impl Recorder {
    pub(super) fn salvage(&mut self, id: RecordingId, ctx: &mut Context<Self>) {
        let (engine, drawer) = (self.world.engine.clone(), self.world.drawer.clone());
        let salvaging = salvage(engine, drawer, id, Arc::clone(&self.salvages));
        ctx.spawn(
            salvaging.into_actor(self).map(move |event, recorder, ctx| recorder.advance(id, event, ctx)),
        );
    }
}

/// Whatever goes wrong, the media is uploaded: as it is, if it cannot be mended.
async fn salvage(engine: Arc<dyn Engine>, drawer: Drawer, id: RecordingId, turns: Arc<Semaphore>) -> Event {
    let unmended = |problem: String| Event::Salvaged { seconds: None, problem: Some(problem) };
    let _turn = turns.acquire().await;
    let found = spawn_blocking(move || drawer.media(id)).await;
    let media = match found {
        Ok(Ok(Some(media))) => media,
        Ok(Ok(None)) => return Event::MediaGone,
        Ok(Err(error)) => return unmended(error.to_string()),
        Err(error) => return unmended(error.to_string()),
    };
    match guarded(engine.mend(&media.path)).await {
        Ok(Ok(take)) => Event::Salvaged { seconds: take.map(|take| take.seconds), problem: None },
        Ok(Err(error)) => unmended(error.to_string()),
        Err(panic) => unmended(panic),
    }
}
