//! The doors of a share, one after the other, as a recorder that uploads in chunks goes through them.

use serde_json::Value;

use super::{super::tests::signed, *};
use crate::demo::{
    chunks::Chunks,
    cloud::{Cloud, tests::cloud},
};

const WEBM: &[u8] = b"\x1A\x45\xDF\xA3\x9F\x42\x82\x84webm and so on";
const REQUEST: &str = "v1/recording/abcd1234/request-upload";
const STORE: &str = "v1/recording/abcd1234/store";

async fn send(cloud: &Cloud, path: &str, owner: &str) -> (u16, Value) {
    let request = signed(cloud, path, "abcd1234").json(&json!({"owner": owner, "fileName": "a.webm"}));
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json::<Value>().await.unwrap()["ocs"].take())
}

/// A file that came in chunks.
fn join(cloud: &Cloud, bytes: &[u8]) {
    let chunks = Chunks::new(&cloud.inside.settings.files, "t", "u");
    chunks.make().unwrap();
    let incoming = chunks.incoming().unwrap();
    std::fs::write(incoming.path(), bytes).unwrap();
    chunks.keep("1", incoming).unwrap();
    let path = cloud.inside.settings.recordings("alice", "abcd1234").join("a.webm");
    let content = chunks.join(&path).unwrap();
    cloud.change(|state| drop(state.contents.insert(path, content)));
}

#[actix_rt::test]
async fn a_file_that_is_there_is_taken_and_closes_the_share() {
    let (cloud, _files) = cloud();
    let (status, answer) = send(&cloud, REQUEST, "alice").await;
    assert_eq!((status, &answer["data"]["fileName"]), (200, &json!("a.webm")));
    assert!(cloud.state().shares.contains_key(answer["data"]["token"].as_str().unwrap()));
    join(&cloud, WEBM);
    for taken in 1..=2 {
        assert_eq!(send(&cloud, STORE, "alice").await.0, 200);
        assert_eq!(cloud.state().stored.len(), taken, "each time its owner is told");
    }
    assert!(cloud.state().shares.is_empty());
    assert_eq!(cloud.state().stored[0].bytes, WEBM.len() as u64);
}

#[actix_rt::test]
async fn each_refusal_has_its_reason() {
    let (cloud, _files) = cloud();
    assert_eq!(send(&cloud, REQUEST, "bob").await.1["data"], json!({"error": "owner_participant"}));
    assert_eq!(send(&cloud, STORE, "alice").await.1["data"], json!({"error": "invalid_file"}));
    for (bytes, reason) in [(&b""[..], "empty_file"), (b"RIFF", "file_mimetype"), (b"OggS", "file_extension")]
    {
        join(&cloud, bytes);
        assert_eq!(send(&cloud, STORE, "alice").await.1["data"], json!({"error": reason}));
        assert!(!cloud.inside.settings.recordings("alice", "abcd1234").join("a.webm").exists());
    }
    cloud.rule(|rules| rules.no_sharing = true);
    assert_eq!(send(&cloud, REQUEST, "alice").await.1["data"], json!({"error": "sharing_disabled"}));
    cloud.delete_room("abcd1234");
    let (status, answer) = send(&cloud, REQUEST, "alice").await;
    assert_eq!((status, &answer["meta"]["statuscode"]), (404, &json!(404)));
}

#[actix_rt::test]
async fn an_old_talk_has_no_such_route_and_fails_on_a_form_without_a_file() {
    let (cloud, _files) = cloud();
    cloud.rule(|rules| rules.old_talk = true);
    let (status, answer) = send(&cloud, REQUEST, "alice").await;
    assert_eq!((status, &answer["meta"]["statuscode"]), (404, &json!(998)));
    let (status, answer) = send(&cloud, STORE, "alice").await;
    assert_eq!((status, &answer["meta"]["statuscode"]), (500, &json!(996)));
}
