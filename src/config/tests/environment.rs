//! The environment beside a file.

use log::LevelFilter;
use secrecy::ExposeSecret;

use super::{load_with, mistakes};

const FILE: &str = "\
[http]
listen = 127.0.0.1:1
[backend]
backends = cloud.example.com
[cloud.example.com]
url = https://file
secret = file
[recording]
driverPath = /file
";

#[test]
fn variables_override_keys_of_every_section() {
    let loaded = load_with(
        "server.conf",
        FILE,
        &[
            ("RECORDING_HTTP_LISTEN", "127.0.0.1:2, [::1]:2"),
            ("RECORDING_LOGS_LEVEL", "warn"),
            ("RECORDING_RECORDING_DRIVERPATH", "/variable"),
            ("RECORDING_CLOUD_EXAMPLE_COM_SECRET", "50%"),
            ("RECORDING_BACKEND_VIDEOWIDTH", ""),
        ],
    )
    .unwrap();
    assert_eq!(loaded.warnings, [""; 0]);
    let config = loaded.config;
    assert_eq!(config.listen.len(), 2);
    assert_eq!(config.log_level, LevelFilter::Warn);
    assert_eq!(config.recording.driver_path.unwrap().to_str(), Some("/variable"));
    let settings = config.backends.find("https://file").unwrap().settings;
    assert_eq!(settings.secret.expose_secret(), "50%");
    assert_eq!(settings.video_width, 1920);
}

#[test]
fn variables_alone_make_a_backend() {
    let loaded = load_with(
        "config.toml",
        "",
        &[
            ("RECORDING_BACKEND_BACKENDS", "cloud-1"),
            ("RECORDING_CLOUD_1_URL", "https://cloud"),
            ("RECORDING_CLOUD_1_SECRET", "s"),
            ("RECORDING_SIGNALING_SIGNALINGS", "hpb"),
            ("RECORDING_HPB_URL", "https://hpb"),
            ("RECORDING_HPB_INTERNALSECRET", "i"),
            ("STATE_DIRECTORY", "/var/lib/talk-recorder"),
        ],
    )
    .unwrap();
    assert_eq!(loaded.warnings, [""; 0]);
    let found = loaded.config.backends.find("https://cloud/").unwrap();
    assert_eq!(found.id.as_str(), "cloud-1");
    assert_eq!(found.settings.directory.to_str(), Some("/var/lib/talk-recorder"));
    assert!(loaded.config.signaling.secret_for("wss://hpb").is_some());
}

#[test]
fn mistakes_name_the_variable() {
    assert_eq!(
        mistakes(
            "server.conf",
            FILE,
            &[("RECORDING_BACKEND_VIDEOWIDTH", "wide"), ("RECORDING_CLOUD_EXAMPLE_COM_SECRET_FILE", "/none"),]
        ),
        [
            "RECORDING_BACKEND_VIDEOWIDTH: [backend] videowidth = \"wide\": must be an even number from 2 to 7680, since video encoders halve it",
            "server.conf:7: [cloud.example.com] secret: must not stand beside secret_file: give one of them",
        ]
    );
}

#[test]
fn a_variable_without_meaning_is_a_warning() {
    let loaded = load_with("server.conf", FILE, &[("RECORDING_CLOUD_EXAMPLE_COM_SECRT", "x")]).unwrap();
    assert_eq!(
        loaded.warnings,
        [
            "RECORDING_CLOUD_EXAMPLE_COM_SECRT: this variable overrides no key, did you mean `RECORDING_CLOUD_EXAMPLE_COM_SECRET`?"
        ]
    );
}

#[test]
fn without_any_place_for_recordings_the_directory_must_be_named() {
    let expected = "[backend] directory must say where recordings are kept: \
                    none of STATE_DIRECTORY, XDG_STATE_HOME and HOME does";
    assert_eq!(mistakes("server.conf", FILE, &[("HOME", "")]), [expected]);
    let variables = [("HOME", ""), ("RECORDING_CLOUD_EXAMPLE_COM_DIRECTORY", "/srv")];
    assert!(load_with("server.conf", FILE, &variables).is_ok());
}
