//! What becomes of each recording, and what the metrics must say in the end. Pure.

use actors::{
    ids::{BackendId, RoomToken},
    recording::{Actor, Kind, Order},
    synthetic::{Fate, Plan, owner_of},
};

use super::Options;

/// The story of a run.
#[derive(Debug, Clone)]
pub(super) struct Script {
    /// What the engine is told.
    pub(super) plan: Plan,
    backends: u64,
    rooms: u64,
}

/// What the five families must say of a backend.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Counts {
    pub(super) current: f64,
    pub(super) total: f64,
    pub(super) failed: f64,
    pub(super) uploads_failed: f64,
    pub(super) seconds: f64,
}

/// What the Nextcloud of a recording hears and gets before it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Course {
    /// `started` is told, and a stop is awaited.
    pub(super) is_stopped: bool,
    /// A file is handed over.
    pub(super) has_file: bool,
}

impl Script {
    pub(super) fn new(options: &Options) -> Self {
        Self { plan: options.plan, backends: options.backends.max(1), rooms: options.rooms.max(1) }
    }

    /// The names of the backends.
    pub(super) fn backends(&self) -> impl Iterator<Item = String> {
        (0..self.backends).map(backend_name)
    }

    /// The position of a recording's backend.
    pub(super) fn backend_of(&self, number: u64) -> u64 {
        number % self.backends
    }

    /// The position of a recording's room.
    pub(super) fn room_of(&self, number: u64) -> u64 {
        number % self.rooms
    }

    /// The backend of a recording.
    pub(super) fn backend_id(&self, number: u64) -> anyhow::Result<BackendId> {
        Ok(backend_name(self.backend_of(number)).parse()?)
    }

    /// What a Nextcloud at this address orders.
    pub(super) fn order(&self, number: u64, nextcloud: String) -> anyhow::Result<Order> {
        Ok(Order {
            nextcloud,
            room: room_token(self.room_of(number))?,
            kind: Kind::Video,
            owner: owner_of(number),
            actor: moderator(),
        })
    }

    /// What a recording goes through.
    pub(super) fn course(&self, number: u64) -> Course {
        let fate = self.plan.fate(number);
        Course { is_stopped: fate == Fate::Records, has_file: fate != Fate::FailsToStart }
    }

    /// What the metrics must say of each backend once this many recordings are over.
    pub(super) fn counts(&self, recordings: u64) -> Vec<(String, Counts)> {
        let mut counts: Vec<(String, Counts)> =
            self.backends().map(|name| (name, Counts::default())).collect();
        for number in 0..recordings {
            let position = usize::try_from(self.backend_of(number)).unwrap_or_default();
            let Some((_, counts)) = counts.get_mut(position) else { continue };
            counts.total += 1.0;
            if self.plan.fate(number) == Fate::Records {
                counts.seconds += self.plan.seconds(number);
                counts.uploads_failed += f64::from(u8::from(self.plan.refuses(number)));
            } else {
                counts.failed += 1.0;
            }
        }
        counts
    }
}

/// Who presses the buttons.
pub(super) fn moderator() -> Actor {
    Actor { kind: "users".to_owned(), id: "moderator".to_owned() }
}

fn backend_name(position: u64) -> String {
    format!("backend-{position}")
}

fn room_token(position: u64) -> anyhow::Result<RoomToken> {
    Ok(format!("room{position}").parse()?)
}

/// The position of a room, by its token.
pub(super) fn room_position(token: &str) -> Option<u64> {
    token.strip_prefix("room")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::churn::default_plan;

    fn script() -> Script {
        Script { plan: default_plan(), backends: 3, rooms: 7 }
    }

    #[test]
    fn every_recording_counts_in_one_backend_and_is_failed_or_has_a_length() {
        let counts = script().counts(10_000);
        let total: f64 = counts.iter().map(|(_, counts)| counts.total).sum();
        assert!((total - 10_000.0).abs() < f64::EPSILON, "{total}");
        for (name, counts) in counts {
            assert!(counts.failed > 0.0 && counts.failed < counts.total / 10.0, "{name}: {counts:?}");
            assert!(counts.uploads_failed > 0.0 && counts.seconds > counts.total, "{name}: {counts:?}");
        }
    }

    #[test]
    fn a_room_is_found_again_by_its_token() {
        let order = script().order(9, "http://127.0.0.1".to_owned()).unwrap();
        assert_eq!(room_position(order.room.as_str()), Some(2));
        assert_eq!(room_position("elsewhere"), None);
    }
}
