//! Which recording belongs to a room's requests: the rules for start and stop.
//!
//! A room has at most one recording that is starting or running; older ones may still be stopping or
//! uploading.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

use actix::Context;
use jiff::{Timestamp, Zoned};
use tokio::{sync::oneshot, time::Instant};

use super::{Recorder, StartError, Take};
use crate::{
    ids::{RecordingId, RoomToken},
    recording::{Order, Phase, Recording, Rejection},
};

/// How long a repeated stop of a room is answered with success. Nextcloud repeats a stop whose answer was
/// lost within 90 seconds, and takes "unknown" for a failed recording.
const REMEMBERED: Duration = Duration::from_secs(90);

/// Recordings that ended lately, the oldest first. Of each only hashes are kept, since there may be very many.
#[derive(Default)]
pub(super) struct RecentlyEnded {
    hashes: RandomState,
    ended: VecDeque<Ended>,
}

struct Ended {
    room: u64,
    /// Of the room and the title together.
    title: u64,
    at: Instant,
}

impl RecentlyEnded {
    pub(super) fn note(&mut self, room: &RoomToken, title: &str) {
        let now = Instant::now();
        while self.ended.front().is_some_and(|oldest| now - oldest.at >= REMEMBERED) {
            self.ended.pop_front();
        }
        let (room, title) = (self.hashes.hash_one(room), self.hashes.hash_one((room, title)));
        self.ended.push_back(Ended { room, title, at: now });
    }

    pub(super) fn contains(&self, room: &RoomToken) -> bool {
        let room = self.hashes.hash_one(room);
        self.ended.iter().any(|ended| ended.room == room && ended.at.elapsed() < REMEMBERED)
    }

    fn has_title(&self, room: &RoomToken, title: &str) -> bool {
        let title = self.hashes.hash_one((room, title));
        self.ended.iter().any(|ended| ended.title == title)
    }
}

impl Recorder {
    pub(super) fn start_or_join(
        &mut self,
        order: Order,
        answer: oneshot::Sender<Result<RecordingId, StartError>>,
        ctx: &mut Context<Self>,
    ) {
        if let Some(take) = self.running_in(&order.room).and_then(|id| self.takes.get_mut(&id)) {
            log::info!(backend:% = self.backend, room:% = order.room, recording:% = take.recording.id;
                "already recording, repeated start ignored");
            if take.starts.is_empty() {
                drop(answer.send(Ok(take.recording.id)));
            } else {
                take.starts.push(answer);
            }
            return;
        }
        let title = self.free_title(&order.room);
        let step = Recording::accepted(RecordingId::random(), order, title, Timestamp::now());
        let id = step.next.id;
        let mut take = Take::new(self.next_number(), step.next.clone(), self.world.limits);
        take.starts.push(answer);
        let forbidden = self.forbid_another(id);
        if forbidden.is_none() {
            take.slot = Arc::clone(&self.world.slots).try_acquire_owned().ok();
        }
        let forbidden = forbidden.or_else(|| take.slot.is_none().then_some(Rejection::Full));
        self.takes.insert(id, take);
        self.admit(step, forbidden, ctx);
        self.look_soon(ctx);
    }

    /// The recording that a stop of this room would end.
    pub(super) fn running_in(&self, room: &RoomToken) -> Option<RecordingId> {
        let running = |take: &&Take| {
            let running = matches!(take.recording.phase, Phase::Starting | Phase::Recording);
            running && !take.stop_asked && take.recording.order.room == *room
        };
        self.takes.values().find(running).map(|take| take.recording.id)
    }

    /// Whether a recording of this room is on its way out.
    pub(super) fn is_ending_in(&self, room: &RoomToken) -> bool {
        self.takes.values().any(|take| {
            let ending = match take.recording.phase {
                Phase::Starting | Phase::Recording => take.stop_asked,
                Phase::Stopping | Phase::Salvaging => true,
                Phase::Uploading => take.recording.rounds_failed == 0,
                Phase::Parked { .. } | Phase::Closed(_) => false,
            };
            ending && take.recording.order.room == *room
        })
    }

    /// Whether a younger recording of the same room is under way.
    pub(super) fn is_superseded(&self, older: &Take) -> bool {
        self.takes.values().any(|take| {
            take.recording.order.room == older.recording.order.room
                && take.recording.phase.is_live()
                && take.number > older.number
        })
    }

    /// The title of a new recording: date and time, and a number where the room has that title already.
    /// Nextcloud would replace the older file.
    fn free_title(&self, room: &RoomToken) -> String {
        let base = Zoned::now().strftime("Recording %Y-%m-%d %H-%M-%S").to_string();
        let taken = |title: &str| {
            let in_use = |take: &Take| take.recording.order.room == *room && take.recording.title == title;
            self.takes.values().any(in_use) || self.recently_ended.has_title(room, title)
        };
        let mut title = base.clone();
        let mut number = 2;
        while taken(&title) {
            title = format!("{base} {number}");
            number += 1;
        }
        title
    }
}
