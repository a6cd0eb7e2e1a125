//! Why recordings end, why they are not begun, and what may be wrong with one that runs: one word each, for the log,
//! the journal and the metrics.

use serde::{Deserialize, Serialize};

/// Why a recording came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// A moderator stopped it.
    Moderator,
    /// Nextcloud stopped it since the call was over.
    CallEnded,
    /// Nobody was in the call for a while, and no stop came.
    CallEmpty,
    /// The room was deleted.
    RoomDeleted,
    /// Nextcloud says that no recording is awaited in this room, so nobody could ever stop it.
    NotAwaited,
    /// It was as long as a recording may be.
    MaxLength,
    /// It was as large as a recording may be.
    MaxSize,
    /// The backend's recordings took all the room that they may take.
    Quota,
    /// The disk was about to be full.
    DiskFull,
    /// The picture did not change for a while.
    Still,
    /// The picture was black for a while.
    Black,
    /// The sound was digital silence for a while.
    Silent,
    /// The server was told to end.
    Shutdown,
    /// The page left the call, or was led to another page.
    PageLeft,
    /// The page did not answer any more.
    PageUnresponsive,
    /// A part of the engine failed.
    EngineFailed,
    /// The server, or its recorder, died.
    ServerDied,
}

impl EndReason {
    /// All of them, so that each has a series from the start.
    pub const ALL: [Self; 17] = [
        Self::Moderator,
        Self::CallEnded,
        Self::CallEmpty,
        Self::RoomDeleted,
        Self::NotAwaited,
        Self::MaxLength,
        Self::MaxSize,
        Self::Quota,
        Self::DiskFull,
        Self::Still,
        Self::Black,
        Self::Silent,
        Self::Shutdown,
        Self::PageLeft,
        Self::PageUnresponsive,
        Self::EngineFailed,
        Self::ServerDied,
    ];

    /// One word for logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Moderator => "moderator",
            Self::CallEnded => "call_ended",
            Self::CallEmpty => "call_empty",
            Self::RoomDeleted => "room_deleted",
            Self::NotAwaited => "not_awaited",
            Self::MaxLength => "max_length",
            Self::MaxSize => "max_size",
            Self::Quota => "quota",
            Self::DiskFull => "disk_full",
            Self::Still => "still",
            Self::Black => "black",
            Self::Silent => "silent",
            Self::Shutdown => "shutdown",
            Self::PageLeft => "page_left",
            Self::PageUnresponsive => "page_unresponsive",
            Self::EngineFailed => "engine_failed",
            Self::ServerDied => "server_died",
        }
    }
}

/// Why a recording was not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Rejection {
    /// The server records as many calls as it can.
    #[error("the server records as many calls as it can, see [recording] max_concurrent")]
    Full,
    /// The backend records as many calls as it may.
    #[error("this backend records as many calls as it may, see its maxrecordings")]
    Share,
    /// There is too little room on the disk.
    #[error("the disk of the spool is short of room, see [spool] reserve")]
    DiskFull,
    /// The backend's recordings take all the room that they may take.
    #[error("the recordings of this backend that wait to be uploaded take all their room, see its quota")]
    Quota,
    /// The server is about to end.
    #[error("the server is shutting down")]
    Draining,
    /// The recording could not be journalled.
    #[error("the spool cannot be written")]
    Unwritable,
}

impl Rejection {
    /// All of them, so that each has a series from the start.
    pub const ALL: [Self; 6] =
        [Self::Full, Self::Share, Self::DiskFull, Self::Quota, Self::Draining, Self::Unwritable];

    /// One word for logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Share => "share",
            Self::DiskFull => "disk_full",
            Self::Quota => "quota",
            Self::Draining => "draining",
            Self::Unwritable => "unwritable",
        }
    }
}

/// A recording that runs but may be of nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sign {
    /// The picture does not change.
    Still,
    /// The picture is black.
    Black,
    /// The sound is digital silence.
    Silent,
}

impl Sign {
    /// All of them, so that each has a series from the start.
    pub const ALL: [Self; 3] = [Self::Still, Self::Black, Self::Silent];

    /// One word for logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Still => "still",
            Self::Black => "black",
            Self::Silent => "silent",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_word_of_its_own_which_is_that_of_the_journal() {
        let mut words: Vec<&str> = EndReason::ALL.iter().map(|reason| reason.name()).collect();
        for reason in EndReason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
        }
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), EndReason::ALL.len());
    }

    #[test]
    fn every_rejection_has_a_word_of_its_own() {
        let mut words: Vec<&str> = Rejection::ALL.iter().map(|why| why.name()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Rejection::ALL.len());
    }
}
