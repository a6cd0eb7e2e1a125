//! The `talk-recorder` program: see [`talk_recorder::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    talk_recorder::cli::run()
}
