//! What has been sent again of late, so that a request that crosses its answer is not answered twice.

use std::time::{Duration, Instant};

use super::feedback::ASKED_MAX;

/// Numbers that are remembered: as many as one datagram may ask for, so that none of these displaces another.
const PLACES: usize = ASKED_MAX;

/// When numbers of one stream went out again last. A number that is so many further takes the place of another; what was
/// displaced may go out once too often, which the budget bears.
#[derive(Debug, Default)]
pub(super) struct Resent {
    /// The lower half of a number, and milliseconds since the beginning. Nothing is kept before the first request.
    places: Vec<(u32, u32)>,
    begun: Option<Instant>,
}

impl Resent {
    /// Whether the number has gone out again within that time.
    pub(super) fn is_recent(&self, index: u64, within: Duration, now: Instant) -> bool {
        let Some(begun) = self.begun else {
            return false;
        };
        self.places.get(place(index)).is_some_and(|(known, at)| {
            let since = millis(begun, now).wrapping_sub(*at);
            *known == low(index) && Duration::from_millis(u64::from(since)) < within
        })
    }

    /// The number has gone out again.
    pub(super) fn note(&mut self, index: u64, now: Instant) {
        let begun = *self.begun.get_or_insert(now);
        // No number is 0, so that an empty place is nobody's.
        self.places.resize(PLACES, (0, 0));
        if let Some(at) = self.places.get_mut(place(index)) {
            *at = (low(index), millis(begun, now));
        }
    }
}

fn place(index: u64) -> usize {
    usize::try_from(index % PLACES as u64).unwrap_or(0)
}

fn low(index: u64) -> u32 {
    u32::try_from(index & u64::from(u32::MAX)).unwrap_or(0)
}

/// Wraps after 49 days, as differences do.
fn millis(from: Instant, to: Instant) -> u32 {
    let millis = to.saturating_duration_since(from).as_millis();
    u32::try_from(millis & u128::from(u32::MAX)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: Duration = Duration::from_millis(50);

    #[expect(clippy::disallowed_methods, reason = "where simulated time begins")]
    fn beginning() -> Instant {
        Instant::now()
    }

    #[test]
    fn all_that_one_datagram_may_ask_for_is_remembered() {
        let now = beginning();
        let mut resent = Resent::default();
        let numbers = 70_000..70_000 + ASKED_MAX as u64;
        for index in numbers.clone() {
            assert!(!resent.is_recent(index, WITHIN, now));
            resent.note(index, now);
        }
        assert!(
            numbers
                .clone()
                .all(|index| resent.is_recent(index, WITHIN, now))
        );
        let later = now + WITHIN;
        assert!(
            !numbers
                .clone()
                .any(|index| resent.is_recent(index, WITHIN, later))
        );
    }

    #[test]
    fn a_number_is_not_taken_for_one_that_is_as_many_further() {
        let now = beginning();
        let mut resent = Resent::default();
        resent.note(5, now);
        assert!(!resent.is_recent(5 + ASKED_MAX as u64, WITHIN, now));
        resent.note(5 + ASKED_MAX as u64, now);
        assert!(!resent.is_recent(5, WITHIN, now));
    }
}
