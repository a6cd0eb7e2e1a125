//! ffmpeg: takes the picture from the display and the sound from the sound server and writes the media file.
//!
//! - Options of the configuration come after ours, so that they win, and keep the places that the reference gives them.
//! - Both inputs are stamped by the same clock, and `-isync` keeps the distance between their beginnings: ffmpeg opens
//!   the sound first and would otherwise start the picture that much too early.
//! - `-enc_time_base` keeps the times of frames as they are; ffmpeg would move them by up to 20 ms.
//! - Media is written in pieces of a second at most, each flushed, so that a crash loses little more. An MP4 becomes one
//!   piece again when it is [mended](super::mend).
//! - It is asked to end by SIGINT: it then seals the file, and exits with 255 or 0. SIGTERM does the same, and that is
//!   what it gets from the kernel when this server dies.
//! - A display or a sound server that hangs holds it up: it then neither writes nor ends until that one is killed.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::{Duration, SystemTime},
};

use actors::{
    ports::{Cue, Cues, EngineError},
    recording::Kind,
};
use rustix::process::Signal;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::{
    display::Size,
    process::{Launch, Program, Stream},
    progress::{Finding, Pace, Progress, TICK},
    scratch::Environment,
};
use crate::config::Ffmpeg;

const STAGE: &str = "encoder";
const PATIENCE: Duration = Duration::from_secs(20);
/// How long it may do nothing after it was asked to end. Frames may still be waiting to be encoded.
const GRACE: Duration = Duration::from_secs(20);
/// The same for what it takes picture and sound from.
const GRACE_OF_INPUTS: Duration = Duration::from_secs(5);
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
        let media = media(ffmpeg, take.kind, take.directory);
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

    /// Waits until it ends by itself or writes nothing any more, and tells meanwhile how it keeps up.
    pub(super) async fn ended(&mut self, cues: &Cues) -> EngineError {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last_tick = Instant::now();
        let mut pace = Pace::from(&self.progress);
        loop {
            let now = tokio::select! {
                line = self.program.next_line() => match line {
                    Some(line) => {
                        self.progress.read(&line);
                        continue;
                    }
                    None => return self.program.ended().await,
                },
                now = ticks.tick() => now,
            };
            match pace.tick(&self.progress, now - last_tick) {
                Some(Finding::Stalled(seconds)) => {
                    return self.program.error(format!("ffmpeg has not written anything for {seconds} s"));
                }
                Some(Finding::Speed(speed)) => {
                    cues.give(Cue::Encoding { speed, dropped_frames: self.progress.dropped });
                }
                None => {}
            }
            last_tick = now;
        }
    }

    /// Ends it so that the file is sealed. Says how many seconds the media has: 0 if nothing was written, and then
    /// there is no file either. It does not listen while it waits for a display or a sound server that hangs:
    /// `cut_off` has to end both.
    ///
    /// # Errors
    /// When the file may lack its end.
    pub(super) async fn stop(&mut self, cut_off: impl FnOnce()) -> Result<f64, EngineError> {
        let media = self.media.clone();
        let written = || written(&media);
        // Only once: a second signal would keep it from sealing.
        self.program.ask(Signal::INT);
        let mut status = self.program.wait_while_busy(GRACE_OF_INPUTS, written).await;
        if status.is_none() {
            cut_off();
            status = self.program.wait_while_busy(GRACE, written).await;
        }
        let status = self.program.finish(status, GRACE).await;
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

/// The media file of a recording in this directory.
pub(super) fn media(ffmpeg: &Ffmpeg, kind: Kind, directory: &Path) -> PathBuf {
    directory.join(format!("media{}", extension(ffmpeg, kind)))
}

/// How far a file is written. It changes with whatever is written into it, also without growing: some containers are
/// written anew from beginning to end when they are sealed.
pub(super) fn written(file: &Path) -> Option<(u64, SystemTime)> {
    let found = fs::metadata(file).ok()?;
    Some((found.len(), found.modified().ok()?))
}

/// Whether a file is in fragments even when it is sealed: an MP4 that a crash cannot spoil is.
pub(super) fn writes_fragments(media: &Path) -> bool {
    media.extension().is_some_and(|extension| extension == "mp4")
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
    line.ours(container_options(extension(ffmpeg, take.kind)));
    line.theirs(&ffmpeg.output_audio);
    if take.kind == Kind::Video {
        line.theirs(&ffmpeg.output_video);
    }
    line.0
}

/// What keeps the loss at a crash to a second or so: media is written in pieces that stand for themselves.
fn container_options(extension: &str) -> &'static str {
    match extension {
        ".webm" | ".mkv" | ".mka" => "-flush_packets 1 -cluster_time_limit 1000",
        ".ogg" => "-flush_packets 1 -page_duration 500000",
        // ffmpeg 5.1 would repeat frames until there are a thousand a second.
        ".mp4" => "-flush_packets 1 -fps_mode vfr -movflags +frag_keyframe+empty_moov -frag_duration 1000000",
        _ => "-flush_packets 1",
    }
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
             -thread_queue_size 1024 -fragment_size 3840 -f pulse -i rec.monitor -flush_packets 1 -page_duration 500000 -c:a libopus"
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
        assert!(line.contains("-movflags +frag_keyframe+empty_moov -frag_duration 1000000 -c:a"), "{line}");
    }
}
