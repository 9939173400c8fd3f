//! Whether a publisher speaks, by the levels of its sound (RFC 6464): those that it sends, or those that were measured for it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A mean level at least this loud begins speech, in -dBov: quiet speech into a laptop is at -40, a room without at -60.
const LOUD: u8 = 45;
/// Over which time the mean is taken. A key press is shorter.
const WINDOW: Duration = Duration::from_millis(150);
/// How much of the window has to be known: all of it but one packet of the longest usual duration (20 ms), and some jitter.
const WINDOW_LEAST: Duration = Duration::from_millis(120);
/// Speech ends after this long without a loud mean; gaps between words are shorter.
const HOLD: Duration = Duration::from_millis(600);
/// Most levels in a window; Opus packets of 2.5 ms would be 60.
const LEVELS_MAX: usize = 64;
/// Silence (RFC 6464 section 3).
const SILENCE: u8 = 127;

/// What the header extension holds for sound of a level in -dBov (RFC 6464 section 3) whose publisher does not say whether it is a
/// voice: what is loud enough to begin speech counts as one.
pub(crate) fn octet(level: u8) -> u8 {
    let voice = if level <= LOUD { 0x80 } else { 0 };
    voice | level.min(SILENCE)
}

/// The levels of one publisher.
#[derive(Debug)]
pub(crate) struct Voice {
    levels: VecDeque<(Instant, u8)>,
    /// When the mean was loud last.
    loud: Option<Instant>,
    is_speaking: bool,
    /// What was told last.
    told: bool,
    mean: u8,
}

impl Default for Voice {
    fn default() -> Self {
        Self {
            levels: VecDeque::new(),
            loud: None,
            is_speaking: false,
            told: false,
            mean: SILENCE,
        }
    }
}

impl Voice {
    /// Takes the level of one packet, in -dBov: 0 is loudest. `at` is when the sound was made, as far as that is known: packets
    /// that have been held back on their way come at once, and sound no different for it.
    pub(crate) fn level(&mut self, level: u8, at: Instant, now: Instant) {
        let level = level.min(SILENCE);
        self.expire(now);
        while let Some((first, _)) = self.levels.front()
            && (at.saturating_duration_since(*first) > WINDOW || self.levels.len() >= LEVELS_MAX)
        {
            self.levels.pop_front();
        }
        self.levels.push_back((at, level));
        self.mean = self.mean();
        let known = self.levels.front().map_or(Duration::ZERO, |(first, _)| {
            at.saturating_duration_since(*first)
        });
        if self.mean > LOUD {
            return;
        }
        if self.is_speaking || known >= WINDOW_LEAST || self.levels.len() >= LEVELS_MAX {
            self.is_speaking = true;
            self.loud = Some(now);
        }
    }

    /// A change since it was asked for last: whether it speaks, and its mean level.
    pub(crate) fn change(&mut self, now: Instant) -> Option<(bool, u8)> {
        self.expire(now);
        if self.told == self.is_speaking {
            return None;
        }
        self.told = self.is_speaking;
        Some((self.is_speaking, self.mean))
    }

    /// When [`Voice::change`] may have something to tell though no packet comes.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        if self.told != self.is_speaking {
            return Some(now);
        }
        let loud = self.loud.filter(|_| self.is_speaking)?;
        Some(loud + HOLD)
    }

    /// Ends speech that has not been heard for too long. Silence may also be the absence of packets (DTX, a muted track).
    fn expire(&mut self, now: Instant) {
        let is_over = self
            .loud
            .is_none_or(|loud| now.saturating_duration_since(loud) >= HOLD);
        if self.is_speaking && is_over {
            self.is_speaking = false;
        }
    }

    fn mean(&self) -> u8 {
        let sum: usize = self
            .levels
            .iter()
            .map(|(_, level)| usize::from(*level))
            .sum();
        let mean = sum.checked_div(self.levels.len());
        mean.and_then(|mean| u8::try_from(mean).ok())
            .unwrap_or(SILENCE)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "where simulated time begins")]
    fn beginning() -> Instant {
        Instant::now()
    }

    /// Packets of 20 ms at the given levels, each for so many milliseconds; a level of 255 is no packets. Gives back when each
    /// change was told, in milliseconds, asking every 10 ms.
    fn changes(parts: &[(u8, u64)]) -> Vec<(u64, bool)> {
        let begin = beginning();
        let mut voice = Voice::default();
        let mut told = Vec::new();
        let mut time = 0;
        for (level, length) in parts {
            let end = time + length;
            while time < end {
                let now = begin + Duration::from_millis(time);
                if *level != 255 && time % 20 == 0 {
                    voice.level(*level, now, now);
                }
                let is_due = voice.due(now).is_some_and(|due| due <= now);
                let change = voice.change(now);
                assert!(
                    is_due || change.is_none(),
                    "a change that nobody was told to ask for"
                );
                told.extend(change.map(|(is_speaking, _)| (time, is_speaking)));
                time += 10;
            }
        }
        told
    }

    #[test]
    fn speech_begins_after_150_ms_and_ends_600_ms_after_the_last_loud_mean() {
        let told = changes(&[(70, 1_000), (30, 2_000), (70, 2_000)]);
        let [(begin, true), (end, false)] = told.as_slice() else {
            panic!("{told:?}");
        };
        assert!((1_050..=1_200).contains(begin), "{begin}");
        assert!((3_600..=3_750).contains(end), "{end}");
    }

    #[test]
    fn a_knock_is_no_speech_and_a_pause_between_words_ends_none() {
        assert_eq!(changes(&[(70, 500), (45, 60), (70, 1_000)]), []);
        let told = changes(&[(30, 500), (80, 450), (30, 500), (80, 450), (30, 500)]);
        assert_eq!(told.len(), 1, "{told:?}");
    }

    #[test]
    fn packets_that_stop_end_speech_too() {
        let told = changes(&[(20, 500), (255, 2_000)]);
        let [(_, true), (end, false)] = told.as_slice() else {
            panic!("{told:?}");
        };
        assert!((1_050..=1_100).contains(end), "{end}");
    }

    #[test]
    fn speech_that_comes_in_bursts_is_heard_as_it_was_spoken() {
        let begin = beginning();
        let mut voice = Voice::default();
        let mut told = Vec::new();
        let mut say = |levels: std::ops::Range<u64>, level, lag: u64| {
            let come = begin + Duration::from_millis(20 * levels.end + lag);
            for at in levels {
                voice.level(level, begin + Duration::from_millis(20 * at), come);
            }
            told.extend(voice.change(come));
        };
        // A knock, and 400 ms of speech at once, time and again.
        say(0..3, 20, 500);
        for burst in 1..20 {
            say(20 * burst..20 * burst + 20, 30, 500);
        }
        assert_eq!(told, [(true, 30)]);
        let quiet = begin + Duration::from_secs(10);
        assert_eq!(
            voice.change(quiet).map(|(is_speaking, _)| is_speaking),
            Some(false)
        );
    }

    #[test]
    fn what_is_loud_enough_for_speech_is_marked_as_voice() {
        let octets = [0, 45, 46, 127, 255].map(octet);
        assert_eq!(octets, [0x80, 0xad, 46, 127, 127]);
    }

    #[test]
    fn the_level_is_the_mean_of_the_window() {
        let now = beginning();
        let mut voice = Voice::default();
        for at in 0..10 {
            let level = if at % 2 == 0 { 20 } else { 40 };
            let at = now + Duration::from_millis(20 * at);
            voice.level(level, at, at);
        }
        let later = now + Duration::from_millis(190);
        assert!(matches!(voice.change(later), Some((true, 25..=35))));
        assert_eq!(voice.change(later), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn changes_alternate_and_speech_lasts_at_least_the_hold(
            parts in prop::collection::vec((any::<u8>(), 10..900_u64), 0..20),
        ) {
            let told = changes(&parts);
            for (at, (_, is_speaking)) in told.iter().enumerate() {
                prop_assert_eq!(*is_speaking, at % 2 == 0);
            }
            for pair in told.windows(2) {
                let [(from, was), (to, _)] = pair else { unreachable!() };
                prop_assert!(!was || to - from >= 590);
            }
        }
    }
}
