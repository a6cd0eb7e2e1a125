//! The judge over recordings whose truth is known: made frame by frame and sample by sample here, encoded by
//! real ffmpeg.

use std::{
    f64::consts::TAU,
    io::Write,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use super::{
    strip::{BORDER, COLUMNS, FLASH, ROWS, STRIP, squares},
    *,
};

const FPS: usize = 30;
const RATE: usize = 48_000;

/// A synthetic recording of the sample call.
struct Clip {
    width: usize,
    height: usize,
    seconds: usize,
    /// By how many seconds the sound comes late.
    sound_late: f64,
    /// So many pixels of black at left and top, as a browser window that is shifted leaves them.
    shifted: usize,
    /// From this frame on, five frames show the picture of the frame before.
    frozen_at: usize,
}

const CLIP: Clip =
    Clip { width: 320, height: 180, seconds: 5, sound_late: 0.0, shifted: 0, frozen_at: usize::MAX };

impl Clip {
    /// Encodes it as a recorder would.
    fn encode(&self) -> (TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let (sound, clip) = (directory.path().join("sound"), directory.path().join("clip.webm"));
        std::fs::write(&sound, self.sound()).unwrap();
        let size = format!("{}x{}", self.width, self.height);
        let mut ffmpeg = Command::new("ffmpeg")
            .args(["-v", "error", "-f", "s16le", "-ar", "48000", "-ac", "2", "-i"])
            .arg(&sound)
            .args(["-f", "rawvideo", "-pix_fmt", "rgb24", "-framerate", "30"])
            .args(["-video_size", &size, "-i", "pipe:0", "-map", "1:v", "-map", "0:a"])
            .args(["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M"])
            .args(["-c:a", "libopus"])
            .arg(&clip)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pictures = ffmpeg.stdin.take().unwrap();
        for frame in 0..self.seconds * FPS {
            pictures.write_all(&self.picture(frame)).unwrap();
        }
        drop(pictures);
        assert!(ffmpeg.wait().unwrap().success());
        (directory, clip)
    }

    fn picture(&self, frame: usize) -> Vec<u8> {
        let frozen = self.frozen_at..self.frozen_at.saturating_add(5);
        let frame = if frozen.contains(&frame) { self.frozen_at - 1 } else { frame };
        let mut picture = vec![30; self.width * self.height * 3];
        let (right, bottom) = (self.width, self.height);
        self.fill(&mut picture, [0, 0, right, BORDER], [255, 0, 0]);
        self.fill(&mut picture, [0, bottom - BORDER, right, bottom], [0, 0, 255]);
        self.fill(&mut picture, [right - BORDER, 0, right, bottom], [0, 255, 0]);
        self.fill(&mut picture, [0, 0, BORDER, bottom], [255, 255, 0]);
        for (index, white) in squares(u32::try_from(frame).unwrap()).into_iter().enumerate() {
            self.square(&mut picture, [STRIP.0 + index, STRIP.1, 1], white);
        }
        self.square(&mut picture, [FLASH.0, FLASH.1, FLASH.2], frame >= FPS && frame % FPS < 3);
        self.shift(picture)
    }

    fn square(&self, picture: &mut [u8], [column, row, size]: [usize; 3], white: bool) {
        let (x, y) = (|column| self.width * column / COLUMNS, |row| self.height * row / ROWS);
        let area = [x(column), y(row), x(column + size), y(row + size)];
        self.fill(picture, area, [if white { 255 } else { 0 }; 3]);
    }

    fn fill(&self, picture: &mut [u8], [left, top, right, bottom]: [usize; 4], colour: [u8; 3]) {
        for y in top..bottom {
            let line = &mut picture[(y * self.width + left) * 3..(y * self.width + right) * 3];
            for pixel in line.chunks_exact_mut(3) {
                pixel.copy_from_slice(&colour);
            }
        }
    }

    fn shift(&self, picture: Vec<u8>) -> Vec<u8> {
        if self.shifted == 0 {
            return picture;
        }
        let mut shifted = vec![0; picture.len()];
        for y in self.shifted..self.height {
            for x in self.shifted..self.width {
                let (to, from) = (y * self.width + x, (y - self.shifted) * self.width + x - self.shifted);
                shifted[to * 3..to * 3 + 3].copy_from_slice(&picture[from * 3..from * 3 + 3]);
            }
        }
        shifted
    }

    fn sound(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for at in 0..self.seconds * RATE {
            let seconds = at as f64 / RATE as f64;
            let since = seconds - self.sound_late;
            let beep = if since >= 1.0 && since % 1.0 < 0.1 { 0.3 } else { 0.0 };
            let sum = 0.1 * (TAU * 440.0 * seconds).sin() + beep * (TAU * 1000.0 * since).sin();
            #[expect(clippy::cast_possible_truncation, reason = "less than full scale")]
            let sample = (sum * 32767.0) as i16;
            // The same left and right.
            bytes.extend(sample.to_le_bytes());
            bytes.extend(sample.to_le_bytes());
        }
        bytes
    }
}

#[actix_rt::test]
async fn a_faultless_recording_is_found_faultless() {
    let (_directory, clip) = CLIP.encode();
    let found = judge(&clip).await.unwrap();
    let video = found.facts.video.clone().unwrap();
    assert_eq!((video.codec.as_str(), video.width, video.height), ("vp8", 320, 180));
    assert_eq!((video.frames, found.frames.unique()), (150, 150));
    assert!((video.fps - 30.0).abs() < 0.5);
    let audio = found.facts.audio.clone().unwrap();
    assert_eq!((audio.codec.as_str(), audio.rate, audio.channels), ("opus", 48_000, 2));
    assert!(audio.mean_dbfs > -25.0 && audio.mean_dbfs < -18.0, "{audio:?}");
    assert!((found.facts.seconds.unwrap() - 5.0).abs() < 0.1);
    assert_eq!((found.frames.missing(), found.frames.torn(), found.frames.absent()), (0, 0, 0));
    assert!(found.frames.longest_gap_ms() < 35.0);
    assert!(found.edges.fit(), "{:?}", found.edges);
    assert!((found.sound.tone_dbfs + 20.0).abs() < 2.0, "{:?}", found.sound);
    assert_eq!(found.offsets_ms.len(), 4);
    assert!(found.offset_ms().unwrap().abs() < 10.0, "{:?}", found.offsets_ms);
}

#[actix_rt::test]
async fn late_sound_is_measured_in_milliseconds() {
    let clip = Clip { width: 640, height: 360, sound_late: 0.08, ..CLIP };
    let (_directory, clip) = clip.encode();
    let found = judge(&clip).await.unwrap();
    for offset in &found.offsets_ms {
        assert!((offset + 80.0).abs() < 10.0, "{:?}", found.offsets_ms);
    }
    assert_eq!(found.offsets_ms.len(), 4);
}

#[actix_rt::test]
async fn a_shifted_window_and_a_frozen_picture_are_seen() {
    let (_directory, clip) = Clip { shifted: 10, ..CLIP }.encode();
    let edges = edges(&clip, 1.0).await.unwrap();
    assert_eq!((edges.top.thickness, edges.left.thickness), (0, 0));
    assert!(!edges.fit());
    let (_directory, clip) = Clip { frozen_at: 60, ..CLIP }.encode();
    let frames = frames(&clip).await.unwrap();
    assert_eq!((frames.missing(), frames.torn()), (5, 0));
    assert!((frames.longest_gap_ms() - 200.0).abs() < 5.0);
}

#[actix_rt::test]
async fn a_picture_is_saved() {
    let (directory, clip) = CLIP.encode();
    let out = directory.path().join("picture.png");
    picture(&clip, 1.0, &out).await.unwrap();
    assert!(std::fs::read(&out).unwrap().starts_with(b"\x89PNG"));
    assert!(picture(&clip, 60.0, &directory.path().join("none.png")).await.is_err());
}

#[test]
fn only_a_beep_near_a_flash_belongs_to_it() {
    let offsets = offsets_ms(&[1.0, 2.0, 5.0], &[1.02, 1.99]);
    assert_eq!(offsets.len(), 2);
    assert!((offsets[0] + 20.0).abs() < 1e-6 && (offsets[1] - 10.0).abs() < 1e-6);
}
