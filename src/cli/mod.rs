//! The command line.

mod check;
mod churn;
mod demo;
mod recordings;
mod serve;
mod shutdown;

use std::{env, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

/// The recording server for Nextcloud Talk.
#[derive(Debug, Parser)]
#[command(name = "talk-recorder", version, disable_version_flag = true)]
struct Cli {
    /// The configuration: `.toml`, or a `server.conf` of the reference server.
    #[arg(short, long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the version.
    #[arg(short, long)]
    version: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve; this is the default.
    Serve,
    /// Say what is wrong with the configuration, the programs and the spools. Changes nothing.
    Check(check::Options),
    /// List what waits in the spools and why; retry, export or discard it.
    Recordings(recordings::Options),
    /// Record a sample call on this machine, for real, and show what came out.
    Demo(demo::Options),
    /// Run many synthetic recordings through the real actors, and count every one.
    Churn(churn::Options),
}

/// The environment, without variables that are no text: none of ours is.
fn environment() -> impl Iterator<Item = (String, String)> {
    env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Does what the arguments ask for.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    if cli.version {
        println!("{}", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::serve(cli.config.as_deref()),
        Command::Check(options) => check::check(cli.config.as_deref(), &options),
        Command::Recordings(options) => recordings::recordings(cli.config.as_deref(), &options),
        Command::Demo(options) => demo::demo(&options),
        Command::Churn(options) => churn::churn(&options),
    }
}
