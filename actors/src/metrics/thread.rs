//! Metrics on a thread of their own: a scrape does not wait for the recorders, nor they for its long text.
//!
//! To wake another thread costs more than most reports. So they go through a [`Relay`] on the thread of the recorders, which
//! hands over what has come since it was last at work: one report where little happens, and a bundle where much does. Their
//! order stays.

use std::mem;

use actix::{Actor, Addr, Arbiter, AsyncContext, Context, Handler, Message, Recipient};

use super::{Metrics, Reported};

/// The running actor. Its thread ends when this is dropped.
pub struct MetricsThread {
    metrics: Addr<Metrics>,
    relay: Addr<Relay>,
    arbiter: Arbiter,
}

impl MetricsThread {
    /// Starts the actor, and on the current thread the relay to it.
    pub fn start(metrics: Metrics) -> Self {
        let arbiter = Arbiter::new();
        let metrics = Metrics::start_in_arbiter(&arbiter.handle(), |_| metrics);
        let relay = Relay { metrics: metrics.clone(), bundle: Vec::new() }.start();
        Self { metrics, relay, arbiter }
    }

    /// Who is asked.
    pub fn address(&self) -> &Addr<Metrics> {
        &self.metrics
    }

    /// Who is told.
    pub fn reports(&self) -> Recipient<Reported> {
        self.relay.clone().recipient()
    }

    /// Whether anybody is there to be asked and told.
    pub fn is_running(&self) -> bool {
        self.metrics.connected() && self.relay.connected()
    }
}

impl Drop for MetricsThread {
    fn drop(&mut self) {
        self.arbiter.stop();
    }
}

struct Relay {
    metrics: Addr<Metrics>,
    /// What is to be handed over.
    bundle: Vec<Reported>,
}

impl Actor for Relay {
    type Context = Context<Self>;
}

impl Handler<Reported> for Relay {
    type Result = ();

    fn handle(&mut self, reported: Reported, ctx: &mut Context<Self>) {
        if self.bundle.is_empty() {
            // Comes once the mailbox is empty.
            ctx.notify(HandOver);
        }
        self.bundle.push(reported);
    }
}

#[derive(Debug, Message)]
#[rtype(result = "()")]
struct HandOver;

impl Handler<HandOver> for Relay {
    type Result = ();

    fn handle(&mut self, _: HandOver, _: &mut Context<Self>) {
        self.metrics.do_send(Bundle(mem::take(&mut self.bundle)));
    }
}

/// Reports in their order.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Bundle(Vec<Reported>);

impl Handler<Bundle> for Metrics {
    type Result = ();

    fn handle(&mut self, Bundle(reports): Bundle, _: &mut Context<Self>) {
        for reported in reports {
            self.hear(reported);
        }
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
        // Once the last one is taken, the relay has come to all of them.
        let news = News::Spooled { bytes: 1 };
        reports.send(Reported { backend: "cloud".parse().unwrap(), news }).await.unwrap();
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
