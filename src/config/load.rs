//! From a file and the environment to a [`Config`].
//!
//! ```text
//! file ─► layer ─┐
//!                ├─► merged ─► which sections are there? ─► overrides of those ─► merged ─► checked
//! overrides of ──┘
//! the fixed sections
//! ```

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::{
    Config, ConfigError, check::check, environment::Environment, keys, layer::Layer, report::Report,
    settings::Settings, toml_file,
};

/// Where a configuration is looked for if none is named; the first that is there counts.
const PLACES: [&str; 4] =
    ["config.toml", "server.conf", "/etc/talk-recorder/config.toml", "/etc/talk-recorder/server.conf"];

/// Settings that hold.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// What an operator should know. Not logged yet, since the settings say how to log.
    pub warnings: Vec<String>,
    /// The file they come from.
    pub source: Option<PathBuf>,
}

impl Config {
    /// Reads and checks the settings: a TOML file (`.toml`) or a configuration of the reference (`.conf`,
    /// `.ini`), and the variables that override its keys. Without a path, the usual places are searched, and if
    /// there is no file either, the defaults hold.
    ///
    /// # Errors
    /// Every mistake at once, each with its place and what is allowed.
    pub fn load(
        path: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Loaded, ConfigError> {
        let mut report = Report::default();
        let source = path.map(Path::to_path_buf).or_else(|| search(&PLACES));
        let Some(file) = read_file(source.as_deref(), &mut report) else {
            return Err(report.refuse());
        };
        let mut environment = Environment::new(environment);
        let merged = merge(source.as_deref(), &file, &mut environment, &mut report);
        let settings = match merged {
            Ok(settings) => settings,
            Err(error) => {
                report.mistake(error.to_string());
                return Err(report.refuse());
            }
        };
        keys::warn_of_unknown(&settings, &mut report);
        environment.warn_of_unknown(&mut report);
        let config = check(&settings, environment.spool(), &mut report);
        Ok(Loaded { config, warnings: report.finish()?, source })
    }
}

fn search(places: &[&str]) -> Option<PathBuf> {
    places.iter().map(PathBuf::from).find(|place| place.is_file())
}

/// The settings of a file; nothing if it cannot be understood.
fn read_file(source: Option<&Path>, report: &mut Report) -> Option<Layer> {
    let Some(file) = source else {
        report.warning(format!("no configuration, looked for {}: the defaults hold", PLACES.join(", ")));
        return Some(Layer::default());
    };
    let extension = file.extension().and_then(|extension| extension.to_str());
    let name = file.display();
    if !matches!(extension, Some("toml" | "conf" | "ini")) {
        report.mistake(format!("{name}: the file name must end with .toml, .conf or .ini"));
        return None;
    }
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => {
            report.mistake(format!("{name}: cannot be read: {error}"));
            return None;
        }
    };
    if extension == Some("toml") {
        return toml_file::read(file, &text, report);
    }
    report.forgiving = true;
    Some(Layer::of_ini(file, &text, report))
}

/// File and overrides in one. The sections with a free name are known only once the lists of them are merged.
fn merge(
    source: Option<&Path>,
    file: &Layer,
    environment: &mut Environment,
    report: &mut Report,
) -> Result<Settings, ::config::ConfigError> {
    let mut sections = BTreeMap::new();
    for (name, _) in keys::FIXED {
        sections.insert(*name, keys::of(name, &[], &[]));
    }
    let fixed = environment.overrides(&sections, report);
    let listing = Settings::merge(source, &[file, &fixed])?;
    let backends = listing.ids("backend", "backends");
    let signalings = listing.ids("signaling", "signalings");
    let mut sections = BTreeMap::new();
    for id in backends.iter().chain(&signalings) {
        sections.insert(id.as_str(), keys::of(id, &backends, &signalings));
    }
    let free = environment.overrides(&sections, report);
    Settings::merge(source, &[file, &fixed, &free])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_place_with_a_file_counts() {
        let directory = tempfile::tempdir().unwrap();
        let place = |name: &str| directory.path().join(name).display().to_string();
        let places = [place("config.toml"), place("server.conf")];
        let places: Vec<&str> = places.iter().map(String::as_str).collect();
        assert_eq!(search(&places), None);
        fs::write(places[1], "").unwrap();
        assert_eq!(search(&places), Some(PathBuf::from(places[1])));
        fs::write(places[0], "").unwrap();
        assert_eq!(search(&places), Some(PathBuf::from(places[0])));
    }

    #[test]
    fn without_a_file_the_defaults_hold_and_nobody_may_record() {
        let mut report = Report::default();
        let file = read_file(None, &mut report).unwrap();
        let mut environment = Environment::new(std::iter::empty());
        let settings = merge(None, &file, &mut environment, &mut report).unwrap();
        let config = check(&settings, None, &mut report);
        let mut defaults = Config::defaults();
        defaults.listen[0].set_port(8000);
        assert_eq!(format!("{config:?}"), format!("{defaults:?}"));
        let warnings = report.finish().unwrap();
        assert!(warnings[0].starts_with("no configuration"), "{warnings:?}");
        assert!(warnings[1].starts_with("nobody may record"), "{warnings:?}");
    }
}
