//! The buttons of a moderator. Each sends the recorder the signed request that Talk would send: the same
//! headers, the same bytes, the same three tries.
//!
//! The room's state changes only **after** the recorder's answer has arrived, as in Talk; until then the
//! recording page is shut and `started` is refused.

use std::{fmt::Write, time::Duration};

use reqwest::{
    StatusCode,
    header::{ACCEPT_ENCODING, CONTENT_TYPE},
};
use serde::Serialize;

use super::{
    cloud::Cloud,
    state::{RecordingState, Room},
};
use crate::signature::{CHECKSUM_HEADER, RANDOM_HEADER, Signature};

const TRIES: u32 = 3;
const TIMEOUT: Duration = Duration::from_secs(30);

/// What shall be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Picture and sound.
    Video,
    /// Sound.
    Audio,
}

/// Why a button had no effect. The moderator would see no more than that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PressError {
    /// There is no such room.
    #[error("there is no such room")]
    UnknownRoom,
    /// No recording server is set.
    #[error("no recording server is set")]
    NoRecorder,
    /// The room is being recorded already.
    #[error("a recording is on: {0:?}")]
    Recording(RecordingState),
    /// The recorder answered with an error.
    #[error("the recorder answered {0}")]
    Refused(u16),
    /// The recorder did not answer.
    #[error("the recorder did not answer: {0}")]
    NoAnswer(String),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Order<'a> {
    Start { start: Start<'a> },
    Stop { stop: Stop<'a> },
}

#[derive(Serialize)]
struct Start<'a> {
    status: u8,
    owner: &'a str,
    actor: Actor<'a>,
}

/// PHP writes an empty list where nobody in particular stopped the recording.
#[derive(Serialize)]
#[serde(untagged)]
enum Stop<'a> {
    By { actor: Actor<'a> },
    Nobody([(); 0]),
}

#[derive(Serialize)]
struct Actor<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'a str,
}

impl<'a> Actor<'a> {
    fn user(id: &'a str) -> Self {
        Self { kind: "users", id }
    }
}

impl Cloud {
    /// The owner presses *start recording*.
    ///
    /// # Errors
    /// When the room cannot be recorded now or the recorder refuses; the room stays as it was.
    pub async fn press_record(&self, room: &str, kind: Kind) -> Result<(), PressError> {
        let Room { owner, recording, .. } = self.room(room)?;
        if !matches!(recording, RecordingState::None | RecordingState::Failed) {
            return Err(PressError::Recording(recording));
        }
        let (status, starting) = match kind {
            Kind::Video => (1, RecordingState::VideoStarting),
            Kind::Audio => (2, RecordingState::AudioStarting),
        };
        let start = Start { status, owner: &owner, actor: Actor::user(&owner) };
        match self.post(room, &Order::Start { start }).await? {
            status if status.is_success() => self.set_recording(room, starting),
            status => return Err(PressError::Refused(status.as_u16())),
        }
        Ok(())
    }

    /// The owner presses *stop recording*. Without a recording it does nothing; if the recorder knows of
    /// none, the room shows a failed recording.
    ///
    /// # Errors
    /// When the recorder refuses or does not answer; the room stays as it was.
    pub async fn press_stop(&self, room: &str) -> Result<(), PressError> {
        let owner = self.room(room)?.owner;
        let stop = Stop::By { actor: Actor::user(&owner) };
        self.order_stop(room, stop).await
    }

    /// Nobody in particular stops the recording: its call is over.
    pub(super) async fn stop_by_nobody(&self, room: &str) -> Result<(), PressError> {
        self.order_stop(room, Stop::Nobody([])).await
    }

    async fn order_stop(&self, room: &str, stop: Stop<'_>) -> Result<(), PressError> {
        if self.room(room)?.recording == RecordingState::None {
            return Ok(());
        }
        match self.post(room, &Order::Stop { stop }).await? {
            status if status.is_success() => Ok(()),
            StatusCode::NOT_FOUND => {
                self.set_recording(room, RecordingState::Failed);
                Ok(())
            }
            status => Err(PressError::Refused(status.as_u16())),
        }
    }

    /// Sends an order. A server error or no answer is tried again at once with the identical request.
    async fn post(&self, room: &str, order: &Order<'_>) -> Result<StatusCode, PressError> {
        let recorder = self.state().recorder.ok_or(PressError::NoRecorder)?;
        let body = php_json(order)?;
        let signature = Signature::of(&self.inside.recording_secret(), body.as_bytes());
        let request = self
            .client
            .post(format!("{recorder}/api/v1/room/{room}"))
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT_ENCODING, "gzip")
            .header(RANDOM_HEADER, signature.random)
            .header(CHECKSUM_HEADER, signature.checksum)
            .header("Talk-Recording-Backend", format!("{}/", self.calling_address()))
            .body(body);
        let mut outcome = Err(PressError::NoAnswer(String::new()));
        for _ in 0..TRIES {
            let request =
                request.try_clone().ok_or_else(|| PressError::NoAnswer("cannot be sent twice".into()))?;
            outcome = match request.send().await {
                Ok(answer) if !answer.status().is_server_error() => return Ok(answer.status()),
                Ok(answer) => Err(PressError::Refused(answer.status().as_u16())),
                Err(error) => Err(PressError::NoAnswer(error.to_string())),
            };
        }
        outcome
    }

    fn room(&self, room: &str) -> Result<Room, PressError> {
        let state = self.inside.state.borrow();
        state.rooms.get(room).cloned().ok_or(PressError::UnknownRoom)
    }

    fn set_recording(&self, room: &str, recording: RecordingState) {
        self.change(|state| {
            if let Some(room) = state.rooms.get_mut(room) {
                room.recording = recording;
            }
        });
    }
}

/// A client that behaves as that of Nextcloud: one connection per request, 30 s in all.
pub(super) fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .user_agent("Nextcloud-Server-Crawler/33.0.0")
        .timeout(TIMEOUT)
        .pool_max_idle_per_host(0)
        .no_proxy()
        .build()
}

/// JSON as PHP writes it: `/` as `\/`, and every character outside ASCII as `\uXXXX`.
fn php_json(value: &impl Serialize) -> Result<String, PressError> {
    let json = serde_json::to_string(value).map_err(|error| PressError::NoAnswer(error.to_string()))?;
    let mut php = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '/' => php.push_str("\\/"),
            ascii if ascii.is_ascii() => php.push(ascii),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    write!(php, "\\u{unit:04x}").expect("a string takes everything");
                }
            }
        }
    }
    Ok(php)
}

#[cfg(test)]
mod tests;
