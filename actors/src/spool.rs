//! The journal on disk: what was promised and the media it is about.
//!
//! ```text
//! <spool>/.lock                                   one server a spool
//! <spool>/<backend>/<recording id>/recording.json  the recording as it stands
//! <spool>/<backend>/<recording id>/media.*         its media, never moved until Nextcloud has it
//! <spool>/<backend>/<recording id>/upload.json     how far its upload came, the uploader's own note
//! ```
//!
//! What always holds:
//! - a save is whole or has not happened: temporary file, fsync, rename, fsync of the directory;
//! - an entry that cannot be read is left alone and reported; it never stops the others;
//! - in a removal the journal goes last, so that a crash in between leaves an entry that is removed again;
//! - [`peek`](fn@peek) reads beside a running server and touches nothing;
//! - a drawer has one writer: once its [`successor`](Drawer::successor) is there, the older one is refused, also
//!   with a write that was on its way.
//!
//! Every call but [`Spool::drawer`] waits for the disk: actors make them on the blocking pool.

use std::{
    collections::HashMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::Timestamp;
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

use crate::{
    ids::{BackendId, RecordingId},
    recording::Recording,
};

mod files;
mod peek;
mod room;

use files::{find_media, list_directories, make_directory, replace_file, sync_directory};

pub use peek::{Glimpse, peek};
pub use room::{Room, free_bytes};

const JOURNAL: &str = "recording.json";
const MEDIA_STEM: &str = "media";
const MEMO: &str = "upload.json";
const LOCK: &str = ".lock";

/// A spool that could not be used: where, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The file system refused.
    #[error("spool {path}: {source}; the server needs to create and write files there", path = path.display())]
    Io {
        /// What it was about.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A recorder that died meanwhile wanted to write.
    #[error("spool {path}: another recorder has taken over", path = path.display())]
    TakenOver {
        /// The drawer.
        path: PathBuf,
    },
    /// Two servers would upload the same recordings.
    #[error("spool {path} is in use by another talk-recorder; give each server a directory of its own", path = path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
}

impl SpoolError {
    fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// A directory that this server owns as long as the value lives.
#[derive(Debug, Clone)]
pub struct Spool {
    root: PathBuf,
    lock: Arc<File>,
    /// The newest writer of each drawer.
    newest: Arc<Mutex<HashMap<BackendId, Arc<Newest>>>>,
}

/// The newest writer of a drawer.
#[derive(Debug, Default)]
struct Newest {
    /// Changed by whoever holds `writing` for itself.
    generation: AtomicU64,
    /// Held for reading while something is written.
    writing: RwLock<()>,
}

impl Spool {
    /// Takes the directory, which is made where it is missing.
    ///
    /// # Errors
    /// When it cannot be written, or another server has it.
    pub fn open(root: &Path) -> Result<Self, SpoolError> {
        make_directory(root)?;
        let path = root.join(LOCK);
        let lock = File::create(&path).map_err(SpoolError::at(&path))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
            Errno::WOULDBLOCK => SpoolError::InUse { path: root.to_owned() },
            _ => SpoolError::at(&path)(error.into()),
        })?;
        Ok(Self { root: root.to_owned(), lock: Arc::new(lock), newest: Arc::default() })
    }

    /// The backends that have a directory with entries here.
    ///
    /// # Errors
    /// When the spool cannot be listed.
    pub fn backends(&self) -> Result<Vec<BackendId>, SpoolError> {
        let mut backends = Vec::new();
        for directory in list_directories(&self.root)? {
            let name = directory.file_name().and_then(|name| name.to_str());
            let Some(Ok(backend)) = name.map(BackendId::from_directory_name) else {
                continue;
            };
            let has_entries = list_directories(&directory)
                .is_ok_and(|entries| entries.iter().any(|entry| entry.join(JOURNAL).exists()));
            if has_entries {
                backends.push(backend);
            }
        }
        Ok(backends)
    }

    /// One backend's part of the spool. Does not wait for the disk.
    pub fn drawer(&self, backend: &BackendId) -> Drawer {
        let mut writers = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = Arc::clone(writers.entry(backend.clone()).or_default());
        let generation = newest.generation.load(Ordering::SeqCst);
        Drawer {
            directory: self.root.join(backend.directory_name()),
            generation,
            newest,
            _lock: Arc::clone(&self.lock),
        }
    }
}

/// One backend's part of a spool.
#[derive(Debug, Clone)]
pub struct Drawer {
    directory: PathBuf,
    generation: u64,
    newest: Arc<Newest>,
    /// The spool stays ours while anybody writes to it.
    _lock: Arc<File>,
}

/// An entry that was found in the spool.
#[derive(Debug)]
pub struct Entry {
    /// As it was journalled last.
    pub recording: Recording,
    /// Its media, where there is any.
    pub media: Option<Media>,
    /// The last sign of life: when its media or else its journal was last written.
    pub touched_at: Timestamp,
}

/// The media of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// Where it lies.
    pub path: PathBuf,
    /// Its length in bytes, never 0.
    pub bytes: u64,
}

/// What a drawer holds.
#[derive(Debug, Default)]
pub struct Contents {
    /// What can be read.
    pub entries: Vec<Entry>,
    /// What cannot, each with the reason.
    pub unreadable: Vec<String>,
}

impl Drawer {
    /// Where the files of a recording lie.
    pub fn entry(&self, id: RecordingId) -> PathBuf {
        self.directory.join(id.to_string())
    }

    /// Where the backend notes how far the upload of a recording came.
    pub fn memo(&self, id: RecordingId) -> PathBuf {
        self.entry(id).join(MEMO)
    }

    /// The drawer for a new writer, made when every write under way is done. Clones of the older one are
    /// refused from then on.
    #[must_use]
    pub fn successor(&self) -> Self {
        let _alone = self.newest.writing.write().unwrap_or_else(PoisonError::into_inner);
        let generation = self.newest.generation.fetch_add(1, Ordering::SeqCst) + 1;
        Self { generation, ..self.clone() }
    }

    /// Writes unless another recorder has taken over.
    fn write(&self, write: impl FnOnce() -> Result<(), SpoolError>) -> Result<(), SpoolError> {
        let _writing = self.newest.writing.read().unwrap_or_else(PoisonError::into_inner);
        if self.newest.generation.load(Ordering::SeqCst) == self.generation {
            write()
        } else {
            Err(SpoolError::TakenOver { path: self.directory.clone() })
        }
    }

    /// Journals a recording; its entry is made where it is missing.
    ///
    /// # Errors
    /// When the disk refuses; the journal then stands as before.
    pub fn save(&self, recording: &Recording) -> Result<(), SpoolError> {
        self.write(|| self.write_journal(recording))
    }

    fn write_journal(&self, recording: &Recording) -> Result<(), SpoolError> {
        let entry = self.entry(recording.id);
        let at_entry = || SpoolError::at(&entry);
        // In one piece: a serialiser writes a few bytes at a time.
        let text = serde_json::to_vec_pretty(recording).map_err(io::Error::from).map_err(at_entry())?;
        let directory = match File::open(&entry) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.make_entry(&entry)?;
                File::open(&entry)
            }
            opened => opened,
        }
        .map_err(at_entry())?;
        replace_file(&directory, JOURNAL, &text).map_err(at_entry())
    }

    fn make_entry(&self, entry: &Path) -> Result<(), SpoolError> {
        if !self.directory.exists() {
            make_directory(&self.directory)?;
            self.directory.parent().map_or(Ok(()), sync_directory)?;
        }
        make_directory(entry)?;
        sync_directory(&self.directory)
    }

    /// The media of a recording, made safe against a power cut. Empty files are no media.
    ///
    /// # Errors
    /// When the entry cannot be looked at.
    pub fn media(&self, id: RecordingId) -> Result<Option<Media>, SpoolError> {
        let entry = self.entry(id);
        let Some(path) = find_media(&entry)? else {
            return Ok(None);
        };
        let file = File::open(&path).map_err(SpoolError::at(&path))?;
        file.sync_all().map_err(SpoolError::at(&path))?;
        let bytes = file.metadata().map_err(SpoolError::at(&path))?.len();
        Ok((bytes > 0).then_some(Media { path, bytes }))
    }

    /// Everything in the drawer.
    ///
    /// # Errors
    /// When the drawer cannot be listed; single entries never fail it.
    pub fn contents(&self) -> Result<Contents, SpoolError> {
        let mut contents = Contents::default();
        if !self.directory.exists() {
            return Ok(contents);
        }
        for path in list_directories(&self.directory)? {
            let name = path.file_name().and_then(|name| name.to_str());
            let Some(Ok(id)) = name.map(str::parse::<RecordingId>) else {
                continue;
            };
            // A crash between the last file and the directory.
            if fs::remove_dir(&path).is_ok() {
                continue;
            }
            match self.read(id) {
                Ok(entry) => contents.entries.push(entry),
                Err(error) => contents.unreadable.push(error.to_string()),
            }
        }
        contents.entries.sort_by_key(|entry| entry.recording.accepted_at);
        Ok(contents)
    }

    /// Removes a recording with its media, if it is there.
    ///
    /// # Errors
    /// When the disk refuses; the next start tries again.
    pub fn remove(&self, id: RecordingId) -> Result<(), SpoolError> {
        self.write(|| self.remove_entry(id))
    }

    fn remove_entry(&self, id: RecordingId) -> Result<(), SpoolError> {
        let entry = self.entry(id);
        let items = match fs::read_dir(&entry) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            items => items.map_err(SpoolError::at(&entry))?,
        };
        for item in items {
            let path = item.map_err(SpoolError::at(&entry))?.path();
            if !path.ends_with(JOURNAL) {
                fs::remove_file(&path).map_err(SpoolError::at(&path))?;
            }
        }
        let journal = entry.join(JOURNAL);
        fs::remove_file(&journal).map_err(SpoolError::at(&journal))?;
        fs::remove_dir(&entry).map_err(SpoolError::at(&entry))?;
        sync_directory(&self.directory)
    }

    fn read(&self, id: RecordingId) -> Result<Entry, SpoolError> {
        let path = self.entry(id).join(JOURNAL);
        let recording = peek::read(&self.entry(id), id).map_err(SpoolError::at(&path))?;
        let media = self.media(id)?;
        let touched = media.as_ref().map_or(&path, |media| &media.path);
        let modified =
            touched.metadata().and_then(|metadata| metadata.modified()).map_err(SpoolError::at(touched))?;
        let touched_at = Timestamp::try_from(modified).unwrap_or(recording.accepted_at);
        Ok(Entry { recording, media, touched_at })
    }
}

#[cfg(test)]
mod tests;
