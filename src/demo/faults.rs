//! What shall go wrong: for each door of the demo cloud a queue of faults, one of which each request takes.
//! A door without faults is honest.

use std::{
    any::Any,
    collections::{HashMap, VecDeque},
    net::{Shutdown, TcpStream},
    os::fd::AsFd,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use actix_web::{dev::Extensions, rt::net};

/// Where the recorder and its browser come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Door {
    /// The recording page.
    Page,
    /// The signaling settings, asked for by the page.
    Settings,
    /// Notices: started, stopped, failed.
    Notice,
    /// The upload in one piece.
    Store,
    /// The request for a share to upload to in chunks.
    RequestUpload,
    /// A new upload directory (MKCOL).
    MakeDirectory,
    /// A chunk (PUT).
    Chunk,
    /// Whether a chunk is there (HEAD).
    Look,
    /// Removing a chunk or an upload directory (DELETE).
    Remove,
    /// Joining the chunks to a file (MOVE).
    Join,
    /// The file that was uploaded in chunks is handed in.
    HandIn,
}

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The request is read and refused with this status; nothing is done.
    Status(u16),
    /// The same, with the wish to be left alone for so many seconds.
    Busy(u16, u64),
    /// The request is served this much later.
    Delay(Duration),
    /// The connection breaks before anything is done.
    Drop,
    /// The connection breaks when half of the request's body has come; nothing is done.
    BreakHalfway,
    /// The connection breaks when the whole body has come; nothing is done.
    BreakAtEnd,
    /// What was asked is done, then the connection breaks: the answer gets lost.
    LoseAnswer,
    /// Nothing happens for this long, then the connection breaks.
    Hang(Duration),
}

/// The faults to come, by door.
#[derive(Debug, Default)]
pub struct Faults {
    queues: Mutex<HashMap<Door, VecDeque<Fault>>>,
}

impl Faults {
    /// Adds faults to those that a door has still to come.
    pub fn script(&self, door: Door, faults: impl IntoIterator<Item = Fault>) {
        self.queues().entry(door).or_default().extend(faults);
    }

    /// From now on every door is honest.
    pub fn clear(&self) {
        self.queues().clear();
    }

    /// How many faults a door has still to come.
    pub fn left(&self, door: Door) -> usize {
        self.queues().get(&door).map_or(0, VecDeque::len)
    }

    pub(super) fn take(&self, door: Door) -> Option<Fault> {
        self.queues().get_mut(&door)?.pop_front()
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<Door, VecDeque<Fault>>> {
        // No code that holds the lock can panic half-way through a change.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A second hold on a connection, by which a fault breaks it.
pub(super) struct Line(TcpStream);

impl Line {
    /// Keeps a hold on a new connection beside it.
    pub(super) fn remember(connection: &dyn Any, extensions: &mut Extensions) {
        let Some(stream) = connection.downcast_ref::<net::TcpStream>() else {
            return;
        };
        match stream.as_fd().try_clone_to_owned() {
            Ok(line) => drop(extensions.insert(Self(line.into()))),
            Err(error) => log::warn!(error:% = error; "faults cannot break this connection"),
        }
    }

    /// Breaks the connection in both directions.
    pub(super) fn break_off(&self) {
        // An error means that the other side was faster.
        drop(self.0.shutdown(Shutdown::Both));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_takes_one_fault_of_its_own_door() {
        let faults = Faults::default();
        faults.script(Door::Store, vec![Fault::Status(500); 2]);
        faults.script(Door::Store, [Fault::Drop]);
        assert_eq!(faults.take(Door::Notice), None);
        assert_eq!(faults.take(Door::Store), Some(Fault::Status(500)));
        assert_eq!(faults.left(Door::Store), 2);
        assert_eq!(faults.take(Door::Store), Some(Fault::Status(500)));
        assert_eq!(faults.take(Door::Store), Some(Fault::Drop));
        assert_eq!(faults.take(Door::Store), None);
        faults.script(Door::Store, [Fault::Drop]);
        faults.clear();
        assert_eq!(faults.take(Door::Store), None);
    }
}
