//! What an upload in chunks costs: memory and CPU-seconds of the server, and how fast it is.
//!
//! The built server uploads a sparse media from its spool to a demo cloud in this process. The cloud does what a
//! Nextcloud does with it (writes the chunks, reads and writes them again to join them, computes a digest) on the
//! same machine, so that the speed is that of both together. Memory and CPU are those of the server alone.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]
#![expect(clippy::cast_precision_loss, reason = "the numbers are far below 2^52")]

use std::{fs::File, time::Duration};

use jiff::Timestamp;
use procfs::process::Process;
use talk_recorder::demo::{Kind, faults::Door, state::State};
use testing::{
    Scene,
    usage::{self, Usage},
};
use tokio::time::interval;

const SERVER: &str = env!("CARGO_BIN_EXE_talk-recorder");
const LOOK: Duration = Duration::from_millis(200);
const MOST_SECONDS: u64 = 3600;
const USAGE: &str = "usage: cargo bench --bench upload -- --gib NUMBER";

fn main() {
    let gibibytes = gibibytes(std::env::args().skip(1)).expect(USAGE);
    talk_recorder::tls::install_provider();
    actix_rt::System::new().block_on(run(gibibytes));
}

/// 1 unless it is said; cargo adds an argument of its own.
fn gibibytes(mut arguments: impl Iterator<Item = String>) -> Option<u64> {
    let mut gibibytes = 1;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bench" => {}
            "--gib" => gibibytes = arguments.next()?.parse().ok().filter(|number| *number > 0)?,
            _ => return None,
        }
    }
    Some(gibibytes)
}

async fn run(gibibytes: u64) {
    let bytes = gibibytes << 30;
    let scene = Scene::synthetic(SERVER).await;
    scene.press_record(Kind::Video).await;
    scene.until_started(20).await;
    let media = scene.spooled()[0].join("media.webm");
    File::options().write(true).open(media).unwrap().set_len(bytes).unwrap();
    let before = server(&scene);
    scene.press_stop().await;
    let peak = watch_until_stored(&scene, bytes).await;
    let after = server(&scene);
    let high_water = Process::new(scene.server.pid().cast_signed()).unwrap().status().unwrap().vmhwm.unwrap();
    let state = scene.cloud.state();
    let begun = first(&state, Door::RequestUpload);
    let (sent, joined) = (last(&state, Door::Chunk), last(&state, Door::Join));
    let cpu = after.cpu_seconds - before.cpu_seconds;
    let sending = seconds(begun, sent);
    println!("{gibibytes} GiB in {} chunks", state.requests_at(Door::Chunk));
    println!("  memory   {:6.1} MiB PSS before the upload", before.pss_mib);
    println!("           {peak:6.1} MiB PSS at the peak, looked at every {LOOK:?}");
    println!("           {:6.1} MiB RSS at the peak, by the kernel's own count", high_water as f64 / 1024.0);
    println!("  CPU      {cpu:6.2} s of the server, {:.2} s a GiB", cpu / gibibytes as f64);
    println!("  sending  {sending:6.1} s, {:.0} MB/s", bytes as f64 / sending / 1e6);
    println!("  joining  {:6.1} s, the cloud's own work", seconds(sent, joined));
}

/// Returns the largest memory that was seen, in MiB.
async fn watch_until_stored(scene: &Scene, bytes: u64) -> f64 {
    let stored = scene.until_stored(1, MOST_SECONDS);
    tokio::pin!(stored);
    let (mut looks, mut peak) = (interval(LOOK), 0.0_f64);
    loop {
        tokio::select! {
            file = &mut stored => {
                assert_eq!(file.bytes, bytes);
                return peak;
            }
            _ = looks.tick() => peak = peak.max(server(scene).pss_mib),
        }
    }
}

fn server(scene: &Scene) -> Usage {
    usage::by_kind(scene.server.marker())["server"]
}

fn first(state: &State, door: Door) -> Timestamp {
    state.received.iter().find(|request| request.door == door).unwrap().at
}

fn last(state: &State, door: Door) -> Timestamp {
    state.received.iter().rfind(|request| request.door == door).unwrap().at
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}
