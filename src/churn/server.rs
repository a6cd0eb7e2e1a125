//! The built server as a process of its own, driven by signed requests.

use std::{fs, path::Path, process::Stdio, sync::Arc, time::Duration};

use anyhow::{Context, bail, ensure};
use async_trait::async_trait;
use reqwest::{Client, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::{Instant, timeout},
};
use uuid::Uuid;

use super::{
    ledger::Ledger,
    scraper::Scraper,
    script::{Script, moderator},
    sink::Sink,
    target::Target,
};
use crate::signature::{CHECKSUM_HEADER, RANDOM_HEADER, Signature};

/// How long the server may take to listen.
const PATIENCE: Duration = Duration::from_secs(30);
const LISTENING: &str = "listening address=";
const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0";

/// A server, and the Nextcloud of all its backends.
pub(super) struct Server {
    script: Script,
    ledger: Arc<Ledger>,
    sink: Sink,
    secret: SecretString,
    client: Client,
    url: String,
    pid: u32,
    /// Killed when it is dropped.
    child: Child,
}

impl Server {
    /// Starts a program with a configuration for this script.
    pub(super) async fn start(program: &Path, script: &Script, directory: &Path) -> anyhow::Result<Self> {
        let ledger = Arc::new(Ledger::new(script.clone()));
        let sink = Sink::start(Arc::clone(&ledger)).context("no port for the Nextcloud")?;
        let secret = SecretString::from(Uuid::new_v4().to_string());
        let config = directory.join("config.toml");
        fs::write(&config, configuration(script, &sink, &secret, directory))?;
        let mut child = Command::new(program)
            .arg("--config")
            .arg(&config)
            .env("RUNTIME_DIRECTORY", directory.join("run"))
            // Thousands of failures are wanted; the address is all that the log is needed for.
            .env("RUST_LOG", "off,talk_recorder::cli::serve=info")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let pid = child.id().context("the server ended at once")?;
        let url = timeout(PATIENCE, listening(&mut child)).await.context("the server does not listen")??;
        let client = Client::builder().no_proxy().build()?;
        Ok(Self { script: script.clone(), ledger, sink, secret, client, url, pid, child })
    }

    async fn post(&self, number: u64, body: String) -> anyhow::Result<Duration> {
        let nextcloud = nextcloud(&self.sink, self.script.backend_of(number));
        let room = self.script.order(number, String::new())?.room;
        let signature = Signature::of(&self.secret, body.as_bytes());
        let sent = Instant::now();
        let request = self
            .client
            .post(format!("{}/api/v1/room/{room}", self.url))
            .header("Content-Type", "application/json")
            .header("Talk-Recording-Backend", format!("{nextcloud}/"))
            .header(RANDOM_HEADER, signature.random)
            .header(CHECKSUM_HEADER, signature.checksum)
            .body(body);
        let answer = request.send().await?;
        let status = answer.status();
        ensure!(status == StatusCode::OK, "recording {number}: the server answered {status}");
        Ok(sent.elapsed())
    }
}

#[async_trait(?Send)]
impl Target for Server {
    fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    async fn start(&self, number: u64) -> anyhow::Result<Duration> {
        let order = self.script.order(number, String::new())?;
        let start = json!({"status": 1, "owner": order.owner, "actor": order.actor});
        self.post(number, json!({"type": "start", "start": start}).to_string()).await
    }

    async fn stop_recording(&self, number: u64) -> anyhow::Result<Duration> {
        let stop = json!({"type": "stop", "stop": {"actor": moderator()}});
        self.post(number, stop.to_string()).await
    }

    fn scraper(&self) -> anyhow::Result<Arc<dyn Scraper>> {
        // A client's connections belong to the thread that uses it first.
        let client = Client::builder().no_proxy().build()?;
        Ok(Arc::new(Prometheus { client, url: format!("{}/metrics", self.url) }))
    }

    fn pid(&self) -> u32 {
        self.pid
    }

    async fn stop(mut self: Box<Self>) {
        // It is dropped, and so killed, anyway.
        drop(self.child.kill().await);
    }
}

/// Scrapes as Prometheus does.
struct Prometheus {
    client: Client,
    url: String,
}

#[async_trait]
impl Scraper for Prometheus {
    async fn scrape(&self) -> anyhow::Result<String> {
        let answer = self.client.get(&self.url).header("Accept", OPEN_METRICS).send().await?;
        Ok(answer.error_for_status()?.text().await?)
    }
}

/// Waits for the address, and has everything that is printed later thrown away.
async fn listening(child: &mut Child) -> anyhow::Result<String> {
    let stderr = child.stderr.take().context("the server has no standard error")?;
    let mut lines = BufReader::new(stderr).lines();
    let mut said = String::new();
    while let Some(line) = lines.next_line().await? {
        if let Some((_, address)) = line.split_once(LISTENING) {
            let url = format!("http://{address}");
            actix::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(url);
        }
        said.push_str(&line);
        said.push('\n');
    }
    bail!("the server ended:\n{said}")
}

fn nextcloud(sink: &Sink, backend: u64) -> String {
    format!("http://{}/{backend}", sink.address)
}

fn configuration(script: &Script, sink: &Sink, secret: &SecretString, directory: &Path) -> String {
    let names: Vec<String> = script.backends().map(|name| format!("{name:?}")).collect();
    let spool = directory.join("spool").display().to_string();
    let mut text = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\n[spool]\nreserve = \"off\"\n\
         [recording]\nengine = \"synthetic\"\nmax_concurrent = 1000000\nsynthetic = {:?}\n\
         [limits]\nwatch_call = false\n[upload]\nmax_concurrent = 1000\n\
         [backend]\ndirectory = {spool:?}\nbackends = [{}]\n",
        script.plan.to_string(),
        names.join(", "),
    );
    for (position, name) in (0..).zip(script.backends()) {
        let url = nextcloud(sink, position);
        text.push_str(&format!("[{name}]\nurl = \"{url}\"\nsecret = \"{}\"\n", secret.expose_secret()));
    }
    text
}
