//! A Nextcloud over HTTP: the notices and the upload of Talk's recording protocol.
//!
//! What always holds:
//! - a request has no time limit of its own, but one for the connection and one for every pause: a long upload
//!   may take hours, a silent Nextcloud may not;
//! - a file is read from disk as it is sent, a piece at a time, and goes in [`chunked`] form where Nextcloud takes it
//!   so, see [`upload`];
//! - redirects are not followed and no cookie is kept: a POST that is redirected loses its body;
//! - what a refusal means is decided in one place, [`refusal`].
//!
//! Backends that trust the same certificates share a client; nothing else is shared.

use actors::{
    ports::{Backend, Delivery, Refusal},
    recording::{Notice, Order},
};
use async_trait::async_trait;
use reqwest::{Client, RequestBuilder};
use secrecy::SecretString;

use self::upload::Experience;
use crate::{
    config::BackendSettings,
    signature::{CHECKSUM_HEADER, RANDOM_HEADER, Signature},
};

mod chunked;
mod media;
mod multipart;
mod notices;
mod patience;
mod probe;
mod refusal;
mod upload;

/// One Nextcloud.
#[derive(Debug)]
pub struct Nextcloud {
    client: Client,
    secret: SecretString,
    experience: Experience,
}

impl Nextcloud {
    /// The Nextcloud of a backend, reached by the client that fits its settings.
    pub(crate) fn new(client: Client, settings: &BackendSettings) -> Self {
        let experience = Experience::with_chunk_size(settings.upload_chunk_size);
        Self { client, secret: settings.secret.clone(), experience }
    }

    /// A signed POST to the recording API of Talk, at this base address.
    fn post(&self, nextcloud: &str, path: &str, signed: &[u8]) -> RequestBuilder {
        let signature = Signature::of(&self.secret, signed);
        let url = format!("{nextcloud}/ocs/v2.php/apps/spreed/api/v1/recording/{path}");
        self.client
            .post(url)
            .header("OCS-ApiRequest", "true")
            .header("Accept", "application/json")
            .header(RANDOM_HEADER, signature.random)
            .header(CHECKSUM_HEADER, signature.checksum)
    }
}

#[async_trait]
impl Backend for Nextcloud {
    async fn notify(&self, order: &Order, notice: &Notice) -> Result<(), Refusal> {
        notices::send_notice(self, order, notice).await
    }

    async fn store(&self, delivery: &Delivery) -> Result<(), Refusal> {
        upload::store(self, delivery).await
    }
}

/// A backend that the configuration no longer has: its recordings stay until it is back.
#[derive(Debug)]
pub struct Unconfigured;

#[async_trait]
impl Backend for Unconfigured {
    async fn notify(&self, _: &Order, _: &Notice) -> Result<(), Refusal> {
        Err(Refusal::Permanent("this backend is not configured any more".to_owned()))
    }

    async fn store(&self, delivery: &Delivery) -> Result<(), Refusal> {
        let nextcloud = &delivery.order.nextcloud;
        Err(Refusal::Transient(format!(
            "the backend of this recording ({nextcloud}) has no section in the configuration: give it one of the \
             same name, and reload or restart"
        )))
    }
}
