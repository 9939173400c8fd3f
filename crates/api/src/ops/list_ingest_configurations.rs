//! ListIngestConfigurations: the ingest configurations of the caller's account and region, oldest first.
//!
//! A filter that nothing matches, such as a stage that does not exist, is an empty list.

use model::IngestConfigurationArn;
use store::IngestFilter;
use wire::error::ListIngestConfigurationsError;
use wire::input::ListIngestConfigurationsInput;
use wire::output::ListIngestConfigurationsOutput;
use wire::types::IngestConfigurationState;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller};
use crate::constraints::Breach;
use crate::cursor::List;
use crate::error::Failure;
use crate::ops::Op;
use crate::shape;

pub(crate) struct ListIngestConfigurations;

impl Op for ListIngestConfigurations {
    type Input = ListIngestConfigurationsInput;
    type Error = ListIngestConfigurationsError;
    const OPERATION: Operation = Operation::ListIngestConfigurations;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        ListIngestConfigurationsInput::parse(parts)
    }

    fn subject(_input: &Self::Input, caller: &Caller) -> Subject {
        Subject::kind(caller, IngestConfigurationArn::KIND)
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let (settings, caller) = (&call.app.settings, &call.caller);
        let filter = filter(call, &input)?;
        let filters = [
            input.filter_by_stage_arn.as_deref(),
            input.filter_by_state.map(IngestConfigurationState::as_str),
        ];
        let list = List::new(Self::OPERATION, caller, &filters);
        let page = list.page(
            &settings.cursor_key,
            input.max_results,
            input.next_token.as_deref(),
        )?;
        let found = settings
            .store
            .ingest_configuration_list(&caller.key.account, &caller.region, &filter, &page)
            .await?;
        let output = ListIngestConfigurationsOutput {
            ingest_configurations: found
                .items
                .into_iter()
                .map(shape::ingest_configuration_summary)
                .collect(),
            next_token: list.next_token(&settings.cursor_key, found.next),
        };
        Ok(output.to_json())
    }
}

/// The one filter of the request.
fn filter(call: &Call, input: &ListIngestConfigurationsInput) -> Result<IngestFilter, Breach> {
    match (&input.filter_by_stage_arn, input.filter_by_state) {
        (None, None) => Ok(IngestFilter::All),
        (None, Some(IngestConfigurationState::Active)) => Ok(IngestFilter::Active(true)),
        (None, Some(IngestConfigurationState::Inactive)) => Ok(IngestFilter::Active(false)),
        (Some(arn), None) => Ok(call
            .own_stage_arn(arn)
            .map_or(IngestFilter::Nothing, IngestFilter::Stage)),
        (Some(_), Some(_)) => Err(Breach::IngestFiltersExclusive),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use crate::tests::{ANA, BEN, World, golden, ingest};

    /// A stage, and the ARNs of two configurations that publish to it and one that is detached.
    async fn three(world: &World) -> (String, Vec<Value>) {
        let stage = world.stage(ANA).await;
        let mut arns = Vec::new();
        for body in [
            json!({ "stageArn": stage, "name": "first", "redundantIngest": true }),
            json!({ "name": "second", "userId": "ana", "attributes": { "k": "v" } }),
            json!({ "stageArn": stage, "name": "third", "tags": { "k": "v" } }),
        ] {
            arns.push(ingest(world, body).await["arn"].clone());
            world.advance(Duration::from_secs(1));
        }
        (stage, arns)
    }

    #[tokio::test]
    async fn golden_list_ingest_configurations() {
        let world = World::new().await;
        three(&world).await;
        let text = golden(&world, "POST", "/ListIngestConfigurations", json!({})).await;
        for secret in ["streamKey", "rt_", "attributes", "tags", "redundantIngestC"] {
            assert!(!text.contains(secret), "{secret}");
        }
        insta::assert_snapshot!(text);
    }

    #[tokio::test]
    async fn each_filter_chooses_and_two_are_refused() {
        let world = World::new().await;
        let (stage, arns) = three(&world).await;
        let foreign = world.stage(BEN).await;
        let empty = world.stage(ANA).await;
        let absent = "arn:aws:ivs:us-west-2:111111111111:stage/ZZZZZZZZZZZZ";
        for (filter, expected) in [
            (json!({}), &[0, 1, 2][..]),
            (json!({ "filterByStageArn": stage }), &[0, 2]),
            (json!({ "filterByStageArn": empty }), &[]),
            (json!({ "filterByStageArn": absent }), &[]),
            (json!({ "filterByStageArn": foreign }), &[]),
            (json!({ "filterByState": "INACTIVE" }), &[0, 1, 2]),
            (json!({ "filterByState": "ACTIVE" }), &[]),
            (
                json!({ "filterByState": null, "filterByStageArn": stage }),
                &[0, 2],
            ),
        ] {
            let answer = world
                .call(ANA, "ListIngestConfigurations", filter.clone())
                .await
                .json();
            let found = answer["ingestConfigurations"].as_array().unwrap().iter();
            let found: Vec<_> = found.map(|one| &one["arn"]).collect();
            let expected: Vec<_> = expected.iter().map(|at: &usize| &arns[*at]).collect();
            assert_eq!(found, expected, "{filter}");
        }
        for body in [
            json!({ "filterByStageArn": stage, "filterByState": "INACTIVE" }),
            json!({ "filterByStageArn": "" }),
            json!({ "filterByState": "BUSY" }),
            json!({ "maxResults": 0 }),
            json!({ "maxResults": 101 }),
        ] {
            let answer = world
                .call(ANA, "ListIngestConfigurations", body.clone())
                .await;
            assert_eq!(answer.verdict(), (400, "ValidationException"), "{body}");
        }
    }

    #[tokio::test]
    async fn a_page_has_fifty_unless_asked_otherwise_and_goes_on_under_its_filter() {
        let world = World::new().await;
        let stage = world.stage(ANA).await;
        for _ in 0..51 {
            ingest(&world, json!({ "stageArn": stage })).await;
            world.advance(Duration::from_secs(1));
        }
        let mut body = json!({ "filterByStageArn": stage });
        let first = world
            .call(ANA, "ListIngestConfigurations", body.clone())
            .await
            .json();
        assert_eq!(first["ingestConfigurations"].as_array().unwrap().len(), 50);
        body["nextToken"] = first["nextToken"].clone();
        let rest = world
            .call(ANA, "ListIngestConfigurations", body.clone())
            .await
            .json();
        assert_eq!(rest["ingestConfigurations"].as_array().unwrap().len(), 1);
        assert!(rest.get("nextToken").is_none());
        // A token of one filter says nothing under another.
        body["filterByStageArn"] = Value::Null;
        let answer = world.call(ANA, "ListIngestConfigurations", body).await;
        assert_eq!(answer.verdict(), (400, "ValidationException"));
    }
}
