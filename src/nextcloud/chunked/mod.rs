//! The upload in chunks: Talk opens a share, the file goes there piece by piece, and is handed in.
//!
//! ```text
//! request-upload ─► MKCOL ─► PUT 1 … PUT n ─► MOVE ─► store
//!                     ▲                                │
//!                     └── begin anew: the directory, the share or the file is gone
//! ```
//!
//! What always holds:
//! - after each accepted chunk the [`memo`] is written, and a try goes on after the last one that it knows;
//! - what may be there already is looked at before it is sent again: Nextcloud replaces no chunk;
//! - a MOVE whose answer is not known is settled by looking, and by what Talk says when the file is handed in;
//! - an upload directory that is given up is removed, as far as Nextcloud lets us.

use std::time::Duration;

use actors::ports::{Delivery, Refusal};
use jiff::Timestamp;
use tokio::time::sleep;
use uuid::Uuid;

use self::{
    answers::Directory,
    dav::Folder,
    memo::{Memo, Stage},
    plan::Progress,
    share::Share,
};
use super::{Nextcloud, media};

mod answers;
mod dav;
mod joining;
mod memo;
mod plan;
mod sending;
mod share;

/// So often an upload is begun within one try: once where an earlier one stopped, and twice anew.
const BEGINNINGS: u32 = 3;
/// Pauses before the second and the third try of one request.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];

/// Why an upload in chunks did not succeed.
#[derive(Debug)]
pub(super) enum Trouble {
    /// For the recorder to judge. What was accepted stays for the next try.
    Refused(Refusal),
    /// The upload directory is of no use any more: begin anew.
    Lost(String),
    /// This Nextcloud does not take this file in chunks.
    Unfit(String),
    /// The folder of the share has taken nothing for some time: in one piece the file may get through. What was
    /// accepted stays for the next try.
    Stuck(String),
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Trouble {
    /// Whether the same request may succeed in a moment.
    fn may_pass(&self) -> bool {
        matches!(self, Self::Refused(Refusal::Transient(_) | Refusal::Unanswered(_)))
    }
}

/// Uploads the media, from where an earlier try stopped.
pub(super) async fn store(nextcloud: &Nextcloud, delivery: &Delivery) -> Result<(), Trouble> {
    let media_bytes = media::length(delivery).await?;
    let room = &delivery.order.room;
    let mut lost = String::new();
    for _ in 0..BEGINNINGS {
        let mut upload = match Memo::read(delivery, media_bytes).await {
            Some(memo) => {
                log::info!(room:%, bytes = memo.progress.bytes(), of = media_bytes;
                    "an upload goes on where it stopped");
                Upload { nextcloud, delivery, memo, resumed: true }
            }
            None => Upload::begin(nextcloud, delivery, media_bytes).await?,
        };
        match upload.run().await {
            Err(Trouble::Lost(reason)) => {
                log::warn!(room:%, reason; "an upload begins anew");
                upload.give_up().await;
                lost = reason;
            }
            Err(trouble @ (Trouble::Unfit(_) | Trouble::Refused(Refusal::Limit(_)))) => {
                upload.give_up().await;
                return Err(trouble);
            }
            outcome => return outcome,
        }
    }
    Err(Trouble::Unfit(lost))
}

/// Removes what an upload in chunks left, for the file came there in one piece.
pub(super) async fn clean_up(nextcloud: &Nextcloud, delivery: &Delivery) {
    let Ok(media_bytes) = media::length(delivery).await else { return };
    if let Some(memo) = Memo::read(delivery, media_bytes).await {
        Upload { nextcloud, delivery, memo, resumed: true }.give_up().await;
    }
}

/// One upload directory and what is in it.
struct Upload<'a> {
    nextcloud: &'a Nextcloud,
    delivery: &'a Delivery,
    memo: Memo,
    /// Nobody knows what became of the last request.
    resumed: bool,
}

impl<'a> Upload<'a> {
    /// Asks for a share and makes a directory there.
    async fn begin(
        nextcloud: &'a Nextcloud,
        delivery: &'a Delivery,
        media_bytes: u64,
    ) -> Result<Self, Trouble> {
        let (requested_at, share) = (Timestamp::now(), Share::request(nextcloud, delivery).await?);
        let (progress, stage) = (Progress::default(), Stage::Sending);
        let memo = Memo { media_bytes, requested_at, share, upload: String::new(), progress, stage };
        let mut upload = Self { nextcloud, delivery, memo, resumed: false };
        let made = upload.make_directory().await;
        upload.weigh(made)?;
        upload.memo.write(delivery).await;
        Ok(upload)
    }

    /// Under a new name at each try: a directory whose answer was lost would be in the way, and is removed.
    async fn make_directory(&mut self) -> Result<(), Trouble> {
        let mut pauses = PAUSES.iter();
        loop {
            self.memo.upload = new_name();
            let outcome = self.folder().make().await;
            let is_worth_a_try = match &outcome {
                Ok(directory) => *directory == Directory::Taken,
                Err(trouble) => trouble.may_pass(),
            };
            if matches!(outcome, Err(Trouble::Refused(Refusal::Unanswered(_)))) {
                self.remove_directory().await;
            }
            match (pauses.next(), outcome) {
                (Some(pause), _) if is_worth_a_try => sleep(*pause).await,
                (_, Ok(Directory::Made)) => return Ok(()),
                (_, Ok(Directory::Taken)) => {
                    return Err(Trouble::Unfit("405: no upload directory can be made".to_owned()));
                }
                (_, Err(trouble)) => return Err(trouble),
            }
        }
    }

    async fn run(&mut self) -> Result<(), Trouble> {
        if self.memo.stage == Stage::Sending {
            let sent = self.send_chunks().await;
            self.weigh(sent)?;
        }
        let joined = self.join_chunks().await;
        let joint = self.weigh(joined)?;
        let answer = share::hand_in(self.nextcloud, self.delivery, &joint.name).await?;
        answers::of_handing_in(&answer, joint.acknowledged)
    }

    /// Whether a trouble with the folder is of the kind that passes. A folder that has taken chunks of this upload is
    /// known to be fit for them.
    fn weigh<T>(&self, outcome: Result<T, Trouble>) -> Result<T, Trouble> {
        let is_known_fit = self.memo.stage == Stage::Sending && self.memo.progress.bytes() > 0;
        match outcome {
            Err(Trouble::Refused(refusal @ (Refusal::Transient(_) | Refusal::Unanswered(_))))
                if !is_known_fit && self.nextcloud.experience.folder_fails() =>
            {
                Err(Trouble::Stuck(format!("{refusal}, for some time")))
            }
            outcome => outcome,
        }
    }

    /// Removes the directory and the memo of it.
    async fn give_up(&self) {
        self.remove_directory().await;
        memo::forget(self.delivery).await;
    }

    async fn remove_directory(&self) {
        if let Err(trouble) = self.folder().remove().await {
            log::debug!(room:% = self.delivery.order.room, trouble:?; "an upload directory stays until its share ends");
        }
    }

    fn folder(&self) -> Folder<'_> {
        Folder {
            client: &self.nextcloud.client,
            nextcloud: &self.delivery.order.nextcloud,
            share: &self.memo.share,
            upload: &self.memo.upload,
            media_bytes: self.memo.media_bytes,
        }
    }
}

/// A name for an upload directory: 43 random characters, as Nextcloud's own clients choose them.
fn new_name() -> String {
    let digits = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    digits.chars().take(43).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upload_directories_have_names_that_nobody_guesses_or_repeats() {
        assert_eq!(new_name().len(), 43);
        assert_ne!(new_name(), new_name());
    }

    #[test]
    fn who_wants_to_be_left_alone_is_not_asked_again_in_a_moment() {
        let busy = Refusal::Busy { reason: "503".to_owned(), retry_after: Duration::from_mins(2) };
        assert!(!Trouble::Refused(busy).may_pass());
        assert!(Trouble::Refused(Refusal::Transient("503".to_owned())).may_pass());
        assert!(PAUSES.iter().sum::<Duration>() < Duration::from_secs(5));
    }
}
