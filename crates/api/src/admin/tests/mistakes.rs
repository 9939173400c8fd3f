//! Documents that are wrong in one place.

use super::*;
use crate::tests::{P256, block};

const STAGE: &str = "arn:aws:ivs:us-west-2:111111111111:stage/demo";
const STUDIO: &str = "arn:aws:ivs:us-west-2:111111111111:ingest-configuration/studio";
const STUDIO_KEY: &str = "rt_111111111111_us-west-2_studio_";

/// The list, an entry, where it is wrong, and a part of what is said.
type Wrong = (&'static str, Value, &'static str, &'static str);

fn stages() -> Vec<Wrong> {
    vec![
        ("stages", json!("x"), "", "must be an object"),
        ("stages", json!({ "nmae": "x" }), "", "no member \"nmae\""),
        ("stages", json!({ "name": "no spaces" }), ".name", "pattern"),
        ("stages", json!({ "tags": { "aws:x": "" } }), "", "aws:"),
        ("stages", json!({ "arn": "arn" }), ".arn", "stage/<id>"),
        ("stages", json!({ "arn": STUDIO }), ".arn", "stage/<id>"),
        (
            "stages",
            json!({ "arn": STAGE, "region": "us-west-2" }),
            ".region",
            "already",
        ),
        (
            "stages",
            json!({ "account": "1" }),
            ".account",
            "twelve digits",
        ),
        ("stages", json!({ "region": 7 }), ".region", "region"),
        (
            "stages",
            json!({ "createdTime": "yesterday" }),
            ".createdTime",
            "must be a time",
        ),
        (
            "stages",
            json!({ "createdTime": "9000-01-01T00:00:00Z" }),
            ".createdTime",
            "2200",
        ),
        (
            "stages",
            json!({ "sessions": [] }),
            ".sessions",
            "history cannot be seeded",
        ),
        (
            "stages",
            json!({ "bannedParticipantIds": ["ok", "not ok"] }),
            ".bannedParticipantIds[1]",
            "identifier",
        ),
        (
            "stages",
            json!({ "autoParticipantRecordingConfiguration": { "storageConfigurationArn": "", "mediaTypes": ["NOISE"] } }),
            ".autoParticipantRecordingConfiguration.mediaTypes[0]",
            "",
        ),
        (
            "stages",
            json!({ "autoParticipantRecordingConfiguration": { "storageConfigurationArn": "", "hlsConfiguration": { "seconds": 1 } } }),
            ".autoParticipantRecordingConfiguration.hlsConfiguration",
            "no member",
        ),
        (
            "stages",
            json!({
                "arn": STAGE,
                "autoParticipantRecordingConfiguration": {
                    "storageConfigurationArn": "arn:aws:ivs:us-west-2:111111111111:storage-configuration/gone",
                },
            }),
            ".autoParticipantRecordingConfiguration.storageConfigurationArn",
            "neither in the document nor in the store",
        ),
        ("publicKeys", json!({}), ".publicKeyMaterial", "null"),
    ]
}

fn others() -> Vec<Wrong> {
    vec![
        (
            "publicKeys",
            json!({ "publicKeyMaterial": block("PUBLIC KEY", P256) }),
            "",
            "P-384",
        ),
        (
            "encoderConfigurations",
            json!({ "video": { "width": 1 } }),
            ".video.width",
            "2",
        ),
        (
            "encoderConfigurations",
            json!({ "video": { "width": 3 } }),
            "",
            "even",
        ),
        (
            "storageConfigurations",
            json!({ "s3": { "bucketName": "absent" } }),
            "",
            "bucket",
        ),
    ]
}

/// An ingest configuration with an ARN and these members.
fn rtmps(more: Value) -> Value {
    let Value::Object(more) = more else {
        panic!("members are an object");
    };
    let mut entry = json!({ "ingestProtocol": "RTMPS", "arn": STUDIO });
    entry.as_object_mut().unwrap().extend(more);
    entry
}

fn ingest_configurations() -> Vec<Wrong> {
    vec![
        (
            "ingestConfigurations",
            json!({ "ingestProtocol": "RTMP" }),
            "",
            "insecureIngest",
        ),
        (
            "ingestConfigurations",
            rtmps(json!({ "stageArn": STAGE })),
            ".stageArn",
            "neither",
        ),
        (
            "ingestConfigurations",
            rtmps(json!({ "streamKey": "hunter2" })),
            ".streamKey",
            STUDIO_KEY,
        ),
        (
            "ingestConfigurations",
            rtmps(json!({ "streamKey": format!("{STUDIO_KEY}hunter 2") })),
            ".streamKey",
            STUDIO_KEY,
        ),
        (
            "ingestConfigurations",
            rtmps(json!({ "participantId": "a b" })),
            ".participantId",
            "identifier",
        ),
        (
            "ingestConfigurations",
            rtmps(json!({ "attributes": { "k": "v".repeat(1_024) } })),
            "",
            "1024 bytes",
        ),
        (
            "revokedConnectionTokens",
            json!({ "tokenId": "" }),
            ".tokenId",
            "",
        ),
        (
            "revokedConnectionTokens",
            json!({ "tokenId": "a", "arn": STAGE }),
            "",
            "no member",
        ),
    ]
}

fn redundant_credentials() -> Vec<Wrong> {
    vec![
        (
            "ingestConfigurations",
            rtmps(json!({ "redundantIngestCredentials": [{}] })),
            ".redundantIngestCredentials",
            "two",
        ),
        (
            "ingestConfigurations",
            rtmps(json!({ "redundantIngest": false, "redundantIngestCredentials": [{}, {}] })),
            ".redundantIngestCredentials",
            "false",
        ),
        (
            "ingestConfigurations",
            rtmps(json!({
                "streamKey": format!("{STUDIO_KEY}1"),
                "redundantIngestCredentials": [{}, { "streamKey": format!("{STUDIO_KEY}1") }],
            })),
            ".redundantIngestCredentials[1].streamKey",
            "first stream",
        ),
        (
            "ingestConfigurations",
            rtmps(json!({
                "redundantIngestCredentials": [{ "participantId": "p" }, { "participantId": "p" }],
            })),
            ".redundantIngestCredentials[1].participantId",
            "another",
        ),
        (
            "ingestConfigurations",
            rtmps(json!({
                "participantId": "p",
                "redundantIngestCredentials": [{ "participantId": "p" }, {}],
            })),
            ".redundantIngestCredentials[0].participantId",
            "another",
        ),
    ]
}

#[tokio::test]
async fn what_is_wrong_is_named_by_its_place_and_nothing_of_the_document_is_kept() {
    for (list, entry, place, part) in [
        stages(),
        others(),
        ingest_configurations(),
        redundant_credentials(),
    ]
    .concat()
    {
        let world = World::new().await;
        let mut document = json!({
            "version": 1,
            "stages": [{ "name": "good" }],
            "publicKeys": [{ "publicKeyMaterial": material(0) }],
            "encoderConfigurations": [{}],
            "storageConfigurations": [{ "s3": { "bucketName": "recordings" } }],
            "ingestConfigurations": [{ "ingestProtocol": "RTMPS" }],
            "revokedConnectionTokens": [{ "tokenId": "t" }],
        });
        let entries = document[list].as_array_mut().unwrap();
        entries.push(entry.clone());
        let (status, answer) = world.seed(&document).await;
        assert_eq!(status, 400, "{entry}: {answer}");
        assert_eq!(answer["at"], json!(format!("{list}[1]{place}")), "{answer}");
        let message = answer["message"].as_str().unwrap();
        assert!(message.contains(part), "{part} in {message}");
        assert!(!message.contains("hunter"), "{message}");
        assert_eq!(world.export().await["encoderConfigurations"], json!([]));
        assert!(world.told.lock().unwrap().is_empty());
    }
}
