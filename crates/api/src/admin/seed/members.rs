//! Which members a document may have. The API passes over what it does not know; a document is written by hand, and a
//! member that is misspelt there is a mistake that somebody wants to hear of.

use serde_json::Value;

use super::place::Place;
use crate::admin::problem::Problem;

/// What may stand somewhere.
pub(super) enum Shape {
    /// Whatever the member's own check takes.
    Any,
    /// An object with these members.
    Members(&'static [(&'static str, Self)]),
    /// A list of these.
    Each(&'static Self),
}

use Shape::{Any, Each, Members};

/// What an export may have and a document for a seed may not; it is known so that the refusal can say why.
pub(super) const HISTORY: &str = "sessions";

/// One kind of entry.
pub(super) struct Kind {
    /// The list in the document.
    pub(super) list: &'static str,
    /// The resource kind in ARNs; empty for what has no ARN.
    pub(super) arn: &'static str,
    /// The entry.
    pub(super) shape: Shape,
}

pub(super) static STAGES: Kind = Kind {
    list: "stages",
    arn: "stage",
    shape: Members(&[
        ("arn", Any),
        ("account", Any),
        ("region", Any),
        ("name", Any),
        ("tags", Any),
        ("createdTime", Any),
        ("bannedParticipantIds", Any),
        ("autoParticipantRecordingConfiguration", RECORDING),
        (HISTORY, Any),
    ]),
};

const RECORDING: Shape = Members(&[
    ("storageConfigurationArn", Any),
    ("mediaTypes", Any),
    ("recordingReconnectWindowSeconds", Any),
    ("recordParticipantReplicas", Any),
    (
        "hlsConfiguration",
        Members(&[("targetSegmentDurationSeconds", Any)]),
    ),
    (
        "thumbnailConfiguration",
        Members(&[
            ("targetIntervalSeconds", Any),
            ("storage", Any),
            ("recordingMode", Any),
        ]),
    ),
]);

pub(super) static PUBLIC_KEYS: Kind = Kind {
    list: "publicKeys",
    arn: model::PublicKeyArn::KIND,
    shape: Members(&[
        ("arn", Any),
        ("account", Any),
        ("region", Any),
        ("name", Any),
        ("tags", Any),
        ("createdTime", Any),
        ("publicKeyMaterial", Any),
    ]),
};

pub(super) static INGEST_CONFIGURATIONS: Kind = Kind {
    list: "ingestConfigurations",
    arn: model::IngestConfigurationArn::KIND,
    shape: Members(&[
        ("arn", Any),
        ("account", Any),
        ("region", Any),
        ("name", Any),
        ("tags", Any),
        ("createdTime", Any),
        ("ingestProtocol", Any),
        ("insecureIngest", Any),
        ("stageArn", Any),
        ("participantId", Any),
        ("streamKey", Any),
        ("redundantIngest", Any),
        (
            "redundantIngestCredentials",
            Each(&Members(&[("participantId", Any), ("streamKey", Any)])),
        ),
        ("userId", Any),
        ("attributes", Any),
    ]),
};

pub(super) static ENCODER_CONFIGURATIONS: Kind = Kind {
    list: "encoderConfigurations",
    arn: model::EncoderConfigurationArn::KIND,
    shape: Members(&[
        ("arn", Any),
        ("account", Any),
        ("region", Any),
        ("name", Any),
        ("tags", Any),
        ("createdTime", Any),
        (
            "video",
            Members(&[
                ("width", Any),
                ("height", Any),
                ("framerate", Any),
                ("bitrate", Any),
            ]),
        ),
    ]),
};

pub(super) static STORAGE_CONFIGURATIONS: Kind = Kind {
    list: "storageConfigurations",
    arn: model::StorageConfigurationArn::KIND,
    shape: Members(&[
        ("arn", Any),
        ("account", Any),
        ("region", Any),
        ("name", Any),
        ("tags", Any),
        ("createdTime", Any),
        ("s3", Members(&[("bucketName", Any)])),
    ]),
};

pub(super) static REVOKED_CONNECTION_TOKENS: Kind = Kind {
    list: "revokedConnectionTokens",
    arn: "",
    shape: Members(&[
        ("account", Any),
        ("region", Any),
        ("tokenId", Any),
        ("revokedTime", Any),
    ]),
};

/// The document itself.
pub(super) static DOCUMENT: Shape = Members(&[
    ("version", Any),
    ("stages", Any),
    ("publicKeys", Any),
    ("ingestConfigurations", Any),
    ("encoderConfigurations", Any),
    ("storageConfigurations", Any),
    ("revokedConnectionTokens", Any),
]);

/// Refuses members that nobody reads. Whether a value is an object or a list at all is for its own check to say.
pub(super) fn check(value: &Value, shape: &Shape, place: &Place) -> Result<(), Problem> {
    match (shape, value) {
        (Members(known), Value::Object(members)) => {
            for (name, value) in members {
                let Some((_, shape)) = known.iter().find(|(known, _)| known == name) else {
                    return Err(place.problem(unknown(name, known)));
                };
                check(value, shape, &place.member(name))?;
            }
            Ok(())
        }
        (Each(shape), Value::Array(items)) => items
            .iter()
            .enumerate()
            .try_for_each(|(at, item)| check(item, shape, &place.item(at))),
        (Any | Members(_) | Each(_), _) => Ok(()),
    }
}

/// Names the member, unless it is so long that it is no typing error.
fn unknown(name: &str, known: &[(&str, Shape)]) -> String {
    const NAME_CHARS_MAX: usize = 64;
    let known = known.iter().map(|(name, _)| *name);
    let known: Vec<&str> = known.filter(|name| *name != HISTORY).collect();
    let known = known.join(", ");
    if name.chars().count() > NAME_CHARS_MAX {
        return format!("there is a member that does not exist here; the members are {known}");
    }
    format!("there is no member {name:?} here; the members are {known}")
}
