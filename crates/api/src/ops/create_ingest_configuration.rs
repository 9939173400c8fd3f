//! CreateIngestConfiguration: makes a stream key for encoders, and the participant as which they will publish.
//!
//! Every configuration begins INACTIVE: its keys are not known to anybody yet.

use model::{
    IngestConfiguration, IngestConfigurationArn, IngestCredential, IngestProtocol, ParticipantId,
    ResourceId,
};
use wire::error::CreateIngestConfigurationError;
use wire::input::CreateIngestConfigurationInput;
use wire::output::CreateIngestConfigurationOutput;
use wire::{Invalid, Operation, RequestParts, types};

use crate::access::Subject;
use crate::app::{Call, Caller};
use crate::constraints::{Breach, check_attributes, check_tags};
use crate::error::Failure;
use crate::ops::Op;
use crate::{shape, stream_key};

pub(crate) struct CreateIngestConfiguration;

impl Op for CreateIngestConfiguration {
    type Input = CreateIngestConfigurationInput;
    type Error = CreateIngestConfigurationError;
    const OPERATION: Operation = Operation::CreateIngestConfiguration;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        CreateIngestConfigurationInput::parse(parts)
    }

    fn subject(input: &Self::Input, caller: &Caller) -> Subject {
        Subject::kind(caller, IngestConfigurationArn::KIND)
            .made_with_tags(input.tags.clone().unwrap_or_default())
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let settings = &call.app.settings;
        let configuration = new(call, input)?;
        settings
            .store
            .ingest_configuration_insert(&configuration, settings.quotas.ingest_configurations)
            .await?;
        let output = CreateIngestConfigurationOutput {
            ingest_configuration: Some(shape::ingest_configuration(configuration)),
        };
        Ok(output.to_json())
    }
}

/// What is asked for, with ids and keys of its own.
pub(crate) fn new(
    call: &Call,
    input: CreateIngestConfigurationInput,
) -> Result<IngestConfiguration, Failure<CreateIngestConfigurationError>> {
    let tags = input.tags.unwrap_or_default();
    check_tags(&tags)?;
    let attributes = input.attributes.unwrap_or_default();
    check_attributes(&attributes)?;
    let insecure = input.insecure_ingest.unwrap_or(false);
    let protocol = match input.ingest_protocol {
        types::IngestProtocol::Rtmp if !insecure => return Err(Breach::InsecureIngest.into()),
        types::IngestProtocol::Rtmp => IngestProtocol::Rtmp,
        types::IngestProtocol::Rtmps => IngestProtocol::Rtmps,
    };
    let stage = match input.stage_arn.as_deref() {
        None | Some("") => None,
        Some(arn) => Some(call.own_stage_arn(arn)?),
    };
    let arn = IngestConfigurationArn {
        region: call.caller.region.clone(),
        account: call.caller.key.account.clone(),
        id: ResourceId::from_random(call.app.random()),
    };
    let stream_key = stream_key::mint(&call.app, &arn);
    let credentials = if input.redundant_ingest.unwrap_or(false) {
        [stream_key.clone(), stream_key::mint(&call.app, &arn)]
            .map(|stream_key| IngestCredential {
                participant: ParticipantId::from_random(call.app.random()),
                stream_key,
            })
            .to_vec()
    } else {
        Vec::new()
    };
    Ok(IngestConfiguration {
        arn,
        name: input.name.unwrap_or_default(),
        protocol,
        insecure,
        stage,
        participant: ParticipantId::from_random(call.app.random()),
        active: false,
        stream_key,
        credentials,
        user_id: input.user_id.unwrap_or_default(),
        attributes,
        tags,
        created: call.now.wall,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use crate::tests::{ANA, ANA_ABROAD, BEN, World, golden};

    #[tokio::test]
    async fn golden_create_ingest_configuration() {
        let world = World::new().await;
        let stage = world.stage(ANA).await;
        let body = json!({
            "name": "field_camera",
            "stageArn": stage,
            "ingestProtocol": "RTMPS",
            "userId": "camera 1",
            "attributes": { "role": "camera" },
            "redundantIngest": true,
            "tags": { "team": "media" },
        });
        insta::assert_snapshot!(golden(&world, "POST", "/CreateIngestConfiguration", body).await);
    }

    #[tokio::test]
    async fn what_is_not_given_is_empty_and_the_configuration_is_detached() {
        let world = World::new().await;
        for body in [
            json!({ "ingestProtocol": "RTMPS" }),
            json!({ "ingestProtocol": "RTMPS", "stageArn": "", "attributes": {}, "tags": {} }),
            json!({ "ingestProtocol": "RTMPS", "redundantIngest": false }),
        ] {
            let answer = world.call(ANA, "CreateIngestConfiguration", body).await;
            let made = &answer.json()["ingestConfiguration"];
            let expected = json!({
                "arn": made["arn"],
                "name": "",
                "ingestProtocol": "RTMPS",
                "streamKey": made["streamKey"],
                "stageArn": "",
                "participantId": made["participantId"],
                "state": "INACTIVE",
                "userId": "",
                "redundantIngest": false,
                "tags": {},
            });
            assert_eq!(*made, expected);
        }
    }

    #[tokio::test]
    async fn plain_rtmp_has_to_be_wanted_and_is_not_shown() {
        let world = World::new().await;
        for (body, status) in [
            (json!({ "ingestProtocol": "RTMP" }), 400),
            (
                json!({ "ingestProtocol": "RTMP", "insecureIngest": false }),
                400,
            ),
            (
                json!({ "ingestProtocol": "RTMP", "insecureIngest": true }),
                200,
            ),
            (
                json!({ "ingestProtocol": "RTMPS", "insecureIngest": true }),
                200,
            ),
        ] {
            let answer = world
                .call(ANA, "CreateIngestConfiguration", body.clone())
                .await;
            assert_eq!(answer.status, status, "{body}");
            let made = &answer.json()["ingestConfiguration"];
            assert!(made.get("insecureIngest").is_none());
            if status == 400 {
                let message = "insecureIngest must be true for the protocol RTMP";
                assert_eq!(answer.json()["exceptionMessage"], message);
            }
        }
    }

    #[tokio::test]
    async fn keys_and_participants_are_never_the_same_twice() {
        let world = World::new().await;
        let body = json!({ "ingestProtocol": "RTMPS", "redundantIngest": true });
        let mut keys = BTreeSet::new();
        let mut participants = BTreeSet::new();
        for _ in 0..10 {
            let answer = world
                .call(ANA, "CreateIngestConfiguration", body.clone())
                .await;
            let made = &answer.json()["ingestConfiguration"];
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            let credentials = made["redundantIngestCredentials"].as_array().unwrap();
            assert_eq!(credentials.len(), 2);
            assert_eq!(credentials[0]["streamKey"], made["streamKey"]);
            let arn = text(&made["arn"]);
            let id = arn.rsplit('/').next().unwrap();
            let prefix = format!("rt_111111111111_us-west-2_{id}_");
            for credential in credentials {
                let key = text(&credential["streamKey"]);
                // Four bits a digit: 128 at least.
                let secret = key.strip_prefix(&prefix).unwrap();
                assert!(secret.len() >= 32 && secret.bytes().all(|byte| byte.is_ascii_hexdigit()));
                keys.insert(key);
                participants.insert(text(&credential["participantId"]));
            }
            participants.insert(text(&made["participantId"]));
        }
        assert_eq!((keys.len(), participants.len()), (20, 30));
    }

    #[tokio::test]
    async fn what_is_wrong_is_said_and_nothing_is_made() {
        let world = World::new().await;
        let gone = world.stage(ANA).await;
        world.call(ANA, "DeleteStage", json!({ "arn": gone })).await;
        let foreign = world.stage(BEN).await;
        let abroad = world.stage(ANA_ABROAD).await;
        for (member, value) in [
            ("ingestProtocol", json!("SRT")),
            ("ingestProtocol", json!(null)),
            ("name", json!("no spaces")),
            ("userId", json!("x".repeat(129))),
            ("attributes", json!({ "k": "v".repeat(1_024) })),
            ("tags", json!({ "aws:k": "v" })),
            ("insecureIngest", json!("true")),
            ("stageArn", json!("stage")),
            ("stageArn", json!(gone)),
            ("stageArn", json!(foreign)),
            ("stageArn", json!(abroad)),
        ] {
            let mut body = json!({ "ingestProtocol": "RTMPS" });
            body[member] = value.clone();
            let answer = world.call(ANA, "CreateIngestConfiguration", body).await;
            assert_eq!(
                answer.verdict(),
                (400, "ValidationException"),
                "{member} {value}"
            );
        }
        let list = world.call(ANA, "ListIngestConfigurations", json!({})).await;
        assert_eq!(list.json(), json!({ "ingestConfigurations": [] }));
    }

    #[tokio::test]
    async fn over_the_quota_there_is_nothing_to_have() {
        let world = World::with(|settings| settings.quotas.ingest_configurations = 1).await;
        let body = json!({ "ingestProtocol": "RTMPS" });
        for (who, verdict) in [
            (ANA, (200, "")),
            (ANA, (402, "ServiceQuotaExceededException")),
            // Each account and region has a quota of its own.
            (ANA_ABROAD, (200, "")),
            (BEN, (200, "")),
        ] {
            let answer = world
                .call(who, "CreateIngestConfiguration", body.clone())
                .await;
            assert_eq!(answer.verdict(), verdict, "{who:?}");
        }
    }
}
