//! Redundant ingest: which of two streams viewers see.
//!
//! One stream is *active*; viewers see it and nothing of the other. The other takes over at its next key frame once the active one
//! has ended, or no picture or no audio of it has come for a second. Nothing is handed back: the one that has taken over stays active.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long the active stream may be without pictures, or without audio.
const SILENCE_MAX: Duration = Duration::from_secs(1);

/// One of the two streams: that of the first or of the second key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    /// That of the first key.
    First,
    /// That of the second key.
    Second,
}

/// What becomes of something that has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Viewers get it.
    Pass,
    /// Viewers get it, and it is the first of another stream than before.
    Begin,
    /// Viewers do not get it.
    Drop,
}

/// Which stream is active.
#[derive(Debug, Default)]
pub(crate) struct Choice {
    active: Option<Active>,
    first: Heard,
    second: Heard,
}

#[derive(Debug)]
struct Active {
    side: Side,
    /// Layers of which a key frame has come since it is active.
    begun: BTreeSet<usize>,
}

/// When something has come last.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    picture: Option<Instant>,
    audio: Option<Instant>,
}

impl Heard {
    fn is_silent(self, now: Instant) -> bool {
        let is_old = |at: Option<Instant>| {
            at.is_none_or(|at| now.saturating_duration_since(at) >= SILENCE_MAX)
        };
        is_old(self.picture) || is_old(self.audio)
    }
}

impl Choice {
    /// The active stream, if there is one.
    pub(crate) fn active(&self) -> Option<Side> {
        self.active.as_ref().map(|active| active.side)
    }

    /// A picture has come.
    pub(crate) fn picture(
        &mut self,
        side: Side,
        layer: usize,
        is_key: bool,
        now: Instant,
    ) -> Verdict {
        self.heard(side).picture = Some(now);
        if let Some(active) = &mut self.active
            && active.side == side
        {
            if is_key {
                active.begun.insert(layer);
            }
            return if active.begun.contains(&layer) {
                Verdict::Pass
            } else {
                Verdict::Drop
            };
        }
        if !is_key || !self.may_take_over(side, now) {
            return Verdict::Drop;
        }
        self.active = Some(Active {
            side,
            begun: BTreeSet::from([layer]),
        });
        Verdict::Begin
    }

    /// Audio has come.
    pub(crate) fn audio(&mut self, side: Side, now: Instant) -> Verdict {
        self.heard(side).audio = Some(now);
        if self.active() == Some(side) {
            Verdict::Pass
        } else {
            Verdict::Drop
        }
    }

    /// A stream has ended.
    pub(crate) fn left(&mut self, side: Side) {
        *self.heard(side) = Heard::default();
        if self.active() == Some(side) {
            self.active = None;
        }
    }

    fn may_take_over(&mut self, side: Side, now: Instant) -> bool {
        let Some(active) = self.active() else {
            return true;
        };
        // Two streams that both lack something would take each other's place at every key frame.
        self.heard(active).is_silent(now) && !self.heard(side).is_silent(now)
    }

    fn heard(&mut self, side: Side) -> &mut Heard {
        match side {
            Side::First => &mut self.first,
            Side::Second => &mut self.second,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Side::{First, Second};
    use super::Verdict::{Begin, Drop, Pass};
    use super::*;

    /// What comes at a time in milliseconds, and what is to become of it.
    enum Step {
        Key(Side, usize, Verdict),
        Delta(Side, usize, Verdict),
        Audio(Side, Verdict),
        Left(Side),
    }
    use Step::{Audio, Delta, Key, Left};

    #[expect(
        clippy::disallowed_methods,
        reason = "a test needs some instant to start from"
    )]
    fn run(steps: &[(u64, Step)]) {
        let start = Instant::now();
        let mut choice = Choice::default();
        for (index, (at, step)) in steps.iter().enumerate() {
            let now = start + Duration::from_millis(*at);
            let (verdict, expected) = match step {
                Key(side, layer, expected) => (choice.picture(*side, *layer, true, now), expected),
                Delta(side, layer, expected) => {
                    (choice.picture(*side, *layer, false, now), expected)
                }
                Audio(side, expected) => (choice.audio(*side, now), expected),
                Left(side) => {
                    choice.left(*side);
                    continue;
                }
            };
            assert_eq!(verdict, *expected, "step {index} at {at} ms");
        }
    }

    #[test]
    fn the_first_key_frame_makes_its_stream_the_active_one_and_the_other_is_not_seen() {
        run(&[
            (0, Audio(First, Drop)),
            (0, Delta(First, 0, Drop)),
            (10, Key(Second, 0, Begin)),
            (11, Audio(Second, Pass)),
            (20, Key(First, 0, Drop)),
            (21, Audio(First, Drop)),
            (40, Delta(Second, 0, Pass)),
            (500, Key(Second, 0, Pass)),
        ]);
    }

    #[test]
    fn when_the_active_stream_ends_the_other_goes_on_at_its_next_key_frame() {
        run(&[
            (0, Key(First, 0, Begin)),
            (0, Key(Second, 0, Drop)),
            (40, Left(First)),
            (41, Delta(Second, 0, Drop)),
            (42, Audio(Second, Drop)),
            (80, Key(Second, 0, Begin)),
            (81, Audio(Second, Pass)),
            // The first comes back, and is not needed.
            (1_000, Key(First, 0, Drop)),
            (1_040, Delta(Second, 0, Pass)),
        ]);
    }

    #[test]
    fn a_stream_that_is_silent_for_a_second_is_replaced_and_does_not_come_back_by_itself() {
        run(&[
            (0, Key(First, 0, Begin)),
            (0, Audio(First, Pass)),
            (0, Audio(Second, Drop)),
            (900, Audio(Second, Drop)),
            (999, Key(Second, 0, Drop)),
            (1_000, Key(Second, 0, Begin)),
            (1_001, Audio(Second, Pass)),
            // The first was stuck in the network.
            (1_100, Delta(First, 0, Drop)),
            (1_200, Key(First, 0, Drop)),
            (1_201, Audio(First, Drop)),
            (1_300, Delta(Second, 0, Pass)),
        ]);
    }

    #[test]
    fn a_stream_without_audio_is_silent_too_and_is_no_replacement() {
        run(&[
            (0, Key(First, 0, Begin)),
            (0, Audio(First, Pass)),
            (500, Delta(First, 0, Pass)),
            (1_000, Delta(First, 0, Pass)),
            // The second has no audio either: nothing would be won.
            (1_010, Key(Second, 0, Drop)),
            (1_020, Audio(Second, Drop)),
            (1_500, Delta(First, 0, Pass)),
            (1_510, Key(Second, 0, Begin)),
        ]);
    }

    #[test]
    fn each_layer_begins_with_a_key_frame_of_its_own() {
        run(&[
            (0, Key(First, 0, Begin)),
            (0, Delta(First, 1, Drop)),
            (1, Key(First, 1, Pass)),
            (10, Left(First)),
            (20, Key(Second, 1, Begin)),
            (20, Delta(Second, 0, Drop)),
            (30, Delta(Second, 1, Pass)),
            (40, Key(Second, 0, Pass)),
        ]);
    }
}
