//! What the box brings for Prometheus and Grafana speaks of what the server really tells, and so does the page about it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use talk_recorder::demo::{
    Kind,
    faults::{Door, Fault},
};
use testing::{Scene, promtool, scene::ROOM};

use crate::SERVER;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap()
}

/// The text of a server about which there is everything to tell: one recording stored, one waiting, one running.
async fn full_text() -> String {
    let mut scene = Scene::synthetic(SERVER).await;
    scene.press_record(Kind::Video).await;
    scene.until_started(15).await;
    scene.press_stop().await;
    scene.until_stored(1, 15).await;
    scene.cloud.rule(|rules| rules.old_talk = true);
    scene.cloud.faults().script(Door::Store, vec![Fault::Status(503); 100]);
    scene.press_record(Kind::Video).await;
    scene.until("two starts", 15, |state| state.told(ROOM).len() == 3).await;
    scene.press_stop().await;
    scene.server.wait_for_log(0, "upload failed, the file stays in the spool").await;
    scene.press_record(Kind::Video).await;
    scene.until("three starts", 15, |state| state.told(ROOM).len() == 5).await;
    scene.server.metrics().await
}

/// The names of all samples.
fn samples(text: &str) -> BTreeSet<&str> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split(['{', ' ']).next()).collect()
}

/// The names of all families.
fn families(text: &str) -> BTreeSet<&str> {
    text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect()
}

/// The words of a text that are names of metrics.
fn metrics_in(text: &str) -> BTreeSet<&str> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("recording_") || word.starts_with("process_")).collect()
}

/// Every string of a document.
fn strings(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| strings(item, found)),
        Value::Object(entries) => entries.values().for_each(|entry| strings(entry, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[actix_rt::test]
async fn rules_dashboard_and_page_name_what_the_server_tells() {
    let text = full_text().await;
    assert_eq!(promtool::says_of_metrics(&text), (true, String::new()), "{text}");
    let (samples, families) = (samples(&text), families(&text));

    let rules = read("deploy/prometheus/alerts.yml");
    let missing: Vec<_> = metrics_in(&rules).difference(&samples).copied().collect();
    assert!(missing.is_empty(), "the alert rules ask for {missing:?}");

    let dashboard: Value = serde_json::from_str(&read("deploy/grafana/talk-recorder.json")).unwrap();
    let mut texts = Vec::new();
    strings(&dashboard, &mut texts);
    let texts = texts.join("\n");
    let asked = metrics_in(&texts);
    let missing: Vec<_> = asked.difference(&samples).copied().collect();
    assert!(asked.len() > 30 && missing.is_empty(), "the dashboard asks for {missing:?}");

    let page = read("docs/metrics.md");
    let rows =
        page.lines().filter_map(|line| line.strip_prefix("| ")?.trim_start_matches('*').strip_prefix('`'));
    let described: BTreeSet<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    assert_eq!(described, families, "docs/metrics.md, and /metrics");
}

#[test]
fn every_panel_of_the_dashboard_asks_the_chosen_data_source() {
    let dashboard: Value = serde_json::from_str(&read("deploy/grafana/talk-recorder.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let with_data: Vec<&Value> = panels.iter().filter(|panel| panel["type"] != "row").collect();
    assert!(with_data.len() > 20);
    for panel in with_data {
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
        assert!(!panel["description"].as_str().unwrap().is_empty(), "{}", panel["title"]);
        for target in panel["targets"].as_array().unwrap() {
            assert!(target["expr"].as_str().unwrap().contains("$instance"), "{}", panel["title"]);
        }
    }
}

#[test]
fn promtool_has_nothing_to_say_against_the_rules_and_their_tests_hold() {
    for (command, file) in [
        (["check", "rules"], "deploy/prometheus/alerts.yml"),
        (["test", "rules"], "deploy/prometheus/alerts_test.yml"),
    ] {
        let (fine, complaint) = promtool::says_of_file(command, &path(file));
        assert!(fine, "{file}: {complaint}");
    }
}

#[test]
fn every_alert_has_advice_and_is_shown_to_fire() {
    let (rules, tests) = (read("deploy/prometheus/alerts.yml"), read("deploy/prometheus/alerts_test.yml"));
    let mut alerts = rules.split("- alert: ").skip(1).peekable();
    assert!(alerts.peek().is_some());
    for alert in alerts {
        let name = alert.lines().next().unwrap();
        for part in ["severity:", "summary:", "description:", "runbook:"] {
            assert!(alert.contains(part), "{name} has no {part}");
        }
        assert!(tests.contains(&format!("labels: '{{alertname=\"{name}\"")), "{name} is never shown to fire");
    }
}
