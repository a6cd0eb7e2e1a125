//! Which part of the media is which chunk. Pure.
//!
//! Nextcloud joins chunks in the order of their numbers and does not care for their sizes, so that the size may
//! change from one chunk to the next.

use serde::{Deserialize, Serialize};

/// Smaller chunks are not tried: a proxy that refuses these lets no upload through.
const SMALLEST_CHUNK: u64 = 256 * 1024;
/// Nextcloud promises to take so many.
const MOST_CHUNKS: u64 = 10_000;

/// One part of the media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Counted from 1.
    pub(super) number: u32,
    /// Where in the media it begins.
    pub(super) offset: u64,
    /// How long it is, never 0.
    pub(super) bytes: u64,
}

/// How much of the media is in the upload directory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    chunks: u32,
    bytes: u64,
    last_bytes: u64,
}

impl Progress {
    /// Bytes that were accepted.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The chunk to send next, of this size if so much is left.
    pub(super) fn next(&self, size: u64, media: u64) -> Option<Chunk> {
        let left = media.saturating_sub(self.bytes);
        (left > 0).then(|| Chunk { number: self.chunks + 1, offset: self.bytes, bytes: left.min(size) })
    }

    /// The chunk that was accepted last.
    pub(super) fn last(&self) -> Option<Chunk> {
        let offset = self.bytes.saturating_sub(self.last_bytes);
        (self.chunks > 0).then_some(Chunk { number: self.chunks, offset, bytes: self.last_bytes })
    }

    /// Counts a chunk as accepted.
    pub(super) fn accept(&mut self, chunk: Chunk) {
        *self = Self { chunks: chunk.number, bytes: chunk.offset + chunk.bytes, last_bytes: chunk.bytes };
    }
}

/// The size of chunks: as wished, unless that makes too many of them.
pub(super) fn chunk_size(wished: u64, media: u64) -> u64 {
    wished.max(media.div_ceil(MOST_CHUNKS)).max(1)
}

/// The size to try when a chunk of this size was too large.
pub(super) fn halved(bytes: u64) -> Option<u64> {
    let half = bytes / 2;
    (half >= SMALLEST_CHUNK).then_some(half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_the_media_without_gap_also_when_they_shrink() {
        let (media, mut progress, mut ends) = (23, Progress::default(), Vec::new());
        for size in [10, 4, 4, 4, 4] {
            let chunk = progress.next(size, media).unwrap();
            assert_eq!(chunk.offset, progress.bytes());
            progress.accept(chunk);
            assert_eq!(progress.last(), Some(chunk));
            ends.push((chunk.number, progress.bytes()));
        }
        assert_eq!(ends, [(1, 10), (2, 14), (3, 18), (4, 22), (5, 23)]);
        assert_eq!(progress.next(10, media), None);
    }

    #[test]
    fn a_large_media_has_larger_chunks_instead_of_more() {
        let size = chunk_size(10 << 20, 200 << 30);
        assert!(size > 10 << 20);
        assert_eq!((200_u64 << 30).div_ceil(size), MOST_CHUNKS);
        assert_eq!(chunk_size(10 << 20, 1), 10 << 20);
    }

    #[test]
    fn halving_ends_at_the_smallest_chunk() {
        assert_eq!(halved(1 << 20), Some(1 << 19));
        assert_eq!(halved(1 << 19), Some(SMALLEST_CHUNK));
        assert_eq!(halved(SMALLEST_CHUNK), None);
    }
}
