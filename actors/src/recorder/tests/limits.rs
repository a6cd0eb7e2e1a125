//! Starts for which there is no room, and recordings that end at a limit.

use super::*;

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
async fn a_start_that_cannot_be_journalled_is_told_that_it_failed_and_leaves_no_trace() {
    let stage = steady();
    let recorder = recorder(&stage);
    recorder.send(Census).await.unwrap();
    fs::write(stage.directory.path().join("cloud"), b"a file where the drawer should be").unwrap();
    assert_rejected(&stage, &recorder, order()).await;
    assert_eq!(stage.counts().await, [0, 0, 0, 0]);
    assert_eq!(recorder.send(Census).await.unwrap(), []);
}
