//! The upload in one piece: one multipart POST to `…/recording/{token}/store`, streamed from disk.

use std::{sync::Arc, time::Duration};

use actors::ports::{Delivery, Refusal};
use reqwest::multipart::{Form, Part};

use super::{
    Nextcloud, media,
    patience::{Patience, send},
    refusal,
};

/// The longest pause while the file is being sent.
const IDLE_TIMEOUT: Duration = Duration::from_mins(2);
/// From the last byte to the answer: Nextcloud copies the file to the owner's storage meanwhile.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(15);

pub(super) async fn store(nextcloud: &Nextcloud, delivery: &Delivery) -> Result<(), Refusal> {
    let patience = Arc::new(Patience::with_body(IDLE_TIMEOUT, ANSWER_TIMEOUT));
    let length = media::length(delivery).await?;
    let body = media::body(delivery, 0, length, &patience).await?;
    let file = Part::stream_with_length(body, length).file_name(delivery.file_name.clone());
    let form = Form::new().text("owner", delivery.order.owner.clone()).part("file", file);
    let room = delivery.order.room.as_str();
    let request =
        nextcloud.post(&delivery.order.nextcloud, &format!("{room}/store"), room.as_bytes()).multipart(form);
    let answer = send(request, patience).await?;
    refusal::of_upload(&answer)
}
