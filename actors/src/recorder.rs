//! The actor [`Recorder`]: owns the recordings of one backend.
//!
//! Every change of a recording goes through one function, `advance`:
//!
//! ```text
//! event → Recording::on (policy, pure) → journal → log, report → effects → next event
//! ```
//!
//! What always holds:
//! - a recording has one save under way at most; events that come meanwhile wait for it;
//! - nothing is done, told or counted that is not in the journal, unless the disk refuses the journal: then a
//!   start is refused, and a later change goes on with an error in the log;
//! - everything that a recording set in motion is a future of this actor and ends with it. The next
//!   recorder finds the recording in the journal.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use actix::{
    Actor as ActixActor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Message,
    ResponseFuture, SpawnHandle, WrapFuture,
};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot, watch},
    time::Instant,
};

use crate::{
    ids::{BackendId, RecordingId, RoomToken},
    metrics::{News, Reported, Standing},
    ports::{Backend, Engine},
    recording::{Actor, EndReason, Event, Order, Recording},
    spool::{Contents, Drawer, Entry},
};

mod advance;
mod cues;
mod disk;
mod effects;
mod limits;
mod narration;
mod orders;
mod refit;
mod rooms;
mod salvage;
mod telling;
mod uploading;

use disk::Disk;
pub use limits::Limits;
pub use orders::{Discard, NotWaiting, Retry};
pub use refit::Refit;
use telling::Telling;
use uploading::Door;

/// What a recorder works with.
#[derive(Clone)]
pub struct World {
    /// Makes the recordings.
    pub engine: Arc<dyn Engine>,
    /// The Nextcloud.
    pub backend: Arc<dyn Backend>,
    /// Where the recordings lie.
    pub drawer: Drawer,
    /// Who counts.
    pub metrics: actix::Recipient<Reported>,
    /// What this backend's recordings may take.
    pub limits: Limits,
    /// A permit for each call that the server may record at a time, shared by all backends.
    pub slots: Arc<Semaphore>,
}

/// Owns the recordings of one backend.
pub struct Recorder {
    backend: BackendId,
    world: World,
    disk: Disk,
    takes: HashMap<RecordingId, Take>,
    recently_ended: rooms::RecentlyEnded,
    /// Counts recordings and tellings, so that older and newer ones can be told apart.
    counter: u64,
    draining: bool,
    drained: Vec<oneshot::Sender<Vec<RecordingState>>>,
    /// Where files are handed over.
    door: watch::Sender<Door>,
    /// Files are made whole one at a time.
    salvages: Arc<Semaphore>,
    /// A look at the disk and the clock is due.
    looking: bool,
    /// The last look at the disk was in vain.
    is_blind: bool,
    /// Tells the supervisor, when it is dropped, that this recorder is gone.
    _obituary: Box<dyn Send>,
}

/// A recording and what is going on with it at the moment.
struct Take {
    /// A younger recording has a higher one.
    number: u64,
    recording: Recording,
    /// Events that wait for the save under way.
    queue: VecDeque<Event>,
    saving: bool,
    /// A stop is on its way through the queue: the room is free for the next recording.
    stop_asked: bool,
    /// Callers whose start waits for the first save.
    starts: Vec<oneshot::Sender<Result<RecordingId, StartError>>>,
    /// Becomes true when the engine shall end.
    stop: watch::Sender<bool>,
    accepted: Instant,
    telling: Option<Telling>,
    /// What it may take, as it was when the recording was begun.
    limits: Limits,
    /// Held as long as the engine is at work.
    slot: Option<OwnedSemaphorePermit>,
    /// Lets a round of upload tries that waits begin.
    hurry: Arc<Notify>,
    /// The round that waits or is under way.
    round: Option<SpawnHandle>,
}

impl Take {
    fn new(number: u64, recording: Recording, limits: Limits) -> Self {
        Self {
            number,
            recording,
            queue: VecDeque::new(),
            saving: false,
            stop_asked: false,
            starts: Vec::new(),
            stop: watch::Sender::new(false),
            accepted: Instant::now(),
            telling: None,
            limits,
            slot: None,
            hurry: Arc::default(),
            round: None,
        }
    }
}

impl Recorder {
    /// A recorder that first takes up what lies in the spool. `obituary` is dropped with it.
    pub fn new(backend: BackendId, world: World, draining: bool, obituary: Box<dyn Send>) -> Self {
        let turns = Arc::new(Semaphore::new(world.limits.uploads));
        let door = watch::Sender::new(Door { backend: Arc::clone(&world.backend), turns });
        let disk = Disk::new(world.drawer.clone());
        Self {
            backend,
            world,
            disk,
            takes: HashMap::new(),
            recently_ended: rooms::RecentlyEnded::default(),
            counter: 0,
            draining,
            drained: Vec::new(),
            door,
            salvages: Arc::new(Semaphore::new(1)),
            looking: false,
            is_blind: false,
            _obituary: obituary,
        }
    }

    fn next_number(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    fn take_up(&mut self, contents: Contents, ctx: &mut Context<Self>) {
        for reason in contents.unreadable {
            log::error!(backend:% = self.backend, reason; "unreadable entry in the spool, it is left alone");
        }
        let standing = |entry: &Entry| Some((entry.recording.id, Standing::of(&entry.recording)?));
        let recordings = contents.entries.iter().filter_map(standing).collect();
        self.report(News::RecorderBegins { recordings });
        for Entry { recording, media, touched_at } in contents.entries {
            let id = recording.id;
            let number = self.next_number();
            self.takes.insert(id, Take::new(number, recording, self.world.limits));
            self.advance(id, Event::Recovered { media: media.is_some(), cut_at: touched_at }, ctx);
        }
        self.look_soon(ctx);
    }

    /// Answers whoever waits for the recorder to have nothing left that a shutdown should wait for.
    fn answer_drain(&mut self) {
        if self.draining && self.takes.values().all(Take::can_wait_for_the_next_start) {
            let states: Vec<_> = self.states();
            self.drained.drain(..).for_each(|waiting| drop(waiting.send(states.clone())));
        }
    }

    fn states(&self) -> Vec<RecordingState> {
        self.takes.values().map(|take| RecordingState::of(&self.backend, take)).collect()
    }
}

impl ActixActor for Recorder {
    type Context = Context<Self>;

    /// Takes the drawer over and reads the journal, before the first message. A recorder that cannot read it
    /// ends, and is made again.
    fn started(&mut self, ctx: &mut Context<Self>) {
        let disk = self.disk.clone();
        let reading = async move {
            disk.ask(|drawer| {
                let drawer = drawer.successor();
                drawer.contents().map(|contents| (drawer, contents))
            })
            .await
        };
        ctx.wait(reading.into_actor(self).map(|read, recorder, ctx| match read {
            Ok((drawer, contents)) => {
                recorder.disk = Disk::new(drawer);
                recorder.take_up(contents, ctx);
            }
            Err(error) => {
                log::error!(backend:% = recorder.backend, error; "spool not readable, it will be tried again");
                ctx.stop();
            }
        }));
    }
}

/// The recorder broke off before the start was written down.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the recorder of this backend broke off")]
pub struct StartError;

/// Asks for a recording. Answered once it is journalled; a room that is being recorded already keeps its
/// recording. One for which there is no room is accepted too, and Nextcloud is told that it failed: an error would
/// show the moderator nothing useful.
#[derive(Debug, Message)]
#[rtype(result = "Result<RecordingId, StartError>")]
pub struct Start(pub Order);

impl Handler<Start> for Recorder {
    type Result = ResponseFuture<Result<RecordingId, StartError>>;

    fn handle(&mut self, Start(order): Start, ctx: &mut Context<Self>) -> Self::Result {
        let (sender, receiver) = oneshot::channel();
        self.start_or_join(order, sender, ctx);
        Box::pin(async move { receiver.await.unwrap_or(Err(StartError)) })
    }
}

/// Nothing is, or was lately, recorded in that room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nothing is being recorded in this room")]
pub struct UnknownRoom;

/// Ends the recording of a room. Answered at once.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), UnknownRoom>")]
pub struct Stop {
    /// The room.
    pub room: RoomToken,
    /// Who stops it, where somebody does.
    pub by: Option<Actor>,
}

impl Handler<Stop> for Recorder {
    type Result = Result<(), UnknownRoom>;

    fn handle(&mut self, Stop { room, by }: Stop, ctx: &mut Context<Self>) -> Self::Result {
        if let Some(id) = self.running_in(&room) {
            let why = if by.is_some() { EndReason::Moderator } else { EndReason::CallEnded };
            self.advance(id, Event::StopAsked { by, why }, ctx);
            return Ok(());
        }
        if self.is_ending_in(&room) || self.recently_ended.contains(&room) {
            Ok(())
        } else {
            Err(UnknownRoom)
        }
    }
}

/// Refuses new recordings, and is answered once nothing is left that a shutdown should wait for, with what the
/// next start will find.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Vec<RecordingState>")]
pub struct Drain {
    /// Whether the running ones are stopped, or waited for.
    pub running: Running,
}

/// What becomes of running recordings when the server shall end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Running {
    /// They are stopped.
    Stop,
    /// They may go on until their calls end.
    Wait,
}

impl Handler<Drain> for Recorder {
    type Result = ResponseFuture<Vec<RecordingState>>;

    fn handle(&mut self, Drain { running }: Drain, ctx: &mut Context<Self>) -> Self::Result {
        self.draining = true;
        if running == Running::Stop {
            let ids: Vec<RecordingId> = self.takes.keys().copied().collect();
            for id in ids {
                self.advance(id, Event::StopAsked { by: None, why: EndReason::Shutdown }, ctx);
            }
        }
        let (sender, receiver) = oneshot::channel();
        self.drained.push(sender);
        self.answer_drain();
        Box::pin(async move { receiver.await.unwrap_or_default() })
    }
}

/// Asks what is going on.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Vec<RecordingState>")]
pub struct Census;

/// A recording as seen from outside.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordingState {
    /// Its backend.
    pub backend: BackendId,
    /// What is known of it.
    pub recording: Recording,
    /// A shutdown waits for it.
    pub holds_shutdown_up: bool,
}

impl RecordingState {
    fn of(backend: &BackendId, take: &Take) -> Self {
        Self {
            backend: backend.clone(),
            recording: take.recording.clone(),
            holds_shutdown_up: !take.can_wait_for_the_next_start(),
        }
    }
}

impl Handler<Census> for Recorder {
    type Result = Vec<RecordingState>;

    fn handle(&mut self, _: Census, _: &mut Context<Self>) -> Self::Result {
        self.states()
    }
}

/// Makes the recorder panic, as a bug would.
#[cfg(test)]
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Crash;

#[cfg(test)]
impl Handler<Crash> for Recorder {
    type Result = ();

    fn handle(&mut self, _: Crash, _: &mut Context<Self>) {
        panic!("a bug, for the test");
    }
}

#[cfg(test)]
mod tests;
