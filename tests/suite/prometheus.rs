//! A real Prometheus scrapes the built server: it negotiates OpenMetrics, parses it with its own parser, and judges it by the
//! alert rules that come in the box.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use talk_recorder::demo::{
    Kind,
    faults::{Door, Fault},
};
use testing::Scene;
use tokio::time::{Instant, sleep};

use crate::SERVER;

/// How long it may take to come up and to scrape.
const PATIENCE: Duration = Duration::from_secs(20);

/// The alert rules, as they are shipped.
const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/prometheus/alerts.yml");

/// A Prometheus with one target; it ends when it is dropped.
struct Prometheus {
    child: Child,
    url: String,
    targets: PathBuf,
}

impl Prometheus {
    fn scraping(scene: &Scene) -> Self {
        let targets = scene.directory().join("targets.json");
        aim(&targets, scene);
        let config = scene.directory().join("prometheus.yml");
        let text = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\n\
             rule_files: [\"{RULES}\"]\n\
             scrape_configs:\n  - job_name: talk-recorder\n    \
             file_sd_configs: [{{ files: [\"{}\"], refresh_interval: 1s }}]\n",
            targets.display(),
        );
        fs::write(&config, text).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", scene.directory().join("tsdb").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect(
                "prometheus is not installed: `make test-deps`, or install the Debian package prometheus",
            );
        Self { child, url: format!("http://127.0.0.1:{port}/api/v1"), targets }
    }

    /// Tells it the address that the server has after a restart.
    fn follow(&self, scene: &Scene) {
        aim(&self.targets, scene);
    }

    /// What its API answers; nothing as long as it comes up.
    async fn ask(&self, path: &str) -> Option<Value> {
        reqwest::get(format!("{}/{path}", self.url)).await.ok()?.json().await.ok()
    }

    /// Waits until a query has this value.
    async fn until(&self, query: &str, wanted: &str) {
        let begun = Instant::now();
        loop {
            let answer = self.ask(&format!("query?query={query}")).await.unwrap_or_default();
            if answer.pointer("/data/result/0/value/1").and_then(Value::as_str) == Some(wanted) {
                return;
            }
            let targets = self.ask("targets").await;
            assert!(begun.elapsed() < PATIENCE, "{query} is not {wanted}: {answer}, {targets:?}");
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Type and help of a family, as it learnt them.
    async fn metadata(&self, family: &str) -> (String, String) {
        let answer = self.ask(&format!("metadata?metric={family}")).await.unwrap_or_default();
        let entry = answer.pointer(&format!("/data/{family}/0")).cloned().unwrap_or_default();
        let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        (text("type"), text("help"))
    }
}

/// The server has another port in each of its lives, but stays the same instance.
fn aim(targets: &Path, scene: &Scene) {
    let address = scene.server.url().trim_start_matches("http://");
    let list = json!([{ "targets": [address], "labels": { "instance": "recorder" } }]);
    fs::write(targets, list.to_string()).unwrap();
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[actix_rt::test]
async fn prometheus_understands_every_family() {
    let scene = Scene::synthetic(SERVER).await;
    let prometheus = Prometheus::scraping(&scene);
    prometheus.until("up", "1").await;
    for family in ["current", "failed_total", "uploads_failed_total", "total", "duration_seconds_total"] {
        prometheus.until(&format!("recording_recordings_{family}"), "0").await;
    }
    scene.press_record(Kind::Video).await;
    prometheus.until("recording_recordings_current", "1").await;
    prometheus.until("recording_recordings_total", "1").await;
    let (kind, help) = prometheus.metadata("recording_recordings_current").await;
    assert_eq!(kind, "gauge");
    assert!(help.contains("Recordings that are starting"), "{help}");
    let (kind, _) = prometheus.metadata("recording_recordings").await;
    assert_eq!(kind, "counter", "OpenMetrics describes a counter by its base name");
    prometheus.until("recording_start_duration_seconds_count", "1").await;
    let (kind, help) = prometheus.metadata("recording_start_duration_seconds").await;
    assert_eq!(
        (kind.as_str(), help.as_str()),
        ("histogram", "Time from the accepted start of a recording to its first frame.")
    );
    let (kind, _) = prometheus.metadata("recording_build").await;
    assert_eq!(kind, "info");
    prometheus.until("count(process_start_time_seconds)", "1").await;
}

#[actix_rt::test]
async fn a_failed_upload_raises_its_alert_and_what_is_counted_survives_a_restart() {
    let mut scene = Scene::synthetic(SERVER).await;
    let prometheus = Prometheus::scraping(&scene);
    prometheus.until("recording_recordings_uploads_failed_total", "0").await;
    let firing = "count(ALERTS{alertname=\"RecordingUploadFailed\",alertstate=\"firing\"})";
    scene.cloud.rule(|rules| rules.old_talk = true);
    scene.cloud.faults().script(Door::Store, vec![Fault::Status(503); 100]);
    scene.press_record(Kind::Video).await;
    scene.until_started(15).await;
    scene.press_stop().await;
    prometheus.until("recording_recordings_state{state=\"waiting\"}", "1").await;
    prometheus.until(firing, "1").await;
    let alerts = prometheus.ask("alerts").await.unwrap();
    let alerts = alerts["data"]["alerts"].as_array().unwrap();
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!(alerts[0]["annotations"]["summary"], "A recording of cloud could not be uploaded at once");

    scene.restart().await;
    scene.cloud.faults().clear();
    prometheus.follow(&scene);
    scene.until_stored(1, 15).await;
    prometheus.until("recording_recordings_total", "0").await;
    prometheus.until("recording_recordings_delivered_late_total", "1").await;
    scene.press_record(Kind::Video).await;
    prometheus.until("recording_recordings_total", "1").await;
    prometheus.until("resets(recording_recordings_total[5m])", "1").await;
    prometheus.until("increase(recording_recordings_total[5m]) >= bool 2", "1").await;
    prometheus.until(firing, "1").await;
}
