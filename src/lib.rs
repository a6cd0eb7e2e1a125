//! talk-recorder: the recording server for Nextcloud Talk. This crate holds the edges; what the system
//! decides is in the crate [`actors`].
//!
//! In reading order:
//! - [`cli`]: the command line;
//! - [`churn`]: many synthetic recordings through the real actors, each of them counted;
//! - [`app`]: the wiring, from a configuration and an engine to a running server;
//! - [`config`]: settings, from TOML or the reference's INI, checked when they are loaded;
//! - `reload`: another configuration for a running server;
//! - [`http`]: what Nextcloud and Prometheus ask for;
//! - [`nextcloud`]: what Nextcloud is told and given;
//! - [`client`]: the HTTP client of a backend;
//! - [`pipeline`]: the engine that records with real programs;
//! - [`signaling`]: the room of a recording, watched unseen over its signaling server;
//! - [`control`] and [`service`]: what an operator and the service manager have to do with a running server;
//! - [`signature`]: the checksum that guards every door of the protocol;
//! - [`demo`]: a small honest Nextcloud, a sample call, and a judge of its recordings;
//! - `usage`: what the server and its programs take of the machine, for the metrics;
//! - [`logging`] and [`tls`]: what is set up once.

pub mod app;
mod capacity;
pub mod churn;
pub mod cli;
pub mod client;
pub mod config;
mod control;
pub mod demo;
pub mod http;
pub mod logging;
pub mod nextcloud;
pub mod pipeline;
mod reload;
mod service;
pub mod signaling;
pub mod signature;
mod sites;
pub mod tls;
mod usage;
