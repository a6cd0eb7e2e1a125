//! A built server, a demo cloud and a directory for both.

use std::{fs, path::PathBuf, time::Duration};

use rustix::process::Signal;
use secrecy::SecretString;
pub use talk_recorder::demo::state::StoredFile;
use talk_recorder::{
    demo::{
        Kind,
        cloud::{Cloud, Settings},
        state::{NoticeKind, State},
    },
    tls,
};
use tempfile::TempDir;

use crate::{Server, disk::SmallDisk};

/// The room of every scene.
pub const ROOM: &str = "abcd1234";
/// Another room, of another owner.
pub const OTHER_ROOM: &str = "efgh5678";
/// Whom the first one belongs to.
pub const OWNER: &str = "alice";
/// A room whose picture stands still.
pub const STILL: &str = "still";
/// A room whose picture is black.
pub const BLACK: &str = "black";
/// A room whose sound is silence.
pub const SILENT: &str = "silent";
/// A room whose page is led to another one after five seconds, with something private behind the `?`.
pub const LEFT: &str = "left";
/// The recording secret of every scene.
pub const SECRET: &str = "open sesame";
/// The internal secret of every scene.
pub const INTERNAL: &str = "internal secret";

/// The ends of the names of the first five families.
const FAMILIES: [&str; 5] =
    ["current", "total", "failed_total", "uploads_failed_total", "duration_seconds_total"];

/// How a scene differs from the plain one.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// More lines, by section: they stand in the configuration as they are.
    pub recording: &'static str,
    /// For `[backend]`.
    pub backend: &'static str,
    /// Whole sections.
    pub more: &'static str,
    /// The size in MiB of the disk that the spool lies on, where it is a small one of its own.
    pub spool_mib: Option<u32>,
    /// What the server takes for the internal secret, where it is not the right one.
    pub internal_secret: Option<&'static str>,
    /// Variables in the environment of the server.
    pub environment: Vec<(&'static str, String)>,
}

/// Everything around one server.
pub struct Scene {
    /// The server under test. It ends before the cloud does.
    pub server: Server,
    /// Its Nextcloud.
    pub cloud: Cloud,
    /// Goes before the directory that it is mounted in.
    _disk: Option<SmallDisk>,
    directory: TempDir,
}

impl Scene {
    /// A server with the synthetic engine.
    pub async fn synthetic(binary: &str) -> Self {
        Self::start(binary, Setup { recording: "engine = \"synthetic\"", ..Setup::default() }).await
    }

    /// The same with a Talk that is too old for uploads in chunks.
    pub async fn with_old_talk(binary: &str) -> Self {
        let scene = Self::synthetic(binary).await;
        scene.cloud.rule(|rules| rules.old_talk = true);
        scene
    }

    /// A server with these settings.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(binary: &str, setup: Setup) -> Self {
        tls::install_provider();
        let directory = tempfile::tempdir().expect("a temporary directory");
        let cloud = Cloud::start(Settings {
            recording_secret: SecretString::from(SECRET),
            internal_secret: SecretString::from(INTERNAL),
            rooms: [(ROOM, OWNER), (OTHER_ROOM, "bob")]
                .into_iter()
                .chain([STILL, BLACK, SILENT, LEFT].map(|room| (room, OWNER)))
                .map(|(room, owner)| (room.to_owned(), owner.to_owned()))
                .collect(),
            files: directory.path().join("files"),
        })
        .expect("the demo cloud starts");
        let config = directory.path().join("config.toml");
        let spool = directory.path().join("spool");
        let disk = setup.spool_mib.map(|mib| SmallDisk::mount(&spool, mib));
        let text = format!(
            "[http]\nlisten = \"127.0.0.1:0\"\n\
             [backend]\nbackends = [\"cloud\"]\ndirectory = \"{}\"\n{}\n\
             [cloud]\nurl = \"{}\"\nsecret = \"{SECRET}\"\n\
             [signaling]\ninternalsecret = \"{}\"\n\
             [recording]\n{}\n{}\n",
            spool.display(),
            setup.backend,
            cloud.address(),
            setup.internal_secret.unwrap_or(INTERNAL),
            setup.recording,
            setup.more,
        );
        fs::write(&config, text).expect("the configuration is written");
        let server = Server::start_in(binary, &config, setup.environment).await;
        cloud.use_recorder(server.url());
        Self { server, cloud, _disk: disk, directory }
    }

    /// The directory of the scene.
    pub fn directory(&self) -> PathBuf {
        self.directory.path().to_owned()
    }

    /// The directory of the recordings.
    pub fn spool(&self) -> PathBuf {
        self.directory.path().join("spool")
    }

    /// Writes another configuration and has the server read it. Returns what it logged until it was done.
    ///
    /// # Panics
    /// When the file cannot be written, or the server says neither that it was taken over nor why not.
    pub async fn reload(&mut self, edit: impl FnOnce(String) -> String) -> String {
        let config = self.directory.path().join("config.toml");
        let text = fs::read_to_string(&config).expect("the configuration can be read");
        fs::write(&config, edit(text)).expect("the configuration is written");
        let already = self.server.log().len();
        self.server.signal(Signal::HUP);
        self.server.wait_for_log(already, "reloaded").await;
        self.server.log().split_off(already)
    }

    /// Kills the server and starts it again; the cloud learns its new address.
    pub async fn restart(&mut self) {
        self.server.start_again().await;
        self.cloud.use_recorder(self.server.url());
    }

    /// The owner presses record.
    ///
    /// # Panics
    /// When the server does not take it.
    pub async fn press_record(&self, kind: Kind) {
        self.cloud.press_record(ROOM, kind).await.expect("the start is accepted");
    }

    /// The owner presses stop.
    ///
    /// # Panics
    /// When the server does not take it.
    pub async fn press_stop(&self) {
        self.cloud.press_stop(ROOM).await.expect("the stop is accepted");
    }

    /// Waits until the cloud is as wanted.
    ///
    /// # Panics
    /// With the cloud's state and the server's log, when it does not become so within `seconds`.
    pub async fn until(&self, what: &str, seconds: u64, wanted: impl FnMut(&State) -> bool) -> State {
        let seen = self.cloud.wait_for(wanted, Duration::from_secs(seconds)).await;
        seen.unwrap_or_else(|error| panic!("{what}: {error}\n{}", self.server.log()))
    }

    /// Waits until the room is being recorded.
    pub async fn until_started(&self, seconds: u64) -> State {
        self.until("started", seconds, |state| {
            matches!(state.told(ROOM).last(), Some(NoticeKind::Started(_)))
        })
        .await
    }

    /// Waits until that many files are stored, and returns the newest.
    ///
    /// # Panics
    /// As [`until`](Self::until).
    pub async fn until_stored(&self, count: usize, seconds: u64) -> StoredFile {
        let state = self.until("stored", seconds, |state| state.stored.len() >= count).await;
        state.stored.last().cloned().expect("a file was stored")
    }

    /// What the room was told, in order, without who and when.
    pub fn told(&self) -> Vec<NoticeKind> {
        self.cloud.state().told(ROOM)
    }

    /// What the first five families count.
    pub async fn counts(&self) -> Vec<(&'static str, f64)> {
        let mut counts = Vec::new();
        for name in FAMILIES {
            counts.push((name, self.server.count(name).await));
        }
        counts
    }

    /// Checks that all five stand at 0: nothing of an earlier life counts.
    ///
    /// # Panics
    /// When one does not.
    pub async fn nothing_counts(&self) {
        assert_eq!(self.counts().await, FAMILIES.map(|name| (name, 0.0)));
    }

    /// The recordings that the spool holds.
    pub fn spooled(&self) -> Vec<PathBuf> {
        let backend = self.directory.path().join("spool/cloud");
        let Ok(items) = fs::read_dir(backend) else { return Vec::new() };
        items.filter_map(|item| Some(item.ok()?.path())).collect()
    }

    /// Waits until the spool holds nothing.
    ///
    /// # Panics
    /// When it still does after 10 seconds.
    pub async fn until_nothing_is_spooled(&self) {
        for _ in 0..100 {
            if self.spooled().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the spool still holds {:?}\n{}", self.spooled(), self.server.log());
    }
}
