//! The end of the server, stage by stage, each within its limit:
//!
//! ```text
//! calls = "wait":  Calls ── every call is over, or wait_limit ──► running ones are stopped
//! calls = "stop":  running ones are stopped at once
//!                  Seal ─── every file is sealed, or seal_limit ──► those that are not are given up
//!                  Upload ─ every first round of uploads is over, or upload_limit ──► end
//! ```
//!
//! Nothing is lost at any point: what is left lies in the spool, and the next start takes it up.

use std::time::Duration;

use actors::{
    recorder::{RecordingState, Running},
    recording::{Phase, Recording},
};
use tokio::time::{Instant, sleep, timeout};

use crate::{app::App, config::Shutdown, service::Service};

/// The pause between two looks at what is left.
const LOOK: Duration = Duration::from_millis(200);
/// How often log and service manager are told what is waited for.
const REPORT: Duration = Duration::from_secs(5);

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Calls that are being recorded.
    Calls,
    /// Files that the engine is sealing.
    Seal,
    /// First rounds of upload tries, and notices.
    Upload,
}

impl Stage {
    fn limit(self, limits: Shutdown) -> Duration {
        match self {
            Self::Calls => limits.wait_limit,
            Self::Seal => limits.seal_limit,
            Self::Upload => limits.upload_limit,
        }
    }

    /// Its name, as words behind "waiting for".
    fn name(self) -> &'static str {
        match self {
            Self::Calls => "calls to end",
            Self::Seal => "files to be sealed",
            Self::Upload => "uploads",
        }
    }

    fn waits_for(self, state: &RecordingState) -> bool {
        let phase = &state.recording.phase;
        match self {
            Self::Calls => matches!(phase, Phase::Starting | Phase::Recording),
            Self::Seal => phase.is_live(),
            Self::Upload => state.holds_shutdown_up && !phase.is_live(),
        }
    }

    /// Whether the next stage may begin. The last one is over when the recorders say so, which knows of a recorder
    /// that is being made again; but they will not as long as there are recordings that were given up.
    fn is_over(self, states: &[RecordingState]) -> bool {
        let waits = states.iter().any(|state| self.waits_for(state));
        let given_up = states.iter().any(|state| state.recording.phase.is_live());
        !waits && (self != Self::Upload || given_up)
    }
}

/// Lets every stage pass.
pub(super) async fn shut_down(app: &App, limits: Shutdown, service: &Service) {
    let pass = async |stage: Stage| {
        let limit = stage.limit(limits);
        if timeout(limit, wait(app, stage, limit, service)).await.is_err() {
            log::warn!(limit_seconds = limit.as_secs(), waited_for = stage.name(); "shutdown goes on, the limit has passed");
        }
    };
    if limits.calls == Running::Wait {
        tokio::select! {
            _ = app.drain(Running::Wait) => return,
            () = pass(Stage::Calls) => {}
        }
    }
    tokio::select! {
        _ = app.drain(Running::Stop) => {}
        () = async { pass(Stage::Seal).await; pass(Stage::Upload).await } => {}
    }
}

/// Waits until a stage is over, and says for what.
async fn wait(app: &App, stage: Stage, limit: Duration, service: &Service) {
    let begun = Instant::now();
    service.stopping(&format!("shutting down, waiting for {}", stage.name()));
    let mut report_at = begun + REPORT;
    loop {
        let states = app.census().await;
        if stage.is_over(&states) {
            return;
        }
        if Instant::now() >= report_at {
            report_at += REPORT;
            report(stage, limit.saturating_sub(begun.elapsed()), &states, service);
        }
        sleep(LOOK).await;
    }
}

fn report(stage: Stage, time_left: Duration, states: &[RecordingState], service: &Service) {
    let awaited: Vec<&RecordingState> = states.iter().filter(|state| stage.waits_for(state)).collect();
    let seconds = time_left.as_secs();
    service.stopping(&format!(
        "shutting down, waiting for {}: {} left, at most {seconds} s",
        stage.name(),
        awaited.len()
    ));
    for state in awaited {
        let recording = &state.recording;
        log::info!(backend:% = state.backend, room:% = recording.order.room, recording:% = recording.id,
            phase = recording.phase.name(), waited_for = stage.name(), at_most_seconds = seconds;
            "shutdown waits for a recording");
    }
}

/// Says what the next start will find.
pub(super) async fn report_left(app: &App) {
    for state in timeout(REPORT, app.census()).await.unwrap_or_default() {
        let recording = &state.recording;
        if let Some(why) = why_left(recording) {
            log::warn!(backend:% = state.backend, room:% = recording.order.room, recording:% = recording.id,
                phase = recording.phase.name(), why; "stays in the spool for the next start");
        }
    }
}

/// Why a recording stays; nothing for one that is about to be removed.
fn why_left(recording: &Recording) -> Option<&str> {
    Some(match &recording.phase {
        Phase::Starting | Phase::Recording => "it was still running, what is recorded is cut off here",
        Phase::Stopping => "it was not sealed in time",
        Phase::Salvaging => "it was not made whole in time",
        Phase::Uploading => recording.last_refusal.as_deref().unwrap_or("its upload was not over in time"),
        Phase::Parked { reason } => reason,
        Phase::Closed(_) if recording.owed.is_some() => "nextcloud could not be told",
        Phase::Closed(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::slice;

    use actors::{
        ids::RecordingId,
        recording::{Actor, Ending, Kind, Order},
    };
    use jiff::Timestamp;

    use super::*;

    fn state(phase: Phase, holds_shutdown_up: bool) -> RecordingState {
        let actor = Actor { kind: "users".to_owned(), id: "alice".to_owned() };
        let order = Order {
            nextcloud: "https://cloud.example.com".to_owned(),
            room: "abcd1234".parse().unwrap(),
            kind: Kind::Video,
            owner: "alice".to_owned(),
            actor,
        };
        let accepted =
            Recording::accepted(RecordingId::random(), order, String::new(), Timestamp::now()).next;
        let recording = Recording { phase, ..accepted };
        RecordingState { backend: "cloud".parse().unwrap(), recording, holds_shutdown_up }
    }

    /// In which of the stages this recording alone is waited for.
    fn waited_for(phase: Phase, holds_shutdown_up: bool) -> [bool; 3] {
        let state = state(phase, holds_shutdown_up);
        [Stage::Calls, Stage::Seal, Stage::Upload].map(|stage| stage.waits_for(&state))
    }

    #[test]
    fn each_phase_is_waited_for_in_its_stage() {
        for phase in [Phase::Starting, Phase::Recording] {
            assert_eq!(waited_for(phase, true), [true, true, false]);
        }
        assert_eq!(waited_for(Phase::Stopping, true), [false, true, false]);
        for phase in [Phase::Salvaging, Phase::Uploading, Phase::Closed(Ending::Stored)] {
            assert_eq!(waited_for(phase, true), [false, false, true]);
        }
        assert_eq!(waited_for(Phase::Uploading, false), [false, false, false], "its first round is over");
        assert_eq!(waited_for(Phase::Parked { reason: String::new() }, false), [false, false, false]);
    }

    #[test]
    fn what_was_not_sealed_in_time_holds_no_upload_up_and_is_not_waited_for() {
        let (given_up, uploading) = (state(Phase::Stopping, true), state(Phase::Uploading, true));
        assert!(!Stage::Seal.is_over(slice::from_ref(&given_up)));
        assert!(!Stage::Upload.is_over(&[given_up.clone(), uploading.clone()]));
        assert!(Stage::Upload.is_over(&[given_up, state(Phase::Uploading, false)]));
        assert!(Stage::Seal.is_over(&[uploading]));
    }

    #[test]
    fn without_such_recordings_the_recorders_have_the_last_word() {
        assert!(!Stage::Upload.is_over(&[]), "one may be about to be made again");
        assert!(Stage::Calls.is_over(&[]) && Stage::Seal.is_over(&[]));
    }

    #[test]
    fn what_stays_has_a_reason() {
        let parked = state(Phase::Parked { reason: "too large".to_owned() }, false).recording;
        assert_eq!(why_left(&parked), Some("too large"));
        let refused =
            Recording { last_refusal: Some("503".to_owned()), ..state(Phase::Uploading, false).recording };
        assert_eq!(why_left(&refused), Some("503"));
        assert_eq!(why_left(&state(Phase::Closed(Ending::Stored), true).recording), None);
    }
}
