//! What an internal client sees, and what the cloud sees of it.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use crate::demo::cloud::{
    Cloud,
    tests::{INTERNAL, cloud},
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

    async fn join(&mut self) {
        let answer = self.ask(&json!({"id": "2", "type": "room", "room": {"roomid": ROOM}})).await;
        assert_eq!(answer, json!({"id": "2", "type": "room", "room": {"roomid": ROOM}}));
        assert_eq!(self.next().await["event"]["type"], "join");
        assert_eq!(self.next().await["event"]["update"]["users"][1]["userId"], "alice");
    }
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
    let mut watcher = Client::connect(&cloud).await;
    watcher.hello(INTERNAL, cloud.address(), &["internal-incall"]).await;
    watcher.join().await;
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
async fn a_cut_connection_gives_the_seat_back() {
    let (cloud, _files) = cloud();
    let mut page = Client::connect(&cloud).await;
    page.hello(INTERNAL, cloud.address(), &[]).await;
    page.join().await;
    assert_eq!(cloud.state().pages_in(ROOM), 1);
    drop(page);
    cloud.wait_for(|state| state.pages_in(ROOM) == 0, SOON).await.unwrap();
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
