//! The frames of a recording, as read from their strips.
//!
//! ffmpeg cuts strip and flash out of every frame and shrinks each square to 4 x 4 pixels; only the inner
//! pixels of a square count, so that blurred borders do no harm.

use std::{collections::HashSet, path::Path};

use super::{
    JudgeError, programs,
    strip::{self, COLUMNS, FLASH, Mark, ROWS, SQUARES, STRIP},
};

/// Pixels of a shrunken square, in both directions.
const SIDE: usize = 4;
/// The strip and, beside it, the flash as one more square.
const WIDTH: usize = (SQUARES + 1) * SIDE;

/// A frame of a recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame {
    /// When it is shown.
    pub seconds: f64,
    /// What its strip says.
    pub mark: Mark,
    /// Whether the flash is on.
    pub flash: bool,
}

/// All frames of a recording, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Frames(pub Vec<Frame>);

impl Frames {
    /// When the last frame is shown.
    pub fn seconds(&self) -> f64 {
        self.0.last().map_or(0.0, |frame| frame.seconds)
    }

    /// How many different frames of the page are there.
    pub fn unique(&self) -> usize {
        self.counters().map(|(_, counter)| counter).collect::<HashSet<_>>().len()
    }

    /// How many frames of the page are not there, between the first and the last that are.
    pub fn missing(&self) -> usize {
        let all = self.counters().map(|(_, counter)| counter);
        let (Some(first), Some(last)) = (all.clone().min(), all.max()) else {
            return 0;
        };
        (last - first) as usize + 1 - self.unique()
    }

    /// How many frames have a strip with a wrong parity.
    pub fn torn(&self) -> usize {
        self.0.iter().filter(|frame| frame.mark == Mark::Torn).count()
    }

    /// How many frames have no strip.
    pub fn absent(&self) -> usize {
        self.0.iter().filter(|frame| frame.mark == Mark::Absent).count()
    }

    /// The longest time in milliseconds for which the picture stood still.
    pub fn longest_gap_ms(&self) -> f64 {
        let (mut longest, mut shown): (f64, Option<(f64, u32)>) = (0.0, None);
        for (seconds, counter) in self.counters() {
            match shown {
                Some((since, old)) => {
                    longest = longest.max(seconds - since);
                    if old != counter {
                        shown = Some((seconds, counter));
                    }
                }
                None => shown = Some((seconds, counter)),
            }
        }
        longest * 1000.0
    }

    /// When flashes begin.
    pub fn flashes(&self) -> Vec<f64> {
        let mut onsets = Vec::new();
        for pair in self.0.windows(2) {
            if !pair[0].flash && pair[1].flash {
                onsets.push(pair[1].seconds);
            }
        }
        onsets
    }

    fn counters(&self) -> impl Iterator<Item = (f64, u32)> + Clone {
        self.0.iter().filter_map(|frame| match frame.mark {
            Mark::Counter(counter) => Some((frame.seconds, counter)),
            Mark::Torn | Mark::Absent => None,
        })
    }
}

/// Reads every frame of a recording.
pub(super) async fn read(path: &Path) -> Result<Frames, JudgeError> {
    let mut command = programs::ffmpeg();
    command.arg("-i").arg(path);
    command.args(["-filter_complex", &filter(), "-fps_mode", "passthrough"]);
    command.args(["-pix_fmt", "gray", "-f", "rawvideo", "pipe:1"]);
    let said = programs::run(command, path).await?;
    let times = said.log.lines().filter(|line| line.contains("showinfo"));
    let times = times.filter_map(|line| programs::number_after(line, "pts_time:"));
    let pictures = said.output.chunks_exact(WIDTH * SIDE);
    let frames: Vec<Frame> = pictures.zip(times).map(|(picture, seconds)| frame(picture, seconds)).collect();
    if frames.is_empty() {
        return Err(JudgeError::Lacking { path: path.to_owned(), what: "picture" });
    }
    Ok(Frames(frames))
}

/// Cuts out strip and flash, shrinks them, puts them side by side, and tells the time of each frame.
fn filter() -> String {
    let cut = |column, row, columns, rows| {
        format!("crop=iw*{columns}/{COLUMNS}:ih*{rows}/{ROWS}:iw*{column}/{COLUMNS}:ih*{row}/{ROWS}")
    };
    let shrink = |squares| format!("scale={}:{SIDE}:flags=area", squares * SIDE);
    format!(
        "[0:v:0]format=gray,split[one][two];[one]{},{}[strip];[two]{},{}[flash];[strip][flash]hstack,showinfo",
        cut(STRIP.0, STRIP.1, SQUARES, 1),
        shrink(SQUARES),
        cut(FLASH.0, FLASH.1, FLASH.2, FLASH.2),
        shrink(1),
    )
}

fn frame(picture: &[u8], seconds: f64) -> Frame {
    let levels: Vec<f64> = (0..=SQUARES).map(|square| level(picture, square)).collect();
    let strip = &levels[..SQUARES];
    let threshold = strip::threshold(strip);
    Frame {
        seconds,
        mark: strip::read(strip),
        flash: threshold.is_some_and(|threshold| levels[SQUARES] > threshold),
    }
}

/// The mean of the four inner pixels of a square.
fn level(picture: &[u8], square: usize) -> f64 {
    let pixel = |x, y| f64::from(picture[y * WIDTH + square * SIDE + x]);
    (pixel(1, 1) + pixel(2, 1) + pixel(1, 2) + pixel(2, 2)) / 4.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(marks: &[(f64, Mark, bool)]) -> Frames {
        let frame = |&(seconds, mark, flash): &(f64, Mark, bool)| Frame { seconds, mark, flash };
        Frames(marks.iter().map(frame).collect())
    }

    #[test]
    fn missing_frames_and_standstills_are_told() {
        let frames = frames(&[
            (0.00, Mark::Counter(10), false),
            (0.03, Mark::Counter(11), false),
            (0.06, Mark::Counter(11), true),
            (0.09, Mark::Torn, true),
            (0.12, Mark::Counter(14), false),
            (0.15, Mark::Absent, false),
        ]);
        assert_eq!(frames.unique(), 3);
        assert_eq!(frames.missing(), 2);
        assert_eq!((frames.torn(), frames.absent()), (1, 1));
        assert!((frames.longest_gap_ms() - 90.0).abs() < 1e-6);
        assert_eq!(frames.flashes(), [0.06]);
    }

    #[test]
    fn no_frames_are_no_trouble() {
        let frames = frames(&[]);
        assert_eq!((frames.unique(), frames.missing()), (0, 0));
        assert!(frames.longest_gap_ms() < f64::EPSILON);
    }
}
