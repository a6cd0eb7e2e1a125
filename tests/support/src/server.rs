//! The built server as a process.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

use crate::processes::{self, Process};

/// How long the server may take to listen, and to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server, with the log that it has written so far.
pub struct Server {
    binary: PathBuf,
    config: PathBuf,
    environment: Vec<(&'static str, String)>,
    marker: String,
    log: Arc<Mutex<String>>,
    child: Option<Child>,
    url: String,
}

impl Server {
    /// Starts the program with a configuration file and waits until it listens.
    ///
    /// # Panics
    /// When it ends or does not listen within 20 seconds; the message has its log.
    pub async fn start(binary: &str, config: &Path) -> Self {
        Self::start_in(binary, config, Vec::new()).await
    }

    /// The same, with these variables in its environment.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub async fn start_in(binary: &str, config: &Path, environment: Vec<(&'static str, String)>) -> Self {
        let mut server = Self {
            binary: binary.into(),
            config: config.to_owned(),
            environment,
            marker: config.parent().unwrap_or(config).display().to_string(),
            log: Arc::default(),
            child: None,
            url: String::new(),
        };
        server.start_again().await;
        server
    }

    /// Starts it again with the same configuration, after it was killed or has ended.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub async fn start_again(&mut self) {
        self.end();
        let already = self.log().len();
        let mut child = Command::new(&self.binary)
            .args(["--config".as_ref(), self.config.as_os_str()])
            .env("RUNTIME_DIRECTORY", self.runtime_directory())
            .env_remove("RUST_LOG")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server's program runs");
        let errors = BufReader::new(child.stderr.take().expect("standard error is a pipe"));
        let log = Arc::clone(&self.log);
        thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
                log.push_str(&line);
                log.push('\n');
            }
        });
        self.child = Some(child);
        let line = self.wait_for_log(already, "listening address=").await;
        self.url = format!("http://{line}");
    }

    /// Base address, such as `http://127.0.0.1:4711`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the run-time files of its recordings lie.
    pub fn runtime_directory(&self) -> PathBuf {
        self.config.with_file_name("run")
    }

    /// Everything that it has logged, in all its lives.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until a text is in the log, and returns what stands behind it up to the next blank.
    ///
    /// # Panics
    /// When it does not come within 20 seconds, or the server ends meanwhile.
    pub async fn wait_for_log(&mut self, from: usize, text: &str) -> String {
        let begun = Instant::now();
        loop {
            let log = self.log();
            let tail = log.get(from..).unwrap_or_default();
            if let Some((_, found)) = tail.split_once(text) {
                return found.split_whitespace().next().unwrap_or_default().to_owned();
            }
            let ended = self.child.as_mut().and_then(|child| child.try_wait().ok()?);
            assert!(ended.is_none(), "the server ended with {ended:?} before {text:?}:\n{}", self.log());
            assert!(begun.elapsed() < PATIENCE, "no {text:?} within {PATIENCE:?}:\n{log}");
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// The text of `/metrics` in the classic format.
    ///
    /// # Panics
    /// When it is not to be had.
    pub async fn metrics(&self) -> String {
        let answer = reqwest::get(format!("{}/metrics", self.url)).await.expect("metrics are served");
        answer.text().await.expect("metrics are text")
    }

    /// The value of one of the five families for the backend `cloud`, by the end of its name, such as `total`.
    ///
    /// # Panics
    /// When it is not there.
    pub async fn count(&self, name: &str) -> f64 {
        let series = format!("recording_recordings_{name}{{backend=\"cloud\"}}");
        self.value(&series).await.unwrap_or_else(|| panic!("no {series}"))
    }

    /// The value of a series as it is written in the classic text, if it is there.
    ///
    /// # Panics
    /// When the metrics are not to be had.
    pub async fn value(&self, series: &str) -> Option<f64> {
        let text = self.metrics().await;
        text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
    }

    /// What everything that it started carries, see [`processes`].
    pub fn marker(&self) -> &str {
        &self.marker
    }

    /// The server's process.
    ///
    /// # Panics
    /// When it does not run.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the server runs").id()
    }

    /// The processes of its recordings.
    pub fn helpers(&self) -> Vec<Process> {
        let own = self.child.as_ref().map(Child::id);
        let mut processes = processes::carrying(&self.marker);
        processes.retain(|process| Some(process.pid.unsigned_abs()) != own);
        processes
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }

    /// SIGTERM, and waiting for the end.
    ///
    /// # Panics
    /// When it does not end within 20 seconds.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait_for_end().await
    }

    /// Waits for the end that something else brings about.
    ///
    /// # Panics
    /// When it does not end within 20 seconds.
    pub async fn wait_for_end(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("the server runs");
        let begun = Instant::now();
        loop {
            if let Some(status) = child.try_wait().expect("the server can be waited for") {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "the server does not end:\n{}", self.log());
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Sends a signal and goes on.
    ///
    /// # Panics
    /// When the server does not run.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid().cast_signed()).expect("a process has a number");
        kill_process(pid, signal).expect("the server can be signalled");
    }

    fn end(&mut self) {
        self.kill();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
        let left = processes::wait_until_gone(&self.marker, Duration::from_secs(10));
        assert!(thread::panicking() || left.is_empty(), "the server left processes behind: {left:#?}");
    }
}
