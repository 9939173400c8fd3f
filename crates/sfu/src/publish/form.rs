//! What the payload types of a publisher stand for.

use crate::codec::{Codec, Payload};
use crate::payload::{self, Facts, Malformed};
use crate::red::Red;

/// What a payload type stands for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub(super) codec: Codec,
    /// The payload type of the codec itself.
    pub(super) number: u8,
    /// Whether media comes with what it repeats.
    is_redundant: bool,
    /// Whether lost packets come again as they were.
    pub(super) repairs_plainly: bool,
}

impl Form {
    /// `None` for a number that was not agreed on.
    pub(super) fn of(agreed: &[Payload], number: u8) -> Option<Self> {
        agreed.iter().find_map(|payload| {
            let is_redundant = payload
                .redundant
                .is_some_and(|redundant| redundant.number == number);
            (is_redundant || payload.number == number).then(|| Self {
                codec: payload.codec,
                number: payload.number,
                is_redundant,
                repairs_plainly: payload.is_repaired_plainly(),
            })
        })
    }

    /// Reads a payload that is not empty.
    pub(super) fn inspect(self, payload: &[u8]) -> Result<Facts, Malformed> {
        if !self.is_redundant {
            return payload::inspect(self.codec, payload);
        }
        let red = Red::read(payload, self.number)?;
        Ok(Facts {
            red: Some(red),
            ..payload::inspect(self.codec, red.primary(payload))?
        })
    }
}
