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

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use actors::{
    ids::BackendId,
    ports::{Cue, Cues, Engine, EngineError, Job, Take},
};
use async_trait::async_trait;
use reqwest::Client;
use tokio::time::timeout;

use self::{refusal::NotWatched, watcher::Watcher};
use crate::{
    client::{Clients, SetupError},
    config::{BackendSettings, Config},
};

/// The part of the engine that is named when a recording is refused.
const STAGE: &str = "call";
/// How long a recording waits for the watch to begin. A server that is slower than this may still begin it later.
const PATIENCE_AT_START: Duration = Duration::from_secs(5);

/// An engine whose recordings end with their rooms and calls.
pub struct Watched<E> {
    engine: E,
    config: Arc<Config>,
    clients: BTreeMap<BackendId, Client>,
    /// For backends that are allowed without being listed.
    any: Option<Client>,
}

impl<E: Engine> Watched<E> {
    /// Has the recordings of an engine watched, unless `watch_call` is off.
    ///
    /// # Errors
    /// When a backend's certificates cannot be read, or the system has none.
    pub fn new(engine: E, config: Arc<Config>, clients: &mut Clients) -> Result<Self, SetupError> {
        let mut listed = BTreeMap::new();
        for backend in &config.backends.listed {
            listed.insert(backend.id.clone(), clients.for_backend(&backend.id, &backend.settings)?);
        }
        let any = config.backends.any.as_ref();
        let any = any.map(|settings| clients.for_backend(&BackendId::allowall(), settings)).transpose()?;
        Ok(Self { engine, config, clients: listed, any })
    }

    /// What a recording is watched with; `None` if it is not to be watched.
    fn means(&self, backend: &BackendId) -> Option<(&BackendSettings, &Client)> {
        if !self.config.limits.watch_call {
            return None;
        }
        let client = self.clients.get(backend).or(self.any.as_ref())?;
        Some((self.config.backends.settings_of(backend)?, client))
    }
}

#[async_trait]
impl<E: Engine> Engine for Watched<E> {
    async fn record(&self, job: &Job, cues: Cues) -> Result<Take, EngineError> {
        let Some((backend, client)) = self.means(&job.backend) else {
            return self.engine.record(job, cues).await;
        };
        let mut watcher = Watcher::new(job, &self.config, backend, client);
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
