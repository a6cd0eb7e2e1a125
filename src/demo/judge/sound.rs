//! Tone and beeps of a recording.
//!
//! A Goertzel filter measures how loud one frequency is around a moment: over 10 ms under a Hann window,
//! every millisecond. The window is symmetric, so that a beep begins where half of its level is reached.

use std::{f64::consts::TAU, path::Path};

use super::{JudgeError, programs};

/// Samples a second of the decoded sound.
const RATE: usize = 16_000;
/// Samples between two measurements: 1 ms.
const STEP: usize = RATE / 1000;
/// Samples of one measurement: 10 ms.
const WINDOW: usize = 10 * STEP;
const TONE_HERTZ: f64 = 440.0;
const BEEP_HERTZ: f64 = 1000.0;
/// Softer than this, -50 dBFS, is no beep.
const SOFTEST_BEEP: f64 = 0.003;
/// Steps that a beep lasts at least, half of its length: a click is no beep.
const SHORTEST_BEEP: usize = 50;

/// Tone and beeps of a recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Sound {
    /// The level of the 440 Hz tone in dBFS: the median over the recording, so that it must be there for
    /// most of the time. The page plays it at -20.
    pub tone_dbfs: f64,
    /// When the 1 kHz beeps begin, in seconds.
    pub beeps: Vec<f64>,
}

/// Decodes the sound of a recording and measures it.
pub(super) async fn listen(path: &Path) -> Result<Sound, JudgeError> {
    let mut command = programs::ffmpeg();
    command.arg("-i").arg(path).args(["-map", "0:a:0", "-af"]);
    command.arg(format!("aformat=sample_fmts=s16:channel_layouts=mono:sample_rates={RATE},ashowinfo"));
    command.args(["-f", "s16le", "pipe:1"]);
    let said = programs::run(command, path).await?;
    let samples = on_the_clock(&said);
    if samples.len() < WINDOW {
        return Err(JudgeError::Lacking { path: path.to_owned(), what: "sound" });
    }
    Ok(Sound {
        tone_dbfs: 20.0 * median(&levels(&samples, TONE_HERTZ)).log10(),
        beeps: onsets(&levels(&samples, BEEP_HERTZ)),
    })
}

/// The samples where their time stamps put them: late beginnings and holes are filled with silence.
fn on_the_clock(said: &programs::Said) -> Vec<f32> {
    let mut samples: Vec<f32> = Vec::new();
    let mut bytes = said.output.as_slice();
    for line in said.log.lines().filter(|line| line.contains("ashowinfo")) {
        let time = programs::number_after(line, "pts_time:");
        let count = programs::number_after(line, "nb_samples:");
        let (Some(time), Some(count)) = (time, count) else {
            continue;
        };
        let (piece, rest) = bytes.split_at(bytes.len().min(2 * index(count)));
        bytes = rest;
        let start = index(time * RATE as f64);
        // Time stamps of a millisecond's precision are not reason enough to cut or fill.
        if start.abs_diff(samples.len()) > 2 * STEP {
            samples.resize(start, 0.0);
        }
        let sample = |pair: &[u8]| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32768.0;
        samples.extend(piece.chunks_exact(2).map(sample));
    }
    samples
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of samples; negative ones are none"
)]
fn index(count: f64) -> usize {
    count.round().max(0.0) as usize
}

/// The level of a frequency at each step, 1 for a full-scale sine; step n is centred at n ms.
fn levels(samples: &[f32], hertz: f64) -> Vec<f64> {
    let half = WINDOW / 2;
    let mut padded = vec![0.0; half];
    padded.extend_from_slice(samples);
    padded.resize(padded.len() + half, 0.0);
    let window: Vec<f64> =
        (0..WINDOW).map(|at| 0.5 - 0.5 * (TAU * at as f64 / WINDOW as f64).cos()).collect();
    let measure = |piece: &[f32]| level(piece, &window, hertz);
    padded.windows(WINDOW).step_by(STEP).map(measure).collect()
}

fn level(piece: &[f32], window: &[f64], hertz: f64) -> f64 {
    let factor = 2.0 * (TAU * hertz / RATE as f64).cos();
    let (mut last, mut before) = (0.0, 0.0);
    for (sample, weight) in piece.iter().zip(window) {
        (last, before) = (f64::from(*sample) * weight + factor * last - before, last);
    }
    let power = last * last + before * before - factor * last * before;
    // A Hann window halves the sum, and a sine's power lies in two frequencies.
    power.max(0.0).sqrt() * 4.0 / WINDOW as f64
}

/// The times in seconds at which a level rises above half of its plateau and stays there.
fn onsets(levels: &[f64]) -> Vec<f64> {
    let half = plateau(levels) / 2.0;
    let mut onsets = Vec::new();
    if half * 2.0 < SOFTEST_BEEP {
        return onsets;
    }
    let mut loud_for = 0;
    for (step, level) in levels.iter().enumerate() {
        loud_for = if *level > half { loud_for + 1 } else { 0 };
        // What is loud from the beginning began before it.
        if loud_for == SHORTEST_BEEP && step >= SHORTEST_BEEP + WINDOW / STEP {
            onsets.push((step + 1 - SHORTEST_BEEP) as f64 / 1000.0);
        }
    }
    onsets
}

/// The level that only the loudest twentieth exceeds: the inside of beeps that fill a tenth of the time.
fn plateau(levels: &[f64]) -> f64 {
    let mut sorted = levels.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() * 19 / 20]
}

fn median(levels: &[f64]) -> f64 {
    let mut sorted = levels.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(beeps: bool) -> Vec<f32> {
        let sample = |at: usize| {
            let seconds = at as f64 / RATE as f64;
            let phase = (seconds - 0.25).rem_euclid(1.0);
            let beep = if beeps && phase < 0.1 { 0.3 } else { 0.0 };
            let sum = 0.1 * (TAU * TONE_HERTZ * seconds).sin() + beep * (TAU * BEEP_HERTZ * phase).sin();
            #[expect(clippy::cast_possible_truncation, reason = "samples are small")]
            let sample = sum as f32;
            sample
        };
        (0..4 * RATE).map(sample).collect()
    }

    #[test]
    fn a_beep_begins_where_it_begins_in_spite_of_the_tone() {
        let onsets = onsets(&levels(&samples(true), BEEP_HERTZ));
        assert_eq!(onsets.len(), 4);
        for (second, onset) in onsets.iter().enumerate() {
            assert!((onset - second as f64 - 0.25).abs() < 0.002, "{onset}");
        }
    }

    #[test]
    fn the_tone_has_its_level_and_is_no_beep() {
        let samples = samples(false);
        let level = median(&levels(&samples, TONE_HERTZ));
        assert!((level - 0.1).abs() < 0.01, "{level}");
        assert_eq!(onsets(&levels(&samples, BEEP_HERTZ)), Vec::<f64>::new());
    }
}
