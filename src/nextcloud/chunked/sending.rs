//! Sending the chunks, one after the other.

use tokio::time::sleep;

use super::{
    PAUSES, Trouble, Upload,
    answers::Sent,
    plan::{self, Chunk},
};

impl Upload<'_> {
    /// Sends what is not there yet.
    pub(super) async fn send_chunks(&mut self) -> Result<(), Trouble> {
        let media_bytes = self.memo.media_bytes;
        if let Some(last) = self.memo.progress.last().filter(|_| self.resumed)
            && self.folder().length_of(last.number).await? != Some(last.bytes)
        {
            return Err(Trouble::Lost("the chunks that were sent earlier are not there any more".to_owned()));
        }
        let mut size = plan::chunk_size(self.nextcloud.experience.chunk_size(), media_bytes);
        while let Some(chunk) = self.memo.progress.next(size, media_bytes) {
            match self.deliver(chunk).await? {
                Sent::Accepted => {
                    self.resumed = false;
                    self.nextcloud.experience.folder_works();
                    self.memo.progress.accept(chunk);
                    self.memo.write(self.delivery).await;
                }
                Sent::TooLarge(refusal) => {
                    size = plan::halved(chunk.bytes).ok_or(refusal)?;
                    log::info!(room:% = self.delivery.order.room, bytes = size;
                        "a proxy refuses larger chunks, smaller ones are sent");
                    self.nextcloud.experience.remember_chunk_size(size);
                }
                Sent::Refused(reason) => return Err(Trouble::Unfit(reason)),
            }
        }
        Ok(())
    }

    /// Sends a chunk, a few times if need be. Where it may be there already it is looked at first.
    async fn deliver(&self, chunk: Chunk) -> Result<Sent, Trouble> {
        let (mut pauses, mut may_be_there) = (PAUSES.iter(), self.resumed);
        loop {
            let outcome = self.deliver_once(chunk, may_be_there).await;
            let is_worth_a_try = match &outcome {
                Ok(sent) => matches!(sent, Sent::Refused(_)),
                Err(trouble) => trouble.may_pass(),
            };
            match pauses.next() {
                Some(pause) if is_worth_a_try => sleep(*pause).await,
                _ => return outcome,
            }
            may_be_there = true;
        }
    }

    async fn deliver_once(&self, chunk: Chunk, may_be_there: bool) -> Result<Sent, Trouble> {
        let folder = self.folder();
        if may_be_there {
            match folder.length_of(chunk.number).await? {
                Some(bytes) if bytes == chunk.bytes => return Ok(Sent::Accepted),
                Some(_) => folder.remove_chunk(chunk.number).await?,
                None => {}
            }
        }
        folder.put(chunk, self.delivery).await
    }
}
