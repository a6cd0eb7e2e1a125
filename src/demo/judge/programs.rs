//! Runs ffmpeg and ffprobe to their end. Dropping the future ends the program.

use std::{io::ErrorKind, path::Path, process::Stdio};

use tokio::process::Command;

use super::JudgeError;

/// So many lines of a program's complaint are kept.
const LAST_LINES: usize = 4;

/// What a program said.
pub(super) struct Said {
    /// On its standard output.
    pub(super) output: Vec<u8>,
    /// On its standard error.
    pub(super) log: String,
}

/// ffmpeg, which reads no keys and says nothing but what it is asked for.
pub(super) fn ffmpeg() -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-nostdin", "-nostats"]);
    command
}

/// Runs a program over a recording.
pub(super) async fn run(mut command: Command, path: &Path) -> Result<Said, JudgeError> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).kill_on_drop(true);
    let done = match command.output().await {
        Ok(done) => done,
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(JudgeError::Missing { program }),
        Err(error) => return Err(JudgeError::Run { program, error }),
    };
    let log = String::from_utf8_lossy(&done.stderr).into_owned();
    if done.status.success() {
        return Ok(Said { output: done.stdout, log });
    }
    let lines: Vec<&str> = log.lines().collect();
    Err(JudgeError::Refused {
        program,
        path: path.to_owned(),
        lines: lines[lines.len().saturating_sub(LAST_LINES)..].join("; "),
    })
}

/// The number after `key` in a line of a log, such as `pts_time:1.5`.
pub(super) fn number_after(line: &str, key: &str) -> Option<f64> {
    let rest = line.split_once(key)?.1.trim_start();
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_rt::test]
    async fn a_missing_program_is_named_with_its_package() {
        let error = run(Command::new("no-such-program"), Path::new("a.webm")).await.err().unwrap();
        assert_eq!(
            error.to_string(),
            "no-such-program is not installed: install the package that brings it (Debian: ffmpeg)"
        );
    }

    #[actix_rt::test]
    async fn a_refusal_has_the_words_of_the_program() {
        let path = Path::new("no/such/file.webm");
        let mut command = ffmpeg();
        command.arg("-i").arg(path);
        let error = run(command, path).await.err().unwrap().to_string();
        assert!(error.contains("No such file"), "{error}");
    }

    #[test]
    fn numbers_are_found_behind_their_key() {
        let line = "[Parsed_showinfo_7 @ 0x1] n:   1 pts:     33 pts_time:0.033   pos: 12";
        assert_eq!(number_after(line, "pts_time:"), Some(0.033));
        assert_eq!(number_after("mean_volume: -20.5 dB", "mean_volume:"), Some(-20.5));
        assert_eq!(number_after(line, "nb_samples:"), None);
    }
}
