//! What an internal client sees, and what the cloud sees of it.

use std::{collections::BTreeMap, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use crate::demo::{
    cloud::{
        Cloud,
        tests::{INTERNAL, cloud},
    },
    crowd::Outage,
};
use crate::signature::Signature;

const ROOM: &str = "abcd1234";
const SOON: Duration = Duration::from_secs(2);

struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    async fn connect(cloud: &Cloud) -> Self {
        let address = cloud.signaling_address().replace("http", "ws") + "/spreed";
        let mut client = Self(connect_async(address).await.unwrap().0);
        assert_eq!(client.next().await["type"], "welcome");
        client
    }

    async fn next(&mut self) -> Value {
        let frame = self.0.next().await.unwrap().unwrap();
        serde_json::from_str(frame.to_text().unwrap()).unwrap()
    }

    async fn ask(&mut self, message: &Value) -> Value {
        self.0.send(Message::text(message.to_string())).await.unwrap();
        self.next().await
    }

    async fn hello(&mut self, secret: &str, backend: &str, features: &[&str]) -> Value {
        let signature = Signature::of(&secret.into(), b"");
        let params = json!({"random": signature.random, "token": signature.checksum, "backend": backend});
        let auth = json!({"type": "internal", "params": params});
        let hello = json!({"version": "1.0", "auth": auth, "features": features});
        self.ask(&json!({"id": "1", "type": "hello", "hello": hello})).await
    }

    /// Says hello as a watcher and joins the room.
    async fn watch(cloud: &Cloud) -> (Self, Value) {
        let mut watcher = Self::connect(cloud).await;
        let hello = watcher.hello(INTERNAL, cloud.address(), &["internal-incall"]).await;
        watcher.join().await;
        (watcher, hello)
    }

    async fn resume(&mut self, hello: &Value) -> Value {
        let resume = &hello["hello"]["resumeid"];
        self.ask(&json!({"id": "9", "type": "hello", "hello": {"version": "1.0", "resumeid": resume}})).await
    }

    /// Joins the room in mid-call and hears who is there.
    async fn join(&mut self) {
        let answer = self.ask(&json!({"id": "2", "type": "room", "room": {"roomid": ROOM}})).await;
        assert_eq!((answer["id"].as_str(), answer["room"]["roomid"].as_str()), (Some("2"), Some(ROOM)));
        assert_eq!(answer["room"]["properties"]["name"], "Private conversation");
        assert!(self.next().await["event"]["join"][0].get("roomsessionid").is_none(), "itself first");
        assert_eq!(self.next().await["event"]["join"][0]["userid"], "alice");
        assert_eq!(self.in_call().await["session-of-alice"], 7);
    }

    /// The next message tells who is in the call: sessions and flags.
    async fn in_call(&mut self) -> BTreeMap<String, u64> {
        let update = self.next().await["event"]["update"].take();
        let users = update["users"].as_array().unwrap_or_else(|| panic!("{update}"));
        let flags =
            |user: &Value| (user["sessionId"].as_str().unwrap().to_owned(), user["inCall"].as_u64().unwrap());
        users.iter().filter(|user| user["internal"] != true).map(flags).collect()
    }

    /// The session that the next message says has left.
    async fn left(&mut self) -> String {
        let event = self.next().await["event"].take();
        assert_eq!(event["type"], "leave");
        event["leave"][0].as_str().unwrap().to_owned()
    }

    async fn hears_nothing(&mut self) {
        let heard = timeout(Duration::from_millis(100), self.0.next()).await;
        assert!(heard.is_err(), "{heard:?}");
    }
}

fn flags<const N: usize>(users: [(&str, u64); N]) -> BTreeMap<String, u64> {
    users.into_iter().map(|(user, flags)| (format!("session-of-{user}"), flags)).collect()
}

#[actix_rt::test]
async fn a_recording_page_is_seen_to_join_and_to_leave() {
    let (cloud, _files) = cloud();
    let mut page = Client::connect(&cloud).await;
    assert_eq!(page.hello(INTERNAL, cloud.address(), &[]).await["type"], "hello");
    let in_call = json!({"type": "internal", "internal": {"type": "incall", "incall": {"incall": 1}}});
    page.0.send(Message::text(in_call.to_string())).await.unwrap();
    page.join().await;
    cloud.wait_for(|state| state.pages_in(ROOM) == 1, SOON).await.unwrap();
    let bye = page.ask(&json!({"id": "3", "type": "bye", "bye": {}})).await;
    assert_eq!(bye, json!({"id": "3", "type": "bye"}));
    let state = cloud.wait_for(|state| state.pages_in(ROOM) == 0, SOON).await.unwrap();
    assert_eq!(state.sessions.len(), 1);
}

#[actix_rt::test]
async fn a_hidden_watcher_is_no_page_and_hears_the_end_of_the_call_and_of_the_room() {
    let (cloud, _files) = cloud();
    let (mut watcher, _) = Client::watch(&cloud).await;
    assert_eq!(cloud.state().pages_in(ROOM), 0);
    assert!(cloud.state().sessions[0].present);
    cloud.end_call(ROOM).await.unwrap();
    let update = json!({"roomid": ROOM, "incall": 0, "all": true});
    assert_eq!(watcher.next().await["event"]["update"], update);
    cloud.delete_room(ROOM);
    assert_eq!(watcher.next().await["event"]["type"], "delete");
    assert_eq!(watcher.next().await, json!({"type": "room", "room": {"roomid": ""}}));
}

#[actix_rt::test]
async fn who_comes_and_goes_is_told_as_the_real_server_tells_it() {
    let (cloud, _files) = cloud();
    let (mut watcher, _) = Client::watch(&cloud).await;
    cloud.join_call(ROOM, "bob");
    assert_eq!(watcher.next().await["event"]["join"][0]["userid"], "bob");
    assert_eq!(watcher.in_call().await, flags([("alice", 7), ("bob", 7)]));
    cloud.leave_call(ROOM, "alice").await.unwrap();
    assert_eq!(watcher.in_call().await, flags([("alice", 0), ("bob", 7)]));
    cloud.join_call(ROOM, "alice");
    assert_eq!(watcher.next().await["event"]["type"], "join");
    assert_eq!(watcher.in_call().await.len(), 2);
    cloud.keep_sessions_for(Duration::from_millis(10));
    cloud.vanish(ROOM, "bob").await.unwrap();
    assert_eq!(watcher.left().await, "session-of-bob");
    assert_eq!(watcher.in_call().await, flags([("alice", 7)]));
    cloud.vanish(ROOM, "alice").await.unwrap();
    assert_eq!(watcher.left().await, "session-of-alice");
    watcher.hears_nothing().await;
}

#[actix_rt::test]
async fn a_session_that_was_cut_is_taken_up_again_and_hears_what_it_missed() {
    let (cloud, _files) = cloud();
    let (mut watcher, hello) = Client::watch(&cloud).await;
    cloud.cut_signaling(Outage::Network);
    assert!(!matches!(watcher.0.next().await, Some(Ok(_))), "the connection is cut");
    assert!(connect_async(cloud.signaling_address().replace("http", "ws") + "/spreed").await.is_err());
    cloud.join_call(ROOM, "bob");
    cloud.mend_signaling();
    let mut back = Client::connect(&cloud).await;
    let answer = back.resume(&hello).await;
    assert_eq!(answer["hello"]["sessionid"], hello["hello"]["sessionid"]);
    assert_eq!(back.next().await["event"]["join"][0]["userid"], "bob");
    assert_eq!(back.in_call().await, flags([("alice", 7), ("bob", 7)]));
    let again = back.ask(&json!({"id": "3", "type": "room", "room": {"roomid": ROOM}})).await;
    assert_eq!(again["error"]["code"], "already_joined");
    assert_eq!(again["error"]["details"]["room"]["roomid"], ROOM);
}

#[actix_rt::test]
async fn a_session_is_forgotten_by_and_by_and_by_a_restart() {
    let (cloud, _files) = cloud();
    cloud.keep_sessions_for(Duration::from_millis(10));
    let (watcher, hello) = Client::watch(&cloud).await;
    drop(watcher);
    cloud.wait_for(|state| state.sessions_in(ROOM).is_empty(), SOON).await.unwrap();
    let mut back = Client::connect(&cloud).await;
    assert_eq!(back.resume(&hello).await["error"]["code"], "no_such_session");
    cloud.keep_sessions_for(Duration::from_mins(1));
    let (_watcher, hello) = Client::watch(&cloud).await;
    cloud.cut_signaling(Outage::Restart);
    cloud.mend_signaling();
    let mut back = Client::connect(&cloud).await;
    assert_eq!(back.resume(&hello).await["error"]["code"], "no_such_session");
    assert!(cloud.state().sessions_in(ROOM).is_empty());
}

#[actix_rt::test]
async fn after_ten_wrong_hellos_the_right_one_is_not_heard_either() {
    let (cloud, _files) = cloud();
    let mut client = Client::connect(&cloud).await;
    for _ in 0..10 {
        let wrong = client.hello("wrong", cloud.address(), &[]).await;
        assert_eq!(wrong["error"]["code"], "invalid_token");
    }
    let right = client.hello(INTERNAL, cloud.address(), &[]).await;
    assert_eq!(right["error"]["code"], "too_many_requests");
}

#[actix_rt::test]
async fn who_does_not_say_hello_is_sent_away() {
    let (cloud, _files) = cloud();
    let mut client = Client::connect(&cloud).await;
    assert_eq!(client.next().await, json!({"type": "bye", "bye": {"reason": "hello_timeout"}}));
}

#[actix_rt::test]
async fn a_room_that_does_not_exist_is_joined_like_any_other() {
    let (cloud, _files) = cloud();
    let mut client = Client::connect(&cloud).await;
    client.hello(INTERNAL, cloud.address(), &["internal-incall"]).await;
    let answer = client.ask(&json!({"id": "2", "type": "room", "room": {"roomid": "nosuchroom"}})).await;
    assert_eq!(answer, json!({"id": "2", "type": "room", "room": {"roomid": "nosuchroom"}}));
    assert_eq!(client.next().await["event"]["type"], "join");
    assert_eq!(client.in_call().await, flags([]));
}

#[actix_rt::test]
async fn a_wrong_hello_is_answered_with_its_reason_and_may_be_repeated() {
    let (cloud, _files) = cloud();
    let mut client = Client::connect(&cloud).await;
    let early = client.ask(&json!({"id": "7", "type": "room", "room": {"roomid": ROOM}})).await;
    assert_eq!(early["error"]["code"], "hello_expected");
    let wrong = client.hello("wrong", cloud.address(), &[]).await;
    let message = "The passed token is invalid.";
    assert_eq!(
        wrong,
        json!({"id": "1", "type": "error", "error": {"code": "invalid_token", "message": message}})
    );
    let stranger = client.hello(INTERNAL, "http://127.0.0.1:1", &[]).await;
    assert_eq!(stranger["error"]["code"], "invalid_backend");
    let base = format!("{}/", cloud.address());
    assert_eq!(client.hello(INTERNAL, &base, &[]).await["type"], "hello");
}

#[actix_rt::test]
async fn only_its_own_path_is_served() {
    let (cloud, _files) = cloud();
    let address = cloud.signaling_address().replace("http", "ws") + "/other";
    assert!(connect_async(address).await.is_err());
}
