//! The requests to a share's folder, on Nextcloud's public DAV.
//!
//! What always holds, because some Nextcloud refuses the request otherwise:
//! - the password comes with each request, unasked;
//! - `X-Requested-With: XMLHttpRequest` too: without it, everything but GET is refused where outgoing federated
//!   sharing is off;
//! - each request names the file and its whole length in `Destination` and `OC-Total-Length`;
//! - no cookie is ever sent and no nickname: either changes where a file goes.

use std::{sync::Arc, time::Duration};

use actors::ports::{Delivery, Refusal};
use reqwest::{Client, Method, RequestBuilder, header::CONTENT_LENGTH};
use secrecy::ExposeSecret;
use url::Url;

use super::{
    super::{
        media,
        patience::{Answer, Patience, send},
    },
    Trouble,
    answers::{self, Directory, Joined, Sent},
    plan::Chunk,
    share::Share,
};

/// Looking, making and removing. Behind a brute-force throttle it takes up to 25 s.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);
/// The longest pause while a chunk is being sent.
const CHUNK_IDLE_TIMEOUT: Duration = Duration::from_mins(2);
/// From the last byte of a chunk to the answer.
const CHUNK_ANSWER_TIMEOUT: Duration = Duration::from_mins(5);
/// Putting chunks together, whatever their size.
const JOINING_TIMEOUT: Duration = Duration::from_mins(15);
/// And for each GiB: ten times what was seen on two slow cores.
const JOINING_TIMEOUT_PER_GIB: Duration = Duration::from_mins(3);

/// One upload directory of a share.
pub(super) struct Folder<'a> {
    pub(super) client: &'a Client,
    pub(super) nextcloud: &'a str,
    pub(super) share: &'a Share,
    /// Name of the upload directory.
    pub(super) upload: &'a str,
    pub(super) media_bytes: u64,
}

impl Folder<'_> {
    /// Makes the upload directory.
    pub(super) async fn make(&self) -> Result<Directory, Trouble> {
        let answer = self.ask(self.request("MKCOL", None)?, ANSWER_TIMEOUT).await?;
        answers::of_directory(&answer)
    }

    /// Removes the upload directory with all chunks.
    pub(super) async fn remove(&self) -> Result<(), Trouble> {
        let answer = self.ask(self.request("DELETE", None)?, ANSWER_TIMEOUT).await?;
        answers::of_removal(&answer)
    }

    /// Sends a chunk.
    pub(super) async fn put(&self, chunk: Chunk, delivery: &Delivery) -> Result<Sent, Trouble> {
        let patience = Arc::new(Patience::with_body(CHUNK_IDLE_TIMEOUT, CHUNK_ANSWER_TIMEOUT));
        let body = media::body(delivery, chunk.offset, chunk.bytes, &patience).await?;
        let request = self.request("PUT", Some(chunk.number))?;
        let answer = send(request.header(CONTENT_LENGTH, chunk.bytes).body(body), patience).await?;
        answers::of_chunk(&self.concealed(answer))
    }

    /// How long a chunk is, if it is there.
    pub(super) async fn length_of(&self, number: u32) -> Result<Option<u64>, Trouble> {
        let answer = self.ask(self.request("HEAD", Some(number))?, ANSWER_TIMEOUT).await?;
        answers::of_look(&answer)
    }

    /// Removes a chunk.
    pub(super) async fn remove_chunk(&self, number: u32) -> Result<(), Trouble> {
        let answer = self.ask(self.request("DELETE", Some(number))?, ANSWER_TIMEOUT).await?;
        answers::of_removal(&answer)
    }

    /// Has the chunks put together under a name.
    pub(super) async fn join(&self, file_name: &str) -> Result<Joined, Trouble> {
        let request = self.request_to("MOVE", ".file", file_name)?;
        let answer = self.ask(request, joining_timeout(self.media_bytes)).await?;
        answers::of_joining(&answer)
    }

    async fn ask(&self, request: RequestBuilder, timeout: Duration) -> Result<Answer, Refusal> {
        Ok(self.concealed(send(request, Arc::new(Patience::without_body(timeout))).await?))
    }

    /// Nextcloud's messages name paths, and paths name the share.
    fn concealed(&self, answer: Answer) -> Answer {
        Answer { body: self.share.conceal(&answer.body), ..answer }
    }

    fn request(&self, method: &str, chunk: Option<u32>) -> Result<RequestBuilder, Trouble> {
        let name = chunk.map(|number| number.to_string()).unwrap_or_default();
        self.request_to(method, &name, &self.share.file_name)
    }

    fn request_to(&self, method: &str, name: &str, file_name: &str) -> Result<RequestBuilder, Trouble> {
        let token = self.share.token.expose_secret();
        let url = self.url(&["uploads", token, self.upload, name])?;
        let destination = self.url(&["files", token, file_name])?;
        let method = Method::from_bytes(method.as_bytes()).expect("every method here is a word");
        let request = self.client.request(method, url);
        Ok(request
            .basic_auth(token, Some(self.share.password.expose_secret()))
            .header("X-Requested-With", "XMLHttpRequest")
            .header("Destination", destination.as_str())
            .header("OC-Total-Length", self.media_bytes))
    }

    /// An address below the public DAV, each part percent-encoded; empty parts are left out.
    fn url(&self, parts: &[&str]) -> Result<Url, Trouble> {
        let unusable = || Trouble::Unfit(format!("{} is no address for DAV", self.nextcloud));
        let mut url = Url::parse(self.nextcloud).map_err(|_| unusable())?;
        let mut path = url.path_segments_mut().map_err(|()| unusable())?;
        path.pop_if_empty().extend(["public.php", "dav"]);
        path.extend(parts.iter().filter(|part| !part.is_empty()));
        drop(path);
        Ok(url)
    }
}

/// How long Nextcloud may take to put so many bytes together.
fn joining_timeout(bytes: u64) -> Duration {
    let gibibytes = u32::try_from(bytes.div_ceil(1 << 30)).unwrap_or(u32::MAX);
    JOINING_TIMEOUT.saturating_add(JOINING_TIMEOUT_PER_GIB.saturating_mul(gibibytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share() -> Share {
        Share {
            token: "t0".into(),
            password: "p0".into(),
            file_name: "Gespräch 1 & 2 (a/b)?.webm".to_owned(),
        }
    }

    fn folder<'a>(client: &'a Client, share: &'a Share) -> Folder<'a> {
        let nextcloud = "https://cloud.example.com/nc";
        Folder { client, nextcloud, share, upload: "id0", media_bytes: 23 }
    }

    #[test]
    fn every_request_carries_what_some_nextcloud_insists_on() {
        crate::tls::install_provider();
        let (client, share) = (Client::new(), share());
        let folder = folder(&client, &share);
        let requests = [
            folder.request("MKCOL", None),
            folder.request("PUT", Some(7)),
            folder.request("HEAD", Some(7)),
            folder.request("DELETE", None),
            folder.request_to("MOVE", ".file", &share.file_name),
        ];
        let mut lines = Vec::new();
        for request in requests {
            let request = request.unwrap().build().unwrap();
            let header = |name| request.headers()[name].to_str().unwrap();
            assert_eq!(header("authorization"), "Basic dDA6cDA=");
            assert_eq!(header("x-requested-with"), "XMLHttpRequest");
            assert_eq!(header("oc-total-length"), "23");
            let destination = "https://cloud.example.com/nc/public.php/dav/files/t0/\
                               Gespr%C3%A4ch%201%20&%202%20(a%2Fb)%3F.webm";
            assert_eq!(header("destination"), destination);
            assert!(!request.headers().contains_key("cookie"));
            assert!(!request.headers().contains_key("x-nc-nickname"));
            lines.push(format!("{} {}", request.method(), request.url().path()));
        }
        let root = "/nc/public.php/dav/uploads/t0/id0";
        let expected = ["MKCOL ", "PUT /7", "HEAD /7", "DELETE ", "MOVE /.file"];
        let expected = expected.map(|line| line.replace(' ', &format!(" {root}")));
        assert_eq!(lines, expected);
    }

    #[test]
    fn patience_with_joining_grows_with_the_file() {
        assert_eq!(joining_timeout(1), Duration::from_mins(18));
        assert_eq!(joining_timeout(10 << 30), Duration::from_mins(45));
        assert!(joining_timeout(u64::MAX) > Duration::from_hours(1));
    }
}
