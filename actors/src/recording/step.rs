//! The transitions: one function a phase.

use jiff::Timestamp;

use super::{
    Actor, Effect, EndReason, Ending, Event, NextRound, Notice, Owed, Phase, RARELY, Recording, Report,
};

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

/// Whether media that an engine left needs to be made whole.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    Whole,
    Cut,
}

impl Left {
    fn cut(media: bool) -> Self {
        if media { Self::Cut } else { Self::Nothing }
    }
}

/// Each function of a phase names every event, so that a new one cannot be forgotten in silence, and
/// returns whether anything changed.
impl Step {
    pub(super) fn while_starting(&mut self, event: &Event, now: Timestamp) -> bool {
        match event {
            Event::Rolling => {
                self.next.phase = Phase::Recording;
                self.reports.push(Report::Rolling);
                self.owe(Notice::Started, now);
            }
            Event::StopAsked { by, why } => self.stop(by.clone(), *why),
            // Sealed without having been asked to, and before a frame: nobody wanted that.
            Event::Sealed { media, .. } => self.fail(EndReason::EngineFailed, Left::cut(*media), now, now),
            Event::Broke { media, why, .. } => self.fail(*why, Left::cut(*media), now, now),
            Event::Recovered { media, cut_at } => self.fail_with_the_server(*media, *cut_at, now),
            Event::Told { .. }
            | Event::Untold { .. }
            | Event::Salvaged { .. }
            | Event::Stored
            | Event::RoundFailed { .. }
            | Event::MediaGone
            | Event::RetryAsked
            | Event::DiscardAsked => return false,
        }
        true
    }

    pub(super) fn while_recording(&mut self, event: &Event, now: Timestamp) -> bool {
        match event {
            Event::StopAsked { by, why } => self.stop(by.clone(), *why),
            Event::Sealed { seconds, media } => {
                let left = if *media { Left::Whole } else { Left::Nothing };
                self.end(*seconds, left, now, now);
            }
            Event::Broke { media, why, .. } => self.fail(*why, Left::cut(*media), now, now),
            Event::Recovered { media, cut_at } => self.fail_with_the_server(*media, *cut_at, now),
            Event::Told { notice } | Event::Untold { notice, room_unknown: false } => {
                return self.settle(notice);
            }
            // Nobody could ever stop it: Nextcloud does not know that it records.
            Event::Untold { notice, room_unknown: true } => {
                if !self.settle(notice) {
                    return false;
                }
                self.stop(None, EndReason::NotAwaited);
            }
            Event::Rolling
            | Event::Salvaged { .. }
            | Event::Stored
            | Event::RoundFailed { .. }
            | Event::MediaGone
            | Event::RetryAsked
            | Event::DiscardAsked => return false,
        }
        true
    }

    pub(super) fn while_stopping(&mut self, event: &Event, now: Timestamp) -> bool {
        match event {
            Event::Sealed { seconds, media } => {
                let left = if *media { Left::Whole } else { Left::Nothing };
                self.end(*seconds, left, now, now);
            }
            // Whatever breaks after the stop is not a failed recording: the user wanted it to end.
            Event::Broke { seconds, media, .. } => self.end(*seconds, Left::cut(*media), now, now),
            Event::Recovered { media, cut_at } => {
                self.reports.push(Report::Recovered);
                self.end(0.0, Left::cut(*media), *cut_at, now);
            }
            Event::Told { notice } | Event::Untold { notice, .. } => return self.settle(notice),
            Event::Rolling
            | Event::StopAsked { .. }
            | Event::Salvaged { .. }
            | Event::Stored
            | Event::RoundFailed { .. }
            | Event::MediaGone
            | Event::RetryAsked
            | Event::DiscardAsked => return false,
        }
        true
    }

    pub(super) fn while_salvaging(&mut self, event: &Event, now: Timestamp) -> bool {
        match event {
            Event::Salvaged { seconds, .. } => {
                if let Some(seconds) = seconds.filter(|seconds| seconds.is_finite()) {
                    self.next.seconds = seconds.max(0.0);
                }
                self.begin_upload(now);
            }
            Event::Recovered { media: true, .. } => {
                self.report_again();
                self.tell_what_is_owed();
                self.effects.push(Effect::Salvage);
            }
            Event::Recovered { media: false, .. } | Event::MediaGone => self.close(Ending::Lost),
            Event::Told { notice } | Event::Untold { notice, .. } => return self.settle(notice),
            Event::Rolling
            | Event::StopAsked { .. }
            | Event::Sealed { .. }
            | Event::Broke { .. }
            | Event::Stored
            | Event::RoundFailed { .. }
            | Event::RetryAsked
            | Event::DiscardAsked => return false,
        }
        true
    }

    pub(super) fn while_uploading(&mut self, event: &Event, now: Timestamp) -> bool {
        match event {
            Event::Stored => {
                if self.next.is_settled() {
                    self.reports.push(Report::DeliveredLate);
                }
                self.close(Ending::Stored);
            }
            Event::MediaGone | Event::Recovered { media: false, .. } => self.close(Ending::Lost),
            Event::RoundFailed { reason, next } => self.fail_round(reason, *next, now),
            Event::Recovered { media: true, .. } => {
                self.report_again();
                self.tell_what_is_owed();
                // Not for longer than a round may be put off: the clock may have been set back.
                let longest = now + RARELY;
                let must_wait =
                    self.next.not_before.is_some_and(|earliest| earliest > now && earliest <= longest);
                self.effects.push(if must_wait { Effect::UploadLater } else { Effect::Upload });
            }
            Event::Told { notice } | Event::Untold { notice, .. } => return self.settle(notice),
            Event::RetryAsked => {
                self.next.upload_since = Some(now);
                self.next.not_before = None;
                self.effects.push(Effect::HurryUpload);
            }
            // One that was never tried is on its way already.
            Event::DiscardAsked if self.next.is_settled() => self.close(Ending::Discarded),
            Event::DiscardAsked
            | Event::Rolling
            | Event::StopAsked { .. }
            | Event::Sealed { .. }
            | Event::Broke { .. }
            | Event::Salvaged { .. } => return false,
        }
        true
    }

    pub(super) fn while_parked(&mut self, event: &Event, now: Timestamp) -> bool {
        match event {
            Event::RetryAsked => self.begin_upload(now),
            Event::DiscardAsked => self.close(Ending::Discarded),
            // It waits for a human, and a restart is none.
            Event::Recovered { media: true, .. } => {
                self.report_again();
                self.tell_what_is_owed();
            }
            Event::Recovered { media: false, .. } | Event::MediaGone => self.close(Ending::Lost),
            Event::Told { notice } | Event::Untold { notice, .. } => return self.settle(notice),
            Event::Rolling
            | Event::StopAsked { .. }
            | Event::Sealed { .. }
            | Event::Broke { .. }
            | Event::Salvaged { .. }
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
            | Event::Salvaged { .. }
            | Event::Stored
            | Event::RoundFailed { .. }
            | Event::MediaGone
            | Event::RetryAsked
            | Event::DiscardAsked => false,
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

    fn stop(&mut self, by: Option<Actor>, why: EndReason) {
        self.next.phase = Phase::Stopping;
        self.next.stopped_by = by;
        self.next.ended = Some(why);
        self.effects.push(Effect::StopEngine);
    }

    fn fail_with_the_server(&mut self, media: bool, cut_at: Timestamp, now: Timestamp) {
        self.reports.push(Report::Recovered);
        self.fail(EndReason::ServerDied, Left::cut(media), cut_at, now);
    }

    fn fail(&mut self, why: EndReason, left: Left, since: Timestamp, now: Timestamp) {
        self.next.failed = true;
        self.next.ended = Some(why);
        self.reports.push(Report::Failed);
        self.reports.push(Report::Ended(why));
        self.owe(Notice::Failed, since);
        self.hand_over(left, now);
    }

    fn end(&mut self, seconds: f64, left: Left, since: Timestamp, now: Timestamp) {
        let recorded = left != Left::Nothing && seconds.is_finite();
        self.next.seconds = if recorded { seconds.max(0.0) } else { 0.0 };
        // An engine that ends in order without having been asked to has its own reasons.
        let why = *self.next.ended.get_or_insert(EndReason::EngineFailed);
        self.reports.push(Report::Ended(why));
        let by = self.next.stopped_by.clone();
        self.owe(Notice::Stopped { by }, since);
        self.hand_over(left, now);
    }

    fn hand_over(&mut self, left: Left, now: Timestamp) {
        match left {
            Left::Nothing => self.close(Ending::Empty),
            Left::Whole => self.begin_upload(now),
            Left::Cut => {
                self.next.phase = Phase::Salvaging;
                self.effects.push(Effect::Salvage);
            }
        }
    }

    fn begin_upload(&mut self, now: Timestamp) {
        self.next.phase = Phase::Uploading;
        self.next.upload_since = Some(now);
        self.next.not_before = None;
        self.effects.push(Effect::Upload);
    }

    fn fail_round(&mut self, reason: &str, next: NextRound, now: Timestamp) {
        if !self.next.is_settled() {
            if !self.next.failed {
                self.reports.push(Report::UploadFailed);
            }
            self.finish();
        }
        self.next.rounds_failed = self.next.rounds_failed.saturating_add(1);
        self.next.last_refusal = Some(reason.to_owned());
        self.next.not_before = match next {
            NextRound::Soon { at_least } => now.checked_add(at_least).ok(),
            NextRound::Rarely => now.checked_add(RARELY).ok(),
            NextRound::Never => None,
        };
        if next == NextRound::Never {
            self.next.phase = Phase::Parked { reason: reason.to_owned() };
        } else {
            self.effects.push(Effect::UploadLater);
        }
    }

    fn tell_what_is_owed(&mut self) {
        if self.next.owed.is_some() {
            self.effects.push(Effect::Tell);
        }
    }

    /// A recorder may have died between the journal and the report. The metrics take each report of a
    /// recording once.
    fn report_again(&mut self) {
        let closed = matches!(self.next.phase, Phase::Closed(_));
        if let Some(why) = self.next.ended {
            self.reports.push(Report::Ended(why));
        }
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
