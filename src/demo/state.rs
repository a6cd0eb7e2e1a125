//! What the demo cloud knows, and how a notice of the recorder changes it. Pure: no clock but for time stamps,
//! no network.

use std::{collections::BTreeMap, path::PathBuf};

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;

use super::{chunks::Content, faults::Door};

/// Everything the demo cloud knows.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// The recording server, without trailing slash.
    pub recorder: Option<String>,
    /// The recording secret, where it is not the one of the beginning.
    pub new_secret: Option<SecretString>,
    /// The address under which the cloud calls, where it is not its own.
    pub calls_as: Option<String>,
    /// The address that rooms name for the signaling server, where it is not its own.
    pub signals_as: Option<String>,
    /// What the administrator has set, and what stands in front of the cloud.
    pub rules: Rules,
    /// The rooms by token.
    pub rooms: BTreeMap<String, Room>,
    /// The shares for uploads in chunks, by token.
    pub shares: BTreeMap<String, Share>,
    /// What each file holds that was ever put here.
    pub(super) contents: BTreeMap<PathBuf, Content>,
    /// Every request that reached a door, in the order of the answers.
    pub received: Vec<Received>,
    /// Every notice that was accepted.
    pub notices: Vec<Notice>,
    /// Every upload that was accepted.
    pub stored: Vec<StoredFile>,
    /// Every session that ever joined a room on the signaling server.
    pub sessions: Vec<Session>,
    /// How many hellos the signaling server refused.
    pub wrong_hellos: usize,
}

/// How a cloud differs from the ordinary one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rules {
    /// Talk is too old for uploads in chunks.
    pub old_talk: bool,
    /// Shares by link are switched off.
    pub no_sharing: bool,
    /// Outgoing federated sharing is switched off.
    pub no_federated_sharing: bool,
    /// A proxy refuses longer requests, in bytes.
    pub largest_request: Option<u64>,
    /// No file on DAV may be longer, in bytes.
    pub quota: Option<u64>,
}

/// A folder into which one upload may be put, and nothing read.
#[derive(Debug, Clone)]
pub struct Share {
    /// What must be known to use it.
    pub password: SecretString,
    /// The room.
    pub room: String,
    /// To whom the folder belongs.
    pub owner: String,
    /// The file that it was opened for.
    pub file_name: String,
    /// Whether it has expired.
    pub is_over: bool,
}

/// A room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// User id of its moderator.
    pub owner: String,
    /// What Talk shows about its recording.
    pub recording: RecordingState,
    /// User ids of those in its call, in the order in which they came.
    pub callers: Vec<String>,
}

/// The state of a room's recording, with Talk's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum RecordingState {
    /// Nothing is recorded.
    None = 0,
    /// Picture and sound are recorded.
    Video = 1,
    /// Sound is recorded.
    Audio = 2,
    /// A recording with picture was ordered.
    VideoStarting = 3,
    /// A recording of the sound was ordered.
    AudioStarting = 4,
    /// The last recording failed.
    Failed = 5,
}

impl RecordingState {
    /// Whether the recording page may be opened and `started` is awaited.
    pub fn is_starting(self) -> bool {
        matches!(self, Self::VideoStarting | Self::AudioStarting)
    }
}

/// A request that reached a door.
#[derive(Debug, Clone)]
pub struct Received {
    /// When it was answered.
    pub at: Timestamp,
    /// Which door.
    pub door: Door,
    /// Path of the request.
    pub path: String,
    /// Status of the answer; `None` when a fault kept the answer back.
    pub answer: Option<u16>,
}

/// What the recorder told about a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// When it came.
    pub at: Timestamp,
    /// The room.
    pub room: String,
    /// What happened.
    pub kind: NoticeKind,
    /// Who caused it, if anybody.
    pub actor: Option<Actor>,
}

/// What a notice says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// It records; with the status from the order.
    Started(i64),
    /// It ended as wanted.
    Stopped,
    /// It could not go on.
    Failed,
}

/// Who pressed a button.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Actor {
    /// Such as `users`.
    #[serde(rename = "type")]
    pub kind: String,
    /// User id.
    pub id: String,
}

/// An accepted upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// When it was complete.
    pub at: Timestamp,
    /// The room.
    pub room: String,
    /// To whom it belongs.
    pub owner: String,
    /// Its name, with extension.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, in lower-case hexadecimal digits.
    pub sha256: String,
}

/// A session that joined a room on the signaling server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// The room that it joined.
    pub room: String,
    /// Talk's flags: 0 for a watcher that is not in the call, 1 for a recording page.
    pub in_call: u64,
    /// Whether it is still there.
    pub present: bool,
}

/// There is no such room, or `started` came at a time when nothing was ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoSuchRoom;

impl State {
    pub(super) fn with_rooms(rooms: &[(String, String)]) -> Self {
        let room = |owner: &String| Room {
            owner: owner.clone(),
            recording: RecordingState::None,
            callers: vec![owner.clone()],
        };
        Self {
            rooms: rooms.iter().map(|(token, owner)| (token.clone(), room(owner))).collect(),
            ..Self::default()
        }
    }

    /// The state of a room's recording; `None` for a room that does not exist.
    pub fn recording(&self, room: &str) -> Option<RecordingState> {
        self.rooms.get(room).map(|room| room.recording)
    }

    /// The sessions on the signaling server that are in a room now.
    pub fn sessions_in(&self, room: &str) -> Vec<&Session> {
        self.sessions.iter().filter(|session| session.present && session.room == room).collect()
    }

    /// How many recording pages are in a room's call.
    pub fn pages_in(&self, room: &str) -> usize {
        self.sessions_in(room).iter().filter(|session| session.in_call & 1 == 1).count()
    }

    /// How many requests reached a door.
    pub fn requests_at(&self, door: Door) -> usize {
        self.received.iter().filter(|request| request.door == door).count()
    }

    /// What was told about a room, in order.
    pub fn told(&self, room: &str) -> Vec<NoticeKind> {
        let about_room = self.notices.iter().filter(|notice| notice.room == room);
        about_room.map(|notice| notice.kind).collect()
    }

    /// Those sessions are in no room any more.
    pub(super) fn leave_all(&mut self, which: impl Fn(&Session) -> bool) {
        for session in self.sessions.iter_mut().filter(|session| which(session)) {
            session.present = false;
        }
    }

    /// Accepts a notice as Talk does: `stopped` and `failed` at any time, `started` only when it is awaited.
    pub(super) fn take(&mut self, notice: Notice) -> Result<(), NoSuchRoom> {
        let room = self.rooms.get_mut(&notice.room).ok_or(NoSuchRoom)?;
        room.recording = match notice.kind {
            NoticeKind::Started(_) if !room.recording.is_starting() => return Err(NoSuchRoom),
            NoticeKind::Started(1) => RecordingState::Video,
            NoticeKind::Started(_) => RecordingState::Audio,
            NoticeKind::Stopped => RecordingState::None,
            NoticeKind::Failed => RecordingState::Failed,
        };
        self.notices.push(notice);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(before: RecordingState, kind: NoticeKind) -> Result<RecordingState, NoSuchRoom> {
        let mut state = State::with_rooms(&[("abcd1234".to_owned(), "alice".to_owned())]);
        state.rooms.get_mut("abcd1234").unwrap().recording = before;
        let notice = Notice { at: Timestamp::UNIX_EPOCH, room: "abcd1234".to_owned(), kind, actor: None };
        state.take(notice)?;
        Ok(state.recording("abcd1234").unwrap())
    }

    #[test]
    fn started_is_welcome_only_while_it_is_awaited() {
        use RecordingState::{Audio, AudioStarting, Failed, None, Video, VideoStarting};
        assert_eq!(after(VideoStarting, NoticeKind::Started(1)), Ok(Video));
        assert_eq!(after(AudioStarting, NoticeKind::Started(2)), Ok(Audio));
        for before in [None, Video, Audio, Failed] {
            assert_eq!(after(before, NoticeKind::Started(1)), Err(NoSuchRoom));
        }
    }

    #[test]
    fn stopped_and_failed_are_welcome_at_any_time() {
        for before in [RecordingState::None, RecordingState::Video, RecordingState::VideoStarting] {
            assert_eq!(after(before, NoticeKind::Stopped), Ok(RecordingState::None));
            assert_eq!(after(before, NoticeKind::Failed), Ok(RecordingState::Failed));
        }
    }
}
