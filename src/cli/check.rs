//! `talk-recorder check`: what on this machine would keep the server from recording, found before the first call.
//! Changes nothing.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use actix::System;
use actors::{ids::BackendId, spool::free_bytes};
use bytesize::ByteSize;
use rustix::fs::{Access, access, statfs};

use super::environment;
use crate::{
    capacity,
    client::Clients,
    config::{BackendSettings, Config, EngineChoice},
    nextcloud::Nextcloud,
    pipeline::programs::{self, Requirement},
    tls,
};

/// What statfs says of a file system that lives in memory.
const TMPFS_MAGIC: i64 = 0x0102_1994;

/// What else shall be checked.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Ask each Nextcloud, once, whether it is there and takes the recording secret. Signaling servers are not asked.
    #[arg(long)]
    online: bool,
}

/// What was found so far.
#[derive(Default)]
struct Findings {
    problems: usize,
}

impl Findings {
    fn good(what: &str, detail: &str) {
        println!("ok       {what}: {detail}");
    }

    fn doubtful(what: &str, detail: &str) {
        println!("warning  {what}: {detail}");
    }

    fn bad(&mut self, what: &str, detail: &str) {
        self.problems += 1;
        println!("problem  {what}: {detail}");
    }
}

/// Checks, prints, and fails if there is any problem.
pub(super) fn check(path: Option<&Path>, options: &Options) -> ExitCode {
    let mut findings = Findings::default();
    match Config::load(path, environment()) {
        Ok(loaded) => {
            let source =
                loaded.source.map_or("built-in defaults".to_owned(), |path| path.display().to_string());
            Findings::good("configuration", &source);
            for warning in &loaded.warnings {
                Findings::doubtful("configuration", warning);
            }
            check_world(&loaded.config, options, &mut findings);
        }
        Err(error) => {
            for mistake in error.mistakes() {
                findings.bad("configuration", mistake);
            }
        }
    }
    match findings.problems {
        0 => ExitCode::SUCCESS,
        problems => {
            println!("{problems} to be solved before this server can record");
            ExitCode::FAILURE
        }
    }
}

fn check_world(config: &Config, options: &Options, findings: &mut Findings) {
    tls::install_provider();
    if config.recording.engine == EngineChoice::Synthetic {
        Findings::doubtful("engine", "synthetic: nothing will be recorded");
    } else {
        for requirement in System::new().block_on(programs::requirements(config)) {
            check_program(&requirement, findings);
        }
    }
    report_capacity(config);
    for backend in &config.backends.listed {
        let url = backend.urls.first().filter(|_| options.online);
        check_backend(&backend.id, &backend.settings, url, findings);
    }
    if let Some(settings) = &config.backends.any {
        check_backend(&BackendId::allowall(), settings, None, findings);
    }
    for directory in config.backends.directories() {
        check_spool(directory, config.reserve, findings);
    }
    if config.signaling.common.is_none() && config.signaling.servers.is_empty() {
        findings.bad(
            "signaling",
            "no internal secret: set [signaling] internalsecret, or a section for each server",
        );
    }
}

fn check_program(requirement: &Requirement, findings: &mut Findings) {
    match &requirement.found {
        Ok(found) => {
            let detail = format!("{} {}", found.path.display(), found.version);
            Findings::good(&requirement.name, detail.trim_end());
        }
        Err(advice) => findings.bad(&requirement.name, advice),
    }
}

/// Looks at what a connection to it needs, and asks it at the address that is given.
fn check_backend(id: &BackendId, settings: &BackendSettings, url: Option<&String>, findings: &mut Findings) {
    let what = format!("backend {id}");
    let client = match Clients::default().for_backend(id, settings) {
        Ok(client) => client,
        Err(error) => return findings.bad(&what, &error.to_string()),
    };
    Findings::good(&what, "its HTTP client can be made");
    if let Some(url) = url {
        match System::new().block_on(Nextcloud::new(client, settings).probe(url)) {
            Ok(()) => Findings::good(&what, &format!("{url} answers and takes the recording secret")),
            Err(refusal) => findings.bad(&what, &format!("{url}: {refusal}")),
        }
    }
}

fn report_capacity(config: &Config) {
    let source = match config.recording.max_concurrent {
        Some(_) => "as [recording] max_concurrent says",
        None => "as many as this machine is enough for; [recording] max_concurrent overrides it",
    };
    Findings::good("recordings at a time", &format!("{}, {source}", capacity::slots(config)));
}

/// The spool, or the place where it will be made, must be writable, have room and outlive a reboot.
fn check_spool(directory: &Path, reserve: u64, findings: &mut Findings) {
    let what = format!("spool {}", directory.display());
    let existing: PathBuf =
        directory.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/")).to_owned();
    if access(&existing, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        findings.bad(&what, &format!("{} is not writable for this user", existing.display()));
        return;
    }
    match statfs(&existing) {
        Ok(stat) if stat.f_type == TMPFS_MAGIC => {
            Findings::doubtful(&what, "lies in memory: recordings that wait there are lost at a reboot");
        }
        _ => Findings::good(&what, "writable"),
    }
    match free_bytes(&existing) {
        Ok(free) => check_room(&what, free, reserve, findings),
        Err(error) => findings.bad(&what, &format!("its disk cannot be looked at: {error}")),
    }
}

fn check_room(what: &str, free: u64, reserve: u64, findings: &mut Findings) {
    let room = format!("{} free, {} are kept in reserve", ByteSize::b(free), ByteSize::b(reserve));
    if free < reserve {
        findings.bad(what, &format!("{room}: no recording would begin; make room, or lower [spool] reserve"));
    } else {
        Findings::good(what, &room);
    }
}
