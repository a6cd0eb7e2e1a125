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

use crate::SERVER;

const MIB: usize = 1 << 20;
const CHUNK_SIZE: &str = "uploadchunksize = 5242880";
/// For a request that shall be served in order, before one that shall not.
const HONEST: Fault = Fault::Delay(Duration::ZERO);
const A_MOMENT: Fault = Fault::Hang(Duration::from_secs(1));
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

/// What can go wrong with any request.
fn faults() -> Vec<Vec<Fault>> {
    vec![
        vec![Fault::Status(500)],
        vec![Fault::Status(500); 2],
        vec![Fault::Status(503)],
        vec![Fault::Busy(429, 1)],
        vec![Fault::Busy(503, 1)],
        vec![Fault::Status(401)],
        vec![Fault::Status(413)],
        vec![Fault::Drop],
        vec![Fault::BreakHalfway],
        vec![Fault::BreakAtEnd],
        vec![Fault::LoseAnswer],
        vec![A_MOMENT],
    ]
}

/// Records once for each fault at this door, a few at a time.
async fn deliver_despite_faults_at(door: Door) {
    let deliveries = faults().into_iter().map(|faults| deliver_despite(door, faults));
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

#[actix_rt::test]
async fn a_chunk_whose_answer_was_lost_is_not_sent_again() {
    let large = Large::record(6).await;
    large.script(Door::Chunk, &[Fault::LoseAnswer, Fault::LoseAnswer]);
    large.scene.press_stop().await;
    large.until_delivered(30).await;
    assert_eq!((large.sent(1), large.sent(2)), (1, 1));
}

#[actix_rt::test]
async fn a_chunk_of_another_length_is_replaced() {
    let mut large = Large::record(11).await;
    large.kill_after(1).await;
    let share = fs::read_dir(large.scene.directory().join("files/.uploads")).unwrap().next().unwrap();
    let upload = fs::read_dir(share.unwrap().path()).unwrap().next().unwrap();
    fs::write(upload.unwrap().path().join("2"), b"something else").unwrap();
    large.restart().await;
    large.until_delivered(30).await;
    assert_eq!(large.sent(1), 1);
    assert_eq!(large.requests_at(Door::Remove), 1);
}

#[actix_rt::test]
async fn a_try_goes_on_where_the_one_before_it_stopped() {
    let large = Large::record(11).await;
    large.script(Door::Chunk, &[HONEST, HONEST]);
    large.script(Door::Chunk, &[Fault::Status(500); 4]);
    large.scene.press_stop().await;
    large.until_delivered(60).await;
    assert_eq!((large.sent(1), large.sent(2), large.sent(3)), (1, 1, 5));
    assert_eq!(large.requests_at(Door::RequestUpload), 1);
    assert_eq!(large.scene.server.count("uploads_failed_total").await, 0.0);
}

#[actix_rt::test]
async fn a_first_round_that_fails_counts_once_and_the_next_start_goes_on() {
    let mut large = Large::record(6).await;
    large.script(Door::Chunk, &[HONEST]);
    large.script(Door::Chunk, &[Fault::Status(500); 9]);
    large.scene.press_stop().await;
    for _ in 0..2 {
        // Its three tries take somewhat longer than one wait for the log.
        sleep(Duration::from_secs(6)).await;
    }
    large.scene.server.wait_for_log(0, "upload failed, the file stays in the spool").await;
    assert_eq!(large.scene.server.count("uploads_failed_total").await, 1.0);
    assert_eq!(large.scene.server.count("failed_total").await, 0.0);
    large.scene.cloud.faults().clear();
    large.restart().await;
    large.until_delivered(20).await;
    assert_eq!(large.sent(1), 1);
}

#[actix_rt::test]
async fn killed_between_chunks_only_the_rest_is_sent() {
    let mut large = Large::record(11).await;
    large.kill_after(2).await;
    large.restart().await;
    large.until_delivered(20).await;
    assert_eq!((large.sent(1), large.sent(2)), (1, 1));
    assert_eq!((large.requests_at(Door::RequestUpload), large.requests_at(Door::MakeDirectory)), (1, 1));
}

#[actix_rt::test]
async fn killed_while_the_chunks_are_joined_they_are_joined_again() {
    let mut large = Large::record(6).await;
    large.script(Door::Join, &[FOR_LONG]);
    large.scene.press_stop().await;
    large.until_noted("\"at\":\"joining\"").await;
    large.scene.server.kill();
    large.scene.cloud.faults().clear();
    large.restart().await;
    large.until_delivered(40).await;
    assert_eq!((large.sent(1), large.sent(2)), (1, 1));
}

#[actix_rt::test]
async fn killed_before_the_file_is_handed_in_nothing_is_sent_again() {
    let mut large = Large::record(6).await;
    large.script(Door::HandIn, &[FOR_LONG]);
    large.scene.press_stop().await;
    large.until_noted("\"at\":\"joined\"").await;
    large.scene.server.kill();
    large.scene.cloud.faults().clear();
    large.restart().await;
    large.until_delivered(20).await;
    assert_eq!((large.sent(1), large.sent(2), large.requests_at(Door::Join)), (1, 1, 1));
}

#[actix_rt::test]
async fn a_share_that_is_over_is_asked_for_anew() {
    let mut large = Large::record(6).await;
    large.kill_after(1).await;
    large.scene.cloud.end_shares();
    large.restart().await;
    large.until_delivered(20).await;
    assert_eq!((large.requests_at(Door::RequestUpload), large.sent(1)), (2, 2));
    assert!(large.scene.server.log().contains("the share does not exist"), "{}", large.scene.server.log());
}

#[actix_rt::test]
async fn an_upload_directory_that_is_gone_begins_anew() {
    let mut large = Large::record(6).await;
    large.kill_after(1).await;
    fs::remove_dir_all(large.scene.directory().join("files/.uploads")).unwrap();
    large.restart().await;
    large.until_delivered(20).await;
    assert_eq!((large.requests_at(Door::RequestUpload), large.sent(1)), (2, 2));
}

#[actix_rt::test]
async fn a_media_that_has_grown_is_sent_from_its_beginning() {
    let mut large = Large::record(6).await;
    large.kill_after(1).await;
    large.bytes.extend_from_slice(b"and more");
    fs::write(&large.media, &large.bytes).unwrap();
    large.restart().await;
    large.until_delivered(20).await;
    assert_eq!(large.sent(1), 2);
}

#[actix_rt::test]
async fn a_damaged_note_costs_a_second_upload_and_a_warning() {
    let mut large = Large::record(6).await;
    large.kill_after(1).await;
    fs::write(large.memo(), b"{\"half\": ").unwrap();
    large.restart().await;
    large.until_delivered(20).await;
    assert!(large.scene.server.log().contains("the note of an earlier upload cannot be read"));
}

#[actix_rt::test]
async fn a_file_of_the_same_name_is_left_alone() {
    let large = Large::record(6).await;
    let journal = fs::read_to_string(large.media.with_file_name("recording.json")).unwrap();
    let (_, title) = journal.split_once("\"title\": \"").unwrap();
    let (title, _) = title.split_once('"').unwrap();
    fs::create_dir_all(large.folder()).unwrap();
    let first = large.folder().join(format!("{title}.webm"));
    fs::write(&first, b"an older one").unwrap();
    large.scene.press_stop().await;
    let file = large.scene.until_stored(1, 20).await;
    assert_eq!((file.name, file.sha256), (format!("{title} (2).webm"), large.sha256()));
    assert_eq!(fs::read(first).unwrap(), b"an older one");
    large.scene.until_nothing_is_spooled().await;
    assert_eq!(large.requests_at(Door::Store), 0);
}

#[actix_rt::test]
async fn a_proxy_that_refuses_large_chunks_gets_smaller_ones_from_then_on() {
    let large = Large::record(6).await;
    large.scene.cloud.rule(|rules| rules.largest_request = Some(MIB as u64));
    large.scene.press_stop().await;
    large.until_delivered(30).await;
    let too_large = |large: &Large| {
        let received = large.scene.cloud.state().received;
        received.iter().filter(|request| request.answer == Some(413)).count()
    };
    assert_eq!(too_large(&large), 3, "5, 2.5 and 1.25 MiB");
    let again = Large::record_in(large.scene, 6).await;
    again.scene.press_stop().await;
    again.scene.until_stored(2, 30).await;
    again.scene.until_nothing_is_spooled().await;
    assert_eq!(too_large(&again), 3, "it was learned");
}

#[actix_rt::test]
async fn a_proxy_that_refuses_every_chunk_is_named() {
    let mut large = Large::record(6).await;
    large.scene.cloud.rule(|rules| rules.largest_request = Some(100 << 10));
    large.scene.press_stop().await;
    large.scene.server.wait_for_log(0, "client_max_body_size").await;
    assert_eq!(large.scene.spooled().len(), 1);
    assert_eq!(large.scene.server.count("uploads_failed_total").await, 1.0);
    assert!(!large.memo().exists());
}

#[actix_rt::test]
async fn a_full_storage_is_named() {
    let mut large = Large::record(6).await;
    large.scene.cloud.rule(|rules| rules.quota = Some(MIB as u64));
    large.scene.press_stop().await;
    large.scene.server.wait_for_log(0, "raise the quota or free space").await;
    assert_eq!(large.scene.spooled().len(), 1);
    assert_eq!(large.scene.server.count("uploads_failed_total").await, 1.0);
}

#[actix_rt::test]
async fn without_federated_sharing_uploads_go_in_chunks_as_well() {
    let large = Large::record(6).await;
    large.scene.cloud.rule(|rules| rules.no_federated_sharing = true);
    large.scene.press_stop().await;
    large.until_delivered(20).await;
    assert_eq!((large.requests_at(Door::Store), large.sent(2)), (0, 1));
}

#[actix_rt::test]
async fn without_shares_uploads_go_in_one_piece_and_are_not_asked_for_again() {
    let large = Large::record(6).await;
    large.scene.cloud.rule(|rules| rules.no_sharing = true);
    large.scene.press_stop().await;
    large.until_delivered(20).await;
    assert!(large.scene.server.log().contains("sharing_disabled"), "{}", large.scene.server.log());
    let again = Large::record_in(large.scene, 6).await;
    again.scene.press_stop().await;
    again.scene.until_stored(2, 20).await;
    again.scene.until_nothing_is_spooled().await;
    assert_eq!((again.requests_at(Door::RequestUpload), again.requests_at(Door::Store)), (1, 2));
}

#[actix_rt::test]
async fn an_old_talk_is_never_handed_a_file_that_it_did_not_get() {
    let large = Large::record(6).await;
    large.scene.cloud.rule(|rules| rules.old_talk = true);
    large.scene.press_stop().await;
    large.until_delivered(20).await;
    assert_eq!((large.requests_at(Door::Store), large.requests_at(Door::HandIn)), (1, 0));
}

#[actix_rt::test]
async fn an_upload_directory_that_is_given_up_is_removed() {
    let large = Large::record(6).await;
    large.script(Door::Chunk, &[HONEST, Fault::Status(418)]);
    large.scene.press_stop().await;
    large.until_delivered(20).await;
    assert_eq!((large.requests_at(Door::Remove), large.requests_at(Door::Store)), (1, 1));
    let share = fs::read_dir(large.scene.directory().join("files/.uploads")).unwrap().next().unwrap();
    assert_eq!(fs::read_dir(share.unwrap().path()).unwrap().count(), 0);
}

#[actix_rt::test]
async fn the_secrets_of_a_share_are_in_no_log_however_talkative() {
    let large = Large::record_with(6, "[logs]\nlevel = \"trace\"").await;
    large.script(Door::Chunk, &[HONEST, Fault::Status(500), Fault::Drop, Fault::Status(401)]);
    large.scene.press_stop().await;
    let state = large.scene.until("a share", 20, |state| !state.shares.is_empty()).await;
    large.until_delivered(30).await;
    let (token, share) = state.shares.first_key_value().unwrap();
    let log = large.scene.server.log();
    assert!(log.contains("Nextcloud sees no credentials"), "{log}");
    assert!(!log.contains(token), "{log}");
    assert!(!log.contains(share.password.expose_secret()), "{log}");
}
