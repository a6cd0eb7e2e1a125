//! Watches the room of one recording for as long as it lasts, over as many connections as that takes.
//!
//! - It ends a recording only by what it was told: a room that is deleted, or a call that is seen to be empty. While
//!   nobody can be asked, the recording goes on.
//! - A refusal that only an operator can mend is final before the room was ever watched, and tried again rarely
//!   afterwards: ten of them block every internal client of this address, recording pages too, for half an hour.

use std::{future::pending, time::Duration};

use actors::{ports::Job, recording::EndReason};
use reqwest::Client;
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    refusal::NotWatched,
    room::Room,
    session::{Door, Session, Ticket},
    settings,
    socket::Lost,
    vacancy::Vacancy,
};
use crate::config::{BackendSettings, Config};

/// The pause before the first new try; it doubles.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// The pause while the server listens to nobody of this address.
const PAUSE_WHILE_BLOCKED: Duration = Duration::from_mins(10);

/// The longest pause after a refusal that only an operator can mend.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_hours(1);

/// The watch over one room.
pub(super) struct Watcher<'a> {
    job: &'a Job,
    config: &'a Config,
    backend: &'a BackendSettings,
    client: &'a Client,
    room: Room,
    vacancy: Vacancy,
    session: Option<Session>,
    ticket: Option<Ticket>,
    /// Whether it ever was in the room.
    was_watched: bool,
    /// Whether the log was told that nobody watches.
    unwatched: bool,
}

impl<'a> Watcher<'a> {
    /// A watch that has not begun.
    pub(super) fn new(
        job: &'a Job,
        config: &'a Config,
        backend: &'a BackendSettings,
        client: &'a Client,
    ) -> Self {
        let vacancy = Vacancy::new(config.limits.empty_call);
        Self {
            job,
            config,
            backend,
            client,
            room: Room::default(),
            vacancy,
            session: None,
            ticket: None,
            was_watched: false,
            unwatched: false,
        }
    }

    /// One try to be in the room.
    ///
    /// # Errors
    /// Why it is not watched.
    pub(super) async fn contact(&mut self) -> Result<(), NotWatched> {
        if let Some(ticket) = self.ticket.as_ref().filter(|ticket| ticket.is_good())
            && let Some(session) = Session::resume(self.client, ticket, &mut self.room).await?
        {
            self.vacancy.go_on(Instant::now());
            self.session = Some(session);
            return Ok(());
        }
        self.ticket = None;
        self.room = Room::default();
        let order = &self.job.order;
        let server = settings::server_of(self.client, order, &self.backend.secret).await?;
        let Some(secret) = self.config.signaling.secret_for(&server) else {
            return Err(NotWatched::ForGood(format!(
                "there is no internal secret for the signaling server {server}: set [signaling] internalsecret, or \
                 give the server a section of its own"
            )));
        };
        let door = Door { server: &server, secret, nextcloud: &order.nextcloud };
        let session = Session::begin(self.client, &door, order.room.as_str(), &mut self.room).await?;
        self.vacancy.begin(Instant::now());
        self.session = Some(session);
        self.was_watched = true;
        Ok(())
    }

    /// Watches until the recording should end, and says why. `None` if the room cannot be watched at all.
    pub(super) async fn verdict(&mut self) -> Option<EndReason> {
        let mut failures: u32 = 0;
        loop {
            if let Some(session) = &mut self.session {
                let begun = Instant::now();
                match listen(session, &mut self.room, &mut self.vacancy).await {
                    Ok(why) => return Some(why),
                    Err(lost) => self.lose(&lost),
                }
                // A server that throws everybody out at once is not asked every second.
                failures = if begun.elapsed() > LONGEST_PAUSE { 0 } else { failures + 1 };
            }
            sleep(pause_after(failures, fastrand::f64())).await;
            match self.contact().await {
                Ok(()) => self.tell_watched(),
                Err(NotWatched::RoomUnknown(_)) => return Some(EndReason::RoomDeleted),
                Err(why @ NotWatched::ForGood(_)) if self.was_watched => {
                    let pause = spread(PAUSE_AFTER_REFUSAL, fastrand::f64());
                    self.tell_refused(&why, pause);
                    sleep(pause).await;
                }
                Err(why @ NotWatched::ForGood(_)) => {
                    self.tell_never_watched(&why);
                    return None;
                }
                Err(why @ NotWatched::Blocked(_)) => {
                    self.tell_unwatched(&why);
                    sleep(PAUSE_WHILE_BLOCKED).await;
                }
                Err(why @ NotWatched::ForNow(_)) => {
                    self.tell_unwatched(&why);
                    failures += 1;
                }
            }
        }
    }

    /// Leaves the room.
    pub(super) async fn leave(&mut self) {
        if let Some(session) = self.session.take() {
            session.leave().await;
        }
    }

    /// Tells the log that nobody watches for now; once, however long it lasts.
    pub(super) fn tell_unwatched(&mut self, why: &NotWatched) {
        if self.unwatched {
            return;
        }
        self.unwatched = true;
        let Job { id, backend, order, .. } = self.job;
        log::warn!(backend:%, room:% = order.room, recording:% = id, reason:% = why;
            "the room is not watched for now, the recording goes on");
    }

    /// Tells the log of each refusal: somebody must do something about it.
    fn tell_refused(&mut self, why: &NotWatched, pause: Duration) {
        self.unwatched = true;
        let Job { id, backend, order, .. } = self.job;
        log::error!(backend:%, room:% = order.room, recording:% = id, next_try_seconds = pause.as_secs(), reason:% = why;
            "the room cannot be watched any more, the recording goes on and it is tried again");
    }

    fn tell_watched(&mut self) {
        if !self.unwatched {
            return;
        }
        self.unwatched = false;
        let Job { id, backend, order, .. } = self.job;
        log::info!(backend:%, room:% = order.room, recording:% = id; "the room is watched again");
    }

    fn tell_never_watched(&self, why: &NotWatched) {
        let Job { id, backend, order, .. } = self.job;
        log::error!(backend:%, room:% = order.room, recording:% = id, reason:% = why;
            "the room cannot be watched, the recording goes on until it is stopped");
    }

    fn lose(&mut self, lost: &Lost) {
        let Job { id, backend, order, .. } = self.job;
        log::debug!(backend:%, room:% = order.room, recording:% = id, reason:% = lost;
            "connection to the signaling server lost");
        self.ticket = self.session.take().map(Session::into_ticket);
    }
}

/// Follows a room until it is gone, or its call was empty for long enough.
async fn listen(session: &mut Session, room: &mut Room, vacancy: &mut Vacancy) -> Result<EndReason, Lost> {
    loop {
        if room.is_deleted() {
            return Ok(EndReason::RoomDeleted);
        }
        vacancy.note(room.is_anybody_in_call(), Instant::now());
        tokio::select! {
            biased;
            message = session.next() => room.hear(&message?.said),
            () = reach(vacancy.over_at()) => return Ok(EndReason::CallEmpty),
        }
    }
}

async fn reach(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => pending().await,
    }
}

/// From half of a bound up to it, which doubles with every failure. `lot` is a number from 0 to 1.
fn pause_after(failures: u32, lot: f64) -> Duration {
    let bound = SHORTEST_PAUSE.saturating_mul(2_u32.saturating_pow(failures)).min(LONGEST_PAUSE);
    spread(bound, lot)
}

/// From half of a bound up to it.
fn spread(bound: Duration, lot: f64) -> Duration {
    bound.mul_f64(0.5 + lot / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_try_after_a_cut_is_soon_and_later_ones_spread_out() {
        assert_eq!(pause_after(0, 0.0), SHORTEST_PAUSE / 2);
        assert_eq!(pause_after(0, 1.0), SHORTEST_PAUSE);
        assert_eq!(pause_after(3, 1.0), 8 * SHORTEST_PAUSE);
        assert_eq!(pause_after(100, 0.0), LONGEST_PAUSE / 2);
        assert_eq!(pause_after(u32::MAX, 1.0), LONGEST_PAUSE);
    }
}
