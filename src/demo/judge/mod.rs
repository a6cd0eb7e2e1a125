//! Reads a recording of the sample call back and measures it, with real ffprobe and ffmpeg.
//!
//! - [`facts()`]: what any player would say about a file; works for every recording.
//! - [`judge()`]: what only the sample call can tell: which frames are there, whether the picture fills its
//!   frame, whether the tone is heard, and how far sound and picture are apart.
//! - It measures and does not judge by limits: those belong to who asks.
//!
//! The decoded strip and sound of the whole recording are held in memory, about 3 MB a minute.

#![expect(clippy::cast_precision_loss, reason = "counts of samples and pixels are far below 2^52")]

mod edges;
mod facts;
mod frames;
mod programs;
mod sound;
mod strip;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use edges::{Edge, Edges};
pub use facts::{Audio, Facts, Video, facts};
pub use frames::{Frame, Frames};
pub use sound::Sound;
pub use strip::Mark;

/// Flashes and beeps further apart do not belong together.
const FAR_APART_MS: f64 = 500.0;

/// Why a recording could not be judged.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// A program is not installed.
    #[error("{program} is not installed: install the package that brings it (Debian: ffmpeg)")]
    Missing {
        /// The program.
        program: String,
    },
    /// A program could not be run.
    #[error("{program} could not be run: {error}")]
    Run {
        /// The program.
        program: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// A program refused the recording.
    #[error("{program} refused {}: {lines}", path.display())]
    Refused {
        /// The program.
        program: String,
        /// The recording.
        path: PathBuf,
        /// The last lines it said.
        lines: String,
    },
    /// A program said something unexpected.
    #[error("{program} said something unexpected: {what}")]
    Unexpected {
        /// The program.
        program: &'static str,
        /// What was not understood.
        what: String,
    },
    /// Nothing to look at, or nothing to listen to.
    #[error("{} has no {what}", path.display())]
    Lacking {
        /// The recording.
        path: PathBuf,
        /// What it lacks.
        what: &'static str,
    },
}

/// Everything there is to measure about a recording of the sample call.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// What any player would say.
    pub facts: Facts,
    /// Each frame, as read from its strip.
    pub frames: Frames,
    /// The border in the middle of the recording.
    pub edges: Edges,
    /// Tone and beeps.
    pub sound: Sound,
    /// For each flash with a beep near it: by how many milliseconds the flash is seen after the beep is
    /// heard. Negative: the sound is late. A flash can only begin with a frame, so that single values of a
    /// recording at 30 frames a second are exact to half a frame, 17 ms.
    pub offsets_ms: Vec<f64>,
}

impl Judgement {
    /// The median of the offsets; `None` when no flash has its beep.
    pub fn offset_ms(&self) -> Option<f64> {
        let mut sorted = self.offsets_ms.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied()
    }
}

/// Measures a recording of the sample call with picture and sound.
///
/// # Errors
/// When a program is missing, or the file is no such recording.
pub async fn judge(path: &Path) -> Result<Judgement, JudgeError> {
    let facts = facts(path).await?;
    let frames = frames::read(path).await?;
    let sound = sound::listen(path).await?;
    let middle = frames.seconds() / 2.0;
    let edges = edges::at(path, middle).await?;
    let offsets_ms = offsets_ms(&frames.flashes(), &sound.beeps);
    Ok(Judgement { facts, frames, edges, sound, offsets_ms })
}

/// Measures the border of a picture `second` seconds into a recording.
///
/// # Errors
/// When a program is missing, or there is no picture at that time.
pub async fn edges(path: &Path, second: f64) -> Result<Edges, JudgeError> {
    edges::at(path, second).await
}

/// Reads the strip of every frame.
///
/// # Errors
/// When a program is missing, or the file has no picture.
pub async fn frames(path: &Path) -> Result<Frames, JudgeError> {
    frames::read(path).await
}

/// Listens for tone and beeps.
///
/// # Errors
/// When a program is missing, or the file has no sound.
pub async fn sound(path: &Path) -> Result<Sound, JudgeError> {
    sound::listen(path).await
}

/// Saves the picture `second` seconds into a recording as a PNG file.
///
/// # Errors
/// When a program is missing, or there is no picture at that time.
pub async fn picture(path: &Path, second: f64, out: &Path) -> Result<(), JudgeError> {
    let mut command = programs::ffmpeg();
    command.args(["-ss", &second.to_string(), "-i"]).arg(path);
    command.args(["-frames:v", "1", "-update", "1", "-y"]).arg(out);
    programs::run(command, path).await?;
    if out.is_file() {
        return Ok(());
    }
    Err(JudgeError::Lacking { path: path.to_owned(), what: "picture at that time" })
}

fn offsets_ms(flashes: &[f64], beeps: &[f64]) -> Vec<f64> {
    let mut offsets = Vec::new();
    for flash in flashes {
        let apart = beeps.iter().map(|beep| (flash - beep) * 1000.0);
        let nearest = apart.min_by(|one, other| one.abs().total_cmp(&other.abs()));
        offsets.extend(nearest.filter(|apart| apart.abs() < FAR_APART_MS));
    }
    offsets
}
