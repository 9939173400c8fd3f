//! With which packets of H.264 a viewer can begin that has nothing yet.
//!
//! Parameter sets may be in packets of their own before the key frame. A viewer that began with the key frame because it came
//! first, or because it has just come itself, would have nothing to read it by.

/// Parameter sets at most so many numbers before the key frame are meant for it.
const NEAR: u64 = 16;

/// Where a packet is: source and number.
type At = (u32, u64);

/// What is known of one encoding.
#[derive(Debug, Default)]
pub(crate) struct Starts {
    /// The newest sequence parameter set.
    sets: Option<At>,
    /// Whether the newest key frame came with its own. An encoder may send them once and never again.
    come_along: bool,
}

impl Starts {
    /// Takes a packet at which a decoder can start, with or without parameter sets; `newest` is the newest of all before it. Says
    /// whether viewers can begin with it as it is; where not, they begin with what is kept of its picture, once that is whole.
    pub(crate) fn take(&mut self, has_sets: bool, at: At, newest: Option<At>) -> bool {
        if has_sets {
            self.sets = self.sets.max(Some(at));
            return newest.is_none_or(|newest| newest < at);
        }
        let came = self.sets.is_some_and(|(epoch, sequence)| {
            let since = at.1.checked_sub(sequence);
            epoch == at.0 && since.is_some_and(|since| since <= NEAR)
        });
        let come_along = std::mem::replace(&mut self.come_along, came);
        !came && !come_along
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parameter sets, or a key frame without; its number, and whether viewers can begin with it.
    type Step = (bool, u64, bool);

    #[test]
    fn viewers_begin_with_the_parameter_sets_where_there_are_any() {
        let tables: [(&str, &[Step]); 4] = [
            (
                "before each key frame",
                &[
                    (true, 10, true),
                    (false, 11, false),
                    (true, 50, true),
                    (false, 52, false),
                ],
            ),
            (
                "once",
                &[
                    (true, 10, true),
                    (false, 11, false),
                    // As if they had been lost.
                    (false, 100, false),
                    (false, 200, true),
                    (false, 300, true),
                ],
            ),
            ("never", &[(false, 10, true), (false, 50, true)]),
            (
                "overtaken",
                &[
                    (true, 10, true),
                    (false, 11, false),
                    (false, 101, false),
                    (true, 100, false),
                    (true, 200, true),
                    (false, 201, false),
                ],
            ),
        ];
        for (name, steps) in tables {
            let mut starts = Starts::default();
            let mut newest = None;
            for (has_sets, sequence, expected) in steps {
                let at = (0, *sequence);
                let is_start = starts.take(*has_sets, at, newest);
                assert_eq!(is_start, *expected, "{name}: {sequence}");
                newest = newest.max(Some(at));
            }
        }
    }
}
