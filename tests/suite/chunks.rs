//! Uploads in chunks: whatever goes wrong at whichever step, the bytes that arrive are those of the spool, and what
//! was accepted is not sent again.

use std::{fs, path::PathBuf, slice, time::Duration};

use futures_util::{StreamExt, stream};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use talk_recorder::demo::{
    Kind,
    faults::{Door, Fault},
    state::StoredFile,
};
use testing::{
    Scene, Setup,
    scene::{OWNER, ROOM},
};
use tokio::time::{Instant, sleep};

use crate::{
    SERVER,
    faults::{self, HONEST},
};

mod limits;
mod resuming;

const MIB: usize = 1 << 20;
const CHUNK_SIZE: &str = "uploadchunksize = 5242880";
const FOR_LONG: Fault = Fault::Hang(Duration::from_secs(40));

/// A recording that runs, with more media than the engine wrote.
struct Large {
    scene: Scene,
    media: PathBuf,
    bytes: Vec<u8>,
}

impl Large {
    async fn record(mebibytes: usize) -> Self {
        Self::record_with(mebibytes, "").await
    }

    async fn record_with(mebibytes: usize, more: &'static str) -> Self {
        let setup =
            Setup { recording: "engine = \"synthetic\"", backend: CHUNK_SIZE, more, ..Setup::default() };
        let scene = Scene::start(SERVER, setup).await;
        Self::record_in(scene, mebibytes).await
    }

    async fn record_in(scene: Scene, mebibytes: usize) -> Self {
        scene.press_record(Kind::Video).await;
        scene.until_started(20).await;
        let media = scene.spooled()[0].join("media.webm");
        let mut bytes = fs::read(&media).unwrap();
        // No two pieces are alike, so that their order shows.
        for number in 0..mebibytes * 16 {
            bytes.extend_from_slice(&number.to_le_bytes());
            bytes.resize(bytes.len() + MIB / 16 - size_of_val(&number), b'-');
        }
        bytes.truncate(mebibytes * MIB);
        fs::write(&media, &bytes).unwrap();
        Self { scene, media, bytes }
    }

    fn script(&self, door: Door, faults: &[Fault]) {
        self.scene.cloud.faults().script(door, faults.iter().copied());
    }

    /// What a file in Nextcloud must be like.
    fn sha256(&self) -> String {
        hex::encode(Sha256::digest(&self.bytes))
    }

    /// Waits until the file is there, as it was recorded, alone, and gone from the spool.
    async fn until_delivered(&self, seconds: u64) -> StoredFile {
        let file = self.scene.until_stored(1, seconds).await;
        assert_eq!((file.bytes, &file.sha256), (self.bytes.len() as u64, &self.sha256()));
        self.scene.until_nothing_is_spooled().await;
        assert_eq!(self.names(), slice::from_ref(&file.name));
        file
    }

    /// The files that lie in Nextcloud's folder.
    fn names(&self) -> Vec<String> {
        let folder = fs::read_dir(self.folder()).unwrap();
        let mut names: Vec<_> =
            folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn folder(&self) -> PathBuf {
        self.scene.directory().join("files").join(OWNER).join("Talk/Recording").join(ROOM)
    }

    /// How often a chunk was sent.
    fn sent(&self, number: u32) -> usize {
        let end = format!("/{number}");
        let received = self.scene.cloud.state().received;
        received.iter().filter(|request| request.door == Door::Chunk && request.path.ends_with(&end)).count()
    }

    fn requests_at(&self, door: Door) -> usize {
        self.scene.cloud.state().requests_at(door)
    }

    fn memo(&self) -> PathBuf {
        self.media.with_file_name("upload.json")
    }

    /// Waits until the note of the upload says something.
    async fn until_noted(&self, text: &str) {
        let begun = Instant::now();
        while !fs::read_to_string(self.memo()).is_ok_and(|memo| memo.contains(text)) {
            assert!(begun.elapsed() < Duration::from_secs(20), "{text} is not noted");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Kills the server when so many chunks were accepted, and the next one hangs.
    async fn kill_after(&mut self, chunks: usize) {
        let mut faults = vec![HONEST; chunks];
        faults.push(FOR_LONG);
        self.script(Door::Chunk, &faults);
        self.scene.press_stop().await;
        self.until_noted(&format!("\"chunks\":{chunks},")).await;
        self.scene.server.kill();
        self.scene.cloud.faults().clear();
    }

    async fn restart(&mut self) {
        self.scene.restart().await;
    }
}

/// Records once for each fault at this door, a few at a time.
async fn deliver_despite_faults_at(door: Door) {
    let deliveries = faults::all().into_iter().map(|faults| deliver_despite(door, faults));
    stream::iter(deliveries).buffer_unordered(4).collect::<()>().await;
}

async fn deliver_despite(door: Door, mut faults: Vec<Fault>) {
    let large = Large::record(6).await;
    if door == Door::Chunk {
        faults.insert(0, HONEST);
    }
    large.script(door, &faults);
    large.scene.press_stop().await;
    let file = large.until_delivered(60).await;
    let case = format!("{door:?} {faults:?}");
    assert_eq!(large.scene.cloud.faults().left(door), 0, "{case} was not met");
    let copies = if door == Door::HandIn && faults == [Fault::LoseAnswer] { 2 } else { 1 };
    assert_eq!(large.scene.cloud.state().stored.len(), copies, "{case}: {file:?}");
    assert!(large.sent(1) <= 1, "{case}: an accepted chunk was sent again");
    for (name, value) in
        [("total", 1.0), ("failed_total", 0.0), ("uploads_failed_total", 0.0), ("current", 0.0)]
    {
        assert_eq!(large.scene.server.count(name).await, value, "{case}: {name}");
    }
    let log = large.scene.server.log();
    for (token, share) in large.scene.cloud.state().shares {
        assert!(!log.contains(&token) && !log.contains(share.password.expose_secret()), "{case}: {log}");
    }
}

#[actix_rt::test]
async fn faults_at_the_request_for_a_share_lose_nothing() {
    deliver_despite_faults_at(Door::RequestUpload).await;
}

#[actix_rt::test]
async fn faults_at_the_upload_directory_lose_nothing() {
    deliver_despite_faults_at(Door::MakeDirectory).await;
}

#[actix_rt::test]
async fn faults_in_the_middle_of_the_chunks_lose_nothing() {
    deliver_despite_faults_at(Door::Chunk).await;
}

#[actix_rt::test]
async fn faults_when_the_chunks_are_joined_lose_nothing() {
    deliver_despite_faults_at(Door::Join).await;
}

#[actix_rt::test]
async fn faults_when_the_file_is_handed_in_lose_nothing() {
    deliver_despite_faults_at(Door::HandIn).await;
}
