//! What Nextcloud and the proxies before it allow, and which form an upload takes for it.

use std::fs;

use secrecy::ExposeSecret;
use talk_recorder::demo::faults::{Door, Fault};

use super::{FOR_LONG, HONEST, Large, MIB};

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

/// A recording of 6 MiB in a cloud that took one in one piece, but takes no more than 5.5 MiB at a time from now on.
async fn remembered_in_one_piece_and_now_too_large() -> Large {
    let large = Large::record(6).await;
    large.scene.cloud.rule(|rules| rules.no_sharing = true);
    large.scene.press_stop().await;
    large.until_delivered(20).await;
    let again = Large::record_in(large.scene, 6).await;
    again.scene.cloud.rule(|rules| rules.largest_request = Some((11 * MIB / 2) as u64));
    again
}

#[actix_rt::test]
async fn a_file_that_is_too_large_for_one_piece_goes_in_chunks_at_once() {
    let large = remembered_in_one_piece_and_now_too_large().await;
    large.scene.cloud.rule(|rules| rules.no_sharing = false);
    large.scene.press_stop().await;
    large.scene.until_stored(2, 20).await;
    large.scene.until_nothing_is_spooled().await;
    assert_eq!((large.requests_at(Door::Store), large.requests_at(Door::HandIn)), (2, 1));
    assert!(!large.scene.server.log().contains("over a limit"), "{}", large.scene.server.log());
}

#[actix_rt::test]
async fn a_file_that_is_too_large_for_one_piece_and_refused_in_chunks_is_sent_once_a_try() {
    let mut large = remembered_in_one_piece_and_now_too_large().await;
    large.scene.press_stop().await;
    large.scene.server.wait_for_log(0, "the file goes over a limit").await;
    let log = large.scene.server.log();
    assert!(log.contains("no upload in chunks either: sharing_disabled"), "{log}");
    assert_eq!((large.requests_at(Door::Store), large.requests_at(Door::RequestUpload)), (2, 2));
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
async fn a_proxy_that_knows_no_webdav_gets_one_piece_at_once() {
    let large = Large::record(6).await;
    large.script(Door::MakeDirectory, &[Fault::Status(501)]);
    large.scene.press_stop().await;
    large.until_delivered(20).await;
    assert_eq!((large.requests_at(Door::MakeDirectory), large.requests_at(Door::Store)), (1, 1));
    assert_eq!(large.scene.server.count("uploads_failed_total").await, 0.0);
}

#[actix_rt::test]
async fn a_folder_that_never_answers_gets_one_piece_after_some_tries() {
    let large = Large::record(6).await;
    large.script(Door::Chunk, &[Fault::Drop; 100]);
    large.scene.press_stop().await;
    large.until_delivered(120).await;
    assert_eq!((large.requests_at(Door::RequestUpload), large.requests_at(Door::Store)), (1, 1));
    let (tried, log) = (large.sent(1), large.scene.server.log());
    assert!((18..30).contains(&tried), "six or a few more tries of three requests each, not {tried}");
    assert!(log.contains("for some time"), "{log}");
    let share = fs::read_dir(large.scene.directory().join("files/.uploads")).unwrap().next().unwrap();
    assert_eq!(fs::read_dir(share.unwrap().path()).unwrap().count(), 0, "the directory is removed");
}

#[actix_rt::test]
async fn an_upload_directory_whose_answer_was_lost_is_removed() {
    let large = Large::record(6).await;
    large.script(Door::MakeDirectory, &[Fault::LoseAnswer]);
    large.script(Door::Chunk, &[FOR_LONG]);
    large.scene.press_stop().await;
    large.until_noted("\"sending\"").await;
    let share = fs::read_dir(large.scene.directory().join("files/.uploads")).unwrap().next().unwrap();
    assert_eq!(fs::read_dir(share.unwrap().path()).unwrap().count(), 1);
    assert_eq!((large.requests_at(Door::MakeDirectory), large.requests_at(Door::Remove)), (2, 1));
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
