//! A later try, also one after `kill -9`, goes on where an earlier one stopped; where that cannot be, it begins anew.

use std::{fs, time::Duration};

use talk_recorder::demo::faults::{Door, Fault};
use tokio::time::sleep;

use super::{FOR_LONG, HONEST, Large};

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
async fn a_file_that_is_gone_before_it_was_handed_in_is_sent_again() {
    let mut large = Large::record(6).await;
    large.script(Door::HandIn, &[FOR_LONG]);
    large.scene.press_stop().await;
    large.until_noted("\"at\":\"joined\"").await;
    large.scene.server.kill();
    large.scene.cloud.faults().clear();
    fs::remove_dir_all(large.folder()).unwrap();
    large.restart().await;
    large.until_delivered(20).await;
    assert_eq!((large.sent(1), large.requests_at(Door::RequestUpload)), (2, 2));
    assert!(large.scene.server.log().contains("invalid_file"), "{}", large.scene.server.log());
}
