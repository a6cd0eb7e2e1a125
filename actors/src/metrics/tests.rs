//! What the families say after each kind of life, and that the text is what scrapers read.

use std::collections::HashSet;

use actix::Addr;
use jiff::Timestamp;

use super::*;
use crate::recording::{EndReason, Rejection, Sign};

fn backend() -> BackendId {
    "cloud".parse().unwrap()
}

/// The actor, and what it is told about one recording.
struct Scene {
    metrics: Addr<Metrics>,
    id: RecordingId,
}

impl Scene {
    fn new() -> Self {
        let metrics = Metrics::new([backend()], Registry::default()).start();
        Self { metrics, id: RecordingId::random() }
    }

    async fn hear(&self, news: News) {
        self.metrics.send(Reported { backend: backend(), news }).await.unwrap();
    }

    async fn happened(&self, reports: &[Report]) {
        for report in reports {
            self.hear(News::Happened { id: self.id, report: *report }).await;
        }
    }

    async fn stands(&self, id: RecordingId, state: Option<State>) {
        let standing = state.map(|state| standing(state, 100));
        self.hear(News::Moved { id, reports: Vec::new(), standing }).await;
    }

    async fn scrape(&self, format: Format) -> String {
        self.metrics.send(Scrape { format }).await.unwrap().unwrap()
    }

    /// The value of a series of the backend, by its name behind `recording_` and more labels.
    async fn value(&self, name: &str, more: &str) -> Option<String> {
        let series = format!("recording_{name}{{backend=\"cloud\"{more}}} ");
        let text = self.scrape(Format::Classic).await;
        text.lines().find_map(|line| line.strip_prefix(&series)).map(str::to_owned)
    }

    /// The same where it must exist.
    async fn count(&self, name: &str, more: &str) -> String {
        self.value(name, more).await.unwrap_or_else(|| panic!("no {name} {more}"))
    }

    async fn in_state(&self, state: State) -> String {
        self.count("recordings_state", &format!(",state=\"{}\"", state.name())).await
    }
}

fn standing(state: State, second: i64) -> Standing {
    let accepted_at = Timestamp::from_second(second).unwrap();
    Standing { state, accepted_at, upload_since: Timestamp::from_second(second + 50).ok() }
}

/// The text after these reports about one recording.
async fn scrape_after(reports: &[Report], format: Format) -> String {
    let scene = Scene::new();
    scene.happened(reports).await;
    scene.scrape(format).await
}

/// `current`, `total`, `failed`, `uploads_failed` and the duration, as a scraper reads them.
async fn values_after(reports: &[Report]) -> [String; 5] {
    let text = scrape_after(reports, Format::Classic).await;
    ["current", "total", "failed_total", "uploads_failed_total", "duration_seconds_total"].map(|name| {
        let series = format!("recording_recordings_{name}{{backend=\"cloud\"}} ");
        let value = text.lines().find_map(|line| line.strip_prefix(&series));
        value.unwrap_or_else(|| panic!("no {series} in\n{text}")).to_owned()
    })
}

const FINISHED: Report = Report::Finished { seconds: 2.5 };

#[actix_rt::test]
async fn a_backend_that_comes_later_stands_at_zero_and_one_that_was_there_keeps_its_counts() {
    let scene = Scene::new();
    scene.happened(&[Report::Started]).await;
    let backends = vec![backend(), "later".parse().unwrap()];
    scene.metrics.send(Known { backends }).await.unwrap();
    let text = scene.scrape(Format::Classic).await;
    for series in ["total{backend=\"later\"} 0", "current{backend=\"later\"} 0", "total{backend=\"cloud\"} 1"]
    {
        assert!(text.contains(&format!("recording_recordings_{series}\n")), "{series}: {text}");
    }
}

#[actix_rt::test]
async fn a_known_backend_stands_at_zero() {
    assert_eq!(values_after(&[]).await, ["0", "0", "0", "0", "0.0"]);
}

#[actix_rt::test]
async fn a_started_recording_is_current() {
    assert_eq!(values_after(&[Report::Started]).await, ["1", "1", "0", "0", "0.0"]);
}

#[actix_rt::test]
async fn a_finished_one_adds_its_seconds() {
    assert_eq!(values_after(&[Report::Started, FINISHED]).await, ["0", "1", "0", "0", "2.5"]);
}

#[actix_rt::test]
async fn a_failed_one_is_current_until_its_salvage_is_settled() {
    assert_eq!(values_after(&[Report::Started, Report::Failed]).await, ["1", "1", "1", "0", "0.0"]);
}

#[actix_rt::test]
async fn a_failed_upload_is_no_failed_recording() {
    let reports = [Report::Started, Report::UploadFailed, FINISHED];
    assert_eq!(values_after(&reports).await, ["0", "1", "0", "1", "2.5"]);
}

#[actix_rt::test]
async fn what_lay_in_the_spool_counts_for_nothing() {
    assert_eq!(
        values_after(&[Report::Failed, Report::UploadFailed, FINISHED]).await,
        ["0", "0", "0", "0", "0.0"]
    );
}

#[actix_rt::test]
async fn a_finished_one_stays_finished() {
    let reports = [Report::Started, FINISHED, Report::Failed, FINISHED];
    assert_eq!(values_after(&reports).await, ["0", "1", "0", "0", "2.5"]);
}

#[actix_rt::test]
async fn a_report_that_comes_again_counts_once() {
    let reports = [
        Report::Started,
        Report::Failed,
        Report::Started,
        Report::Failed,
        Report::Finished { seconds: 0.0 },
        Report::Failed,
    ];
    assert_eq!(values_after(&reports).await, ["0", "1", "1", "0", "0.0"]);
}

#[actix_rt::test]
async fn the_classic_text_has_the_names_that_dashboards_use() {
    let text = scrape_after(&[Report::Started], Format::Classic).await;
    let types: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).take(5).collect();
    let expected = [
        "recording_recordings_current gauge",
        "recording_recordings_failed_total counter",
        "recording_recordings_uploads_failed_total counter",
        "recording_recordings_total counter",
        "recording_recordings_duration_seconds_total counter",
    ];
    assert_eq!(types, expected);
}

#[actix_rt::test]
async fn the_open_metrics_text_describes_base_names_and_ends() {
    let text = scrape_after(&[], Format::OpenMetrics).await;
    assert!(text.contains("# TYPE recording_recordings_duration_seconds counter\n"), "{text}");
    assert!(text.contains("recording_recordings_duration_seconds_total{backend=\"cloud\"} 0.0\n"), "{text}");
    assert!(text.ends_with("# EOF\n"), "{text}");
}

#[actix_rt::test]
async fn a_backend_with_quotes_does_not_break_the_text() {
    let odd: BackendId = "say \"hi\"\\\n".parse().unwrap();
    let metrics = Metrics::new([odd], Registry::default()).start();
    let text = metrics.send(Scrape { format: Format::Classic }).await.unwrap().unwrap();
    assert!(text.contains(r#"recording_recordings_current{backend="say \"hi\"\\\n"} 0"#), "{text}");
}

#[actix_rt::test]
async fn no_name_is_registered_twice() {
    let text = scrape_after(&[], Format::OpenMetrics).await;
    let mut seen = HashSet::new();
    for line in text.lines().filter(|line| line.starts_with("# TYPE ")) {
        assert!(seen.insert(line.to_owned()), "{line}");
    }
}

#[actix_rt::test]
async fn every_word_of_a_closed_set_stands_at_zero_from_the_start() {
    let scene = Scene::new();
    for why in EndReason::ALL {
        let label = format!(",reason=\"{}\"", why.name());
        assert_eq!(scene.count("recordings_ended_total", &label).await, "0");
    }
    for why in Rejection::ALL {
        let label = format!(",reason=\"{}\"", why.name());
        assert_eq!(scene.count("recordings_rejected_total", &label).await, "0");
    }
    for outcome in Outcome::ALL {
        let label = format!(",outcome=\"{}\"", outcome.name());
        assert_eq!(scene.count("upload_attempts_total", &label).await, "0");
    }
    for state in State::ALL {
        assert_eq!(scene.in_state(state).await, "0");
    }
}

#[actix_rt::test]
async fn a_recording_ends_once_and_only_if_it_was_started_in_this_life() {
    let scene = Scene::new();
    let ended = Report::Ended(EndReason::Moderator);
    scene.happened(&[ended]).await;
    assert_eq!(scene.count("recordings_ended_total", ",reason=\"moderator\"").await, "0");
    scene.happened(&[Report::Started, ended, ended]).await;
    assert_eq!(scene.count("recordings_ended_total", ",reason=\"moderator\"").await, "1");
}

#[actix_rt::test]
async fn what_was_cut_off_refused_or_late_is_counted_whoever_started_it() {
    let scene = Scene::new();
    scene.happened(&[Report::Recovered, Report::DeliveredLate, Report::Rejected(Rejection::Full)]).await;
    assert_eq!(scene.count("recordings_recovered_total", "").await, "1");
    assert_eq!(scene.count("recordings_delivered_late_total", "").await, "1");
    assert_eq!(scene.count("recordings_rejected_total", ",reason=\"full\"").await, "1");
}

#[actix_rt::test]
async fn a_start_takes_from_the_acceptance_to_the_first_frame() {
    tokio::time::pause();
    let scene = Scene::new();
    scene.happened(&[Report::Started]).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    scene.happened(&[Report::Rolling]).await;
    let text = scene.scrape(Format::Classic).await;
    for sample in ["bucket{le=\"5.0\"} 0\n", "bucket{le=\"7.5\"} 1\n", "count 1\n"] {
        assert!(text.contains(&format!("recording_start_duration_seconds_{sample}")), "{text}");
    }
}

#[actix_rt::test]
async fn a_recording_is_in_one_state_at_a_time() {
    let scene = Scene::new();
    scene.stands(scene.id, Some(State::Recording)).await;
    assert_eq!(scene.in_state(State::Recording).await, "1");
    scene.stands(scene.id, Some(State::Waiting)).await;
    assert_eq!(scene.in_state(State::Recording).await, "0");
    assert_eq!(scene.in_state(State::Waiting).await, "1");
    scene.stands(scene.id, None).await;
    assert_eq!(scene.in_state(State::Waiting).await, "0");
}

#[actix_rt::test]
async fn the_oldest_is_shown_while_there_is_one() {
    let scene = Scene::new();
    assert_eq!(scene.value("recordings_oldest_timestamp_seconds", "").await, None);
    let (older, younger) = (RecordingId::random(), RecordingId::random());
    let recordings =
        vec![(older, standing(State::Recording, 1000)), (younger, standing(State::Recording, 2000))];
    scene.hear(News::RecorderBegins { recordings }).await;
    assert_eq!(scene.count("recordings_oldest_timestamp_seconds", "").await, "1000.0");
    let standing = Some(standing(State::Uploading, 1000));
    scene.hear(News::Moved { id: older, reports: Vec::new(), standing }).await;
    assert_eq!(scene.count("recordings_oldest_timestamp_seconds", "").await, "2000.0");
    assert_eq!(scene.count("upload_oldest_timestamp_seconds", "").await, "1050.0");
    scene.stands(older, None).await;
    assert_eq!(scene.value("upload_oldest_timestamp_seconds", "").await, None);
}

#[actix_rt::test]
async fn what_is_parked_does_not_wait_for_an_upload() {
    let scene = Scene::new();
    let (older, younger) = (RecordingId::random(), RecordingId::random());
    let recordings = vec![(older, standing(State::Parked, 1000)), (younger, standing(State::Waiting, 2000))];
    scene.hear(News::RecorderBegins { recordings }).await;
    assert_eq!(scene.count("upload_oldest_timestamp_seconds", "").await, "2050.0");
    scene.stands(younger, Some(State::Parked)).await;
    assert_eq!(scene.value("upload_oldest_timestamp_seconds", "").await, None);
    scene.stands(older, Some(State::Uploading)).await;
    assert!(scene.value("upload_oldest_timestamp_seconds", "").await.is_some());
}

#[actix_rt::test]
async fn a_recorder_that_begins_tells_all_anew() {
    let scene = Scene::new();
    let (lost, kept) = (RecordingId::random(), RecordingId::random());
    scene.stands(lost, Some(State::Recording)).await;
    scene.stands(kept, Some(State::Recording)).await;
    scene.hear(News::RecorderRestarted).await;
    let recordings = vec![(kept, standing(State::Salvaging, 100))];
    scene.hear(News::RecorderBegins { recordings }).await;
    assert_eq!(scene.in_state(State::Recording).await, "0");
    assert_eq!(scene.in_state(State::Salvaging).await, "1");
    assert_eq!(scene.count("recorder_restarts_total", "").await, "1");
}

#[actix_rt::test]
async fn a_sign_is_shown_until_it_passes_or_the_recording_ends() {
    let scene = Scene::new();
    let sign = |seen| Report::Sign { sign: Sign::Silent, seen };
    scene.happened(&[sign(true)]).await;
    assert_eq!(scene.count("recordings_signs", ",sign=\"silent\"").await, "0", "it does not run");
    scene.stands(scene.id, Some(State::Recording)).await;
    scene.happened(&[sign(true), sign(true)]).await;
    assert_eq!(scene.count("recordings_signs", ",sign=\"silent\"").await, "1");
    scene.happened(&[sign(false), sign(false)]).await;
    assert_eq!(scene.count("recordings_signs", ",sign=\"silent\"").await, "0");
    scene.happened(&[sign(true)]).await;
    scene.stands(scene.id, Some(State::Uploading)).await;
    assert_eq!(scene.count("recordings_signs", ",sign=\"silent\"").await, "0");
    assert_eq!(scene.count("signs_total", ",sign=\"silent\"").await, "2");
}

#[actix_rt::test]
async fn the_slowest_running_encoder_is_shown_and_dropped_frames_add_up() {
    let scene = Scene::new();
    let other = RecordingId::random();
    let encoding = |speed, dropped_frames| Report::Encoding { speed, dropped_frames };
    scene.stands(scene.id, Some(State::Recording)).await;
    scene.stands(other, Some(State::Recording)).await;
    scene.happened(&[encoding(0.5, 3), encoding(0.75, 5)]).await;
    scene.hear(News::Happened { id: other, report: encoding(1.0, 2) }).await;
    assert_eq!(scene.count("encoder_speed_lowest", "").await, "0.75");
    assert_eq!(scene.count("encoder_dropped_frames_total", "").await, "7");
    scene.stands(scene.id, None).await;
    assert_eq!(scene.count("encoder_speed_lowest", "").await, "1.0");
    scene.stands(other, None).await;
    assert_eq!(scene.value("encoder_speed_lowest", "").await, None, "none runs");
    assert_eq!(scene.count("encoder_dropped_frames_total", "").await, "7");
}

#[actix_rt::test]
async fn only_an_upload_that_succeeds_adds_bytes_and_time() {
    let scene = Scene::new();
    let tried = |outcome| News::UploadTried { outcome, took: Duration::from_secs(3), bytes: 1000 };
    scene.hear(tried(Outcome::Limit)).await;
    assert_eq!(scene.value("last_success_timestamp_seconds", "").await, None);
    scene.hear(tried(Outcome::Stored)).await;
    assert_eq!(scene.count("upload_attempts_total", ",outcome=\"limit\"").await, "1");
    assert_eq!(scene.count("upload_attempts_total", ",outcome=\"stored\"").await, "1");
    assert_eq!(scene.count("upload_bytes_total", "").await, "1000");
    assert_eq!(scene.count("upload_duration_seconds_count", "").await, "1");
    assert!(scene.value("last_success_timestamp_seconds", "").await.is_some());
}

#[actix_rt::test]
async fn a_series_of_a_backend_among_very_many_begins_with_its_first_news() {
    let many = (0..=FULLY_SHOWN).map(|number| format!("cloud{number}").parse().unwrap());
    let metrics = Metrics::new(many, Registry::default()).start();
    let series = async || {
        let text = metrics.send(Scrape { format: Format::Classic }).await.unwrap().unwrap();
        text.lines().filter(|line| line.contains("backend=\"cloud7\"")).count()
    };
    assert_eq!(series().await, 5);
    let hear = async |news| {
        metrics.send(Reported { backend: "cloud7".parse().unwrap(), news }).await.unwrap();
    };
    hear(News::RecorderBegins { recordings: Vec::new() }).await;
    assert_eq!(series().await, 5, "each backend has a recorder");
    hear(News::Spooled { bytes: 0 }).await;
    let before = series().await;
    assert!((20..60).contains(&before), "{before}");
    let rejected = Report::Rejected(Rejection::Full);
    hear(News::Happened { id: RecordingId::random(), report: rejected }).await;
    assert_eq!(series().await, before + 1);
}

#[actix_rt::test]
async fn what_is_measured_outside_stands_in_the_same_text() {
    let mut outside = Registry::default();
    let gauge: prometheus_client::metrics::gauge::Gauge = prometheus_client::metrics::gauge::Gauge::default();
    outside.register("process_threads", "Threads", gauge);
    let metrics = Metrics::new([backend()], outside).start();
    let text = metrics.send(Scrape { format: Format::OpenMetrics }).await.unwrap().unwrap();
    assert!(text.ends_with(
        "# HELP process_threads Threads.\n# TYPE process_threads gauge\nprocess_threads 0\n# EOF\n"
    ));
    assert_eq!(text.matches("# EOF").count(), 1);
}
