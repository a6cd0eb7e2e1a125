//! `talk-recorder churn`, small: that its counts are exact, and that it would tell if they were not.

use std::{
    io::Read,
    process::{Command, Output, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use testing::processes;

use crate::SERVER;

fn churn(arguments: &[&str]) -> (Output, Value) {
    let directory = tempfile::tempdir().unwrap();
    let json = directory.path().join("report.json");
    let output = Command::new(SERVER)
        .args(["churn", "--backends", "5", "--rooms", "400", "--in-flight", "200", "--recordings", "400"])
        .args(arguments)
        .arg("--json")
        .arg(&json)
        .arg("--spool")
        .arg(directory.path())
        .output()
        .unwrap();
    let report = std::fs::read_to_string(&json).unwrap_or_default();
    let left =
        std::fs::read_dir(directory.path()).unwrap().filter(|file| file.as_ref().unwrap().path() != json);
    assert_eq!(left.count(), 0, "it leaves nothing but the report");
    (output, serde_json::from_str(&report).unwrap_or_default())
}

fn assert_exact(mode: &str, (output, report): &(Output, Value)) {
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(said.contains("every count of every backend"), "{said}");
    assert_eq!(report["mode"], mode);
    assert_eq!(report["counts"]["total"], 400.0);
    assert_eq!(report["counts"]["current"], 0.0);
    let [failed, uploads_failed] =
        ["failed", "uploads_failed"].map(|name| report["counts"][name].as_f64().unwrap());
    assert!(failed > 20.0 && uploads_failed > 5.0, "{report}");
    assert!(report["scrape"]["count"].as_u64().unwrap() > 0, "it is scraped meanwhile");
}

const TROUBLE: &str = "seed=3 bring_up_ms=2 wind_down_ms=1 bytes=100 lengths=drawn fails_to_start=0.04 breaks=0.04 \
                       panics=0.04 refuses_upload=0.05";

#[test]
fn the_actors_count_every_recording() {
    assert_exact("actors", &churn(&["--plan", TROUBLE]));
}

#[test]
fn the_server_counts_every_recording() {
    assert_exact("http", &churn(&["--plan", TROUBLE, "--http"]));
}

#[test]
fn for_a_chosen_time_at_a_chosen_rate_it_begins_as_many_as_fit() {
    let directory = tempfile::tempdir().unwrap();
    let json = directory.path().join("report.json");
    let output = Command::new(SERVER)
        .args([
            "churn",
            "--seconds",
            "2",
            "--rate",
            "50",
            "--backends",
            "2",
            "--plan",
            "lengths=drawn",
            "--json",
        ])
        .arg(&json)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    let begun = report["counts"]["total"].as_f64().unwrap();
    assert!((80.0..=110.0).contains(&begun), "{report}");
}

#[test]
fn ended_by_a_signal_it_leaves_neither_server_nor_spool() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = Command::new(SERVER)
        .args(["churn", "--http", "--backends", "2", "--spool"])
        .arg(directory.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = [0];
    child.stderr.as_mut().unwrap().read_exact(&mut said).expect("a line of progress");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let left = processes::wait_until_gone(&directory.path().display().to_string(), Duration::from_secs(5));
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_bad_plan_is_refused_with_what_a_plan_is() {
    let (output, _) = churn(&["--plan", "breaks=2"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("breaks=2") && said.contains("a plan is a list of"), "{said}");
}
