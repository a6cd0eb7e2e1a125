//! The command line: what it prints and how it ends.

use std::{fs, process::Command};

use talk_recorder::demo::faults::{Door, Fault};
use testing::{Scene, scene::SECRET};
use tokio::task::spawn_blocking;

use crate::SERVER;

/// Exit code, standard output, standard error.
pub(crate) fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(SERVER).args(arguments).env_remove("RUST_LOG").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_version_is_the_number_alone() {
    for flag in ["-v", "--version"] {
        assert_eq!(run(&[flag]), (Some(0), format!("{}\n", env!("CARGO_PKG_VERSION")), String::new()));
    }
}

#[test]
fn a_missing_configuration_is_named() {
    let (code, _, errors) = run(&["--config", "/does/not/exist.toml"]);
    assert_eq!(code, Some(2));
    assert!(errors.contains("/does/not/exist.toml"), "{errors}");
}

#[test]
fn every_mistake_of_a_configuration_is_told_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.toml");
    let text = "[http]\nlisten = \"nowhere\"\n[backend]\nbackends = [\"cloud\"]\nvideowidth = 7\ndirectory = \"/tmp/x\"\n\
                [cloud]\nurl = \"not a url\"\nsecret = \"very secret\"\n";
    fs::write(&config, text).unwrap();
    for arguments in
        [&["--config", config.to_str().unwrap()][..], &["check", "--config", config.to_str().unwrap()][..]]
    {
        let (code, output, errors) = run(arguments);
        assert_ne!(code, Some(0));
        let told = format!("{output}{errors}");
        for word in ["listen", "nowhere", "videowidth", "url"] {
            assert!(told.contains(word), "{word} in\n{told}");
        }
        assert!(!told.contains("very secret"), "{told}");
    }
}

#[test]
fn check_finds_the_programs_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.toml");
    let spool = directory.path().join("spool");
    let text = format!(
        "[backend]\nbackends = [\"cloud\"]\ndirectory = \"{}\"\n[cloud]\nurl = \"https://cloud.example.com\"\n\
         secret = \"s\"\n[signaling]\ninternalsecret = \"i\"\n",
        spool.display(),
    );
    fs::write(&config, text).unwrap();
    let (code, output, errors) = run(&["check", "--config", config.to_str().unwrap()]);
    assert_eq!(code, Some(0), "programs missing? run `make test-deps`\n{output}{errors}");
    for program in ["Xvfb", "PulseAudio", "ffmpeg", "Firefox"] {
        assert!(output.contains(&format!("ok       {program}")), "{program} in\n{output}");
    }
    for told in [
        "recordings at a time: ",
        &format!("spool {}: writable", spool.display()),
        "free, 1.0 GiB are kept in reserve",
    ] {
        assert!(output.contains(told), "{told} in\n{output}");
    }
    assert!(!spool.exists());
}

#[test]
fn check_fails_when_the_disk_has_no_room_for_the_reserve() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.toml");
    let text = format!(
        "[backend]\nbackends = [\"cloud\"]\ndirectory = \"{}\"\n[cloud]\nurl = \"https://cloud.example.com\"\n\
         secret = \"s\"\n[spool]\nreserve = \"1000PiB\"\n[recording]\nengine = \"synthetic\"\nmax_concurrent = 7\n\
         [signaling]\ninternalsecret = \"i\"\n",
        directory.path().display(),
    );
    fs::write(&config, text).unwrap();
    let (code, output, _) = run(&["check", "--config", config.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("no recording would begin; make room, or lower [spool] reserve"), "{output}");
    assert!(output.contains("recordings at a time: 7, as [recording] max_concurrent says"), "{output}");
}

/// The lines of a check of this scene that are about its backend.
async fn asked(scene: &Scene) -> (Option<i32>, String) {
    let config = scene.directory().join("config.toml");
    let arguments = ["check", "--online", "--config", config.to_str().unwrap()].map(str::to_owned);
    let (code, output, _) =
        spawn_blocking(move || run(&arguments.each_ref().map(String::as_str))).await.unwrap();
    (code, output.lines().filter(|line| line.contains("backend cloud: http")).collect())
}

#[actix_rt::test]
async fn check_asks_nextcloud_once_whether_it_is_there_and_takes_the_secret() {
    let scene = Scene::synthetic(SERVER).await;
    let url = scene.cloud.address();
    let good = format!("ok       backend cloud: {url} answers and takes the recording secret");
    assert_eq!(asked(&scene).await, (Some(0), good));

    let config = scene.directory().join("config.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace(SECRET, "shut sesame")).unwrap();
    let (code, told) = asked(&scene).await;
    assert!(code == Some(1) && told.contains("Nextcloud refuses the signature"), "{told}");
    fs::write(&config, text).unwrap();

    for (status, said) in [(404, "is the Talk app enabled"), (200, "no login page"), (302, "redirects")] {
        scene.cloud.faults().script(Door::Notice, [Fault::Status(status), Fault::Status(500)]);
        let (code, told) = asked(&scene).await;
        assert!(code == Some(1) && told.contains(said), "{status}: {told}");
        assert_eq!(scene.cloud.faults().left(Door::Notice), 1, "it asks once");
        scene.cloud.faults().clear();
    }
    scene.cloud.go_away().await;
    let (code, told) = asked(&scene).await;
    assert!(code == Some(1) && told.contains(url), "{told}");
    assert!(scene.cloud.state().notices.is_empty());
}

#[test]
fn check_fails_when_a_program_is_missing() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.toml");
    let text = "[backend]\ndirectory = \"/tmp\"\n[signaling]\ninternalsecret = \"i\"\n\
                [recording]\nbrowser = \"chrome\"\ndriverPath = \"/no/chromedriver\"\n";
    fs::write(&config, text).unwrap();
    let (code, output, _) = run(&["check", "--config", config.to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert!(output.contains("problem") && output.contains("/no/chromedriver"), "{output}");
}
