//! UpdateIngestConfiguration: attaches an ingest configuration to another stage or to none, and turns its second stream on
//! or off; members that are absent leave things as they are.
//!
//! Stream key and participant stay for life. One that is ACTIVE is a conflict, whatever is asked for. A stream that begins while the
//! change is under way does not stay where the configuration is not attached any more, or as what it is not any more.

use model::{IngestConfigurationArn, ParticipantId};
use stage::{Attachment, Input};
use store::{IngestChange, Redundancy};
use wire::error::UpdateIngestConfigurationError;
use wire::input::UpdateIngestConfigurationInput;
use wire::output::UpdateIngestConfigurationOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller, is_there};
use crate::error::{Absent, Failure};
use crate::ops::Op;
use crate::{shape, stream_key};

pub(crate) struct UpdateIngestConfiguration;

impl Op for UpdateIngestConfiguration {
    type Input = UpdateIngestConfigurationInput;
    type Error = UpdateIngestConfigurationError;
    const OPERATION: Operation = Operation::UpdateIngestConfiguration;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        UpdateIngestConfigurationInput::parse(parts)
    }

    fn subject(input: &Self::Input, _caller: &Caller) -> Subject {
        Subject::arn(&input.arn)
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let absent = Absent::IngestConfiguration;
        let arn = call.own_arn(&input.arn, IngestConfigurationArn::parse, absent)?;
        let stage = match input.stage_arn.as_deref() {
            None => None,
            Some("") => Some(None),
            Some(stage) => Some(Some(call.own_stage_arn(stage)?)),
        };
        let redundancy = input.redundant_ingest.map(|wanted| {
            if !wanted {
                return Redundancy::Off;
            }
            // Of no use where there are credentials already: the store decides.
            Redundancy::On {
                participants: [(), ()].map(|()| ParticipantId::from_random(call.app.random())),
                second_key: stream_key::mint(&call.app, &arn),
            }
        });
        let change = IngestChange { stage, redundancy };
        let line = call.app.stage_line()?;
        let store = call.app.settings.store.clone();
        let alone = call.app.ingest_changes.clone();
        let write = async move {
            let _turn = alone.lock().await;
            let changed = store.ingest_configuration_update(&arn, &change).await;
            let changed = is_there(changed, absent)?;
            let streams = changed.credentials.iter();
            let legs = streams.map(|one| one.participant.clone()).collect();
            let attached = changed.stage.clone();
            line.tell(Input::IngestDetached {
                configuration: arn,
                unless: attached.map(|stage| Attachment { stage, legs }),
            })
            .await?;
            Ok(changed)
        };
        let changed = call.app.carry_through(write).await?;
        let output = UpdateIngestConfigurationOutput {
            ingest_configuration: Some(shape::ingest_configuration(changed)),
        };
        Ok(output.to_json())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::tests::{ANA, ANA_ABROAD, BEN, World, golden, ingest};

    async fn update(world: &World, arn: &Value, change: Value) -> Value {
        let mut body = change;
        body["arn"] = arn.clone();
        let answer = world.call(ANA, "UpdateIngestConfiguration", body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let changed = answer.json()["ingestConfiguration"].clone();
        let body = json!({ "arn": arn });
        let read = world.call(ANA, "GetIngestConfiguration", body).await;
        assert_eq!(read.json()["ingestConfiguration"], changed);
        changed
    }

    #[tokio::test]
    async fn golden_update_ingest_configuration() {
        let world = World::new().await;
        let stage = world.stage(ANA).await;
        let made = ingest(&world, json!({})).await;
        let body = json!({ "arn": made["arn"], "stageArn": stage });
        insta::assert_snapshot!(golden(&world, "POST", "/UpdateIngestConfiguration", body).await);
    }

    #[tokio::test]
    async fn it_moves_from_stage_to_stage_and_stays_who_it_is() {
        let world = World::new().await;
        let stages = [world.stage(ANA).await, world.stage(ANA).await];
        let mut expected = ingest(&world, json!({ "name": "n", "tags": { "k": "v" } })).await;
        let arn = expected["arn"].clone();
        for (change, stage) in [
            (json!({}), ""),
            (json!({ "stageArn": stages[0] }), &stages[0]),
            (json!({}), &stages[0]),
            (json!({ "stageArn": null }), &stages[0]),
            (json!({ "stageArn": stages[1] }), &stages[1]),
            (json!({ "stageArn": "" }), ""),
            (json!({ "stageArn": "" }), ""),
            (json!({ "stageArn": stages[0] }), &stages[0]),
        ] {
            expected["stageArn"] = json!(stage);
            assert_eq!(update(&world, &arn, change).await, expected);
        }
        world
            .call(ANA, "DeleteStage", json!({ "arn": stages[0] }))
            .await;
        expected["stageArn"] = json!("");
        assert_eq!(update(&world, &arn, json!({})).await, expected);
    }

    #[tokio::test]
    async fn a_second_stream_comes_and_goes_and_stays_while_it_is_wanted() {
        let world = World::new().await;
        let one = ingest(&world, json!({})).await;
        let arn = &one["arn"];
        let two = update(&world, arn, json!({ "redundantIngest": true })).await;
        assert_eq!(two["redundantIngest"], true);
        let credentials = two["redundantIngestCredentials"].as_array().unwrap();
        assert_eq!(credentials[0]["streamKey"], one["streamKey"]);
        assert_ne!(credentials[1]["streamKey"], one["streamKey"]);
        let mut participants: Vec<_> = credentials
            .iter()
            .chain([&one])
            .map(|one| one["participantId"].as_str().unwrap())
            .collect();
        participants.sort_unstable();
        participants.dedup();
        assert_eq!(participants.len(), 3);
        for change in [json!({ "redundantIngest": true }), json!({})] {
            assert_eq!(update(&world, arn, change).await, two);
        }
        for _ in 0..2 {
            let change = json!({ "redundantIngest": false });
            assert_eq!(update(&world, arn, change).await, one);
        }
        // What was dropped does not come back.
        let again = update(&world, arn, json!({ "redundantIngest": true })).await;
        let second = |shown: &Value| shown["redundantIngestCredentials"][1].clone();
        assert_ne!(second(&again), second(&two));
    }

    #[tokio::test]
    async fn what_is_wrong_is_said_and_nothing_changes() {
        let world = World::new().await;
        let made = ingest(&world, json!({ "stageArn": world.stage(ANA).await })).await;
        let other = ingest(&world, json!({})).await;
        world
            .call(
                ANA,
                "DeleteIngestConfiguration",
                json!({ "arn": other["arn"] }),
            )
            .await;
        let gone = world.stage(ANA).await;
        world.call(ANA, "DeleteStage", json!({ "arn": gone })).await;
        let absent = (404, "ResourceNotFoundException");
        let invalid = (400, "ValidationException");
        for (who, change, verdict, message) in [
            (
                ANA,
                json!({ "stageArn": gone, "redundantIngest": true }),
                absent,
                "the stage does not exist",
            ),
            (
                ANA,
                json!({ "stageArn": world.stage(BEN).await }),
                absent,
                "the stage does not exist",
            ),
            (
                ANA,
                json!({ "stageArn": world.stage(ANA_ABROAD).await }),
                absent,
                "the stage does not exist",
            ),
            (
                ANA,
                json!({ "arn": other["arn"] }),
                absent,
                "the ingest configuration does not exist",
            ),
            (
                BEN,
                json!({}),
                absent,
                "the ingest configuration does not exist",
            ),
            (
                ANA_ABROAD,
                json!({}),
                absent,
                "the ingest configuration does not exist",
            ),
            (ANA, json!({ "stageArn": "x" }), invalid, ""),
            (ANA, json!({ "arn": gone }), invalid, ""),
            (ANA, json!({ "redundantIngest": 1 }), invalid, ""),
        ] {
            let mut body = json!({ "arn": made["arn"] });
            for (name, value) in change.as_object().unwrap() {
                body[name] = value.clone();
            }
            let answer = world.call(who, "UpdateIngestConfiguration", body).await;
            assert_eq!(answer.verdict(), verdict, "{who:?} {change}");
            if !message.is_empty() {
                assert_eq!(answer.json()["exceptionMessage"], message, "{change}");
            }
        }
        assert_eq!(update(&world, &made["arn"], json!({})).await, made);
    }
}
