//! What a verified participant token allows.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{Ingest, IngestConfigurationArn, ParticipantId, Protocol, StageArn};

/// What a participant may do on a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// May send media.
    pub publish: bool,
    /// May receive media.
    pub subscribe: bool,
}

/// Who has signed a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issuer {
    /// This server, by `CreateParticipantToken` or `CreateStage`.
    Service,
    /// A customer, with the private half of an imported key.
    Customer,
}

/// The content of a participant token whose signature and claims hold.
///
/// It says who may join which stage. Whether it has expired, the stage still exists and the participant is not banned is
/// for `stage` to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The stage the token is for (claims `resource` and `topic`, which agree).
    pub stage: StageArn,
    /// The participant (claim `jti`).
    pub participant: ParticipantId,
    /// The customer's name for the user, empty if none.
    pub user_id: String,
    /// The customer's attributes.
    pub attributes: BTreeMap<String, String>,
    /// What the participant may do.
    pub capabilities: Capabilities,
    /// When the token ends (claim `exp`). It counts when a participant joins and never again.
    pub expires: Timestamp,
    /// Who has signed it.
    pub issuer: Issuer,
    /// Where to publish (claim `whip_url`).
    pub whip_url: String,
    /// Where to listen (claim `events_url`).
    pub events_url: String,
}

/// What a stream is of its ingest configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IngestPart {
    /// All of it: an ingest with one stream.
    Whole,
    /// One of the two streams of a redundant ingest. Nobody but the control API sees its participant.
    Leg,
    /// What viewers see of the two streams: one participant that goes on when one of them fails.
    Virtual,
}

/// What a stream key that holds allows: to publish to one stage as one participant.
///
/// It is as the ingest configuration stood when the key was looked up. Whether the configuration still publishes there, and the
/// stage still exists, is for `stage` to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngestGrant {
    /// The stage to which the configuration is attached.
    pub stage: StageArn,
    /// The configuration.
    pub configuration: IngestConfigurationArn,
    /// As whom it publishes.
    pub participant: ParticipantId,
    /// The customer's name for the user, empty if none.
    pub user_id: String,
    /// The customer's attributes.
    pub attributes: BTreeMap<String, String>,
    /// By which protocol the stream comes: [`Protocol::Rtmp`] or [`Protocol::Rtmps`].
    pub protocol: Protocol,
    /// What the stream is of the configuration.
    pub part: IngestPart,
}

impl IngestGrant {
    /// What the participant's record says of it.
    pub fn ingest(&self) -> Ingest {
        Ingest {
            configuration: self.configuration.clone(),
            redundant: self.part != IngestPart::Whole,
        }
    }
}
