//! For how long nobody has been in a call, and when that is long enough. Pure: the time comes from outside.
//!
//! Only time for which the room was watched counts: a signaling server that is away ends no recording.

use std::time::Duration;

use tokio::time::Instant;

/// After a new session nobody is to be seen in three cases: the call is over, the room was deleted while nobody
/// watched, or the signaling server has just been restarted and the participants are not back yet. So the clock
/// starts this much later; but never more than `empty_call` itself, for whoever wants a quick end.
const GRACE: Duration = Duration::from_secs(45);

/// The clock of an empty call.
#[derive(Debug)]
pub(super) struct Vacancy {
    /// How long nobody need be in the call; `None`: for ever.
    empty_call: Option<Duration>,
    /// Since when nobody is in the call; in the future while there is grace.
    since: Option<Instant>,
}

impl Vacancy {
    /// A clock that stands.
    pub(super) fn new(empty_call: Option<Duration>) -> Self {
        Self { empty_call, since: None }
    }

    /// A new session: who is in the call is only about to be told.
    pub(super) fn begin(&mut self, now: Instant) {
        self.since = Some(now + GRACE.min(self.empty_call.unwrap_or(GRACE)));
    }

    /// The session was taken up again: what was missed is about to be told, and nobody knows for how long it was so.
    pub(super) fn go_on(&mut self, now: Instant) {
        self.since = self.since.map(|since| since.max(now));
    }

    /// What the room says now.
    pub(super) fn note(&mut self, anybody: bool, now: Instant) {
        if anybody {
            self.since = None;
        } else {
            self.since.get_or_insert(now);
        }
    }

    /// When the call counts as over, unless somebody joins it.
    pub(super) fn over_at(&self) -> Option<Instant> {
        Some(self.since? + self.empty_call?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);
    const SECOND: Duration = Duration::from_secs(1);

    fn clock(empty_call: Duration) -> (Vacancy, Instant) {
        let begun = Instant::now();
        let mut clock = Vacancy::new(Some(empty_call));
        clock.begin(begun);
        (clock, begun)
    }

    #[test]
    fn a_call_that_was_seen_empties_from_the_moment_the_last_one_goes() {
        let (mut clock, begun) = clock(2 * MINUTE);
        clock.note(true, begun + SECOND);
        assert_eq!(clock.over_at(), None);
        clock.note(false, begun + 2 * SECOND);
        clock.note(false, begun + MINUTE);
        assert_eq!(clock.over_at(), Some(begun + 2 * SECOND + 2 * MINUTE));
        clock.note(true, begun + MINUTE);
        assert_eq!(clock.over_at(), None);
    }

    #[test]
    fn nobody_after_a_new_session_may_be_not_yet_anybody() {
        let (mut clock, begun) = clock(2 * MINUTE);
        clock.note(false, begun + SECOND);
        assert_eq!(clock.over_at(), Some(begun + GRACE + 2 * MINUTE));
    }

    #[test]
    fn the_grace_is_no_longer_than_the_limit() {
        let (clock, begun) = clock(2 * SECOND);
        assert_eq!(clock.over_at(), Some(begun + 4 * SECOND));
    }

    #[test]
    fn time_without_a_connection_does_not_count() {
        let (mut clock, begun) = clock(2 * MINUTE);
        clock.note(true, begun);
        clock.note(false, begun);
        clock.go_on(begun + MINUTE);
        clock.note(false, begun + MINUTE);
        assert_eq!(clock.over_at(), Some(begun + 3 * MINUTE));
        clock.begin(begun + MINUTE);
        clock.go_on(begun + MINUTE + SECOND);
        assert_eq!(clock.over_at(), Some(begun + 3 * MINUTE + GRACE), "the grace goes on");
    }

    #[test]
    fn without_a_limit_it_is_never_over() {
        let mut clock = Vacancy::new(None);
        clock.begin(Instant::now());
        clock.note(false, Instant::now());
        assert_eq!(clock.over_at(), None);
    }
}
