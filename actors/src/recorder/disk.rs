//! The drawer of a recorder, asked on the blocking pool: a few questions at a time, so that a disk that hangs takes no
//! more threads than these, and holds up its own backend alone.

use std::sync::Arc;

use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::spool::{Drawer, SpoolError};

/// Questions at a time.
const TURNS: usize = 8;

/// A drawer and the turns of those who ask.
#[derive(Clone)]
pub(super) struct Disk {
    drawer: Drawer,
    turns: Arc<Semaphore>,
}

impl Disk {
    pub(super) fn new(drawer: Drawer) -> Self {
        Self { drawer, turns: Arc::new(Semaphore::new(TURNS)) }
    }

    /// The drawer itself, for what needs no disk.
    pub(super) fn drawer(&self) -> &Drawer {
        &self.drawer
    }

    /// Asks the drawer. An error is a sentence.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Drawer) -> Result<T, SpoolError> + Send + 'static,
    ) -> Result<T, String> {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let drawer = self.drawer.clone();
        let asked = spawn_blocking(move || {
            // Given back by the thread: whoever asked may be gone by then.
            let _turn = turn;
            question(&drawer)
        });
        asked.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }
}
