//! The room of a recording is watched, so that none runs for ever.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use talk_recorder::{
    demo::{
        Kind,
        crowd::Outage,
        faults::{Door, Fault},
        state::{NoticeKind, RecordingState, Session},
    },
    signature::Signature,
};
use testing::{
    Scene, Setup,
    scene::{INTERNAL, OWNER, ROOM},
};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep},
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use crate::SERVER;

/// Longer than it takes for an empty call to count as over, with grace.
const LONG: Duration = Duration::from_secs(3);

/// A server that ends a recording when nobody was in its call for a second.
async fn impatient() -> Scene {
    let more = "[limits]\nempty_call = \"1s\"";
    let setup = Setup { recording: "engine = \"synthetic\"", more, ..Setup::default() };
    Scene::start(SERVER, setup).await
}

/// A recording that runs and whose room is watched, in a cloud whose own stops are lost from now on.
async fn recorded_but_never_stopped(scene: &Scene) {
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    let is_watcher = |session: &&Session| session.in_call == 0;
    scene
        .until("watched", 5, |state| state.sessions_in(ROOM).iter().filter(|it| is_watcher(it)).count() == 1)
        .await;
    scene.cloud.use_recorder("http://127.0.0.1:1");
}

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Says hello as a recording page does.
async fn hello(scene: &Scene, secret: &str) -> (Client, Value) {
    let address = scene.cloud.signaling_address().replace("http", "ws") + "/spreed";
    let mut client = connect_async(address).await.unwrap().0;
    let Signature { random, checksum } = Signature::of(&secret.into(), b"");
    let params = json!({"random": random, "token": checksum, "backend": scene.cloud.address()});
    let hello = json!({"version": "1.0", "auth": {"type": "internal", "params": params}});
    send(&mut client, &json!({"id": "1", "type": "hello", "hello": hello})).await;
    client.next().await.unwrap().unwrap();
    let answer = client.next().await.unwrap().unwrap();
    let answer = serde_json::from_str(answer.to_text().unwrap()).unwrap();
    (client, answer)
}

async fn send(client: &mut Client, message: &Value) {
    client.send(Message::text(message.to_string())).await.unwrap();
}

/// Waits until the recording has ended by itself and its file is stored.
async fn ends_since_the_call_is_empty(scene: &mut Scene) {
    scene.server.wait_for_log(0, "why=call_empty").await;
    scene.until_stored(1, 10).await;
    let state = scene.until("stopped", 10, |state| state.told(ROOM).len() == 2).await;
    assert_eq!(state.told(ROOM), [NoticeKind::Started(1), NoticeKind::Stopped]);
    assert_eq!(state.notices[1].actor, None);
    assert_eq!(state.recording(ROOM), Some(RecordingState::None));
    scene.until("the watcher is gone", 5, |state| state.sessions_in(ROOM).is_empty()).await;
    scene.until_nothing_is_spooled().await;
}

async fn goes_on(scene: &Scene) {
    sleep(LONG).await;
    assert_eq!(scene.told(), [NoticeKind::Started(1)], "{}", scene.server.log());
    assert_eq!(scene.server.count("current").await, 1.0);
}

#[actix_rt::test]
async fn a_recording_ends_with_its_room_and_its_file_is_kept() {
    let mut scene = impatient().await;
    recorded_but_never_stopped(&scene).await;
    let deleted = Instant::now();
    scene.cloud.delete_room(ROOM);
    scene.server.wait_for_log(0, "why=room_deleted").await;
    assert!(deleted.elapsed() < Duration::from_secs(2), "{:?}", deleted.elapsed());
    scene.server.wait_for_log(0, "parked: the file stays in the spool").await;
    assert!(scene.server.log().contains("the room was deleted"), "{}", scene.server.log());
    assert_eq!(scene.spooled().len(), 1);
}

#[actix_rt::test]
async fn a_recording_ends_when_the_last_one_vanishes_and_no_stop_arrives() {
    let mut scene = impatient().await;
    scene.cloud.keep_sessions_for(Duration::from_millis(100));
    recorded_but_never_stopped(&scene).await;
    scene.cloud.vanish(ROOM, OWNER).await.unwrap_err();
    ends_since_the_call_is_empty(&mut scene).await;
}

#[actix_rt::test]
async fn a_recording_ends_when_the_last_one_leaves_and_the_stop_is_lost() {
    let mut scene = impatient().await;
    recorded_but_never_stopped(&scene).await;
    scene.cloud.join_call(ROOM, "bob");
    scene.cloud.leave_call(ROOM, OWNER).await.unwrap();
    goes_on(&scene).await;
    scene.cloud.leave_call(ROOM, "bob").await.unwrap_err();
    ends_since_the_call_is_empty(&mut scene).await;
}

#[actix_rt::test]
async fn a_recording_ends_when_the_call_is_ended_for_everyone_and_the_stop_is_lost() {
    let mut scene = impatient().await;
    recorded_but_never_stopped(&scene).await;
    scene.cloud.end_call(ROOM).await.unwrap_err();
    ends_since_the_call_is_empty(&mut scene).await;
}

#[actix_rt::test]
async fn somebody_who_is_back_in_time_keeps_the_recording_going() {
    let scene = impatient().await;
    recorded_but_never_stopped(&scene).await;
    scene.cloud.leave_call(ROOM, OWNER).await.unwrap_err();
    sleep(Duration::from_millis(300)).await;
    scene.cloud.join_call(ROOM, OWNER);
    goes_on(&scene).await;
}

#[actix_rt::test]
async fn a_recording_page_alone_does_not_keep_the_recording_going() {
    let mut scene = impatient().await;
    let (mut page, _) = hello(&scene, INTERNAL).await;
    send(&mut page, &json!({"id": "2", "type": "room", "room": {"roomid": ROOM}})).await;
    scene.until("the page is in the call", 5, |state| state.pages_in(ROOM) == 1).await;
    recorded_but_never_stopped(&scene).await;
    scene.cloud.leave_call(ROOM, OWNER).await.unwrap_err();
    scene.server.wait_for_log(0, "why=call_empty").await;
    assert_eq!(scene.cloud.state().pages_in(ROOM), 1, "the page is still there");
    drop(page);
}

#[actix_rt::test]
async fn a_signaling_server_that_is_away_ends_nothing() {
    for outage in [Outage::Network, Outage::Restart] {
        let mut scene = impatient().await;
        recorded_but_never_stopped(&scene).await;
        scene.cloud.cut_signaling(outage);
        scene.server.wait_for_log(0, "the room is not watched for now").await;
        goes_on(&scene).await;
        scene.cloud.mend_signaling();
        scene.server.wait_for_log(0, "the room is watched again").await;
        goes_on(&scene).await;
        scene.cloud.use_recorder(scene.server.url());
        scene.press_stop().await;
        scene.until_stored(1, 10).await;
    }
}

#[actix_rt::test]
async fn a_refusal_in_the_middle_of_a_recording_is_told_with_the_time_of_the_next_try() {
    let mut scene = impatient().await;
    recorded_but_never_stopped(&scene).await;
    scene.cloud.signal_as("");
    scene.cloud.cut_signaling(Outage::Restart);
    scene.cloud.mend_signaling();
    let seconds = scene.server.wait_for_log(0, "next_try_seconds=").await;
    assert!((1800..=3600).contains(&seconds.parse().unwrap()), "{seconds}");
    let log = scene.server.log();
    assert!(log.contains("the room cannot be watched any more, the recording goes on"), "{log}");
    assert!(log.contains("has no signaling server"), "{log}");
    goes_on(&scene).await;
}

#[actix_rt::test]
async fn what_happened_while_the_signaling_server_was_away_is_not_missed() {
    for outage in [Outage::Network, Outage::Restart] {
        let mut scene = impatient().await;
        recorded_but_never_stopped(&scene).await;
        scene.cloud.cut_signaling(outage);
        scene.cloud.end_call(ROOM).await.unwrap_err();
        goes_on(&scene).await;
        scene.cloud.mend_signaling();
        ends_since_the_call_is_empty(&mut scene).await;
    }
}

#[actix_rt::test]
async fn a_room_that_was_deleted_while_the_signaling_server_was_away_is_not_missed_either() {
    let mut scene = impatient().await;
    recorded_but_never_stopped(&scene).await;
    scene.cloud.cut_signaling(Outage::Restart);
    scene.cloud.delete_room(ROOM);
    scene.cloud.mend_signaling();
    scene.server.wait_for_log(0, "why=room_deleted").await;
}

#[actix_rt::test]
async fn an_empty_call_is_left_alone_where_the_limit_is_off() {
    let more = "[limits]\nempty_call = \"off\"";
    let setup = Setup { recording: "engine = \"synthetic\"", more, ..Setup::default() };
    let mut scene = Scene::start(SERVER, setup).await;
    recorded_but_never_stopped(&scene).await;
    scene.cloud.end_call(ROOM).await.unwrap_err();
    goes_on(&scene).await;
    scene.cloud.delete_room(ROOM);
    scene.server.wait_for_log(0, "why=room_deleted").await;
}

#[actix_rt::test]
async fn nothing_is_opened_where_watching_is_off() {
    let more = "[limits]\nempty_call = \"1s\"\nwatch_call = false";
    let setup = Setup { recording: "engine = \"synthetic\"", more, ..Setup::default() };
    let scene = Scene::start(SERVER, setup).await;
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    scene.cloud.use_recorder("http://127.0.0.1:1");
    scene.cloud.end_call(ROOM).await.unwrap_err();
    goes_on(&scene).await;
    let state = scene.cloud.state();
    assert_eq!((state.requests_at(Door::Settings), state.sessions.len()), (0, 0));
}

/// The recording fails with these words before its engine is started.
async fn fails_before_it_begins(scene: &mut Scene, words: &[&str]) {
    scene.press_record(Kind::Video).await;
    let line = scene.server.wait_for_log(0, "recording failed").await;
    let log = scene.server.log();
    for word in words {
        assert!(log.contains(word), "{word:?} is not in {line}\n{log}");
    }
    scene.until("failed", 10, |state| state.told(ROOM) == [NoticeKind::Failed]).await;
    assert!(!log.contains("phase=recording"), "{log}");
    scene.until_nothing_is_spooled().await;
}

#[actix_rt::test]
async fn a_wrong_internal_secret_is_named_at_once_and_not_tried_again() {
    let recording = "engine = \"synthetic\"";
    let setup = Setup { recording, internal_secret: Some("wrong"), ..Setup::default() };
    let mut scene = Scene::start(SERVER, setup).await;
    fails_before_it_begins(&mut scene, &["refuses the internal secret", "[signaling] internalsecret"]).await;
    assert_eq!(scene.cloud.state().wrong_hellos, 1);
}

#[actix_rt::test]
async fn a_refusal_that_is_not_from_nextcloud_is_no_verdict() {
    let mut scene = impatient().await;
    scene.cloud.faults().script(Door::Settings, [Fault::Status(401)]);
    scene.press_record(Kind::Video).await;
    // A bare 401 may be that of a proxy, which the page may be let past.
    scene.server.wait_for_log(0, "the room is not watched for now").await;
    scene.until_started(10).await;
    scene.server.wait_for_log(0, "the room is watched again").await;
}

#[actix_rt::test]
async fn a_server_that_blocks_this_address_does_not_keep_a_recording_from_beginning() {
    let mut scene = impatient().await;
    for _ in 0..10 {
        assert_eq!(hello(&scene, "wrong").await.1["error"]["code"], "invalid_token");
    }
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    scene.server.wait_for_log(0, "for up to 30 minutes").await;
    scene.press_stop().await;
    scene.until_stored(1, 10).await;
    assert_eq!(scene.cloud.state().wrong_hellos, 10);
}

#[actix_rt::test]
async fn a_stop_during_a_slow_beginning_is_heeded() {
    let scene = impatient().await;
    scene.cloud.faults().script(Door::Settings, [Fault::Hang(Duration::from_mins(1))]);
    scene.press_record(Kind::Video).await;
    scene.press_stop().await;
    scene.until("stopped", 4, |state| state.told(ROOM) == [NoticeKind::Stopped]).await;
    scene.until_nothing_is_spooled().await;
}

#[actix_rt::test]
async fn a_nextcloud_that_does_not_answer_keeps_a_recording_waiting_for_some_seconds_only() {
    let scene = impatient().await;
    scene.cloud.faults().script(Door::Settings, [Fault::Hang(Duration::from_mins(1))]);
    scene.press_record(Kind::Video).await;
    scene.until_started(8).await;
    scene.until("watched", 5, |state| state.sessions_in(ROOM).len() == 1).await;
}
