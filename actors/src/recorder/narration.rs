//! What the log says of a recording's life: one line a change, from here and nowhere else.

use log::Level;

use super::Recorder;
use crate::{
    ids::RecordingId,
    recording::{EndReason, Ending, Event, NextRound, Notice, Phase, Recording, Rejection, Sign},
};

impl Recorder {
    /// Tells the log what an event made of a recording; `None` stands for its acceptance.
    pub(super) fn narrate(&self, event: Option<&Event>, next: &Recording) {
        let Some((level, message)) = headline(event, next) else {
            return;
        };
        let (backend, room, id, phase) = (&self.backend, &next.order.room, next.id, next.phase.name());
        match (reason(event), why(event, next)) {
            (None, None) => log::log!(level, backend:%, room:%, recording:% = id, phase; "{message}"),
            (None, Some(why)) => {
                log::log!(level, backend:%, room:%, recording:% = id, phase, why; "{message}");
            }
            (Some(reason), None) => {
                log::log!(level, backend:%, room:%, recording:% = id, phase, reason; "{message}");
            }
            (Some(reason), Some(why)) => {
                log::log!(level, backend:%, room:%, recording:% = id, phase, why, reason; "{message}");
            }
        }
    }

    /// Tells the log that there is no room for a recording.
    pub(super) fn narrate_rejection(&self, why: Rejection, error: Option<&str>, next: &Recording) {
        let (backend, room, id) = (&self.backend, &next.order.room, next.id);
        let reason = error.map_or_else(|| why.to_string(), |error| format!("{why}: {error}"));
        log::error!(backend:%, room:%, recording:% = id, why = why.name(), reason;
            "start rejected, nextcloud is told that it failed");
    }

    /// Tells the log what an operator should look at.
    pub(super) fn narrate_sign(&self, id: RecordingId, sign: Sign, seen: bool) {
        let Some(take) = self.takes.get(&id) else { return };
        let (backend, room) = (&self.backend, &take.recording.order.room);
        match (sign, seen) {
            (Sign::Still, true) => {
                log::warn!(backend:%, room:%, recording:% = id; "the picture has not changed for a while");
            }
            (Sign::Black, true) => {
                log::warn!(backend:%, room:%, recording:% = id; "the picture has been black for a while");
            }
            (Sign::Silent, true) => {
                log::warn!(backend:%, room:%, recording:% = id; "the sound has been digital silence for a while");
            }
            (_, false) => {
                log::info!(backend:%, room:%, recording:% = id, sign = sign.name(); "picture and sound are back");
            }
        }
    }

    /// The journal lags behind: the recording goes on, and a crash now would be salvaged from an older state.
    pub(super) fn journal_failed(&self, id: RecordingId, error: &str) {
        log::error!(backend:% = self.backend, recording:% = id, error;
            "journal not written, the recording goes on without");
    }
}

/// The line of an event, where it deserves one.
fn headline(event: Option<&Event>, next: &Recording) -> Option<(Level, &'static str)> {
    let Some(event) = event else {
        return Some((Level::Info, "start accepted"));
    };
    Some(match event {
        Event::Rolling => (Level::Info, "recording"),
        Event::StopAsked {
            why: EndReason::Moderator | EndReason::CallEnded | EndReason::Shutdown, ..
        } => (Level::Info, "stop asked"),
        Event::StopAsked { .. } => (Level::Warn, "the recording is stopped without having been asked to"),
        Event::Sealed { .. } if next.failed => (Level::Error, "recording ended by itself before it began"),
        Event::Sealed { media: true, .. } => (Level::Info, "recording sealed"),
        Event::Sealed { media: false, .. } => (Level::Info, "stopped before anything was recorded"),
        Event::Broke { media: true, .. } if !next.failed => {
            (Level::Warn, "the end of the recording may be missing, it was stopped already")
        }
        Event::Broke { media: true, .. } => {
            (Level::Error, "recording broke off, what was recorded will be uploaded")
        }
        Event::Salvaged { problem: None, .. } => (Level::Info, "media made whole"),
        Event::Salvaged { problem: Some(_), .. } => {
            (Level::Warn, "media could not be made whole, it is uploaded as it is")
        }
        Event::Broke { media: false, .. } if next.failed => (Level::Error, "recording failed"),
        Event::Broke { media: false, .. } => (Level::Warn, "stopped while it could not start"),
        Event::Recovered { .. } => recovered(next),
        Event::Untold { room_unknown: true, .. } if next.phase == Phase::Stopping => {
            (Level::Error, "nextcloud awaits no recording in this room, the recording is stopped")
        }
        Event::Untold { .. } => {
            (Level::Warn, "a notice is given up: it is too late for it, or nextcloud will not take it")
        }
        Event::Told { .. } => return None,
        Event::Stored => (Level::Info, "stored in nextcloud"),
        Event::RoundFailed { next: NextRound::Never, .. } => {
            (Level::Error, "parked: the file stays in the spool until somebody has it tried again")
        }
        Event::RoundFailed { next: NextRound::Soon { .. }, .. } => {
            (Level::Warn, "upload failed, the file stays in the spool and is tried again")
        }
        Event::RoundFailed { next: NextRound::Rarely, .. } => (
            Level::Error,
            "the file goes over a limit; it stays in the spool and is tried again in some hours",
        ),
        Event::MediaGone => (Level::Error, "the media disappeared from the spool"),
        Event::RetryAsked => (Level::Info, "an operator has it tried again"),
        Event::DiscardAsked => (Level::Warn, "an operator discarded the recording"),
    })
}

fn recovered(next: &Recording) -> (Level, &'static str) {
    match &next.phase {
        Phase::Closed(Ending::Empty) => {
            (Level::Error, "found in the spool, cut before anything was recorded")
        }
        Phase::Closed(Ending::Lost) => (Level::Error, "found in the spool without its media"),
        Phase::Closed(Ending::Stored) => (Level::Info, "found in the spool, stored already"),
        Phase::Closed(Ending::Discarded | Ending::Rejected) => {
            (Level::Info, "found in the spool, over already")
        }
        Phase::Parked { .. } => {
            (Level::Warn, "found in the spool, parked: `talk-recorder recordings` tells why")
        }
        _ if next.failed => {
            (Level::Warn, "found in the spool, cut while it was recorded; it will be uploaded")
        }
        _ => (Level::Info, "found in the spool, it will be uploaded"),
    }
}

fn reason(event: Option<&Event>) -> Option<&str> {
    match event? {
        Event::Broke { error, .. } => Some(error),
        Event::RoundFailed { reason, .. } => Some(reason),
        Event::Salvaged { problem, .. } => problem.as_deref(),
        _ => None,
    }
}

/// The word for the end, where this event brought it.
fn why(event: Option<&Event>, next: &Recording) -> Option<&'static str> {
    match event? {
        Event::StopAsked { .. } | Event::Broke { .. } => next.ended.map(EndReason::name),
        _ => None,
    }
}

impl Notice {
    /// One word for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Stopped { .. } => "stopped",
            Self::Failed => "failed",
        }
    }
}
