//! Plain data that every other crate speaks: ids and ARNs, what a stage, a session, a participant, an event, a key and a configuration are, the
//! limits of the service, and the two clocks.
//!
//! Nothing here does IO, reads a clock or draws a random number. What is absent: the shapes of the API on the wire (`wire`)
//! and every rule about how state changes (`stage`).

#![forbid(unsafe_code)]

mod configuration;
mod event;
mod grant;
mod id;
mod ingest_status;
mod key;
pub mod limits;
mod now;
mod participant;
mod record;
mod replica;
mod resource;
mod session;
mod stage;
mod state;

pub use configuration::{
    EncoderConfiguration, IngestConfiguration, IngestCredential, IngestProtocol,
    StorageConfiguration, StreamKey, Video,
};
pub use event::{ErrorCode, Event, EventName, Exchange, ExchangedToken};
pub use grant::{Capabilities, Grant, IngestGrant, IngestPart, Issuer};
pub use id::{
    AccountId, ConnectionId, ConnectionTokenId, EncoderConfigurationArn, IdError,
    IngestConfigurationArn, ParticipantId, PublicKeyArn, Region, ResourceArn, ResourceId,
    SessionId, StageArn, StageId, StorageConfigurationArn,
};
pub use ingest_status::{IngestRefusal, IngestReport, IngestStatus, IngestStream};
pub use key::{PublicKey, RevokedConnectionToken};
pub use now::Now;
pub use participant::{ClientInfo, Ingest, Participant, ParticipantState, Protocol};
pub use record::{LiveParticipant, LiveSession, Record};
pub use replica::{Replica, Replication};
pub use resource::Tags;
pub use session::Session;
pub use stage::{RecordingConfiguration, Stage, ThumbnailConfiguration};
pub use state::{Ban, State};
