//! What the core asks of the world: an [`Engine`] that records and a [`Backend`] that is told and given the file.
//!
//! The core knows no program, no HTTP and no configuration: whoever implements these two traits is the world.
//! The [synthetic engine](crate::synthetic) is one such world, for load and for tests.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use tokio::{sync::watch, time::Instant};

use crate::{
    ids::{BackendId, RecordingId},
    recording::{EndReason, Notice, Order, Sign},
};

/// One recording to make.
#[derive(Debug, Clone)]
pub struct Job {
    /// Every resource of the recording carries it.
    pub id: RecordingId,
    /// The backend that asked.
    pub backend: BackendId,
    /// What it asked for.
    pub order: Order,
    /// When Nextcloud was answered. Only after that does it let the recording page be opened.
    pub accepted: Instant,
    /// Where the media goes: the engine writes one file there, named `media` plus an extension.
    pub directory: PathBuf,
}

/// What an engine recorded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Take {
    /// Length of the media in seconds; 0 when it was stopped before anything was recorded.
    pub seconds: f64,
}

/// Why an engine ended without being asked to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{stage}: {cause}")]
pub struct EngineError {
    /// The part that failed, such as `browser` or `encoder`.
    pub stage: &'static str,
    /// What happened and what to do about it, in words for the operator.
    pub cause: String,
    /// The same in one word.
    pub reason: EndReason,
}

impl EngineError {
    /// An error of one part of the engine.
    pub fn new(stage: &'static str, cause: impl fmt::Display) -> Self {
        Self { stage, cause: cause.to_string(), reason: EndReason::EngineFailed }
    }

    /// The same error with a reason of its own.
    #[must_use]
    pub fn because(self, reason: EndReason) -> Self {
        Self { reason, ..self }
    }
}

/// Records one call.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// One future is one recording. It returns when the media is sealed, either because
    /// [`Cues::stop_asked`] fired or because the recording could not go on. Dropping the future ends
    /// everything that it started.
    ///
    /// # Errors
    /// What kept it from recording. Media that it wrote until then stays and is uploaded.
    async fn record(&self, job: &Job, cues: Cues) -> Result<Take, EngineError>;

    /// Makes media whole that was cut off in the middle, so that a player knows its length and can seek in it.
    /// The file is replaced in one step, or left as it is. Says what length it found.
    ///
    /// An engine whose media needs no such care does nothing.
    ///
    /// # Errors
    /// What kept it from doing so. The media is uploaded as it is.
    async fn mend(&self, _media: &Path) -> Result<Option<Take>, EngineError> {
        Ok(None)
    }
}

/// What an engine says while it records.
#[derive(Debug, Clone, PartialEq)]
pub enum Cue {
    /// Media is being written: frames have arrived, they are not just hoped for.
    Rolling,
    /// The recording shall end in order, for a reason that the engine alone can see. It goes on until
    /// [`Cues::stop_asked`] fires.
    End(EndReason),
    /// Something that an operator should look at, or its end.
    Sign {
        /// What is seen.
        sign: Sign,
        /// Whether it is so now, or no longer.
        seen: bool,
    },
    /// How the encoder keeps up, a few times a minute.
    Encoding {
        /// Seconds of media a second; below 1 it falls behind.
        speed: f64,
        /// Frames dropped since the recording began.
        dropped_frames: u64,
    },
}

/// The line between an engine and its recorder. Whatever runs beside an engine gets a copy.
#[derive(Clone)]
pub struct Cues {
    give: Arc<dyn Fn(Cue) + Send + Sync>,
    stop: watch::Receiver<bool>,
}

impl Cues {
    /// Cues that are given to `give` and obey `stop`, which becomes true once.
    pub fn new(give: impl Fn(Cue) + Send + Sync + 'static, stop: watch::Receiver<bool>) -> Self {
        Self { give: Arc::new(give), stop }
    }

    /// Tells the recorder something.
    pub fn give(&self, cue: Cue) {
        (self.give)(cue);
    }

    /// Waits until the recording shall end. A recorder that is gone wants it to end too.
    pub async fn stop_asked(&self) {
        // An error means that the sender is gone, which is an answer as well.
        drop(self.stop.clone().wait_for(|stop| *stop).await);
    }
}

/// A Nextcloud, as the recorder sees it.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// Tells it what became of a recording. One try; the recorder repeats.
    ///
    /// # Errors
    /// Whether another try makes sense.
    async fn notify(&self, order: &Order, notice: &Notice) -> Result<(), Refusal>;

    /// Hands over the media. One try; the recorder repeats. A try may go on where the one before it was cut off,
    /// by what it left in [`Delivery::memo`].
    ///
    /// # Errors
    /// Whether another try makes sense.
    async fn store(&self, delivery: &Delivery) -> Result<(), Refusal>;
}

/// A file for a Nextcloud.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Names the room, the owner, and the address of the Nextcloud.
    pub order: Order,
    /// The name that the file gets there, with its extension.
    pub file_name: String,
    /// The bytes.
    pub media: PathBuf,
    /// A file beside the media where the backend may note how far it came, for its next try, also after a restart.
    /// It goes with the recording.
    pub memo: PathBuf,
}

/// Why a Nextcloud did not take what it was given: an answer to "shall I try again?".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It may work later: no connection, a server error.
    #[error("{0}")]
    Transient(String),
    /// It asks to be left alone for a while.
    #[error("{reason}")]
    Busy {
        /// What it said.
        reason: String,
        /// For how long.
        retry_after: Duration,
    },
    /// The request was sent and no answer came: it may work later, and it may have worked.
    #[error("{0}")]
    Unanswered(String),
    /// It went over a limit that an administrator can raise. Each try is dear, and may bother the owner.
    #[error("{0}")]
    Limit(String),
    /// It answered that the room does not exist, or that nothing is being recorded there.
    #[error("{0}")]
    RoomUnknown(String),
    /// It will not work without a human.
    #[error("{0}")]
    Permanent(String),
}
