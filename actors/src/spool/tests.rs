//! The journal on a real disk: what is found again, what is left alone, who may write.

use super::*;
use crate::recording::{Actor, Kind, Order};

fn recording() -> Recording {
    let actor = Actor { kind: "users".to_owned(), id: "alice".to_owned() };
    let order = Order {
        nextcloud: "https://cloud.example.com".to_owned(),
        room: "abcd1234".parse().unwrap(),
        kind: Kind::Video,
        owner: "alice".to_owned(),
        actor,
    };
    Recording::accepted(RecordingId::random(), order, "Recording".to_owned(), Timestamp::now()).next
}

fn spool() -> (tempfile::TempDir, Drawer) {
    let directory = tempfile::tempdir().unwrap();
    let spool = Spool::open(directory.path()).unwrap();
    (directory, spool.drawer(&"cloud".parse().unwrap()))
}

#[test]
fn what_was_saved_is_found_again_with_its_media() {
    let (_directory, drawer) = spool();
    let recording = recording();
    drawer.save(&recording).unwrap();
    fs::write(drawer.entry(recording.id).join("media.webm"), b"bytes").unwrap();
    let contents = drawer.contents().unwrap();
    assert_eq!(contents.entries.len(), 1);
    assert_eq!(contents.entries[0].recording, recording);
    assert_eq!(contents.entries[0].media.as_ref().unwrap().bytes, 5);
}

#[test]
fn an_empty_file_is_no_media() {
    let (_directory, drawer) = spool();
    let recording = recording();
    drawer.save(&recording).unwrap();
    fs::write(drawer.entry(recording.id).join("media.webm"), b"").unwrap();
    assert_eq!(drawer.media(recording.id).unwrap(), None);
}

#[test]
fn an_unreadable_entry_is_named_and_does_not_hide_the_others() {
    let (_directory, drawer) = spool();
    let (good, bad) = (recording(), recording());
    drawer.save(&good).unwrap();
    drawer.save(&bad).unwrap();
    fs::write(drawer.entry(bad.id).join(JOURNAL), b"{").unwrap();
    let contents = drawer.contents().unwrap();
    assert_eq!(contents.entries.len(), 1);
    assert!(contents.unreadable[0].contains(&bad.id.to_string()), "{:?}", contents.unreadable);
    assert!(drawer.entry(bad.id).exists(), "it is left alone");
}

#[test]
fn a_removed_entry_leaves_nothing() {
    let (_directory, drawer) = spool();
    let recording = recording();
    drawer.save(&recording).unwrap();
    fs::write(drawer.entry(recording.id).join("media.webm"), b"bytes").unwrap();
    drawer.remove(recording.id).unwrap();
    assert!(!drawer.entry(recording.id).exists());
    assert!(drawer.contents().unwrap().entries.is_empty());
}

#[test]
fn what_a_crash_left_of_a_removal_is_removed() {
    let (_directory, drawer) = spool();
    let empty = drawer.entry(RecordingId::random());
    fs::create_dir_all(&empty).unwrap();
    let contents = drawer.contents().unwrap();
    assert!(contents.entries.is_empty() && contents.unreadable.is_empty());
    assert!(!empty.exists());
}

#[test]
fn a_writer_that_was_taken_over_writes_no_more() {
    let (_directory, older) = spool();
    let recording = recording();
    older.save(&recording).unwrap();
    let newer = older.successor();
    assert!(matches!(older.save(&recording), Err(SpoolError::TakenOver { .. })));
    assert!(matches!(older.remove(recording.id), Err(SpoolError::TakenOver { .. })));
    newer.save(&recording).unwrap();
}

#[test]
fn a_drawer_is_handed_out_while_the_disk_hangs_and_the_next_writer_waits() {
    let directory = tempfile::tempdir().unwrap();
    let (spool, cloud) = (Spool::open(directory.path()).unwrap(), "cloud".parse().unwrap());
    let drawer = spool.drawer(&cloud);
    let _next_writer = drawer.newest.writing.write().unwrap();
    assert_eq!(spool.drawer(&cloud).directory, drawer.directory);
}

#[test]
fn a_spool_has_one_server() {
    let directory = tempfile::tempdir().unwrap();
    let first = Spool::open(directory.path()).unwrap();
    let drawer = first.drawer(&"cloud".parse().unwrap());
    drop(first);
    assert!(matches!(Spool::open(directory.path()), Err(SpoolError::InUse { .. })), "a drawer still writes");
    drop(drawer);
    assert!(Spool::open(directory.path()).is_ok());
}

#[test]
fn only_directories_with_entries_are_backends() {
    let directory = tempfile::tempdir().unwrap();
    let spool = Spool::open(directory.path()).unwrap();
    fs::create_dir(directory.path().join("not-ours")).unwrap();
    spool.drawer(&"https://a/b".parse().unwrap()).save(&recording()).unwrap();
    assert_eq!(spool.backends().unwrap(), ["https://a/b".parse().unwrap()]);
}

#[test]
fn a_look_beside_the_owner_finds_everything_and_touches_nothing() {
    let (directory, drawer) = spool();
    let (good, bad) = (recording(), recording());
    drawer.save(&bad).unwrap();
    drawer.save(&good).unwrap();
    fs::write(drawer.entry(bad.id).join(JOURNAL), b"{").unwrap();
    fs::write(drawer.entry(bad.id).join("media.ogg"), b"bytes").unwrap();
    let being_made = drawer.entry(RecordingId::random());
    fs::create_dir(&being_made).unwrap();
    let seen = peek(directory.path()).unwrap();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].recording.as_ref().unwrap(), &good);
    assert_eq!((&seen[0].backend, &seen[0].media), (&"cloud".parse().unwrap(), &None));
    let reason = seen[1].recording.as_ref().unwrap_err();
    assert!(seen[1].id == bad.id && reason.contains(&bad.id.to_string()), "{reason}");
    assert_eq!(seen[1].media.as_ref().unwrap().bytes, 5);
    assert!(being_made.exists());
}

#[test]
fn a_spool_that_is_not_there_is_empty_and_is_not_made() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("spool");
    assert!(peek(&root).unwrap().is_empty());
    assert!(!root.exists());
}
