//! The actor [`Metrics`]: the only owner of the registry. Recorders report to it, `/metrics` asks it for its text.
//!
//! What always holds:
//! - `recordings_current` is the size of a set of recordings: it cannot drift;
//! - a recording that this actor was never told has started changes none of the counts. What lay in the spool when
//!   the server started is such a one;
//! - a report that comes again, from a recorder that was made again, counts once;
//! - where recordings stand is told anew by each recorder that begins, so that it is what the journal says;
//! - the five series of a backend that dashboards know exist, at 0, from the moment it is known. All others do too,
//!   unless there are very many backends when the server starts: then each begins with its first news;
//! - the values of a label are backends, or words of a closed set.

use std::{collections::HashMap, fmt, time::Duration};

use actix::{Actor, Context, Handler, Message};
use prometheus_client::{encoding::text, registry::Registry};

use crate::{
    ids::{BackendId, RecordingId},
    recording::Report,
};

mod board;
mod counts;
mod exposition;
mod running;
mod series;
mod standings;
mod thread;
mod uploads;

use board::{Board, Families};
use series::Shown;
pub use standings::{Standing, State};
pub use thread::MetricsThread;
pub use uploads::Outcome;

/// With more backends than these a series begins with its first news: a backend could have about 80.
const FULLY_SHOWN: usize = 25;

/// Owns the registry.
pub struct Metrics {
    registry: Registry,
    /// What is measured outside of the core.
    outside: Registry,
    families: Families,
    shown: Shown,
    boards: HashMap<BackendId, Board>,
    /// Bytes of the last text.
    last_length: usize,
}

impl Metrics {
    /// Metrics in which these backends stand at 0. What `outside` holds is rendered after them.
    pub fn new(backends: impl IntoIterator<Item = BackendId>, outside: Registry) -> Self {
        let mut registry = Registry::with_prefix("recording");
        let families = Families::register(&mut registry);
        let backends: Vec<BackendId> = backends.into_iter().collect();
        let are_few = backends.len() <= FULLY_SHOWN;
        let shown = if are_few { Shown::FromTheStart } else { Shown::WithTheFirstNews };
        let mut metrics = Self { registry, outside, families, shown, boards: HashMap::new(), last_length: 0 };
        metrics.know(&backends);
        metrics
    }

    /// Makes series at 0 exist, where they do not yet.
    fn know(&mut self, backends: &[BackendId]) {
        for backend in backends {
            self.families.know(backend);
            if self.shown == Shown::FromTheStart {
                self.board(backend.clone());
            }
        }
    }

    fn board(&mut self, backend: BackendId) -> &mut Board {
        let (families, shown) = (&self.families, self.shown);
        self.boards.entry(backend).or_insert_with_key(|backend| Board::new(families, backend, shown))
    }
}

impl Actor for Metrics {
    type Context = Context<Self>;
}

/// Something is new about a backend.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Reported {
    /// Which.
    pub backend: BackendId,
    /// What.
    pub news: News,
}

/// What the metrics are told.
#[derive(Debug, Clone)]
pub enum News {
    /// A recording has moved.
    Moved {
        /// Which.
        id: RecordingId,
        /// What happened to it.
        reports: Vec<Report>,
        /// To where; nowhere once it is closed.
        standing: Option<Standing>,
    },
    /// Something happened to a recording that stays where it is.
    Happened {
        /// To which.
        id: RecordingId,
        /// What.
        report: Report,
    },
    /// A recorder begins.
    RecorderBegins {
        /// What it found in the spool: these recordings are there, and no others.
        recordings: Vec<(RecordingId, Standing)>,
    },
    /// A recorder broke off and was made again.
    RecorderRestarted,
    /// The spool was looked at.
    Spooled {
        /// Bytes of all the media in it.
        bytes: u64,
    },
    /// An upload try is over.
    UploadTried {
        /// What became of it.
        outcome: Outcome,
        /// How long it took.
        took: Duration,
        /// Bytes of the media.
        bytes: u64,
    },
}

impl Handler<Reported> for Metrics {
    type Result = ();

    fn handle(&mut self, Reported { backend, news }: Reported, _: &mut Context<Self>) {
        // Each backend has a recorder that begins; most find nothing.
        let is_empty = matches!(&news, News::RecorderBegins { recordings } if recordings.is_empty());
        if !is_empty || self.boards.contains_key(&backend) {
            self.board(backend).hear(news);
        }
    }
}

/// These backends may record, too: they stand at 0 from now on, as if they had been there from the start.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Known {
    /// Which.
    pub backends: Vec<BackendId>,
}

impl Handler<Known> for Metrics {
    type Result = ();

    fn handle(&mut self, Known { backends }: Known, _: &mut Context<Self>) {
        self.know(&backends);
    }
}

/// How the text shall be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text format 0.0.4, which everything understands.
    Classic,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

/// Asks for the text of `/metrics`.
#[derive(Debug, Message)]
#[rtype(result = "Result<String, fmt::Error>")]
pub struct Scrape {
    /// How it shall be written.
    pub format: Format,
}

impl Handler<Scrape> for Metrics {
    type Result = Result<String, fmt::Error>;

    fn handle(&mut self, scrape: Scrape, _: &mut Context<Self>) -> Self::Result {
        // A text is about as long as the one before it; growing it step by step would copy all of it each time.
        let mut open_metrics = String::with_capacity(self.last_length + self.last_length / 8);
        text::encode_registry(&mut open_metrics, &self.registry)?;
        text::encode(&mut open_metrics, &self.outside)?;
        self.last_length = open_metrics.len();
        Ok(match scrape.format {
            Format::OpenMetrics => open_metrics,
            Format::Classic => exposition::to_classic(&open_metrics),
        })
    }
}

/// Answered as long as the actor works off its mailbox.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Ping;

impl Handler<Ping> for Metrics {
    type Result = ();

    fn handle(&mut self, _: Ping, _: &mut Context<Self>) {}
}

#[cfg(test)]
mod tests;
