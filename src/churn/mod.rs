//! Churn: many synthetic recordings through the real actors, as fast as they go or at a rate, and a count of every one.
//!
//! ```text
//!            script: what becomes of recording n, and what the metrics must say in the end
//!               │
//! driver ──start, stop──► target: the actors in this process, or the built server over signed HTTP
//!    ▲                        │
//!    └── ledger ◄─ notices, files ── a Nextcloud that takes everything (but what the script refuses)
//! ```
//!
//! What always holds:
//! - the script is a function of the seed: nothing that happens during the run changes what the counts must be;
//! - a recording is over only when its last notice was told and its file, where there is one, was taken;
//! - load goes to this process, or to a server that it started itself on the loopback address.
//!
//! In reading order: [`Options`] here; `script`, `ledger`, `driver`; `target` with `actors` and `server`, to which
//! `sink` is the Nextcloud; `gauges` and `scraper` measure meanwhile, `verdict` compares and `report` tells.

mod actors;
mod driver;
mod gauges;
mod ledger;
mod report;
mod scraper;
mod script;
mod server;
mod sink;
mod target;
mod verdict;

use std::{path::PathBuf, time::Duration};

use ::actors::synthetic::{Lengths, Plan};
use anyhow::Context;

pub use self::report::Report;
use self::{actors::Actors, driver::Driver, gauges::Gauges, script::Script, server::Server, target::Target};

/// What is to be churned.
#[derive(Debug, Clone)]
pub struct Options {
    /// What a lap is.
    pub lap: Lap,
    /// Laps; memory is read after each.
    pub laps: u32,
    /// Backends.
    pub backends: u64,
    /// Rooms, over all backends.
    pub rooms: u64,
    /// Recordings that are begun a second; `None`: as many as go.
    pub rate: Option<f64>,
    /// Recordings that are under way at a time.
    pub in_flight: usize,
    /// What happens to them.
    pub plan: Plan,
    /// The server that is driven over HTTP; `None`: the actors in this process.
    pub server: Option<PathBuf>,
    /// Where spools are made; a RAM disk, or the disk is what is measured.
    pub directory: PathBuf,
}

/// What a lap is.
#[derive(Debug, Clone, Copy)]
pub enum Lap {
    /// So many recordings.
    Recordings(u64),
    /// As many as begin in this time.
    Time(Duration),
}

/// What happens to the recordings of a run that nothing else is said about: everything, now and then.
pub fn default_plan() -> Plan {
    Plan {
        seed: 1,
        bring_up: Duration::from_millis(5),
        wind_down: Duration::from_millis(2),
        bytes: 256,
        lengths: Lengths::Drawn,
        fails_to_start: 0.01,
        breaks: 0.01,
        panics: 0.005,
        refuses_upload: 0.005,
    }
}

/// Churns, with a line of progress on standard error, and says what came out.
///
/// # Errors
/// When it could not be brought up, or a recording did not come to its end.
pub async fn churn(options: &Options) -> anyhow::Result<Report> {
    let directory = tempfile::Builder::new()
        .prefix("talk-recorder-churn-")
        .tempdir_in(&options.directory)
        .with_context(|| format!("no directory in {}", options.directory.display()))?;
    let script = Script::new(options);
    let target: Box<dyn Target> = match &options.server {
        Some(program) => Box::new(Server::start(program, &script, directory.path()).await?),
        None => Box::new(Actors::start(&script, directory.path())?),
    };
    let gauges = Gauges::default();
    let mut driver = Driver::new(&script, &*target, &gauges, options);
    for lap in 1..=options.laps {
        driver.lap(lap).await?;
    }
    let counts = verdict::compare(&script, &*target, driver.begun()).await?;
    let report = driver.report(counts);
    target.stop().await;
    Ok(report)
}
