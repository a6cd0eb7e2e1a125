//! Putting the chunks together: one MOVE, which may take Nextcloud minutes, and whose answer gets lost more easily
//! than any other.

use std::time::Duration;

use actors::ports::Refusal;
use jiff::Timestamp;
use tokio::time::sleep;

use super::{
    PAUSES, Trouble, Upload,
    answers::Joined,
    memo::{Joint, Stage},
};

/// So many names are tried when there is a file of the same name already.
const MOST_NAMES: u32 = 9;
/// After a MOVE whose answer was lost, so long may Nextcloud be at work before it is told again …
const SETTLING: Duration = Duration::from_secs(8);
/// … and so much longer for each MiB: five times what was seen on two slow cores.
const SETTLING_PER_MIB: Duration = Duration::from_millis(100);
/// The longest pause between two looks.
const LONGEST_LOOK_PAUSE: Duration = Duration::from_secs(15);

impl Upload<'_> {
    /// Has the chunks put together, after a few tries if need be.
    pub(super) async fn join_chunks(&mut self) -> Result<Joint, Trouble> {
        let mut pauses = PAUSES.iter();
        loop {
            let outcome = match self.settle().await {
                Ok(None) => self.join_under_a_free_name().await,
                Ok(Some(joint)) => Ok(joint),
                Err(trouble) => Err(trouble),
            };
            match pauses.next() {
                Some(pause) if outcome.as_ref().is_err_and(Trouble::may_pass) => sleep(*pause).await,
                _ => return outcome,
            }
        }
    }

    /// Whether the chunks are put together already. After a MOVE whose answer is not known, a chunk that is still
    /// there means that Nextcloud is at it, or has not begun.
    async fn settle(&mut self) -> Result<Option<Joint>, Trouble> {
        let (name, until) = match self.memo.stage.clone() {
            Stage::Sending => return Ok(None),
            Stage::Joined(joint) => return Ok(Some(joint)),
            Stage::Joining { name, until } => (name, until),
        };
        let mut pause = Duration::from_secs(1);
        while self.folder().length_of(1).await?.is_some() {
            let left = Duration::try_from(until.duration_since(Timestamp::now())).unwrap_or_default();
            if left.is_zero() {
                return Ok(None);
            }
            sleep(pause.min(left)).await;
            pause = (pause * 2).min(LONGEST_LOOK_PAUSE);
        }
        Ok(Some(self.joined(name, false).await))
    }

    async fn join_under_a_free_name(&mut self) -> Result<Joint, Trouble> {
        let mut refused = String::new();
        for number in 1..=MOST_NAMES {
            let name = numbered(&self.memo.share.file_name, number);
            let until = Timestamp::now() + settling_time(self.memo.media_bytes);
            self.enter(Stage::Joining { name: name.clone(), until }).await;
            match self.folder().join(&name).await {
                Ok(Joined::Done) => return Ok(self.joined(name, true).await),
                Ok(Joined::Gone) => return Ok(self.joined(name, false).await),
                Ok(Joined::Refused(reason)) => refused = reason,
                Err(trouble) => {
                    if !matches!(trouble, Trouble::Refused(Refusal::Unanswered(_))) {
                        // It said that it is not at work.
                        self.enter(Stage::Joining { name, until: Timestamp::now() }).await;
                    }
                    return Err(trouble);
                }
            }
        }
        Err(Trouble::Unfit(format!("{refused}: no name is free, or the share takes no files")))
    }

    async fn joined(&mut self, name: String, acknowledged: bool) -> Joint {
        self.nextcloud.experience.folder_works();
        let joint = Joint { name, acknowledged };
        self.enter(Stage::Joined(joint.clone())).await;
        joint
    }

    async fn enter(&mut self, stage: Stage) {
        self.memo.stage = stage;
        self.memo.write(self.delivery).await;
    }
}

/// How long Nextcloud may be at work after a MOVE whose answer was lost.
fn settling_time(bytes: u64) -> Duration {
    let mebibytes = u32::try_from(bytes >> 20).unwrap_or(u32::MAX);
    SETTLING + SETTLING_PER_MIB.saturating_mul(mebibytes)
}

/// `name.webm` is the first of its name, then comes `name (2).webm`.
fn numbered(file_name: &str, number: u32) -> String {
    match (number, file_name.rsplit_once('.')) {
        (1, _) => file_name.to_owned(),
        (_, Some((stem, extension))) => format!("{stem} ({number}).{extension}"),
        (_, None) => format!("{file_name} ({number})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_further_file_of_a_name_is_numbered_before_its_extension() {
        assert_eq!(numbered("Recording 1.2.webm", 1), "Recording 1.2.webm");
        assert_eq!(numbered("Recording 1.2.webm", 3), "Recording 1.2 (3).webm");
        assert_eq!(numbered("recording", 2), "recording (2)");
    }

    #[test]
    fn a_lost_move_is_awaited_for_longer_than_it_takes() {
        assert_eq!(settling_time(400 << 20), Duration::from_secs(48));
        assert_eq!(settling_time(10 << 30), Duration::from_secs(1032));
    }
}
