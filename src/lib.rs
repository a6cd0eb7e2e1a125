//! talk-recorder: the recording server for Nextcloud Talk. This crate holds the edges; what the system
//! decides is in the crate [`actors`].
//!
//! In reading order:
//! - [`config`]: settings, from TOML or the reference's INI, checked when they are loaded;
//! - [`signature`]: the checksum that guards every door of the protocol.

pub mod config;
pub mod signature;
