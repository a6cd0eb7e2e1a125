//! The classic upload: one multipart POST to `…/recording/{token}/store`, streamed from disk.

use std::{sync::Arc, time::Duration};

use actors::ports::{Delivery, Refusal};
use futures_util::TryStreamExt;
use reqwest::{
    Body,
    multipart::{Form, Part},
};
use tokio::fs::File;
use tokio_util::io::ReaderStream;

use super::{
    Nextcloud,
    patience::{Patience, send},
    refusal,
};

/// Bytes read from disk at a time. Smaller pieces cost more than they save: 4 KiB is fourteen times slower
/// than 64 KiB over loopback, 1 MiB twice as fast again.
const PIECE: usize = 256 * 1024;
/// The longest pause while the file is being sent.
const IDLE_TIMEOUT: Duration = Duration::from_mins(2);
/// From the last byte to the answer: Nextcloud copies the file to the owner's storage meanwhile.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(15);

pub(super) async fn store(nextcloud: &Nextcloud, delivery: &Delivery) -> Result<(), Refusal> {
    let patience = Arc::new(Patience::with_body(IDLE_TIMEOUT, ANSWER_TIMEOUT));
    let file = file_part(delivery, &patience)
        .await
        .map_err(|error| Refusal::Transient(format!("{}: {error}", delivery.media.display())))?;
    let form = Form::new().text("owner", delivery.order.owner.clone()).part("file", file);
    let room = delivery.order.room.as_str();
    let request = nextcloud.post(&delivery.order, &format!("{room}/store"), room.as_bytes()).multipart(form);
    let answer = send(request, patience).await?;
    refusal::of_upload(&answer)
}

async fn file_part(delivery: &Delivery, patience: &Arc<Patience>) -> std::io::Result<Part> {
    let file = File::open(&delivery.media).await?;
    let length = file.metadata().await?.len();
    patience.expect_bytes(length);
    let progress = Arc::clone(patience);
    let pieces = ReaderStream::with_capacity(file, PIECE).inspect_ok(move |piece| progress.sent(piece.len()));
    let body = Body::wrap_stream(pieces);
    Ok(Part::stream_with_length(body, length).file_name(delivery.file_name.clone()))
}
