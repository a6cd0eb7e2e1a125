//! Settings, checked once when they are loaded: behind [`Config`] nothing is a string that could be wrong.
//!
//! - every value is final: per-backend settings are already resolved against `[backend]` and the defaults;
//! - secrets are in a type that does not print;
//! - a mistake is reported with file, section, key, value and what is allowed, all mistakes in one go.
//!
//! In reading order: `load` finds a file and merges it with the `environment`; `ini` (with `interpolation`) and
//! `toml_file` make a `layer` of it; `settings` reads a key from the merged layers; `check`, `backends` and
//! `signaling` and `limits` build what stands here, with `values` and `addresses` for single values and `defaults`
//! for the rest; `report` collects what is wrong, and `keys` knows every name. `lookup` answers who may record;
//! `current` is what holds at the moment, and `changes` is what another configuration would change.

mod addresses;
mod backends;
mod changes;
mod check;
mod current;
mod defaults;
mod environment;
mod ini;
mod interpolation;
mod keys;
mod layer;
mod limits;
mod load;
mod lookup;
mod report;
mod settings;
mod signaling;
#[cfg(test)]
mod tests;
mod toml_file;
mod values;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use actors::{ids::BackendId, recorder::Running, recording::Sign, synthetic::Plan};
use ipnet::IpNet;
use log::LevelFilter;
use secrecy::SecretString;
use url::Url;

pub use self::{
    changes::Changes,
    current::{Current, Holder},
    load::Loaded,
    lookup::Found,
    report::ConfigError,
};

/// Everything that can be set, in its final form.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[logs] level`.
    pub log_level: LevelFilter,
    /// `[http] listen`: the addresses to serve on.
    pub listen: Vec<SocketAddr>,
    /// `[app] trustedproxies`: peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The Nextclouds that may record.
    pub backends: Backends,
    /// The internal secrets of the signaling servers.
    pub signaling: Signaling,
    /// What ffmpeg is told.
    pub ffmpeg: Ffmpeg,
    /// How calls are recorded.
    pub recording: Recording,
    /// What ends a recording that nobody stops.
    pub limits: Limits,
    /// How recordings are handed over.
    pub upload: Upload,
    /// `[spool] reserve`: bytes that must be free on the disk before a recording begins.
    pub reserve: u64,
    /// How the server ends.
    pub shutdown: Shutdown,
    /// `[stats] allowed_ips`: who may read `/metrics`.
    pub stats_allowed: Vec<IpNet>,
}

/// The Nextclouds that may record.
#[derive(Debug, Clone, Default)]
pub struct Backends {
    /// Each `[backend]` section that is listed in `backends`.
    pub listed: Vec<Backend>,
    /// With `allowall = true`: the settings of a backend that is not listed, its secret included.
    /// That secret then goes for the listed ones too, and stands in their settings.
    pub any: Option<BackendSettings>,
}

/// One listed Nextcloud.
#[derive(Debug, Clone)]
pub struct Backend {
    /// Name of its section.
    pub id: BackendId,
    /// The base addresses under which it calls, each without trailing slash.
    pub urls: Vec<String>,
    /// What holds for it.
    pub settings: BackendSettings,
}

/// What holds for one Nextcloud.
#[derive(Debug, Clone)]
pub struct BackendSettings {
    /// The recording secret.
    pub secret: SecretString,
    /// `skipverify`: its certificate is not looked at.
    pub skip_verify: bool,
    /// `cafile`: a PEM file with further certificates to trust for it.
    pub ca_file: Option<PathBuf>,
    /// `maxmessagesize`: the longest request body it may send, in bytes.
    pub max_message_size: usize,
    /// `videowidth`, in pixels.
    pub video_width: u32,
    /// `videoheight`, in pixels.
    pub video_height: u32,
    /// `directory`: the spool of its recordings.
    pub directory: PathBuf,
    /// `uploadchunksize`: the size of a chunk of the chunked upload, in bytes.
    pub upload_chunk_size: u64,
    /// `maxrecordings`: how many of its calls may be recorded at a time.
    pub max_recordings: Option<usize>,
    /// `quota`: how many bytes its recordings may take in the spool.
    pub quota: Option<u64>,
}

/// The internal secrets of the signaling servers, by which a recording page may join a call unseen.
#[derive(Debug, Clone, Default)]
pub struct Signaling {
    /// `[signaling] internalsecret`: for each server that has none of its own.
    pub common: Option<SecretString>,
    /// Each listed server: its URL and its own secret.
    pub servers: Vec<(Url, SecretString)>,
}

/// What ffmpeg is told, split into arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ffmpeg {
    /// Executable and global options.
    pub common: Vec<String>,
    /// Put before the options of the audio input.
    pub input_audio: Vec<String>,
    /// Put before the options of the video input.
    pub input_video: Vec<String>,
    /// Audio encoder.
    pub output_audio: Vec<String>,
    /// Video encoder.
    pub output_video: Vec<String>,
    /// Extension of a recording without picture, with its dot.
    pub extension_audio: String,
    /// Extension of a recording with picture, with its dot.
    pub extension_video: String,
}

/// How a call is recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// `engine`: real programs, or none.
    pub engine: EngineChoice,
    /// `synthetic`: what happens to the recordings of the synthetic engine.
    pub synthetic: Plan,
    /// `browser`; `None` where the file does not say: Firefox where it is installed, else Chromium.
    pub browser: Option<Browser>,
    /// `driverPath`: the chromedriver to use.
    pub driver_path: Option<PathBuf>,
    /// `browserPath`: the browser to use.
    pub browser_path: Option<PathBuf>,
    /// `max_concurrent`: how many calls may be recorded at a time; `None` where the file does not say, and the
    /// machine decides.
    pub max_concurrent: Option<usize>,
}

/// `[limits]`: what ends a recording that nobody stops. `None`: this never does.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// `max_length` of a recording.
    pub max_length: Option<Duration>,
    /// `max_size` of a recording, in bytes.
    pub max_size: Option<u64>,
    /// `watch_call`: whether the room is watched over the signaling server.
    pub watch_call: bool,
    /// `empty_call`: how long nobody need be in the call.
    pub empty_call: Option<Duration>,
    /// `unresponsive_page`: how long the page need not answer.
    pub unresponsive_page: Option<Duration>,
    /// `warn_after`: how long the picture may stand still or be black, or the sound be silent, without a warning.
    pub warn_after: Option<Duration>,
    /// `end_when`: which of these signs end the recording, too.
    pub end_when: Vec<Sign>,
}

/// `[upload]`: how recordings are handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upload {
    /// `max_concurrent`: uploads of one backend at a time.
    pub max_concurrent: usize,
    /// `give_up_after`: how long a recording is tried to be uploaded before it is parked.
    pub give_up_after: Duration,
}

/// `[shutdown]`: how the server ends when it is told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shutdown {
    /// `calls`: whether running recordings are stopped, or waited for.
    pub calls: Running,
    /// `wait_limit`: how long they are waited for.
    pub wait_limit: Duration,
    /// `seal_limit`: how long stopped ones may take to be sealed.
    pub seal_limit: Duration,
    /// `upload_limit`: how long sealed ones may take to be uploaded.
    pub upload_limit: Duration,
}

/// Which engine makes the recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineChoice {
    /// Display, sound, browser and encoder.
    Real,
    /// For load tests: makes small files and records nothing.
    Synthetic,
}

/// A browser that can record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Browser {
    /// `firefox`: Firefox, driven directly.
    Firefox,
    /// `chrome`: Chromium or Chrome, driven through chromedriver.
    Chrome,
}
