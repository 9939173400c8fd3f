//! All resources together, as they are exported and seeded.

use jiff::Timestamp;

use crate::{
    EncoderConfiguration, IngestConfiguration, ParticipantId, PublicKey, RevokedConnectionToken,
    Stage, StageArn, StorageConfiguration,
};

/// Every resource of every account, without the history of the stages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Stages; none has an active session.
    pub stages: Vec<Stage>,
    /// Participants that may not join a stage any more.
    pub bans: Vec<Ban>,
    /// Public keys.
    pub public_keys: Vec<PublicKey>,
    /// Ingest configurations.
    pub ingest_configurations: Vec<IngestConfiguration>,
    /// Encoder configurations.
    pub encoder_configurations: Vec<EncoderConfiguration>,
    /// Storage configurations.
    pub storage_configurations: Vec<StorageConfiguration>,
    /// Revoked connection tokens.
    pub revoked_connection_tokens: Vec<RevokedConnectionToken>,
}

/// A participant that may not join a stage any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ban {
    /// Which stage.
    pub stage: StageArn,
    /// Who.
    pub participant: ParticipantId,
    /// Since when.
    pub at: Timestamp,
}
