//! Whether the metrics say what the script says they must.

use std::{collections::HashMap, time::Duration};

use tokio::time::sleep;

use super::{
    script::{Counts, Script},
    target::Target,
};

/// The last reports may still be on their way.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(100);
/// So many differences are told one by one.
const TOLD: usize = 10;

/// The five families, summed over the backends, and where they differ from the script.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) sum: Counts,
    pub(super) differences: Vec<String>,
}

/// Compares once everything has been reported; the differences that stay are real.
pub(super) async fn compare(
    script: &Script,
    target: &dyn Target,
    recordings: u64,
) -> anyhow::Result<Verdict> {
    let wanted = script.counts(recordings);
    let scraper = target.scraper()?;
    let mut verdict = judge(&wanted, &scraper.scrape().await?);
    for _ in 0..TRIES {
        if verdict.differences.is_empty() {
            break;
        }
        sleep(PAUSE).await;
        verdict = judge(&wanted, &scraper.scrape().await?);
    }
    Ok(verdict)
}

fn judge(wanted: &[(String, Counts)], text: &str) -> Verdict {
    let samples = samples(text);
    let mut verdict = Verdict { sum: Counts::default(), differences: Vec::new() };
    for (backend, wanted) in wanted {
        let sample = |name: &str| {
            let series = format!("recording_recordings_{name}{{backend=\"{backend}\"}}");
            samples.get(series.as_str()).copied().unwrap_or(f64::NAN)
        };
        let found = Counts {
            current: sample("current"),
            total: sample("total"),
            failed: sample("failed_total"),
            uploads_failed: sample("uploads_failed_total"),
            seconds: sample("duration_seconds_total"),
        };
        if found != *wanted && verdict.differences.len() < TOLD {
            verdict.differences.push(format!("{backend}: found {found:?}, must be {wanted:?}"));
        }
        verdict.sum.current += found.current;
        verdict.sum.total += found.total;
        verdict.sum.failed += found.failed;
        verdict.sum.uploads_failed += found.uploads_failed;
        verdict.sum.seconds += found.seconds;
    }
    verdict
}

fn samples(text: &str) -> HashMap<&str, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.rsplit_once(' '))
        .filter_map(|(series, value)| Some((series, value.parse().ok()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP x\nrecording_recordings_current{backend=\"a\"} 0\nrecording_recordings_total{backend=\"a\"} 3\n\
        recording_recordings_failed_total{backend=\"a\"} 1\nrecording_recordings_uploads_failed_total{backend=\"a\"} 0\n\
        recording_recordings_duration_seconds_total{backend=\"a\"} 2.5\n";

    fn wanted(total: f64) -> Vec<(String, Counts)> {
        let counts = Counts { current: 0.0, total, failed: 1.0, uploads_failed: 0.0, seconds: 2.5 };
        vec![("a".to_owned(), counts)]
    }

    #[test]
    fn counts_that_are_exact_have_no_differences() {
        let verdict = judge(&wanted(3.0), TEXT);
        assert_eq!(verdict.differences, [""; 0]);
        assert_eq!(verdict.sum, wanted(3.0)[0].1);
    }

    #[test]
    fn one_recording_too_few_or_a_missing_series_is_a_difference() {
        assert_eq!(judge(&wanted(4.0), TEXT).differences.len(), 1);
        assert_eq!(judge(&wanted(3.0), "").differences.len(), 1);
    }
}
