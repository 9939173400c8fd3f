//! The numbers of one source of a track, with dropped ones closed up.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A source that has been silent for this long may be followed by another one.
const SOURCE_QUIET: Duration = Duration::from_millis(300);
/// How far back dropped sequence numbers are remembered.
const GAPS_MAX: usize = 128;

/// One SSRC, and its sequence numbers with dropped ones closed up, so that no subscriber asks for them.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) ssrc: u32,
    pub(crate) epoch: u32,
    heard: Instant,
    highest: Option<u64>,
    /// Numbers dropped since the beginning.
    dropped: u64,
    /// The last ones of them, ascending.
    gaps: VecDeque<u64>,
}

impl Source {
    /// The source of that SSRC: the current one, or a new one after the current one has fallen silent.
    pub(crate) fn of(current: &mut Option<Self>, ssrc: u32, now: Instant) -> Option<&mut Self> {
        let epoch = match current {
            Some(source) if source.ssrc == ssrc => {
                source.heard = now;
                return current.as_mut();
            }
            Some(source) if now.saturating_duration_since(source.heard) < SOURCE_QUIET => {
                return None;
            }
            Some(source) => source.epoch.wrapping_add(1),
            None => 0,
        };
        Some(current.insert(Self {
            ssrc,
            epoch,
            heard: now,
            highest: None,
            dropped: 0,
            gaps: VecDeque::new(),
        }))
    }

    /// Whether nothing has come of it yet.
    pub(crate) fn is_fresh(&self) -> bool {
        self.highest.is_none()
    }

    /// The number without the dropped ones before it; `None` if it is too old to tell.
    pub(crate) fn number(&mut self, sequence: u64) -> Option<u64> {
        if self.highest.is_none_or(|highest| sequence > highest) {
            self.highest = Some(sequence);
            return sequence.checked_sub(self.dropped);
        }
        let is_known =
            self.gaps.len() < GAPS_MAX || self.gaps.front().is_some_and(|first| sequence > *first);
        if !is_known || self.gaps.contains(&sequence) {
            return None;
        }
        let later = self.gaps.iter().filter(|gap| **gap > sequence).count();
        let before = self.dropped.checked_sub(u64::try_from(later).ok()?)?;
        sequence.checked_sub(before)
    }

    /// A number that is not forwarded. Only the newest can be closed up: the gap of an older one has been seen already.
    pub(crate) fn drop_number(&mut self, sequence: u64) {
        if self.highest.is_some_and(|highest| sequence <= highest) {
            return;
        }
        self.highest = Some(sequence);
        self.dropped += 1;
        self.gaps.push_back(sequence);
        if self.gaps.len() > GAPS_MAX {
            self.gaps.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// What happens to one sequence number of a source.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Fate {
        Forwarded,
        Dropped,
        /// Arrives after that many others.
        Late(usize),
        Lost,
    }

    fn fate() -> impl Strategy<Value = Fate> {
        prop_oneof![
            6 => Just(Fate::Forwarded),
            2 => Just(Fate::Dropped),
            1 => (1..20_usize).prop_map(Fate::Late),
            1 => Just(Fate::Lost),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        // Numbers of forwarded packets differ by exactly the packets between them that were not dropped on purpose.
        #[test]
        fn dropped_numbers_are_closed_up_and_lost_ones_are_not(
            fates in prop::collection::vec(fate(), 1..400),
        ) {
            let mut source = Source {
                ssrc: 1,
                epoch: 0,
                heard: beginning(),
                highest: None,
                dropped: 0,
                gaps: VecDeque::new(),
            };
            let mut arrivals: Vec<(usize, u64, bool)> = Vec::new();
            for (at, fate) in fates.iter().enumerate() {
                let number = 70_000 + at as u64;
                match fate {
                    Fate::Forwarded => arrivals.push((at, number, true)),
                    Fate::Dropped => arrivals.push((at, number, false)),
                    Fate::Late(by) => arrivals.push((at + by, number, true)),
                    Fate::Lost => {}
                }
            }
            arrivals.sort_unstable();
            let mut closed_up = Vec::new();
            let mut forwarded = BTreeMap::new();
            for (_, number, is_forwarded) in arrivals {
                if !is_forwarded {
                    if source.highest.is_none_or(|highest| number > highest) {
                        closed_up.push(number);
                    }
                    source.drop_number(number);
                } else if let Some(out) = source.number(number) {
                    forwarded.insert(number, out);
                }
            }
            for ((a, out_a), (b, out_b)) in forwarded.iter().zip(forwarded.iter().skip(1)) {
                let between = closed_up.iter().filter(|gap| (a..b).contains(gap)).count() as u64;
                prop_assert_eq!(out_b - out_a, b - a - between);
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "where simulated time begins")]
    fn beginning() -> Instant {
        Instant::now()
    }
}
