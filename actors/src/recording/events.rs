//! What may happen to a recording: its orders, its engine, its media, its notices and its uploads.

use std::time::Duration;

use jiff::Timestamp;

use super::{Actor, EndReason, Notice};

/// Something that happens to a recording.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The engine's frames are arriving.
    Rolling,
    /// It shall end.
    StopAsked {
        /// Who wants it, where somebody does.
        by: Option<Actor>,
        /// Why.
        why: EndReason,
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
        /// The same in one word.
        why: EndReason,
        /// Since the first frame.
        seconds: f64,
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
    /// The media that was cut off is as whole as it can be made.
    Salvaged {
        /// Its length, where that is known now.
        seconds: Option<f64>,
        /// Why it stays as it was, if it does.
        problem: Option<String>,
    },
    /// Nextcloud acknowledged this notice.
    Told {
        /// By now something else may be owed.
        notice: Notice,
    },
    /// This notice will never be told: refused for good, or too late.
    Untold {
        /// By now something else may be owed.
        notice: Notice,
        /// Nextcloud says that nothing is being recorded in that room.
        room_unknown: bool,
    },
    /// Nextcloud has the file.
    Stored,
    /// A round of upload tries is over without success.
    RoundFailed {
        /// What Nextcloud said.
        reason: String,
        /// When another one makes sense.
        next: NextRound,
    },
    /// The media is not on the disk any more.
    MediaGone,
    /// An operator wants it uploaded now.
    RetryAsked,
    /// An operator wants it gone.
    DiscardAsked,
}

/// When another round of upload tries makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextRound {
    /// After a pause that grows, and not sooner than this.
    Soon {
        /// What Nextcloud asked for.
        at_least: Duration,
    },
    /// In hours: each try is dear.
    Rarely,
    /// When a human has changed something.
    Never,
}
