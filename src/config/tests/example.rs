//! `config.example.toml` is a configuration, its values are the defaults, and it describes every key.

use std::collections::BTreeSet;

use super::{load, load_with};
use crate::config::keys;

const EXAMPLE: &str = include_str!("../../../config.example.toml");

/// The example with every key and section that stands in it as a comment.
fn uncommented() -> String {
    let mut lines = Vec::new();
    for line in EXAMPLE.lines() {
        // Prose has a space behind its `#`.
        match line.strip_prefix('#') {
            Some(content) if !content.is_empty() && !content.starts_with(' ') => lines.push(content),
            _ => lines.push(line),
        }
    }
    lines.join("\n")
}

/// The keys of each section, in the order of the file.
fn keys_of(text: &str) -> Vec<(String, BTreeSet<String>)> {
    let mut sections: Vec<(String, BTreeSet<String>)> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(header) = line.strip_prefix('[') {
            let name = header.trim_end_matches(']').trim_matches('"');
            sections.push((name.to_owned(), BTreeSet::new()));
        } else if let Some((key, _)) = line.split_once(" = ") {
            sections.last_mut().unwrap().1.insert(key.to_lowercase());
        }
    }
    sections
}

#[test]
fn its_values_are_the_defaults() {
    let example = load("config.toml", EXAMPLE);
    let nothing = load("config.toml", "");
    assert_eq!(format!("{:?}", example.config), format!("{:?}", nothing.config));
    assert_eq!(example.warnings, nothing.warnings);
}

#[test]
fn what_a_backend_inherits_from_it_are_the_defaults() {
    let backend =
        [("RECORDING_BACKEND_BACKENDS", "a"), ("RECORDING_A_URL", "https://a"), ("RECORDING_A_SECRET", "s")];
    let example = load_with("config.toml", EXAMPLE, &backend).unwrap();
    let nothing = load_with("config.toml", "", &backend).unwrap();
    assert_eq!(example.config.backends.listed.len(), 1);
    assert_eq!(format!("{:?}", example.config), format!("{:?}", nothing.config));
}

#[test]
fn values_in_comments_are_good_and_those_of_a_backend_are_the_defaults() {
    // The files that the example names are not on this machine.
    let is_file = |line: &&str| line.contains("_file = ") || line.starts_with("cafile = ");
    let text: Vec<String> = uncommented().lines().filter(|line| !is_file(line)).map(str::to_owned).collect();
    let text = text
        .join("\n")
        .replace("backends = []", "backends = ['cloud.example.com']")
        .replace("signalings = []", "signalings = ['signaling.example.com']");
    let loaded = load("config.toml", &text);
    assert_eq!(loaded.warnings, [""; 0]);
    let short = "[backend]\nbackends = 'cloud.example.com'\ndirectory = '/var/lib/talk-recorder'\n\
                 ['cloud.example.com']\nurl = 'https://cloud.example.com/nextcloud'\nsecret = 's'\n";
    let backends = load("config.toml", short).config.backends;
    assert_eq!(format!("{:?}", loaded.config.backends), format!("{backends:?}"));
}

#[test]
fn it_describes_every_key_and_no_other() {
    let mut expected: Vec<(String, BTreeSet<String>)> = Vec::new();
    for (section, keys) in keys::FIXED {
        let keys = keys.iter().map(ToString::to_string).collect();
        expected.push(((*section).to_owned(), keys));
    }
    for (section, keys) in
        [("cloud.example.com", keys::OF_A_BACKEND), ("signaling.example.com", keys::OF_A_SIGNALING_SERVER)]
    {
        let keys = keys.iter().map(ToString::to_string).collect();
        expected.push((section.to_owned(), keys));
    }
    let mut described = keys_of(&uncommented());
    described.sort();
    expected.sort();
    assert_eq!(described, expected);
}
