//! What the tests of the actors share: a Nextcloud that answers as it is told, and a recorder's world.

use std::{
    collections::VecDeque,
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use actix::{Actor as _, Addr};
use async_trait::async_trait;
use prometheus_client::registry::Registry;
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep},
};

use crate::{
    ids::{BackendId, RoomToken},
    metrics::{Format, Metrics, Scrape},
    ports::{Backend, Delivery, Engine, Refusal},
    recorder::{Limits, World},
    recording::{Actor, Kind, Notice, Order},
    spool::{Drawer, Spool},
};

/// What a Nextcloud was told and given.
#[derive(Default)]
pub(crate) struct FakeNextcloud {
    pub(crate) notices: Mutex<Vec<(Notice, Instant)>>,
    pub(crate) files: Mutex<Vec<(String, Vec<u8>)>>,
    pub(crate) tries: Mutex<Vec<Instant>>,
    store_takes: Mutex<Duration>,
    notify_answers: Mutex<VecDeque<Refusal>>,
    store_answers: Mutex<VecDeque<Refusal>>,
}

impl FakeNextcloud {
    /// Refuses the next notices with these answers, one each.
    pub(crate) fn refuse_notices(&self, answers: impl IntoIterator<Item = Refusal>) {
        self.notify_answers.lock().unwrap().extend(answers);
    }

    /// Refuses the next uploads with these answers, one each.
    pub(crate) fn refuse_uploads(&self, answers: impl IntoIterator<Item = Refusal>) {
        self.store_answers.lock().unwrap().extend(answers);
    }

    /// Every upload takes so long from now on.
    pub(crate) fn take_a_while(&self, long: Duration) {
        *self.store_takes.lock().unwrap() = long;
    }

    pub(crate) fn notice_names(&self) -> Vec<&'static str> {
        self.notices.lock().unwrap().iter().map(|(notice, _)| notice.name()).collect()
    }

    pub(crate) fn file_names(&self) -> Vec<String> {
        self.files.lock().unwrap().iter().map(|(name, _)| name.clone()).collect()
    }
}

#[async_trait]
impl Backend for FakeNextcloud {
    async fn notify(&self, _: &Order, notice: &Notice) -> Result<(), Refusal> {
        if let Some(refusal) = self.notify_answers.lock().unwrap().pop_front() {
            return Err(refusal);
        }
        self.notices.lock().unwrap().push((notice.clone(), Instant::now()));
        Ok(())
    }

    async fn store(&self, delivery: &Delivery) -> Result<(), Refusal> {
        self.tries.lock().unwrap().push(Instant::now());
        let long = *self.store_takes.lock().unwrap();
        sleep(long).await;
        if let Some(refusal) = self.store_answers.lock().unwrap().pop_front() {
            return Err(refusal);
        }
        let bytes = fs::read(&delivery.media).map_err(|error| Refusal::Transient(error.to_string()))?;
        self.files.lock().unwrap().push((delivery.file_name.clone(), bytes));
        Ok(())
    }
}

/// Everything around a recorder.
pub(crate) struct Stage {
    pub(crate) nextcloud: Arc<FakeNextcloud>,
    pub(crate) metrics: Addr<Metrics>,
    pub(crate) spool: Spool,
    pub(crate) directory: tempfile::TempDir,
    /// Changed before the first recorder is made.
    pub(crate) limits: Limits,
    pub(crate) slots: Arc<Semaphore>,
    engine: Arc<dyn Engine>,
}

impl Stage {
    /// A stage in virtual time.
    pub(crate) fn with(engine: impl Engine) -> Self {
        tokio::time::pause();
        let directory = tempfile::tempdir().unwrap();
        Self {
            nextcloud: Arc::default(),
            metrics: Metrics::new([backend()], Registry::default()).start(),
            spool: Spool::open(directory.path()).unwrap(),
            directory,
            limits: Limits::default(),
            slots: Arc::new(Semaphore::new(100)),
            engine: Arc::new(engine),
        }
    }

    pub(crate) fn drawer(&self) -> Drawer {
        self.spool.drawer(&backend())
    }

    pub(crate) fn world(&self) -> World {
        World {
            engine: self.engine.clone(),
            backend: self.nextcloud.clone(),
            drawer: self.drawer(),
            metrics: self.metrics.clone().recipient(),
            limits: self.limits,
            slots: self.slots.clone(),
        }
    }

    /// `current`, `total`, `failed_total`, `uploads_failed_total`.
    pub(crate) async fn counts(&self) -> [u64; 4] {
        let mut counts = [0; 4];
        let names = ["current", "total", "failed_total", "uploads_failed_total"];
        for (count, name) in counts.iter_mut().zip(names) {
            *count = self.count(&format!("recordings_{name}"), "").await;
        }
        counts
    }

    /// The value of a series, by its name behind `recording_` and by the labels that it has beside the backend.
    pub(crate) async fn count(&self, name: &str, labels: &str) -> u64 {
        let text = self.metrics.send(Scrape { format: Format::Classic }).await.unwrap().unwrap();
        let series = format!("recording_{name}{{backend=\"cloud\"{labels}}} ");
        let value = text.lines().find_map(|line| line.strip_prefix(&series));
        value.unwrap_or_else(|| panic!("no {series}")).parse().unwrap()
    }

    /// Recordings that the spool holds.
    pub(crate) fn entries(&self) -> usize {
        count_directories(&self.directory.path().join("cloud"))
    }
}

fn count_directories(path: &Path) -> usize {
    fs::read_dir(path).map_or(0, |items| items.filter(|item| item.as_ref().unwrap().path().is_dir()).count())
}

pub(crate) fn backend() -> BackendId {
    "cloud".parse().unwrap()
}

pub(crate) fn room() -> RoomToken {
    "abcd1234".parse().unwrap()
}

pub(crate) fn alice() -> Actor {
    Actor { kind: "users".to_owned(), id: "alice".to_owned() }
}

pub(crate) fn order() -> Order {
    Order {
        nextcloud: "https://cloud.example.com".to_owned(),
        room: room(),
        kind: Kind::Video,
        owner: "alice".to_owned(),
        actor: alice(),
    }
}

/// Lets virtual time pass until something is so; panics when it does not become so within a virtual day.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let patience = Duration::from_hours(24);
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < patience, "never: {what}");
        sleep(Duration::from_millis(100)).await;
    }
}
