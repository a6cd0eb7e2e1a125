//! The envelope of Nextcloud's OCS answers, and the check of a request's signature.

use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, http::StatusCode};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::signature::{CHECKSUM_HEADER, RANDOM_HEADER, Signature};

/// 200 with `data`.
pub(super) fn ok(data: &Value) -> HttpResponse {
    let meta = json!({"status": "ok", "statuscode": 200, "message": "OK"});
    envelope(StatusCode::OK, &meta, data)
}

/// A refusal whose OCS status is that of HTTP.
pub(super) fn refusal(status: StatusCode, data: &Value) -> HttpResponse {
    refusal_with(status, status.as_u16(), "", data)
}

/// A refusal with an OCS status of its own.
pub(super) fn refusal_with(status: StatusCode, ocs_status: u16, message: &str, data: &Value) -> HttpResponse {
    let meta = json!({"status": "failure", "statuscode": ocs_status, "message": message});
    envelope(status, &meta, data)
}

fn envelope(status: StatusCode, meta: &Value, data: &Value) -> HttpResponse {
    HttpResponseBuilder::new(status).json(json!({"ocs": {"meta": meta, "data": data}}))
}

/// Whether a request bears the right signature over `payload`.
pub(super) fn is_signed(request: &HttpRequest, secret: &SecretString, payload: &[u8]) -> bool {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let (Some(random), Some(checksum)) = (header(RANDOM_HEADER), header(CHECKSUM_HEADER)) else {
        return false;
    };
    let signature = Signature {
        random: random.to_owned(),
        // Nextcloud takes upper-case digits too.
        checksum: checksum.to_lowercase(),
    };
    signature.verifies(secret, payload)
}
