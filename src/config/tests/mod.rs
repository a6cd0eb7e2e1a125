//! Whole files, loaded as the server loads them.

mod environment;
mod example;
mod reference;
mod strict;

use std::fs;

use super::{Config, ConfigError, Loaded};

/// Loads a file of this name and text, with nothing but a home and these variables in the environment.
fn load_with(name: &str, text: &str, variables: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(name);
    fs::write(&file, text).unwrap();
    let mut environment = vec![("HOME".to_owned(), "/home/recorder".to_owned())];
    for (name, value) in variables {
        environment.push(((*name).to_owned(), (*value).to_owned()));
    }
    Config::load(Some(&file), environment.into_iter())
}

fn load(name: &str, text: &str) -> Loaded {
    load_with(name, text, &[]).unwrap()
}

/// The mistakes, with the file's name in place of its path.
fn mistakes(name: &str, text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let error = load_with(name, text, variables).unwrap_err();
    error.mistakes().iter().map(|text| without_path(text, name)).collect()
}

fn warnings(name: &str, text: &str) -> Vec<String> {
    let loaded = load(name, text);
    loaded.warnings.iter().map(|text| without_path(text, name)).collect()
}

fn without_path(text: &str, name: &str) -> String {
    match text.find(name) {
        Some(start) if text.starts_with('/') => text[start..].to_owned(),
        _ => text.to_owned(),
    }
}
