//! DeleteIngestConfiguration: removes an ingest configuration, so that its keys open nothing.
//!
//! One that is ACTIVE is a conflict, unless `force` says that its stream is to be cut off.

use model::IngestConfigurationArn;
use stage::Input;
use store::StoreError;
use wire::error::DeleteIngestConfigurationError;
use wire::input::DeleteIngestConfigurationInput;
use wire::output::DeleteIngestConfigurationOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller, is_there};
use crate::error::{Absent, Failure};
use crate::ops::Op;

pub(crate) struct DeleteIngestConfiguration;

impl Op for DeleteIngestConfiguration {
    type Input = DeleteIngestConfigurationInput;
    type Error = DeleteIngestConfigurationError;
    const OPERATION: Operation = Operation::DeleteIngestConfiguration;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        DeleteIngestConfigurationInput::parse(parts)
    }

    fn subject(input: &Self::Input, _caller: &Caller) -> Subject {
        Subject::arn(&input.arn)
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let absent = Absent::IngestConfiguration;
        let arn = call.own_arn(&input.arn, IngestConfigurationArn::parse, absent)?;
        let force = input.force.unwrap_or(false);
        let line = call.app.stage_line()?;
        let store = call.app.settings.store.clone();
        let alone = call.app.ingest_changes.clone();
        let write = async move {
            let _turn = alone.lock().await;
            let deleted = store.ingest_configuration_delete(&arn, force).await;
            // A delete whose end its caller did not learn may have happened; whoever repeats it finds nothing, and its stream
            // must go too. So must one that has begun since.
            if matches!(deleted, Ok(()) | Err(StoreError::NotFound)) {
                let configuration = arn;
                let unless = None;
                line.tell(Input::IngestDetached {
                    configuration,
                    unless,
                })
                .await?;
            }
            is_there(deleted, absent)
        };
        call.app.carry_through(write).await?;
        Ok(DeleteIngestConfigurationOutput {}.to_json())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tests::{ANA, ANA_ABROAD, BEN, World, golden, ingest};

    #[tokio::test]
    async fn golden_delete_ingest_configuration() {
        let world = World::new().await;
        let made = ingest(&world, json!({})).await;
        let body = json!({ "arn": made["arn"] });
        insta::assert_snapshot!(golden(&world, "POST", "/DeleteIngestConfiguration", body).await);
    }

    #[tokio::test]
    async fn it_is_gone_for_good_whether_forced_or_not() {
        let world = World::new().await;
        for force in [json!(null), json!(false), json!(true)] {
            let made = ingest(&world, json!({ "stageArn": world.stage(ANA).await })).await;
            let body = json!({ "arn": made["arn"], "force": force });
            for status in [200, 404] {
                let answer = world
                    .call(ANA, "DeleteIngestConfiguration", body.clone())
                    .await;
                assert_eq!(answer.status, status, "{force}");
            }
            let body = json!({ "arn": made["arn"] });
            let read = world.call(ANA, "GetIngestConfiguration", body).await;
            assert_eq!(read.verdict(), (404, "ResourceNotFoundException"));
        }
        let list = world.call(ANA, "ListIngestConfigurations", json!({})).await;
        assert_eq!(list.json(), json!({ "ingestConfigurations": [] }));
    }

    #[tokio::test]
    async fn only_its_owner_deletes_it() {
        let world = World::new().await;
        let made = ingest(&world, json!({})).await;
        for who in [BEN, ANA_ABROAD] {
            let body = json!({ "arn": made["arn"], "force": true });
            let answer = world.call(who, "DeleteIngestConfiguration", body).await;
            assert_eq!(answer.verdict(), (404, "ResourceNotFoundException"));
        }
        for body in [
            json!({}),
            json!({ "arn": "x" }),
            json!({ "arn": made["arn"], "force": "yes" }),
        ] {
            let answer = world
                .call(ANA, "DeleteIngestConfiguration", body.clone())
                .await;
            assert_eq!(answer.verdict(), (400, "ValidationException"), "{body}");
        }
        let body = json!({ "arn": made["arn"] });
        let read = world.call(ANA, "GetIngestConfiguration", body).await;
        assert_eq!(read.status, 200);
    }
}
