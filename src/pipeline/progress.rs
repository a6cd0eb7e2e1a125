//! What ffmpeg says of its work with `-progress`, and what follows from it. Pure.

use std::time::Duration;

/// Media must grow at least once in so many ticks.
const LONGEST_PAUSE: u32 = 20;
/// The pause between two ticks.
pub(super) const TICK: Duration = Duration::from_secs(1);
/// So many ticks lie between two reports of the speed.
const REPORT_EVERY: u32 = 10;

/// How far ffmpeg has come.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Progress {
    /// Frames written.
    pub(super) frames: u64,
    /// Length of what was written, in seconds.
    pub(super) seconds: f64,
    /// Frames that it had no time for.
    pub(super) dropped: u64,
}

impl Progress {
    /// Takes in one line.
    pub(super) fn read(&mut self, line: &str) {
        let count = |value: &str, old| value.trim().parse().unwrap_or(old);
        match line.split_once('=') {
            Some(("frame", value)) => self.frames = count(value, self.frames),
            Some(("drop_frames", value)) => self.dropped = count(value, self.dropped),
            Some(("out_time_us", value)) => {
                let time = value.trim().parse::<u64>().map(Duration::from_micros);
                self.seconds = time.map_or(self.seconds, |time| time.as_secs_f64());
            }
            _ => {}
        }
    }
}

/// Whether the media grows, and how fast, counted in ticks: a server that was itself held up for a while blames nobody.
#[derive(Debug, Default)]
pub(super) struct Pace {
    grown_to: f64,
    idle: u32,
    reported_at: f64,
    since_report: Duration,
    ticks: u32,
}

/// What a tick brought to light.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Finding {
    /// Nothing was written for so many seconds.
    Stalled(u64),
    /// So many seconds of media a second since the last report.
    Speed(f64),
}

impl Pace {
    /// One that begins here.
    pub(super) fn from(progress: &Progress) -> Self {
        Self { grown_to: progress.seconds, reported_at: progress.seconds, ..Self::default() }
    }

    /// Looks at what was written by now, `elapsed` after the tick before.
    ///
    /// ffmpeg's own number is a mean from the beginning on: after an hour it hides a minute of trouble.
    pub(super) fn tick(&mut self, progress: &Progress, elapsed: Duration) -> Option<Finding> {
        self.idle = if progress.seconds > self.grown_to { 0 } else { self.idle + 1 };
        self.grown_to = progress.seconds;
        if self.idle >= LONGEST_PAUSE {
            return Some(Finding::Stalled(TICK.as_secs() * u64::from(self.idle)));
        }
        self.ticks += 1;
        self.since_report += elapsed;
        if self.ticks < REPORT_EVERY {
            return None;
        }
        let speed = (progress.seconds - self.reported_at) / self.since_report.as_secs_f64();
        (self.ticks, self.since_report, self.reported_at) = (0, Duration::ZERO, progress.seconds);
        Some(Finding::Speed(speed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Progress {
        Progress { seconds, ..Progress::default() }
    }

    #[test]
    fn progress_is_read_from_what_ffmpeg_prints() {
        let mut progress = Progress::default();
        for line in [
            "frame= 12",
            "fps=0.0",
            "out_time_us=N/A",
            "out_time_us=1500000",
            "drop_frames=3",
            "progress=end",
        ] {
            progress.read(line);
        }
        assert_eq!(progress, Progress { frames: 12, seconds: 1.5, dropped: 3 });
    }

    #[test]
    fn media_that_stops_growing_is_a_stall_and_a_pause_is_none() {
        let mut pace = Pace::from(&at(5.0));
        for _ in 1..LONGEST_PAUSE {
            assert!(!matches!(pace.tick(&at(5.0), TICK), Some(Finding::Stalled(_))));
        }
        assert!(!matches!(pace.tick(&at(5.1), TICK), Some(Finding::Stalled(_))));
        for _ in 1..LONGEST_PAUSE {
            pace.tick(&at(5.1), TICK);
        }
        assert_eq!(pace.tick(&at(5.1), TICK), Some(Finding::Stalled(20)));
    }

    #[test]
    fn the_speed_is_that_of_the_last_seconds() {
        let mut pace = Pace::from(&at(0.0));
        let mut run = |from: f64, a_tick: f64| {
            (1..=REPORT_EVERY).filter_map(|tick| pace.tick(&at(from + a_tick * f64::from(tick)), TICK)).last()
        };
        assert_eq!(run(0.0, 1.0), Some(Finding::Speed(1.0)));
        assert_eq!(run(10.0, 0.5), Some(Finding::Speed(0.5)));
        assert_eq!(run(15.0, 1.0), Some(Finding::Speed(1.0)));
    }
}
