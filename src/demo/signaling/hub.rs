//! The sessions of the signaling server, each with what it has still to be told.
//!
//! A session outlives its connection for a while. What happens meanwhile waits for its return.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::Value;
use tokio::sync::{
    mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    watch,
};

/// As long as the real server does.
const KEPT_FOR: Duration = Duration::from_secs(30);

/// What a session has still to be told.
pub(super) type Mail = UnboundedReceiver<Value>;

/// All sessions.
pub(in crate::demo) struct Hub {
    sessions: Mutex<BTreeMap<String, Session>>,
    /// Whether the server can be reached.
    on: watch::Sender<bool>,
    kept_for: watch::Sender<Duration>,
}

struct Session {
    post: UnboundedSender<Value>,
    /// Where it has no connection.
    waiting: Option<Mail>,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            sessions: Mutex::default(),
            on: watch::Sender::new(true),
            kept_for: watch::Sender::new(KEPT_FOR),
        }
    }
}

impl Hub {
    /// Nobody reaches the server, or everybody does again.
    pub(in crate::demo) fn switch(&self, on: bool) {
        self.on.send_replace(on);
    }

    /// Every session is forgotten, as by a restart.
    pub(in crate::demo) fn forget_all(&self) {
        self.sessions().clear();
    }

    /// From now on a session without a connection is kept for so long.
    pub(in crate::demo) fn keep_for(&self, long: Duration) {
        self.kept_for.send_replace(long);
    }

    /// For how long a session without a connection is kept.
    pub(in crate::demo) fn kept_for(&self) -> Duration {
        *self.kept_for.borrow()
    }

    /// Tells a session something.
    pub(in crate::demo) fn tell(&self, session: &str, message: Value) {
        if let Some(session) = self.sessions().get(session) {
            // A connection that is just ending does not hear it any more.
            drop(session.post.send(message));
        }
    }

    pub(super) fn power(&self) -> watch::Receiver<bool> {
        self.on.subscribe()
    }

    /// A new session.
    pub(super) fn enter(&self, session: &str) -> Mail {
        let (post, mail) = unbounded_channel();
        self.sessions().insert(session.to_owned(), Session { post, waiting: None });
        mail
    }

    /// The connection of a session was cut.
    pub(super) fn lay_by(&self, session: &str, mail: Mail) {
        if let Some(session) = self.sessions().get_mut(session) {
            session.waiting = Some(mail);
        }
    }

    /// The session is back, if it is still known.
    pub(super) fn take_up(&self, session: &str) -> Option<Mail> {
        self.sessions().get_mut(session)?.waiting.take()
    }

    /// The session said goodbye.
    pub(super) fn end(&self, session: &str) {
        self.sessions().remove(session);
    }

    /// Forgets a session, unless it has a connection. Says whether it was there to be forgotten.
    pub(super) fn forget(&self, session: &str) -> bool {
        let mut sessions = self.sessions();
        let waits = sessions.get(session).is_some_and(|session| session.waiting.is_some());
        waits && sessions.remove(session).is_some()
    }

    fn sessions(&self) -> MutexGuard<'_, BTreeMap<String, Session>> {
        // No code that holds the lock can panic half-way through a change.
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
