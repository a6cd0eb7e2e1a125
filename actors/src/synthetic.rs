//! An [`Engine`] without programs: it writes small files with the head of a WebM and records nothing.
//!
//! For load and for tests. What becomes of a recording is drawn from a seed, so that a run can be repeated
//! and its counts can be foretold.

use std::{
    fmt,
    str::FromStr,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use tokio::{
    fs,
    time::{Instant, sleep},
};

use crate::{
    ids::RecordingId,
    ports::{Cue, Cues, Engine, EngineError, Job, Take},
    recording::Order,
};

/// Head of a WebM file, as content sniffers want it, and the beginning of a void element.
const WEBM_HEAD: &[u8] =
    b"\x1A\x45\xDF\xA3\x9F\x42\x86\x81\x01\x42\xF7\x81\x01\x42\xF2\x81\x04\x42\xF3\x81\x08\
\x42\x82\x84webm\x42\x87\x81\x04\x42\x85\x81\x02\xEC\x01\x00\x00\x00";

/// What a panic says that is part of the plan.
pub const PLANNED_PANIC: &str = "was told to panic";
/// Sets the lots for lengths apart from those for fates.
const LENGTH: u64 = 1 << 62;
/// The same for uploads.
const UPLOAD: u64 = 1 << 61;
/// How an owner is named whose recording has a number of its own in the plan.
const NUMBERED: &str = "recording-";

/// What happens to synthetic recordings; the last four are chances between 0 and 1.
///
/// As text it is a list such as `seed=7 bring_up_ms=5 breaks=0.01`; what is not named is as by default.
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
    /// The length that a recording claims is drawn as well, so that the sum of many can be foretold. Otherwise it is
    /// the time that passed.
    pub lengths: Lengths,
    /// The engine does not start.
    pub fails_to_start: f64,
    /// The engine breaks while it records.
    pub breaks: f64,
    /// The engine panics while it records.
    pub panics: f64,
    /// Whoever plays the Nextcloud refuses the first round of upload tries. The engine has no part in it.
    pub refuses_upload: f64,
}

/// Where the length of a synthetic recording comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lengths {
    /// From the clock.
    Measured,
    /// From the seed: [`Plan::seconds`].
    Drawn,
}

impl Default for Plan {
    /// Everything goes well.
    fn default() -> Self {
        Self {
            seed: 0,
            bring_up: Duration::from_millis(300),
            wind_down: Duration::from_millis(200),
            bytes: 4096,
            lengths: Lengths::Measured,
            fails_to_start: 0.0,
            breaks: 0.0,
            panics: 0.0,
            refuses_upload: 0.0,
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lengths = match self.lengths {
            Lengths::Measured => "measured",
            Lengths::Drawn => "drawn",
        };
        let (bring_up, wind_down) = (self.bring_up.as_millis(), self.wind_down.as_millis());
        let Self { seed, bytes, fails_to_start, breaks, panics, refuses_upload, .. } = self;
        write!(
            formatter,
            "seed={seed} bring_up_ms={bring_up} wind_down_ms={wind_down} bytes={bytes} lengths={lengths} \
             fails_to_start={fails_to_start} breaks={breaks} panics={panics} refuses_upload={refuses_upload}"
        )
    }
}

/// Why a text is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}`: a plan is a list of seed=N, bring_up_ms=N, wind_down_ms=N, bytes=N, lengths=measured or drawn, and of the \
     chances fails_to_start, breaks, panics and refuses_upload, such as breaks=0.01"
)]
pub struct NoPlan(String);

impl FromStr for Plan {
    type Err = NoPlan;

    fn from_str(text: &str) -> Result<Self, NoPlan> {
        let mut plan = Self::default();
        for word in text.split_whitespace() {
            plan.set(word).ok_or_else(|| NoPlan(word.to_owned()))?;
        }
        Ok(plan)
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
    fn set(&mut self, word: &str) -> Option<()> {
        let (name, value) = word.split_once('=')?;
        let milliseconds = || value.parse().ok().map(Duration::from_millis);
        let chance = || value.parse().ok().filter(|chance| (0.0..=1.0).contains(chance));
        match name {
            "seed" => self.seed = value.parse().ok()?,
            "bring_up_ms" => self.bring_up = milliseconds()?,
            "wind_down_ms" => self.wind_down = milliseconds()?,
            "bytes" => self.bytes = value.parse().ok()?,
            "lengths" if value == "drawn" => self.lengths = Lengths::Drawn,
            "lengths" if value == "measured" => self.lengths = Lengths::Measured,
            "fails_to_start" => self.fails_to_start = chance()?,
            "breaks" => self.breaks = chance()?,
            "panics" => self.panics = chance()?,
            "refuses_upload" => self.refuses_upload = chance()?,
            _ => return None,
        }
        Some(())
    }

    /// The length that the `number`th recording claims where lengths are drawn: up to 64 s, in sixteenths, so that
    /// sums of them are exact.
    pub fn seconds(&self, number: u64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "the value has 10 bits")]
        let sixteenths = (mix(self.seed ^ mix(number ^ LENGTH)) & 1023) as f64;
        sixteenths / 16.0
    }

    /// Whether the first round of upload tries of the `number`th recording is refused.
    pub fn refuses(&self, number: u64) -> bool {
        lot(self.seed, number ^ UPLOAD) < self.refuses_upload
    }

    /// The fate of the `number`th recording, counted from 0.
    pub fn fate(&self, number: u64) -> Fate {
        let lot = lot(self.seed, number);
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

/// A number from 0 to 1.
fn lot(seed: u64, number: u64) -> f64 {
    // 53 random bits make a fraction that a double holds exactly.
    #[expect(clippy::cast_precision_loss, reason = "the value has 53 bits")]
    let lot = (mix(seed ^ mix(number)) >> 11) as f64 / (1_u64 << 53) as f64;
    lot
}

/// The finaliser of SplitMix64: spreads near numbers far apart.
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

/// The owner of the recording that has this number in the plan.
pub fn owner_of(number: u64) -> String {
    format!("{NUMBERED}{number}")
}

/// The number that a recording has in the plan, by its owner.
pub fn number_of(order: &Order) -> Option<u64> {
    order.owner.strip_prefix(NUMBERED)?.parse().ok()
}

/// What the media of a synthetic recording holds: the head of a WebM, and bytes that no other recording has.
pub fn media_of(id: RecordingId, bytes: usize) -> Vec<u8> {
    let seed = id.to_string().bytes().fold(0, |seed, byte| mix(seed ^ u64::from(byte)));
    let noise = (0..bytes as u64).map(|position| mix(seed ^ position).to_le_bytes()[0]);
    WEBM_HEAD.iter().copied().chain(noise).collect()
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

    /// The number of a recording in the plan: that in the name of its owner, if there is one, else the next.
    fn number_of(&self, job: &Job) -> u64 {
        number_of(&job.order).unwrap_or_else(|| self.drawn.fetch_add(1, Ordering::Relaxed))
    }

    async fn write_media(&self, job: &Job) -> Result<(), EngineError> {
        let path = job.directory.join("media.webm");
        let written = fs::write(&path, media_of(job.id, self.plan.bytes)).await;
        written.map_err(|error| EngineError::new("synthetic", error))
    }
}

#[async_trait]
impl Engine for Synthetic {
    async fn record(&self, job: &Job, cues: Cues) -> Result<Take, EngineError> {
        let number = self.number_of(job);
        let fate = self.plan.fate(number);
        tokio::select! {
            () = sleep(self.plan.bring_up) => {}
            () = cues.stop_asked() => return Ok(Take { seconds: 0.0 }),
        }
        if fate == Fate::FailsToStart {
            return Err(EngineError::new("synthetic", "was told not to start"));
        }
        self.write_media(job).await?;
        cues.give(Cue::Rolling);
        cues.give(Cue::Encoding { speed: 1.0, dropped_frames: 0 });
        let rolling_since = Instant::now();
        match fate {
            Fate::Breaks => return Err(EngineError::new("synthetic", "was told to break")),
            #[expect(clippy::panic, reason = "the plan asks for it, to show that a recorder survives it")]
            Fate::Panics => panic!("{PLANNED_PANIC}"),
            Fate::Records | Fate::FailsToStart => {}
        }
        cues.stop_asked().await;
        let seconds = match self.plan.lengths {
            Lengths::Measured => rolling_since.elapsed().as_secs_f64(),
            Lengths::Drawn => self.plan.seconds(number),
        };
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
    fn a_plan_is_read_from_text() {
        let text = "seed=7 bring_up_ms=5 wind_down_ms=0 bytes=10 lengths=drawn breaks=0.25 refuses_upload=1";
        let plan = Plan {
            seed: 7,
            bring_up: Duration::from_millis(5),
            wind_down: Duration::ZERO,
            bytes: 10,
            lengths: Lengths::Drawn,
            breaks: 0.25,
            refuses_upload: 1.0,
            ..Plan::default()
        };
        assert_eq!(text.parse(), Ok(plan));
        assert_eq!("".parse(), Ok(Plan::default()));
        assert_eq!(plan.to_string().parse(), Ok(plan));
        for bad in ["seed", "seed=x", "breaks=1.5", "breaks=-1", "breaks=NaN", "colour=red", "lengths=long"] {
            assert_eq!(bad.parse::<Plan>(), Err(NoPlan(bad.to_owned())));
        }
    }

    #[test]
    fn drawn_lengths_are_sixteenths_of_a_second_and_differ() {
        let plan = Plan { seed: 7, ..Plan::default() };
        let lengths: Vec<f64> = (0..100).map(|number| plan.seconds(number)).collect();
        assert!(lengths.iter().all(|length| (0.0..64.0).contains(length) && (length * 16.0).fract() == 0.0));
        assert!(lengths.windows(2).any(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn an_owner_leads_back_to_its_number() {
        let order = |owner: &str| Order { owner: owner.to_owned(), ..crate::testing::order() };
        assert_eq!(number_of(&order(&owner_of(42))), Some(42));
        assert_eq!(number_of(&order("alice")), None);
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
