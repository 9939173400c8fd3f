//! Stage sessions.

use jiff::Timestamp;

use crate::{SessionId, StageArn};

/// The time from the first join on a stage until nobody has been connected for the grace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// On which stage.
    pub stage: StageArn,
    /// Its id, unique on the stage.
    pub id: SessionId,
    /// When the first participant joined.
    pub start: Timestamp,
    /// When it was closed; `None` while it is active.
    pub end: Option<Timestamp>,
}
