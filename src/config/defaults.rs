//! What holds where nothing is configured, in one place: the loader, the demo and the tests take it from here.

use std::{path::PathBuf, time::Duration};

use actors::{recorder::Running, synthetic::Plan};
use ipnet::IpNet;
use log::LevelFilter;
use secrecy::SecretString;

use super::{
    BackendSettings, Backends, Config, EngineChoice, Ffmpeg, Limits, Recording, Shutdown, Signaling, Upload,
};

/// The only address that is served by default.
pub(super) const LISTEN: ([u8; 4], u16) = ([127, 0, 0, 1], 8000);

impl Config {
    /// The defaults, with any free port of the loopback and no backend, so that nobody may record.
    pub fn defaults() -> Self {
        Self {
            log_level: LevelFilter::Info,
            listen: vec![(LISTEN.0, 0).into()],
            trusted_proxies: Vec::new(),
            backends: Backends::default(),
            signaling: Signaling::default(),
            ffmpeg: Ffmpeg::default(),
            recording: Recording::default(),
            limits: Limits::default(),
            upload: Upload::default(),
            reserve: 1 << 30,
            shutdown: Shutdown::default(),
            stats_allowed: loopback(),
        }
    }
}

impl BackendSettings {
    /// The defaults for a backend with this secret and spool.
    pub fn defaults(secret: SecretString, directory: PathBuf) -> Self {
        Self {
            secret,
            skip_verify: false,
            ca_file: None,
            max_message_size: 1024,
            video_width: 1920,
            video_height: 1080,
            directory,
            upload_chunk_size: 10 * 1024 * 1024,
            max_recordings: None,
            quota: None,
        }
    }
}

impl Default for Ffmpeg {
    fn default() -> Self {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        Self {
            common: words("ffmpeg -loglevel level+warning -n"),
            input_audio: Vec::new(),
            input_video: Vec::new(),
            output_audio: words("-c:a libopus"),
            output_video: words("-c:v libvpx -deadline:v realtime -crf 10 -b:v 1M -threads 1 -cpu-used:v -6"),
            extension_audio: ".ogg".to_owned(),
            extension_video: ".webm".to_owned(),
        }
    }
}

impl Default for Recording {
    fn default() -> Self {
        Self {
            engine: EngineChoice::Real,
            synthetic: Plan::default(),
            browser: None,
            driver_path: None,
            browser_path: None,
            max_concurrent: None,
        }
    }
}

impl Default for Limits {
    /// What a user of Talk would not notice: nothing that a call with people in it could run into.
    fn default() -> Self {
        Self {
            max_length: Some(Duration::from_hours(24)),
            max_size: None,
            watch_call: true,
            empty_call: Some(Duration::from_mins(2)),
            unresponsive_page: Some(Duration::from_mins(2)),
            warn_after: Some(Duration::from_mins(10)),
            end_when: Vec::new(),
        }
    }
}

impl Default for Upload {
    fn default() -> Self {
        Self { max_concurrent: 3, give_up_after: Duration::from_hours(7 * 24) }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self {
            calls: Running::Stop,
            wait_limit: Duration::from_hours(4),
            seal_limit: Duration::from_mins(1),
            upload_limit: Duration::from_mins(2),
        }
    }
}

/// The machine itself, over IPv4 and IPv6.
fn loopback() -> Vec<IpNet> {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    vec![IpAddr::V4(Ipv4Addr::LOCALHOST).into(), IpAddr::V6(Ipv6Addr::LOCALHOST).into()]
}
