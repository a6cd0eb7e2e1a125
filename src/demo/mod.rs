//! A small honest Nextcloud, a sample call and a judge of recordings: enough to see the recorder work from the
//! pressed button to the stored file, without a cloud.
//!
//! It speaks the wire contract from the other side and shares no code with the recorder but the
//! [signature](crate::signature), so that a misunderstanding shows instead of being made twice.
//!
//! In reading order:
//! - [`cloud`]: starts and stops it; what a test asks of it;
//! - [`state`]: what it knows, and how notices change that (pure);
//! - `press`: the buttons of a moderator: signed requests to the recorder, as Talk sends them;
//! - [`crowd`]: the participants of a call, and the failures of the signaling server;
//! - `routes`: its doors: recording page, signaling settings, notices, uploads; `ocs`: the shape of their answers;
//! - `chunks`: the parts of an upload on disk, and how they become one file;
//! - [`faults`]: what shall go wrong at which door;
//! - `signaling`: the signaling server, on a port of its own;
//! - `call.html`: the sample call, a test picture with a clock, sound, and a strip that programs can read;
//! - [`judge`]: reads a recording back and measures it.

pub mod cloud;
pub mod crowd;
pub mod faults;
pub mod judge;
pub mod state;

mod chunks;
mod ocs;
mod press;
mod routes;
mod signaling;

pub use press::{Kind, PressError};
