//! What is wrong with the settings, collected until everything was looked at.
//!
//! - a mistake refuses the settings, a warning does not;
//! - some faults are mistakes in a TOML file and warnings in a `server.conf`, where the reference lives with
//!   them: which of the two is decided here and nowhere else;
//! - no text holds a secret or a line break, and none stands twice.

/// Why the settings were refused: every mistake, one per line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", mistakes.join("\n"))]
pub struct ConfigError {
    mistakes: Vec<String>,
}

impl ConfigError {
    /// Each mistake with its place, what stands there and what is allowed. There is at least one.
    pub fn mistakes(&self) -> &[String] {
        &self.mistakes
    }
}

/// Mistakes and warnings so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// The settings come from a `server.conf`.
    pub(super) forgiving: bool,
    mistakes: Vec<String>,
    warnings: Vec<String>,
}

impl Report {
    /// Something that refuses the settings.
    pub(super) fn mistake(&mut self, text: impl Into<String>) {
        add(&mut self.mistakes, text.into());
    }

    /// Something an operator should know.
    pub(super) fn warning(&mut self, text: impl Into<String>) {
        add(&mut self.warnings, text.into());
    }

    /// Something the reference lives with, and what it then does.
    pub(super) fn forgivable(&mut self, text: &str, consequence: &str) {
        if self.forgiving {
            self.warning(format!("{text}: {consequence}"));
        } else {
            self.mistake(text);
        }
    }

    /// The warnings, if there is no mistake.
    pub(super) fn finish(self) -> Result<Vec<String>, ConfigError> {
        if self.mistakes.is_empty() { Ok(self.warnings) } else { Err(self.refuse()) }
    }

    /// The mistakes, where one of them makes it pointless to look further.
    pub(super) fn refuse(self) -> ConfigError {
        ConfigError { mistakes: self.mistakes }
    }
}

/// A value in `[DEFAULT]` is met once in each section, but it is one fault.
fn add(texts: &mut Vec<String>, text: String) {
    if !texts.contains(&text) {
        texts.push(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_met_twice_is_one_mistake() {
        let mut report = Report::default();
        report.mistake("a");
        report.mistake("b");
        report.mistake("a");
        let error = report.finish().unwrap_err();
        assert_eq!(error.mistakes(), ["a", "b"]);
        assert_eq!(error.to_string(), "a\nb");
    }

    #[test]
    fn what_the_reference_lives_with_is_a_mistake_elsewhere() {
        let mut strict = Report::default();
        strict.forgivable("[cloud] url is missing", "skipped");
        assert_eq!(strict.finish().unwrap_err().mistakes(), ["[cloud] url is missing"]);
        let mut forgiving = Report { forgiving: true, ..Report::default() };
        forgiving.forgivable("[cloud] url is missing", "skipped");
        assert_eq!(forgiving.finish().unwrap(), ["[cloud] url is missing: skipped"]);
    }
}
