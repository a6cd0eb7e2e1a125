//! The tables of what a real file drop answers, row by row.

use std::fs;

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::super::tests::signed;
use crate::demo::cloud::{Cloud, tests::cloud};

const WEBM: &[u8] = b"\x1A\x45\xDF\xA3\x9F\x42\x82\x84webm and so on";
const PLAIN: &str = "plain.webm";

/// A share as the recorder has it.
struct Drop {
    cloud: Cloud,
    files: TempDir,
    token: String,
    password: String,
}

impl Drop {
    async fn open() -> Self {
        let (cloud, files) = cloud();
        let request = signed(&cloud, "v1/recording/abcd1234/request-upload", "abcd1234");
        let answer = request.json(&json!({"owner": "alice", "fileName": PLAIN})).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        let text = |key: &str| answer["ocs"]["data"][key].as_str().unwrap().to_owned();
        Self { cloud, files, token: text("token"), password: text("password") }
    }

    /// A request without credentials.
    fn bare(&self, method: &str, path: &str) -> RequestBuilder {
        let url = format!("{}/public.php/dav/uploads/{}/{path}", self.cloud.address(), self.token);
        Client::new().request(Method::from_bytes(method.as_bytes()).unwrap(), url)
    }

    fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.bare(method, path)
            .basic_auth("anybody", Some(&self.password))
            .header("X-Requested-With", "XMLHttpRequest")
    }

    async fn status(&self, method: &str, path: &str) -> u16 {
        self.request(method, path).send().await.unwrap().status().as_u16()
    }

    async fn put(&self, path: &str, bytes: &[u8]) -> Response {
        let request = self.request("PUT", path).header("OC-Total-Length", bytes.len());
        request.body(bytes.to_vec()).send().await.unwrap()
    }

    async fn join(&self, upload: &str, encoded_name: &str) -> Response {
        let destination =
            format!("{}/public.php/dav/files/{}/{encoded_name}", self.cloud.address(), self.token);
        let request = self.request("MOVE", &format!("{upload}/.file")).header("Destination", destination);
        request.header("OC-Total-Length", WEBM.len()).send().await.unwrap()
    }

    /// Puts a whole file into an upload directory, ready to be joined.
    async fn fill(&self, upload: &str) {
        assert_eq!(self.status("MKCOL", upload).await, 201);
        assert_eq!(self.put(&format!("{upload}/2"), &WEBM[9..]).await.status(), 201);
        assert_eq!(self.put(&format!("{upload}/1"), &WEBM[..9]).await.status(), 201);
    }

    fn names(&self) -> Vec<String> {
        let folder = fs::read_dir(self.files.path().join("alice/Talk/Recording/abcd1234")).unwrap();
        let mut names: Vec<_> =
            folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn challenge(answer: &Response) -> Option<&str> {
    answer.headers().get("WWW-Authenticate").map(|challenge| challenge.to_str().unwrap())
}

#[actix_rt::test]
async fn chunks_become_one_file_where_the_upload_in_one_piece_puts_it() {
    let drop = Drop::open().await;
    drop.fill("u").await;
    assert_eq!(drop.join("u", "with%20blank.webm").await.status(), 201);
    let path = drop.files.path().join("alice/Talk/Recording/abcd1234/with blank.webm");
    assert_eq!(fs::read(&path).unwrap(), WEBM);
    assert_eq!(drop.cloud.state().contents[&path].sha256, hex::encode(Sha256::digest(WEBM)));
    assert!(drop.cloud.state().stored.is_empty(), "it was not handed in");
}

#[actix_rt::test]
async fn nothing_is_made_or_put_twice() {
    let drop = Drop::open().await;
    assert_eq!(drop.status("MKCOL", "u").await, 201);
    assert_eq!(drop.status("MKCOL", "u").await, 405);
    assert_eq!(drop.put("u/1", b"one").await.status(), 201);
    assert_eq!(drop.put("u/1", b"one").await.status(), 403);
    assert_eq!(drop.status("DELETE", "u/1").await, 204);
    assert_eq!(drop.put("u/1", b"ONE").await.status(), 201);
}

#[actix_rt::test]
async fn a_chunk_can_be_looked_at() {
    let drop = Drop::open().await;
    assert_eq!(drop.status("MKCOL", "u").await, 201);
    assert_eq!(drop.status("HEAD", "u/1").await, 404);
    drop.put("u/1", b"twelve bytes").await;
    let answer = drop.request("HEAD", "u/1").send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["Content-Length"]),
        (200, &"12".parse().unwrap())
    );
}

#[actix_rt::test]
async fn what_is_not_there_is_refused_each_in_its_way() {
    let drop = Drop::open().await;
    assert_eq!(drop.put("u/1", b"one").await.status(), 409);
    let answer = drop.join("u", PLAIN).await;
    assert_eq!(answer.status(), 404);
    let message = answer.text().await.unwrap();
    assert!(message.contains("<s:message>File with name //u could not be located</s:message>"), "{message}");
    assert_eq!(drop.status("DELETE", "u").await, 404);
    drop.fill("u").await;
    assert_eq!(drop.join("u", PLAIN).await.status(), 201);
    assert_eq!(drop.join("u", PLAIN).await.status(), 404);
    assert_eq!(drop.put("u/3", b"more").await.status(), 409);
    assert_eq!(drop.status("HEAD", "u/1").await, 404);
}

#[actix_rt::test]
async fn chunks_that_do_not_sum_up_are_not_joined() {
    let drop = Drop::open().await;
    assert_eq!(drop.status("MKCOL", "u").await, 201);
    drop.put("u/1", &WEBM[..5]).await;
    let answer = drop.join("u", PLAIN).await;
    assert_eq!(answer.status(), 400);
    let message = answer.text().await.unwrap();
    assert!(
        message.contains(&format!("Chunks on server do not sum up to {} but to 5 bytes", WEBM.len())),
        "{message}"
    );
    assert_eq!(drop.status("HEAD", "u/1").await, 200, "they stay");
}

#[actix_rt::test]
async fn a_name_that_is_taken_is_numbered_only_if_it_needs_no_encoding() {
    let drop = Drop::open().await;
    for (upload, name, status) in [
        ("a", PLAIN, 201),
        ("b", PLAIN, 201),
        ("c", "with%20blank.webm", 201),
        ("d", "with%20blank.webm", 403),
        ("d", "with%20blank%20(2).webm", 201),
    ] {
        if drop.status("HEAD", &format!("{upload}/1")).await == 404 {
            drop.fill(upload).await;
        }
        assert_eq!(drop.join(upload, name).await.status(), status, "{upload} {name}");
    }
    assert_eq!(drop.names(), ["plain (2).webm", PLAIN, "with blank (2).webm", "with blank.webm"]);
}

#[actix_rt::test]
async fn each_cause_of_a_401_has_its_challenge() {
    let drop = Drop::open().await;
    let wrong = |request: RequestBuilder| request.basic_auth("anybody", Some("wrong"));
    let ajax = |request: RequestBuilder| request.header("X-Requested-With", "XMLHttpRequest");
    let answer = ajax(wrong(drop.bare("MKCOL", "u"))).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), challenge(&answer)), (401, Some(super::DUMMY_CHALLENGE)));
    let answer = wrong(drop.bare("MKCOL", "u")).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), challenge(&answer)), (401, Some(super::CHALLENGE)));
    let answer = ajax(drop.bare("MKCOL", "u")).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), challenge(&answer)), (401, None));
    drop.cloud.end_shares();
    let answer = drop.request("MKCOL", "u").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), challenge(&answer)), (401, Some(super::CHALLENGE)));
}

#[actix_rt::test]
async fn without_federated_sharing_only_requests_that_say_ajax_are_let_in() {
    let drop = Drop::open().await;
    drop.cloud.rule(|rules| rules.no_federated_sharing = true);
    let plain = drop.bare("MKCOL", "u").basic_auth("anybody", Some(&drop.password));
    for request in [plain.try_clone().unwrap(), plain.header("X-Requested-With", "xmlhttprequest")] {
        let answer = request.send().await.unwrap();
        assert_eq!((answer.status().as_u16(), challenge(&answer)), (401, None));
    }
    assert_eq!(drop.status("MKCOL", "u").await, 201);
}

#[actix_rt::test]
async fn a_full_storage_and_a_proxy_refuse_what_is_too_large() {
    let drop = Drop::open().await;
    assert_eq!(drop.status("MKCOL", "u").await, 201);
    drop.cloud.rule(|rules| rules.quota = Some(4));
    let answer = drop.put("u/1", b"12345").await;
    assert_eq!(answer.status(), 507);
    assert!(answer.text().await.unwrap().contains("Insufficient space in /, 5 required"));
    drop.cloud.rule(|rules| (rules.quota, rules.largest_request) = (None, Some(4)));
    let answer = drop.put("u/1", b"12345").await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["Content-Type"]),
        (413, &"text/html".parse().unwrap())
    );
    assert_eq!(drop.put("u/1", b"1234").await.status(), 201);
}
