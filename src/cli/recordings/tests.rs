//! What is found and how it is shown, over a spool on a real disk.

use std::fs;

use actors::{
    ids::RecordingId,
    recording::{Actor, Kind, Order as Ordered, Phase},
    spool::Spool,
};
use jiff::Timestamp;
use tempfile::TempDir;

use super::*;

fn parked(id: &str) -> Recording {
    let actor = Actor { kind: "users".to_owned(), id: "alice".to_owned() };
    let order = Ordered {
        nextcloud: "https://cloud.example.com".to_owned(),
        room: "abcd1234".parse().unwrap(),
        kind: Kind::Video,
        owner: "alice".to_owned(),
        actor,
    };
    let id: RecordingId = id.parse().unwrap();
    let accepted = Recording::accepted(id, order, "Recording 1".to_owned(), Timestamp::now()).next;
    let phase = Phase::Parked { reason: "too\nlarge".to_owned() };
    Recording { phase, seconds: 3661.5, rounds_failed: 1, ..accepted }
}

/// A parked recording, one of the same beginning, and one that cannot be read.
fn stage() -> (TempDir, Vec<Held>) {
    let directory = tempfile::tempdir().unwrap();
    let spool = Spool::open(directory.path()).unwrap();
    let drawer = spool.drawer(&"cloud".parse().unwrap());
    let (first, second) = (format!("aaaa1{}", "0".repeat(27)), format!("aaaa2{}", "0".repeat(27)));
    drawer.save(&parked(&first)).unwrap();
    drawer.save(&parked(&second)).unwrap();
    fs::write(drawer.entry(first.parse().unwrap()).join("media.webm"), vec![0; 2048]).unwrap();
    let damaged = drawer.entry(format!("bbbb{}", "0".repeat(28)).parse().unwrap());
    fs::create_dir(&damaged).unwrap();
    fs::write(damaged.join("recording.json"), b"{").unwrap();
    let held = look_into(&[directory.path().to_owned()]).unwrap();
    (directory, held)
}

#[test]
fn the_beginning_of_an_id_is_enough_where_it_names_one() {
    let (_directory, held) = stage();
    assert!(find(&held, "aaaa1").unwrap().glimpse.id.to_string().starts_with("aaaa1"));
    assert!(find(&held, "bbbb").unwrap().recording().is_err());
    for (beginning, complaint) in
        [("aaaa", "2 recordings begin with"), ("cccc", "no recording is held"), ("bbb", "at least 4")]
    {
        let error = find(&held, beginning).err().unwrap().to_string();
        assert!(error.contains(complaint), "{error}");
    }
}

#[test]
fn the_table_has_a_line_for_each_also_for_what_cannot_be_read() {
    let (_directory, held) = stage();
    let table = listing::table(&held);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 4, "{table}");
    for word in ["aaaa1000", "cloud", "abcd1234", "Recording 1", "parked", "2.0 KiB", "1h 1m 1s", "too large"]
    {
        assert!(lines[1].contains(word), "{word} in\n{table}");
    }
    assert!(lines[3].contains("unreadable") && lines[3].contains("recording.json"), "{table}");
}

#[test]
fn the_fields_for_programs_keep_their_names() {
    let (directory, held) = stage();
    let rows: serde_json::Value = serde_json::from_str(&listing::json(&held).unwrap()).unwrap();
    let mut names: Vec<&str> = rows[0].as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "accepted_at",
            "backend",
            "bytes",
            "ended",
            "failed",
            "id",
            "media",
            "next_try_not_before",
            "owner",
            "phase",
            "room",
            "rounds_failed",
            "seconds",
            "spool",
            "title",
            "unreadable",
            "why"
        ]
    );
    assert_eq!((&rows[0]["phase"], &rows[0]["why"]), (&"parked".into(), &"too\nlarge".into()));
    assert_eq!(rows[0]["spool"], directory.path().to_str().unwrap());
    assert!(rows[2]["phase"].is_null() && rows[2]["unreadable"].is_string(), "{rows}");
}

#[test]
fn an_export_takes_the_right_extension_and_overwrites_nothing() {
    let (directory, held) = stage();
    let held = find(&held, "aaaa1").unwrap();
    let target = directory.path().join("copy.webm");
    assert!(export::export(held, &target.with_extension("mp4")).is_err());
    export::export(held, &target).unwrap();
    assert_eq!(fs::read(&target).unwrap(), vec![0; 2048]);
    let error = export::export(held, &target).unwrap_err().to_string();
    assert!(error.contains("nothing is overwritten"), "{error}");
}
