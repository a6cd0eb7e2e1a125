//! An [`Engine`] without programs: it writes small files with the head of a WebM and records nothing.
//!
//! For load and for tests. What becomes of a recording is drawn from a seed, so that a run can be repeated
//! and its counts can be foretold.

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use tokio::{
    fs,
    time::{Instant, sleep},
};

use crate::ports::{Cue, Cues, Engine, EngineError, Job, Take};

/// Head of a WebM file, as content sniffers want it, and the beginning of a void element.
const WEBM_HEAD: &[u8] =
    b"\x1A\x45\xDF\xA3\x9F\x42\x86\x81\x01\x42\xF7\x81\x01\x42\xF2\x81\x04\x42\xF3\x81\x08\
\x42\x82\x84webm\x42\x87\x81\x04\x42\x85\x81\x02\xEC\x01\x00\x00\x00";

/// What happens to synthetic recordings, each as a chance between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// Different seeds draw different lots.
    pub seed: u64,
    /// From the start to the first media.
    pub bring_up: Duration,
    /// From the stop to the end.
    pub wind_down: Duration,
    /// Bytes of media.
    pub bytes: usize,
    /// The engine does not start.
    pub fails_to_start: f64,
    /// The engine breaks while it records.
    pub breaks: f64,
    /// The engine panics while it records.
    pub panics: f64,
}

impl Default for Plan {
    /// Everything goes well.
    fn default() -> Self {
        Self {
            seed: 0,
            bring_up: Duration::from_millis(300),
            wind_down: Duration::from_millis(200),
            bytes: 4096,
            fails_to_start: 0.0,
            breaks: 0.0,
            panics: 0.0,
        }
    }
}

/// What a plan has in store for one recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It records until it is stopped.
    Records,
    /// It does not start.
    FailsToStart,
    /// It breaks once it records.
    Breaks,
    /// It panics once it records.
    Panics,
}

impl Plan {
    /// The fate of the `number`th recording, counted from 0.
    pub fn fate(&self, number: u64) -> Fate {
        // 53 random bits make a fraction that a double holds exactly.
        #[expect(clippy::cast_precision_loss, reason = "the value has 53 bits")]
        let lot = (mix(self.seed ^ mix(number)) >> 11) as f64 / (1_u64 << 53) as f64;
        if lot < self.fails_to_start {
            Fate::FailsToStart
        } else if lot < self.fails_to_start + self.breaks {
            Fate::Breaks
        } else if lot < self.fails_to_start + self.breaks + self.panics {
            Fate::Panics
        } else {
            Fate::Records
        }
    }
}

/// The finaliser of SplitMix64: spreads near numbers far apart.
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

/// Makes synthetic recordings according to a plan.
#[derive(Debug, Default)]
pub struct Synthetic {
    plan: Plan,
    drawn: AtomicU64,
}

impl Synthetic {
    /// An engine with this plan.
    pub fn new(plan: Plan) -> Self {
        Self { plan, drawn: AtomicU64::new(0) }
    }

    async fn write_media(&self, directory: &Path, seed: u64) -> Result<(), EngineError> {
        let noise = (0..self.plan.bytes as u64).map(|position| mix(seed ^ position).to_le_bytes()[0]);
        let bytes: Vec<u8> = WEBM_HEAD.iter().copied().chain(noise).collect();
        let path = directory.join("media.webm");
        fs::write(&path, bytes).await.map_err(|error| EngineError::new("synthetic", error))
    }
}

#[async_trait]
impl Engine for Synthetic {
    async fn record(&self, job: &Job, cues: Cues) -> Result<Take, EngineError> {
        let number = self.drawn.fetch_add(1, Ordering::Relaxed);
        let fate = self.plan.fate(number);
        tokio::select! {
            () = sleep(self.plan.bring_up) => {}
            () = cues.stop_asked() => return Ok(Take { seconds: 0.0 }),
        }
        if fate == Fate::FailsToStart {
            return Err(EngineError::new("synthetic", "was told not to start"));
        }
        self.write_media(&job.directory, mix(number)).await?;
        cues.give(Cue::Rolling);
        cues.give(Cue::Encoding { speed: 1.0, dropped_frames: 0 });
        let rolling_since = Instant::now();
        match fate {
            Fate::Breaks => return Err(EngineError::new("synthetic", "was told to break")),
            #[expect(clippy::panic, reason = "the plan asks for it, to show that a recorder survives it")]
            Fate::Panics => panic!("was told to panic"),
            Fate::Records | Fate::FailsToStart => {}
        }
        cues.stop_asked().await;
        let seconds = rolling_since.elapsed().as_secs_f64();
        sleep(self.plan.wind_down).await;
        Ok(Take { seconds })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_draws_the_same_lots_again_and_in_proportion() {
        let plan = Plan { seed: 7, fails_to_start: 0.1, breaks: 0.2, panics: 0.05, ..Plan::default() };
        let count = |fate| (0..10_000).filter(|number| plan.fate(*number) == fate).count();
        assert!((900..1100).contains(&count(Fate::FailsToStart)));
        assert!((1850..2150).contains(&count(Fate::Breaks)));
        assert!((430..570).contains(&count(Fate::Panics)));
        assert_eq!(plan.fate(42), plan.fate(42));
    }

    #[test]
    fn another_seed_draws_other_lots() {
        let lots = |seed| {
            let plan = Plan { seed, breaks: 0.5, ..Plan::default() };
            (0..64).map(|number| plan.fate(number)).collect::<Vec<_>>()
        };
        assert_ne!(lots(1), lots(2));
    }
}
