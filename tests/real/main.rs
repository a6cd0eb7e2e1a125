//! Real recordings: Xvfb, PulseAudio, both browsers and ffmpeg, driven by the built server, judged by what lies in the file.
//!
//! They run one after the other, since each is a load of its own for a small machine, and a judgement about
//! frames wants the machine for itself.

#![expect(clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::float_cmp, reason = "the counts are small whole numbers, which a float holds exactly")]

mod containers;
mod crash;
mod death;
mod disk;
mod freeze;
mod join;
mod quality;
mod signs;
mod stage;
mod usage;
mod watch;

/// The server's program.
const SERVER: &str = env!("CARGO_BIN_EXE_talk-recorder");

#[test]
fn every_file_of_the_suite_is_in_the_list() {
    testing::assert_every_module_is_listed(
        include_str!("main.rs"),
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real"),
    );
}
