//! The environment: `RECORDING_<SECTION>_<KEY>` overrides a key of the file, and other variables say where the
//! spool lies if no key does.
//!
//! The environment is handed in, so that nothing here depends on the process. A variable is used once; what
//! is left with the prefix at the end meant nothing, and is reported.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use ::config::{Map, Value};

use super::{keys::nearest_name, layer::Layer, report::Report};

const PREFIX: &str = "RECORDING_";

/// The variables that were not used yet.
pub(super) struct Environment {
    variables: BTreeMap<String, String>,
    /// Every name that would have meant something.
    known: Vec<String>,
}

impl Environment {
    /// Variables by name.
    pub(super) fn new(variables: impl Iterator<Item = (String, String)>) -> Self {
        Self { variables: variables.collect(), known: Vec::new() }
    }

    /// Takes the variables that override keys of these sections.
    pub(super) fn overrides(
        &mut self,
        sections: &BTreeMap<&str, BTreeSet<&str>>,
        report: &mut Report,
    ) -> Layer {
        let mut meanings: BTreeMap<String, Vec<(&str, &str)>> = BTreeMap::new();
        for (section, keys) in sections {
            for key in keys {
                let meaning = meanings.entry(variable(section, key)).or_default();
                meaning.push((section, key));
            }
        }
        let mut values: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
        for (name, meaning) in meanings {
            if let Some(text) = self.variables.remove(&name) {
                if let [(section, key)] = meaning[..] {
                    let value = Value::new(Some(&name), text);
                    values.entry(section).or_default().insert(key.to_owned(), value);
                } else {
                    report.mistake(format!("{name}: may mean any of {}", listing(&meaning)));
                }
            }
            self.known.push(name);
        }
        let mut layer = Layer::default();
        for (section, values) in values {
            layer.add(section, values);
        }
        layer
    }

    /// Warns about variables that look like overrides and are none.
    pub(super) fn warn_of_unknown(&self, report: &mut Report) {
        let known: Vec<&str> = self.known.iter().map(String::as_str).collect();
        for name in self.variables.keys().filter(|name| name.starts_with(PREFIX)) {
            let hint = nearest_name(name, &known);
            report.warning(format!("{name}: this variable overrides no key{hint}"));
        }
    }

    /// The spool of a server that was not told another one: the state directory that systemd made for it, else
    /// that of its user. Never a directory that is emptied at a restart.
    pub(super) fn spool(&self) -> Option<PathBuf> {
        if let Some(directories) = self.path("STATE_DIRECTORY") {
            // systemd separates several by a colon.
            return directories.split(':').next().map(PathBuf::from);
        }
        let state = match self.path("XDG_STATE_HOME") {
            Some(directory) => PathBuf::from(directory),
            None => PathBuf::from(self.path("HOME")?).join(".local/state"),
        };
        Some(state.join("talk-recorder"))
    }

    /// A variable with an absolute path; the XDG rules say to ignore a relative one.
    fn path(&self, name: &str) -> Option<&str> {
        let text = self.variables.get(name)?;
        text.starts_with('/').then_some(text)
    }
}

/// The name of the variable that overrides a key.
fn variable(section: &str, key: &str) -> String {
    let mut name = PREFIX.to_owned();
    for sign in section.chars().chain(['_']).chain(key.chars()) {
        let plain = sign.is_ascii_alphanumeric();
        name.push(if plain { sign.to_ascii_uppercase() } else { '_' });
    }
    name
}

fn listing(meaning: &[(&str, &str)]) -> String {
    let names: Vec<String> = meaning.iter().map(|(section, key)| format!("[{section}] {key}")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        Environment::new(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn names_of_variables_are_upper_case_with_low_lines() {
        assert_eq!(variable("http", "listen"), "RECORDING_HTTP_LISTEN");
        assert_eq!(variable("stats", "allowed_ips"), "RECORDING_STATS_ALLOWED_IPS");
        assert_eq!(variable("cloud.example-1.com", "url"), "RECORDING_CLOUD_EXAMPLE_1_COM_URL");
    }

    #[test]
    fn a_variable_that_fits_two_sections_is_a_mistake() {
        let mut report = Report::default();
        let url = BTreeSet::from(["url"]);
        environment(&[("RECORDING_A_B_URL", "x")])
            .overrides(&BTreeMap::from([("a.b", url.clone()), ("a-b", url)]), &mut report);
        assert_eq!(
            report.finish().unwrap_err().mistakes(),
            ["RECORDING_A_B_URL: may mean any of [a-b] url, [a.b] url"]
        );
    }

    #[test]
    fn a_variable_that_fits_nothing_is_a_warning_with_the_nearest_name() {
        let mut report = Report::default();
        let mut environment = environment(&[("RECORDING_HTTP_LISTN", "x"), ("PATH", "/bin")]);
        environment.overrides(&BTreeMap::from([("http", BTreeSet::from(["listen"]))]), &mut report);
        environment.warn_of_unknown(&mut report);
        assert_eq!(
            report.finish().unwrap(),
            ["RECORDING_HTTP_LISTN: this variable overrides no key, did you mean `RECORDING_HTTP_LISTEN`?"]
        );
    }

    #[test]
    fn the_spool_is_where_state_belongs() {
        let table = [
            ("STATE_DIRECTORY=/var/lib/a:/var/lib/b HOME=/h", Some("/var/lib/a")),
            ("XDG_STATE_HOME=/s HOME=/h", Some("/s/talk-recorder")),
            ("XDG_STATE_HOME=s HOME=/h", Some("/h/.local/state/talk-recorder")),
            ("STATE_DIRECTORY= HOME=/h", Some("/h/.local/state/talk-recorder")),
            ("HOME=", None),
            ("", None),
        ];
        for (text, expected) in table {
            let variables: Vec<(&str, &str)> =
                text.split_whitespace().filter_map(|pair| pair.split_once('=')).collect();
            let spool = environment(&variables).spool();
            assert_eq!(spool, expected.map(PathBuf::from), "{text}");
        }
    }
}
