//! GetIngestConfiguration: one ingest configuration, its stream key included.

use model::IngestConfigurationArn;
use wire::error::GetIngestConfigurationError;
use wire::input::GetIngestConfigurationInput;
use wire::output::GetIngestConfigurationOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller};
use crate::error::{Absent, Failure};
use crate::ops::Op;
use crate::shape;

pub(crate) struct GetIngestConfiguration;

impl Op for GetIngestConfiguration {
    type Input = GetIngestConfigurationInput;
    type Error = GetIngestConfigurationError;
    const OPERATION: Operation = Operation::GetIngestConfiguration;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        GetIngestConfigurationInput::parse(parts)
    }

    fn subject(input: &Self::Input, _caller: &Caller) -> Subject {
        Subject::arn(&input.arn)
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let absent = Absent::IngestConfiguration;
        let arn = call.own_arn(&input.arn, IngestConfigurationArn::parse, absent)?;
        let store = &call.app.settings.store;
        let configuration = store.ingest_configuration_get(&arn).await?.ok_or(absent)?;
        let output = GetIngestConfigurationOutput {
            ingest_configuration: Some(shape::ingest_configuration(configuration)),
        };
        Ok(output.to_json())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tests::{ANA, ANA_ABROAD, BEN, World, golden, ingest};

    #[tokio::test]
    async fn golden_get_ingest_configuration() {
        let world = World::new().await;
        let made = ingest(&world, json!({})).await;
        let body = json!({ "arn": made["arn"] });
        insta::assert_snapshot!(golden(&world, "POST", "/GetIngestConfiguration", body).await);
    }

    #[tokio::test]
    async fn what_was_made_is_read_with_its_keys() {
        let world = World::new().await;
        for redundant in [false, true] {
            let made = ingest(&world, json!({ "redundantIngest": redundant })).await;
            let body = json!({ "arn": made["arn"] });
            let read = world.call(ANA, "GetIngestConfiguration", body).await;
            assert_eq!(read.json()["ingestConfiguration"], made);
        }
    }

    #[tokio::test]
    async fn only_its_owner_finds_it_and_only_where_it_is() {
        let world = World::new().await;
        let made = ingest(&world, json!({})).await;
        let stage = world.stage(ANA).await;
        let absent = "arn:aws:ivs:us-west-2:111111111111:ingest-configuration/ZZZZZZZZZZZZ";
        for (who, arn, verdict) in [
            (ANA, json!(absent), (404, "ResourceNotFoundException")),
            (BEN, made["arn"].clone(), (404, "ResourceNotFoundException")),
            (
                ANA_ABROAD,
                made["arn"].clone(),
                (404, "ResourceNotFoundException"),
            ),
            (ANA, json!(stage), (400, "ValidationException")),
        ] {
            let answer = world
                .call(who, "GetIngestConfiguration", json!({ "arn": arn }))
                .await;
            assert_eq!(answer.verdict(), verdict, "{who:?} {arn}");
            if verdict.0 == 404 {
                let message = "the ingest configuration does not exist";
                assert_eq!(answer.json()["exceptionMessage"], message);
            }
        }
    }
}
