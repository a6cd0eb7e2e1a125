//! What the log says of a recording's life: one line a change, from here and nowhere else.

use log::Level;

use super::Recorder;
use crate::{
    ids::RecordingId,
    recording::{Ending, Event, NextRound, Notice, Phase, Recording},
};

impl Recorder {
    /// Tells the log what an event made of a recording; `None` stands for its acceptance.
    pub(super) fn narrate(&self, event: Option<&Event>, next: &Recording) {
        let Some((level, message)) = headline(event, next) else {
            return;
        };
        let reason = reason(event);
        let (backend, room, id) = (&self.backend, &next.order.room, next.id);
        match reason {
            None => {
                log::log!(level, backend:%, room:%, recording:% = id, phase = next.phase.name(); "{message}");
            }
            Some(reason) => {
                log::log!(level, backend:%, room:%, recording:% = id, phase = next.phase.name(), reason; "{message}");
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
        Event::StopAsked { .. } => (Level::Info, "stop asked"),
        Event::Sealed { .. } if next.failed => (Level::Error, "recording ended by itself before it began"),
        Event::Sealed { media: true, .. } => (Level::Info, "recording sealed"),
        Event::Sealed { media: false, .. } => (Level::Info, "stopped before anything was recorded"),
        Event::Broke { media: true, .. } if !next.failed => {
            (Level::Warn, "the end of the recording may be missing, it was stopped already")
        }
        Event::Broke { media: true, .. } => {
            (Level::Error, "recording broke off, what was recorded will be uploaded")
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
            (Level::Error, "nextcloud refuses the file; it stays in the spool, a restart tries again")
        }
        Event::RoundFailed { next: NextRound::Soon, .. } => {
            (Level::Warn, "upload failed, the file stays in the spool and is tried again")
        }
        Event::RoundFailed { next: NextRound::Rarely, .. } => (
            Level::Error,
            "the file goes over a limit; it stays in the spool and is tried again in some hours",
        ),
        Event::MediaGone => (Level::Error, "the media disappeared from the spool"),
    })
}

fn recovered(next: &Recording) -> (Level, &'static str) {
    match &next.phase {
        Phase::Closed(Ending::Empty) => {
            (Level::Error, "found in the spool, cut before anything was recorded")
        }
        Phase::Closed(Ending::Lost) => (Level::Error, "found in the spool without its media"),
        Phase::Closed(Ending::Stored) => (Level::Info, "found in the spool, stored already"),
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
