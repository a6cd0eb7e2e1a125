//! TOML files: nothing is skipped, and everything wrong is told at once.

use std::{fs, path::Path};

use secrecy::ExposeSecret;

use super::{load, mistakes, warnings};
use crate::config::{Config, EngineChoice};

#[test]
fn lists_may_be_written_as_lists_or_as_texts_with_commas() {
    let text = r#"
[http]
listen = ["127.0.0.1:8000", "[::1]:8000"]
[backend]
backends = ["cloud.example.com"]
skipverify = true
["cloud.example.com"]
url = ["https://a/", "https://b/nc"]
secret = "s"
skipverify = false
[ffmpeg]
common = ["/opt/my tools/ffmpeg", "-n"]
inputvideo = "-framerate 25"
[recording]
engine = "synthetic"
[stats]
allowed_ips = "10.0.0.0/8, ::1"
"#;
    let loaded = load("config.toml", text);
    assert_eq!(loaded.warnings, [""; 0]);
    let config = loaded.config;
    assert_eq!(config.listen.len(), 2);
    assert_eq!(config.backends.listed[0].urls, ["https://a", "https://b/nc"]);
    assert!(!config.backends.listed[0].settings.skip_verify);
    assert_eq!(config.ffmpeg.common, ["/opt/my tools/ffmpeg", "-n"]);
    assert_eq!(config.ffmpeg.input_video, ["-framerate", "25"]);
    assert_eq!(config.recording.engine, EngineChoice::Synthetic);
    assert_eq!(config.stats_allowed.len(), 2);
}

#[test]
fn every_mistake_is_told_at_once() {
    let text = r#"
[logs]
level = true
[http]
listen = []
[app]
trustedproxies = ["proxy"]
[backend]
backends = ["no-url", "no-secret", "first", "second", "gone"]
allowall = "yes"
uploadchunksize = 1000
[no-url]
secret = 12345
[no-secret]
url = "cloud.example.com"
[first]
url = "https://b"
secret = "hunter2"
[second]
url = "https://b/"
secret = "hunter2"
[ffmpeg]
common = ""
[recording]
engine = 1.5
"#;
    let mistakes = mistakes("config.toml", text, &[]);
    assert_eq!(
        mistakes,
        [
            "config.toml:3: [logs] level = true: must be error (40), warn (30), info (20), debug (10) or trace (0), as a name or a number",
            "config.toml:5: [http] listen = []: must be an IP address and a port, as in 127.0.0.1:8000 or [::]:8000, or several of them; names are not resolved",
            "config.toml:7: [app] trustedproxies holds \"proxy\": must be an IP address or a network, as in 10.0.0.1 or 10.0.0.0/8",
            "config.toml:11: [backend] uploadchunksize = 1000: must be from 5242880 to 5368709120, or Nextcloud refuses it",
            "config.toml:10: [backend] allowall = \"yes\": must be true or false",
            "config.toml:13: [no-url] secret: must be a text in quotes",
            "config.toml: [no-url] url is missing",
            "config.toml:15: [no-secret] url = \"cloud.example.com\": must be the address of a Nextcloud, as in https://cloud.example.com/nextcloud",
            "config.toml: [no-secret] secret is missing",
            "config.toml:9: [backend] backends = [\"no-url\", \"no-secret\", \"first\", \"second\", \"gone\"]: there is no section [gone]",
            "config.toml:9: [first] and [second] have the same url https://b",
            "config.toml:23: [ffmpeg] common = \"\": must start with a program, as in `ffmpeg -n`",
            "config.toml:25: [recording] engine = (neither text, whole number, true, false nor a list): must be a text in quotes",
        ]
    );
}

#[test]
fn a_sign_that_nobody_looks_for_cannot_end_a_recording() {
    let text = "[limits]\nwarn_after = 'off'\nend_when = ['silent']";
    assert_eq!(
        mistakes("config.toml", text, &[]),
        [
            "config.toml:3: [limits] end_when = [\"silent\"]: ends nothing while warn_after is off: give warn_after a time, \
             or leave this list empty"
        ]
    );
    load("config.toml", &text.replace("'silent'", ""));
    load("config.toml", &text.replace("'off'", "'5m'"));
}

#[test]
fn no_secret_is_ever_shown() {
    let text = r#"
[backend]
backends = ["a"]
secret = "hunter2"
[a]
url = "https://a"
secret = "hunter2"
secret_file = "/none"
[signaling]
internalsecret = ["hunter2"]
[typo]
secret = "hunter2"
"#;
    let mistakes = mistakes("config.toml", text, &[]);
    assert_eq!(
        mistakes,
        [
            "config.toml:7: [a] secret: must not stand beside secret_file: give one of them",
            "config.toml:10: [signaling] internalsecret: must be a text in quotes",
        ]
    );
    let good = "[backend]\nbackends = 'a'\n[a]\nurl = 'https://a'\nsecret = 'hunter2'\nsecrets = 'hunter2'";
    assert!(!format!("{:?}", load("config.toml", good)).contains("hunter2"));
}

#[test]
fn names_without_meaning_are_warnings_with_the_nearest_name() {
    let text =
        "[htpp]\nlisten = '127.0.0.1:1'\n[recording]\ndriver_path = '/x'\nDriverPath = '/y'\nretention = 5\n";
    assert_eq!(
        warnings("config.toml", text)[..3],
        [
            "config.toml: section [htpp] means nothing: neither `backends` nor `signalings` lists it, did you mean `http`?",
            "config.toml:4: [recording] has no key `driver_path`, did you mean `driverpath`?",
            "config.toml:6: [recording] has no key `retention`",
        ]
    );
}

#[test]
fn secrets_may_stand_in_files_of_their_own() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("secret");
    fs::write(&file, "from a file\n").unwrap();
    let text = format!(
        "[backend]\nbackends = ['a']\n[a]\nurl = 'https://a'\nsecret_file = '{0}'\n[signaling]\ninternalsecret_file = '{0}'",
        file.display()
    );
    let config = load("config.toml", &text).config;
    let backend = &config.backends.listed[0].settings;
    assert_eq!(backend.secret.expose_secret(), "from a file");
    assert_eq!(config.signaling.common.unwrap().expose_secret(), "from a file");
    let wrong = mistakes(
        "config.toml",
        &text.replace("'a'", "'b'").replace("[a]", "[b]").replace("secret'", "gone'"),
        &[],
    );
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    assert!(wrong[0].contains("[b] secret_file") && wrong[0].contains("cannot be read"));
}

#[test]
fn certificates_are_inherited_and_must_be_readable() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    fs::write(&file, "-----BEGIN CERTIFICATE-----\n").unwrap();
    let text = format!(
        "[backend]\nbackends = ['a']\ncafile = '{}'\n[a]\nurl = 'https://a'\nsecret = 's'",
        file.display()
    );
    let config = load("config.toml", &text).config;
    assert_eq!(config.backends.listed[0].settings.ca_file.as_deref(), Some(file.as_path()));
    fs::remove_file(&file).unwrap();
    assert!(mistakes("config.toml", &text, &[])[0].contains("cafile"));
}

#[test]
fn a_file_must_be_there_and_have_a_known_extension() {
    for (path, fault) in [
        ("/none/config.toml", "/none/config.toml: cannot be read"),
        ("/none/config.yaml", "/none/config.yaml: the file name must end with .toml, .conf or .ini"),
        ("/none/config", "/none/config: the file name must end with"),
    ] {
        let error = Config::load(Some(Path::new(path)), std::iter::empty()).unwrap_err();
        assert!(error.to_string().starts_with(fault), "{error}");
    }
}

#[test]
fn a_text_that_is_no_toml_has_no_other_mistakes() {
    let mistakes = mistakes("config.toml", "[backend\nallowall = true\n", &[]);
    assert!(mistakes.iter().all(|text| text.contains("this is not TOML")), "{mistakes:?}");
}
