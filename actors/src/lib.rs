//! The core of talk-recorder: what the recording server decides. No HTTP, no programs, no configuration.
//!
//! In reading order:
//! - [`ids`]: backends, rooms and recordings, as names that are safe everywhere;
//! - [`recording`]: the life of one recording, as values;
//! - [`spool`]: the journal and the media on disk;
//! - [`ports`]: what the core asks of the world: an engine that records, a Nextcloud that takes the file;
//! - [`recorder`]: the actor that owns the recordings of one backend;
//! - [`supervisor`]: the actor that keeps one recorder a backend alive;
//! - [`metrics`]: the actor that owns the metrics registry;
//! - [`synthetic`]: an engine without programs, for load and for tests.

pub mod ids;
pub mod metrics;
pub mod ports;
pub mod recorder;
pub mod recording;
pub mod spool;
pub mod supervisor;
pub mod synthetic;

#[cfg(test)]
mod testing;
