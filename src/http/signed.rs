//! Authenticating a request: which Nextcloud sends it, and did it really?
//!
//! The checks stand in the order in which the protocol lists them. The body is read only when the backend is
//! known, because the backend says how long it may be.

use std::{net::IpAddr, time::Duration};

use actix_web::{
    HttpRequest,
    http::{StatusCode, header::CONTENT_LENGTH},
    web::{Bytes, Payload},
};
use actors::ids::BackendId;
use tokio::time::timeout;

use crate::{
    config::{BackendSettings, Config},
    signature::{CHECKSUM_HEADER, RANDOM_HEADER, Signature},
};

const BACKEND_HEADER: &str = "Talk-Recording-Backend";
/// How long a client may take to send a body of some hundred bytes.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A request that is what it says.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) backend: BackendId,
    /// The backend's URL as it wrote it, without trailing slash: where its answers go.
    pub(super) nextcloud: String,
    pub(super) body: Bytes,
}

/// Why a request is not heard.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Rejection {
    #[error("header {0} is missing")]
    MissingHeader(&'static str),
    #[error("no backend with the URL {0} is configured")]
    UnknownBackend(String),
    #[error("the body is empty")]
    EmptyBody,
    #[error("the body is longer than the {limit} bytes of maxmessagesize")]
    LongBody { limit: usize },
    #[error("the body did not arrive")]
    BrokenBody,
    #[error("the checksum does not fit: is the recording secret the same on both sides?")]
    Checksum,
}

impl Rejection {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::MissingHeader(_) | Self::UnknownBackend(_) | Self::Checksum => StatusCode::FORBIDDEN,
            Self::EmptyBody | Self::LongBody { .. } | Self::BrokenBody => StatusCode::BAD_REQUEST,
        }
    }

    pub(super) fn log(&self, client: IpAddr) {
        log::warn!(client:%, reason:% = self; "request refused");
    }
}

/// Reads and authenticates a request.
pub(super) async fn authenticate(
    request: &HttpRequest,
    payload: Payload,
    config: &Config,
) -> Result<Signed, Rejection> {
    let url = header(request, BACKEND_HEADER)?;
    let nextcloud = url.trim_end_matches('/').to_owned();
    let found =
        config.backends.find(&nextcloud).ok_or_else(|| Rejection::UnknownBackend(printable(&nextcloud)))?;
    let random = header(request, RANDOM_HEADER)?.to_owned();
    let checksum = header(request, CHECKSUM_HEADER)?.to_owned();
    let body = read_body(request, payload, found.settings).await?;
    let signature = Signature { random, checksum };
    if signature.verifies(&found.settings.secret, &body) {
        Ok(Signed { backend: found.id, nextcloud, body })
    } else {
        Err(Rejection::Checksum)
    }
}

fn header<'a>(request: &'a HttpRequest, name: &'static str) -> Result<&'a str, Rejection> {
    let value = request.headers().get(name).and_then(|value| value.to_str().ok());
    value.filter(|value| !value.is_empty()).ok_or(Rejection::MissingHeader(name))
}

async fn read_body(
    request: &HttpRequest,
    payload: Payload,
    settings: &BackendSettings,
) -> Result<Bytes, Rejection> {
    let limit = settings.max_message_size;
    let announced =
        request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > limit as u64) {
        return Err(Rejection::LongBody { limit });
    }
    let read = timeout(BODY_TIMEOUT, payload.to_bytes_limited(limit)).await;
    let body = read.map_err(|_| Rejection::BrokenBody)?;
    let body = body.map_err(|_| Rejection::LongBody { limit })?.map_err(|_| Rejection::BrokenBody)?;
    if body.is_empty() { Err(Rejection::EmptyBody) } else { Ok(body) }
}

/// The beginning of what a stranger wrote, fit for a log.
fn printable(text: &str) -> String {
    text.chars().take(200).flat_map(char::escape_default).collect()
}
