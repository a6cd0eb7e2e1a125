//! The only place that starts programs.
//!
//! - Each program leads a session and a process group of its own; the group is killed at the moment in which its
//!   leader is seen to be dead, when the program is stopped, and when a [`Program`] is dropped.
//! - When the server itself dies, also by `kill -9`, the kernel sends each program the signal chosen for that case.
//!   It does so when the *thread* ends that started the program, so this must never run on a blocking thread.
//! - What a program writes to its standard error is logged line by line at debug level, and its last lines become
//!   part of the error when it dies. Standard output is for us.

use std::{
    ffi::OsString,
    io,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use actors::{ids::RecordingId, ports::EngineError};
use rustix::process::{
    Pid, Signal, getpid, getppid, kill_process_group, set_parent_process_death_signal, setsid,
};
use tokio::{
    process::{Child, Command},
    sync::mpsc,
    task::JoinSet,
    time::timeout,
};

use super::{
    lines::{LastLines, LineLog, read_errors, read_output},
    scratch::Environment,
};

/// How long a killed program may take to be gone, and its last output to be read.
const LAST_BREATH: Duration = Duration::from_secs(2);

/// A program to start.
#[derive(Debug)]
pub(super) struct Launch {
    /// The part of the recording that it is, as errors and log lines name it.
    pub(super) stage: &'static str,
    /// Its file, looked for in `$PATH` if it has no slash.
    pub(super) program: PathBuf,
    /// Its arguments.
    pub(super) arguments: Vec<OsString>,
    /// Its environment.
    pub(super) environment: Environment,
    /// What it is sent when this server dies.
    pub(super) when_orphaned: Signal,
    /// Where it says what we want to know.
    pub(super) speaks: Stream,
}

/// A stream of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    /// Standard output, for programs.
    Output,
    /// Standard error, for people.
    Errors,
}

/// A running program.
#[derive(Debug)]
pub(super) struct Program {
    stage: &'static str,
    name: String,
    recording: RecordingId,
    child: Child,
    group: Option<Pid>,
    last_lines: LastLines,
    lines: mpsc::UnboundedReceiver<String>,
    /// Ends the readers with the program's owner.
    readers: JoinSet<()>,
}

impl Program {
    /// Starts a program.
    ///
    /// # Errors
    /// When it is not installed or cannot be run.
    pub(super) fn launch(launch: Launch) -> Result<Self, EngineError> {
        let Launch { stage, program, arguments, environment, when_orphaned, speaks } = launch;
        let name = program.display().to_string();
        let mut command = Command::new(&program);
        command
            .args(arguments)
            .env_clear()
            .envs(environment.variables)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let server = getpid();
        // SAFETY: between fork and exec only system calls are made, nothing is allocated and no lock is taken.
        unsafe {
            command.pre_exec(move || own_session(server, when_orphaned));
        }
        let mut child =
            command.spawn().map_err(|error| EngineError::new(stage, not_started(&name, &error)))?;
        let group = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        let (sender, lines) = mpsc::unbounded_channel();
        let last_lines = LastLines::default();
        let mut readers = JoinSet::new();
        let (output, errors) = match speaks {
            Stream::Output => (Some(sender), None),
            Stream::Errors => (None, Some(sender)),
        };
        if let Some(stdout) = child.stdout.take() {
            readers.spawn(read_output(stdout, output));
        }
        if let Some(stderr) = child.stderr.take() {
            let log = LineLog { stage, recording: environment.recording, last_lines: last_lines.clone() };
            readers.spawn(read_errors(stderr, errors, log));
        }
        log::debug!(recording:% = environment.recording, program:% = name, pid = group.map_or(0, Pid::as_raw_pid); "started the {stage}");
        Ok(Self { stage, name, recording: environment.recording, child, group, last_lines, lines, readers })
    }

    /// Its process id, as long as it has not been seen to be dead.
    pub(super) fn pid(&self) -> Option<Pid> {
        self.group
    }

    /// The next line on the stream on which it speaks; `None` once it has closed it.
    pub(super) async fn next_line(&mut self) -> Option<String> {
        self.lines.recv().await
    }

    /// Waits for a line in which the program says that it is ready; `pick` takes from it what is needed.
    ///
    /// # Errors
    /// When it ends before, or takes longer than `patience`.
    pub(super) async fn ready<T>(
        &mut self,
        patience: Duration,
        pick: impl Fn(&str) -> Option<T>,
    ) -> Result<T, EngineError> {
        let found = timeout(patience, async {
            while let Some(line) = self.lines.recv().await {
                if let Some(found) = pick(&line) {
                    return Some(found);
                }
            }
            None
        });
        match found.await {
            Ok(Some(found)) => Ok(found),
            Ok(None) => {
                if let Ok(ended) = timeout(LAST_BREATH, self.ended()).await {
                    return Err(ended);
                }
                Err(self.error(format!("{} closed its output before it said that it is ready", self.name)))
            }
            Err(_) => {
                let cause = format!("{} was not ready after {} s", self.name, patience.as_secs());
                Err(self.error(cause))
            }
        }
    }

    /// A line that it has printed already and nobody has read.
    pub(super) fn unread_line(&mut self) -> Option<String> {
        self.lines.try_recv().ok()
    }

    /// Whether it is dead by now.
    pub(super) fn is_dead(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// From now on nobody reads its output but the log.
    pub(super) fn ignore_output(&mut self) {
        self.lines.close();
        while self.lines.try_recv().is_ok() {}
    }

    /// Waits until it ends by itself, which it should not do.
    pub(super) async fn ended(&mut self) -> EngineError {
        let status = self.child.wait().await;
        self.kill();
        self.read_to_the_end().await;
        let cause = match status {
            Ok(status) => format!("{} ended unexpectedly ({})", self.name, in_words(status)),
            Err(error) => format!("{} is lost: {error}", self.name),
        };
        self.error(cause)
    }

    /// Waits until it ends by itself, as one does that has done its work.
    ///
    /// # Errors
    /// When it says that it failed, or does not end in time.
    pub(super) async fn done(&mut self, patience: Duration) -> Result<(), EngineError> {
        let status = timeout(patience, self.child.wait()).await;
        self.kill();
        self.read_to_the_end().await;
        match status {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(self.error(format!("{} failed ({})", self.name, in_words(status)))),
            Ok(Err(error)) => Err(self.error(format!("{} is lost: {error}", self.name))),
            Err(_) => Err(self.error(format!("{} did not end within {} s", self.name, patience.as_secs()))),
        }
    }

    /// Asks it to end, and kills its group when it has ended or after `grace`. Says how it ended, if it did by itself.
    pub(super) async fn stop(&mut self, signal: Signal, grace: Duration) -> Option<ExitStatus> {
        self.ask(signal);
        let status = self.wait_while_busy(grace, || ()).await;
        self.finish(status, grace).await
    }

    /// Asks it to end. It may have been stopped, and could not listen then.
    pub(super) fn ask(&self, signal: Signal) {
        for signal in [signal, Signal::CONT] {
            if let Some(group) = self.group {
                // A group that is gone already is what we want.
                _ = kill_process_group(group, signal);
            }
        }
    }

    /// Waits until it ends, or what `work` returns has not changed for `patience`. Says how it ended, if it did.
    pub(super) async fn wait_while_busy<W: PartialEq>(
        &mut self,
        patience: Duration,
        work: impl Fn() -> W,
    ) -> Option<ExitStatus> {
        let mut seen = work();
        loop {
            if let Ok(ended) = timeout(patience, self.child.wait()).await {
                return ended.ok();
            }
            let now = work();
            if now == seen {
                return None;
            }
            seen = now;
        }
    }

    /// Kills what is left of it after it was waited for, and reads what it said last.
    pub(super) async fn finish(&mut self, status: Option<ExitStatus>, grace: Duration) -> Option<ExitStatus> {
        if status.is_none() {
            log::warn!(recording:% = self.recording, program:% = self.name, grace = grace.as_secs(); "the {} did not end when asked, killing it", self.stage);
        }
        self.kill();
        drop(timeout(LAST_BREATH, self.child.wait()).await);
        self.read_to_the_end().await;
        status
    }

    /// An error of this program, with its last lines.
    pub(super) fn error(&self, cause: impl Into<String>) -> EngineError {
        let mut cause = cause.into();
        let lines = self.last_lines.joined();
        if !lines.is_empty() {
            cause.push_str("; its last output: ");
            cause.push_str(&lines);
        }
        EngineError::new(self.stage, cause)
    }

    async fn read_to_the_end(&mut self) {
        // What left the group may hold the pipe open for ever.
        drop(timeout(LAST_BREATH / 4, async { while self.readers.join_next().await.is_some() {} }).await);
    }

    /// Kills its group. Only once: the group's number is free for others when all of it is gone.
    pub(super) fn kill(&mut self) {
        if let Some(group) = self.group.take() {
            _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What the child does before it becomes the program.
fn own_session(server: Pid, when_orphaned: Signal) -> io::Result<()> {
    setsid()?;
    set_parent_process_death_signal(Some(when_orphaned))?;
    // The server may have died before the line above took effect.
    if getppid() == Some(server) { Ok(()) } else { Err(io::ErrorKind::NotConnected.into()) }
}

fn not_started(name: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("{name} was not found: install it, or set its path"),
        io::ErrorKind::PermissionDenied => format!("{name} must not be run by the user of this server"),
        _ => format!("{name} could not be started: {error}"),
    }
}

fn in_words(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(9)) => "killed by signal 9, as the kernel does when memory runs out".to_owned(),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => "for an unknown reason".to_owned(),
    }
}

#[cfg(test)]
mod tests;
