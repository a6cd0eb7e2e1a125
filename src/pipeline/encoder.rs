//! ffmpeg: takes the picture from the display and the sound from the sound server and writes the media file.
//! `arguments` is its command line.
//!
//! - Media is written in pieces of a second at most, each flushed, so that a crash loses little more. An MP4 becomes one
//!   piece again when it is [mended](super::mend).
//! - It is asked to end by SIGINT: it then seals the file, and exits with 255 or 0. SIGTERM does the same, and that is
//!   what it gets from the kernel when this server dies.
//! - A display or a sound server that hangs holds it up: it then neither writes nor ends until that one is killed.

mod arguments;

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
            arguments::arguments(ffmpeg, global, take).into_iter().map(Into::into).collect();
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
