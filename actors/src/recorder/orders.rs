//! What an operator may ask of a recording that waits to be uploaded.

use actix::{Context, Handler, Message};

use super::Recorder;
use crate::{ids::RecordingId, recording::Event};

/// No such recording waits to be uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such recording waits to be uploaded")]
pub struct NotWaiting;

/// Has a recording that is parked, or waits for its next round, uploaded now.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<(), NotWaiting>")]
pub struct Retry(pub RecordingId);

impl Handler<Retry> for Recorder {
    type Result = Result<(), NotWaiting>;

    fn handle(&mut self, Retry(id): Retry, ctx: &mut Context<Self>) -> Self::Result {
        self.order_waiting(id, Event::RetryAsked, ctx)
    }
}

/// Removes a recording that is parked, or waits for its next round, with its media.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<(), NotWaiting>")]
pub struct Discard(pub RecordingId);

impl Handler<Discard> for Recorder {
    type Result = Result<(), NotWaiting>;

    fn handle(&mut self, Discard(id): Discard, ctx: &mut Context<Self>) -> Self::Result {
        self.order_waiting(id, Event::DiscardAsked, ctx)
    }
}

impl Recorder {
    /// What an operator wants of a recording that has had its first round of upload tries.
    fn order_waiting(
        &mut self,
        id: RecordingId,
        event: Event,
        ctx: &mut Context<Self>,
    ) -> Result<(), NotWaiting> {
        let waiting = self.takes.get(&id).is_some_and(|take| take.recording.is_waiting());
        if !waiting {
            return Err(NotWaiting);
        }
        self.advance(id, event, ctx);
        Ok(())
    }
}
