//! The names that may stand in a configuration: sections and their keys, keys in lower case.
//!
//! Everything that asks "is this name known?" asks here: warnings about misspelt names, the names of
//! environment variables, and the test that `config.example.toml` describes every key.

use std::collections::BTreeSet;

use super::{report::Report, settings::Settings};

/// The section of a `server.conf` whose values show up in each other section.
pub(super) const INHERITED: &str = "DEFAULT";

/// The sections with a fixed name.
pub(super) const FIXED: &[(&str, &[&str])] = &[
    ("logs", &["level"]),
    ("http", &["listen"]),
    ("app", &["trustedproxies"]),
    (
        "backend",
        &[
            "allowall",
            "backends",
            "secret",
            "secret_file",
            "skipverify",
            "cafile",
            "maxmessagesize",
            "videowidth",
            "videoheight",
            "directory",
            "uploadchunksize",
            "maxrecordings",
            "quota",
        ],
    ),
    ("spool", &["reserve"]),
    ("signaling", &["internalsecret", "internalsecret_file", "signalings"]),
    (
        "ffmpeg",
        &[
            "common",
            "inputaudio",
            "inputvideo",
            "outputaudio",
            "outputvideo",
            "extensionaudio",
            "extensionvideo",
        ],
    ),
    ("recording", &["engine", "synthetic", "browser", "driverpath", "browserpath", "max_concurrent"]),
    ("upload", &["max_concurrent", "give_up_after"]),
    (
        "limits",
        &[
            "max_length",
            "max_size",
            "watch_call",
            "empty_call",
            "unresponsive_page",
            "warn_after",
            "end_when",
        ],
    ),
    ("shutdown", &["calls", "wait_limit", "seal_limit", "upload_limit"]),
    ("stats", &["allowed_ips"]),
];

/// The keys of a section that `[backend] backends` lists.
pub(super) const OF_A_BACKEND: &[&str] = &[
    "url",
    "secret",
    "secret_file",
    "skipverify",
    "cafile",
    "maxmessagesize",
    "videowidth",
    "videoheight",
    "directory",
    "uploadchunksize",
    "maxrecordings",
    "quota",
];

/// The keys of a section that `[signaling] signalings` lists.
pub(super) const OF_A_SIGNALING_SERVER: &[&str] = &["url", "internalsecret", "internalsecret_file"];

/// Whether what stands under this key must never be shown.
pub(super) fn is_secret(key: &str) -> bool {
    matches!(key, "secret" | "internalsecret")
}

/// Whether any section has this key.
pub(super) fn is_known_somewhere(key: &str) -> bool {
    OF_A_BACKEND.contains(&key)
        || OF_A_SIGNALING_SERVER.contains(&key)
        || FIXED.iter().any(|(_, keys)| keys.contains(&key))
}

/// The keys that a section may have; empty where nothing knows the section.
pub(super) fn of(section: &str, backends: &[String], signalings: &[String]) -> BTreeSet<&'static str> {
    let mut keys = BTreeSet::new();
    for (name, fixed) in FIXED {
        if *name == section {
            keys.extend(*fixed);
        }
    }
    if backends.iter().any(|id| id == section) {
        keys.extend(OF_A_BACKEND);
    }
    if signalings.iter().any(|id| id == section) {
        keys.extend(OF_A_SIGNALING_SERVER);
    }
    keys
}

/// Warns about sections and keys that mean nothing.
pub(super) fn warn_of_unknown(settings: &Settings, report: &mut Report) {
    let backends = settings.ids("backend", "backends");
    let signalings = settings.ids("signaling", "signalings");
    let mut sections: Vec<&str> = FIXED.iter().map(|(name, _)| *name).collect();
    sections.extend(backends.iter().chain(&signalings).map(String::as_str));
    for section in settings.names() {
        let keys = of(section, &backends, &signalings);
        if section == INHERITED && report.forgiving {
            continue;
        }
        if keys.is_empty() {
            let hint = nearest_name(section, &sections);
            let file = settings.file();
            report.warning(format!(
                "{file}: section [{section}] means nothing: neither `backends` nor `signalings` lists it{hint}"
            ));
            continue;
        }
        let keys: Vec<&str> = keys.into_iter().collect();
        for (key, place) in settings.own_keys(section) {
            if !keys.contains(&key) {
                let hint = nearest_name(key, &keys);
                report.warning(format!("{place}: [{section}] has no key `{key}`{hint}"));
            }
        }
    }
}

/// `, did you mean …?` with the most similar of the known names, or nothing where none is similar.
pub(super) fn nearest_name(name: &str, known: &[&str]) -> String {
    let mut nearest = None;
    // One slip in a short name, two or three in a long one.
    let mut allowed = name.chars().count() / 4 + 1;
    for candidate in known {
        let distance = strsim::damerau_levenshtein(name, candidate);
        if distance <= allowed {
            nearest = Some(candidate);
            allowed = distance.saturating_sub(1);
        }
    }
    nearest.map_or_else(String::new, |candidate| format!(", did you mean `{candidate}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_and_no_far_one() {
        let known = ["videowidth", "videoheight", "url", "secret"];
        assert_eq!(nearest_name("videoheigth", &known), ", did you mean `videoheight`?");
        assert_eq!(nearest_name("urls", &known), ", did you mean `url`?");
        assert_eq!(nearest_name("uri", &known), ", did you mean `url`?");
        assert_eq!(nearest_name("retention", &known), "");
        assert_eq!(nearest_name("", &known), "");
    }

    #[test]
    fn a_section_in_both_lists_has_the_keys_of_both() {
        let id = ["cloud".to_owned()];
        let keys = of("cloud", &id, &id);
        assert!(keys.contains("videowidth") && keys.contains("internalsecret"));
        assert!(of("cloud", &[], &[]).is_empty());
    }
}
