//! The built server from outside: real HTTP, real signals, a real spool, a Nextcloud double that does what Nextcloud does,
//! and the synthetic engine, so that no browser is needed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::float_cmp, reason = "the counts are small whole numbers, which a float holds exactly")]

mod admission;
mod chunks;
mod churn;
mod cli;
mod crash;
mod deploy;
mod docs;
mod faults;
mod health;
mod life;
mod metrics;
mod network;
mod prometheus;
mod protocol;
mod recordings;
mod reference;
mod reload;
mod service;
mod shutdown;
mod spool;
mod upload;
mod watch;

/// The server's program.
const SERVER: &str = env!("CARGO_BIN_EXE_talk-recorder");

#[test]
fn every_file_of_the_suite_is_in_the_list() {
    testing::assert_every_module_is_listed(
        include_str!("main.rs"),
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite"),
    );
}
