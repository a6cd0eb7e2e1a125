//! The sound of one recording: a PulseAudio server of its own, with one sink and nothing else.
//!
//! No sound server is shared, so that nothing of a recording is heard in another one and nothing stays behind.
//! The sink never rewinds: what was rendered is final, which keeps its latency short and constant. It has two doors: one
//! for programs, and one that sends every sample to whoever listens.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use actors::ports::EngineError;
use rustix::process::Signal;
use tokio::time::{Instant, sleep};

use super::{
    ear::Ear,
    process::{Launch, Program, Stream},
    scratch::{Environment, Scratch},
};

const STAGE: &str = "audio";
const PATIENCE: Duration = Duration::from_secs(15);
const GRACE: Duration = Duration::from_secs(2);
/// The sink that plays into the recording.
const SINK: &str = "rec";
/// The source from which the encoder hears what the browser plays.
pub(super) const SOURCE: &str = "rec.monitor";
/// How far ahead of the sound card that does not exist the browser may write.
const BROWSER_LATENCY_MS: &str = "30";

/// A running PulseAudio server.
#[derive(Debug)]
pub(super) struct Audio {
    program: Program,
    sound: PathBuf,
}

impl Audio {
    /// Starts a sound server and lets `environment` lead to it.
    ///
    /// # Errors
    /// When PulseAudio is missing or does not come up.
    pub(super) async fn start(scratch: &Scratch, environment: &mut Environment) -> Result<Self, EngineError> {
        let socket = scratch.path("pulse.sock");
        let sound = scratch.path("sound.sock");
        let mut program = Program::launch(Launch {
            stage: STAGE,
            program: "pulseaudio".into(),
            arguments: arguments(&socket, &sound).into_iter().map(Into::into).collect(),
            environment: environment.clone(),
            when_orphaned: Signal::TERM,
            speaks: Stream::Output,
        })?;
        program.ignore_output();
        wait_for(&mut program, [&socket, &sound]).await?;
        environment.set("PULSE_SERVER", format!("unix:{}", socket.display()));
        environment.set("PULSE_LATENCY_MSEC", BROWSER_LATENCY_MS);
        Ok(Self { program, sound })
    }

    /// Waits until it dies.
    pub(super) async fn ended(&mut self) -> EngineError {
        self.program.ended().await
    }

    /// Whether it is dead by now.
    pub(super) fn is_dead(&mut self) -> bool {
        self.program.is_dead()
    }

    /// Listens to what it plays.
    pub(super) fn ear(&self) -> Ear {
        Ear::new(self.sound.clone())
    }

    /// Kills it.
    pub(super) fn kill(&mut self) {
        self.program.kill();
    }

    /// Ends it.
    pub(super) async fn stop(&mut self) {
        self.program.stop(Signal::TERM, GRACE).await;
    }
}

/// The error of a sound server that does not answer, and how that was noticed.
pub(super) fn hangs(noticed: impl fmt::Display) -> EngineError {
    EngineError::new(STAGE, format!("pulseaudio does not answer any more ({noticed})"))
}

async fn wait_for(program: &mut Program, sockets: [&Path; 2]) -> Result<(), EngineError> {
    let deadline = Instant::now() + PATIENCE;
    while !sockets.iter().all(|socket| socket.exists()) {
        if Instant::now() > deadline {
            let cause = format!("pulseaudio made no sockets within {} s", PATIENCE.as_secs());
            return Err(program.error(cause));
        }
        tokio::select! {
            died = program.ended() => return Err(died),
            () = sleep(Duration::from_millis(10)) => {}
        }
    }
    Ok(())
}

fn arguments(socket: &Path, sound: &Path) -> Vec<String> {
    let sink = format!("module-null-sink sink_name={SINK} rate=48000 channels=2 norewinds=1");
    // The socket lies in a directory that only this user can enter, so that it needs no cookie.
    let door = format!(
        "module-native-protocol-unix socket={} auth-anonymous=1 auth-cookie-enabled=0",
        socket.display()
    );
    let ear = format!(
        "module-simple-protocol-unix socket={} source={SOURCE} record=1 playback=0 rate=48000 channels=2",
        sound.display()
    );
    [
        "-n",
        "--daemonize=no",
        "--use-pid-file=no",
        "--exit-idle-time=-1",
        "--high-priority=no",
        "--realtime=no",
        "--disable-shm=yes",
        "--log-target=stderr",
        "-L",
        &sink,
        "-L",
        &door,
        "-L",
        &ear,
    ]
    .map(str::to_owned)
    .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_private_and_loads_only_a_sink_and_two_doors() {
        let line = arguments(Path::new("/run/x/pulse.sock"), Path::new("/run/x/sound.sock")).join(" ");
        assert!(line.starts_with("-n --daemonize=no"), "{line}");
        assert_eq!(line.matches(" -L ").count(), 3);
        assert!(line.contains("socket=/run/x/pulse.sock"), "{line}");
        assert!(line.contains("socket=/run/x/sound.sock source=rec.monitor record=1 playback=0"), "{line}");
    }
}
