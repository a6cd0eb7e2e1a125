//! Everything that can go wrong with a request to Nextcloud: at the notices, and at the upload in one piece. The steps
//! of the upload in chunks have the same table, see `chunks`.

use std::{fs, time::Duration};

use futures_util::{StreamExt, stream};
use talk_recorder::demo::{
    Kind,
    faults::{Door, Fault},
    state::NoticeKind,
};
use testing::{Scene, scene::ROOM};
use tokio::time::{Instant, sleep};

use crate::SERVER;

/// For a request that shall be served in order, before one that shall not.
pub(crate) const HONEST: Fault = Fault::Delay(Duration::ZERO);
const A_MOMENT: Fault = Fault::Hang(Duration::from_secs(1));

/// What can go wrong with any request.
pub(crate) fn all() -> Vec<Vec<Fault>> {
    vec![
        vec![Fault::Status(500)],
        vec![Fault::Status(500); 2],
        vec![Fault::Status(503)],
        vec![Fault::Busy(429, 1)],
        vec![Fault::Busy(503, 1)],
        vec![Fault::Status(401)],
        vec![Fault::Status(413)],
        vec![Fault::Drop],
        vec![Fault::BreakHalfway],
        vec![Fault::BreakAtEnd],
        vec![Fault::LoseAnswer],
        vec![A_MOMENT],
    ]
}

/// Records a call and stops it, and returns what was recorded.
pub(crate) async fn record(scene: &Scene) -> Vec<u8> {
    scene.press_record(Kind::Video).await;
    scene.until_started(30).await;
    let recorded = fs::read(scene.spooled()[0].join("media.webm")).unwrap();
    scene.press_stop().await;
    recorded
}

/// A scene with a recording that was refused for its size, and waits for hours.
pub(crate) async fn over_a_limit() -> Scene {
    let mut scene = Scene::with_old_talk(SERVER).await;
    scene.cloud.faults().script(Door::Store, [Fault::Status(413)]);
    record(&scene).await;
    scene.server.wait_for_log(0, "the file goes over a limit").await;
    scene
}

/// Waits until everything is told and delivered, and checks both and the counts.
async fn assert_delivered(scene: &Scene, recorded: &[u8], uploads_failed: f64, case: &str) {
    let file = scene.until_stored(1, 60).await;
    assert!(fs::read(&file.path).unwrap() == recorded, "{case}: the bytes differ");
    let wanted = [NoticeKind::Started(1), NoticeKind::Stopped];
    scene.until(case, 60, |state| state.told(ROOM) == wanted).await;
    scene.until_nothing_is_spooled().await;
    let counts =
        [("total", 1.0), ("current", 0.0), ("failed_total", 0.0), ("uploads_failed_total", uploads_failed)];
    for (name, value) in counts {
        assert_eq!(scene.server.count(name).await, value, "{case}: {name}");
    }
    assert!(scene.server.count("duration_seconds_total").await > 0.0, "{case}");
}

async fn record_despite(door: Door, before: usize, faults: Vec<Fault>) {
    let scene = Scene::with_old_talk(SERVER).await;
    let case = format!("{door:?} {faults:?} after {before}");
    scene.cloud.faults().script(door, vec![HONEST; before]);
    scene.cloud.faults().script(door, faults);
    let recorded = record(&scene).await;
    assert_delivered(&scene, &recorded, 0.0, &case).await;
    assert_eq!(scene.cloud.faults().left(door), 0, "{case} was not met");
}

async fn record_despite_all(door: Door, before: usize, faults: Vec<Vec<Fault>>) {
    let recordings = faults.into_iter().map(|faults| record_despite(door, before, faults));
    stream::iter(recordings).buffer_unordered(4).collect::<()>().await;
}

#[actix_rt::test]
async fn faults_at_started_lose_nothing() {
    record_despite_all(Door::Notice, 0, all()).await;
}

#[actix_rt::test]
async fn faults_at_stopped_lose_nothing() {
    // A `stopped` is told again without harm, and the double then has it twice.
    let told_once = all().into_iter().filter(|faults| *faults != [Fault::LoseAnswer]);
    record_despite_all(Door::Notice, 1, told_once.collect()).await;
}

#[actix_rt::test]
async fn a_stopped_whose_answer_was_lost_is_told_again() {
    let scene = Scene::synthetic(SERVER).await;
    scene.cloud.faults().script(Door::Notice, [HONEST, Fault::LoseAnswer]);
    record(&scene).await;
    let wanted = [NoticeKind::Started(1), NoticeKind::Stopped, NoticeKind::Stopped];
    scene.until("told again", 30, |state| state.told(ROOM) == wanted).await;
    scene.until_nothing_is_spooled().await;
}

#[actix_rt::test]
async fn faults_at_an_upload_in_one_piece_lose_nothing() {
    // A proxy that refuses a size does so again, and the recorder waits for hours: see the next test.
    let passing = all().into_iter().filter(|faults| *faults != [Fault::Status(413)]);
    record_despite_all(Door::Store, 0, passing.collect()).await;
}

#[actix_rt::test]
async fn a_file_over_a_limit_waits_for_hours_and_is_still_whole() {
    let mut scene = Scene::with_old_talk(SERVER).await;
    scene.cloud.faults().script(Door::Store, [Fault::Status(413)]);
    let recorded = record(&scene).await;
    scene.server.wait_for_log(0, "the file goes over a limit").await;
    scene.restart().await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(scene.cloud.state().stored.len(), 0, "a restart does not bother the owner");
    assert!(fs::read(scene.spooled()[0].join("media.webm")).unwrap() == recorded);
}

#[actix_rt::test]
async fn a_nextcloud_that_is_away_for_a_minute_gets_everything_when_it_is_back() {
    let mut scene = Scene::synthetic(SERVER).await;
    scene.press_record(Kind::Video).await;
    scene.until_started(30).await;
    let recorded = fs::read(scene.spooled()[0].join("media.webm")).unwrap();
    scene.press_stop().await;
    scene.cloud.go_away().await;
    let begun = Instant::now();
    scene.server.wait_for_log(0, "upload failed, the file stays in the spool").await;
    sleep(Duration::from_mins(1).saturating_sub(begun.elapsed())).await;
    assert_eq!(scene.server.count("uploads_failed_total").await, 1.0, "once, however often it is tried");
    scene.cloud.come_back().unwrap();
    // The pause before the next try may be as long as it was away, and longer.
    scene.until_stored(1, 240).await;
    assert_delivered(&scene, &recorded, 1.0, "away").await;
}
