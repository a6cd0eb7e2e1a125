//! Real programs that start, speak, end and have to be killed.

use std::path::Path;

use super::*;
use crate::pipeline::scratch::Scratch;

fn shell(scratch: &Scratch, script: &str) -> Program {
    Program::launch(Launch {
        stage: "test",
        program: "sh".into(),
        arguments: vec!["-c".into(), script.into()],
        environment: scratch.environment(),
        when_orphaned: Signal::KILL,
        speaks: Stream::Output,
    })
    .unwrap()
}

fn scratch(base: &Path) -> Scratch {
    Scratch::create(base, RecordingId::random()).unwrap()
}

#[tokio::test]
async fn a_program_that_dies_is_reported_with_its_last_words() {
    let base = tempfile::tempdir().unwrap();
    let scratch = scratch(base.path());
    let mut program = shell(&scratch, "echo out; echo no memory >&2; exit 3");
    let error = program.ended().await;
    assert_eq!(error.stage, "test");
    assert_eq!(error.cause, "sh ended unexpectedly (exit code 3); its last output: no memory");
}

#[tokio::test]
async fn a_program_that_is_not_installed_is_named() {
    let base = tempfile::tempdir().unwrap();
    let error = Program::launch(Launch {
        stage: "display",
        program: "no-such-program".into(),
        arguments: Vec::new(),
        environment: scratch(base.path()).environment(),
        when_orphaned: Signal::KILL,
        speaks: Stream::Output,
    })
    .unwrap_err();
    assert_eq!(error.to_string(), "display: no-such-program was not found: install it, or set its path");
}

#[tokio::test]
async fn readiness_is_a_line_or_an_error() {
    let base = tempfile::tempdir().unwrap();
    let scratch = scratch(base.path());
    let port = |line: &str| line.strip_prefix("port ").map(str::to_owned);
    let mut ready = shell(&scratch, "echo hello; echo port 12; sleep 60");
    assert_eq!(ready.ready(Duration::from_secs(5), port).await.unwrap(), "12");
    let mut slow = shell(&scratch, "sleep 60");
    let late = slow.ready(Duration::ZERO, port).await.unwrap_err();
    assert_eq!(late.cause, "sh was not ready after 0 s");
    let mut dead = shell(&scratch, "exit 1");
    assert!(dead.ready(Duration::from_secs(5), port).await.unwrap_err().cause.contains("exit code 1"));
}

#[tokio::test]
async fn stopping_ends_the_whole_group_even_if_its_leader_ignores_the_signal() {
    let base = tempfile::tempdir().unwrap();
    let scratch = scratch(base.path());
    let mut program = shell(&scratch, "trap '' TERM; sleep 60 & echo $!; wait; sleep 60");
    let helper = program.next_line().await.unwrap();
    assert_eq!(program.stop(Signal::TERM, Duration::from_millis(200)).await, None);
    assert!(is_gone(&helper).await);
}

#[tokio::test]
async fn dropping_ends_the_whole_group() {
    let base = tempfile::tempdir().unwrap();
    let scratch = scratch(base.path());
    let mut program = shell(&scratch, "sleep 60 & echo $!; wait");
    let helper = program.next_line().await.unwrap();
    drop(program);
    assert!(is_gone(&helper).await);
}

/// A process that is gone, or a zombie that waits for whatever adopted it.
async fn is_gone(pid: &str) -> bool {
    for _ in 0..100 {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        if stat.is_empty() || stat.contains(") Z ") {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}
