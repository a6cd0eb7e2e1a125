//! What is driven: the actors of this process, or a server.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{ledger::Ledger, scraper::Scraper};

/// Takes starts and stops.
#[async_trait(?Send)]
pub(super) trait Target {
    /// What its Nextcloud heard and got.
    fn ledger(&self) -> &Arc<Ledger>;

    /// Orders a recording; says how long it took until it was reported, or answered.
    async fn start(&self, number: u64) -> anyhow::Result<Duration>;

    /// Stops it; likewise.
    async fn stop_recording(&self, number: u64) -> anyhow::Result<Duration>;

    /// Who asks for its metrics.
    fn scraper(&self) -> anyhow::Result<Arc<dyn Scraper>>;

    /// The process that records.
    fn pid(&self) -> u32;

    /// Ends it.
    async fn stop(self: Box<Self>);
}
