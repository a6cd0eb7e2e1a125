//! What the service manager hears from the server (systemd's `sd_notify`); nothing where nobody listens.
//!
//! - `READY` when requests are served, `STATUS` with what is going on, `STOPPING` when the end begins;
//! - `RELOADING` when the configuration is read again, and `READY` when that is over, whatever came of it;
//! - while the end takes its time, the manager is asked for more, again and again;
//! - the watchdog is fed only while the actors that everybody needs answer. A recorder that is held up, by a slow
//!   disk say, is no reason to end the recordings of all the others.

use std::{cell::Cell, convert::Infallible, env, future::pending, time::Duration};

use actors::{recorder::RecordingState, recording::Phase};
use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::app::App;

/// How often the status is renewed, at least.
const STATUS_EVERY: Duration = Duration::from_secs(10);
/// The manager is not told anything in quicker succession than this.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// How much more time is asked for, far above the pause until it is asked for again.
const MORE_TIME_USEC: u32 = 30_000_000;

/// Says that requests are served.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready, NotifyState::Status("ready")]);
}

/// The line to the service manager.
pub(crate) struct Service {
    listens: bool,
    /// How long the manager waits for a sign of life.
    watchdog: Option<Duration>,
    stopping: Cell<bool>,
}

impl Service {
    /// As the environment says.
    pub(crate) fn of_environment() -> Self {
        let listens = env::var_os("NOTIFY_SOCKET").is_some();
        Self { listens, watchdog: sd_notify::watchdog_enabled(), stopping: Cell::new(false) }
    }

    /// The configuration is being read again. Without the time, newer managers do not believe it.
    pub(crate) fn reloading(&self) {
        if self.stopping.get() {
            return;
        }
        match NotifyState::monotonic_usec_now() {
            Ok(now) => {
                tell(&[NotifyState::Reloading, now, NotifyState::Status("reloading the configuration")]);
            }
            Err(error) => log::warn!(error:%; "the service manager cannot be told anything"),
        }
    }

    /// It is over.
    pub(crate) fn reloaded(&self) {
        if !self.stopping.get() {
            ready();
        }
    }

    /// The server has begun to end, and waits for this.
    pub(crate) fn stopping(&self, status: &str) {
        let more_time = NotifyState::ExtendTimeoutUsec(MORE_TIME_USEC);
        if self.stopping.replace(true) {
            tell(&[more_time, NotifyState::Status(status)]);
        } else {
            tell(&[NotifyState::Stopping, more_time, NotifyState::Status(status)]);
        }
    }

    /// Feeds the watchdog and renews the status, as long as it is polled.
    pub(crate) async fn keep_informed(&self, app: &App) -> Infallible {
        if !self.listens {
            return pending().await;
        }
        let pause =
            self.watchdog.map_or(STATUS_EVERY, |limit| (limit / 2).clamp(SHORTEST_PAUSE, STATUS_EVERY));
        let mut ticks = interval(pause);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if self.watchdog.is_some() {
                self.feed_watchdog(app, pause).await;
            }
            if let Ok(states) = timeout(pause, app.census()).await
                && !self.stopping.get()
            {
                tell(&[NotifyState::Status(&status_of(&states))]);
            }
        }
    }

    async fn feed_watchdog(&self, app: &App, limit: Duration) {
        if app.answers_within(limit).await {
            tell(&[NotifyState::Watchdog]);
        } else {
            log::error!("supervisor or metrics do not answer; if it stays so, the watchdog ends the server");
        }
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        log::warn!(error:%; "the service manager cannot be told anything");
    }
}

fn status_of(states: &[RecordingState]) -> String {
    let count =
        |counts: fn(&Phase) -> bool| states.iter().filter(|state| counts(&state.recording.phase)).count();
    let recording = count(Phase::is_live);
    let uploading = count(|phase| matches!(phase, Phase::Salvaging | Phase::Uploading));
    let parked = count(|phase| matches!(phase, Phase::Parked { .. }));
    format!("{recording} recording, {uploading} uploading, {parked} parked")
}
