//! Who has left a session, in the order of leaving, up to a bound.
//!
//! A session may last for weeks, and anybody may come and go on it: without a bound its memory would grow with everybody who
//! was ever there (T63).

use std::collections::BTreeMap;

use model::ParticipantId;

/// The disconnected participants of one session that are still remembered.
#[derive(Debug)]
pub struct Absentees {
    max: usize,
    /// When each left, as its place in `by_leave`.
    leaves: BTreeMap<ParticipantId, u64>,
    by_leave: BTreeMap<u64, ParticipantId>,
    next: u64,
}

impl Absentees {
    /// Nobody has left; at most `max` will be remembered.
    pub fn new(max: u32) -> Self {
        Self {
            max: usize::try_from(max).unwrap_or(usize::MAX),
            leaves: BTreeMap::new(),
            by_leave: BTreeMap::new(),
            next: 0,
        }
    }

    /// Notes that a participant has left, and returns whoever is to be forgotten for it: the one that left first, or the
    /// same one if nobody is remembered. Leaving again without coming back changes nothing.
    pub fn left(&mut self, id: &ParticipantId) -> Option<ParticipantId> {
        if self.leaves.contains_key(id) {
            return None;
        }
        self.leaves.insert(id.clone(), self.next);
        self.by_leave.insert(self.next, id.clone());
        self.next = self.next.saturating_add(1);
        if self.leaves.len() <= self.max {
            return None;
        }
        let (_, oldest) = self.by_leave.pop_first()?;
        self.leaves.remove(&oldest);
        Some(oldest)
    }

    /// Notes that a participant is back.
    pub fn returned(&mut self, id: &ParticipantId) {
        if let Some(leave) = self.leaves.remove(id) {
            self.by_leave.remove(&leave);
        }
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        debug_assert_eq!(self.leaves.len(), self.by_leave.len());
        self.leaves.len()
    }

    /// Whether nobody is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_left_first_is_forgotten_first() {
        // `+` comes back, `-` leaves; then who is forgotten, and how many are remembered.
        for (max, steps) in [
            (
                2,
                &[
                    ("-a", "", 1),
                    ("-b", "", 2),
                    ("-a", "", 2),
                    ("-c", "a", 2),
                    ("+b", "", 1),
                    ("+b", "", 1),
                    ("-b", "", 2),
                    ("-d", "c", 2),
                    ("+a", "", 2),
                ][..],
            ),
            (0, &[("-a", "a", 0), ("+a", "", 0), ("-a", "a", 0)][..]),
        ] {
            let mut absentees = Absentees::new(max);
            for (step, forgotten, remembered) in steps {
                let (sign, name) = step.split_at(1);
                let id = ParticipantId::parse(name).unwrap();
                let gone = if sign == "-" {
                    absentees.left(&id)
                } else {
                    absentees.returned(&id);
                    None
                };
                let gone = gone.map(|id| id.to_string()).unwrap_or_default();
                assert_eq!((gone.as_str(), absentees.len()), (*forgotten, *remembered));
            }
        }
    }
}
