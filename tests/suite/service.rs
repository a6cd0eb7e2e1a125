//! What a service manager hears: a real socket in its place.

use std::time::Duration;

use rustix::process::Signal;
use talk_recorder::demo::Kind;
use testing::{Scene, Setup};
use tokio::{net::UnixDatagram, time::timeout};

use crate::SERVER;

/// Reads until a message has this text, and returns it. What comes before is gone by then.
async fn hear(socket: &UnixDatagram, text: &str) -> String {
    let listening = async {
        loop {
            let mut buffer = [0; 1024];
            let length = socket.recv(&mut buffer).await.unwrap();
            let message = String::from_utf8(buffer[..length].to_vec()).unwrap();
            if message.contains(text) {
                return message;
            }
        }
    };
    timeout(Duration::from_secs(20), listening).await.expect(text)
}

#[actix_rt::test]
async fn the_service_manager_hears_of_every_stage_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let setup = Setup {
        recording: "engine = \"synthetic\"",
        more: "[shutdown]\ncalls = \"wait\"",
        environment: vec![
            ("NOTIFY_SOCKET", path.display().to_string()),
            ("WATCHDOG_USEC", "1000000".to_owned()),
        ],
        ..Setup::default()
    };
    let mut scene = Scene::start(SERVER, setup).await;
    hear(&socket, "READY=1\n").await;
    hear(&socket, "WATCHDOG=1\n").await;
    hear(&socket, "STATUS=0 recording, 0 uploading, 0 parked\n").await;
    scene.press_record(Kind::Video).await;
    hear(&socket, "STATUS=1 recording, 0 uploading, 0 parked\n").await;
    scene.until_started(10).await;
    scene.server.signal(Signal::TERM);
    let stopping = hear(&socket, "STOPPING=1\n").await;
    assert!(stopping.contains("EXTEND_TIMEOUT_USEC=30000000\n"), "{stopping}");
    assert!(stopping.contains("STATUS=shutting down, waiting for calls to end\n"), "{stopping}");
    hear(&socket, "WATCHDOG=1\n").await;
    let more_time = hear(&socket, "EXTEND_TIMEOUT_USEC=30000000\n").await;
    assert!(more_time.contains("waiting for calls to end: 1 left"), "{more_time}");
    hear(&socket, "WATCHDOG=1\n").await;
    scene.press_stop().await;
    hear(&socket, "waiting for files to be sealed").await;
    assert!(scene.server.wait_for_end().await.success());
}

#[actix_rt::test]
async fn a_reload_begins_with_the_time_and_ends_whatever_comes_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let environment = vec![("NOTIFY_SOCKET", path.display().to_string())];
    let setup = Setup { recording: "engine = \"synthetic\"", environment, ..Setup::default() };
    let mut scene = Scene::start(SERVER, setup).await;
    hear(&socket, "READY=1\n").await;
    for log in [scene.reload(|text| text).await, scene.reload(|text| text + "nonsense").await] {
        let reloading = hear(&socket, "RELOADING=1\n").await;
        assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
        hear(&socket, "READY=1\n").await;
        assert!(log.contains("reloaded"), "{log}");
    }
}

#[actix_rt::test]
async fn a_server_that_stands_still_does_not_feed_the_watchdog() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let environment =
        vec![("NOTIFY_SOCKET", path.display().to_string()), ("WATCHDOG_USEC", "400000".to_owned())];
    let setup = Setup { recording: "engine = \"synthetic\"", environment, ..Setup::default() };
    let scene = Scene::start(SERVER, setup).await;
    hear(&socket, "WATCHDOG=1\n").await;
    scene.server.signal(Signal::STOP);
    let mut buffer = [0; 1024];
    // What was on its way.
    while timeout(Duration::from_secs(1), socket.recv(&mut buffer)).await.is_ok() {}
    assert!(timeout(Duration::from_secs(1), socket.recv(&mut buffer)).await.is_err());
    scene.server.signal(Signal::CONT);
    hear(&socket, "WATCHDOG=1\n").await;
}
