//! `talk-recorder recordings`: what the spools hold and why, and what an operator may do about it.
//!
//! Reading goes straight to the disk and is always safe. Changing goes through the server that holds the spool; where
//! there is none, this program takes its place for a moment.

use std::{
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use actors::{
    recording::{Phase, Recording},
    spool::{Glimpse, SpoolError, peek},
};
use anyhow::{Context, anyhow, bail, ensure};
use bytesize::ByteSize;

use super::environment;
use crate::{config::Config, control::Wish};

mod export;
mod listing;
mod orders;

/// What shall be done.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// A spool directory, in place of those that the configuration names.
    #[arg(long, global = true, value_name = "DIRECTORY")]
    spool: Option<PathBuf>,
    /// List them as JSON.
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    order: Option<Order>,
}

#[derive(Debug, clap::Subcommand)]
enum Order {
    /// Have a recording uploaded now that is parked or waits for its next try.
    Retry {
        /// The beginning of its id.
        #[arg(required_unless_present = "all_parked", conflicts_with = "all_parked")]
        id: Option<String>,
        /// Every one that is parked.
        #[arg(long)]
        all_parked: bool,
    },
    /// Copy the media of a recording; the recording stays.
    Export {
        /// The beginning of its id.
        id: String,
        /// Where to; nothing is overwritten.
        file: PathBuf,
    },
    /// Delete a recording that is parked or waits for its next try, for good.
    Discard {
        /// The beginning of its id.
        id: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// An entry of one of the spools.
struct Held {
    spool: PathBuf,
    glimpse: Glimpse,
}

impl Held {
    fn recording(&self) -> anyhow::Result<&Recording> {
        self.glimpse.recording.as_ref().map_err(|reason| {
            anyhow!(
                "{reason}; it cannot be uploaded: save its media with `recordings export`, then move {} away",
                self.spool
                    .join(self.glimpse.backend.directory_name())
                    .join(self.glimpse.id.to_string())
                    .display()
            )
        })
    }

    fn bytes(&self) -> u64 {
        self.glimpse.media.as_ref().map_or(0, |media| media.bytes)
    }
}

/// Does it, and fails with a sentence.
pub(super) fn recordings(config: Option<&Path>, options: &Options) -> ExitCode {
    match run(config, options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(config: Option<&Path>, options: &Options) -> anyhow::Result<()> {
    ensure!(options.order.is_none() || !options.json, "--json is for the list");
    let spools = match &options.spool {
        Some(directory) => vec![directory.clone()],
        None => configured_spools(config)?,
    };
    for spool in &spools {
        ensure!(
            spool.is_dir(),
            "{}: no directory that this user can see; name the spool of the server with --spool, or with [backend] \
             directory in the configuration (under systemd it is $STATE_DIRECTORY otherwise)",
            spool.display()
        );
    }
    let held = look_into(&spools)?;
    match &options.order {
        None if options.json => writeln!(io::stdout(), "{}", listing::json(&held)?)?,
        None if held.is_empty() => println!("nothing is held in {}", listing::paths(&spools)),
        None => io::stdout().write_all(listing::table(&held).as_bytes())?,
        Some(Order::Retry { id: Some(id), .. }) => order(Wish::Retry, find(&held, id)?)?,
        Some(Order::Retry { id: None, .. }) => retry_all_parked(&held)?,
        Some(Order::Export { id, file }) => export::export(find(&held, id)?, file)?,
        Some(Order::Discard { id, yes }) => discard(find(&held, id)?, *yes)?,
    }
    Ok(())
}

fn configured_spools(config: Option<&Path>) -> anyhow::Result<Vec<PathBuf>> {
    let loaded = Config::load(config, environment())?;
    let spools: Vec<PathBuf> = loaded.config.backends.directories().into_iter().map(Path::to_owned).collect();
    ensure!(
        !spools.is_empty(),
        "no backend is configured: name the configuration with --config, or a directory with --spool"
    );
    Ok(spools)
}

fn look_into(spools: &[PathBuf]) -> anyhow::Result<Vec<Held>> {
    let mut held = Vec::new();
    for spool in spools {
        let glimpses = peek(spool).map_err(|error| match error {
            SpoolError::Io { path, source } if source.kind() == io::ErrorKind::PermissionDenied => {
                anyhow!("{}: only its owner and root may look into it", path.display())
            }
            error => anyhow::Error::msg(error),
        })?;
        held.extend(glimpses.into_iter().map(|glimpse| Held { spool: spool.clone(), glimpse }));
    }
    Ok(held)
}

/// The one recording whose id begins like this.
fn find<'a>(held: &'a [Held], beginning: &str) -> anyhow::Result<&'a Held> {
    ensure!(beginning.len() >= 4, "give at least 4 characters of the id, {beginning:?} is too short");
    let matches: Vec<&Held> =
        held.iter().filter(|held| held.glimpse.id.to_string().starts_with(beginning)).collect();
    match matches.as_slice() {
        [one] => Ok(one),
        [] => bail!("no recording is held whose id begins with {beginning:?}; `recordings` lists them"),
        many => bail!("{} recordings begin with {beginning:?}, give more of the id", many.len()),
    }
}

fn order(wish: Wish, held: &Held) -> anyhow::Result<()> {
    let done = orders::carry_out(wish, held).with_context(|| held.glimpse.id.to_string())?;
    println!("{}: {done}", held.glimpse.id);
    Ok(())
}

/// Tries them all, whatever becomes of each.
fn retry_all_parked(held: &[Held]) -> anyhow::Result<()> {
    let is_parked = |held: &&Held| {
        held.glimpse.recording.as_ref().is_ok_and(|recording| matches!(recording.phase, Phase::Parked { .. }))
    };
    let parked: Vec<&Held> = held.iter().filter(is_parked).collect();
    if parked.is_empty() {
        println!("nothing is parked");
    }
    let failures: Vec<String> = parked
        .iter()
        .filter_map(|held| order(Wish::Retry, held).err())
        .map(|error| format!("{error:#}"))
        .collect();
    ensure!(failures.is_empty(), "{}", failures.join("\n"));
    Ok(())
}

fn discard(held: &Held, sure: bool) -> anyhow::Result<()> {
    let recording = held.recording()?;
    orders::must_wait(recording).with_context(|| held.glimpse.id.to_string())?;
    if !sure {
        ensure!(
            io::stdin().is_terminal(),
            "nothing is discarded without --yes where there is no terminal to ask on"
        );
        print!(
            "discard {:?} ({}, room {})? type yes: ",
            recording.title,
            ByteSize::b(held.bytes()),
            recording.order.room
        );
        io::stdout().flush()?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        ensure!(answer.trim() == "yes", "nothing was discarded");
    }
    order(Wish::Discard, held)
}

#[cfg(test)]
mod tests;
