//! The parameter sets of one encoding, as they go in front of its key frames.

use std::collections::BTreeMap;

use crate::h264;

/// Most sets of each kind that are kept. Encoders have one.
const SETS_MAX: usize = 16;
/// Largest set, bytes. A sequence parameter set in fragments would be read by nobody, and none is near as large.
const SET_BYTES_MAX: usize = 1_024;

/// Sequence and picture parameter sets, by their ids.
#[derive(Debug, Default)]
pub(super) struct Sets {
    sequence: BTreeMap<u32, Vec<u8>>,
    picture: BTreeMap<u32, Vec<u8>>,
}

impl Sets {
    pub(super) fn clear(&mut self) {
        self.sequence.clear();
        self.picture.clear();
    }

    /// Keeps a NAL unit if it is a parameter set, in the place of one with the same id. Says whether it is one.
    pub(super) fn take(&mut self, nal: &[u8]) -> bool {
        let Some((kind, id)) = h264::set_id(nal) else {
            return false;
        };
        let sets = if kind == h264::SPS {
            &mut self.sequence
        } else {
            &mut self.picture
        };
        if nal.len() <= SET_BYTES_MAX && (sets.len() < SETS_MAX || sets.contains_key(&id)) {
            sets.insert(id, nal.to_vec());
        }
        true
    }

    /// Whether a decoder can begin with them.
    pub(super) fn are_whole(&self) -> bool {
        !self.sequence.is_empty() && !self.picture.is_empty()
    }

    /// All of them, in the order in which a decoder needs them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let sets = self.sequence.values().chain(self.picture.values());
        sets.map(Vec::as_slice)
    }
}
