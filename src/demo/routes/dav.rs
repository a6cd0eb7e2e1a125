//! The folders of the shares, on public DAV: chunks are put into an upload directory and moved from there, as one
//! file, into the folder of the recordings of a room. What a share may not do is refused as on a file drop.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError,
    body::SizedStream,
    dev,
    http::{StatusCode, header::WWW_AUTHENTICATE},
    web::{Bytes, Data, Payload},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::{StreamExt, stream};
use percent_encoding::percent_decode_str;
use secrecy::ExposeSecret;
use tokio::task::spawn_blocking;

use super::read_to_end;
use crate::demo::{chunks::Chunks, cloud::Inside, faults::Door, state::Share};

const CHALLENGE: &str = "Basic realm=\"Nextcloud\", charset=\"UTF-8\"";
/// So that a browser does not ask its user.
const DUMMY_CHALLENGE: &str = "DummyBasic realm=\"Nextcloud\"";

/// How Nextcloud's DAV says no.
#[derive(Debug, thiserror::Error)]
#[error("{status} {class}: {message}")]
struct Exception {
    status: StatusCode,
    class: &'static str,
    message: String,
    challenge: Option<&'static str>,
}

impl Exception {
    fn new(status: StatusCode, class: &'static str, message: impl Into<String>) -> Self {
        Self { status, class, message: message.into(), challenge: None }
    }

    fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", "")
    }

    fn not_let_in(challenge: Option<&'static str>, message: &str) -> Self {
        Self { challenge, ..Self::new(StatusCode::UNAUTHORIZED, "NotAuthenticated", message) }
    }
}

impl From<io::Error> for Exception {
    fn from(error: io::Error) -> Self {
        log::error!(error:%; "the demo cloud cannot keep a chunk");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Exception", "Internal Server Error")
    }
}

impl ResponseError for Exception {
    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponseBuilder::new(self.status);
        answer.content_type("application/xml; charset=utf-8");
        if let Some(challenge) = self.challenge {
            answer.insert_header((WWW_AUTHENTICATE, challenge));
        }
        answer.body(format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
             <d:error xmlns:d=\"DAV:\" xmlns:s=\"http://sabredav.org/ns\">\n  \
             <s:exception>Sabre\\DAV\\Exception\\{}</s:exception>\n  <s:message>{}</s:message>\n</d:error>\n",
            self.class, self.message
        ))
    }
}

/// Which door a method leads through.
pub(super) fn door(method: &str) -> Door {
    match method {
        "MKCOL" => Door::MakeDirectory,
        "PUT" => Door::Chunk,
        "MOVE" => Door::Join,
        "DELETE" => Door::Remove,
        _ => Door::Look,
    }
}

/// A body that nobody reads is read to its end, so that the answer arrives.
pub(super) async fn dav(cloud: Data<Inside>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let mut body = payload.into_inner();
    let served = serve(&cloud, &request, &mut body).await;
    read_to_end(body).await;
    served.unwrap_or_else(|exception| exception.error_response())
}

async fn serve(
    cloud: &Data<Inside>,
    request: &HttpRequest,
    body: &mut dev::Payload,
) -> Result<HttpResponse, Exception> {
    let part = |name| request.match_info().get(name).unwrap_or_default();
    let (token, upload, name) = (part("share"), part("upload"), part("name"));
    let share = let_in(cloud, request, token)?;
    if [token, upload, name].iter().any(|part| part.contains("..")) {
        return Err(Exception::new(StatusCode::BAD_REQUEST, "BadRequest", ""));
    }
    let chunks = Chunks::new(&cloud.settings.files, token, upload);
    match (request.method().as_str(), name) {
        ("MKCOL", "") => make(&chunks),
        ("PUT", name) if !name.is_empty() => {
            may_put(cloud, request, &chunks, name)?;
            put(&chunks, name, body).await
        }
        ("HEAD", name) => look(&chunks, name),
        ("DELETE", "") => removed(chunks.remove().is_ok()),
        ("DELETE", name) => removed(chunks.remove_one(name).is_ok()),
        ("MOVE", ".file") => join(cloud, request, &share, chunks, upload).await,
        _ => Err(Exception::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "")),
    }
}

/// Checks the credentials. The name is not looked at, only the password.
fn let_in(cloud: &Inside, request: &HttpRequest, token: &str) -> Result<Share, Exception> {
    let state = cloud.state.borrow();
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let is_ajax = header("X-Requested-With") == Some("XMLHttpRequest");
    let refused = |challenge, message| Err(Exception::not_let_in(challenge, message));
    if state.rules.no_federated_sharing && !is_ajax {
        return refused(None, "");
    }
    let password = header("Authorization").and_then(|value| password_in(value.strip_prefix("Basic ")?));
    let Some(password) = password else { return refused(None, "") };
    let share = state.shares.get(token).filter(|share| !share.is_over);
    match share {
        Some(share) if password == share.password.expose_secret() => Ok(share.clone()),
        Some(_) if is_ajax => refused(Some(DUMMY_CHALLENGE), "Cannot authenticate over ajax calls"),
        _ => refused(Some(CHALLENGE), "Username or password was incorrect"),
    }
}

/// The password in `base64(name:password)`.
fn password_in(credentials: &str) -> Option<String> {
    let decoded = String::from_utf8(BASE64_STANDARD.decode(credentials).ok()?).ok()?;
    decoded.split_once(':').map(|(_, password)| password.to_owned())
}

fn make(chunks: &Chunks) -> Result<HttpResponse, Exception> {
    if chunks.exists() {
        let message = "The resource you tried to create already exists";
        return Err(Exception::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message));
    }
    chunks.make()?;
    Ok(HttpResponse::Created().finish())
}

/// Whether a chunk may come.
fn may_put(cloud: &Inside, request: &HttpRequest, chunks: &Chunks, name: &str) -> Result<(), Exception> {
    if !chunks.exists() {
        let message = "Files cannot be created in non-existent collections";
        return Err(Exception::new(StatusCode::CONFLICT, "Conflict", message));
    }
    if chunks.length_of(name).is_some() {
        return Err(Exception::new(StatusCode::FORBIDDEN, "Forbidden", ""));
    }
    let total = total_length(request);
    if let Some((total, quota)) =
        total.zip(cloud.state.borrow().rules.quota).filter(|(total, quota)| total > quota)
    {
        let message = format!("Insufficient space in /, {total} required, {quota} available");
        return Err(Exception::new(StatusCode::INSUFFICIENT_STORAGE, "InsufficientStorage", &message));
    }
    Ok(())
}

/// A chunk whose body breaks off is not kept.
async fn put(chunks: &Chunks, name: &str, body: &mut dev::Payload) -> Result<HttpResponse, Exception> {
    let mut incoming = chunks.incoming()?;
    while let Some(piece) = body.next().await {
        let piece =
            piece.map_err(|_| Exception::new(StatusCode::BAD_REQUEST, "BadRequest", "the body broke off"))?;
        incoming.write_all(&piece)?;
    }
    chunks.keep(name, incoming)?;
    Ok(HttpResponse::Created().finish())
}

fn look(chunks: &Chunks, name: &str) -> Result<HttpResponse, Exception> {
    let length = chunks.length_of(name).ok_or_else(Exception::not_found)?;
    Ok(HttpResponse::Ok().body(SizedStream::new(length, stream::empty::<io::Result<Bytes>>())))
}

fn removed(removed: bool) -> Result<HttpResponse, Exception> {
    if removed { Ok(HttpResponse::NoContent().finish()) } else { Err(Exception::not_found()) }
}

/// Once it has begun it goes on to its end, whether somebody waits for the answer or not.
async fn join(
    cloud: &Data<Inside>,
    request: &HttpRequest,
    share: &Share,
    chunks: Chunks,
    upload: &str,
) -> Result<HttpResponse, Exception> {
    if !chunks.exists() {
        let message = format!("File with name //{upload} could not be located");
        return Err(Exception::new(StatusCode::NOT_FOUND, "NotFound", &message));
    }
    let on_server = chunks.bytes()?;
    if let Some(total) = total_length(request).filter(|total| *total != on_server) {
        let message = format!("Chunks on server do not sum up to {total} but to {on_server} bytes");
        return Err(Exception::new(StatusCode::BAD_REQUEST, "BadRequest", &message));
    }
    let target = free_target(cloud, request, share)?;
    let cloud = cloud.clone();
    let joining = spawn_blocking(move || {
        let content = chunks.join(&target)?;
        cloud.state.send_modify(|state| drop(state.contents.insert(target, content)));
        Ok(())
    });
    joining.await.map_err(io::Error::other).flatten()?;
    Ok(HttpResponse::Created().finish())
}

/// Where the file goes. A name that is taken is numbered, if it has no characters that are percent-encoded; a
/// free name is looked for in the encoded one.
fn free_target(cloud: &Inside, request: &HttpRequest, share: &Share) -> Result<PathBuf, Exception> {
    let destination = request.headers().get("Destination").and_then(|value| value.to_str().ok());
    let encoded = destination.and_then(|destination| destination.rsplit('/').next()).unwrap_or_default();
    let name = percent_decode_str(encoded).decode_utf8_lossy();
    if name.is_empty() || name.contains('/') {
        return Err(Exception::new(
            StatusCode::BAD_REQUEST,
            "BadRequest",
            "The destination header is missing",
        ));
    }
    let folder = cloud.settings.recordings(&share.owner, &share.room);
    if !folder.join(&*name).exists() {
        return Ok(folder.join(&*name));
    }
    if name != encoded {
        return Err(Exception::new(StatusCode::FORBIDDEN, "Forbidden", ""));
    }
    let (stem, extension) = name.rsplit_once('.').unwrap_or((&name, ""));
    let mut numbered = (2..).map(|number| folder.join(format!("{stem} ({number}).{extension}")));
    numbered.find(|path| !path.exists()).ok_or_else(Exception::not_found)
}

fn total_length(request: &HttpRequest) -> Option<u64> {
    request.headers().get("OC-Total-Length")?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
