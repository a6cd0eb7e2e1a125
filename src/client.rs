//! The HTTP client of a backend: how its Nextcloud, and the signaling server beside it, are reached and trusted.
//!
//! Redirects are not followed and no cookie is kept: a POST that is redirected loses its body. A request has no time
//! limit but the one for its connection: whoever sends it sets one that fits.

use std::{
    collections::HashMap,
    error::Error,
    fs, mem,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use actors::ids::BackendId;
use reqwest::{Certificate, Client, Response, redirect::Policy};

use crate::config::BackendSettings;

/// How long a connection may take, name resolution and TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a backend has no client.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The file with its own certificates.
    #[error("cafile {path} of backend {backend}: {cause}; it must hold certificates in PEM form", path = path.display())]
    CaFile {
        /// Whose.
        backend: BackendId,
        /// Which file.
        path: PathBuf,
        /// What was wrong with it.
        cause: String,
    },
    /// TLS could not be set up.
    #[error("no HTTP client for backend {backend}: {cause}; is the package ca-certificates installed?")]
    Client {
        /// Whose.
        backend: BackendId,
        /// What was wrong.
        cause: String,
    },
}

/// The clients of all backends. Those that trust the same certificates share one, since each holds every authority
/// that the system trusts: some MiB. Copies of this share the same clients.
#[derive(Debug, Clone, Default)]
pub struct Clients(Arc<Mutex<HashMap<Trust, Client>>>);

/// What a client believes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Trust {
    ca_file: Option<PathBuf>,
    skip_verify: bool,
}

impl Clients {
    /// A client with the settings of a backend.
    ///
    /// # Errors
    /// When its certificates cannot be read, or the system has none.
    pub(crate) fn for_backend(
        &self,
        backend: &BackendId,
        settings: &BackendSettings,
    ) -> Result<Client, SetupError> {
        let trust = Trust { ca_file: settings.ca_file.clone(), skip_verify: settings.skip_verify };
        let mut clients = self.locked();
        if let Some(client) = clients.get(&trust) {
            return Ok(client.clone());
        }
        let client = make(backend, settings)?;
        clients.insert(trust, client.clone());
        Ok(client)
    }

    /// From now on these are handed out, which have read their certificates later.
    pub(crate) fn renew(&self, fresh: &Self) {
        let fresh = mem::take(&mut *fresh.locked());
        *self.locked() = fresh;
    }

    /// No code that holds the lock can panic half-way through a change.
    fn locked(&self) -> MutexGuard<'_, HashMap<Trust, Client>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make(backend: &BackendId, settings: &BackendSettings) -> Result<Client, SetupError> {
    let mut builder = Client::builder()
        .user_agent(concat!("talk-recorder/", env!("CARGO_PKG_VERSION")))
        // A WebSocket begins as a request of HTTP/1.1.
        .http1_only()
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(Policy::none())
        .tls_danger_accept_invalid_certs(settings.skip_verify);
    if let Some(path) = &settings.ca_file {
        for certificate in read_certificates(backend, path)? {
            builder = builder.add_root_certificate(certificate);
        }
    }
    builder.build().map_err(|error| SetupError::Client { backend: backend.clone(), cause: chain(&error) })
}

fn read_certificates(backend: &BackendId, path: &PathBuf) -> Result<Vec<Certificate>, SetupError> {
    let unusable = |cause: String| SetupError::CaFile { backend: backend.clone(), path: path.clone(), cause };
    let text = fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let certificates = Certificate::from_pem_bundle(&text).map_err(|error| unusable(chain(&error)))?;
    if certificates.is_empty() { Err(unusable("no certificate in it".to_owned())) } else { Ok(certificates) }
}

/// Reads a body up to a length in bytes. What came before an error, or before this was dropped, is in `body`.
///
/// # Errors
/// When the body breaks off.
pub(crate) async fn read_beginning(
    mut answer: Response,
    longest: usize,
    body: &mut Vec<u8>,
) -> reqwest::Result<()> {
    while body.len() < longest {
        let Some(piece) = answer.chunk().await? else { break };
        body.extend_from_slice(&piece);
    }
    body.truncate(longest);
    Ok(())
}

/// An error with all its causes: the outer one alone seldom says what happened.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
