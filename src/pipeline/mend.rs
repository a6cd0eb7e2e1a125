//! Makes media whole that was cut off: ffmpeg copies every packet into a new file, which then has a length and can be
//! sought in. Nothing is encoded again.
//!
//! What always holds:
//! - the media stays as it is until the new file is complete, found to hold as much, and safe on the disk;
//! - what a crash in the middle leaves is removed the next time, and no other file is ever touched;
//! - the second copy takes nothing of the disk's reserve, on which running recordings depend;
//! - it ends: ffmpeg must come on, or the new file change, at least once a minute.

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use actors::{ids::RecordingId, ports::EngineError};
use bytesize::ByteSize;
use rustix::{fs::statvfs, process::Signal};
use tokio::{task::spawn_blocking, time::timeout};

use super::{
    encoder,
    process::{Launch, Program, Stream},
    progress::Progress,
    scratch::Scratch,
};
use crate::config::Ffmpeg;

const STAGE: &str = "mending";
/// The new file, before its extension. The spool takes only `media` for media.
const TEMPORARY: &str = ".mending";
/// How long ffmpeg may do nothing.
const PATIENCE: Duration = Duration::from_mins(1);
/// What must stay free on the disk beside the second copy, in bytes.
const MARGIN: u64 = 32 << 20;
/// The new file may be so many seconds shorter: ffmpeg tells times differently when it writes and when it reads.
const TOLERANCE: f64 = 0.5;

/// Options before all others.
const QUIETLY: [&str; 7] =
    ["-loglevel", "level+warning", "-nostdin", "-y", "-progress", "pipe:1", "-nostats"];

/// Makes a media file whole, where `reserve` bytes stay free on the disk; says how many seconds it has.
///
/// # Errors
/// What kept it from that. The file is then as it was.
pub(super) async fn mend(
    ffmpeg: &Ffmpeg,
    base: &Path,
    reserve: u64,
    media: &Path,
) -> Result<f64, EngineError> {
    let (directory, id) = entry_of(media)?;
    let copy =
        Temporary(directory.join(TEMPORARY).with_added_extension(media.extension().unwrap_or_default()));
    let (old, new) = (media.to_owned(), copy.0.clone());
    let bytes = blocking(media, move || make_room(&old, &new, reserve)).await??;
    let program = ffmpeg.common.first().map_or("ffmpeg", String::as_str);
    let mender = Mender { program, scratch: Scratch::begin(base, id).await?, patience: PATIENCE };
    let length = mender.mend(media, &copy.0, bytes).await;
    mender.scratch.end().await;
    // Renamed it is gone already, and where the pool is gone it is dropped right here.
    drop(spawn_blocking(move || drop(copy)).await);
    length
}

/// Removes what a crash left of the copy, and makes sure that there is room for it. Says how long the media is, in bytes.
fn make_room(media: &Path, copy: &Path, reserve: u64) -> Result<u64, EngineError> {
    // Mostly there is nothing left.
    drop(fs::remove_file(copy));
    let bytes = fs::metadata(media).map_err(|error| failed(media, &error))?.len();
    let disk = statvfs(media).map_err(|error| failed(media, &error.into()))?;
    is_room(bytes, reserve, disk.f_bavail.saturating_mul(disk.f_frsize))?;
    Ok(bytes)
}

/// Does on the blocking pool what a large file makes slow.
async fn blocking<T: Send + 'static>(
    media: &Path,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, EngineError> {
    spawn_blocking(work).await.map_err(|error| failed(media, &io::Error::other(error)))
}

/// The directory of a media file, and the recording that it is named after.
fn entry_of(media: &Path) -> Result<(&Path, RecordingId), EngineError> {
    let directory = media.parent().unwrap_or(media);
    let name = directory.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    match name.parse() {
        Ok(id) => Ok((directory, id)),
        Err(_) => Err(EngineError::new(STAGE, format!("{} is in no recording's directory", media.display()))),
    }
}

fn is_room(bytes: u64, reserve: u64, free: u64) -> Result<(), EngineError> {
    let copy = bytes.saturating_add(MARGIN);
    if free >= copy.saturating_add(reserve) {
        return Ok(());
    }
    let (copy, reserve, free) = (ByteSize(copy), ByteSize(reserve), ByteSize(free));
    let cause = format!(
        "no room on the disk for a second copy: it takes {copy}, {reserve} must stay free ([spool] reserve), and \
         {free} are free"
    );
    Err(EngineError::new(STAGE, cause))
}

/// Whether the new file holds what could be read of the old one, and the old one could be read.
fn is_plausible(written: &Progress, found: &Progress, bytes: u64, new_bytes: u64) -> Result<(), EngineError> {
    let lacks =
        |what: String| Err(EngineError::new(STAGE, format!("the new file would lack something: {what}")));
    if written.seconds <= 0.0 {
        return Err(EngineError::new(STAGE, "ffmpeg finds nothing to play in the file"));
    }
    if found.frames < written.frames || found.seconds + TOLERANCE < written.seconds {
        return lacks(format!(
            "{} frames and {:.1} s of {} frames and {:.1} s",
            found.frames, found.seconds, written.frames, written.seconds
        ));
    }
    if new_bytes < bytes / 2 {
        return lacks(format!("{new_bytes} of {bytes} bytes"));
    }
    Ok(())
}

fn replace(copy: &Path, media: &Path) -> io::Result<()> {
    File::open(copy)?.sync_all()?;
    fs::rename(copy, media)?;
    media.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

fn failed(path: &Path, error: &io::Error) -> EngineError {
    EngineError::new(STAGE, format!("{}: {error}", path.display()))
}

/// A file that goes when it is not wanted any more; renamed, there is nothing left to go.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

struct Mender<'a> {
    program: &'a str,
    scratch: Scratch,
    /// How long ffmpeg may do nothing.
    patience: Duration,
}

impl Mender<'_> {
    /// Puts a whole copy in the place of the media, which has so many bytes. Says how many seconds it has.
    async fn mend(&self, media: &Path, copy: &Path, bytes: u64) -> Result<f64, EngineError> {
        let written = self.copy(media, copy).await?;
        let found = self.read(copy).await?;
        let new_bytes = fs::metadata(copy).map_err(|error| failed(copy, &error))?.len();
        is_plausible(&written, &found, bytes, new_bytes)?;
        let (copied, target) = (copy.to_owned(), media.to_owned());
        let replaced = blocking(media, move || replace(&copied, &target)).await?;
        replaced.map_err(|error| failed(media, &error))?;
        Ok(found.seconds)
    }

    /// Copies every packet; says what was copied.
    async fn copy(&self, from: &Path, to: &Path) -> Result<Progress, EngineError> {
        // The index goes to the front, so that a browser can seek before it has all of the file.
        let index: &[&str] = if encoder::writes_fragments(from) { &["-movflags", "+faststart"] } else { &[] };
        self.run(from, index, to).await
    }

    /// Reads a file from beginning to end; says what is in it.
    async fn read(&self, file: &Path) -> Result<Progress, EngineError> {
        self.run(file, &["-f", "null"], Path::new("-")).await
    }

    async fn run(&self, from: &Path, options: &[&str], to: &Path) -> Result<Progress, EngineError> {
        let mut arguments: Vec<OsString> = Vec::new();
        // What was cut in the middle of a frame cannot be played.
        arguments.extend(QUIETLY.iter().chain(&["-fflags", "+discardcorrupt", "-i"]).map(Into::into));
        arguments.push(from.into());
        arguments.extend(["-map", "0", "-c", "copy"].iter().chain(options).map(Into::into));
        arguments.push(to.into());
        let mut program = Program::launch(Launch {
            stage: STAGE,
            program: self.program.into(),
            arguments,
            environment: self.scratch.environment(),
            when_orphaned: Signal::KILL,
            speaks: Stream::Output,
        })?;
        let mut progress = Progress::default();
        let mut written = None;
        loop {
            match timeout(self.patience, advance(&mut program, &mut progress)).await {
                Ok(true) => {}
                Ok(false) => break,
                // It says nothing while it moves all of the file to make room for the index.
                Err(_) if encoder::written(to) != written => written = encoder::written(to),
                Err(_) => {
                    return Err(
                        program.error(format!("ffmpeg did nothing for {} s", self.patience.as_secs()))
                    );
                }
            }
        }
        program.done(self.patience).await?;
        Ok(progress)
    }
}

/// Returns when ffmpeg has come on, or has nothing more to say. It may say that it does nothing.
async fn advance(program: &mut Program, progress: &mut Progress) -> bool {
    let before = *progress;
    while *progress == before {
        match program.next_line().await {
            Some(line) => progress.read(&line),
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests;
