//! A TOML file as a [`Layer`].
//!
//! - every syntax error is reported, with its line and without the text of that line, which may hold a secret;
//! - keys have no case, as in a `server.conf`;
//! - a section is a table at the top; a table inside a section is a mistake, mostly a name with dots that
//!   lacks its quotes.

use std::{collections::BTreeMap, path::Path};

use ::config::{Map, Value, ValueKind};
use toml::de::{DeTable, DeValue};

use super::{layer::Layer, report::Report};

/// Reads the text of a TOML file; nothing if it is not TOML.
pub(super) fn read(file: &Path, text: &str, report: &mut Report) -> Option<Layer> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { file, text, report };
    if !errors.is_empty() {
        reader.syntax(&errors);
        return None;
    }
    let mut layer = Layer::default();
    for (name, value) in document.get_ref() {
        match value.get_ref() {
            DeValue::Table(table) => layer.add(name.get_ref(), reader.section(name.get_ref(), table)),
            _ => {
                reader.mistake(name.span().start, &format!("{} stands outside of a section", name.get_ref()));
            }
        }
    }
    Some(layer)
}

struct Reader<'a> {
    file: &'a Path,
    text: &'a str,
    report: &'a mut Report,
}

impl Reader<'_> {
    /// Reports the first error of each line; the others mostly follow from it.
    fn syntax(&mut self, errors: &[toml::de::Error]) {
        let mut first = BTreeMap::new();
        for error in errors {
            let start = error.span().map_or(0, |span| span.start);
            first.entry(self.line(start)).or_insert((start, error.message()));
        }
        for (start, message) in first.into_values() {
            self.mistake(start, &format!("this is not TOML: {message}"));
        }
    }

    fn section(&mut self, section: &str, table: &DeTable<'_>) -> Map<String, Value> {
        let mut values = Map::new();
        for (name, value) in table {
            let start = name.span().start;
            let key = name.get_ref().to_lowercase();
            if matches!(value.get_ref(), DeValue::Table(_)) {
                let hint = format!("a section name with dots needs quotes, as in [\"{section}.{key}\"]");
                self.mistake(start, &format!("[{section}] {key} is a table: {hint}"));
                continue;
            }
            let place = self.place(start);
            let kind = kind(value.get_ref(), &place);
            if values.contains_key(&key) {
                self.mistake(start, &format!("[{section}] {key} stands twice"));
            }
            values.insert(key, Value::new(Some(&place), kind));
        }
        values
    }

    fn place(&self, start: usize) -> String {
        format!("{}:{}", self.file.display(), self.line(start))
    }

    /// The line of a byte, counted from 1.
    fn line(&self, start: usize) -> usize {
        let before = self.text.as_bytes().iter().take(start);
        before.filter(|byte| **byte == b'\n').count() + 1
    }

    fn mistake(&mut self, start: usize, text: &str) {
        let place = self.place(start);
        self.report.mistake(format!("{place}: {text}"));
    }
}

/// A value for crate `config`. What no key takes (a number with a fraction, a date) arrives as something that
/// no key takes.
fn kind(value: &DeValue<'_>, place: &String) -> ValueKind {
    match value {
        DeValue::String(text) => ValueKind::String(text.clone().into_owned()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => ValueKind::I64(number),
            Err(_) => ValueKind::Nil,
        },
        DeValue::Boolean(flag) => ValueKind::Boolean(*flag),
        DeValue::Array(items) => {
            let mut list = Vec::new();
            for item in items {
                list.push(Value::new(Some(place), kind(item.get_ref(), place)));
            }
            ValueKind::Array(list)
        }
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => ValueKind::Nil,
    }
}

#[cfg(test)]
mod tests {
    use ::config::Source;

    use super::*;

    fn mistakes_of(text: &str) -> Vec<String> {
        let mut report = Report::default();
        read(Path::new("config.toml"), text, &mut report);
        report.finish().unwrap_err().mistakes().to_vec()
    }

    #[test]
    fn section_names_in_quotes_are_literal_and_values_know_their_line() {
        let text = "# comment\n[\"cloud.example.com\"]\nURL = [\n \"https://a\",\n]\n";
        let mut report = Report::default();
        let layer = read(Path::new("config.toml"), text, &mut report).unwrap();
        assert!(report.finish().is_ok());
        let sections = layer.collect().unwrap().remove("sections").unwrap();
        let mut sections = sections.into_table().unwrap();
        let values = sections.remove("cloud.example.com").unwrap();
        let values = values.into_table().unwrap();
        assert_eq!(values["url"].origin(), Some("config.toml:3"));
    }

    #[test]
    fn every_syntax_error_is_told_without_its_line() {
        let mistakes = mistakes_of("[backend]\nsecret = hunter2\n[http]\nlisten = = 3\n");
        assert_eq!(
            mistakes,
            [
                "config.toml:2: this is not TOML: string values must be quoted, expected literal string",
                "config.toml:4: this is not TOML: extra `=`, expected nothing",
            ]
        );
    }

    #[test]
    fn what_is_toml_but_no_section_or_key_is_a_mistake() {
        assert_eq!(
            mistakes_of(
                "level = 20\n[cloud.example]\nurl = ''\n[recording]\ndriverPath = ''\ndriverpath = ''\n"
            ),
            [
                "config.toml:2: [cloud] example is a table: a section name with dots needs quotes, as in [\"cloud.example\"]",
                "config.toml:1: level stands outside of a section",
                "config.toml:6: [recording] driverpath stands twice",
            ]
        );
    }
}
