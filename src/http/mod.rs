//! The HTTP service: `GET /api/v1/welcome`, `POST /api/v1/room/{token}`, `GET /metrics`,
//! `GET /health`.
//!
//! What always holds:
//! - a request is answered in milliseconds, before any work: Nextcloud waits for the answer inside of a user's
//!   request;
//! - nothing of a request is believed before its signature is verified, but its length;
//! - an answer never tells a secret, nor the right checksum.
//!
//! In reading order: [`server`] binds and routes, [`signed`] authenticates, [`room`] starts and stops,
//! [`metrics`] renders, in the format that [`negotiation`] finds, [`health`] is for load balancers, [`client`] tells who
//! asks, [`traffic`] counts.

mod client;
mod health;
mod metrics;
mod negotiation;
mod room;
mod server;
mod signed;
mod traffic;
mod welcome;

pub(crate) use health::pulse_within;
pub use server::{BindError, Doorway, Http};
pub use traffic::Traffic;
