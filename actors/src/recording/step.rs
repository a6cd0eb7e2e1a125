//! The transitions: one function a phase.

use jiff::Timestamp;

use super::{Actor, Effect, Ending, Event, NextRound, Notice, Owed, Phase, Recording, Report};

/// The outcome of an event: the recording after it, and what follows from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// To be journalled first.
    pub next: Recording,
    /// To be reported next.
    pub reports: Vec<Report>,
    /// To be done last.
    pub effects: Vec<Effect>,
}

/// Each function of a phase names every event, so that a new one cannot be forgotten in silence, and
/// returns whether anything changed.
impl Step {
    pub(super) fn while_starting(&mut self, event: &Event, now: Timestamp) -> bool {
        match event {
            Event::Rolling => {
                self.next.phase = Phase::Recording;
                self.owe(Notice::Started, now);
            }
            Event::StopAsked { by } => self.stop(by.clone()),
            // Sealed without having been asked to, and before a frame: nobody wanted that.
            Event::Sealed { media, .. } | Event::Broke { media, .. } => self.fail(*media, now),
            Event::Recovered { media, cut_at } => self.fail(*media, *cut_at),
            Event::Told { .. }
            | Event::Untold { .. }
            | Event::Stored
            | Event::RoundFailed { .. }
            | Event::MediaGone => return false,
        }
        true
    }

    pub(super) fn while_recording(&mut self, event: &Event, now: Timestamp) -> bool {
        match event {
            Event::StopAsked { by } => self.stop(by.clone()),
            Event::Sealed { seconds, media } => self.end(*seconds, *media, now),
            Event::Broke { media, .. } => self.fail(*media, now),
            Event::Recovered { media, cut_at } => self.fail(*media, *cut_at),
            Event::Told { notice } | Event::Untold { notice, room_unknown: false } => {
                return self.settle(notice);
            }
            // Nobody could ever stop it: Nextcloud does not know that it records.
            Event::Untold { notice, room_unknown: true } => {
                if !self.settle(notice) {
                    return false;
                }
                self.stop(None);
            }
            Event::Rolling | Event::Stored | Event::RoundFailed { .. } | Event::MediaGone => return false,
        }
        true
    }

    pub(super) fn while_stopping(&mut self, event: &Event, now: Timestamp) -> bool {
        match event {
            // Whatever breaks after the stop is not a failed recording: the user wanted it to end.
            Event::Sealed { seconds, media } | Event::Broke { seconds, media, .. } => {
                self.end(*seconds, *media, now);
            }
            Event::Recovered { media, cut_at } => self.end(0.0, *media, *cut_at),
            Event::Told { notice } | Event::Untold { notice, .. } => return self.settle(notice),
            Event::Rolling
            | Event::StopAsked { .. }
            | Event::Stored
            | Event::RoundFailed { .. }
            | Event::MediaGone => return false,
        }
        true
    }

    pub(super) fn while_uploading(&mut self, event: &Event) -> bool {
        match event {
            Event::Stored => self.close(Ending::Stored),
            Event::MediaGone | Event::Recovered { media: false, .. } => self.close(Ending::Lost),
            Event::RoundFailed { reason, next } => self.fail_round(reason, *next),
            Event::Recovered { media: true, .. } => self.resume(),
            Event::Told { notice } | Event::Untold { notice, .. } => return self.settle(notice),
            Event::Rolling | Event::StopAsked { .. } | Event::Sealed { .. } | Event::Broke { .. } => {
                return false;
            }
        }
        true
    }

    pub(super) fn while_parked(&mut self, event: &Event) -> bool {
        match event {
            // A restart is how an operator says "try again" today.
            Event::Recovered { media: true, .. } => self.resume(),
            Event::Recovered { media: false, .. } | Event::MediaGone => self.close(Ending::Lost),
            Event::Told { notice } | Event::Untold { notice, .. } => return self.settle(notice),
            Event::Rolling
            | Event::StopAsked { .. }
            | Event::Sealed { .. }
            | Event::Broke { .. }
            | Event::Stored
            | Event::RoundFailed { .. } => return false,
        }
        true
    }

    pub(super) fn while_closed(&mut self, event: &Event) -> bool {
        match event {
            Event::Told { notice } | Event::Untold { notice, .. } => {
                let settled = self.settle(notice);
                if settled {
                    self.effects.push(Effect::Forget);
                }
                settled
            }
            Event::Recovered { .. } => {
                self.report_again();
                self.effects.push(if self.next.owed.is_some() { Effect::Tell } else { Effect::Forget });
                true
            }
            Event::Rolling
            | Event::StopAsked { .. }
            | Event::Sealed { .. }
            | Event::Broke { .. }
            | Event::Stored
            | Event::RoundFailed { .. }
            | Event::MediaGone => false,
        }
    }

    fn owe(&mut self, notice: Notice, since: Timestamp) {
        self.next.owed = Some(Owed { notice, since });
        self.effects.push(Effect::Tell);
    }

    /// Whether this notice was still owed; it no longer is.
    fn settle(&mut self, notice: &Notice) -> bool {
        let is_owed = self.next.owed.as_ref().is_some_and(|owed| owed.notice == *notice);
        if is_owed {
            self.next.owed = None;
        }
        is_owed
    }

    fn stop(&mut self, by: Option<Actor>) {
        self.next.phase = Phase::Stopping;
        self.next.stopped_by = by;
        self.effects.push(Effect::StopEngine);
    }

    fn fail(&mut self, media: bool, since: Timestamp) {
        self.next.failed = true;
        self.reports.push(Report::Failed);
        self.owe(Notice::Failed, since);
        self.hand_over(media);
    }

    fn end(&mut self, seconds: f64, media: bool, since: Timestamp) {
        let recorded = media && seconds.is_finite();
        self.next.seconds = if recorded { seconds.max(0.0) } else { 0.0 };
        let by = self.next.stopped_by.clone();
        self.owe(Notice::Stopped { by }, since);
        self.hand_over(media);
    }

    fn hand_over(&mut self, media: bool) {
        if media {
            self.next.phase = Phase::Uploading;
            self.effects.push(Effect::Upload);
        } else {
            self.close(Ending::Empty);
        }
    }

    fn fail_round(&mut self, reason: &str, next: NextRound) {
        if !self.next.is_settled() {
            if !self.next.failed {
                self.reports.push(Report::UploadFailed);
            }
            self.finish();
        }
        self.next.rounds_failed = self.next.rounds_failed.saturating_add(1);
        match next {
            NextRound::Soon => self.effects.push(Effect::UploadLater { rarely: false }),
            NextRound::Rarely => self.effects.push(Effect::UploadLater { rarely: true }),
            NextRound::Never => self.next.phase = Phase::Parked { reason: reason.to_owned() },
        }
    }

    fn resume(&mut self) {
        self.report_again();
        self.next.phase = Phase::Uploading;
        if self.next.owed.is_some() {
            self.effects.push(Effect::Tell);
        }
        self.effects.push(Effect::Upload);
    }

    /// A recorder may have died between the journal and the report. The metrics take each report of a
    /// recording once.
    fn report_again(&mut self) {
        let closed = matches!(self.next.phase, Phase::Closed(_));
        if self.next.failed {
            self.reports.push(Report::Failed);
        } else if self.next.is_settled() {
            self.reports.push(Report::UploadFailed);
        }
        if closed || self.next.is_settled() {
            self.finish();
        }
    }

    fn close(&mut self, ending: Ending) {
        if !self.next.is_settled() {
            self.finish();
        }
        self.next.phase = Phase::Closed(ending);
        if self.next.owed.is_none() {
            self.effects.push(Effect::Forget);
        }
    }

    fn finish(&mut self) {
        let seconds = if self.next.failed { 0.0 } else { self.next.seconds };
        self.reports.push(Report::Finished { seconds });
    }
}
