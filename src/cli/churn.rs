//! `talk-recorder churn`: load for the actors, or for this very program as a server, with every recording counted.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use actix::{System, SystemRunner};
use actors::synthetic::Plan;
use anyhow::Context;
use log::LevelFilter;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    churn::{self, Lap, Report, default_plan},
    logging, tls,
};

/// A RAM disk on every Linux.
const RAM_DISK: &str = "/dev/shm";
const DISK_THREADS: usize = 2;

/// What is to be churned.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Recordings of one lap.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    recordings: u64,
    /// How long recordings are begun in one lap, instead of a number of them.
    #[arg(long, conflicts_with = "recordings", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: Option<u64>,
    /// Laps; memory is read after each.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    laps: u32,
    /// Backends.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    backends: u64,
    /// Rooms, over all backends.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    rooms: u64,
    /// Recordings that are begun a second; as many as go if it is not given.
    #[arg(long, value_parser = a_rate)]
    rate: Option<f64>,
    /// Recordings that are under way at a time.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    in_flight: u32,
    /// What happens to them, such as "seed=7 breaks=0.01"; see docs/churn.md.
    #[arg(long, value_name = "PLAN")]
    plan: Option<Plan>,
    /// Drive this program as a server, through signed requests, instead of the actors alone.
    #[arg(long)]
    http: bool,
    /// Where the spools are made.
    #[arg(long, value_name = "DIRECTORY")]
    spool: Option<PathBuf>,
    /// Write the report as JSON, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn a_rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate: &f64| (0.001..=1_000_000.0).contains(rate));
    rate.ok_or_else(|| "must be a number from 0.001 to 1000000".to_owned())
}

/// Churns, reports, and fails if a count is not exact.
pub(super) fn churn(options: &Options) -> ExitCode {
    // Every failed recording is an error in the log, and there will be thousands, all of them wanted.
    logging::start(LevelFilter::Off);
    tls::install_provider();
    match system().block_on(run(options)) {
        Ok(report) if report.is_exact() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("\nthe churn failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// As for the server, but with few threads for the disk: a RAM disk never waits, and waking threads costs more than it does.
fn system() -> SystemRunner {
    System::with_tokio_rt(|| {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().max_blocking_threads(DISK_THREADS).build().expect("a runtime can be made")
    })
}

async fn run(options: &Options) -> anyhow::Result<Report> {
    quiet_panics();
    let directory = options.spool.clone().unwrap_or_else(|| {
        let ram_disk = Path::new(RAM_DISK);
        if ram_disk.is_dir() { ram_disk.to_owned() } else { env::temp_dir() }
    });
    let server = options.http.then(env::current_exe).transpose().context("where is this program?")?;
    let lap = options
        .seconds
        .map_or(Lap::Recordings(options.recordings), |seconds| Lap::Time(Duration::from_secs(seconds)));
    let options_of_churn = churn::Options {
        lap,
        laps: options.laps,
        backends: options.backends,
        rooms: options.rooms,
        rate: options.rate,
        in_flight: usize::try_from(options.in_flight)?,
        plan: options.plan.unwrap_or_else(default_plan),
        server,
        directory,
    };
    // Dropped in the middle it ends its server and removes its spools.
    let report = tokio::select! {
        report = churn::churn(&options_of_churn) => report?,
        name = signalled() => anyhow::bail!("ended by {name}"),
    };
    println!("{report}");
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&report)?;
        fs::write(file, text + "\n").with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(report)
}

/// Waits for a signal that ends programs.
async fn signalled() -> &'static str {
    let listen = |kind| signal(kind).expect("signals can be listened to");
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate()), listen(SignalKind::interrupt()));
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

/// Panics of the engine are part of the plan; others are told.
fn quiet_panics() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let planned = panic.payload_as_str() == Some(actors::synthetic::PLANNED_PANIC);
        if !planned {
            tell(panic);
        }
    }));
}
