//! Numbers that may each be taken once, in about the order in which they come.

/// How many of the newest may still be taken, in any order: retransmissions and the gaps of lost packets.
const WINDOW: u64 = 2_048;
const WORDS: usize = 32;

/// Which of the newest numbers were taken.
#[derive(Debug, Default)]
pub(crate) struct Window {
    /// The highest that was taken.
    newest: Option<u64>,
    /// One bit for each of the newest, at its number modulo [`WINDOW`].
    taken: [u64; WORDS],
}

impl Window {
    /// The highest that was taken.
    pub(crate) fn newest(&self) -> Option<u64> {
        self.newest
    }

    /// Whether a number could be taken.
    pub(crate) fn is_free(&self, number: u64) -> bool {
        let Some(newest) = self.newest else {
            return true;
        };
        let (word, bit) = place(number);
        let is_taken = self.taken.get(word).is_none_or(|word| word & bit != 0);
        number > newest || (newest - number < WINDOW && !is_taken)
    }

    /// Takes a number; false if it was taken before, or is too old to know.
    pub(crate) fn take(&mut self, number: u64) -> bool {
        match self.newest {
            Some(newest) if number <= newest => {
                if newest - number >= WINDOW {
                    return false;
                }
            }
            Some(newest) if number - newest < WINDOW => {
                for skipped in newest + 1..=number {
                    let (word, bit) = place(skipped);
                    if let Some(word) = self.taken.get_mut(word) {
                        *word &= !bit;
                    }
                }
                self.newest = Some(number);
            }
            _ => {
                self.taken = [0; WORDS];
                self.newest = Some(number);
            }
        }
        let (word, bit) = place(number);
        let Some(word) = self.taken.get_mut(word) else {
            return false;
        };
        let is_free = *word & bit == 0;
        *word |= bit;
        is_free
    }
}

/// The word of a number, and its bit in that.
fn place(number: u64) -> (usize, u64) {
    let place = number % WINDOW;
    let word = (place / 64) as usize;
    (word, 1 << (place % 64))
}
