//! Whether a Nextcloud is there and takes the recording secret: a notice of a kind that Talk does not know. Talk looks at
//! the signature first, and at the kind after that, so that the refusal of the kind says that the secret fits.

use std::{sync::Arc, time::Duration};

use actors::ports::Refusal;
use serde_json::json;

use super::{
    Nextcloud,
    patience::{Patience, send},
    refusal::{self, Ocs},
};

/// Somebody waits before a screen.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

impl Nextcloud {
    /// Asks once, since Nextcloud counts a wrong signature as an attack. Nothing changes there.
    ///
    /// # Errors
    /// Why no recording of this Nextcloud would succeed: not reachable, Talk is missing, or the secret is another one.
    pub(crate) async fn probe(&self, base: &str) -> Result<(), Refusal> {
        let body = json!({ "type": "check" }).to_string();
        let request =
            self.post(base, "backend", body.as_bytes()).header("Content-Type", "application/json").body(body);
        let answer = send(request, Arc::new(Patience::without_body(ANSWER_TIMEOUT))).await?;
        match Ocs::of(&answer).and_then(|ocs| ocs.word).as_deref() {
            Some("unknown_type") => Ok(()),
            _ => refusal::of_notice(&answer),
        }
    }
}
