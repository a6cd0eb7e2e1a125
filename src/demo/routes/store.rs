//! The upload in one piece: a form with `owner` and `file`. What it checks holds for an upload in chunks as well.
//!
//! As with PHP, the whole form lies on disk before Talk looks at it; a file that is refused is removed again.
//! However long the file is, no more than one piece of it is in memory.

use std::{io, path::Path};

use actix_multipart::{Field, Multipart};
use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{self, Data, Payload},
};
use futures_util::TryStreamExt;
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;

use super::{error, read_to_end};
use crate::demo::{
    chunks::Content,
    cloud::Inside,
    ocs,
    state::{State, StoredFile},
};

/// So much of a file's beginning tells its type.
pub(super) const HEAD: usize = 4096;

#[derive(Default)]
struct Form {
    owner: Option<String>,
    file: Option<Upload>,
}

struct Upload {
    name: String,
    // Removed when it is dropped, unless it was moved to its place before.
    content: NamedTempFile,
    holds: Content,
    head: Vec<u8>,
}

pub(super) async fn store(
    cloud: Data<Inside>,
    room: web::Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> HttpResponse {
    if cloud.state.borrow().recording(&room).is_none() {
        read_to_end(payload.into_inner()).await;
        return ocs::refusal(StatusCode::NOT_FOUND, &json!(null));
    }
    if !ocs::is_signed(&request, &cloud.recording_secret(), room.as_bytes()) {
        read_to_end(payload.into_inner()).await;
        let data = error("invalid_request", "The request could not be authenticated.");
        return ocs::refusal(StatusCode::UNAUTHORIZED, &data);
    }
    let form = match receive(&cloud.settings.files, Multipart::new(request.headers(), payload)).await {
        Ok(form) => form,
        Err(error) => {
            log::warn!(error:%; "the demo cloud did not receive an upload");
            return server_error();
        }
    };
    let (owner, upload) = match check(form, &room, &cloud.state.borrow()) {
        Ok(checked) => checked,
        Err(Some(reason)) => return ocs::refusal(StatusCode::BAD_REQUEST, &json!({"error": reason})),
        Err(None) => return server_error(),
    };
    match keep(&cloud, &room, owner, upload) {
        Ok(stored) => {
            let holds = Content { bytes: stored.bytes, sha256: stored.sha256.clone() };
            cloud.state.send_modify(|state| {
                state.contents.insert(stored.path.clone(), holds);
                state.stored.push(stored);
            });
            ocs::ok(&json!(null))
        }
        Err(error) => {
            log::error!(error:% = error; "the demo cloud cannot keep an upload");
            server_error()
        }
    }
}

pub(super) fn server_error() -> HttpResponse {
    ocs::refusal_with(StatusCode::INTERNAL_SERVER_ERROR, 996, "Internal Server Error\n", &json!([]))
}

async fn receive(files: &Path, mut parts: Multipart) -> Result<Form, actix_web::Error> {
    let mut form = Form::default();
    while let Some(mut part) = parts.try_next().await? {
        match part.name() {
            Some("owner") => form.owner = Some(text(&mut part).await?),
            Some("file") => form.file = Some(upload(files, &mut part).await?),
            _ => while part.try_next().await?.is_some() {},
        }
    }
    Ok(form)
}

async fn text(part: &mut Field) -> Result<String, actix_web::Error> {
    let mut bytes = Vec::new();
    while let Some(piece) = part.try_next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn upload(files: &Path, part: &mut Field) -> Result<Upload, actix_web::Error> {
    let name = part.content_disposition().and_then(|disposition| disposition.get_filename());
    let base_name = Path::new(name.unwrap_or_default()).file_name();
    let name = base_name.unwrap_or_default().to_string_lossy().into_owned();
    let content = NamedTempFile::new_in(files)?;
    let mut sink = tokio::fs::File::from_std(content.reopen()?);
    let (mut bytes, mut digest, mut head) = (0, Sha256::new(), Vec::new());
    while let Some(piece) = part.try_next().await? {
        sink.write_all(&piece).await?;
        digest.update(&piece);
        bytes += piece.len() as u64;
        head.extend(piece.iter().take(HEAD - head.len()));
    }
    sink.flush().await?;
    let holds = Content { bytes, sha256: hex::encode(digest.finalize()) };
    Ok(Upload { name, content, holds, head })
}

/// Talk's checks in Talk's order. An error without a reason is one on which old Talks fail.
fn check(form: Form, room: &str, state: &State) -> Result<(String, Upload), Option<&'static str>> {
    let owner = form.owner.ok_or(Some("size"))?;
    if state.rooms.get(room).is_none_or(|room| room.owner != owner) {
        return Err(Some("owner_participant"));
    }
    let upload = form.file.ok_or(None)?;
    if upload.holds.bytes == 0 {
        return Err(Some("empty_file"));
    }
    check_type(&upload.head, &upload.name).map_err(Some)?;
    Ok((owner, upload))
}

/// Whether a file is of a type that Talk takes, by its beginning and its name.
pub(super) fn check_type(head: &[u8], name: &str) -> Result<(), &'static str> {
    let extension = extension(head).ok_or("file_mimetype")?;
    let named = Path::new(name).extension().unwrap_or_default();
    if named.eq_ignore_ascii_case(extension) { Ok(()) } else { Err("file_extension") }
}

/// The extension that belongs to the content, if it is of a type that Talk takes.
fn extension(head: &[u8]) -> Option<&'static str> {
    let has = |word: &[u8]| head.windows(word.len()).any(|window| window == word);
    match head {
        [0x1A, 0x45, 0xDF, 0xA3, ..] if has(b"webm") => Some("webm"),
        [0x1A, 0x45, 0xDF, 0xA3, ..] if has(b"matroska") => Some("mkv"),
        [b'O', b'g', b'g', b'S', ..] if has(b"theora") => Some("ogv"),
        [b'O', b'g', b'g', b'S', ..] => Some("ogg"),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some("mp4"),
        _ => None,
    }
}

/// Moves a file to its place, where it replaces one of the same name.
fn keep(cloud: &Inside, room: &str, owner: String, upload: Upload) -> io::Result<StoredFile> {
    let directory = cloud.settings.recordings(&owner, room);
    std::fs::create_dir_all(&directory)?;
    let path = directory.join(&upload.name);
    upload.content.persist(&path).map_err(|error| error.error)?;
    Ok(StoredFile {
        at: Timestamp::now(),
        room: room.to_owned(),
        owner,
        name: upload.name,
        path,
        bytes: upload.holds.bytes,
        sha256: upload.holds.sha256,
    })
}

#[cfg(test)]
mod tests {
    use reqwest::multipart;
    use serde_json::Value;

    use super::super::tests::signed;
    use super::*;
    use crate::demo::cloud::{Cloud, tests::cloud};

    const WEBM: &[u8] = b"\x1A\x45\xDF\xA3\x9F\x42\x82\x84webm and so on";

    fn form(owner: &str, name: &str, content: &[u8]) -> multipart::Form {
        let file = multipart::Part::bytes(content.to_vec()).file_name(name.to_owned());
        multipart::Form::new().text("owner", owner.to_owned()).part("file", file)
    }

    async fn send(cloud: &Cloud, form: multipart::Form) -> (u16, Value) {
        let request = signed(cloud, "v1/recording/abcd1234/store", "abcd1234").multipart(form);
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json::<Value>().await.unwrap()["ocs"]["data"].clone())
    }

    #[actix_rt::test]
    async fn a_recording_lands_in_the_folder_of_its_owner() {
        let (cloud, files) = cloud();
        let name = "Recording 2026-11-23 04-57-19.webm";
        assert_eq!(send(&cloud, form("alice", name, WEBM)).await, (200, Value::Null));
        let path = files.path().join("alice/Talk/Recording/abcd1234").join(name);
        assert_eq!(std::fs::read(&path).unwrap(), WEBM);
        let stored = cloud.state().stored.remove(0);
        assert_eq!((stored.path, stored.bytes), (path, WEBM.len() as u64));
        assert_eq!(stored.sha256, hex::encode(Sha256::digest(WEBM)));
    }

    #[actix_rt::test]
    async fn each_refusal_has_its_reason_and_leaves_nothing_behind() {
        let (cloud, files) = cloud();
        let nameless = multipart::Form::new().part("file", multipart::Part::bytes(WEBM).file_name("a.webm"));
        let cases = [
            (nameless, "size"),
            (form("bob", "a.webm", WEBM), "owner_participant"),
            (form("alice", "a.webm", b""), "empty_file"),
            (form("alice", "a.wav", b"RIFF"), "file_mimetype"),
            (form("alice", "a.mp4", WEBM), "file_extension"),
        ];
        for (form, reason) in cases {
            assert_eq!(send(&cloud, form).await, (400, json!({"error": reason})));
        }
        assert_eq!(std::fs::read_dir(files.path()).unwrap().count(), 0);
        assert!(cloud.state().stored.is_empty());
    }

    #[actix_rt::test]
    async fn wrong_checksums_and_unknown_rooms_are_refused() {
        let (cloud, _files) = cloud();
        let path = "v1/recording/abcd1234/store";
        let request = signed(&cloud, path, "efgh5678").multipart(form("alice", "a.webm", WEBM));
        assert_eq!(request.send().await.unwrap().status(), 401);
        let path = "v1/recording/efgh5678/store";
        let request = signed(&cloud, path, "efgh5678").multipart(form("alice", "a.webm", WEBM));
        assert_eq!(request.send().await.unwrap().status(), 404);
    }

    #[test]
    fn the_type_is_told_by_the_content() {
        assert_eq!(extension(b"\x1A\x45\xDF\xA3\x42\x82\x88matroska"), Some("mkv"));
        assert_eq!(extension(b"OggS\0\x02 OpusHead"), Some("ogg"));
        assert_eq!(extension(b"OggS\0\x02 \x80theora"), Some("ogv"));
        assert_eq!(extension(b"\0\0\0\x20ftypisom"), Some("mp4"));
        assert_eq!(extension(b"RIFF"), None);
    }
}
