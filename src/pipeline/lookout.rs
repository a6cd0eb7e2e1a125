//! Looks and listens beside the encoder, so that a recording of nothing is told and a display or a sound server that
//! hangs is named.

use std::time::Duration;

use actors::ports::{Cue, Cues, EngineError};
use tokio::time::Instant;

use super::{
    audio,
    display::{self, Size},
    ear::{Ear, Heard},
    picture::Eye,
    signs::{Impression, Judge, Picture, end_reason},
};
use crate::config::Limits;

/// A display or a sound server that does not answer for so long hangs.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
const LONGEST_TIME_BETWEEN_LOOKS: Duration = Duration::from_secs(20);
/// So many looks lie within the time after which a sign is told.
const LOOKS_FOR_A_SIGN: u32 = 4;

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
        let (mut last_heard, mut last_seen) = (Instant::now(), Instant::now());
        loop {
            let next = Instant::now() + pause;
            let heard = self.ear.listen(next).await;
            let picture = self.picture().await;
            let now = Instant::now();
            if heard != Heard::Nothing {
                last_heard = now;
            }
            if picture.is_ok() {
                last_seen = now;
            }
            if now - last_seen >= LONGEST_PAUSE {
                return display::hangs(format!("not for {} s", (now - last_seen).as_secs()));
            }
            if now - last_heard >= LONGEST_PAUSE {
                return audio::hangs(format!("not for {} s", (now - last_heard).as_secs()));
            }
            let (Some(judge), Ok(picture)) = (&mut judge, picture) else { continue };
            if heard == Heard::Nothing {
                continue;
            }
            for change in judge.look(now, &Impression { picture, silent: heard == Heard::Silence }) {
                cues.give(Cue::Sign { sign: change.sign, seen: change.seen });
                if change.seen && self.limits.end_when.contains(&change.sign) {
                    cues.give(Cue::End(end_reason(change.sign)));
                }
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

fn time_between_looks(warn_after: Option<Duration>) -> Duration {
    let wanted = warn_after.map_or(LONGEST_TIME_BETWEEN_LOOKS, |patience| patience / LOOKS_FOR_A_SIGN);
    wanted.clamp(Duration::from_secs(1), LONGEST_TIME_BETWEEN_LOOKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_a_few_looks_before_a_warning_and_never_many_a_minute() {
        let between = |seconds| time_between_looks(Some(Duration::from_secs(seconds)));
        assert_eq!(time_between_looks(None), LONGEST_TIME_BETWEEN_LOOKS);
        assert_eq!(between(600), LONGEST_TIME_BETWEEN_LOOKS);
        assert_eq!(between(20), Duration::from_secs(5));
        assert_eq!(between(1), Duration::from_secs(1));
    }
}
