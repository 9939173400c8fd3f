//! Participant ids that prove their own origin.
//!
//! `CreateParticipantToken` stores nothing. So that `DisconnectParticipant` can still tell an id that this server minted
//! for a stage from an invented one, a minted id is twelve random alphanumerics and twelve of a MAC over them and the
//! stage's ARN.

use model::{ParticipantId, StageArn};

/// Length of the secret, in bytes.
pub const KEY_LEN: usize = 32;

/// A new id for the stage.
pub fn mint(key: &[u8; KEY_LEN], stage: &StageArn, random: [u8; 12]) -> ParticipantId {
    let _ = (key, stage, random);
    unimplemented!()
}

/// Whether this server minted the id for the stage.
pub fn is_minted(key: &[u8; KEY_LEN], stage: &StageArn, id: &ParticipantId) -> bool {
    let _ = (key, stage, id);
    unimplemented!()
}
