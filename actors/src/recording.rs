//! The life of one recording, as values: what it is, what may happen to it, and what follows. Pure.
//!
//! ```text
//!            start accepted, journalled                 start rejected: Closed(Rejected)          "failed"
//!                     │
//!                 Starting ── engine broke / recovered, no media ────────► Closed(Empty)    "failed"
//!                     │ rolling                   │ … with media
//!      "started" ◄────┤                           ▼
//!                 Recording ── engine broke / recovered ──► Salvaging                       "failed"
//!                     │ stop asked                           ▲  │ made whole, or left as it is
//!                     ▼                      broke/recovered │  ▼
//!                 Stopping ── engine ended, media ─────────► Uploading ── stored ──► Closed(Stored)
//!                     │                        "stopped"      │  ▲  ▲
//!                     │                                       │  │  └─ refused for now: try again later
//!                     │                                       ▼  │ retry asked
//!                     └── engine ended, no media ► Closed(Empty) Parked: refused for good, kept
//!                                                                └─ discard asked ► Closed(Discarded)
//! ```
//!
//! What always holds, and is tested over random histories:
//! - a closed recording stays closed;
//! - nothing is uploaded before the engine has ended;
//! - at most one `started` is owed, and then exactly one of `stopped` and `failed`;
//! - media on disk is forgotten only when Nextcloud has stored it, or an operator has discarded it;
//! - the reports of a recording are one `Started`, at most one of `Failed` and `UploadFailed`, one `Ended`, one
//!   `Finished`; those of a rejected one are one `Rejected`.
//!
//! A notice that is owed is part of the recording, so that a restart still sends it. A restart is an event
//! like any other.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ids::{RecordingId, RoomToken};

mod events;
mod reasons;
mod step;

pub use events::{Event, NextRound};
pub use reasons::{EndReason, Rejection, Sign};
pub use step::Step;

/// The pause after a file went over a limit: Nextcloud tells its owner of each such try.
const RARELY: SignedDuration = SignedDuration::from_hours(6);

/// What a Nextcloud ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Base address of the Nextcloud that asked, without trailing slash.
    pub nextcloud: String,
    /// The room of the call.
    pub room: RoomToken,
    /// Picture and sound, or sound alone.
    pub kind: Kind,
    /// User id of the moderator whose files get the recording.
    pub owner: String,
    /// Who pressed the button.
    pub actor: Actor,
}

/// What is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Picture and sound: `status` 1 of Nextcloud.
    Video,
    /// Sound alone: `status` 2 of Nextcloud.
    Audio,
}

/// A participant of a call, as Nextcloud names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Such as `users` or `guests`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Unique within its kind.
    pub id: String,
}

/// What Nextcloud is told about a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Notice {
    /// Frames are being written.
    Started,
    /// It ended as it should.
    Stopped {
        /// Who stopped it, where somebody did.
        by: Option<Actor>,
    },
    /// It ended, or never began, because something broke.
    Failed,
}

/// A notice that Nextcloud has not yet acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    /// What it must be told.
    pub notice: Notice,
    /// When it came true. A notice that is told too late would end a newer recording of the room.
    pub since: Timestamp,
}

/// Where a recording is in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Accepted; the engine is coming up.
    Starting,
    /// Media is being written.
    Recording,
    /// Told to end; the engine is sealing the media.
    Stopping,
    /// The media was cut off and is being made whole.
    Salvaging,
    /// The media is whole and waits to be stored, or is on its way.
    Uploading,
    /// Nextcloud will not take the media until somebody changes something.
    Parked {
        /// Why, in words for the operator.
        reason: String,
    },
    /// Over.
    Closed(Ending),
}

impl Phase {
    /// Whether the engine is at work.
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Starting | Self::Recording | Self::Stopping)
    }

    /// One word for logs and lists.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Recording => "recording",
            Self::Stopping => "stopping",
            Self::Salvaging => "salvaging",
            Self::Uploading => "uploading",
            Self::Parked { .. } => "parked",
            Self::Closed(Ending::Stored) => "stored",
            Self::Closed(Ending::Empty) => "empty",
            Self::Closed(Ending::Lost) => "lost",
            Self::Closed(Ending::Discarded) => "discarded",
            Self::Closed(Ending::Rejected) => "rejected",
        }
    }
}

/// How a recording's life ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// Nextcloud has the file.
    Stored,
    /// Nothing was recorded.
    Empty,
    /// The media disappeared from the disk by another's hand.
    Lost,
    /// An operator did not want it any more.
    Discarded,
    /// It was never begun: there was no room for it.
    Rejected,
}

/// One take, as it stands in the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// Its name.
    pub id: RecordingId,
    /// What was ordered.
    pub order: Order,
    /// The file name that Nextcloud will see, without extension.
    pub title: String,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// Where it is.
    pub phase: Phase,
    /// What Nextcloud does not know yet.
    pub owed: Option<Owed>,
    /// Who stopped it, where somebody did.
    pub stopped_by: Option<Actor>,
    /// Why it came to its end, as soon as that is known.
    #[serde(default)]
    pub ended: Option<EndReason>,
    /// Whether it counts as failed: the engine broke, or the server died under it.
    pub failed: bool,
    /// Seconds recorded, known once the engine has ended in order.
    pub seconds: f64,
    /// Upload rounds that ended without success. The first one is reported, once.
    pub rounds_failed: u32,
    /// Since when it is to be uploaded, or was last asked to be.
    #[serde(default)]
    pub upload_since: Option<Timestamp>,
    /// The next round must not begin before, also after a restart.
    #[serde(default)]
    pub not_before: Option<Timestamp>,
    /// What Nextcloud said to the last round that failed.
    #[serde(default)]
    pub last_refusal: Option<String>,
}

/// What the recorder must do after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Start the engine.
    Record,
    /// Ask the engine to end.
    StopEngine,
    /// Tell Nextcloud what it is owed.
    Tell,
    /// Begin a round of upload tries at once.
    Upload,
    /// Begin a round of upload tries after a pause.
    UploadLater,
    /// Let the round that waits begin at once.
    HurryUpload,
    /// Make the media whole.
    Salvage,
    /// Remove the entry from the spool.
    Forget,
}

/// What the metrics learn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Report {
    /// A start was accepted: the recording is current.
    Started,
    /// A start was not.
    Rejected(Rejection),
    /// The first frames are there.
    Rolling,
    /// It failed.
    Failed,
    /// The engine has ended.
    Ended(EndReason),
    /// It was found in the spool, cut off by the end of an earlier life.
    Recovered,
    /// It succeeded, but the first round of upload tries did not.
    UploadFailed,
    /// It is no longer current.
    Finished {
        /// What the duration counter grows by; nothing for a failed one.
        seconds: f64,
    },
    /// Nextcloud has it, after a first round that failed.
    DeliveredLate,
    /// Something that an operator should look at, or its end.
    Sign {
        /// What is seen.
        sign: Sign,
        /// Whether it is so now, or no longer.
        seen: bool,
    },
    /// How the encoder keeps up.
    Encoding {
        /// Seconds of media a second.
        speed: f64,
        /// Frames dropped since the recording began.
        dropped_frames: u64,
    },
}

impl Recording {
    /// A recording that was just ordered.
    pub fn accepted(id: RecordingId, order: Order, title: String, now: Timestamp) -> Step {
        let next = Self {
            id,
            order,
            title,
            accepted_at: now,
            phase: Phase::Starting,
            owed: None,
            stopped_by: None,
            failed: false,
            seconds: 0.0,
            ended: None,
            rounds_failed: 0,
            upload_since: None,
            not_before: None,
            last_refusal: None,
        };
        Step { next, reports: vec![Report::Started], effects: vec![Effect::Record] }
    }

    /// A recording for which there is no room. All that is left to do is to say so.
    pub fn rejected(id: RecordingId, order: Order, title: String, why: Rejection, now: Timestamp) -> Step {
        let accepted = Self::accepted(id, order, title, now).next;
        let owed = Some(Owed { notice: Notice::Failed, since: now });
        let next = Self { phase: Phase::Closed(Ending::Rejected), owed, ..accepted };
        Step { next, reports: vec![Report::Rejected(why)], effects: vec![Effect::Tell] }
    }

    /// What an event makes of the recording. `None`: it comes late or twice, and nothing happens.
    #[must_use]
    pub fn on(&self, event: &Event, now: Timestamp) -> Option<Step> {
        let mut step = Step { next: self.clone(), reports: Vec::new(), effects: Vec::new() };
        let changed = match &self.phase {
            Phase::Starting => step.while_starting(event, now),
            Phase::Recording => step.while_recording(event, now),
            Phase::Stopping => step.while_stopping(event, now),
            Phase::Salvaging => step.while_salvaging(event, now),
            Phase::Uploading => step.while_uploading(event, now),
            Phase::Parked { .. } => step.while_parked(event, now),
            Phase::Closed(_) => step.while_closed(event),
        };
        changed.then_some(step)
    }

    /// Whether it is parked or waits for its next round of upload tries, so that an operator may have it retried or
    /// discarded.
    pub fn is_waiting(&self) -> bool {
        match self.phase {
            Phase::Parked { .. } => true,
            Phase::Uploading => self.is_settled(),
            Phase::Starting | Phase::Recording | Phase::Stopping | Phase::Salvaging | Phase::Closed(_) => {
                false
            }
        }
    }

    /// Whether the first round of upload tries is over, so that the recording no longer counts as current.
    fn is_settled(&self) -> bool {
        self.rounds_failed > 0
    }
}

#[cfg(test)]
mod tests;
