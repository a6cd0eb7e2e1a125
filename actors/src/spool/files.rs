//! Files and directories, made and replaced so that a crash or a power cut leaves the old or the new.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, Mode, OFlags, openat, renameat, unlinkat};

use super::{MEDIA_STEM, SpoolError};

pub(super) fn find_media(entry: &Path) -> Result<Option<PathBuf>, SpoolError> {
    for item in fs::read_dir(entry).map_err(SpoolError::at(entry))? {
        let item = item.map_err(SpoolError::at(entry))?;
        let path = item.path();
        // It may be a link to another disk.
        if path.file_stem().is_some_and(|stem| stem == MEDIA_STEM) && path.is_file() {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

pub(super) fn list_directories(path: &Path) -> Result<Vec<PathBuf>, SpoolError> {
    let mut directories = Vec::new();
    for item in fs::read_dir(path).map_err(SpoolError::at(path))? {
        let item = item.map_err(SpoolError::at(path))?;
        if item.file_type().is_ok_and(|kind| kind.is_dir()) {
            directories.push(item.path());
        }
    }
    Ok(directories)
}

/// Recordings are nobody else's business: the directory is the owner's alone.
pub(super) fn make_directory(path: &Path) -> Result<(), SpoolError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(SpoolError::at(path))
}

/// Gives a file in a directory another content, as a whole or not at all. Writers that come at the same time, since one of
/// them hangs, do not meet: each has a new file of its own.
pub(super) fn replace_file(directory: &File, name: &str, content: &[u8]) -> io::Result<()> {
    let new = format!(".{name}.{:016x}", fastrand::u64(..));
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    let mut file = File::from(openat(directory, &new, flags, Mode::RUSR | Mode::WUSR)?);
    let written = file.write_all(content).and_then(|()| file.sync_all());
    let replaced = written.and_then(|()| Ok(renameat(directory, &new, directory, name)?));
    if replaced.is_err() {
        // It takes room on a disk that may have none.
        _ = unlinkat(directory, &new, AtFlags::empty());
    }
    replaced?;
    directory.sync_all()
}

pub(super) fn sync_directory(path: &Path) -> Result<(), SpoolError> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(SpoolError::at(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_else_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let opened = File::open(directory.path()).unwrap();
        for content in [&b"long content"[..], b"short"] {
            replace_file(&opened, "journal", content).unwrap();
            assert_eq!(fs::read(directory.path().join("journal")).unwrap(), content);
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_replaced_stays_and_leaves_nothing_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let opened = File::open(directory.path()).unwrap();
        fs::create_dir(directory.path().join("journal")).unwrap();
        assert!(replace_file(&opened, "journal", b"content").is_err());
        assert!(directory.path().join("journal").is_dir());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
