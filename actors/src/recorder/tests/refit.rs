//! Another Nextcloud and other limits for a recorder that is at work.

use super::*;
use crate::{recorder::Limits, testing::FakeNextcloud};

/// Gives the recorder a Nextcloud with another secret, so to speak.
async fn refit(recorder: &Addr<Recorder>, limits: Limits) -> Arc<FakeNextcloud> {
    let nextcloud = Arc::<FakeNextcloud>::default();
    recorder.send(Refit { backend: nextcloud.clone(), limits }).await.unwrap();
    nextcloud
}

#[actix_rt::test]
async fn a_running_recording_is_told_and_given_to_the_new_one_alone() {
    let stage = steady();
    let recorder = recorder(&stage);
    let id = start(&recorder).await;
    until_phase(&recorder, id, Some(Phase::Recording)).await;
    until("told", async || stage.nextcloud.notice_names() == ["started"]).await;
    let new = refit(&recorder, Limits::default()).await;
    stop(&recorder).await.unwrap();
    until_phase(&recorder, id, None).await;
    assert_eq!((new.notice_names(), new.file_names().len()), (vec!["stopped"], 1));
    assert_eq!((stage.nextcloud.notice_names(), stage.nextcloud.file_names().len()), (vec!["started"], 0));
}

#[actix_rt::test]
async fn an_upload_that_waits_for_its_next_try_goes_to_the_new_one() {
    let stage = steady();
    stage.nextcloud.refuse_uploads(vec![unreachable(); 100]);
    let recorder = recorder(&stage);
    let id = record_a_call(&recorder).await;
    until("tried", async || stage.nextcloud.tries.lock().unwrap().len() == 3).await;
    let new = refit(&recorder, Limits::default()).await;
    until_phase(&recorder, id, None).await;
    assert_eq!((new.file_names().len(), stage.nextcloud.tries.lock().unwrap().len()), (1, 3));
}

#[actix_rt::test]
async fn a_recording_keeps_the_limits_that_it_began_with_and_the_next_has_the_new_ones() {
    let stage = steady();
    let recorder = recorder(&stage);
    let id = start(&recorder).await;
    until_phase(&recorder, id, Some(Phase::Recording)).await;
    let short = Limits { length: Some(Duration::from_mins(1)), ..Limits::default() };
    let new = refit(&recorder, short).await;
    sleep(Duration::from_mins(5)).await;
    assert_eq!(phase(&recorder, id).await, Some(Phase::Recording));
    stop(&recorder).await.unwrap();
    until_phase(&recorder, id, None).await;
    let next = start(&recorder).await;
    until_phase(&recorder, next, None).await;
    assert_eq!(new.notice_names(), ["stopped", "started", "stopped"]);
}

#[actix_rt::test]
async fn more_uploads_at_a_time_begin_beside_those_under_way() {
    let mut stage = steady();
    stage.limits.uploads = 1;
    stage.nextcloud.take_a_while(Duration::from_hours(1));
    let recorder = recorder(&stage);
    record_a_call(&recorder).await;
    until("under way", async || stage.nextcloud.tries.lock().unwrap().len() == 1).await;
    let new = refit(&recorder, Limits { uploads: 2, ..Limits::default() }).await;
    record_a_call(&recorder).await;
    until("the second is stored", async || new.file_names().len() == 1).await;
    assert_eq!(stage.nextcloud.file_names().len(), 0, "the first is still under way");
    until("the first is stored", async || stage.nextcloud.file_names().len() == 1).await;
}
