//! Asking a Nextcloud for the signaling server of a room, as the recording page does.
//!
//! Nextcloud chooses the server for each request. That is no matter here: either each room has one server, or all
//! servers are one cluster and tell the same.

use std::time::Duration;

use actors::recording::Order;
use reqwest::{Client, RequestBuilder};
use secrecy::SecretString;
use serde_json::Value;
use tokio::time::timeout;

use super::refusal::NotWatched;
use crate::{
    client::{chain, read_beginning},
    signature::{CHECKSUM_HEADER, RANDOM_HEADER, Signature},
};

/// Behind a brute-force throttle Nextcloud takes up to 25 s.
const PATIENCE: Duration = Duration::from_secs(40);
/// In bytes. Settings take a few thousand; what is cut off is not read.
const LONGEST_ANSWER: usize = 256 * 1024;

/// The base address of the room's signaling server.
///
/// # Errors
/// When Nextcloud cannot be asked, refuses, or has none.
pub(super) async fn server_of(
    client: &Client,
    order: &Order,
    secret: &SecretString,
) -> Result<String, NotWatched> {
    let nextcloud = &order.nextcloud;
    let asking = ask(request(client, order, secret));
    let (status, body) = match timeout(PATIENCE, asking).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            return Err(NotWatched::ForNow(format!("{nextcloud}: {}", chain(&error.without_url()))));
        }
        Err(_) => {
            return Err(NotWatched::ForNow(format!(
                "{nextcloud} did not answer for {} s",
                PATIENCE.as_secs()
            )));
        }
    };
    read(nextcloud, status, &body)
}

fn request(client: &Client, order: &Order, secret: &SecretString) -> RequestBuilder {
    let signature = Signature::of(secret, b"");
    client
        .get(format!(
            "{}/ocs/v2.php/apps/spreed/api/v3/signaling/settings?token={}",
            order.nextcloud, order.room
        ))
        .header("OCS-ApiRequest", "true")
        .header("Accept", "application/json")
        .header(RANDOM_HEADER, signature.random)
        .header(CHECKSUM_HEADER, signature.checksum)
}

async fn ask(request: RequestBuilder) -> reqwest::Result<(u16, Vec<u8>)> {
    let answer = request.send().await?;
    let (status, mut body) = (answer.status().as_u16(), Vec::new());
    read_beginning(answer, LONGEST_ANSWER, &mut body).await?;
    Ok((status, body))
}

/// Only an answer in the frame of the OCS API is one of Nextcloud: a proxy may answer 401 and 404 as well.
fn read(nextcloud: &str, status: u16, body: &[u8]) -> Result<String, NotWatched> {
    let frame: Value = serde_json::from_slice(body).unwrap_or_default();
    let code = frame.pointer("/ocs/meta/statuscode").and_then(Value::as_u64);
    let server = frame.pointer("/ocs/data/server").and_then(Value::as_str);
    match (status, code, server) {
        (200, Some(_), Some("")) => Err(NotWatched::ForGood(format!(
            "{nextcloud} has no signaling server: recording needs Talk's high performance backend"
        ))),
        (200, Some(_), Some(server)) => Ok(server.to_owned()),
        (401, Some(_), _) => Err(NotWatched::ForGood(format!(
            "{nextcloud} refuses the recording secret: that of this backend must be the one in its Talk settings"
        ))),
        (404, Some(404), _) => Err(NotWatched::RoomUnknown(nextcloud.to_owned())),
        _ => Err(NotWatched::ForNow(format!(
            "{nextcloud} answered {status} when it was asked for its signaling server"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, code: u16, data: &str) -> Result<String, NotWatched> {
        let body = format!(r#"{{"ocs":{{"meta":{{"status":"x","statuscode":{code}}},"data":{data}}}}}"#);
        read("https://cloud", status, body.as_bytes())
    }

    #[test]
    fn the_server_is_read_and_each_refusal_has_its_meaning() {
        let server = answer(200, 200, r#"{"server":"https://hpb/","signalingMode":"external"}"#).unwrap();
        assert_eq!(server, "https://hpb/");
        let internal = answer(200, 200, r#"{"server":"","signalingMode":"internal"}"#).unwrap_err();
        assert!(matches!(&internal, NotWatched::ForGood(text) if text.contains("high performance")));
        let secret = answer(401, 401, "{}").unwrap_err();
        assert!(matches!(&secret, NotWatched::ForGood(text) if text.contains("recording secret")));
        assert!(matches!(answer(404, 404, "null").unwrap_err(), NotWatched::RoomUnknown(_)));
    }

    #[test]
    fn what_is_not_from_nextcloud_or_passes_is_no_verdict() {
        for (status, body) in [(401, "<html>"), (404, ""), (503, "{}"), (200, "<html>login</html>")] {
            assert!(
                matches!(read("https://cloud", status, body.as_bytes()), Err(NotWatched::ForNow(_))),
                "{status}"
            );
        }
        assert!(matches!(answer(404, 998, "[]"), Err(NotWatched::ForNow(_))), "there is no such route");
        assert!(matches!(answer(200, 200, "[]"), Err(NotWatched::ForNow(_))));
    }
}
