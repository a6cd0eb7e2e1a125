//! The two routes of Talk around an upload in chunks: it opens a share for it, and takes the file that was put there.
//!
//! A Talk that is too old for it has neither: the first does not exist, the second fails on a form without a file.

use std::{fs::File, io::Read, path::Path};

use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    http::StatusCode,
    web::{self, Bytes, Data},
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{error, store};
use crate::demo::{
    chunks::Content,
    cloud::Inside,
    ocs,
    state::{Share, StoredFile},
};

/// Which file is about to come, or has come.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Announced {
    owner: String,
    file_name: String,
}

/// Why Talk says no.
#[derive(Debug, thiserror::Error)]
pub(super) enum Denied {
    #[error("this talk is too old")]
    NoSuchRoute,
    #[error("there is no such room")]
    NoSuchRoom,
    #[error("the signature does not fit")]
    NotSigned,
    #[error("{0}")]
    Because(&'static str),
    #[error("something that talk does not reckon with")]
    Broken,
}

impl ResponseError for Denied {
    fn error_response(&self) -> HttpResponse {
        match self {
            Self::NoSuchRoute => {
                let message = "Invalid query, please check the syntax. API specifications are here: \
                               http://www.freedesktop.org/wiki/Specifications/open-collaboration-services.\n";
                ocs::refusal_with(StatusCode::NOT_FOUND, 998, message, &json!([]))
            }
            Self::NoSuchRoom => ocs::refusal(StatusCode::NOT_FOUND, &json!([])),
            Self::NotSigned => {
                let data = error("invalid_request", "The request could not be authenticated.");
                ocs::refusal(StatusCode::UNAUTHORIZED, &data)
            }
            Self::Because(reason) => ocs::refusal(StatusCode::BAD_REQUEST, &json!({"error": reason})),
            Self::Broken => store::server_error(),
        }
    }
}

pub(super) async fn request_upload(
    cloud: Data<Inside>,
    room: web::Path<String>,
    request: HttpRequest,
    body: Bytes,
) -> Result<HttpResponse, Denied> {
    if cloud.state.borrow().rules.old_talk {
        return Err(Denied::NoSuchRoute);
    }
    let announced = check(&cloud, &room, &request, &body)?;
    if cloud.state.borrow().rules.no_sharing {
        return Err(Denied::Because("sharing_disabled"));
    }
    let (token, password) = (word(15), word(32));
    let share = Share {
        password: password.clone().into(),
        room: room.to_string(),
        owner: announced.owner,
        file_name: announced.file_name.clone(),
        is_over: false,
    };
    cloud.state.send_modify(|state| drop(state.shares.insert(token.clone(), share)));
    Ok(ocs::ok(&json!({"token": token, "password": password, "fileName": announced.file_name})))
}

/// A file that is refused is removed, and the share that was opened for it is closed either way.
pub(super) async fn hand_in(
    cloud: Data<Inside>,
    room: web::Path<String>,
    request: HttpRequest,
    body: Bytes,
) -> Result<HttpResponse, Denied> {
    if cloud.state.borrow().rules.old_talk {
        return Err(Denied::Broken);
    }
    let announced = check(&cloud, &room, &request, &body)?;
    let path = cloud.settings.recordings(&announced.owner, &room).join(&announced.file_name);
    let found = cloud.state.borrow().contents.get(&path).cloned();
    let checked = found.ok_or("invalid_file").and_then(|content| look_at(&path).map(|()| content));
    if checked.is_err() {
        drop(std::fs::remove_file(&path));
    }
    let (room, Announced { owner, file_name: name }) = (room.into_inner(), announced);
    cloud.state.send_modify(|state| {
        state.shares.retain(|_, share| (&share.room, &share.file_name) != (&room, &name));
        if let Ok(Content { bytes, sha256 }) = checked.clone() {
            state.stored.push(StoredFile { at: Timestamp::now(), room, owner, name, path, bytes, sha256 });
        }
    });
    checked.map(|_| ocs::ok(&json!(null))).map_err(Denied::Because)
}

/// What both routes check first, in Talk's order.
fn check(cloud: &Inside, room: &str, request: &HttpRequest, body: &Bytes) -> Result<Announced, Denied> {
    let owner = cloud.state.borrow().rooms.get(room).map(|room| room.owner.clone());
    let owner = owner.ok_or(Denied::NoSuchRoom)?;
    if !ocs::is_signed(request, &cloud.recording_secret(), room.as_bytes()) {
        return Err(Denied::NotSigned);
    }
    let announced: Announced = serde_json::from_slice(body).map_err(|_| Denied::Broken)?;
    if announced.owner != owner {
        return Err(Denied::Because("owner_participant"));
    }
    if announced.file_name.is_empty() || announced.file_name.contains('/') {
        return Err(Denied::Because("file_name"));
    }
    Ok(announced)
}

fn look_at(path: &Path) -> Result<(), &'static str> {
    let mut head = Vec::new();
    let file = File::open(path).map_err(|_| "invalid_file")?;
    file.take(store::HEAD as u64).read_to_end(&mut head).map_err(|_| "fopen_failed")?;
    if head.is_empty() {
        return Err("empty_file");
    }
    store::check_type(&head, path.file_name().and_then(|name| name.to_str()).unwrap_or_default())
}

/// Random characters.
fn word(length: usize) -> String {
    Uuid::new_v4().simple().to_string().chars().take(length).collect()
}

#[cfg(test)]
mod tests;
