//! The `talk-recorder` program: see [`talk_recorder::cli`].

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Much is allocated on one thread and freed on another: the disk's, the main one, that of the metrics. The allocator of
/// the C library makes these wait for each other.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    talk_recorder::cli::run()
}
