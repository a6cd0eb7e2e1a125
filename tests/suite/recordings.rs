//! `talk-recorder recordings`, beside a running server and without one.

use std::{
    fs::{self, File},
    io::Write,
    process::{Command, ExitStatus},
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;
use talk_recorder::demo::{
    Kind,
    faults::{Door, Fault},
    state::NoticeKind,
};
use testing::{Scene, Setup, scene::ROOM};

use crate::{SERVER, cli::run, faults::over_a_limit};

/// A scene with a recording that is parked: the first refusal is one too many.
async fn parked() -> Scene {
    let setup = Setup {
        recording: "engine = \"synthetic\"",
        more: "[upload]\ngive_up_after = \"1ms\"",
        ..Setup::default()
    };
    let mut scene = Scene::start(SERVER, setup).await;
    scene.cloud.rule(|rules| rules.old_talk = true);
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    scene.cloud.faults().script(Door::Store, [Fault::Status(413)]);
    scene.press_stop().await;
    scene.server.wait_for_log(0, "parked: the file stays in the spool").await;
    scene.until("stopped", 10, |state| state.told(ROOM).last() == Some(&NoticeKind::Stopped)).await;
    scene
}

/// Exit code, standard output, standard error.
fn recordings(scene: &Scene, arguments: &[&str]) -> (Option<i32>, String, String) {
    let config = scene.directory().join("config.toml");
    let mut all = vec!["--config", config.to_str().unwrap(), "recordings"];
    all.extend(arguments);
    run(&all)
}

/// What a command prints that has to succeed.
fn done(scene: &Scene, arguments: &[&str]) -> String {
    let (code, output, errors) = recordings(scene, arguments);
    assert_eq!(code, Some(0), "{arguments:?}\n{output}{errors}");
    output
}

/// What a command complains of that has to fail.
fn refused(scene: &Scene, arguments: &[&str]) -> String {
    let (code, output, errors) = recordings(scene, arguments);
    assert_eq!((code, output.as_str()), (Some(1), ""), "{arguments:?}\n{errors}");
    errors
}

/// The only recording.
fn row(scene: &Scene) -> Value {
    let rows: Vec<Value> = serde_json::from_str(&done(scene, &["--json"])).unwrap();
    assert_eq!(rows.len(), 1);
    rows[0].clone()
}

/// The beginning of its id.
fn id(scene: &Scene) -> String {
    row(scene)["id"].as_str().unwrap()[..8].to_owned()
}

#[actix_rt::test]
async fn an_empty_spool_says_so() {
    let scene = Scene::synthetic(SERVER).await;
    let output = done(&scene, &[]);
    assert!(output.contains("nothing is held in") && output.contains("/spool"), "{output}");
    assert_eq!(done(&scene, &["--json"]), "[]\n");
    assert_eq!(done(&scene, &["retry", "--all-parked"]), "nothing is parked\n");
}

#[test]
fn a_spool_that_is_not_there_is_not_taken_for_an_empty_one() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.toml");
    let text = "[backend]\nbackends = [\"cloud\"]\ndirectory = \"/no/such/spool\"\n\
                [cloud]\nurl = \"https://cloud.example.com\"\nsecret = \"s\"\n";
    fs::write(&config, text).unwrap();
    for named in [["--config", config.to_str().unwrap()], ["--spool", "/no/such/spool"]] {
        let (code, output, complaint) = run(&["recordings", named[0], named[1]]);
        assert_eq!((code, output.as_str()), (Some(1), ""), "{complaint}");
        for word in ["/no/such/spool: no directory", "--spool", "[backend] directory"] {
            assert!(complaint.contains(word), "{word} in {complaint}");
        }
    }
}

#[actix_rt::test]
async fn what_is_held_is_listed_with_the_reason_also_while_the_server_runs() {
    let scene = parked().await;
    let damaged = scene.spool().join("cloud/00000000000000000000000000000000");
    fs::create_dir(&damaged).unwrap();
    fs::write(damaged.join("recording.json"), b"{").unwrap();
    let table = done(&scene, &[]);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    for word in ["cloud", ROOM, "Recording 20", "parked", "4.0 KiB", "413: the request is larger"] {
        assert!(lines[1].contains(word), "{word} in\n{table}");
    }
    assert!(lines[2].contains("0000 ") && lines[2].contains("unreadable"), "{table}");
    let spool = scene.spool();
    let (code, output, _) = run(&["recordings", "--json", "--spool", spool.to_str().unwrap()]);
    let rows: Vec<Value> = serde_json::from_str(&output).unwrap();
    assert_eq!((code, rows.len()), (Some(0), 2), "no configuration is needed");
    assert_eq!((rows[0]["phase"].as_str(), rows[0]["room"].as_str()), (Some("parked"), Some(ROOM)));
    assert_eq!((rows[0]["rounds_failed"].as_u64(), rows[0]["ended"].as_str()), (Some(1), Some("moderator")));
    assert!(rows[0]["why"].as_str().unwrap().contains("413"), "{output}");
    assert!(rows[1]["unreadable"].as_str().unwrap().contains("recording.json"), "{output}");
}

#[actix_rt::test]
async fn a_parked_recording_is_retried_by_the_running_server() {
    let scene = parked().await;
    let output = done(&scene, &["retry", &id(&scene)]);
    assert!(output.contains("the server uploads it now"), "{output}");
    scene.until_stored(1, 10).await;
    scene.until_nothing_is_spooled().await;
}

#[actix_rt::test]
async fn a_recording_that_waits_for_hours_is_retried_at_once() {
    let scene = over_a_limit().await;
    assert!(row(&scene)["next_try_not_before"].is_string());
    done(&scene, &["retry", &id(&scene)]);
    scene.until_stored(1, 10).await;
}

#[actix_rt::test]
async fn a_parked_recording_is_discarded_by_the_running_server_once_that_is_confirmed() {
    let scene = parked().await;
    let id = id(&scene);
    let complaint = refused(&scene, &["discard", &id]);
    assert!(complaint.contains("without --yes"), "{complaint}");
    assert_eq!(scene.spooled().len(), 1);
    done(&scene, &["discard", &id, "--yes"]);
    scene.until_nothing_is_spooled().await;
    assert!(scene.cloud.state().stored.is_empty());
    assert!(scene.server.log().contains("an operator discarded the recording"), "{}", scene.server.log());
}

#[actix_rt::test]
async fn on_a_terminal_a_discard_asks_and_takes_yes_alone_for_an_answer() {
    let scene = parked().await;
    let id = id(&scene);
    let (answered, output) = discard_on_a_terminal(&scene, &id, "y\n");
    assert!(!answered.success() && output.contains("nothing was discarded"), "{output}");
    assert_eq!(scene.spooled().len(), 1);
    let (answered, output) = discard_on_a_terminal(&scene, &id, "yes\n");
    assert!(answered.success() && output.contains(&format!("4.0 KiB, room {ROOM})? type yes:")), "{output}");
    scene.until_nothing_is_spooled().await;
}

/// Exit status and everything that it said.
fn discard_on_a_terminal(scene: &Scene, id: &str, answer: &str) -> (ExitStatus, String) {
    let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&keyboard).unwrap();
    unlockpt(&keyboard).unwrap();
    let name = ptsname(&keyboard, Vec::new()).unwrap();
    let terminal = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    File::from(keyboard.try_clone().unwrap()).write_all(answer.as_bytes()).unwrap();
    let discard = Command::new(SERVER)
        .args(["recordings", "--spool", scene.spool().to_str().unwrap(), "discard", id])
        .stdin(terminal)
        .output()
        .unwrap();
    let output = [discard.stdout, discard.stderr].concat();
    (discard.status, String::from_utf8(output).unwrap())
}

#[actix_rt::test]
async fn an_export_is_a_copy_and_the_recording_stays() {
    let scene = parked().await;
    let id = id(&scene);
    let target = scene.directory().join("copy.webm");
    let target = target.to_str().unwrap();
    let complaint = refused(&scene, &["export", &id, &target.replace(".webm", ".mp4")]);
    assert!(complaint.contains("the media is a .webm file"), "{complaint}");
    let output = done(&scene, &["export", &id, target]);
    assert!(output.contains("it stays in the spool"), "{output}");
    assert_eq!(fs::read(target).unwrap(), fs::read(scene.spooled()[0].join("media.webm")).unwrap());
    let complaint = refused(&scene, &["export", &id, target]);
    assert!(complaint.contains("nothing is overwritten"), "{complaint}");
}

#[actix_rt::test]
async fn a_recording_that_runs_is_neither_retried_nor_discarded() {
    let scene = Scene::synthetic(SERVER).await;
    scene.press_record(Kind::Video).await;
    scene.until_started(10).await;
    let id = id(&scene);
    for order in [&["retry", &id][..], &["discard", &id, "--yes"]] {
        let complaint = refused(&scene, order);
        assert!(complaint.contains("it is being recorded"), "{complaint}");
    }
    let complaint = refused(&scene, &["retry", "ffff-no-id"]);
    assert!(complaint.contains("no recording is held whose id begins with"), "{complaint}");
    let copy = scene.directory().join("copy.webm");
    let output = done(&scene, &["export", &id, copy.to_str().unwrap()]);
    assert!(output.contains("it is being recorded, or was cut off"), "{output}");
    scene.press_stop().await;
    scene.until_stored(1, 10).await;
}

#[actix_rt::test]
async fn without_a_server_a_retry_is_written_down_and_the_next_start_uploads() {
    let mut scene = parked().await;
    assert!(scene.server.terminate().await.success());
    assert!(!scene.spool().join(".control").exists(), "the socket went with the server");
    let output = done(&scene, &["retry", "--all-parked"]);
    assert!(output.contains("when the server starts"), "{output}");
    assert_eq!(row(&scene)["phase"], "uploading");
    scene.restart().await;
    scene.until_stored(1, 10).await;
    scene.until_nothing_is_spooled().await;
}

#[actix_rt::test]
async fn without_a_server_a_discard_removes_the_recording_also_after_a_crash() {
    let mut scene = parked().await;
    scene.server.kill();
    assert!(scene.spool().join(".control").exists(), "a crash leaves the socket");
    let output = done(&scene, &["discard", &id(&scene), "--yes"]);
    assert!(output.contains("it is removed"), "{output}");
    assert!(scene.spooled().is_empty());
    scene.restart().await;
    assert!(scene.cloud.state().stored.is_empty());
}
