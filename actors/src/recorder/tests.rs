//! A recorder with the synthetic engine, a Nextcloud that answers as it is told, and virtual time.

use std::{fs, time::Duration};

use actix::{Actor as _, Addr};
use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::*;
use crate::{
    ports::Refusal,
    recording::{Ending, Notice, Phase},
    synthetic::{Plan, Synthetic},
    testing::{Stage, alice, backend, order, room, until},
};

mod limits;
mod refit;
mod uploads;

fn recorder(stage: &Stage) -> Addr<Recorder> {
    Recorder::new(backend(), stage.world(), false, Box::new(())).start()
}

fn steady() -> Stage {
    Stage::with(Synthetic::default())
}

async fn start(recorder: &Addr<Recorder>) -> RecordingId {
    recorder.send(Start(order())).await.unwrap().unwrap()
}

async fn stop(recorder: &Addr<Recorder>) -> Result<(), UnknownRoom> {
    recorder.send(Stop { room: room(), by: Some(alice()) }).await.unwrap()
}

async fn phase(recorder: &Addr<Recorder>, id: RecordingId) -> Option<Phase> {
    let states = recorder.send(Census).await.unwrap();
    states.into_iter().find(|state| state.recording.id == id).map(|state| state.recording.phase)
}

async fn until_phase(recorder: &Addr<Recorder>, id: RecordingId, wanted: Option<Phase>) {
    until("phase", async || phase(recorder, id).await == wanted).await;
}

/// One call of some seconds, stopped by alice.
async fn record_a_call(recorder: &Addr<Recorder>) -> RecordingId {
    let id = start(recorder).await;
    until_phase(recorder, id, Some(Phase::Recording)).await;
    sleep(Duration::from_secs(5)).await;
    stop(recorder).await.unwrap();
    id
}

fn unreachable() -> Refusal {
    Refusal::Transient("connection refused".to_owned())
}

fn unanswered() -> Refusal {
    Refusal::Unanswered("connection reset".to_owned())
}

/// Starts what must be rejected, and returns when that has been told.
async fn assert_rejected(stage: &Stage, recorder: &Addr<Recorder>, order: Order) {
    let before = stage.nextcloud.notice_names().len();
    let counts = stage.counts().await;
    let asked = Instant::now();
    let id = recorder.send(Start(order)).await.unwrap().unwrap();
    until("told", async || stage.nextcloud.notice_names().len() > before).await;
    assert_eq!(stage.nextcloud.notice_names().last(), Some(&"failed"));
    assert!(asked.elapsed() >= Duration::from_secs(3), "not before nextcloud has noted the start");
    until_phase(recorder, id, None).await;
    assert_eq!(stage.counts().await, counts, "a rejected recording was none");
}

/// An entry as a server that died left it.
fn leave_behind(stage: &Stage, media: Option<&[u8]>, events: &[Event]) -> RecordingId {
    let mut recording =
        Recording::accepted(RecordingId::random(), order(), "Recording".to_owned(), Timestamp::now()).next;
    for event in events {
        recording = recording.on(event, Timestamp::now()).unwrap().next;
    }
    stage.drawer().save(&recording).unwrap();
    if let Some(bytes) = media {
        fs::write(stage.drawer().entry(recording.id).join("media.webm"), bytes).unwrap();
    }
    recording.id
}

#[actix_rt::test]
async fn a_call_is_recorded_told_and_stored() {
    let stage = steady();
    let recorder = recorder(&stage);
    let id = record_a_call(&recorder).await;
    until_phase(&recorder, id, None).await;
    assert_eq!(stage.nextcloud.notice_names(), ["started", "stopped"]);
    assert_eq!(stage.nextcloud.notices.lock().unwrap()[1].0, Notice::Stopped { by: Some(alice()) });
    let names = stage.nextcloud.file_names();
    assert!(names[0].starts_with("Recording 20") && names[0].contains(".webm"), "{names:?}");
    assert_eq!(stage.counts().await, [0, 1, 0, 0]);
    assert_eq!(stage.entries(), 0);
}

#[actix_rt::test]
async fn a_repeated_start_is_the_same_recording() {
    let stage = steady();
    let recorder = recorder(&stage);
    let (first, second) = tokio::join!(recorder.send(Start(order())), recorder.send(Start(order())));
    assert_eq!(first.unwrap(), second.unwrap());
    assert_eq!(stage.counts().await, [1, 1, 0, 0]);
}

#[actix_rt::test]
async fn stops_are_fine_as_long_as_somebody_may_repeat_them() {
    let stage = steady();
    let recorder = recorder(&stage);
    assert_eq!(stop(&recorder).await, Err(UnknownRoom));
    let id = record_a_call(&recorder).await;
    assert_eq!(stop(&recorder).await, Ok(()), "while it is stopping");
    until_phase(&recorder, id, None).await;
    assert_eq!(stop(&recorder).await, Ok(()), "soon after its end");
    sleep(Duration::from_mins(2)).await;
    assert_eq!(stop(&recorder).await, Err(UnknownRoom));
}

#[actix_rt::test]
async fn a_stopped_that_cannot_be_told_never_cancels_the_upload() {
    let stage = steady();
    let recorder = recorder(&stage);
    let id = start(&recorder).await;
    until("started", async || !stage.nextcloud.notice_names().is_empty()).await;
    stage.nextcloud.refuse_notices((0..1000).map(|_| unreachable()));
    stop(&recorder).await.unwrap();
    until("stored", async || !stage.nextcloud.file_names().is_empty()).await;
    until_phase(&recorder, id, None).await;
    assert_eq!(stage.nextcloud.notice_names(), ["started"], "a stale notice is dropped");
}

#[actix_rt::test]
async fn a_stop_does_not_wait_for_the_next_try_of_started() {
    let stage = steady();
    stage.nextcloud.refuse_notices((0..4).map(|_| unreachable()));
    let recorder = recorder(&stage);
    let id = start(&recorder).await;
    until_phase(&recorder, id, Some(Phase::Recording)).await;
    // The fifth try of `started` comes 35 seconds after the first.
    sleep(Duration::from_secs(20)).await;
    stop(&recorder).await.unwrap();
    let stopped = Instant::now();
    until("stopped", async || !stage.nextcloud.notice_names().is_empty()).await;
    assert_eq!(stage.nextcloud.notice_names(), ["stopped"]);
    assert!(stopped.elapsed() < Duration::from_secs(2), "{:?}", stopped.elapsed());
}

#[actix_rt::test]
async fn an_engine_that_breaks_is_told_late_enough_and_its_media_is_salvaged() {
    let stage = Stage::with(Synthetic::new(Plan { breaks: 1.0, ..Plan::default() }));
    let recorder = recorder(&stage);
    let accepted = Instant::now();
    let id = start(&recorder).await;
    until_phase(&recorder, id, None).await;
    let (notice, told) = stage.nextcloud.notices.lock().unwrap().last().cloned().unwrap();
    assert_eq!(notice, Notice::Failed);
    assert!(told - accepted >= Duration::from_secs(3), "told after {:?}", told - accepted);
    assert_eq!(stage.nextcloud.file_names().len(), 1);
    assert_eq!(stage.counts().await, [0, 1, 1, 0]);
}

#[actix_rt::test]
async fn a_panicking_engine_fails_its_recording_alone() {
    let stage = Stage::with(Synthetic::new(Plan { panics: 1.0, ..Plan::default() }));
    let recorder = recorder(&stage);
    let id = start(&recorder).await;
    until_phase(&recorder, id, None).await;
    assert_eq!(stage.counts().await, [0, 1, 1, 0]);
    assert!(recorder.connected());
}

#[actix_rt::test]
async fn start_stop_start_are_three_honest_lives() {
    let stage = Stage::with(Synthetic::new(Plan { bring_up: Duration::from_secs(10), ..Plan::default() }));
    let recorder = recorder(&stage);
    let first = start(&recorder).await;
    stop(&recorder).await.unwrap();
    let second = start(&recorder).await;
    assert_ne!(first, second);
    until_phase(&recorder, second, Some(Phase::Recording)).await;
    assert_eq!(phase(&recorder, first).await, None);
    assert_eq!(stage.counts().await, [1, 2, 0, 0]);
    stop(&recorder).await.unwrap();
    until_phase(&recorder, second, None).await;
    assert_eq!(stage.counts().await, [0, 2, 0, 0]);
    assert_eq!(
        stage.nextcloud.notice_names(),
        ["started", "stopped"],
        "the first one's end is nobody's news"
    );
}

#[actix_rt::test]
async fn recordings_of_one_moment_have_a_file_name_each() {
    let stage = steady();
    let recorder = recorder(&stage);
    for _ in 0..4 {
        record_a_call(&recorder).await;
    }
    until("stored", async || stage.nextcloud.file_names().len() == 4).await;
    let names: std::collections::HashSet<String> = stage.nextcloud.file_names().into_iter().collect();
    assert_eq!(names.len(), 4, "{names:?}");
}

#[actix_rt::test]
async fn a_room_that_awaits_no_recording_ends_it() {
    let stage = steady();
    let unknown = || Refusal::RoomUnknown("no_such_room".to_owned());
    stage.nextcloud.refuse_notices([unknown(), unknown()]);
    let recorder = recorder(&stage);
    let id = start(&recorder).await;
    until_phase(&recorder, id, None).await;
    assert_eq!(stage.nextcloud.file_names().len(), 1);
    assert_eq!(stage.counts().await, [0, 1, 0, 0]);
}

#[actix_rt::test]
async fn a_started_whose_answer_was_lost_does_not_end_the_recording() {
    let stage = steady();
    stage.nextcloud.refuse_notices([unanswered(), Refusal::RoomUnknown("no_such_room".to_owned())]);
    let recorder = recorder(&stage);
    let id = start(&recorder).await;
    sleep(Duration::from_mins(5)).await;
    assert_eq!(phase(&recorder, id).await, Some(Phase::Recording));
}

#[actix_rt::test]
async fn a_started_that_was_heard_before_a_server_error_does_not_end_the_recording() {
    let stage = steady();
    stage.nextcloud.refuse_notices([unreachable(), Refusal::RoomUnknown("no_such_room".to_owned())]);
    let recorder = recorder(&stage);
    let id = start(&recorder).await;
    sleep(Duration::from_mins(5)).await;
    assert_eq!(phase(&recorder, id).await, Some(Phase::Recording));
}

#[actix_rt::test]
async fn a_recording_that_was_cut_by_a_crash_is_delivered_and_counts_for_nothing() {
    let stage = steady();
    let id = leave_behind(
        &stage,
        Some(b"half a call"),
        &[Event::Rolling, Event::Told { notice: Notice::Started }],
    );
    let recorder = recorder(&stage);
    until_phase(&recorder, id, None).await;
    assert_eq!(stage.nextcloud.notice_names(), ["failed"]);
    assert_eq!(stage.nextcloud.files.lock().unwrap()[0].1, b"half a call");
    assert_eq!(stage.counts().await, [0, 0, 0, 0]);
    assert_eq!(stage.entries(), 0);
}

#[actix_rt::test]
async fn a_crash_of_long_ago_is_not_told() {
    let stage = steady();
    let id = leave_behind(
        &stage,
        Some(b"half a call"),
        &[Event::Rolling, Event::Told { notice: Notice::Started }],
    );
    let media = stage.drawer().entry(id).join("media.webm");
    let long_ago = std::time::SystemTime::now() - Duration::from_hours(1);
    fs::File::options().write(true).open(media).unwrap().set_modified(long_ago).unwrap();
    let recorder = recorder(&stage);
    until_phase(&recorder, id, None).await;
    assert_eq!(stage.nextcloud.notice_names(), [""; 0]);
    assert_eq!(stage.nextcloud.file_names().len(), 1);
}

#[actix_rt::test]
async fn an_upload_that_was_under_way_is_taken_up_again() {
    let stage = steady();
    let events = [
        Event::Rolling,
        Event::StopAsked { by: None, why: EndReason::CallEnded },
        Event::Sealed { seconds: 9.0, media: true },
    ];
    let id = leave_behind(&stage, Some(b"a call"), &events);
    let recorder = recorder(&stage);
    until_phase(&recorder, id, None).await;
    assert_eq!(stage.nextcloud.notice_names(), ["stopped"]);
    assert_eq!(stage.nextcloud.file_names(), ["Recording.webm"]);
}

#[actix_rt::test]
async fn media_that_disappeared_closes_its_entry() {
    let stage = steady();
    let events = [
        Event::Rolling,
        Event::StopAsked { by: None, why: EndReason::CallEnded },
        Event::Sealed { seconds: 9.0, media: true },
    ];
    let id = leave_behind(&stage, None, &events);
    let recorder = recorder(&stage);
    until("lost", async || matches!(phase(&recorder, id).await, None | Some(Phase::Closed(Ending::Lost))))
        .await;
    assert_eq!(stage.nextcloud.file_names(), [""; 0]);
}

#[actix_rt::test]
async fn a_drain_stops_what_runs_refuses_what_comes_and_waits_for_the_upload() {
    let stage = steady();
    let recorder = recorder(&stage);
    let id = start(&recorder).await;
    until_phase(&recorder, id, Some(Phase::Recording)).await;
    let left = recorder.send(Drain { running: Running::Stop }).await.unwrap();
    assert_eq!(left, []);
    assert_eq!(stage.nextcloud.file_names().len(), 1);
    assert_rejected(&stage, &recorder, order()).await;
}

#[actix_rt::test]
async fn a_drain_may_wait_for_the_calls_to_end() {
    let stage = steady();
    let recorder = recorder(&stage);
    let id = start(&recorder).await;
    until_phase(&recorder, id, Some(Phase::Recording)).await;
    let drained = recorder.send(Drain { running: Running::Wait });
    tokio::pin!(drained);
    assert!(tokio::time::timeout(Duration::from_hours(2), &mut drained).await.is_err());
    stop(&recorder).await.unwrap();
    assert_eq!(drained.await.unwrap(), []);
    assert_eq!(stage.nextcloud.file_names().len(), 1);
}

#[actix_rt::test]
async fn a_drain_leaves_what_cannot_be_uploaded_to_the_next_start() {
    let stage = steady();
    stage.nextcloud.refuse_uploads((0..100).map(|_| unreachable()));
    let recorder = recorder(&stage);
    let id = start(&recorder).await;
    until_phase(&recorder, id, Some(Phase::Recording)).await;
    let left = recorder.send(Drain { running: Running::Stop }).await.unwrap();
    assert_eq!(left.iter().map(|state| state.recording.id).collect::<Vec<_>>(), [id]);
    assert_eq!(stage.entries(), 1);
}
