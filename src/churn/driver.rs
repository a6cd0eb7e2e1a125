//! Starts recordings, stops them, and waits for each to be over, so many at a time.

use std::{
    cell::{Cell, RefCell},
    collections::HashSet,
    io::{self, Write},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};

use super::{
    Lap, Options, Report,
    gauges::{Gauges, resident_memory},
    ledger::Progress,
    report::LapFigures,
    scraper::Scrapes,
    script::Script,
    target::Target,
    verdict::Verdict,
};

/// A recording that takes longer is lost.
const PATIENCE: Duration = Duration::from_mins(2);

/// Drives a target through the script.
pub(super) struct Driver<'a> {
    script: &'a Script,
    target: &'a dyn Target,
    gauges: &'a Gauges,
    options: &'a Options,
    /// The next recording; so many were begun.
    next: Cell<u64>,
    over: Cell<u64>,
    /// How long it took to begin all recordings of this lap.
    beginning: Cell<Duration>,
    /// Rooms that are being recorded.
    busy: RefCell<HashSet<u64>>,
    laps: Vec<LapFigures>,
}

impl<'a> Driver<'a> {
    pub(super) fn new(
        script: &'a Script,
        target: &'a dyn Target,
        gauges: &'a Gauges,
        options: &'a Options,
    ) -> Self {
        let (over, busy, beginning) = (Cell::new(0), RefCell::default(), Cell::default());
        Self { script, target, gauges, options, next: Cell::new(0), over, beginning, busy, laps: Vec::new() }
    }

    /// Lets one lap of recordings begin and come to their ends.
    pub(super) async fn lap(&mut self, lap: u32) -> anyhow::Result<()> {
        let (begun, first) = (Instant::now(), self.next.get());
        let this = &*self;
        tokio::select! {
            done = this.record(begun) => done?,
            failed = this.scrape() => return failed,
            () = this.show(lap, first, begun) => {}
        }
        let recordings = self.next.get() - first;
        let memory = resident_memory(self.target.pid());
        self.laps.push(LapFigures::new(recordings, self.beginning.get(), begun.elapsed(), memory));
        eprintln!();
        Ok(())
    }

    /// What came out of all laps.
    pub(super) fn report(self, verdict: Verdict) -> Report {
        Report::new(self.options, self.laps, self.gauges, verdict)
    }

    /// How many recordings were begun so far.
    pub(super) fn begun(&self) -> u64 {
        self.next.get()
    }

    /// The number of the next recording of a lap; nothing when it has enough.
    fn next_of_lap(&self, first: u64, begun: Instant) -> Option<u64> {
        let number = self.next.get();
        let more = match self.options.lap {
            Lap::Recordings(recordings) => number - first < recordings,
            Lap::Time(time) => begun.elapsed() < time,
        };
        more.then(|| self.next.replace(number + 1))
    }

    async fn record(&self, begun: Instant) -> anyhow::Result<()> {
        let first = self.next.get();
        let mut under_way = FuturesUnordered::new();
        let mut pace = self.options.rate.map(|rate| interval(Duration::from_secs_f64(1.0 / rate)));
        if let Some(pace) = &mut pace {
            // What could not be begun in time is made up for.
            pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
        }
        while let Some(number) = self.next_of_lap(first, begun) {
            while under_way.len() >= self.options.in_flight {
                under_way.next().await.transpose()?;
            }
            if let Some(pace) = &mut pace {
                pace.tick().await;
            }
            under_way.push(self.live(number));
            // Those under way go on while others are begun.
            while let Some(Some(done)) = under_way.next().now_or_never() {
                done?;
            }
        }
        self.beginning.set(begun.elapsed());
        while let Some(done) = under_way.next().await {
            done?;
        }
        Ok(())
    }

    /// One recording from its start to its end.
    async fn live(&self, number: u64) -> anyhow::Result<()> {
        let room = self.script.room_of(number);
        while !self.busy.borrow_mut().insert(room) {
            sleep(Duration::from_millis(10)).await;
        }
        let life = timeout(PATIENCE, self.order_and_stop(number)).await;
        life.with_context(|| format!("recording {number} is not over after {PATIENCE:?}"))??;
        self.busy.borrow_mut().remove(&room);
        self.over.set(self.over.get() + 1);
        Ok(())
    }

    async fn order_and_stop(&self, number: u64) -> anyhow::Result<()> {
        let mut progress = self.target.ledger().open(number);
        self.gauges.start.note(self.target.start(number).await?);
        if self.script.course(number).is_stopped {
            reach(&mut progress, Progress::Started).await?;
            self.gauges.stop.note(self.target.stop_recording(number).await?);
        }
        reach(&mut progress, Progress::Over).await
    }

    /// Scrapes until it fails.
    async fn scrape(&self) -> anyhow::Result<()> {
        let mut scrapes = Scrapes::begin(self.target.scraper()?);
        while let Some(took) = scrapes.next().await {
            self.gauges.scrape.note(took?);
        }
        bail!("the scrapes broke off")
    }

    /// A line of progress, for ever.
    async fn show(&self, lap: u32, first: u64, begun: Instant) {
        let (mut seconds, mut before) = (interval(Duration::from_secs(1)), first);
        seconds.tick().await;
        loop {
            seconds.tick().await;
            let over = self.over.get();
            eprint!(
                "\rlap {lap}  {:5.0} s  {over:>10} over  {:>7} /s  {:>6} under way  {:>5} MiB ",
                begun.elapsed().as_secs_f64(),
                over.saturating_sub(before),
                self.busy.borrow().len(),
                resident_memory(self.target.pid()) >> 20,
            );
            // A terminal that is gone is no reason to stop.
            drop(io::stderr().flush());
            before = over;
        }
    }
}

async fn reach(progress: &mut watch::Receiver<Progress>, wanted: Progress) -> anyhow::Result<()> {
    let reached = progress.wait_for(|progress| *progress >= wanted).await.is_ok();
    // The ledger drops the sender of a recording that is over.
    ensure!(reached || *progress.borrow() == Progress::Over, "the ledger lost a recording");
    Ok(())
}
