//! Uploads: rounds, pauses, and what an operator may ask for.

use super::*;

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
