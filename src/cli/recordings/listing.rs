//! How the list looks: a table for people, JSON for programs.

use std::{path::PathBuf, time::Duration};

use actors::recording::{EndReason, Phase, Recording};
use bytesize::ByteSize;
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use super::Held;

const HEAD: [&str; 9] = ["ID", "BACKEND", "ROOM", "TITLE", "PHASE", "SIZE", "LENGTH", "NEXT TRY", "WHY"];
const NONE: &str = "-";

/// One recording, for programs. Documented in `docs/operations.md`: a name that is there stays.
#[derive(Debug, Serialize)]
struct Row<'a> {
    id: String,
    backend: &'a str,
    spool: String,
    media: Option<String>,
    bytes: u64,
    /// The fields that follow are null for an entry that cannot be read.
    room: Option<&'a str>,
    owner: Option<&'a str>,
    title: Option<&'a str>,
    accepted_at: Option<Timestamp>,
    phase: Option<&'static str>,
    seconds: Option<f64>,
    failed: Option<bool>,
    ended: Option<&'static str>,
    rounds_failed: Option<u32>,
    next_try_not_before: Option<Timestamp>,
    why: Option<&'a str>,
    /// Why the entry cannot be read.
    unreadable: Option<&'a str>,
}

/// A list of all of them.
pub(super) fn json(held: &[Held]) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&held.iter().map(Row::of).collect::<Vec<_>>())
}

impl<'a> Row<'a> {
    fn of(held: &'a Held) -> Self {
        let recording = held.glimpse.recording.as_ref().ok();
        Self {
            id: held.glimpse.id.to_string(),
            backend: held.glimpse.backend.as_str(),
            spool: held.spool.display().to_string(),
            media: held.glimpse.media.as_ref().map(|media| media.path.display().to_string()),
            bytes: held.bytes(),
            room: recording.map(|recording| recording.order.room.as_str()),
            owner: recording.map(|recording| recording.order.owner.as_str()),
            title: recording.map(|recording| recording.title.as_str()),
            accepted_at: recording.map(|recording| recording.accepted_at),
            phase: recording.map(|recording| recording.phase.name()),
            seconds: recording.map(|recording| recording.seconds),
            failed: recording.map(|recording| recording.failed),
            ended: recording.and_then(|recording| recording.ended).map(EndReason::name),
            rounds_failed: recording.map(|recording| recording.rounds_failed),
            next_try_not_before: recording.and_then(|recording| recording.not_before),
            why: recording.and_then(why),
            unreadable: held.glimpse.recording.as_ref().err().map(String::as_str),
        }
    }
}

/// Why Nextcloud does not have it yet.
fn why(recording: &Recording) -> Option<&str> {
    match &recording.phase {
        Phase::Parked { reason } => Some(reason),
        Phase::Uploading => recording.last_refusal.as_deref(),
        Phase::Closed(_) => Some("nextcloud is yet to be told"),
        Phase::Starting | Phase::Recording | Phase::Stopping | Phase::Salvaging => None,
    }
}

/// One line each, the columns as wide as their content.
pub(super) fn table(held: &[Held]) -> String {
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(held.iter().map(cells));
    let widths: [usize; HEAD.len()] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    let mut table = String::new();
    for row in rows {
        let padded: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        table.push_str(padded.join("  ").trim_end());
        table.push('\n');
    }
    table
}

fn cells(held: &Held) -> [String; HEAD.len()] {
    let row = Row::of(held);
    let text = |text: Option<&str>| one_line(text.unwrap_or(NONE));
    let next_try = row.next_try_not_before.filter(|time| *time > Timestamp::now());
    [
        row.id.clone(),
        one_line(row.backend),
        text(row.room),
        text(row.title),
        text(row.phase.or(Some("unreadable"))),
        if row.bytes > 0 { ByteSize::b(row.bytes).to_string() } else { NONE.to_owned() },
        row.seconds.filter(|seconds| *seconds > 0.0).map_or(NONE.to_owned(), length),
        next_try.map_or(NONE.to_owned(), local_time),
        text(row.why.or(row.unreadable)),
    ]
}

fn length(seconds: f64) -> String {
    let whole = Duration::try_from_secs_f64(seconds).unwrap_or_default().as_secs();
    humantime::format_duration(Duration::from_secs(whole)).to_string()
}

fn local_time(time: Timestamp) -> String {
    time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// What Nextcloud said stands in one line, and moves no cursor.
fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// Directories in a row.
pub(super) fn paths(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
