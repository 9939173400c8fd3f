//! What the documents say of each operation, in words of this project; the model's prose is not used.

use anyhow::{Context as _, Result};

/// The kinds of resources, in the order of the documents: the group of [`super::names::group`] and its heading.
pub(super) const GROUPS: [(&str, &str); 10] = [
    ("stage", "Stages and sessions"),
    ("participant", "Participants"),
    ("token", "Tokens"),
    ("public_key", "Public keys"),
    ("ingest_configuration", "Ingest configurations"),
    ("replication", "Replication"),
    ("encoder_configuration", "Encoder configurations"),
    ("storage_configuration", "Storage configurations"),
    ("composition", "Compositions"),
    ("tag", "Tags"),
];

/// One sentence for each operation.
const OPERATIONS: [(&str, &str); 40] = [
    (
        "CreateEncoderConfiguration",
        "Keeps a set of video settings for compositions.",
    ),
    (
        "CreateIngestConfiguration",
        "Makes a stream key with which an RTMP encoder publishes to a stage.",
    ),
    (
        "CreateParticipantToken",
        "Makes a token with which one participant joins a stage.",
    ),
    (
        "CreateStage",
        "Makes a stage and, if asked, tokens for its first participants.",
    ),
    (
        "CreateStorageConfiguration",
        "Names a bucket for recordings; the bucket has to exist.",
    ),
    (
        "DeleteEncoderConfiguration",
        "Removes an encoder configuration that no composition uses.",
    ),
    (
        "DeleteIngestConfiguration",
        "Removes an ingest configuration; one that is publishing only with `force`.",
    ),
    (
        "DeletePublicKey",
        "Removes a public key; tokens signed with it are refused from then on.",
    ),
    (
        "DeleteStage",
        "Disconnects everybody and removes the stage with its sessions.",
    ),
    (
        "DeleteStorageConfiguration",
        "Removes a storage configuration that nothing uses.",
    ),
    (
        "DisconnectParticipant",
        "Disconnects a participant, and bars its token from this stage for good or detaches its ingest configuration.",
    ),
    ("GetComposition", "Shows a composition."),
    ("GetEncoderConfiguration", "Shows an encoder configuration."),
    (
        "GetIngestConfiguration",
        "Shows an ingest configuration with its stream key.",
    ),
    ("GetParticipant", "Shows a participant of a session."),
    (
        "GetPublicKey",
        "Shows a public key with its PEM text and fingerprint.",
    ),
    ("GetStage", "Shows a stage."),
    ("GetStageSession", "Shows when a session began and ended."),
    ("GetStorageConfiguration", "Shows a storage configuration."),
    (
        "ImportPublicKey",
        "Takes in a P-384 public key whose owner signs participant tokens.",
    ),
    (
        "ListCompositions",
        "Lists compositions, the stopped ones of the last minutes included.",
    ),
    ("ListEncoderConfigurations", "Lists encoder configurations."),
    (
        "ListIngestConfigurations",
        "Lists ingest configurations, by stage or by state if asked; not by both.",
    ),
    (
        "ListParticipantEvents",
        "Lists what happened to a participant in a session, oldest first.",
    ),
    (
        "ListParticipantReplicas",
        "Lists the stages to which a participant is or was replicated from the newest session of its own stage.",
    ),
    (
        "ListParticipants",
        "Lists who has joined a session; at most one filter may be given.",
    ),
    (
        "ListPublicKeys",
        "Lists public keys, without their PEM texts.",
    ),
    (
        "ListStageSessions",
        "Lists the sessions of a stage, newest first.",
    ),
    ("ListStages", "Lists stages."),
    ("ListStorageConfigurations", "Lists storage configurations."),
    ("ListTagsForResource", "Shows the tags of a resource."),
    (
        "RevokeConnectionToken",
        "Revokes a connection token and disconnects who uses it.",
    ),
    (
        "StartComposition",
        "Begins to mix a stage into one picture for a channel or a recording.",
    ),
    (
        "StartParticipantReplication",
        "Lets a publishing participant appear on another stage of the same account and region as well; the access key must be allowed to do so on both.",
    ),
    ("StopComposition", "Ends a composition."),
    (
        "StopParticipantReplication",
        "Ends a replication; one that is over already stays so.",
    ),
    (
        "TagResource",
        "Adds tags to a resource, or overwrites those of the same keys.",
    ),
    (
        "UntagResource",
        "Removes tags from a resource; keys that it has not got are no error.",
    ),
    (
        "UpdateIngestConfiguration",
        "Attaches an ingest configuration to a stage, or detaches it with `\"\"`; not one that is publishing.",
    ),
    (
        "UpdateStage",
        "Changes the name or the recording settings of a stage.",
    ),
];

/// The sentence about an operation.
pub(super) fn of(operation: &str) -> Result<&'static str> {
    let found = OPERATIONS.iter().find(|(name, _)| *name == operation);
    let (_, sentence) = found.with_context(|| format!("words.rs says nothing of {operation}"))?;
    Ok(sentence)
}
