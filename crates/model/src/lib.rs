//! Plain data that every other crate speaks: ids and ARNs, what a stage, a session, a participant and an event are, the
//! limits of the service, and the two clocks.
//!
//! Nothing here does IO, reads a clock or draws a random number. What is absent: the shapes of the API on the wire (`wire`)
//! and every rule about how state changes (`stage`).

#![forbid(unsafe_code)]

mod event;
mod grant;
mod id;
pub mod limits;
mod now;
mod participant;
mod record;
mod resource;
mod session;
mod stage;

pub use event::{ErrorCode, Event, EventName};
pub use grant::{Capabilities, Grant};
pub use id::{
    AccountId, ConnectionId, IdError, ParticipantId, Region, ResourceArn, SessionId, StageArn,
    StageId,
};
pub use now::Now;
pub use participant::{ClientInfo, Participant, ParticipantState, Protocol};
pub use record::{LiveParticipant, LiveSession, Record};
pub use resource::Tags;
pub use session::Session;
pub use stage::{RecordingConfiguration, Stage, ThumbnailConfiguration};
