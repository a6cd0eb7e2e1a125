//! Recorders that die, and what becomes of their recordings.

use std::sync::{Arc, Mutex};

use super::*;
use crate::{
    metrics::State,
    recorder::{Crash, Start, Stop},
    recording::Phase,
    synthetic::Synthetic,
    testing::{FakeNextcloud, Stage, backend, order, room, until},
};

fn supervisor(stage: &Stage) -> Addr<Supervisor> {
    let world = stage.world();
    Supervisor::start_with(vec![backend()], Box::new(move |_| Some(world.clone())))
}

async fn tell<M>(supervisor: &Addr<Supervisor>, message: M) -> Result<M::Result, Unavailable>
where
    M: Message + Send + 'static,
    M::Result: Send + 'static,
    Supervisor: Handler<For<M>>,
    <Supervisor as Actor>::Context: ToEnvelope<Supervisor, For<M>>,
{
    supervisor.send(For { backend: backend(), message }).await.unwrap()
}

#[test]
fn the_pause_before_a_restart_doubles_up_to_half_a_minute() {
    let pauses: Vec<u128> = (0..11).map(|restarts| pause_before(restarts).as_millis()).collect();
    assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000]);
    assert_eq!(pause_before(u32::MAX), LONGEST_PAUSE);
}

#[actix_rt::test]
async fn a_recorder_that_panics_is_made_again_and_takes_its_recordings_up() {
    let stage = Stage::with(Synthetic::default());
    let supervisor = supervisor(&stage);
    tell(&supervisor, Start(order())).await.unwrap().unwrap();
    until("recording", async || {
        let states = supervisor.send(Census).await.unwrap();
        states.iter().any(|state| state.recording.phase == Phase::Recording)
    })
    .await;
    assert_eq!(tell(&supervisor, Crash).await, Err(Unavailable));
    let stop = || Stop { room: room(), by: None };
    assert_eq!(tell(&supervisor, stop()).await, Err(Unavailable), "until it is made again");
    until("salvaged", async || !stage.nextcloud.file_names().is_empty()).await;
    until("forgotten", async || stage.entries() == 0).await;
    assert_eq!(stage.nextcloud.notice_names(), ["started", "failed"]);
    assert_eq!(
        stage.counts().await,
        [0, 1, 1, 0],
        "it started in this life of the server, so its failure counts"
    );
    assert_eq!(stage.count("recorder_restarts_total", "").await, 1);
    assert_eq!(stage.count("recordings_recovered_total", "").await, 1);
    assert_eq!(stage.count("recordings_ended_total", ",reason=\"server_died\"").await, 1);
    assert_eq!(stage.count("upload_attempts_total", ",outcome=\"stored\"").await, 1);
    for state in State::ALL {
        let label = format!(",state=\"{}\"", state.name());
        assert_eq!(stage.count("recordings_state", &label).await, 0, "{label}");
    }
}

#[actix_rt::test]
async fn a_recorder_that_keeps_panicking_waits_longer_each_time() {
    let stage = Stage::with(Synthetic::default());
    let supervisor = supervisor(&stage);
    for pause in [100, 200, 400] {
        assert_eq!(tell(&supervisor, Crash).await, Err(Unavailable));
        tokio::time::sleep(Duration::from_millis(pause - 20)).await;
        assert_eq!(tell(&supervisor, Census).await, Err(Unavailable));
        tokio::time::sleep(Duration::from_millis(40)).await;
        assert_eq!(tell(&supervisor, Census).await, Ok(vec![]));
    }
}

#[actix_rt::test]
async fn other_backends_notice_nothing() {
    let stage = Stage::with(Synthetic::default());
    let supervisor = supervisor(&stage);
    assert_eq!(tell(&supervisor, Crash).await, Err(Unavailable));
    let other = For { backend: "https://other.example.com".parse().unwrap(), message: Census };
    assert_eq!(supervisor.send(other).await.unwrap(), Ok(vec![]), "made at need");
}

#[actix_rt::test]
async fn a_refit_reaches_living_recorders_and_makes_those_of_new_backends() {
    let stage = Stage::with(Synthetic::default());
    let new = Arc::<FakeNextcloud>::default();
    let nextcloud = Arc::new(Mutex::new(stage.nextcloud.clone()));
    let (world, spool, given) = (stage.world(), stage.spool.clone(), nextcloud.clone());
    let world_of = move |id: &BackendId| {
        let (backend, drawer) = (given.lock().unwrap().clone(), spool.drawer(id));
        Some(World { backend, drawer, ..world.clone() })
    };
    let supervisor = Supervisor::start_with(vec![backend()], Box::new(world_of));
    *nextcloud.lock().unwrap() = new.clone();
    let backends = vec![backend(), "new".parse().unwrap()];
    supervisor.send(Refit { backends }).await.unwrap();
    tell(&supervisor, Start(order())).await.unwrap().unwrap();
    until("told", async || new.notice_names() == ["started"]).await;
    assert_eq!(stage.nextcloud.notice_names(), [""; 0]);
}
