//! What the Nextcloud of a churn heard and got of each recording under way, and when one is over.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use super::script::{Course, Script};

/// Tries that are refused where the script refuses an upload: the whole first round.
const REFUSED_TRIES: u32 = 3;

/// The recordings under way, by the position of their room: a room has one at a time.
#[derive(Debug)]
pub(super) struct Ledger {
    script: Script,
    open: Mutex<HashMap<u64, Entry>>,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    course: Course,
    tries: u32,
    told_end: bool,
    stored: bool,
    progress: watch::Sender<Progress>,
}

/// How far a recording is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Progress {
    /// It was ordered.
    Ordered,
    /// `started` was told.
    Started,
    /// Nothing more will come of it.
    Over,
}

/// What was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Started,
    End,
}

impl Ledger {
    pub(super) fn new(script: Script) -> Self {
        Self { script, open: Mutex::default() }
    }

    /// Opens an entry, which must not be open yet.
    pub(super) fn open(&self, number: u64) -> watch::Receiver<Progress> {
        let (progress, receiver) = watch::channel(Progress::Ordered);
        let course = self.script.course(number);
        let entry = Entry { number, course, tries: 0, told_end: false, stored: false, progress };
        self.entries().insert(self.script.room_of(number), entry);
        receiver
    }

    /// A notice about the recording of a room.
    pub(super) fn tell(&self, room: u64, told: Told) {
        self.change(room, |entry| match told {
            Told::Started => drop(entry.progress.send_replace(Progress::Started)),
            Told::End => entry.told_end = true,
        });
    }

    /// A file of the recording of a room; whether it is taken.
    pub(super) fn store(&self, room: u64) -> bool {
        let plan = self.script.plan;
        self.change(room, |entry| {
            entry.tries += 1;
            entry.stored = !plan.refuses(entry.number) || entry.tries > REFUSED_TRIES;
            entry.stored
        })
        .unwrap_or(true)
    }

    /// Changes an entry, and closes it if it is over.
    fn change<T>(&self, room: u64, change: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        let mut entries = self.entries();
        let entry = entries.get_mut(&room)?;
        let outcome = change(entry);
        if entry.told_end && (entry.stored || !entry.course.has_file) {
            entry.progress.send_replace(Progress::Over);
            entries.remove(&room);
        }
        Some(outcome)
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<u64, Entry>> {
        // No code that holds the lock can panic half-way through a change.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
