//! A hard life: many recordings in a few rooms, with kills, faults, starts and stops at random. In the end every recorded
//! byte is delivered, or parked with a reason, and nothing is left running.
//!
//! The run is drawn from a seed, which is printed; `SOAK_SEED` repeats one. Only the order in which things happen beside
//! each other differs then. `SOAK_RECORDINGS` is how many there are.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::float_cmp, reason = "the counts are small whole numbers, which a float holds exactly")]

use std::{collections::BTreeMap, fs, time::Duration};

use actors::{ids::RecordingId, synthetic::media_of};
use fastrand::Rng;
use talk_recorder::demo::{
    Kind,
    faults::{Door, Fault},
    state::RecordingState,
};
use testing::{Scene, Setup};
use tokio::time::{Instant, sleep, timeout};

const SERVER: &str = env!("CARGO_BIN_EXE_talk-recorder");
const RECORDINGS: usize = 200;
const BYTES: usize = 20_000;
const ENGINE: &str = "engine = \"synthetic\"\nmax_concurrent = 4\n\
    synthetic = \"bring_up_ms=40 wind_down_ms=20 bytes=20000 fails_to_start=0.03 breaks=0.05 panics=0.03\"";
/// How long everything may take to be delivered once the faults are over.
const PATIENCE: Duration = Duration::from_mins(4);

const DOORS: [Door; 8] = [
    Door::Notice,
    Door::Store,
    Door::Settings,
    Door::RequestUpload,
    Door::MakeDirectory,
    Door::Chunk,
    Door::Join,
    Door::HandIn,
];
const FAULTS: [Fault; 8] = [
    Fault::Status(500),
    Fault::Status(503),
    Fault::Busy(429, 1),
    Fault::Drop,
    Fault::BreakHalfway,
    Fault::BreakAtEnd,
    Fault::LoseAnswer,
    Fault::Hang(Duration::from_millis(300)),
];
/// What the log says of a recording that has nothing to deliver.
const WITHOUT_MEDIA: [&str; 5] = [
    "recording failed",
    "stopped before anything was recorded",
    "stopped while it could not start",
    "cut before anything was recorded",
    "start rejected",
];

#[actix_rt::test]
async fn recordings_with_accidents_lose_not_a_byte() {
    let number = |name| std::env::var(name).ok().map(|number| number.parse::<u64>().unwrap());
    let seed = number("SOAK_SEED").unwrap_or_else(|| fastrand::u64(..));
    let recordings = number("SOAK_RECORDINGS").map_or(RECORDINGS, |number| usize::try_from(number).unwrap());
    println!("SOAK_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let mut scene = Scene::start(
        SERVER,
        Setup { recording: ENGINE, more: "[shutdown]\nupload_limit = \"1s\"", ..Setup::default() },
    )
    .await;
    let mut accidents = BTreeMap::<&str, usize>::new();
    let mut pressed = 0;
    while pressed < recordings {
        let accident = match rng.u8(..100) {
            0..70 => {
                pressed += usize::from(press_a_button(&scene, &mut rng).await);
                None
            }
            70..95 => {
                let faults = (0..rng.usize(1..3)).map(|_| *rng.choice(&FAULTS).unwrap()).collect::<Vec<_>>();
                scene.cloud.faults().script(*rng.choice(&DOORS).unwrap(), faults);
                Some("faults")
            }
            95..99 => {
                scene.restart().await;
                Some("kills")
            }
            _ => {
                scene.server.terminate().await;
                scene.restart().await;
                Some("ends in order")
            }
        };
        if let Some(accident) = accident {
            *accidents.entry(accident).or_default() += 1;
        }
        sleep(Duration::from_millis(rng.u64(5..80))).await;
    }
    come_to_rest(&scene).await;
    let delivered = assert_nothing_is_lost(&scene);
    assert!(delivered.whole > recordings / 2, "{delivered:?}");
    assert_eq!(scene.server.count("current").await, 0.0);
    assert_eq!(scene.server.helpers(), [], "nothing runs");
    println!("{pressed} starts, {accidents:?}, {delivered:?}");
}

/// Starts a recording or stops one; whether one was started.
async fn press_a_button(scene: &Scene, rng: &mut Rng) -> bool {
    let state = scene.cloud.state();
    let rooms: Vec<&String> = state.rooms.keys().collect();
    let room = rng.choice(&rooms).unwrap();
    match state.recording(room).unwrap() {
        RecordingState::None | RecordingState::Failed => {
            scene.cloud.press_record(room, Kind::Video).await.is_ok()
        }
        RecordingState::Video
        | RecordingState::Audio
        | RecordingState::VideoStarting
        | RecordingState::AudioStarting => {
            scene.cloud.press_stop(room).await.expect("the server answers");
            false
        }
    }
}

/// Ends what runs and waits for the deliveries.
async fn come_to_rest(scene: &Scene) {
    scene.cloud.faults().clear();
    let rests = timeout(PATIENCE, async {
        loop {
            for room in scene.cloud.state().rooms.keys() {
                // Nothing happens in a room that is not being recorded.
                drop(scene.cloud.press_stop(room).await);
            }
            if journals(scene).values().all(|journal| journal.contains("\"parked\"")) {
                return;
            }
            sleep(Duration::from_millis(500)).await;
        }
    });
    let begun = Instant::now();
    assert!(
        rests.await.is_ok(),
        "after {:?} the spool holds {:#?}\n{}",
        begun.elapsed(),
        journals(scene),
        scene.server.log()
    );
}

/// What the spool holds, by the name of the recording.
fn journals(scene: &Scene) -> BTreeMap<String, String> {
    let journal = |entry: &std::path::PathBuf| {
        let text = fs::read_to_string(entry.join("recording.json")).ok()?;
        Some((entry.file_name()?.to_str()?.to_owned(), text))
    };
    scene.spooled().iter().filter_map(journal).collect()
}

/// How the recordings ended.
#[derive(Debug, Default)]
struct Ends {
    whole: usize,
    cut: usize,
    parked: usize,
    without_media: usize,
}

/// Every recording that was accepted is delivered to the byte, or cut by a kill in the middle of its only write, or parked with
/// a reason, or never had any media.
fn assert_nothing_is_lost(scene: &Scene) -> Ends {
    let log = scene.server.log();
    let state = scene.cloud.state();
    let files: Vec<Vec<u8>> = state.stored.iter().filter_map(|file| fs::read(&file.path).ok()).collect();
    let parked = journals(scene);
    let mut ends = Ends::default();
    for id in accepted(&log) {
        let expected = media_of(id.parse::<RecordingId>().unwrap(), BYTES);
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(id)).collect();
        if files.contains(&expected) {
            ends.whole += 1;
        } else if files.iter().any(|file| !file.is_empty() && expected.starts_with(file)) {
            ends.cut += 1;
        } else if parked.contains_key(id) {
            assert!(lines.iter().any(|line| line.contains("reason=")), "{lines:#?}");
            ends.parked += 1;
        } else {
            let is_told = lines.iter().any(|line| WITHOUT_MEDIA.iter().any(|words| line.contains(words)));
            assert!(is_told, "a recording is lost:\n{lines:#?}");
            ends.without_media += 1;
        }
    }
    ends
}

fn accepted(log: &str) -> Vec<&str> {
    let lines = log.lines().filter(|line| line.contains("start accepted"));
    lines.map(|line| line.split_once("recording=").unwrap().1.split(' ').next().unwrap()).collect()
}
