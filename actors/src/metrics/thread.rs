//! Metrics on a thread of their own: a scrape does not wait for the recorders, nor they for its long text.

use actix::{Actor, Addr, Arbiter, Recipient};

use super::{Metrics, Reported};

/// The running actor. Its thread ends when this is dropped.
pub struct MetricsThread {
    metrics: Addr<Metrics>,
    arbiter: Arbiter,
}

impl MetricsThread {
    /// Starts it.
    pub fn start(metrics: Metrics) -> Self {
        let arbiter = Arbiter::new();
        let metrics = Metrics::start_in_arbiter(&arbiter.handle(), |_| metrics);
        Self { metrics, arbiter }
    }

    /// Who is asked.
    pub fn address(&self) -> &Addr<Metrics> {
        &self.metrics
    }

    /// Who is told.
    pub fn reports(&self) -> Recipient<Reported> {
        self.metrics.clone().recipient()
    }

    /// Whether the actor is there to be asked and told.
    pub fn is_running(&self) -> bool {
        self.metrics.connected()
    }
}

impl Drop for MetricsThread {
    fn drop(&mut self) {
        self.arbiter.stop();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use prometheus_client::registry::Registry;

    use super::*;
    use crate::{
        ids::RecordingId,
        metrics::{Format, News, Scrape},
        recording::Report,
    };

    const REPORTS: usize = 1000;

    async fn total(thread: &MetricsThread) -> usize {
        let text = thread.address().send(Scrape { format: Format::Classic }).await.unwrap().unwrap();
        let series = "recording_recordings_total{backend=\"cloud\"} ";
        text.lines().find_map(|line| line.strip_prefix(series)).unwrap().parse().unwrap()
    }

    #[actix_rt::test]
    async fn every_report_arrives_however_many_come_at_once() {
        let thread = MetricsThread::start(Metrics::new([], Registry::default()));
        let reports = thread.reports();
        for _ in 0..REPORTS {
            let news = News::Happened { id: RecordingId::random(), report: Report::Started };
            reports.do_send(Reported { backend: "cloud".parse().unwrap(), news });
        }
        assert_eq!(total(&thread).await, REPORTS);
        assert!(thread.is_running());
    }

    #[actix_rt::test]
    async fn metrics_whose_thread_is_gone_are_not_running() {
        let thread = MetricsThread::start(Metrics::new([], Registry::default()));
        assert!(thread.is_running());
        thread.arbiter.stop();
        let gone = async {
            while thread.is_running() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(10), gone).await.is_ok());
    }
}
