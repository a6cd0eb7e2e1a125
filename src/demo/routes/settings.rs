//! The signaling settings, which the recording page asks for with a signature over nothing.

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Query},
};
use serde::Deserialize;
use serde_json::json;

use super::error;
use crate::demo::{cloud::Inside, ocs};

/// Which room's settings.
#[derive(Deserialize)]
pub(super) struct Room {
    #[serde(default)]
    token: String,
}

pub(super) async fn settings(cloud: Data<Inside>, request: HttpRequest, room: Query<Room>) -> HttpResponse {
    if !ocs::is_signed(&request, &cloud.recording_secret(), b"") {
        return ocs::refusal(
            StatusCode::UNAUTHORIZED,
            &error("invalid_request", "The request could not be authenticated."),
        );
    }
    if cloud.state.borrow().recording(&room.token).is_none() {
        return ocs::refusal(StatusCode::NOT_FOUND, &json!(null));
    }
    let server = cloud.state.borrow().signals_as.clone();
    ocs::ok(&json!({
        "signalingMode": "external",
        "userId": null,
        "hideWarning": false,
        "server": server.as_ref().unwrap_or(&cloud.signaling_address),
        "ticket": "demo:ticket",
        "helloAuthParams": {
            "1.0": {"userid": null, "ticket": "demo:ticket"},
            "2.0": {"token": "demo.token"},
        },
        "federation": null,
        "stunservers": [],
        "turnservers": [],
        "sipDialinInfo": "",
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::demo::cloud::{
        Cloud,
        tests::{SECRET, cloud},
    };
    use crate::signature::{CHECKSUM_HEADER, RANDOM_HEADER, Signature};

    async fn ask(cloud: &Cloud, room: &str, secret: &str) -> reqwest::Response {
        let url =
            format!("{}/ocs/v2.php/apps/spreed/api/v3/signaling/settings?token={room}", cloud.address());
        let signature = Signature::of(&secret.into(), b"");
        let request = reqwest::Client::new()
            .get(url)
            .header("OCS-ApiRequest", "true")
            .header(RANDOM_HEADER, signature.random)
            .header(CHECKSUM_HEADER, signature.checksum);
        request.send().await.unwrap()
    }

    #[actix_rt::test]
    async fn settings_name_the_signaling_server_to_those_who_know_the_secret() {
        let (cloud, _files) = cloud();
        let answer: Value = ask(&cloud, "abcd1234", SECRET).await.json().await.unwrap();
        assert_eq!(answer["ocs"]["data"]["server"], cloud.signaling_address());
        assert_eq!(answer["ocs"]["data"]["signalingMode"], "external");
        assert_eq!(ask(&cloud, "abcd1234", "wrong").await.status(), 401);
        assert_eq!(ask(&cloud, "nosuchroom", SECRET).await.status(), 404);
    }
}
