//! Whether a publisher speaks, by the audio levels that it sends (RFC 6464).

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
    /// Takes the level of one packet, in -dBov: 0 is loudest.
    pub(crate) fn level(&mut self, level: u8, now: Instant) {
        let level = level.min(SILENCE);
        self.expire(now);
        if self.levels.len() >= LEVELS_MAX {
            self.levels.pop_front();
        }
        self.levels.push_back((now, level));
        self.mean = self.mean();
        let known = self.levels.front().map_or(Duration::ZERO, |(first, _)| {
            now.saturating_duration_since(*first)
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

    /// Forgets what is too old. Silence may also be the absence of packets (DTX, a muted track).
    fn expire(&mut self, now: Instant) {
        while let Some((at, _)) = self.levels.front()
            && now.saturating_duration_since(*at) > WINDOW
        {
            self.levels.pop_front();
        }
        if self.levels.is_empty() {
            self.mean = SILENCE;
        }
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
                    voice.level(*level, now);
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
    fn the_level_is_the_mean_of_the_window() {
        let now = beginning();
        let mut voice = Voice::default();
        for at in 0..10 {
            voice.level(
                if at % 2 == 0 { 20 } else { 40 },
                now + Duration::from_millis(20 * at),
            );
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
