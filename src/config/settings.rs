//! All layers merged, and how one key is read from them.
//!
//! A key that is not there, or whose text is empty, is unset: the reference falls back then, and a container
//! that hands on an empty variable means the same. The few keys where "set but empty" says something are read
//! by [`Section::read_even_empty`].

use std::{fmt, path::Path};

use ::config::{Config, Map, Value};
use serde::Deserialize;

use super::{
    keys,
    layer::{Layer, SECTIONS},
    report::Report,
};

/// Every section, with the values of the last layer that has them.
pub(super) struct Settings {
    sections: Map<String, Value>,
    /// What stands in messages about something that is not there.
    file: String,
}

/// A value as it was written.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum Given {
    /// TOML only.
    Flag(bool),
    /// TOML only.
    Number(i64),
    /// Every value of a `server.conf` and of the environment.
    Text(String),
    /// TOML only.
    List(Vec<String>),
    /// Something that no key takes.
    Other(()),
}

impl Given {
    fn is_empty(&self) -> bool {
        match self {
            Given::Text(text) => text.trim().is_empty(),
            Given::Flag(_) | Given::Number(_) | Given::List(_) | Given::Other(()) => false,
        }
    }
}

/// In quotes where it is text, and always on one line.
impl fmt::Display for Given {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Given::Flag(flag) => write!(formatter, "{flag}"),
            Given::Number(number) => write!(formatter, "{number}"),
            Given::Text(text) => write!(formatter, "{text:?}"),
            Given::List(items) => write!(formatter, "{items:?}"),
            Given::Other(()) => formatter.write_str("(neither text, whole number, true, false nor a list)"),
        }
    }
}

impl Settings {
    /// Later layers win.
    pub(super) fn merge(file: Option<&Path>, layers: &[&Layer]) -> Result<Self, ::config::ConfigError> {
        let mut builder = Config::builder().add_source(Layer::default());
        for layer in layers {
            builder = builder.add_source((*layer).clone());
        }
        let sections = builder.build()?.get_table(SECTIONS)?;
        let file = file.map_or_else(|| "configuration".to_owned(), |file| file.display().to_string());
        Ok(Self { sections, file })
    }

    /// The file, or a word for it.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// Whether the section stands anywhere.
    pub(super) fn has(&self, section: &str) -> bool {
        self.sections.contains_key(section)
    }

    /// A section; one that stands nowhere has no values.
    pub(super) fn section<'a>(&'a self, name: &'a str) -> Section<'a> {
        Section { name, settings: self, values: table(self.sections.get(name)) }
    }

    /// The sections that stand somewhere, sorted.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.sections.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// The keys of a section that it does not have from `[DEFAULT]`, sorted, with their places.
    pub(super) fn own_keys(&self, section: &str) -> Vec<(&str, &str)> {
        let inherited = table(self.sections.get(keys::INHERITED));
        let mut own = Vec::new();
        for (key, value) in table(self.sections.get(section)).into_iter().flatten() {
            let place = value.origin().unwrap_or_default();
            let from = inherited.and_then(|values| values.get(key)?.origin());
            if from != Some(place) {
                own.push((key.as_str(), place));
            }
        }
        own.sort_unstable();
        own
    }

    /// The section names that a key lists, each once.
    pub(super) fn ids(&self, section: &str, key: &str) -> Vec<String> {
        let mut ids = Vec::new();
        let listed = self.section(section).given(key).map(items);
        for id in listed.and_then(Result::ok).unwrap_or_default() {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids
    }
}

fn table(section: Option<&Value>) -> Option<&Map<String, Value>> {
    match &section?.kind {
        ::config::ValueKind::Table(values) => Some(values),
        _ => None,
    }
}

/// The parts of a comma list, or the items of a list.
pub(super) fn items(given: Given) -> Result<Vec<String>, String> {
    let items: Vec<String> = match given {
        Given::Text(text) => text.split(',').map(str::to_owned).collect(),
        Given::List(items) => items,
        Given::Flag(_) | Given::Number(_) | Given::Other(()) => {
            return Err("must be a list of texts, or one text with commas".to_owned());
        }
    };
    let trimmed = items.iter().map(|item| item.trim().to_owned());
    Ok(trimmed.filter(|item| !item.is_empty()).collect())
}

/// One section of the merged settings.
#[derive(Clone, Copy)]
pub(super) struct Section<'a> {
    name: &'a str,
    settings: &'a Settings,
    values: Option<&'a Map<String, Value>>,
}

impl<'a> Section<'a> {
    /// Name of the section.
    pub(super) fn name(&self) -> &'a str {
        self.name
    }

    /// What stands in messages about something that the section lacks.
    pub(super) fn file(&self) -> &'a str {
        self.settings.file()
    }

    /// Whether the key is not there or has an empty text.
    pub(super) fn is_unset(&self, key: &str) -> bool {
        self.given(key).is_none_or(|given| given.is_empty())
    }

    /// Reports that none of these keys is there, which the section cannot do without.
    pub(super) fn require(&self, what: &str, keys: &[&str], consequence: &str, report: &mut Report) {
        if keys.iter().all(|key| self.is_unset(key)) {
            let text = format!("{}: [{}] {what} is missing", self.file(), self.name);
            report.forgivable(&text, consequence);
        }
    }

    /// Reads a key. `parse` says what is wrong with a value; that is reported, and the key counts as unset.
    pub(super) fn read<T>(
        &self,
        key: &str,
        report: &mut Report,
        parse: impl FnOnce(Given) -> Result<T, String>,
    ) -> Option<T> {
        if self.is_unset(key) {
            return None;
        }
        self.read_even_empty(key, report, parse)
    }

    /// Reads a key that the reference lives with when it is wrong: `instead` says with which value, and what that
    /// means.
    pub(super) fn read_leniently<T>(
        &self,
        key: &str,
        report: &mut Report,
        parse: impl FnOnce(Given) -> Result<T, String>,
        instead: impl FnOnce(Given) -> Option<(T, &'static str)>,
    ) -> Option<T> {
        let given = self.given(key).filter(|_| !self.is_unset(key))?;
        let fault = match parse(given.clone()) {
            Ok(value) => return Some(value),
            Err(fault) => self.about(key, &fault),
        };
        if let Some((value, consequence)) = instead(given) {
            report.forgivable(&fault, consequence);
            return Some(value);
        }
        report.mistake(fault);
        None
    }

    /// Reads a key for which an empty text is a value.
    pub(super) fn read_even_empty<T>(
        &self,
        key: &str,
        report: &mut Report,
        parse: impl FnOnce(Given) -> Result<T, String>,
    ) -> Option<T> {
        match parse(self.given(key)?) {
            Ok(value) => Some(value),
            Err(fault) => {
                report.mistake(self.about(key, &fault));
                None
            }
        }
    }

    /// A text about the value of a key: place, section, key, value unless it is a secret, and the fault.
    pub(super) fn about(&self, key: &str, fault: &str) -> String {
        let place = self.place(key);
        let section = self.name;
        match self.given(key) {
            Some(given) if !keys::is_secret(key) => format!("{place}: [{section}] {key} = {given}: {fault}"),
            _ => format!("{place}: [{section}] {key}: {fault}"),
        }
    }

    /// Where the key stands; the file if it does not.
    pub(super) fn place(&self, key: &str) -> &'a str {
        let value = self.values.and_then(|values| values.get(key));
        value.and_then(Value::origin).unwrap_or(&self.settings.file)
    }

    fn given(&self, key: &str) -> Option<Given> {
        let value = self.values?.get(key)?.clone();
        Some(value.try_deserialize().unwrap_or(Given::Other(())))
    }
}

#[cfg(test)]
mod tests {
    use ::config::ValueKind;

    use super::*;

    fn given(kind: impl Into<ValueKind>) -> Given {
        Value::new(None, kind).try_deserialize().unwrap_or(Given::Other(()))
    }

    #[test]
    fn values_keep_the_kind_in_which_they_were_written() {
        assert_eq!(given(true), Given::Flag(true));
        assert_eq!(given(20), Given::Number(20));
        assert_eq!(given("20"), Given::Text("20".to_owned()));
        assert_eq!(given(vec!["a"]), Given::List(vec!["a".to_owned()]));
        assert_eq!(given(ValueKind::Nil), Given::Other(()));
        assert_eq!(given(1.5), Given::Other(()));
        assert_eq!(given(vec![1]), Given::Other(()));
    }

    #[test]
    fn lists_are_trimmed_and_have_no_empty_items() {
        assert_eq!(items(given(" a,\nb ,, ")).unwrap(), ["a", "b"]);
        assert_eq!(items(given(vec!["a, b", " c "])).unwrap(), ["a, b", "c"]);
        assert_eq!(items(given("")), Ok(Vec::new()));
        assert!(items(given(5)).is_err());
    }

    #[test]
    fn later_layers_win_key_by_key_and_empty_sections_stay() {
        let mut report = Report::default();
        let first = Layer::of_ini(Path::new("a"), "[x.y]\nk = 1\nl = 1\n[empty]", &mut report);
        let second = Layer::of_ini(Path::new("b"), "[x.y]\nk = 2", &mut report);
        let settings = Settings::merge(None, &[&first, &second]).unwrap();
        assert_eq!(settings.names(), ["empty", "x.y"]);
        let section = settings.section("x.y");
        assert_eq!(section.given("k"), Some(Given::Text("2".to_owned())));
        assert_eq!((section.place("k"), section.place("l")), ("b:2", "a:3"));
    }

    #[test]
    fn no_layers_are_no_sections() {
        assert!(Settings::merge(None, &[]).unwrap().names().is_empty());
    }
}
