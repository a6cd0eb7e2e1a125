//! A recorder that gets another Nextcloud or other limits while it is at work: the configuration was read again.
//!
//! - A recording keeps the limits of length, size and disk with which it was begun. How long, and how many at a time, files
//!   are uploaded is what holds now.
//! - Every notice and every upload try asks for the Nextcloud anew, also in a round that was waiting.
//! - A try that is under way ends as it began.

use std::sync::Arc;

use actix::{Context, Handler, Message};
use tokio::sync::Semaphore;

use super::{Limits, Recorder};
use crate::ports::Backend;

/// Gives a recorder these from now on.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Refit {
    /// The Nextcloud.
    pub backend: Arc<dyn Backend>,
    /// What its recordings may take.
    pub limits: Limits,
}

impl Handler<Refit> for Recorder {
    type Result = ();

    fn handle(&mut self, Refit { backend, limits }: Refit, _: &mut Context<Self>) {
        let is_as_wide = limits.uploads == self.world.limits.uploads;
        (self.world.backend, self.world.limits) = (backend, limits);
        self.door.send_modify(|door| {
            door.backend = Arc::clone(&self.world.backend);
            if !is_as_wide {
                // Who is under way or in the queue keeps the old turns.
                door.turns = Arc::new(Semaphore::new(limits.uploads));
            }
        });
    }
}
