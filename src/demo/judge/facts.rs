//! What any player would say about a recording.

use std::path::Path;

use serde::Deserialize;
use tokio::process::Command;

use super::{JudgeError, programs};

/// What any player would say about a recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// Length of the file.
    pub bytes: u64,
    /// Duration as the container says; `None` when it was never sealed.
    pub seconds: Option<f64>,
    /// The picture, if there is one.
    pub video: Option<Video>,
    /// The sound, if there is one.
    pub audio: Option<Audio>,
}

/// The picture of a recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Video {
    /// Such as `vp8`.
    pub codec: String,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Frames a second on average.
    pub fps: f64,
    /// How many frames can be decoded.
    pub frames: u64,
}

/// The sound of a recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Audio {
    /// Such as `opus`.
    pub codec: String,
    /// Samples a second.
    pub rate: u32,
    /// 1 or 2.
    pub channels: u32,
    /// Mean loudness in dBFS; -91 is digital silence.
    pub mean_dbfs: f64,
    /// The loudest sample in dBFS.
    pub peak_dbfs: f64,
}

#[derive(Deserialize)]
struct Probe {
    #[serde(default)]
    streams: Vec<Stream>,
    format: Format,
}

#[derive(Deserialize)]
struct Format {
    duration: Option<String>,
}

#[derive(Deserialize, Clone, Default)]
#[serde(default)]
struct Stream {
    codec_type: String,
    codec_name: String,
    width: u32,
    height: u32,
    avg_frame_rate: String,
    sample_rate: String,
    channels: u32,
}

/// Asks ffprobe, and decodes the recording once to count its frames and to measure its loudness.
///
/// # Errors
/// When a program is missing, or the file is no recording.
pub async fn facts(path: &Path) -> Result<Facts, JudgeError> {
    let probe = probe(path).await?;
    let of_type = |kind: &str| probe.streams.iter().find(|stream| stream.codec_type == kind).cloned();
    let (video, audio) = (of_type("video"), of_type("audio"));
    let (frames, log) = decode(path, audio.is_some()).await?;
    Ok(Facts {
        bytes: path.metadata().map_or(0, |metadata| metadata.len()),
        seconds: probe.format.duration.and_then(|text| text.parse().ok()),
        video: video.map(|stream| Video {
            codec: stream.codec_name,
            width: stream.width,
            height: stream.height,
            fps: ratio(&stream.avg_frame_rate),
            frames,
        }),
        audio: audio.map(|stream| Audio {
            codec: stream.codec_name,
            rate: stream.sample_rate.parse().unwrap_or(0),
            channels: stream.channels,
            mean_dbfs: volume(&log, "mean_volume:"),
            peak_dbfs: volume(&log, "max_volume:"),
        }),
    })
}

/// Width and height of the picture, if there is one.
pub(super) async fn size(path: &Path) -> Result<Option<(usize, usize)>, JudgeError> {
    let probe = probe(path).await?;
    let video = probe.streams.iter().find(|stream| stream.codec_type == "video");
    Ok(video.map(|stream| (stream.width as usize, stream.height as usize)))
}

async fn probe(path: &Path) -> Result<Probe, JudgeError> {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-of", "json", "-show_format", "-show_streams"]);
    command.arg(path);
    let probe = programs::run(command, path).await?;
    serde_json::from_slice(&probe.output)
        .map_err(|error| JudgeError::Unexpected { program: "ffprobe", what: error.to_string() })
}

/// The number of frames, and what the loudness filter said.
async fn decode(path: &Path, has_audio: bool) -> Result<(u64, String), JudgeError> {
    let mut command = programs::ffmpeg();
    command.arg("-i").arg(path);
    if has_audio {
        command.args(["-af", "volumedetect"]);
    }
    command.args(["-fps_mode", "passthrough", "-progress", "pipe:1", "-f", "null", "-"]);
    let said = programs::run(command, path).await?;
    let progress = String::from_utf8_lossy(&said.output);
    let mut counts = progress.lines().filter_map(|line| line.strip_prefix("frame="));
    let frames = counts.next_back().and_then(|count| count.trim().parse().ok());
    Ok((frames.unwrap_or(0), said.log))
}

fn volume(log: &str, key: &str) -> f64 {
    let mut found = log.lines().filter_map(|line| programs::number_after(line, key));
    found.next().unwrap_or(f64::NEG_INFINITY)
}

/// Such as `30000/1001`.
fn ratio(text: &str) -> f64 {
    let (above, below) = text.split_once('/').unwrap_or((text, "1"));
    let below: f64 = below.parse().unwrap_or(0.0);
    if below == 0.0 {
        return 0.0;
    }
    above.parse().unwrap_or(0.0) / below
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_rate_is_a_ratio() {
        assert!((ratio("30000/1001") - 29.97).abs() < 0.001);
        assert!((ratio("25") - 25.0).abs() < f64::EPSILON);
        assert!(ratio("0/0").abs() < f64::EPSILON);
    }
}
