//! The room of a recording, watched over its signaling server by a hidden session of this server's own, so that no
//! recording runs for ever: Nextcloud sends no stop when a room is deleted, and a stop can be lost.
//!
//! ```text
//!   settings ──► hello ──► join ──► events ──► room deleted, or nobody in the call for `empty_call`: the recording ends
//!       ▲                             │
//!       └──── later, and later ◄──────┘ connection lost: the recording goes on
//! ```
//!
//! [`Watched`] does so for any engine. It comes first: a secret that is wrong is told before a program is started.
//!
//! In reading order: `watcher` is the watch over one room; `room` knows who is in the call, `vacancy` for how long
//! nobody is (both pure); `settings` asks Nextcloud for the server, `session` is let in there over a `socket`;
//! `messages` are what is said, `refusal` what a refusal means.

mod messages;
mod refusal;
mod room;
mod session;
mod settings;
mod socket;
mod vacancy;
mod watcher;

use std::{path::Path, time::Duration};

use actors::ports::{Cue, Cues, Engine, EngineError, Job, Take};
use async_trait::async_trait;
use tokio::time::timeout;

use self::{refusal::NotWatched, watcher::Watcher};
use crate::{client::Clients, config::Current};

/// The part of the engine that is named when a recording is refused.
const STAGE: &str = "call";
/// How long a recording waits for the watch to begin. A server that is slower than this may still begin it later.
const PATIENCE_AT_START: Duration = Duration::from_secs(5);

/// An engine whose recordings end with their rooms and calls.
pub struct Watched<E> {
    engine: E,
    config: Current,
    clients: Clients,
}

impl<E: Engine> Watched<E> {
    /// Has the recordings of an engine watched, unless `watch_call` is off.
    pub fn new(engine: E, config: Current, clients: Clients) -> Self {
        Self { engine, config, clients }
    }
}

#[async_trait]
impl<E: Engine> Engine for Watched<E> {
    async fn record(&self, job: &Job, cues: Cues) -> Result<Take, EngineError> {
        let config = self.config.get();
        let settings = config.backends.settings_of(&job.backend).filter(|_| config.limits.watch_call);
        let Some(backend) = settings else {
            return self.engine.record(job, cues).await;
        };
        let client = self.clients.for_backend(&job.backend, backend);
        let client = client.map_err(|error| EngineError::new(STAGE, error))?;
        let mut watcher = Watcher::new(job, &config, backend, &client);
        tokio::select! {
            begun = begin(&mut watcher) => begun?,
            () = cues.stop_asked() => return Ok(Take { seconds: 0.0 }),
        }
        let mut recording = self.engine.record(job, cues.clone());
        let take = tokio::select! {
            take = &mut recording => take,
            verdict = watcher.verdict() => {
                if let Some(why) = verdict {
                    cues.give(Cue::End(why));
                }
                recording.await
            }
        };
        watcher.leave().await;
        take
    }

    async fn mend(&self, media: &Path) -> Result<Option<Take>, EngineError> {
        self.engine.mend(media).await
    }
}

/// Begins the watch if it can be begun at once.
///
/// # Errors
/// When the page of the call could not be joined either.
async fn begin(watcher: &mut Watcher<'_>) -> Result<(), EngineError> {
    let slow = || NotWatched::ForNow("there was no answer in time, it is tried again".to_owned());
    match timeout(PATIENCE_AT_START, watcher.contact()).await.unwrap_or_else(|_| Err(slow())) {
        Ok(()) => Ok(()),
        Err(hopeless @ (NotWatched::ForGood(_) | NotWatched::RoomUnknown(_))) => {
            Err(EngineError::new(STAGE, hopeless))
        }
        Err(away) => {
            watcher.tell_unwatched(&away);
            Ok(())
        }
    }
}
