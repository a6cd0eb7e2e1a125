//! The engine that makes real recordings: a display, a sound server, a browser that joins the call, and an encoder.
//!
//! ```text
//!   display ──► audio ──► browser ──► call ──► encoder ──► "rolling"
//!                                                             │
//!              stop asked  ·  a program ended or hangs  ·  the page is gone
//!                                                             │
//!   display ◄── audio ◄── browser ◄── call ◄── encoder ◄──────┘
//! ```
//!
//! What always holds:
//! - every recording has programs of its own; each leads a process group, and all of them are gone within seconds when
//!   the recording ends, however it ends: asked, broken, dropped, or with the server itself;
//! - the media is sealed first, while the call is still there;
//! - an error names the part that broke and the reason, in words for an operator, without any secret;
//! - nothing is downloaded.
//!
//! In reading order: `studio` is one recording; `display`, `audio`, `browser` (with `firefox`, `chromium` and `bidi`),
//! `call`, `health` and `encoder` with `progress` are its parts; `lookout` looks and listens with `picture` and `ear` and
//! has `signs` judge; `mend` makes cut media whole; `process` starts programs and `lines` reads what they print;
//! `scratch` is where they live, `sweep` cleans up after them; [`programs`] finds them.

mod audio;
mod bidi;
mod browser;
mod call;
mod chromium;
mod display;
mod ear;
mod encoder;
mod firefox;
mod health;
mod lines;
mod lookout;
mod mend;
mod picture;
mod process;
pub mod programs;
mod progress;
mod scratch;
mod signs;
mod studio;
mod sweep;

use std::path::{Path, PathBuf};

use actors::ports::{Cue, Cues, Engine, EngineError, Job, Take};
use async_trait::async_trait;
use tokio::sync::Semaphore;

use self::{
    scratch::Scratch,
    studio::{Plan, Studio},
};
use crate::config::{BackendSettings, Config, Current};

/// Records calls with real programs.
#[derive(Debug)]
pub struct Pipeline {
    config: Current,
    /// Where the runtime directories of recordings lie.
    base: PathBuf,
    /// Files are made whole one at a time: each takes room on a disk that another one may have counted on.
    mending: Semaphore,
}

impl Pipeline {
    /// An engine, after it has removed what an earlier life of this server left behind: processes, runtime
    /// directories, X displays.
    ///
    /// # Errors
    /// When there is no place for the runtime directories.
    pub fn new(config: Current) -> Result<Self, EngineError> {
        Self::in_directory(config, scratch::base_directory())
    }

    /// The same, with runtime directories in a directory of the caller's choice.
    ///
    /// # Errors
    /// When they cannot be made there.
    pub fn in_directory(config: Current, base: PathBuf) -> Result<Self, EngineError> {
        scratch::prepare_base(&base)?;
        let pipeline = Self { config, base, mending: Semaphore::new(1) };
        if let Err(error) = sweep::sweep(&pipeline.base) {
            log::warn!(directory:% = pipeline.base.display(), error:% = error; "could not look for remains of earlier recordings");
        }
        let config = pipeline.config.get();
        if config.recording.browser.is_none() {
            match programs::choose(&config.recording) {
                Ok(installed) => {
                    log::info!(browser:% = installed; "no browser is configured, taking the one that is installed");
                }
                Err(missing) => log::warn!(cause:% = missing; "no recording can be made"),
            }
        }
        Ok(pipeline)
    }

    /// Mends as these settings say.
    async fn mend_as(&self, config: &Config, media: &Path) -> Result<Take, EngineError> {
        let _turn = self.mending.acquire().await;
        let seconds = mend::mend(&config.ffmpeg, &self.base, config.reserve, media).await?;
        Ok(Take { seconds })
    }
}

fn settings_of<'a>(job: &Job, config: &'a Config) -> Result<&'a BackendSettings, EngineError> {
    config.backends.settings_of(&job.backend).ok_or_else(|| {
        EngineError::new("call", format!("the backend {} is not configured any more", job.backend))
    })
}

#[async_trait]
impl Engine for Pipeline {
    async fn record(&self, job: &Job, cues: Cues) -> Result<Take, EngineError> {
        let config = self.config.get();
        let backend = settings_of(job, &config)?;
        let browser = programs::choose(&config.recording)
            .map_err(|missing| EngineError::new(browser::STAGE, missing))?;
        let plan = Plan { job, config: &config, backend, browser: &browser };
        let mut studio = Studio::new(plan, Scratch::begin(&self.base, job.id).await?);
        let ending = tokio::select! {
            () = cues.stop_asked() => Ok(()),
            broken = make(&mut studio, &cues) => Err(broken),
        };
        let seconds = studio.wind_down().await;
        ending?;
        let take = Take { seconds: seconds? };
        let media = encoder::media(&config.ffmpeg, job.order.kind, &job.directory);
        if take.seconds > 0.0
            && encoder::writes_fragments(&media)
            && let Err(error) = self.mend_as(&config, &media).await
        {
            log::warn!(recording:% = job.id, error:%; "the file stays in fragments, some players cannot seek in it");
        }
        Ok(take)
    }

    async fn mend(&self, media: &Path) -> Result<Option<Take>, EngineError> {
        self.mend_as(&self.config.get(), media).await.map(Some)
    }
}

/// Records until something breaks.
async fn make(studio: &mut Studio<'_>, cues: &Cues) -> EngineError {
    if let Err(error) = studio.bring_up().await {
        return error;
    }
    cues.give(Cue::Rolling);
    studio.broken(cues).await
}
