//! The upload directories of the shares, on disk: chunks come in one by one and are joined to one file.
//!
//! However long a chunk or the file is, no more than one piece of it is in memory. A chunk is removed as soon as
//! it is part of the file, so that both together take no more room than one. Only the first stays until the file is
//! complete: whoever looks at it sees whether that is so.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

const PIECE: usize = 1 << 20;

/// An upload directory, which may not be there.
pub(super) struct Chunks {
    directory: PathBuf,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

impl Chunks {
    /// An upload directory of a share, below the directory of all files.
    pub(super) fn new(files: &Path, share: &str, upload: &str) -> Self {
        Self { directory: files.join(".uploads").join(share).join(upload) }
    }

    pub(super) fn exists(&self) -> bool {
        self.directory.is_dir()
    }

    pub(super) fn make(&self) -> io::Result<()> {
        fs::create_dir_all(&self.directory)
    }

    pub(super) fn remove(&self) -> io::Result<()> {
        fs::remove_dir_all(&self.directory)
    }

    /// Length of a chunk, if it is there.
    pub(super) fn length_of(&self, name: &str) -> Option<u64> {
        fs::metadata(self.directory.join(name)).ok().map(|metadata| metadata.len())
    }

    pub(super) fn remove_one(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.directory.join(name))
    }

    /// A file for a chunk that is still coming; removed again unless it is [kept](Self::keep).
    pub(super) fn incoming(&self) -> io::Result<NamedTempFile> {
        NamedTempFile::new_in(&self.directory)
    }

    pub(super) fn keep(&self, name: &str, content: NamedTempFile) -> io::Result<()> {
        content.persist(self.directory.join(name)).map(drop).map_err(io::Error::from)
    }

    /// Bytes of all chunks.
    pub(super) fn bytes(&self) -> io::Result<u64> {
        let lengths = self.in_order()?.into_values().map(|path| path.metadata().map(|found| found.len()));
        lengths.sum()
    }

    /// Joins the chunks in the order of their numbers, and removes the directory.
    pub(super) fn join(&self, target: &Path) -> io::Result<Content> {
        let directory = target.parent().unwrap_or(target);
        fs::create_dir_all(directory)?;
        let mut joined = NamedTempFile::new_in(directory)?;
        let (mut bytes, mut digest, mut piece) = (0, Sha256::new(), vec![0; PIECE]);
        for (position, path) in self.in_order()?.into_values().enumerate() {
            let mut chunk = File::open(&path)?;
            loop {
                let read = chunk.read(&mut piece)?;
                if read == 0 {
                    break;
                }
                joined.write_all(&piece[..read])?;
                digest.update(&piece[..read]);
                bytes += read as u64;
            }
            if position > 0 {
                fs::remove_file(path)?;
            }
        }
        joined.persist(target)?;
        self.remove()?;
        Ok(Content { bytes, sha256: hex::encode(digest.finalize()) })
    }

    fn in_order(&self) -> io::Result<BTreeMap<u64, PathBuf>> {
        let mut chunks = BTreeMap::new();
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            let number = path.file_name().and_then(|name| name.to_str()?.parse().ok());
            chunks.extend(number.map(|number| (number, path)));
        }
        Ok(chunks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(chunks: &Chunks, name: &str, bytes: &[u8]) {
        let mut incoming = chunks.incoming().unwrap();
        incoming.write_all(bytes).unwrap();
        chunks.keep(name, incoming).unwrap();
    }

    #[test]
    fn chunks_are_joined_by_number_and_the_directory_goes() {
        let files = tempfile::tempdir().unwrap();
        let chunks = Chunks::new(files.path(), "share", "upload");
        assert!(!chunks.exists());
        chunks.make().unwrap();
        for name in ["10", "2", "1"] {
            put(&chunks, name, format!("<{name}>").as_bytes());
        }
        assert_eq!((chunks.length_of("10"), chunks.length_of("3")), (Some(4), None));
        assert_eq!(chunks.bytes().unwrap(), 10);
        let target = files.path().join("alice/a.webm");
        let content = chunks.join(&target).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"<1><2><10>");
        assert_eq!(content, Content { bytes: 10, sha256: hex::encode(Sha256::digest(b"<1><2><10>")) });
        assert!(!chunks.exists());
    }

    #[test]
    fn a_chunk_that_breaks_off_leaves_nothing() {
        let files = tempfile::tempdir().unwrap();
        let chunks = Chunks::new(files.path(), "share", "upload");
        chunks.make().unwrap();
        chunks.incoming().unwrap().write_all(b"half").unwrap();
        assert_eq!(fs::read_dir(&chunks.directory).unwrap().count(), 0);
    }
}
