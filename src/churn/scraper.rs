//! Scrapes while it churns, on a thread of its own: a scraper elsewhere does not wait for whoever makes the load.

use std::{sync::Arc, time::Duration};

use actix::Arbiter;
use anyhow::ensure;
use async_trait::async_trait;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};

/// The pause between two scrapes.
const PAUSE: Duration = Duration::from_millis(250);

/// Asks for the text of the metrics.
#[async_trait]
pub(super) trait Scraper: Send + Sync {
    async fn scrape(&self) -> anyhow::Result<String>;
}

/// Scrapes again and again, until one fails or this is dropped.
pub(super) struct Scrapes {
    took: mpsc::UnboundedReceiver<anyhow::Result<Duration>>,
    thread: Arbiter,
}

impl Scrapes {
    pub(super) fn begin(scraper: Arc<dyn Scraper>) -> Self {
        let (sender, took) = mpsc::unbounded_channel();
        let thread = Arbiter::new();
        thread.spawn(async move {
            while sender.send(timed(&*scraper).await).is_ok() {
                sleep(PAUSE).await;
            }
        });
        Self { took, thread }
    }

    /// How long the next one took; nothing once there are no more.
    pub(super) async fn next(&mut self) -> Option<anyhow::Result<Duration>> {
        self.took.recv().await
    }
}

impl Drop for Scrapes {
    fn drop(&mut self) {
        self.thread.stop();
    }
}

async fn timed(scraper: &dyn Scraper) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    let text = scraper.scrape().await?;
    ensure!(!text.is_empty(), "a scrape was empty");
    Ok(begun.elapsed())
}
