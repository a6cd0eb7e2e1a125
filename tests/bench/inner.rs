//! What the inner parts cost: the signature of a request, a step of a recording's life, a save of the journal, a message
//! to the metrics and their text.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::{path::Path, time::Duration};

use actix::{Actor as _, Addr};
use actors::{
    ids::{BackendId, RecordingId},
    metrics::{Format, Metrics, News, Outcome, Reported, Scrape, Standing, State},
    recording::{Actor, EndReason, Event, Kind, Order, Recording, Rejection, Report},
    spool::Spool,
};
use divan::{Bencher, black_box, counter::ItemsCount};
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use secrecy::SecretString;
use talk_recorder::signature::Signature;

const BODY: &[u8] =
    br#"{"type":"start","start":{"status":1,"owner":"alice","actor":{"type":"users","id":"alice"}}}"#;
/// A RAM disk, so that the code is measured and not the disk.
const RAM_DISK: &str = "/dev/shm";
const MESSAGES: usize = 10_000;

fn main() {
    divan::main();
}

#[divan::bench]
fn verify_a_signature(bencher: Bencher<'_, '_>) {
    let secret = SecretString::from("a-long-random-secret");
    let signature = Signature::of(&secret, BODY);
    bencher.bench(|| assert!(signature.verifies(black_box(&secret), black_box(BODY))));
}

fn recording() -> Recording {
    let alice = Actor { kind: "users".to_owned(), id: "alice".to_owned() };
    let order = Order {
        nextcloud: "https://cloud.example.com".to_owned(),
        room: "abcd1234".parse().unwrap(),
        kind: Kind::Video,
        owner: "alice".to_owned(),
        actor: alice,
    };
    Recording::accepted(RecordingId::random(), order, "Recording".to_owned(), Timestamp::now()).next
}

#[divan::bench]
fn a_step_of_a_life(bencher: Bencher<'_, '_>) {
    let (recording, now) = (recording(), Timestamp::now());
    let stop = Event::StopAsked { by: None, why: EndReason::CallEnded };
    bencher.bench(|| black_box(&recording).on(black_box(&stop), now).unwrap());
}

#[divan::bench]
fn a_save_of_the_journal(bencher: Bencher<'_, '_>) {
    let directory = tempfile::tempdir_in(Path::new(RAM_DISK)).unwrap();
    let drawer = Spool::open(directory.path()).unwrap().drawer(&backend(0));
    let recording = recording();
    bencher.bench(|| drawer.save(black_box(&recording)).unwrap());
}

fn backend(number: usize) -> BackendId {
    format!("cloud{number}").parse().unwrap()
}

/// Metrics of so many backends, and the system that they live on.
fn metrics(backends: usize) -> (actix::SystemRunner, Addr<Metrics>) {
    let system = actix::System::new();
    let metrics =
        system.block_on(async { Metrics::new((0..backends).map(backend), Registry::default()).start() });
    (system, metrics)
}

#[divan::bench]
fn ten_thousand_messages_to_the_metrics(bencher: Bencher<'_, '_>) {
    let (system, metrics) = metrics(1);
    bencher.counter(ItemsCount::new(MESSAGES)).bench_local(|| {
        system.block_on(async {
            for _ in 0..MESSAGES / 2 {
                let id = RecordingId::random();
                for report in [Report::Started, Report::Finished { seconds: 1.0 }] {
                    let news = News::Happened { id, report };
                    metrics.do_send(Reported { backend: backend(0), news });
                }
            }
            metrics.send(Scrape { format: Format::OpenMetrics }).await.unwrap().unwrap()
        })
    });
}

/// Backends of which nothing but the five is told.
#[divan::bench(args = [1, 100, 1000, 10_000])]
fn a_text_of_quiet_metrics(bencher: Bencher<'_, '_>, backends: usize) {
    let (system, metrics) = metrics(backends);
    let scrape = async || metrics.send(Scrape { format: Format::OpenMetrics }).await.unwrap().unwrap();
    bencher.bench_local(|| system.block_on(scrape()));
}

/// Backends that record, fail, upload and refuse: each with some fifty series.
#[divan::bench(args = [100, 1000])]
fn a_text_of_busy_metrics(bencher: Bencher<'_, '_>, backends: usize) {
    let (system, metrics) = metrics(backends);
    let text = system.block_on(async {
        for number in 0..backends {
            for news in news_of_a_busy_backend() {
                metrics.send(Reported { backend: backend(number), news }).await.unwrap();
            }
        }
        metrics.send(Scrape { format: Format::OpenMetrics }).await.unwrap().unwrap()
    });
    let series = text.lines().filter(|line| !line.starts_with('#')).count();
    let scrape = async || metrics.send(Scrape { format: Format::OpenMetrics }).await.unwrap().unwrap();
    bencher.counter(ItemsCount::new(series)).bench_local(|| system.block_on(scrape()));
}

fn news_of_a_busy_backend() -> Vec<News> {
    let states = State::ALL.map(|state| {
        let standing = Some(Standing { state, accepted_at: Timestamp::now(), upload_since: None });
        News::Moved { id: RecordingId::random(), reports: Vec::new(), standing }
    });
    let id = RecordingId::random();
    let reports = [
        Report::Started,
        Report::Rolling,
        Report::Ended(EndReason::Moderator),
        Report::UploadFailed,
        Report::Finished { seconds: 60.0 },
        Report::Rejected(Rejection::Full),
    ];
    let outcomes = [Outcome::Stored, Outcome::Refused];
    let tries = outcomes.map(|outcome| News::UploadTried { outcome, took: Duration::from_secs(1), bytes: 1 });
    states.into_iter().chain(reports.map(|report| News::Happened { id, report })).chain(tries).collect()
}
