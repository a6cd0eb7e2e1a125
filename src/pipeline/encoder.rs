//! ffmpeg: takes the picture from the display and the sound from the sound server and writes the media file.
//!
//! - Options of the configuration come after ours, so that they win, and keep the places that the reference gives them.
//! - Both inputs are stamped by the same clock, and `-isync` keeps the distance between their beginnings: ffmpeg opens
//!   the sound first and would otherwise start the picture that much too early.
//! - `-enc_time_base` keeps the times of frames as they are; ffmpeg would move them by up to 20 ms.
//! - Matroska and WebM are written in clusters of a second at most, each flushed, so that a crash loses no more.
//! - It is asked to end by SIGINT: it then seals the file, and exits with 255 or 0. SIGTERM does the same, and that is
//!   what it gets from the kernel when this server dies.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

use actors::{ports::EngineError, recording::Kind};
use rustix::process::Signal;
use tokio::time::timeout;

use super::{
    display::Size,
    process::{Launch, Program, Stream},
    scratch::Environment,
};
use crate::config::Ffmpeg;

const STAGE: &str = "encoder";
const PATIENCE: Duration = Duration::from_secs(20);
/// How long it may do nothing after it was asked to end. Frames may still be waiting to be encoded.
const GRACE: Duration = Duration::from_secs(20);
/// What a page draws is on the screen, and in the next frame that is taken of it, about so many seconds later. Sound
/// needs no such time.
const SCREEN_LAG: &str = "-itsoffset -0.020";
/// How ffmpeg exits when it was asked to.
const ASKED_TO_END: [i32; 2] = [0, 255];

/// What ffmpeg records, and where to.
#[derive(Debug, Clone)]
pub(super) struct Take<'a> {
    /// Picture and sound, or sound alone.
    pub(super) kind: Kind,
    /// The X display, such as `:7`.
    pub(super) display: &'a str,
    /// The size of the picture.
    pub(super) size: Size,
    /// The PulseAudio source.
    pub(super) source: &'a str,
    /// The directory of the media file.
    pub(super) directory: &'a Path,
}

/// A running ffmpeg.
#[derive(Debug)]
pub(super) struct Encoder {
    program: Program,
    media: PathBuf,
    kind: Kind,
    progress: Progress,
}

/// What ffmpeg says of its work.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Progress {
    frames: u64,
    seconds: f64,
}

impl Encoder {
    /// Starts to record.
    ///
    /// # Errors
    /// When ffmpeg cannot be started.
    pub(super) fn start(
        ffmpeg: &Ffmpeg,
        take: &Take<'_>,
        environment: &Environment,
    ) -> Result<Self, EngineError> {
        let Some((program, global)) = ffmpeg.common.split_first() else {
            return Err(EngineError::new(STAGE, "[ffmpeg] common is empty: it names the program to start"));
        };
        let media = take.directory.join(format!("media{}", extension(ffmpeg, take.kind)));
        let mut arguments: Vec<OsString> =
            arguments(ffmpeg, global, take).into_iter().map(Into::into).collect();
        arguments.push(media.clone().into_os_string());
        let program = Program::launch(Launch {
            stage: STAGE,
            program: program.into(),
            arguments,
            environment: environment.clone(),
            when_orphaned: Signal::TERM,
            speaks: Stream::Output,
        })?;
        Ok(Self { program, media, kind: take.kind, progress: Progress::default() })
    }

    /// Waits until media is being written.
    ///
    /// # Errors
    /// When it ends, or nothing has come in time.
    pub(super) async fn rolling(&mut self) -> Result<(), EngineError> {
        let rolls = timeout(PATIENCE, async {
            while !self.is_rolling() {
                let Some(line) = self.program.next_line().await else {
                    return Err(self.program.ended().await);
                };
                self.progress.read(&line);
            }
            Ok(())
        });
        if let Ok(result) = rolls.await {
            return result;
        }
        let cause = format!("no media was written within {} s", PATIENCE.as_secs());
        Err(self.program.error(cause))
    }

    /// Waits until it ends by itself, which it should not do, and keeps count meanwhile.
    pub(super) async fn ended(&mut self) -> EngineError {
        while let Some(line) = self.program.next_line().await {
            self.progress.read(&line);
        }
        self.program.ended().await
    }

    /// Ends it so that the file is sealed. Says how many seconds the media has: 0 if nothing was written, and then
    /// there is no file either.
    ///
    /// # Errors
    /// When the file may lack its end.
    pub(super) async fn stop(&mut self) -> Result<f64, EngineError> {
        let media = self.media.clone();
        // Some containers are written anew from beginning to end when they are sealed.
        let written = || fs::metadata(&media).ok().map(|found| (found.len(), found.modified().ok()));
        let status = self.program.stop_unless_busy(Signal::INT, GRACE, written).await;
        while let Some(line) = self.program.unread_line() {
            self.progress.read(&line);
        }
        if !self.is_rolling() {
            // It may not have been created.
            drop(fs::remove_file(&self.media));
            return Ok(0.0);
        }
        match status.as_ref().and_then(ExitStatus::code) {
            Some(code) if ASKED_TO_END.contains(&code) => Ok(self.progress.seconds),
            Some(code) => Err(self.program.error(format!("ffmpeg ended with exit code {code}"))),
            None => Err(self.program.error("ffmpeg had to be killed, the end of the file may be missing")),
        }
    }

    fn is_rolling(&self) -> bool {
        match self.kind {
            Kind::Video => self.progress.frames > 0,
            Kind::Audio => self.progress.seconds > 0.0,
        }
    }
}

impl Progress {
    /// Takes in one line of `-progress`.
    fn read(&mut self, line: &str) {
        match line.split_once('=') {
            Some(("frame", value)) => self.frames = value.trim().parse().unwrap_or(self.frames),
            Some(("out_time_us", value)) => {
                let time = value.trim().parse::<u64>().map(Duration::from_micros);
                self.seconds = time.map_or(self.seconds, |time| time.as_secs_f64());
            }
            _ => {}
        }
    }
}

fn extension(ffmpeg: &Ffmpeg, kind: Kind) -> &str {
    match kind {
        Kind::Video => &ffmpeg.extension_video,
        Kind::Audio => &ffmpeg.extension_audio,
    }
}

/// Everything behind the name of the program but the file.
fn arguments(ffmpeg: &Ffmpeg, global: &[String], take: &Take<'_>) -> Vec<String> {
    let size = format!("{}x{}", take.size.width, take.size.height);
    let mut line = Line(global.to_vec());
    line.ours("-progress pipe:1 -nostats -stats_period 0.25");
    // Fragments of 20 ms: the time stamp of sound is right from the first one on.
    line.ours("-thread_queue_size 1024 -fragment_size 3840");
    line.theirs(&ffmpeg.input_audio);
    line.ours("-f pulse -i");
    line.theirs(&[take.source.to_owned()]);
    if take.kind == Kind::Video {
        line.ours("-thread_queue_size 32 -framerate 30 -isync 0");
        line.ours(SCREEN_LAG);
        line.theirs(&ffmpeg.input_video);
        line.ours("-f x11grab -draw_mouse 0 -video_size");
        line.theirs(&[size, "-i".to_owned(), take.display.to_owned()]);
    }
    if take.kind == Kind::Video {
        // Frames keep their own time instead of the nearest thirtieth of a second.
        line.ours("-enc_time_base:v 1:1000");
    }
    line.ours("-flush_packets 1");
    if matches!(extension(ffmpeg, take.kind), ".webm" | ".mkv" | ".mka") {
        line.ours("-cluster_time_limit 1000");
    }
    line.theirs(&ffmpeg.output_audio);
    if take.kind == Kind::Video {
        line.theirs(&ffmpeg.output_video);
    }
    line.0
}

/// A command line in the making.
struct Line(Vec<String>);

impl Line {
    fn ours(&mut self, options: &str) {
        self.0.extend(options.split(' ').map(str::to_owned));
    }

    fn theirs(&mut self, options: &[String]) {
        self.0.extend_from_slice(options);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn ffmpeg() -> Ffmpeg {
        Ffmpeg {
            common: words("ffmpeg -loglevel level+warning -n"),
            input_audio: Vec::new(),
            input_video: Vec::new(),
            output_audio: words("-c:a libopus"),
            output_video: words("-c:v libvpx -b:v 1M"),
            extension_audio: ".ogg".to_owned(),
            extension_video: ".webm".to_owned(),
        }
    }

    fn line(ffmpeg: &Ffmpeg, kind: Kind) -> String {
        let take = Take {
            kind,
            display: ":7",
            size: Size { width: 1920, height: 1080 },
            source: "rec.monitor",
            directory: Path::new("/spool"),
        };
        arguments(ffmpeg, &ffmpeg.common[1..], &take).join(" ")
    }

    #[test]
    fn picture_and_sound_have_their_options_in_their_places() {
        assert_eq!(
            line(&ffmpeg(), Kind::Video),
            "-loglevel level+warning -n -progress pipe:1 -nostats -stats_period 0.25 \
             -thread_queue_size 1024 -fragment_size 3840 -f pulse -i rec.monitor \
             -thread_queue_size 32 -framerate 30 -isync 0 -itsoffset -0.020 -f x11grab -draw_mouse 0 -video_size 1920x1080 -i :7 \
             -enc_time_base:v 1:1000 -flush_packets 1 -cluster_time_limit 1000 -c:a libopus -c:v libvpx -b:v 1M"
        );
    }

    #[test]
    fn sound_alone_has_no_picture() {
        assert_eq!(
            line(&ffmpeg(), Kind::Audio),
            "-loglevel level+warning -n -progress pipe:1 -nostats -stats_period 0.25 \
             -thread_queue_size 1024 -fragment_size 3840 -f pulse -i rec.monitor -flush_packets 1 -c:a libopus"
        );
    }

    #[test]
    fn options_of_the_configuration_come_after_ours() {
        let ffmpeg = Ffmpeg {
            input_audio: words("-thread_queue_size 99"),
            input_video: words("-framerate 15"),
            extension_video: ".mp4".to_owned(),
            ..ffmpeg()
        };
        let line = line(&ffmpeg, Kind::Video);
        assert!(line.contains("-fragment_size 3840 -thread_queue_size 99 -f pulse"), "{line}");
        assert!(line.contains("-framerate 30 -isync 0 -itsoffset -0.020 -framerate 15 -f x11grab"), "{line}");
        assert!(!line.contains("cluster"), "{line}");
    }

    #[test]
    fn progress_is_read_from_what_ffmpeg_prints() {
        let mut progress = Progress::default();
        for line in ["frame=12", "fps=0.0", "out_time_us=N/A", "out_time_us=1500000", "progress=continue"] {
            progress.read(line);
        }
        assert_eq!(progress, Progress { frames: 12, seconds: 1.5 });
    }
}
