//! What the families say after each kind of life, and that the text is what scrapers read.

use super::*;

fn backend() -> BackendId {
    "cloud".parse().unwrap()
}

/// The text after these reports about one recording.
async fn scrape_after(reports: &[Report], format: Format) -> String {
    let metrics = Metrics::new([backend()]).start();
    let id = RecordingId::random();
    for report in reports {
        metrics.send(Reported { backend: backend(), id, report: *report }).await.unwrap();
    }
    metrics.send(Scrape { format }).await.unwrap().unwrap()
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
    let reports =
        [Report::Started, Report::Failed, Report::Failed, Report::Finished { seconds: 0.0 }, Report::Failed];
    assert_eq!(values_after(&reports).await, ["0", "1", "1", "0", "0.0"]);
}

#[actix_rt::test]
async fn the_classic_text_has_the_names_that_dashboards_use() {
    let text = scrape_after(&[Report::Started], Format::Classic).await;
    let types: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
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
    let metrics = Metrics::new([odd]).start();
    let text = metrics.send(Scrape { format: Format::Classic }).await.unwrap().unwrap();
    assert!(text.contains(r#"recording_recordings_current{backend="say \"hi\"\\\n"} 0"#), "{text}");
}
