//! One source of settings: a `server.conf`, a TOML file or the environment, in the form that crate `config`
//! merges.
//!
//! - each value knows its place (`server.conf:12`, `RECORDING_HTTP_LISTEN`), so that a mistake can name it;
//! - the sections stand in one table, because `config` would take a top-level name such as
//!   `cloud.example.com` for a path through three tables;
//! - keys are in lower case.

use std::{fmt, path::Path};

use ::config::{Map, Source, Value};

use super::{
    ini::{Document, Section},
    interpolation::interpolate,
    keys,
    report::Report,
};

/// The table with all sections.
pub(super) const SECTIONS: &str = "sections";

/// The sections of one source.
#[derive(Clone, Default)]
pub(super) struct Layer {
    sections: Map<String, Value>,
}

impl Layer {
    /// Adds a section, which may have no keys.
    pub(super) fn add(&mut self, section: &str, values: Map<String, Value>) {
        self.sections.insert(section.to_owned(), values.into());
    }

    /// The sections of a `server.conf`, each with what `[DEFAULT]` says.
    pub(super) fn of_ini(file: &Path, text: &str, report: &mut Report) -> Self {
        let document = Document::parse(text);
        for (line, problem) in &document.problems {
            report.mistake(format!("{}:{line}: {problem}", file.display()));
        }
        let mut layer = Self::default();
        let inherited = document.section(keys::INHERITED);
        for section in &document.sections {
            layer.add(&section.name, values(file, section, inherited, report));
        }
        layer
    }
}

/// The values of a section, with their references followed.
fn values(
    file: &Path,
    section: &Section,
    inherited: Option<&Section>,
    report: &mut Report,
) -> Map<String, Value> {
    let lookup = |key: &str| {
        let own = section.entry(key);
        let entry = own.or_else(|| inherited.and_then(|defaults| defaults.entry(key)));
        entry.map(|entry| entry.raw.as_str())
    };
    let mut values = Map::new();
    let inherited_entries = inherited.map_or(&[][..], |defaults| &defaults.entries);
    for entry in section.entries.iter().chain(inherited_entries) {
        if values.contains_key(&entry.key) {
            continue;
        }
        let place = format!("{}:{}", file.display(), entry.line);
        let text = interpolate(&entry.raw, &lookup).unwrap_or_else(|error| {
            // The reference works a value out when it reads it, and it never reads a key it does not know.
            if section.name != keys::INHERITED && keys::is_known_somewhere(&entry.key) {
                report.mistake(format!("{place}: [{}] {}: {error}", section.name, entry.key));
            }
            String::new()
        });
        values.insert(entry.key.clone(), Value::new(Some(&place), text));
    }
    values
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ::config::ConfigError> {
        let sections = Value::from(self.sections.clone());
        Ok(Map::from([(SECTIONS.to_owned(), sections)]))
    }
}

/// Names only: the values may be secrets.
impl fmt::Debug for Layer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.sections.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(layer: &Layer, section: &str, key: &str) -> Option<(String, String)> {
        let values = layer.sections.get(section)?.clone().into_table().ok()?;
        let value = values.get(key)?.clone();
        let place = value.origin()?.to_owned();
        Some((value.into_string().ok()?, place))
    }

    #[test]
    fn sections_inherit_and_references_see_their_own_section_first() {
        let text = "[DEFAULT]\nhost = a\nurl = https://%(host)s\n[x]\nhost = b\n[y]\nsecret = 5%%";
        let mut report = Report::default();
        let layer = Layer::of_ini(Path::new("server.conf"), text, &mut report);
        assert!(report.finish().is_ok());
        let url = ("https://b".to_owned(), "server.conf:3".to_owned());
        assert_eq!(text_of(&layer, "x", "url"), Some(url));
        assert_eq!(text_of(&layer, "y", "url").unwrap().0, "https://a");
        assert_eq!(text_of(&layer, "y", "secret").unwrap().0, "5%");
    }

    #[test]
    fn a_lone_percent_sign_is_a_mistake_only_where_the_reference_reads_it() {
        let text = "[DEFAULT]\nsecret = hunter%2\n[a]\n[b]\nsecret = x\nremark = 100%";
        let mut report = Report::default();
        Layer::of_ini(Path::new("server.conf"), text, &mut report);
        assert_eq!(
            report.finish().unwrap_err().mistakes(),
            ["server.conf:2: [a] secret: a percent sign must be written as %%"]
        );
    }

    #[test]
    fn a_layer_prints_no_values() {
        let mut report = Report::default();
        let layer = Layer::of_ini(Path::new("x"), "[a]\nsecret = hunter2", &mut report);
        assert_eq!(format!("{layer:?}"), r#"{"a"}"#);
    }
}
