//! What a new configuration changes, and what of it cannot be changed while the server runs. Pure.

use std::path::PathBuf;

use actors::ids::BackendId;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{Backend, BackendSettings, Config, Signaling};

/// What a new configuration changes. Names only, never a value.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Backends that may record from now on.
    pub added: Vec<BackendId>,
    /// Backends that may not any more.
    pub removed: Vec<BackendId>,
    /// Backends of which anything is different.
    pub changed: Vec<BackendId>,
    /// Other sections of which anything is different.
    pub sections: Vec<&'static str>,
}

impl Changes {
    /// What is different. Those who are allowed without being listed count as one backend.
    pub fn between(old: &Config, new: &Config) -> Self {
        let (before, after) = (backends(old), backends(new));
        let mut changes = Self { sections: sections(old, new), ..Self::default() };
        for known in &after {
            match before.iter().find(|other| other.id == known.id) {
                None => changes.added.push(known.id.clone()),
                Some(other) if !is_same_backend(other, known) => changes.changed.push(known.id.clone()),
                Some(_) => {}
            }
        }
        let is_gone = |known: &&Backend| after.iter().all(|other| other.id != known.id);
        changes.removed = before.iter().filter(is_gone).map(|known| known.id.clone()).collect();
        changes
    }
}

impl Config {
    /// Puts the old value of each setting back that a running server cannot change, and names those. A backend whose
    /// recordings lie somewhere already, as `spool_of` says, keeps its directory: nobody would look for them there.
    pub(crate) fn hold_back(
        &mut self,
        old: &Self,
        spool_of: impl Fn(&BackendId) -> Option<PathBuf>,
    ) -> Vec<String> {
        let mut held = Vec::new();
        hold(&mut held, "[http] listen", &mut self.listen, &old.listen);
        hold(&mut held, "[recording] engine", &mut self.recording.engine, &old.recording.engine);
        hold(&mut held, "[recording] synthetic", &mut self.recording.synthetic, &old.recording.synthetic);
        let slots = (&mut self.recording.max_concurrent, &old.recording.max_concurrent);
        hold(&mut held, "[recording] max_concurrent", slots.0, slots.1);
        for backend in &mut self.backends.listed {
            if let Some(spool) = spool_of(&backend.id) {
                let key = format!("[{}] directory", backend.id);
                hold(&mut held, &key, &mut backend.settings.directory, &spool);
            }
        }
        if let Some(any) = &mut self.backends.any
            && let Some(spool) = spool_of(&BackendId::allowall())
        {
            hold(&mut held, "[backend] directory", &mut any.directory, &spool);
        }
        held
    }
}

fn hold<T: Clone + PartialEq>(held: &mut Vec<String>, key: &str, new: &mut T, old: &T) {
    if new != old {
        new.clone_from(old);
        held.push(key.to_owned());
    }
}

/// Every backend, listed or not.
fn backends(config: &Config) -> Vec<Backend> {
    let mut backends = config.backends.listed.clone();
    if let Some(settings) = config.backends.any.clone() {
        backends.push(Backend { id: BackendId::allowall(), urls: Vec::new(), settings });
    }
    backends
}

/// The sections of which anything is different, but for those of backends.
fn sections(old: &Config, new: &Config) -> Vec<&'static str> {
    // A new field must find its section here.
    let Config {
        listen,
        backends: _,
        log_level,
        trusted_proxies,
        signaling,
        ffmpeg,
        recording,
        limits,
        upload,
        reserve,
        shutdown,
        stats_allowed,
    } = new;
    let sections = [
        ("[logs]", old.log_level != *log_level),
        ("[http]", old.listen != *listen),
        ("[app]", old.trusted_proxies != *trusted_proxies),
        ("[signaling]", !is_same_signaling(&old.signaling, signaling)),
        ("[ffmpeg]", old.ffmpeg != *ffmpeg),
        ("[recording]", old.recording != *recording),
        ("[limits]", old.limits != *limits),
        ("[upload]", old.upload != *upload),
        ("[spool]", old.reserve != *reserve),
        ("[shutdown]", old.shutdown != *shutdown),
        ("[stats]", old.stats_allowed != *stats_allowed),
    ];
    sections.into_iter().filter_map(|(name, is_different)| is_different.then_some(name)).collect()
}

fn is_same_backend(one: &Backend, other: &Backend) -> bool {
    let secrets = (&one.settings.secret, &other.settings.secret);
    // Secrets cannot be compared by accident, so they are taken out first.
    let open = |settings: &BackendSettings| {
        let BackendSettings {
            secret: _,
            skip_verify,
            ca_file,
            max_message_size,
            video_width,
            video_height,
            directory,
            upload_chunk_size,
            max_recordings,
            quota,
        } = settings.clone();
        let trust = (skip_verify, ca_file);
        let limits = (max_message_size, upload_chunk_size, max_recordings, quota);
        (trust, limits, (video_width, video_height), directory)
    };
    is_same_secret(secrets.0, secrets.1)
        && one.urls == other.urls
        && open(&one.settings) == open(&other.settings)
}

fn is_same_signaling(one: &Signaling, other: &Signaling) -> bool {
    let common = match (&one.common, &other.common) {
        (Some(one), Some(other)) => is_same_secret(one, other),
        (None, None) => true,
        _ => false,
    };
    let is_same_server = |(one, other): (&(Url, SecretString), &(Url, SecretString))| {
        one.0 == other.0 && is_same_secret(&one.1, &other.1)
    };
    let (servers, others) = (&one.servers, &other.servers);
    common && servers.len() == others.len() && servers.iter().zip(others).all(is_same_server)
}

fn is_same_secret(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret() == other.expose_secret()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::EngineChoice;

    fn settings(secret: &str) -> BackendSettings {
        BackendSettings::defaults(secret.into(), "/spool".into())
    }

    fn backend(id: &str, secret: &str) -> Backend {
        Backend {
            id: id.parse().unwrap(),
            urls: vec![format!("https://{id}.example.com")],
            settings: settings(secret),
        }
    }

    fn with(listed: Vec<Backend>, any: Option<BackendSettings>) -> Config {
        let mut config = Config::defaults();
        (config.backends.listed, config.backends.any) = (listed, any);
        config
    }

    fn names(backends: &[BackendId]) -> Vec<&str> {
        backends.iter().map(BackendId::as_str).collect()
    }

    #[test]
    fn backends_come_go_and_change() {
        let old = with(vec![backend("a", "1"), backend("b", "1"), backend("c", "1")], None);
        let mut quota = backend("c", "1");
        quota.settings.quota = Some(1);
        let new = with(vec![backend("d", "1"), quota, backend("b", "2")], Some(settings("2")));
        let changes = Changes::between(&old, &new);
        assert_eq!(names(&changes.added), ["d", "allowall"]);
        assert_eq!(names(&changes.removed), ["a"]);
        assert_eq!(names(&changes.changed), ["c", "b"]);
        assert!(!format!("{changes:?}").contains('2'), "no secret");
    }

    #[test]
    fn another_order_or_the_same_again_is_no_change() {
        let one = with(vec![backend("a", "1"), backend("b", "1")], Some(settings("1")));
        let other = with(vec![backend("b", "1"), backend("a", "1")], Some(settings("1")));
        assert_eq!(Changes::between(&one, &other), Changes::default());
    }

    #[test]
    fn every_section_is_compared() {
        type Change = fn(&mut Config);
        let old = Config::defaults();
        let changes: [(&str, Change); 11] = [
            ("[logs]", |it| it.log_level = log::LevelFilter::Debug),
            ("[http]", |it| it.listen.clear()),
            ("[app]", |it| it.trusted_proxies = it.stats_allowed.clone()),
            ("[signaling]", |it| it.signaling.common = Some("secret".into())),
            ("[ffmpeg]", |it| it.ffmpeg.extension_audio = ".mka".to_owned()),
            ("[recording]", |it| it.recording.max_concurrent = Some(1)),
            ("[limits]", |it| it.limits.watch_call = false),
            ("[upload]", |it| it.upload.max_concurrent = 1),
            ("[spool]", |it| it.reserve = 1),
            ("[shutdown]", |it| it.shutdown.wait_limit = Duration::ZERO),
            ("[stats]", |it| it.stats_allowed.clear()),
        ];
        for (section, change) in changes {
            let mut new = old.clone();
            change(&mut new);
            assert_eq!(Changes::between(&old, &new).sections, [section]);
        }
    }

    #[test]
    fn the_secret_of_a_single_signaling_server_is_compared_too() {
        let server = |secret: &str| {
            let mut config = Config::defaults();
            config.signaling.servers.push((Url::parse("https://s.example.com").unwrap(), secret.into()));
            config
        };
        assert_eq!(Changes::between(&server("1"), &server("1")), Changes::default());
        assert_eq!(Changes::between(&server("1"), &server("2")).sections, ["[signaling]"]);
    }

    #[test]
    fn what_needs_a_restart_is_put_back_and_named() {
        let old = Config::defaults();
        let mut new = old.clone();
        new.listen = vec!["127.0.0.1:1".parse().unwrap()];
        new.recording.engine = EngineChoice::Synthetic;
        new.recording.synthetic.bytes += 1;
        new.recording.max_concurrent = Some(1);
        new.reserve = 1;
        let held = new.hold_back(&old, |_| None);
        let keys =
            ["[http] listen", "[recording] engine", "[recording] synthetic", "[recording] max_concurrent"];
        assert_eq!(held, keys);
        assert_eq!(Changes::between(&old, &new).sections, ["[spool]"], "the rest is left alone");
        assert!(new.hold_back(&old, |_| None).is_empty());
    }

    #[test]
    fn a_backend_keeps_its_directory_where_it_has_one() {
        let mut new = with(vec![backend("a", "1"), backend("b", "1")], Some(settings("1")));
        let held = new.hold_back(&Config::defaults(), |id| (id.as_str() != "b").then(|| "/old".into()));
        assert_eq!(held, ["[a] directory", "[backend] directory"]);
        let directories: Vec<_> = new.backends.directories().into_iter().collect();
        assert_eq!(directories, [std::path::Path::new("/old"), std::path::Path::new("/spool")]);
    }
}
