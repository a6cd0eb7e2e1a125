//! The participants of a call: they join and leave it, are lost, end it or delete its room; and the signaling server
//! that tells of it fails. What each of them looks like is as it was seen on a real server.

use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use super::{
    cloud::{Cloud, Inside},
    press::PressError,
    signaling::messages,
    state::{Session, State},
};

/// What becomes of the signaling server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// It cannot be reached; it goes on by itself.
    Network,
    /// It ends, and its sessions with it.
    Restart,
}

impl Cloud {
    /// Somebody joins the call.
    pub fn join_call(&self, room: &str, user: &str) {
        self.inside.tell_room(room, &messages::users_joined(&[user.to_owned()]));
        self.callers(room, |callers| callers.push(user.to_owned()));
        self.inside.tell_participants(room, None);
    }

    /// Somebody leaves the call. With the last one it is over, and its recording is stopped by nobody in particular.
    ///
    /// # Errors
    /// As [`press_stop`](Self::press_stop).
    pub async fn leave_call(&self, room: &str, user: &str) -> Result<(), PressError> {
        let left = self.callers(room, |callers| callers.retain(|caller| caller != user));
        self.inside.tell_participants(room, Some(user));
        if left == 0 { self.stop_by_nobody(room).await } else { Ok(()) }
    }

    /// Somebody's connection is cut for good. The signaling server waits for its return, then everybody is told; but
    /// nobody is told who is still in the call when nobody is.
    ///
    /// # Errors
    /// As [`press_stop`](Self::press_stop).
    pub async fn vanish(&self, room: &str, user: &str) -> Result<(), PressError> {
        sleep(self.inside.hub.kept_for()).await;
        let left = self.callers(room, |callers| callers.retain(|caller| caller != user));
        self.inside.tell_room(room, &messages::left(&messages::session_of_user(user)));
        if left == 0 {
            return self.stop_by_nobody(room).await;
        }
        self.inside.tell_participants(room, None);
        Ok(())
    }

    /// The call ends for everyone, and nobody in particular stops its recording.
    ///
    /// # Errors
    /// As [`press_stop`](Self::press_stop).
    pub async fn end_call(&self, room: &str) -> Result<(), PressError> {
        self.callers(room, Vec::clear);
        self.inside.tell_room(room, &messages::call_over(room));
        self.stop_by_nobody(room).await
    }

    /// Removes a room, as its owner may do in the middle of a call. The recorder is not told.
    pub fn delete_room(&self, room: &str) {
        self.change(|state| drop(state.rooms.remove(room)));
        for message in messages::room_deleted() {
            self.inside.tell_room(room, &message);
        }
        self.change(|state| state.leave_all(|session| session.room == room));
    }

    /// Every connection to the signaling server breaks, and nobody can connect.
    pub fn cut_signaling(&self, outage: Outage) {
        self.inside.hub.switch(false);
        if outage == Outage::Restart {
            self.inside.hub.forget_all();
            self.change(|state| state.leave_all(|_| true));
        }
    }

    /// The signaling server can be reached again.
    pub fn mend_signaling(&self) {
        self.inside.hub.switch(true);
    }

    /// How long the signaling server keeps a session whose connection was cut; half a minute, if nothing else is said.
    pub fn keep_sessions_for(&self, long: Duration) {
        self.inside.hub.keep_for(long);
    }

    /// Changes who is in the call and says how many are.
    fn callers(&self, room: &str, change: impl FnOnce(&mut Vec<String>)) -> usize {
        let mut left = 0;
        self.change(|state| {
            if let Some(room) = state.rooms.get_mut(room) {
                change(&mut room.callers);
                left = room.callers.len();
            }
        });
        left
    }
}

impl Inside {
    /// Tells every session in a room.
    pub(super) fn tell_room(&self, room: &str, message: &Value) {
        for session in self.state.borrow().sessions_in(room) {
            self.hub.tell(&session.id, message.clone());
        }
    }

    /// Tells every session in a room who is in the call.
    pub(super) fn tell_participants(&self, room: &str, leaver: Option<&str>) {
        let message = {
            let state = self.state.borrow();
            let callers = state.rooms.get(room).map(|room| room.callers.as_slice()).unwrap_or_default();
            messages::participants(room, callers, &state.sessions_in(room), leaver)
        };
        self.tell_room(room, &message);
    }

    /// The room that a session is in.
    pub(super) fn room_of(&self, session: &str) -> Option<String> {
        let state = self.state.borrow();
        let found = state.sessions.iter().find(|other| other.present && other.id == session);
        found.map(|session| session.room.clone())
    }

    /// Changes a session that is in a room, and says in which one.
    pub(super) fn change_session(&self, session: &str, change: impl FnOnce(&mut Session)) -> Option<String> {
        let mut room = None;
        self.state.send_modify(|state: &mut State| {
            let mut sessions = state.sessions.iter_mut();
            if let Some(session) = sessions.find(|other| other.present && other.id == session) {
                change(session);
                room = Some(session.room.clone());
            }
        });
        room
    }

    /// A session leaves its room, if it is in one.
    pub(super) fn leave(&self, session: &str) {
        let room = self.change_session(session, |session| session.present = false);
        if let Some(room) = room {
            self.tell_room(&room, &messages::left(session));
            self.tell_participants(&room, None);
        }
    }
}
