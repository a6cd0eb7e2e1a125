//! The share that Talk opens for one upload: a folder of the owner into which files may be put, behind a password,
//! for a day. It is asked for before the first chunk and closed by Talk when the file is handed in.

use std::{sync::Arc, time::Duration};

use actors::ports::Delivery;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};

use super::{
    super::{
        Nextcloud,
        patience::{Answer, Patience, send},
    },
    Trouble, answers,
};

/// Talk makes a share or looks at a file. Behind a brute-force throttle it takes up to 25 s.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(2);

/// Where to put the file, and the right to do so.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Share {
    #[serde(serialize_with = "exposed")]
    pub(super) token: SecretString,
    #[serde(serialize_with = "exposed")]
    pub(super) password: SecretString,
    /// The name that the file shall get.
    #[serde(rename = "fileName")]
    pub(super) file_name: String,
}

impl Share {
    /// Asks Talk for one.
    pub(super) async fn request(nextcloud: &Nextcloud, delivery: &Delivery) -> Result<Self, Trouble> {
        let answer = ask(nextcloud, delivery, "request-upload", &delivery.file_name).await?;
        answers::of_request(&answer)
    }

    /// A text without the secrets of the share.
    pub(super) fn conceal(&self, text: &str) -> String {
        let mut concealed = text.to_owned();
        for secret in [&self.token, &self.password] {
            concealed = concealed.replace(secret.expose_secret(), "…");
        }
        concealed
    }
}

/// Tells Talk that the file is there: it looks for it, tells the owner and closes the share.
pub(super) async fn hand_in(
    nextcloud: &Nextcloud,
    delivery: &Delivery,
    file_name: &str,
) -> Result<Answer, Trouble> {
    ask(nextcloud, delivery, "store", file_name).await
}

async fn ask(
    nextcloud: &Nextcloud,
    delivery: &Delivery,
    path: &str,
    file_name: &str,
) -> Result<Answer, Trouble> {
    let order = &delivery.order;
    let body: Value = json!({ "owner": order.owner, "fileName": file_name });
    let room = order.room.as_str();
    let request = nextcloud.post(&order.nextcloud, &format!("{room}/{path}"), room.as_bytes()).json(&body);
    Ok(send(request, Arc::new(Patience::without_body(ANSWER_TIMEOUT))).await?)
}

/// For the memo, which only the server's user may read.
fn exposed<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_debug_output_nor_a_concealed_text_has_a_secret() {
        let share =
            Share { token: "sHaReToKeN".into(), password: "pAsSwOrD".into(), file_name: "a.webm".to_owned() };
        let concealed = share.conceal("uploads/sHaReToKeN with pAsSwOrD");
        assert_eq!(concealed, "uploads/… with …");
        let debug = format!("{share:?}");
        assert!(!debug.contains("sHaReToKeN") && !debug.contains("pAsSwOrD"), "{debug}");
    }
}
