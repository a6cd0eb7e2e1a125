//! Looking into a spool without owning it: no lock, no write, no fsync. Always safe, also beside a running server.
//!
//! A server may be at work meanwhile: an entry that goes while it is looked at, or that is only being made, is
//! not there.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{JOURNAL, Media, SpoolError, find_media, list_directories};
use crate::{
    ids::{BackendId, RecordingId},
    recording::Recording,
};

/// An entry as it lies on the disk.
#[derive(Debug)]
pub struct Glimpse {
    /// Whose it is.
    pub backend: BackendId,
    /// Its name.
    pub id: RecordingId,
    /// Its journal, or why that cannot be read.
    pub recording: Result<Recording, String>,
    /// Its media, where there is any.
    pub media: Option<Media>,
}

/// Everything that lies in a spool, the oldest first and what cannot be read last. A spool that does not exist is empty.
///
/// # Errors
/// When a directory cannot be listed; single entries never fail it.
pub fn peek(root: &Path) -> Result<Vec<Glimpse>, SpoolError> {
    let mut glimpses = Vec::new();
    for drawer in list_existing(root)? {
        let Some(Ok(backend)) = name_of(&drawer).map(BackendId::from_directory_name) else {
            continue;
        };
        for entry in list_existing(&drawer)? {
            if let Some(Ok(id)) = name_of(&entry).map(str::parse::<RecordingId>) {
                glimpses.extend(look_at(backend.clone(), id, &entry));
            }
        }
    }
    glimpses.sort_by_key(|glimpse| {
        let accepted_at = glimpse.recording.as_ref().ok().map(|recording| recording.accepted_at);
        (accepted_at.is_none(), accepted_at)
    });
    Ok(glimpses)
}

fn look_at(backend: BackendId, id: RecordingId, entry: &Path) -> Option<Glimpse> {
    let media = find_media(entry).ok().flatten().and_then(|path| {
        let bytes = path.metadata().ok()?.len();
        (bytes > 0).then_some(Media { path, bytes })
    });
    let recording = match read(entry, id) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && media.is_none() => return None,
        read => read.map_err(|error| format!("{}: {error}", entry.join(JOURNAL).display())),
    };
    Some(Glimpse { backend, id, recording, media })
}

/// The journal of an entry.
pub(super) fn read(entry: &Path, id: RecordingId) -> io::Result<Recording> {
    let recording: Recording = serde_json::from_slice(&fs::read(entry.join(JOURNAL))?)?;
    if recording.id == id {
        Ok(recording)
    } else {
        Err(io::Error::other("the journal names another recording"))
    }
}

fn list_existing(directory: &Path) -> Result<Vec<PathBuf>, SpoolError> {
    match list_directories(directory) {
        Err(SpoolError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed,
    }
}

fn name_of(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}
