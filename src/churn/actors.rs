//! The actors in this process, with the synthetic engine and a Nextcloud without HTTP injected.
//!
//! Between the recorders and the metrics stands a [`Tap`], which hands every report on and tells when it came: from a
//! message to its report is what a recording costs the actors.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use actix::{Actor, Addr, Context, Handler, Recipient};
use actors::{
    ids::{BackendId, RecordingId},
    metrics::{Format, Metrics, MetricsThread, News, Reported, Scrape},
    ports::{Backend, Delivery, Refusal},
    recorder::{Limits, Start, Stop, World},
    recording::{Notice, Order, Report},
    spool::Spool,
    supervisor::{For, Supervisor},
    synthetic::Synthetic,
};
use async_trait::async_trait;
use prometheus_client::registry::Registry;
use tokio::{
    sync::{Semaphore, oneshot},
    time::Instant,
};

use super::{
    ledger::{Ledger, Told},
    scraper::Scraper,
    script::{Script, moderator, room_position},
    target::Target,
};

/// The address of a Nextcloud that nobody will call.
const NOWHERE: &str = "http://127.0.0.1";
/// More than are ever under way.
const SLOTS: usize = 1 << 20;

/// Supervisor, recorders and metrics.
pub(super) struct Actors {
    script: Script,
    ledger: Arc<Ledger>,
    supervisor: Addr<Supervisor>,
    metrics: MetricsThread,
    reports: Reports,
}

impl Actors {
    /// Starts them over a spool in this directory.
    pub(super) fn start(script: &Script, directory: &Path) -> anyhow::Result<Self> {
        let backends: Vec<BackendId> =
            script.backends().map(|name| name.parse()).collect::<Result<_, _>>()?;
        let ledger = Arc::new(Ledger::new(script.clone()));
        let metrics = MetricsThread::start(Metrics::new(backends.iter().cloned(), Registry::default()));
        let reports = Reports::default();
        let tap = Tap { metrics: metrics.reports(), reports: reports.clone() }.start();
        let spool = Spool::open(directory)?;
        let engine = Arc::new(Synthetic::new(script.plan));
        let slots = Arc::new(Semaphore::new(SLOTS));
        let nextcloud = Arc::new(Taker(Arc::clone(&ledger)));
        let world_of = move |backend: &BackendId| {
            Some(World {
                engine: engine.clone(),
                backend: nextcloud.clone(),
                drawer: spool.drawer(backend),
                metrics: tap.clone().recipient(),
                limits: Limits { uploads: SLOTS, ..Limits::default() },
                slots: slots.clone(),
            })
        };
        let supervisor = Supervisor::start_with(backends, Box::new(world_of));
        Ok(Self { script: script.clone(), ledger, supervisor, metrics, reports })
    }
}

#[async_trait(?Send)]
impl Target for Actors {
    fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    async fn start(&self, number: u64) -> anyhow::Result<Duration> {
        let order = self.script.order(number, NOWHERE.to_owned())?;
        let sent = Instant::now();
        let message = For { backend: self.script.backend_id(number)?, message: Start(order) };
        let id = self.supervisor.send(message).await???;
        Ok(self.reports.arrival(id).await? - sent)
    }

    async fn stop_recording(&self, number: u64) -> anyhow::Result<Duration> {
        let room = self.script.order(number, String::new())?.room;
        let sent = Instant::now();
        let stop = Stop { room, by: Some(moderator()) };
        self.supervisor.send(For { backend: self.script.backend_id(number)?, message: stop }).await???;
        Ok(sent.elapsed())
    }

    fn scraper(&self) -> anyhow::Result<Arc<dyn Scraper>> {
        Ok(Arc::new(Questioner(self.metrics.address().clone())))
    }

    fn pid(&self) -> u32 {
        std::process::id()
    }

    async fn stop(self: Box<Self>) {}
}

/// Asks the metrics without HTTP.
struct Questioner(Addr<Metrics>);

#[async_trait]
impl Scraper for Questioner {
    async fn scrape(&self) -> anyhow::Result<String> {
        Ok(self.0.send(Scrape { format: Format::OpenMetrics }).await??)
    }
}

/// When the reports came that somebody waits for, or may still come to wait for.
#[derive(Debug, Clone, Default)]
struct Reports(Arc<Mutex<HashMap<RecordingId, Arrival>>>);

#[derive(Debug)]
enum Arrival {
    At(Instant),
    Awaited(oneshot::Sender<Instant>),
}

impl Reports {
    /// Waits for the report that a recording has started.
    async fn arrival(&self, id: RecordingId) -> anyhow::Result<Instant> {
        let (sender, receiver) = oneshot::channel();
        let earlier = self.lock().insert(id, Arrival::Awaited(sender));
        if let Some(Arrival::At(instant)) = earlier {
            self.lock().remove(&id);
            return Ok(instant);
        }
        Ok(receiver.await?)
    }

    fn came(&self, id: RecordingId) {
        let now = Instant::now();
        let mut arrivals = self.lock();
        match arrivals.remove(&id) {
            // Whoever waited may have given up.
            Some(Arrival::Awaited(waiting)) => drop(waiting.send(now)),
            Some(Arrival::At(_)) | None => drop(arrivals.insert(id, Arrival::At(now))),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RecordingId, Arrival>> {
        // No code that holds the lock can panic half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands reports on.
struct Tap {
    metrics: Recipient<Reported>,
    reports: Reports,
}

impl Actor for Tap {
    type Context = Context<Self>;
}

impl Handler<Reported> for Tap {
    type Result = ();

    fn handle(&mut self, reported: Reported, _: &mut Context<Self>) {
        if let News::Moved { id, reports, .. } = &reported.news
            && reports.contains(&Report::Started)
        {
            self.reports.came(*id);
        }
        self.metrics.do_send(reported);
    }
}

/// A Nextcloud without HTTP.
struct Taker(Arc<Ledger>);

#[async_trait]
impl Backend for Taker {
    async fn notify(&self, order: &Order, notice: &Notice) -> Result<(), Refusal> {
        let told = match notice {
            Notice::Started => Told::Started,
            Notice::Stopped { .. } | Notice::Failed => Told::End,
        };
        self.0.tell(position(order)?, told);
        Ok(())
    }

    async fn store(&self, delivery: &Delivery) -> Result<(), Refusal> {
        if self.0.store(position(&delivery.order)?) {
            Ok(())
        } else {
            Err(Refusal::Transient("the script refuses it".to_owned()))
        }
    }
}

fn position(order: &Order) -> Result<u64, Refusal> {
    let room = order.room.as_str();
    room_position(room).ok_or_else(|| Refusal::Permanent(format!("{room} is no room of the script")))
}
