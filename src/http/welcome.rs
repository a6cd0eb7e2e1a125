//! `GET /api/v1/welcome`: Nextcloud's administration page shows the version, and compares the `Date` header with its
//! own clock.

use actix_web::{HttpResponse, Responder};
use serde_json::json;

/// Who is here.
pub(super) async fn welcome() -> impl Responder {
    HttpResponse::Ok().json(json!({ "version": env!("CARGO_PKG_VERSION"), "name": "talk-recorder" }))
}
