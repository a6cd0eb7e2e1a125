//! Looks and listens beside the encoder, so that a recording of nothing is told and a display or a sound server that
//! hangs is named.

use std::time::Duration;

use actors::ports::{Cue, Cues, EngineError};
use tokio::time::Instant;

use super::{
    audio,
    display::{self, Size},
    ear::{Ear, Heard},
    picture::{self, Eye},
    signs::{Change, Impression, Judge, Picture, end_reason},
};
use crate::config::Limits;

/// A display or a sound server that has not answered for so long hangs.
const LONGEST_SILENCE: Duration = Duration::from_secs(20);
const LONGEST_TIME_BETWEEN_LOOKS: Duration = Duration::from_secs(20);
/// So many looks lie within the time after which a sign is told.
const LOOKS_FOR_A_SIGN: u32 = 4;
/// How long it is listened at a stretch, and what lies between a look that failed and the next one.
const ROUND: Duration = Duration::from_secs(1);

/// What is looked at and listened to.
#[derive(Debug)]
pub(super) struct Lookout<'a> {
    /// The screen and the size of the picture on it, if a picture is recorded.
    pub(super) eye: Option<(Eye, Size)>,
    /// The sound.
    pub(super) ear: Ear,
    /// What an operator should be told.
    pub(super) limits: &'a Limits,
}

impl Lookout<'_> {
    /// Gives a cue at every sign that comes or goes. Returns when the display or the sound server hangs.
    pub(super) async fn watch(mut self, cues: &Cues) -> EngineError {
        let pause = time_between_looks(self.limits.warn_after);
        let mut judge = self.limits.warn_after.map(|patience| Judge::new(patience, Instant::now()));
        let (mut sound, mut sight) = (Silence::default(), Silence::default());
        let mut heard = Heard::Nothing;
        let mut next_look = Instant::now() + pause;
        loop {
            let begun = Instant::now();
            let end = next_look.min(begun + ROUND);
            let heard_now = self.ear.listen(end).await;
            if let Some(seconds) = sound.note(heard_now != Heard::Nothing, end - begun) {
                return audio::hangs(format!("not for {seconds} s"));
            }
            heard = heard.max(heard_now);
            if Instant::now() < next_look {
                continue;
            }
            let begun = Instant::now();
            let picture = self.picture().await;
            let now = Instant::now();
            if let Some(seconds) = sight.note(picture.is_ok(), ROUND + (now - begun).min(picture::PATIENCE)) {
                return display::hangs(format!("not for {seconds} s"));
            }
            let Ok(picture) = picture else {
                next_look = now + ROUND;
                continue;
            };
            next_look = now + pause;
            let heard = std::mem::replace(&mut heard, Heard::Nothing);
            if let Some(judge) = &mut judge
                && heard != Heard::Nothing
            {
                let seen = Impression { picture, silent: heard == Heard::Silence };
                self.tell(&judge.look(now, &seen), cues);
            }
        }
    }

    fn tell(&self, changes: &[Change], cues: &Cues) {
        for change in changes {
            cues.give(Cue::Sign { sign: change.sign, seen: change.seen });
            if change.seen && self.limits.end_when.contains(&change.sign) {
                cues.give(Cue::End(end_reason(change.sign)));
            }
        }
    }

    /// The picture, where there is one.
    async fn picture(&self) -> std::io::Result<Option<Picture>> {
        match &self.eye {
            Some((eye, size)) => eye.look(*size).await.map(Some),
            None => Ok(None),
        }
    }
}

/// How long something has not answered, from its first missing answer on.
///
/// Counted, not measured: a server that was itself held up blames nobody.
#[derive(Debug, Default)]
struct Silence(Duration);

impl Silence {
    /// Takes in whether it answered when it was waited for so long. Says how many seconds it has not, if that is too
    /// long.
    fn note(&mut self, answered: bool, waited: Duration) -> Option<u64> {
        self.0 = if answered { Duration::ZERO } else { self.0 + waited };
        (self.0 >= LONGEST_SILENCE).then_some(self.0.as_secs())
    }
}

fn time_between_looks(warn_after: Option<Duration>) -> Duration {
    let wanted = warn_after.map_or(LONGEST_TIME_BETWEEN_LOOKS, |patience| patience / LOOKS_FOR_A_SIGN);
    wanted.clamp(Duration::from_secs(1), LONGEST_TIME_BETWEEN_LOOKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_answers_again_in_time_does_not_hang() {
        let a_failed_look = ROUND + picture::PATIENCE;
        let mut display = Silence::default();
        assert_eq!(display.note(true, LONGEST_TIME_BETWEEN_LOOKS), None);
        for _ in 0..2 {
            for _ in 0..4 {
                assert_eq!(display.note(false, a_failed_look), None);
            }
            assert_eq!(display.note(true, ROUND), None);
        }
        for _ in 0..4 {
            assert_eq!(display.note(false, a_failed_look), None);
        }
        assert_eq!(display.note(false, a_failed_look), Some(20));
    }

    #[test]
    fn there_are_a_few_looks_before_a_warning_and_never_many_a_minute() {
        let between = |seconds| time_between_looks(Some(Duration::from_secs(seconds)));
        assert_eq!(time_between_looks(None), LONGEST_TIME_BETWEEN_LOOKS);
        assert_eq!(between(600), LONGEST_TIME_BETWEEN_LOOKS);
        assert_eq!(between(20), Duration::from_secs(5));
        assert_eq!(between(1), Duration::from_secs(1));
    }
}
