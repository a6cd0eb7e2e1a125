//! Everything that one recording is made with, from the display to the encoder.
//!
//! Parts come up in this order and go down in the reverse one: display, audio, browser, call, encoder. Dropping the
//! studio at any moment ends all of it; what it held is then gone, only the media stays.

use std::time::Duration;

use actors::{
    ports::{Cues, EngineError, Job},
    recording::Kind,
};
use tokio::time::sleep;

use super::{
    audio::{self, Audio},
    browser::{Browser, Installed, Look},
    call,
    display::{self, Display, Size},
    encoder::{self, Encoder},
    lookout::Lookout,
    scratch::Scratch,
};
use crate::config::{BackendSettings, Config};

/// The page is not recorded when there is no picture, so it need not be large.
const SIZE_WITHOUT_PICTURE: Size = Size { width: 320, height: 240 };
/// When one program dies others may follow: so long is waited before the first of them is looked for.
const DOMINOES: Duration = Duration::from_millis(250);
/// Enough of the screen to see whether the display answers.
const A_CORNER: Size = Size { width: 8, height: 1 };

/// What is to be recorded, and how.
pub(super) struct Plan<'a> {
    /// The order.
    pub(super) job: &'a Job,
    /// The settings of all recordings.
    pub(super) config: &'a Config,
    /// The settings of the Nextcloud that asked.
    pub(super) backend: &'a BackendSettings,
    /// The browser.
    pub(super) browser: &'a Installed,
}

/// What there is of a recording at a moment.
pub(super) struct Studio<'a> {
    plan: Plan<'a>,
    // Dropped in this order.
    encoder: Option<Encoder>,
    browser: Option<Browser>,
    audio: Option<Audio>,
    display: Option<Display>,
    scratch: Scratch,
}

impl<'a> Studio<'a> {
    /// An empty one.
    pub(super) fn new(plan: Plan<'a>, scratch: Scratch) -> Self {
        Self { plan, encoder: None, browser: None, audio: None, display: None, scratch }
    }

    /// Brings everything up; returns when media is being written.
    ///
    /// # Errors
    /// The first thing that went wrong.
    pub(super) async fn bring_up(&mut self) -> Result<(), EngineError> {
        let Plan { job, config, backend, browser: installed } = self.plan;
        let mut environment = self.scratch.environment();
        let size = self.size();
        let display = Display::start(&self.scratch, &mut environment, installed.screen(size)).await?;
        let display = self.display.insert(display);
        self.audio = Some(Audio::start(&self.scratch, &mut environment).await?);
        let look = Look { size, accept_any_certificate: backend.skip_verify };
        let browser = Browser::start(installed, &self.scratch, &environment, &look).await?;
        let browser = self.browser.insert(browser);
        call::join(browser.page(), job, backend, &config.signaling).await?;
        let take = encoder::Take {
            kind: job.order.kind,
            display: display.name(),
            size,
            source: audio::SOURCE,
            directory: &job.directory,
        };
        let encoder = self.encoder.insert(Encoder::start(&config.ffmpeg, &take, &environment)?);
        encoder.rolling().await
    }

    /// Waits until any part of it breaks, and tells meanwhile what an operator should know. Says which one broke first.
    pub(super) async fn broken(&mut self, cues: &Cues) -> EngineError {
        let size = self.size();
        let limits = &self.plan.config.limits;
        let (Some(display), Some(audio), Some(browser), Some(encoder)) =
            (&mut self.display, &mut self.audio, &mut self.browser, &mut self.encoder)
        else {
            return EngineError::new("engine", "a part of the recording is missing");
        };
        let eye = display.eye();
        let has_picture = self.plan.job.order.kind == Kind::Video;
        let lookout = Lookout { eye: has_picture.then(|| (eye.clone(), size)), ear: audio.ear(), limits };
        let noticed = tokio::select! {
            error = display.ended() => error,
            error = audio.ended() => error,
            error = browser.ended(limits.unresponsive_page) => error,
            error = encoder.ended(cues) => error,
            error = lookout.watch(cues) => error,
        };
        sleep(DOMINOES).await;
        if display.is_dead() {
            display.ended().await
        } else if audio.is_dead() {
            audio.ended().await
        } else if browser.is_dead() {
            browser.died().await
        // What hangs holds up whoever waits for it.
        } else if eye.look(A_CORNER).await.is_err() {
            display::hangs(&noticed)
        } else if !audio.ear().hears().await {
            audio::hangs(&noticed)
        } else {
            noticed
        }
    }

    /// Ends everything, the encoder first, so that the file is sealed while there is still something to record.
    /// Says how many seconds were recorded.
    ///
    /// # Errors
    /// When the end of the file may be missing.
    pub(super) async fn wind_down(mut self) -> Result<f64, EngineError> {
        let seconds = match &mut self.encoder {
            Some(encoder) => {
                let (audio, display) = (&mut self.audio, &mut self.display);
                let cut_off = || {
                    audio.iter_mut().for_each(Audio::kill);
                    display.iter_mut().for_each(Display::kill);
                };
                encoder.stop(cut_off).await
            }
            None => Ok(0.0),
        };
        if let Some(browser) = &mut self.browser {
            call::leave(browser.page()).await;
            browser.stop().await;
        }
        if let Some(audio) = &mut self.audio {
            audio.stop().await;
        }
        if let Some(display) = &mut self.display {
            display.stop().await;
        }
        self.scratch.end().await;
        seconds
    }

    fn size(&self) -> Size {
        match self.plan.job.order.kind {
            Kind::Video => {
                Size { width: self.plan.backend.video_width, height: self.plan.backend.video_height }
            }
            Kind::Audio => SIZE_WITHOUT_PICTURE,
        }
    }
}
