//! A real Prometheus scrapes the built server: it negotiates OpenMetrics and parses it with its own parser.

use std::{
    fs,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use talk_recorder::demo::Kind;
use testing::Scene;
use tokio::time::{Instant, sleep};

use crate::SERVER;

/// How long it may take to come up and to scrape.
const PATIENCE: Duration = Duration::from_secs(20);

/// A Prometheus with one target; it ends when it is dropped.
struct Prometheus {
    child: Child,
    url: String,
}

impl Prometheus {
    fn scraping(scene: &Scene) -> Self {
        let target = scene.server.url().trim_start_matches("http://");
        let config = scene.directory().join("prometheus.yml");
        let text = format!(
            "global: {{ scrape_interval: 1s }}\nscrape_configs:\n  - job_name: talk-recorder\n    \
             static_configs: [{{ targets: [\"{target}\"] }}]\n"
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
        Self { child, url: format!("http://127.0.0.1:{port}/api/v1") }
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
}
