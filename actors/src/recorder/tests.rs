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
async fn an_upload_that_fails_for_hours_is_delivered_and_counted_once() {
    let stage = steady();
    stage.nextcloud.refuse_uploads((0..30).map(|_| unreachable()));
    let recorder = recorder(&stage);
    let id = record_a_call(&recorder).await;
    let stopped = Instant::now();
    until("first round", async || stage.counts().await == [0, 1, 0, 1]).await;
    assert!(stopped.elapsed() < Duration::from_secs(20), "the first round takes about 15 seconds");
    until_phase(&recorder, id, None).await;
    assert!(stopped.elapsed() > Duration::from_mins(30), "{:?}", stopped.elapsed());
    assert_eq!(stage.nextcloud.file_names().len(), 1);
    assert_eq!(stage.counts().await, [0, 1, 0, 1]);
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
async fn a_refusal_for_good_keeps_the_media_until_somebody_has_it_tried_again() {
    let stage = steady();
    stage.nextcloud.refuse_uploads([Refusal::Permanent("file_mimetype".to_owned())]);
    let first = recorder(&stage);
    let id = record_a_call(&first).await;
    until_phase(&first, id, Some(Phase::Parked { reason: "file_mimetype".to_owned() })).await;
    assert_eq!(stage.nextcloud.tries.lock().unwrap().len(), 1);
    drop(first);
    let second = recorder(&stage);
    sleep(Duration::from_hours(1)).await;
    assert_eq!(stage.nextcloud.tries.lock().unwrap().len(), 1, "a restart changes nothing");
    assert_eq!(second.send(Retry(RecordingId::random())).await.unwrap(), Err(NotWaiting));
    assert_eq!(second.send(Retry(id)).await.unwrap(), Ok(()));
    until_phase(&second, id, None).await;
    assert_eq!(stage.nextcloud.file_names().len(), 1);
}

#[actix_rt::test]
async fn a_recording_that_waits_is_tried_at_once_when_somebody_asks() {
    let stage = steady();
    stage.nextcloud.refuse_uploads([Refusal::Limit("413".to_owned())]);
    let recorder = recorder(&stage);
    let id = record_a_call(&recorder).await;
    until("first round", async || stage.counts().await == [0, 1, 0, 1]).await;
    let asked = Instant::now();
    assert_eq!(recorder.send(Retry(id)).await.unwrap(), Ok(()));
    until_phase(&recorder, id, None).await;
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
}

#[actix_rt::test]
async fn a_discarded_recording_is_gone_with_its_media() {
    let stage = steady();
    stage.nextcloud.refuse_uploads([Refusal::Permanent("owner_participant".to_owned())]);
    let recorder = recorder(&stage);
    let id = start(&recorder).await;
    until_phase(&recorder, id, Some(Phase::Recording)).await;
    assert_eq!(recorder.send(Discard(id)).await.unwrap(), Err(NotWaiting));
    stop(&recorder).await.unwrap();
    until("parked", async || matches!(phase(&recorder, id).await, Some(Phase::Parked { .. }))).await;
    assert_eq!(recorder.send(Discard(id)).await.unwrap(), Ok(()));
    until_phase(&recorder, id, None).await;
    assert_eq!((stage.entries(), stage.nextcloud.file_names().len()), (0, 0));
}

#[actix_rt::test]
async fn an_upload_that_is_under_way_ends_with_a_discard() {
    let stage = steady();
    stage.nextcloud.refuse_uploads([Refusal::Limit("413".to_owned())]);
    let recorder = recorder(&stage);
    let id = record_a_call(&recorder).await;
    until("first round", async || stage.counts().await == [0, 1, 0, 1]).await;
    stage.nextcloud.take_a_while(Duration::from_mins(1));
    assert_eq!(recorder.send(Retry(id)).await.unwrap(), Ok(()));
    until("under way", async || stage.nextcloud.tries.lock().unwrap().len() == 2).await;
    assert_eq!(recorder.send(Discard(id)).await.unwrap(), Ok(()));
    until_phase(&recorder, id, None).await;
    sleep(Duration::from_mins(5)).await;
    assert_eq!((stage.entries(), stage.nextcloud.file_names().len()), (0, 0));
}

#[actix_rt::test]
async fn what_was_tried_for_a_week_is_parked_and_kept() {
    let stage = steady();
    stage.nextcloud.refuse_uploads((0..10).map(|_| unreachable()));
    let events = [
        Event::Rolling,
        Event::StopAsked { by: None, why: EndReason::CallEnded },
        Event::Sealed { seconds: 9.0, media: true },
    ];
    let id = leave_behind(&stage, Some(b"a call"), &events);
    let mut old = stage.drawer().contents().unwrap().entries.remove(0).recording;
    old.upload_since = Some(Timestamp::now() - jiff::SignedDuration::from_hours(8 * 24));
    stage.drawer().save(&old).unwrap();
    let recorder = recorder(&stage);
    until("parked", async || match phase(&recorder, id).await {
        Some(Phase::Parked { reason }) => reason.starts_with("given up after 8 days"),
        _ => false,
    })
    .await;
    assert_eq!(stage.entries(), 1);
}

#[actix_rt::test]
async fn a_nextcloud_that_asks_for_patience_gets_it() {
    let stage = steady();
    let busy = Refusal::Busy { reason: "429".to_owned(), retry_after: Duration::from_mins(20) };
    stage.nextcloud.refuse_uploads([busy]);
    let recorder = recorder(&stage);
    let id = record_a_call(&recorder).await;
    until_phase(&recorder, id, None).await;
    let tries = stage.nextcloud.tries.lock().unwrap().clone();
    assert_eq!(tries.len(), 2);
    assert!(tries[1] - tries[0] >= Duration::from_secs(19 * 60 + 59), "{:?}", tries[1] - tries[0]);
}

#[actix_rt::test]
async fn uploads_of_one_backend_take_turns() {
    let mut stage = steady();
    stage.limits.uploads = 1;
    stage.nextcloud.take_a_while(Duration::from_mins(1));
    let recorder = recorder(&stage);
    for _ in 0..3 {
        record_a_call(&recorder).await;
    }
    until("stored", async || stage.nextcloud.file_names().len() == 3).await;
    let tries = stage.nextcloud.tries.lock().unwrap().clone();
    assert!(tries.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_mins(1)), "{tries:?}");
}

#[actix_rt::test]
async fn a_recording_ends_at_its_longest_and_is_delivered() {
    let mut stage = steady();
    stage.limits.length = Some(Duration::from_mins(30));
    let recorder = recorder(&stage);
    let id = start(&recorder).await;
    let began = Instant::now();
    until("stored", async || !stage.nextcloud.file_names().is_empty()).await;
    let lasted = began.elapsed();
    assert!((Duration::from_mins(30)..Duration::from_mins(31)).contains(&lasted), "{lasted:?}");
    until_phase(&recorder, id, None).await;
    assert_eq!(stage.nextcloud.notices.lock().unwrap()[1].0, Notice::Stopped { by: None });
    assert_eq!(stage.counts().await, [0, 1, 0, 0]);
}

async fn assert_ends_by_itself(limits: Limits) {
    let mut stage = steady();
    stage.limits = limits;
    let recorder = recorder(&stage);
    start(&recorder).await;
    until("stopped", async || stage.nextcloud.notice_names() == ["started", "stopped"]).await;
    until("stored", async || stage.nextcloud.file_names().len() == 1).await;
}

#[actix_rt::test]
async fn a_recording_ends_when_it_is_too_large() {
    assert_ends_by_itself(Limits { size: Some(4000), ..Limits::default() }).await;
}

#[actix_rt::test]
async fn a_recording_ends_when_the_quota_is_used_up() {
    assert_ends_by_itself(Limits { quota: Some(4000), ..Limits::default() }).await;
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

fn another_room() -> Order {
    Order { room: "efgh5678".parse().unwrap(), ..order() }
}

#[actix_rt::test]
async fn a_start_for_which_there_is_no_place_is_told_that_it_failed() {
    let mut stage = steady();
    stage.slots = Arc::new(Semaphore::new(1));
    let recorder = recorder(&stage);
    let id = start(&recorder).await;
    until("started", async || !stage.nextcloud.notice_names().is_empty()).await;
    assert_rejected(&stage, &recorder, another_room()).await;
    stop(&recorder).await.unwrap();
    until_phase(&recorder, id, None).await;
    let next = recorder.send(Start(another_room())).await.unwrap().unwrap();
    until_phase(&recorder, next, Some(Phase::Recording)).await;
}

#[actix_rt::test]
async fn a_backend_has_its_share_and_no_more() {
    let mut stage = steady();
    stage.limits.recordings = Some(1);
    let recorder = recorder(&stage);
    start(&recorder).await;
    until("started", async || !stage.nextcloud.notice_names().is_empty()).await;
    assert_rejected(&stage, &recorder, another_room()).await;
    assert_eq!(stage.slots.available_permits(), 99);
}

#[actix_rt::test]
async fn a_start_without_room_on_the_disk_is_told_that_it_failed() {
    let mut stage = steady();
    stage.limits.reserve = u64::MAX;
    let recorder = recorder(&stage);
    assert_rejected(&stage, &recorder, order()).await;
    assert_eq!(stage.entries(), 0);
    assert_eq!(stage.slots.available_permits(), 100);
}

#[actix_rt::test]
async fn a_stop_of_a_rejected_start_is_fine() {
    let mut stage = steady();
    stage.limits.reserve = u64::MAX;
    let recorder = recorder(&stage);
    start(&recorder).await;
    assert_eq!(stop(&recorder).await, Ok(()));
}

#[actix_rt::test]
async fn a_file_over_a_limit_is_tried_a_few_times_a_day() {
    let stage = steady();
    stage.nextcloud.refuse_uploads((0..3).map(|_| Refusal::Limit("size".to_owned())));
    let recorder = recorder(&stage);
    let id = record_a_call(&recorder).await;
    until_phase(&recorder, id, None).await;
    let tries = stage.nextcloud.tries.lock().unwrap().clone();
    assert_eq!(tries.len(), 4);
    // The journal has the time of day, which goes on while the virtual one stands still.
    let nearly_six_hours = Duration::from_hours(6) - Duration::from_mins(1);
    assert!(tries.windows(2).all(|pair| pair[1] - pair[0] >= nearly_six_hours), "{tries:?}");
    assert_eq!(stage.counts().await, [0, 1, 0, 1]);
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
async fn a_start_that_cannot_be_journalled_is_told_that_it_failed_and_leaves_no_trace() {
    let stage = steady();
    let recorder = recorder(&stage);
    recorder.send(Census).await.unwrap();
    fs::write(stage.directory.path().join("cloud"), b"a file where the drawer should be").unwrap();
    assert_rejected(&stage, &recorder, order()).await;
    assert_eq!(stage.counts().await, [0, 0, 0, 0]);
    assert_eq!(recorder.send(Census).await.unwrap(), []);
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
