//! The note beside the media that says how far an upload in chunks came, so that the next try goes on there.
//!
//! It is replaced as a whole and readable for the server's user alone, for it holds the password of the share. It
//! is a convenience: one that cannot be read or written costs chunks that are sent again, and nothing else.

use std::{io, path::Path};

use actors::ports::Delivery;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use tokio::{fs, task::spawn_blocking};

use super::{plan::Progress, share::Share};

/// An older share is not used again: it ends after a day, and nobody likes to find out half-way.
const OLDEST_SHARE: SignedDuration = SignedDuration::from_hours(6);

/// How far an upload came.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Memo {
    /// Length of the media that is being uploaded.
    pub(super) media_bytes: u64,
    /// When the share was asked for.
    pub(super) requested_at: Timestamp,
    pub(super) share: Share,
    /// Name of the upload directory.
    pub(super) upload: String,
    pub(super) progress: Progress,
    pub(super) stage: Stage,
}

/// What an upload is at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "at")]
pub(super) enum Stage {
    /// Chunks are being sent.
    Sending,
    /// Nextcloud was told to put them together under this name, and may still be at it until then.
    Joining { name: String, until: Timestamp },
    /// They were put together.
    Joined(Joint),
}

/// The file that the chunks became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Joint {
    pub(super) name: String,
    /// Whether Nextcloud has just said so. It is not noted: a later try cannot be that sure any more.
    #[serde(skip)]
    pub(super) acknowledged: bool,
}

impl Memo {
    /// The note of an earlier try, if there is one that is of use.
    pub(super) async fn read(delivery: &Delivery, media_bytes: u64) -> Option<Self> {
        let text = match fs::read(&delivery.memo).await {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return warn(&delivery.memo, &error),
        };
        match serde_json::from_slice::<Self>(&text) {
            Ok(memo) => memo.is_of_use(media_bytes, Timestamp::now()).then_some(memo),
            Err(error) => warn(&delivery.memo, &without_content(&error)),
        }
    }

    /// Whether an upload of a media of this length may go on from here. What is put together needs no share.
    fn is_of_use(&self, media_bytes: u64, now: Timestamp) -> bool {
        let is_fresh = now.duration_since(self.requested_at) < OLDEST_SHARE;
        let is_joined = matches!(self.stage, Stage::Joined(_));
        self.media_bytes == media_bytes && self.progress.bytes() <= media_bytes && (is_fresh || is_joined)
    }

    /// Writes the note.
    pub(super) async fn write(&self, delivery: &Delivery) {
        let (memo, path) = (self.clone(), delivery.memo.clone());
        let written = spawn_blocking(move || memo.replace(&path)).await;
        if let Err(error) = written.unwrap_or_else(|panic| Err(io::Error::other(panic))) {
            log::warn!(memo = delivery.memo.display().to_string(), error:%;
                "the progress of an upload cannot be noted, a restart would begin it anew");
        }
    }

    fn replace(&self, path: &Path) -> io::Result<()> {
        let mut file = NamedTempFile::new_in(path.parent().unwrap_or(path))?;
        serde_json::to_writer(&mut file, self)?;
        file.persist(path)?;
        Ok(())
    }
}

/// Removes the note.
pub(super) async fn forget(delivery: &Delivery) {
    if let Err(error) = fs::remove_file(&delivery.memo).await
        && error.kind() != io::ErrorKind::NotFound
    {
        log::warn!(memo = delivery.memo.display().to_string(), error:%; "a note of an upload cannot be removed");
    }
}

/// Where a note is damaged, but not what stands there: it may be the password.
fn without_content(error: &serde_json::Error) -> io::Error {
    io::Error::other(format!("damaged at line {}, column {}", error.line(), error.column()))
}

fn warn(path: &Path, error: &io::Error) -> Option<Memo> {
    log::warn!(memo = path.display().to_string(), error:%;
        "the note of an earlier upload cannot be read, it begins anew");
    None
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use actors::recording::{Actor, Kind, Order};
    use secrecy::ExposeSecret;
    use tempfile::TempDir;

    use super::{super::plan::Chunk, *};

    fn delivery(directory: &TempDir) -> Delivery {
        Delivery {
            order: Order {
                nextcloud: "https://cloud.example.com".to_owned(),
                room: "abcd1234".parse().unwrap(),
                kind: Kind::Video,
                owner: "alice".to_owned(),
                actor: Actor { kind: "users".to_owned(), id: "alice".to_owned() },
            },
            file_name: "a.webm".to_owned(),
            media: directory.path().join("media.webm"),
            memo: directory.path().join("upload.json"),
        }
    }

    fn memo() -> Memo {
        let mut progress = Progress::default();
        progress.accept(Chunk { number: 1, offset: 0, bytes: 60 });
        Memo {
            media_bytes: 100,
            requested_at: Timestamp::now(),
            share: Share {
                token: "token".into(),
                password: "password".into(),
                file_name: "a.webm".to_owned(),
            },
            upload: "id".to_owned(),
            progress,
            stage: Stage::Joining { name: "a (2).webm".to_owned(), until: Timestamp::UNIX_EPOCH },
        }
    }

    #[actix_rt::test]
    async fn what_was_noted_is_read_again_and_only_by_this_user() {
        let directory = tempfile::tempdir().unwrap();
        let delivery = delivery(&directory);
        memo().write(&delivery).await;
        let read = Memo::read(&delivery, 100).await.unwrap();
        assert_eq!((read.progress, read.stage), (memo().progress, memo().stage));
        assert_eq!(read.share.password.expose_secret(), "password");
        assert_eq!(std::fs::metadata(&delivery.memo).unwrap().permissions().mode() & 0o777, 0o600);
        forget(&delivery).await;
        assert!(Memo::read(&delivery, 100).await.is_none());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[actix_rt::test]
    async fn a_damaged_note_is_no_note() {
        let directory = tempfile::tempdir().unwrap();
        let delivery = delivery(&directory);
        for text in ["", "{", "null", "{\"media_bytes\":\"x\"}", "\u{0}\u{0}"] {
            std::fs::write(&delivery.memo, text).unwrap();
            assert!(Memo::read(&delivery, 100).await.is_none(), "{text:?}");
        }
    }

    #[test]
    fn a_media_of_another_length_and_an_old_share_begin_anew() {
        let (memo, hours) = (memo(), |hours| Timestamp::now() + SignedDuration::from_hours(hours));
        assert!(memo.is_of_use(100, hours(0)));
        assert!(memo.is_of_use(100, hours(5)));
        assert!(!memo.is_of_use(100, hours(7)));
        assert!(!memo.is_of_use(101, hours(0)));
        assert!(!memo.is_of_use(99, hours(0)));
    }

    #[test]
    fn a_file_that_was_put_together_stays_so_but_is_looked_for_once_more() {
        let joint = Joint { name: "a.webm".to_owned(), acknowledged: true };
        let memo = Memo { stage: Stage::Joined(joint), ..memo() };
        let later = Timestamp::now() + SignedDuration::from_hours(100);
        assert!(memo.is_of_use(100, later));
        let read: Memo = serde_json::from_slice(&serde_json::to_vec(&memo).unwrap()).unwrap();
        let Stage::Joined(joint) = read.stage else { panic!("{read:?}") };
        assert!(!joint.acknowledged);
    }

    #[test]
    fn the_error_of_a_damaged_note_does_not_quote_it() {
        let error = serde_json::from_str::<u64>("\"password\"").unwrap_err();
        assert!(!without_content(&error).to_string().contains("password"));
    }
}
