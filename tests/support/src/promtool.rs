//! What Prometheus' own tool says.

use std::{
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

const MISSING: &str = "promtool is not installed: `make test-deps`, or install the Debian package prometheus";

/// Whether it is content with a text in the classic format, and what it complains of.
///
/// # Panics
/// When it is not installed.
pub fn says_of_metrics(text: &str) -> (bool, String) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect(MISSING);
    let mut input = promtool.stdin.take().expect("standard input is a pipe");
    input.write_all(text.as_bytes()).expect("promtool reads");
    drop(input);
    verdict(&promtool.wait_with_output().expect("promtool ends"))
}

/// Whether it is content with a file, such as with `["check", "rules"]`, and what it says.
///
/// # Panics
/// When it is not installed.
pub fn says_of_file(command: [&str; 2], file: &Path) -> (bool, String) {
    verdict(&Command::new("promtool").args(command).arg(file).output().expect(MISSING))
}

fn verdict(output: &Output) -> (bool, String) {
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}
