//! What a log line looks like: one line an event, its facts as `key=value` behind the sentence.
//!
//! Under systemd the journal knows the time, and the level is written the way it wants it. The level may be changed at any
//! time; a line is written by the logger that stands when it comes.

use std::{
    env,
    fmt::Write as _,
    io::{self, Write},
    sync::{Arc, PoisonError, RwLock},
};

use env_logger::{Builder, Logger, fmt::Formatter};
use log::{
    Level, LevelFilter, Log, Metadata, Record,
    kv::{Error, Key, Value, VisitSource},
};

/// Libraries that talk about themselves, or, like the WebSocket client, log what they carry: checksums among it.
const TALKATIVE: [&str; 6] =
    ["actix_server", "actix_http", "hyper", "rustls", "tungstenite", "tokio_tungstenite"];

/// What writes at the moment.
static STANDING: Standing = Standing(RwLock::new(None));

struct Standing(RwLock<Option<Arc<Logger>>>);

impl Standing {
    fn get(&self) -> Option<Arc<Logger>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Log for Standing {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.get().is_some_and(|logger| logger.enabled(metadata))
    }

    fn log(&self, record: &Record<'_>) {
        if let Some(logger) = self.get() {
            logger.log(record);
        }
    }

    fn flush(&self) {
        if let Some(logger) = self.get() {
            logger.flush();
        }
    }
}

/// Sends everything from this level up to standard error. `RUST_LOG` overrides it for single modules.
pub fn start(level: LevelFilter) {
    // A second call, as in tests, finds it there.
    drop(log::set_logger(&STANDING));
    change(level);
}

/// The same from now on with another level.
pub(crate) fn change(level: LevelFilter) {
    let mut builder = Builder::new();
    builder.filter_level(level);
    for module in TALKATIVE {
        builder.filter_module(module, level.min(LevelFilter::Warn));
    }
    builder.parse_default_env();
    if env::var_os("JOURNAL_STREAM").is_some() {
        builder.format(journal_line);
    } else {
        builder.format(line);
    }
    let logger = builder.build();
    log::set_max_level(logger.filter());
    *STANDING.0.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(logger));
}

fn line(formatter: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    writeln!(formatter, "{} {:5} {}", formatter.timestamp_millis(), record.level(), text(record))
}

fn journal_line(formatter: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let priority = match record.level() {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    };
    writeln!(formatter, "<{priority}>{}", text(record))
}

/// The sentence and its facts, in one line whatever they contain.
fn text(record: &Record<'_>) -> String {
    let mut text = record.args().to_string();
    let mut facts = Facts(&mut text);
    // Writing to a string does not fail.
    drop(record.key_values().visit(&mut facts));
    text.replace(['\n', '\r'], " ")
}

struct Facts<'a>(&'a mut String);

impl<'kvs> VisitSource<'kvs> for Facts<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let value = value.to_string();
        let odd = |character: char| {
            character.is_whitespace() || character.is_control() || matches!(character, '"' | '=')
        };
        let plain = !value.is_empty() && !value.contains(odd);
        if plain {
            write!(self.0, " {key}={value}")?;
        } else {
            write!(self.0, " {key}={value:?}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_stand_behind_the_sentence_in_one_line() {
        let facts = [("room", "abcd1234"), ("reason", "two\nwords")];
        let record = Record::builder().args(format_args!("upload failed")).key_values(&facts).build();
        assert_eq!(text(&record), "upload failed room=abcd1234 reason=\"two\\nwords\"");
    }
}
