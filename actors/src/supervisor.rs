//! The actor [`Supervisor`]: one [`Recorder`] a backend, made at need and made again when it dies.
//!
//! A panicking actor is gone for good in actix, so each recorder carries an obituary that tells the supervisor,
//! whatever the end was. The supervisor waits a little, longer each time, and makes a new recorder, which
//! finds everything in the journal. Meanwhile that backend's requests are answered [`Unavailable`], and the
//! other backends notice nothing.

use std::{collections::HashMap, time::Duration};

use actix::{
    Actor, Addr, AsyncContext, Context, Handler, Message, ResponseFuture,
    dev::{MessageResponse, ToEnvelope},
};
use futures_util::future::join_all;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    ids::BackendId,
    metrics::{News, Reported},
    recorder::{self, Census, Drain, Recorder, RecordingState, World},
};

/// The pause before a first restart.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause before a restart.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A recorder that lived this long begins with the first pause again.
const QUIET: Duration = Duration::from_mins(1);

/// A recorder that is reading a slow spool must not keep the others from being seen.
const PATIENCE: Duration = Duration::from_secs(3);

/// Gives a backend's recorder what it works with; nothing for a backend that nobody knows.
pub type WorldOf = Box<dyn Fn(&BackendId) -> Option<World>>;

/// Keeps one recorder a backend alive.
pub struct Supervisor {
    world_of: WorldOf,
    slots: HashMap<BackendId, Slot>,
    draining: bool,
}

/// The place of one backend's recorder.
struct Slot {
    /// `None` while it waits to be made again.
    recorder: Option<Addr<Recorder>>,
    born: Instant,
    /// Restarts without a quiet minute in between.
    restarts: u32,
}

/// What the recorders answered.
struct Answers {
    states: Vec<RecordingState>,
    /// None was gone or late.
    all_answered: bool,
}

/// Sent by what remains of a recorder.
struct Obituary {
    supervisor: Addr<Supervisor>,
    backend: BackendId,
}

impl Drop for Obituary {
    fn drop(&mut self) {
        let panicked = std::thread::panicking();
        self.supervisor.do_send(RecorderDown { backend: self.backend.clone(), panicked });
    }
}

impl Supervisor {
    /// A supervisor that has a recorder for each of these backends from the start.
    pub fn start_with(backends: Vec<BackendId>, world_of: WorldOf) -> Addr<Self> {
        Self::create(move |ctx| {
            let mut supervisor = Self { world_of, slots: HashMap::new(), draining: false };
            for backend in backends {
                supervisor.recorder_of(&backend, ctx);
            }
            supervisor
        })
    }

    /// The recorder of a backend, made where there is none yet; `None` while it waits to be made again, and for
    /// a backend that nobody knows.
    fn recorder_of(&mut self, backend: &BackendId, ctx: &mut Context<Self>) -> Option<Addr<Recorder>> {
        if let Some(slot) = self.slots.get(backend) {
            return slot.recorder.clone();
        }
        let recorder = self.make(backend, ctx)?;
        let slot = Slot { recorder: Some(recorder.clone()), born: Instant::now(), restarts: 0 };
        self.slots.insert(backend.clone(), slot);
        Some(recorder)
    }

    fn make(&self, backend: &BackendId, ctx: &mut Context<Self>) -> Option<Addr<Recorder>> {
        let world = (self.world_of)(backend)?;
        let obituary = Obituary { supervisor: ctx.address(), backend: backend.clone() };
        Some(Recorder::new(backend.clone(), world, self.draining, Box::new(obituary)).start())
    }

    fn make_again(&mut self, backend: &BackendId, ctx: &mut Context<Self>) {
        let recorder = self.make(backend, ctx);
        log::info!(backend:%; "recorder restarted");
        if let Some(world) = (self.world_of)(backend) {
            world.metrics.do_send(Reported { backend: backend.clone(), news: News::RecorderRestarted });
        }
        if let Some(slot) = self.slots.get_mut(backend) {
            slot.recorder = recorder;
            slot.born = Instant::now();
        }
    }

    /// Asks every recorder the same. One that is gone, or takes longer than `limit`, has no answer.
    fn ask_all<M>(&self, question: M, limit: Option<Duration>) -> ResponseFuture<Answers>
    where
        M: Message<Result = Vec<RecordingState>> + Copy + Send + 'static,
        Recorder: Handler<M>,
        <Recorder as Actor>::Context: ToEnvelope<Recorder, M>,
    {
        let recorders: Vec<Addr<Recorder>> =
            self.slots.values().filter_map(|slot| slot.recorder.clone()).collect();
        Box::pin(async move {
            let ask = async |recorder: &Addr<Recorder>| match limit {
                None => recorder.send(question).await.ok(),
                Some(limit) => timeout(limit, recorder.send(question)).await.ok()?.ok(),
            };
            let answers = join_all(recorders.iter().map(ask)).await;
            let all_answered = answers.iter().all(Option::is_some);
            Answers { states: answers.into_iter().flatten().flatten().collect(), all_answered }
        })
    }
}

impl Actor for Supervisor {
    type Context = Context<Self>;
}

/// The recorder of this backend broke off and is about to be made again, or nobody knows the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the recorder of this backend is being restarted")]
pub struct Unavailable;

/// A message for the recorder of one backend.
pub struct For<M> {
    /// Whose recorder.
    pub backend: BackendId,
    /// What it is told.
    pub message: M,
}

impl<M> Message for For<M>
where
    M: Message,
    M::Result: 'static,
{
    type Result = Result<M::Result, Unavailable>;
}

impl<M> Handler<For<M>> for Supervisor
where
    M: Message + Send + 'static,
    M::Result: Send + 'static,
    Recorder: Handler<M>,
    <Recorder as Handler<M>>::Result: MessageResponse<Recorder, M>,
{
    type Result = ResponseFuture<Result<M::Result, Unavailable>>;

    fn handle(&mut self, For { backend, message }: For<M>, ctx: &mut Context<Self>) -> Self::Result {
        let recorder = self.recorder_of(&backend, ctx);
        Box::pin(async move {
            let answer = recorder.ok_or(Unavailable)?.send(message).await;
            answer.map_err(|_| Unavailable)
        })
    }
}

/// A recorder is gone.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct RecorderDown {
    backend: BackendId,
    panicked: bool,
}

impl Handler<RecorderDown> for Supervisor {
    type Result = ();

    fn handle(&mut self, RecorderDown { backend, panicked }: RecorderDown, ctx: &mut Context<Self>) {
        let Some(slot) = self.slots.get_mut(&backend) else {
            return;
        };
        slot.restarts = if slot.born.elapsed() > QUIET { 0 } else { slot.restarts };
        let pause = pause_before(slot.restarts);
        slot.restarts = slot.restarts.saturating_add(1);
        slot.recorder = None;
        log::error!(backend:%, panicked, restart_in_seconds = pause.as_secs_f64();
            "recorder gone, its recordings will be taken up from the journal");
        ctx.run_later(pause, move |supervisor, ctx| supervisor.make_again(&backend, ctx));
    }
}

fn pause_before(restarts: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(restarts)).min(LONGEST_PAUSE)
}

impl Handler<Drain> for Supervisor {
    type Result = ResponseFuture<Vec<RecordingState>>;

    /// A recorder that is being made again takes its recordings up first, and is then asked like the others.
    fn handle(&mut self, drain: Drain, ctx: &mut Context<Self>) -> Self::Result {
        self.draining = true;
        let supervisor = ctx.address();
        let answers = self.ask_all(drain, None);
        let missing = self.slots.values().any(|slot| slot.recorder.is_none());
        Box::pin(async move {
            let Answers { states, all_answered } = answers.await;
            if !missing && all_answered {
                return states;
            }
            sleep(FIRST_PAUSE).await;
            supervisor.send(drain).await.unwrap_or(states)
        })
    }
}

impl Handler<Census> for Supervisor {
    type Result = ResponseFuture<Vec<RecordingState>>;

    fn handle(&mut self, census: Census, _: &mut Context<Self>) -> Self::Result {
        let answers = self.ask_all(census, Some(PATIENCE));
        Box::pin(async move { answers.await.states })
    }
}

/// What the recorders work with is another than before, as [`WorldOf`] tells from now on: each gets what is new, and
/// every backend named here has a recorder. Answered when it is on its way to all of them.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Refit {
    /// Backends that may be new.
    pub backends: Vec<BackendId>,
}

impl Handler<Refit> for Supervisor {
    type Result = ();

    /// A recorder that is being made again asks for its world then.
    fn handle(&mut self, Refit { backends }: Refit, ctx: &mut Context<Self>) {
        for (backend, slot) in &self.slots {
            if let (Some(recorder), Some(world)) = (&slot.recorder, (self.world_of)(backend)) {
                recorder.do_send(recorder::Refit { backend: world.backend, limits: world.limits });
            }
        }
        for backend in &backends {
            self.recorder_of(backend, ctx);
        }
    }
}

/// Answered as long as the supervisor works off its mailbox, whatever the recorders are at.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Pulse")]
pub struct Ping;

/// The supervisor is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, MessageResponse)]
pub struct Pulse {
    /// No recording is begun any more.
    pub draining: bool,
}

impl Handler<Ping> for Supervisor {
    type Result = Pulse;

    fn handle(&mut self, _: Ping, _: &mut Context<Self>) -> Pulse {
        Pulse { draining: self.draining }
    }
}

#[cfg(test)]
mod tests;
