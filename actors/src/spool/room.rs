//! How much room there is on the disk of a spool, and how much of it a drawer takes.

use std::{collections::HashMap, io, path::Path};

use rustix::fs::statvfs;

use super::{Drawer, SpoolError, find_media, list_directories};
use crate::ids::RecordingId;

/// How much room there is, and how much of it a drawer takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Room {
    /// Bytes that this server may still write to the disk.
    pub free: u64,
    /// Bytes of all the media in the drawer.
    pub held: u64,
    /// Bytes of the media of each recording.
    pub media: HashMap<RecordingId, u64>,
}

impl Drawer {
    /// Bytes that this server may still write to the disk.
    ///
    /// # Errors
    /// When the disk cannot be looked at.
    pub fn free(&self) -> Result<u64, SpoolError> {
        let spool = self.directory.parent().unwrap_or(&self.directory);
        free_bytes(spool).map_err(SpoolError::at(spool))
    }

    /// How much room there is. Looks at every entry.
    ///
    /// # Errors
    /// When the disk cannot be looked at.
    pub fn room(&self) -> Result<Room, SpoolError> {
        let mut room = Room { free: self.free()?, ..Room::default() };
        if !self.directory.exists() {
            return Ok(room);
        }
        for entry in list_directories(&self.directory)? {
            let id = entry.file_name().and_then(|name| name.to_str()?.parse::<RecordingId>().ok());
            // An entry may go while it is looked at.
            let bytes = find_media(&entry).ok().flatten().and_then(|path| Some(path.metadata().ok()?.len()));
            if let (Some(id), Some(bytes)) = (id, bytes) {
                room.held = room.held.saturating_add(bytes);
                room.media.insert(id, bytes);
            }
        }
        Ok(room)
    }
}

/// Bytes that this server may still write to the disk of a path.
///
/// # Errors
/// When the disk cannot be looked at.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let disk = statvfs(path)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}
