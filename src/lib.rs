//! talk-recorder: the recording server for Nextcloud Talk. This crate holds the edges; what the system
//! decides is in the crate [`actors`].
//!
//! In reading order:
//! - [`cli`]: the command line;
//! - [`app`]: the wiring, from a configuration and an engine to a running server;
//! - [`config`]: settings, from TOML or the reference's INI, checked when they are loaded;
//! - [`http`]: what Nextcloud and Prometheus ask for;
//! - [`nextcloud`]: what Nextcloud is told and given;
//! - [`pipeline`]: the engine that records with real programs;
//! - [`signature`]: the checksum that guards every door of the protocol;
//! - [`demo`]: a small honest Nextcloud, a sample call, and a judge of its recordings;
//! - `usage`: what the server and its programs take of the machine, for the metrics;
//! - [`logging`] and [`tls`]: what is set up once.

pub mod app;
mod capacity;
pub mod cli;
pub mod config;
pub mod demo;
pub mod http;
pub mod logging;
pub mod nextcloud;
pub mod pipeline;
pub mod signature;
mod sites;
pub mod tls;
mod usage;
