//! Reads what a program prints, line by line, to the end: a full pipe would stop the program.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use actors::ids::RecordingId;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    sync::mpsc,
};

/// So many lines are kept for the error of a program that dies.
const KEPT_LINES: usize = 20;
/// Longer lines are cut.
const LONGEST_LINE: usize = 500;

/// The last lines of a program.
#[derive(Debug, Clone, Default)]
pub(super) struct LastLines(Arc<Mutex<VecDeque<String>>>);

impl LastLines {
    fn add(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// All of them in one line, for the end of an error; empty if there are none.
    pub(super) fn joined(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(String::as_str).collect::<Vec<_>>().join(" | ")
    }
}

/// Whose lines they are, and where they are kept.
#[derive(Debug)]
pub(super) struct LineLog {
    /// The part of the recording.
    pub(super) stage: &'static str,
    /// The recording.
    pub(super) recording: RecordingId,
    /// Where they are kept.
    pub(super) last_lines: LastLines,
}

/// Reads standard output and passes it on to whoever listens.
pub(super) async fn read_output(
    stream: impl AsyncRead + Unpin,
    listener: Option<mpsc::UnboundedSender<String>>,
) {
    let mut stream = BufReader::new(stream);
    while let Some(line) = next_line(&mut stream).await {
        pass_on(listener.as_ref(), line);
    }
}

/// Reads standard error, logs and keeps it, and passes it on.
pub(super) async fn read_errors(
    stream: impl AsyncRead + Unpin,
    listener: Option<mpsc::UnboundedSender<String>>,
    log: LineLog,
) {
    let mut stream = BufReader::new(stream);
    while let Some(line) = next_line(&mut stream).await {
        if line.is_empty() {
            continue;
        }
        log::debug!(recording:% = log.recording, line:% = line; "output of the {}", log.stage);
        log.last_lines.add(line.clone());
        pass_on(listener.as_ref(), line);
    }
}

fn pass_on(listener: Option<&mpsc::UnboundedSender<String>>, line: String) {
    if let Some(listener) = listener {
        // Nobody may be listening any more.
        drop(listener.send(line));
    }
}

async fn next_line(stream: &mut (impl AsyncBufReadExt + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    if stream.read_until(b'\n', &mut bytes).await.ok()? == 0 {
        return None;
    }
    bytes.truncate(LONGEST_LINE);
    Some(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}
