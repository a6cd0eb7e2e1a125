//! The life of one recording, as values: what it is, what may happen to it, and what follows. Pure.
//!
//! ```text
//!            start accepted, journalled
//!                     │
//!                 Starting ── engine broke / recovered, no media ────────► Closed(Empty)    "failed"
//!                     │ rolling                   │ … with media
//!      "started" ◄────┤                           │
//!                 Recording ── engine broke / recovered ───────────┐                        "failed"
//!                     │ stop asked                                 │
//!                     ▼                                            ▼
//!                 Stopping ── engine ended, media ───────────► Uploading ── stored ──► Closed(Stored)
//!                     │                          "stopped"      │     ▲
//!                     │                                         │     ├─ refused for now: try again later
//!                     └── engine ended, no media ► Closed(Empty)└► Parked: refused for good, kept
//! ```
//!
//! What always holds, and is tested over random histories:
//! - a closed recording stays closed;
//! - nothing is uploaded before the engine has ended;
//! - at most one `started` is owed, and then exactly one of `stopped` and `failed`;
//! - media on disk is forgotten only when Nextcloud has stored it;
//! - the reports of a recording are one `Started`, at most one of `Failed` and `UploadFailed`, one `Finished`.
//!
//! A notice that is owed is part of the recording, so that a restart still sends it. A restart is an event
//! like any other.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{RecordingId, RoomToken};

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
            Self::Uploading => "uploading",
            Self::Parked { .. } => "parked",
            Self::Closed(Ending::Stored) => "stored",
            Self::Closed(Ending::Empty) => "empty",
            Self::Closed(Ending::Lost) => "lost",
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
    /// Whether it counts as failed: the engine broke, or the server died under it.
    pub failed: bool,
    /// Seconds recorded, known once the engine has ended in order.
    pub seconds: f64,
    /// Upload rounds that ended without success. The first one is reported, once.
    pub rounds_failed: u32,
}

/// Something that happens to a recording.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The engine's frames are arriving.
    Rolling,
    /// It shall end.
    StopAsked {
        /// Who wants it, where somebody does.
        by: Option<Actor>,
    },
    /// The engine has sealed its media.
    Sealed {
        /// Length of the media.
        seconds: f64,
        /// Whether there is any.
        media: bool,
    },
    /// The engine ended with an error.
    Broke {
        /// Stage and cause.
        error: String,
        /// Whether it left media.
        media: bool,
    },
    /// The server or its recorder died under the recording and another one found it in the journal.
    Recovered {
        /// Whether there is media.
        media: bool,
        /// The last sign of life.
        cut_at: Timestamp,
    },
    /// Nextcloud acknowledged the notice that it was owed.
    Told,
    /// The notice will never be told: refused for good, or too late.
    Untold {
        /// Nextcloud says that nothing is being recorded in that room.
        room_unknown: bool,
    },
    /// Nextcloud has the file.
    Stored,
    /// A round of upload tries is over without success.
    RoundFailed {
        /// What Nextcloud said.
        reason: String,
        /// Whether only a human can help.
        for_good: bool,
    },
    /// The media is not on the disk any more.
    MediaGone,
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
    /// Begin a round of upload tries, after a pause where rounds have failed before.
    Upload,
    /// Remove the entry from the spool.
    Forget,
}

/// What the metrics learn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Report {
    /// A start was accepted: the recording is current.
    Started,
    /// It failed.
    Failed,
    /// It succeeded, but the first round of upload tries did not.
    UploadFailed,
    /// It is no longer current.
    Finished {
        /// What the duration counter grows by; nothing for a failed one.
        seconds: f64,
    },
}

/// The outcome of an event: the recording after it, and what follows from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// To be journalled first.
    pub next: Recording,
    /// To be reported next.
    pub reports: Vec<Report>,
    /// To be done last.
    pub effects: Vec<Effect>,
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
            rounds_failed: 0,
        };
        Step {
            next,
            reports: vec![Report::Started],
            effects: vec![Effect::Record],
        }
    }

    /// What an event makes of the recording. `None`: it comes late or twice, and nothing happens.
    #[must_use]
    pub fn on(&self, event: &Event, now: Timestamp) -> Option<Step> {
        let mut step = Step {
            next: self.clone(),
            reports: Vec::new(),
            effects: Vec::new(),
        };
        let changed = match &self.phase {
            Phase::Starting => step.while_starting(event, now),
            Phase::Recording => step.while_recording(event, now),
            Phase::Stopping => step.while_stopping(event, now),
            Phase::Uploading => step.while_uploading(event),
            Phase::Parked { .. } => step.while_parked(event),
            Phase::Closed(_) => step.while_closed(event),
        };
        changed.then_some(step)
    }

    /// Whether the first round of upload tries is over, so that the recording no longer counts as current.
    fn is_settled(&self) -> bool {
        self.rounds_failed > 0
    }
}

/// One function a phase. Each names every event, so that a new one cannot be forgotten in silence, and
/// returns whether anything changed.
impl Step {
    fn while_starting(&mut self, event: &Event, now: Timestamp) -> bool {
        match event {
            Event::Rolling => {
                self.next.phase = Phase::Recording;
                self.owe(Notice::Started, now);
            }
            Event::StopAsked { by } => self.stop(by.clone()),
            // Sealed without having been asked to, and before a frame: nobody wanted that.
            Event::Sealed { media, .. } | Event::Broke { media, .. } => self.fail(*media, now),
            Event::Recovered { media, cut_at } => self.fail(*media, *cut_at),
            Event::Told
            | Event::Untold { .. }
            | Event::Stored
            | Event::RoundFailed { .. }
            | Event::MediaGone => return false,
        }
        true
    }

    fn while_recording(&mut self, event: &Event, now: Timestamp) -> bool {
        match event {
            Event::StopAsked { by } => self.stop(by.clone()),
            Event::Sealed { seconds, media } => self.end(*seconds, *media, now),
            Event::Broke { media, .. } => self.fail(*media, now),
            Event::Recovered { media, cut_at } => self.fail(*media, *cut_at),
            Event::Told | Event::Untold { room_unknown: false } => return self.next.owed.take().is_some(),
            // Nobody could ever stop it: Nextcloud does not know that it records.
            Event::Untold { room_unknown: true } => {
                self.next.owed = None;
                self.stop(None);
            }
            Event::Rolling | Event::Stored | Event::RoundFailed { .. } | Event::MediaGone => return false,
        }
        true
    }

    fn while_stopping(&mut self, event: &Event, now: Timestamp) -> bool {
        match event {
            Event::Sealed { seconds, media } => self.end(*seconds, *media, now),
            // Whatever breaks after the stop is not a failed recording: the user wanted it to end.
            Event::Broke { media, .. } => self.end(0.0, *media, now),
            Event::Recovered { media, cut_at } => self.end(0.0, *media, *cut_at),
            Event::Told | Event::Untold { .. } => return self.next.owed.take().is_some(),
            Event::Rolling
            | Event::StopAsked { .. }
            | Event::Stored
            | Event::RoundFailed { .. }
            | Event::MediaGone => return false,
        }
        true
    }

    fn while_uploading(&mut self, event: &Event) -> bool {
        match event {
            Event::Stored => self.close(Ending::Stored),
            Event::MediaGone => self.close(Ending::Lost),
            Event::RoundFailed { reason, for_good } => self.fail_round(reason, *for_good),
            Event::Recovered { media: true, .. } => self.resume(),
            Event::Recovered { media: false, .. } => self.close(Ending::Lost),
            Event::Told | Event::Untold { .. } => return self.next.owed.take().is_some(),
            Event::Rolling | Event::StopAsked { .. } | Event::Sealed { .. } | Event::Broke { .. } => {
                return false;
            }
        }
        true
    }

    fn while_parked(&mut self, event: &Event) -> bool {
        match event {
            // A restart is how an operator says "try again" today.
            Event::Recovered { media: true, .. } => self.resume(),
            Event::Recovered { media: false, .. } | Event::MediaGone => self.close(Ending::Lost),
            Event::Told | Event::Untold { .. } => return self.next.owed.take().is_some(),
            Event::Rolling
            | Event::StopAsked { .. }
            | Event::Sealed { .. }
            | Event::Broke { .. }
            | Event::Stored
            | Event::RoundFailed { .. } => return false,
        }
        true
    }

    fn while_closed(&mut self, event: &Event) -> bool {
        match event {
            Event::Told | Event::Untold { .. } => {
                let was_owed = self.next.owed.take().is_some();
                if was_owed {
                    self.effects.push(Effect::Forget);
                }
                was_owed
            }
            Event::Recovered { .. } => {
                self.effects.push(if self.next.owed.is_some() {
                    Effect::Tell
                } else {
                    Effect::Forget
                });
                true
            }
            Event::Rolling
            | Event::StopAsked { .. }
            | Event::Sealed { .. }
            | Event::Broke { .. }
            | Event::Stored
            | Event::RoundFailed { .. }
            | Event::MediaGone => false,
        }
    }

    fn owe(&mut self, notice: Notice, since: Timestamp) {
        self.next.owed = Some(Owed { notice, since });
        self.effects.push(Effect::Tell);
    }

    fn stop(&mut self, by: Option<Actor>) {
        self.next.phase = Phase::Stopping;
        self.next.stopped_by = by;
        self.effects.push(Effect::StopEngine);
    }

    fn fail(&mut self, media: bool, since: Timestamp) {
        self.next.failed = true;
        self.reports.push(Report::Failed);
        self.owe(Notice::Failed, since);
        self.hand_over(media);
    }

    fn end(&mut self, seconds: f64, media: bool, since: Timestamp) {
        let recorded = media && seconds.is_finite();
        self.next.seconds = if recorded { seconds.max(0.0) } else { 0.0 };
        let by = self.next.stopped_by.clone();
        self.owe(Notice::Stopped { by }, since);
        self.hand_over(media);
    }

    fn hand_over(&mut self, media: bool) {
        if media {
            self.next.phase = Phase::Uploading;
            self.effects.push(Effect::Upload);
        } else {
            self.close(Ending::Empty);
        }
    }

    fn fail_round(&mut self, reason: &str, for_good: bool) {
        if !self.next.is_settled() {
            if !self.next.failed {
                self.reports.push(Report::UploadFailed);
            }
            self.finish();
        }
        self.next.rounds_failed = self.next.rounds_failed.saturating_add(1);
        if for_good {
            self.next.phase = Phase::Parked {
                reason: reason.to_owned(),
            };
        } else {
            self.effects.push(Effect::Upload);
        }
    }

    fn resume(&mut self) {
        self.next.phase = Phase::Uploading;
        if self.next.owed.is_some() {
            self.effects.push(Effect::Tell);
        }
        self.effects.push(Effect::Upload);
    }

    fn close(&mut self, ending: Ending) {
        if !self.next.is_settled() {
            self.finish();
        }
        self.next.phase = Phase::Closed(ending);
        if self.next.owed.is_none() {
            self.effects.push(Effect::Forget);
        }
    }

    fn finish(&mut self) {
        let seconds = if self.next.failed { 0.0 } else { self.next.seconds };
        self.reports.push(Report::Finished { seconds });
    }
}
