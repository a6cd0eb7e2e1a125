//! Judges from looks at picture and sound whether a recording is of nothing. Pure.
//!
//! A sign is told once it has been there for as long as the operator allows, and once more when it is over. A black
//! picture does not change either: it is called black alone.

use std::time::Duration;

use actors::recording::{EndReason, Sign};
use tokio::time::Instant;

/// What a look at the screen has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Picture {
    /// Two pictures with the same one are the same.
    pub(super) fingerprint: u64,
    /// No pixel has any light.
    pub(super) black: bool,
}

/// What there was at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Impression {
    /// The picture, where there is one to look at.
    pub(super) picture: Option<Picture>,
    /// Whether there was nothing but digital silence since the moment before.
    pub(super) silent: bool,
}

/// A sign that has come, or gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    /// Which.
    pub(super) sign: Sign,
    /// Whether it is there now.
    pub(super) seen: bool,
}

/// What is known of a recording so far.
#[derive(Debug)]
pub(super) struct Judge {
    warn_after: Duration,
    last_look: Instant,
    last_picture: Option<Picture>,
    still: Watched,
    black: Watched,
    silent: Watched,
}

/// A sign that may be there.
#[derive(Debug, Default)]
struct Watched {
    since: Option<Instant>,
    told: bool,
}

impl Judge {
    /// One that has seen nothing yet.
    pub(super) fn new(warn_after: Duration, now: Instant) -> Self {
        Self {
            warn_after,
            last_look: now,
            last_picture: None,
            still: Watched::default(),
            black: Watched::default(),
            silent: Watched::default(),
        }
    }

    /// Takes in a look and says what has changed by it.
    pub(super) fn look(&mut self, now: Instant, seen: &Impression) -> Vec<Change> {
        // What two looks agree about was so between them, too.
        let before = std::mem::replace(&mut self.last_look, now);
        let black = seen.picture.is_some_and(|picture| picture.black);
        let still = !black && seen.picture.is_some() && seen.picture == self.last_picture;
        self.last_picture = seen.picture;
        let signs = [
            (Sign::Still, self.still.update(still, before, now, self.warn_after)),
            (Sign::Black, self.black.update(black, now, now, self.warn_after)),
            (Sign::Silent, self.silent.update(seen.silent, before, now, self.warn_after)),
        ];
        signs.into_iter().filter_map(|(sign, seen)| Some(Change { sign, seen: seen? })).collect()
    }
}

impl Watched {
    /// Whether it is to be told now that the sign is there, or is over.
    fn update(&mut self, there: bool, since: Instant, now: Instant, warn_after: Duration) -> Option<bool> {
        if !there {
            self.since = None;
            return std::mem::take(&mut self.told).then_some(false);
        }
        let since = *self.since.get_or_insert(since);
        if self.told || now - since < warn_after {
            return None;
        }
        self.told = true;
        Some(true)
    }
}

/// Why a recording ends that ends for this sign.
pub(super) fn end_reason(sign: Sign) -> EndReason {
    match sign {
        Sign::Still => EndReason::Still,
        Sign::Black => EndReason::Black,
        Sign::Silent => EndReason::Silent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    const BLACK: Picture = Picture { fingerprint: 0, black: true };

    /// Looks once a second, warns after three; says at which look which sign came or went.
    fn told(looks: &[(Option<Picture>, bool)]) -> Vec<(usize, Sign, bool)> {
        let mut now = Instant::now();
        let mut judge = Judge::new(3 * SECOND, now);
        let mut told = Vec::new();
        for (number, (picture, silent)) in looks.iter().enumerate() {
            now += SECOND;
            let changes = judge.look(now, &Impression { picture: *picture, silent: *silent });
            told.extend(changes.into_iter().map(|change| (number, change.sign, change.seen)));
        }
        told
    }

    /// The same for pictures alone.
    fn shown(pictures: &[Picture]) -> Vec<(usize, Sign, bool)> {
        told(&pictures.iter().map(|picture| (Some(*picture), false)).collect::<Vec<_>>())
    }

    fn picture(fingerprint: u64) -> Picture {
        Picture { fingerprint, black: false }
    }

    #[test]
    fn a_call_that_moves_and_sounds_shows_no_sign() {
        assert_eq!(shown(&[1, 2, 3, 4, 5, 6].map(picture)), []);
    }

    #[test]
    fn a_picture_that_stands_still_is_told_once_and_its_end_once() {
        let looks = [1, 1, 1, 1, 1, 1, 2, 2].map(picture);
        assert_eq!(shown(&looks), [(3, Sign::Still, true), (6, Sign::Still, false)]);
    }

    #[test]
    fn a_change_in_between_begins_the_time_anew() {
        let looks = [1, 1, 1, 2, 2, 2, 3, 3, 3].map(picture);
        assert_eq!(shown(&looks), []);
    }

    #[test]
    fn a_black_picture_is_black_and_not_also_still() {
        let looks = [BLACK, BLACK, BLACK, BLACK, BLACK, picture(1)];
        assert_eq!(shown(&looks), [(3, Sign::Black, true), (5, Sign::Black, false)]);
    }

    #[test]
    fn silence_counts_from_the_beginning_of_what_was_listened_to() {
        let looks = [(1, true), (2, true), (3, true), (4, false)];
        let looks = looks.map(|(number, silent)| (Some(picture(number)), silent));
        assert_eq!(told(&looks), [(2, Sign::Silent, true), (3, Sign::Silent, false)]);
    }

    #[test]
    fn sound_alone_has_no_signs_of_a_picture() {
        assert_eq!(told(&[(None, false); 6]), []);
    }
}
