//! Names that the whole system agrees on: [`BackendId`], [`RoomToken`], [`RecordingId`].
//!
//! Each is parsed once, where it enters, and from then on it is safe as a directory name, as a label
//! value and inside a script: no code behind the edge checks a name again.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The longest directory name that a backend may need; file systems refuse more than 255 bytes.
const LONGEST_DIRECTORY_NAME: usize = 200;

/// Why a name was refused. The text is fit for an operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// A backend without a name.
    #[error("a backend id must not be empty")]
    EmptyBackend,
    /// A backend whose directory could not be created.
    #[error("the backend id is too long: at most {LONGEST_DIRECTORY_NAME} bytes once encoded")]
    LongBackend,
    /// A directory name that this server never writes.
    #[error("not a directory of a backend")]
    ForeignDirectory,
    /// A token that Nextcloud would not make.
    #[error("a room token has 4 to 30 characters of a-z and 0-9")]
    Room,
    /// Not the name of a recording's directory.
    #[error("a recording id has 32 hexadecimal digits")]
    Recording,
}

/// One Nextcloud: the name of its configuration section, or its URL without trailing slash where
/// any backend is allowed and none is listed. It is the value of the metrics label `backend`. A copy is cheap.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BackendId(Arc<str>);

impl BackendId {
    /// Stands for every backend that is allowed without being listed.
    pub fn allowall() -> Self {
        Self("allowall".into())
    }

    /// The id as configured.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the backend's directory in the spool: the id, with each byte that is not a letter,
    /// a digit, `-`, `_` or an inner `.` written as `%XX`.
    pub fn directory_name(&self) -> String {
        let mut name = String::with_capacity(self.0.len());
        for (position, byte) in self.0.bytes().enumerate() {
            let plain =
                byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') || (byte == b'.' && position > 0);
            if plain {
                name.push(char::from(byte));
            } else {
                name.push_str(&format!("%{byte:02X}"));
            }
        }
        name
    }

    /// The backend to which a directory of the spool belongs.
    ///
    /// # Errors
    /// [`InvalidName::ForeignDirectory`] for every name that [`directory_name`](Self::directory_name) does not make.
    pub fn from_directory_name(name: &str) -> Result<Self, InvalidName> {
        let mut bytes = Vec::with_capacity(name.len());
        let mut rest = name.bytes();
        while let Some(byte) = rest.next() {
            if byte != b'%' {
                bytes.push(byte);
                continue;
            }
            let digits =
                [rest.next(), rest.next()].map(|digit| digit.and_then(|byte| char::from(byte).to_digit(16)));
            let [Some(high), Some(low)] = digits else {
                return Err(InvalidName::ForeignDirectory);
            };
            bytes.push(u8::try_from(high * 16 + low).map_err(|_| InvalidName::ForeignDirectory)?);
        }
        let id = String::from_utf8(bytes).map_err(|_| InvalidName::ForeignDirectory)?;
        let id: Self = id.parse().map_err(|_| InvalidName::ForeignDirectory)?;
        if id.directory_name() == name { Ok(id) } else { Err(InvalidName::ForeignDirectory) }
    }
}

impl FromStr for BackendId {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if text.is_empty() {
            return Err(InvalidName::EmptyBackend);
        }
        let id = Self(text.into());
        if id.directory_name().len() > LONGEST_DIRECTORY_NAME {
            Err(InvalidName::LongBackend)
        } else {
            Ok(id)
        }
    }
}

/// The token of a Talk room, as in its link. A copy is cheap.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoomToken(Arc<str>);

impl RoomToken {
    /// The token itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RoomToken {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let fits = (4..=30).contains(&text.len());
        let plain = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if fits && plain { Ok(Self(text.into())) } else { Err(InvalidName::Room) }
    }
}

/// One take. Two recordings of the same room never share it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecordingId(Uuid);

impl RecordingId {
    /// A name that no other recording has.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl FromStr for RecordingId {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let id = Uuid::try_parse(text).map(Self).map_err(|_| InvalidName::Recording)?;
        if id.to_string() == text { Ok(id) } else { Err(InvalidName::Recording) }
    }
}

impl fmt::Display for RecordingId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0.simple())
    }
}

impl fmt::Debug for RecordingId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}

impl TryFrom<String> for RecordingId {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<RecordingId> for String {
    fn from(id: RecordingId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for BackendId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for BackendId {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<BackendId> for String {
    fn from(id: BackendId) -> Self {
        id.as_str().to_owned()
    }
}

impl fmt::Display for RoomToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for RoomToken {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<RoomToken> for String {
    fn from(token: RoomToken) -> Self {
        token.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_section_name_is_its_own_directory() {
        let id: BackendId = "cloud.example.com".parse().unwrap();
        assert_eq!(id.directory_name(), "cloud.example.com");
    }

    #[test]
    fn a_url_becomes_one_safe_directory() {
        let id: BackendId = "https://cloud.example.com/nc".parse().unwrap();
        assert_eq!(id.directory_name(), "https%3A%2F%2Fcloud.example.com%2Fnc");
    }

    #[test]
    fn names_that_would_leave_the_spool_are_encoded_or_refused() {
        let id: BackendId = "../x".parse().unwrap();
        assert_eq!(id.directory_name(), "%2E.%2Fx");
        assert_eq!(BackendId::from_directory_name(".."), Err(InvalidName::ForeignDirectory));
        assert_eq!(BackendId::from_directory_name("a b"), Err(InvalidName::ForeignDirectory));
        assert_eq!(BackendId::from_directory_name("a%2"), Err(InvalidName::ForeignDirectory));
        assert_eq!("".parse::<BackendId>(), Err(InvalidName::EmptyBackend));
    }

    #[test]
    fn room_tokens_are_what_nextcloud_makes() {
        for good in ["abcd", "abcd1234", "a23456789012345678901234567890"] {
            assert!(good.parse::<RoomToken>().is_ok(), "{good}");
        }
        for bad in ["", "abc", "..", "ABCD", "ab/cd", "abcd\n", "a234567890123456789012345678901"] {
            assert_eq!(bad.parse::<RoomToken>(), Err(InvalidName::Room), "{bad}");
        }
    }

    #[test]
    fn a_recording_id_has_one_spelling() {
        let id = RecordingId::random();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().to_uppercase().parse::<RecordingId>(), Err(InvalidName::Recording));
    }

    proptest! {
        #[test]
        fn directory_names_lead_back_to_their_backend(text in "\\PC{1,50}") {
            let Ok(id) = text.parse::<BackendId>() else { return Ok(()) };
            prop_assert_eq!(BackendId::from_directory_name(&id.directory_name()), Ok(id));
        }
    }
}
