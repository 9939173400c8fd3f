//! DeleteStorageConfiguration: forgets a storage configuration to which no stage records. What was recorded stays.

use model::StorageConfigurationArn;
use wire::error::DeleteStorageConfigurationError;
use wire::input::DeleteStorageConfigurationInput;
use wire::output::DeleteStorageConfigurationOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller, is_there};
use crate::error::{Absent, Failure};
use crate::ops::Op;

pub(crate) struct DeleteStorageConfiguration;

impl Op for DeleteStorageConfiguration {
    type Input = DeleteStorageConfigurationInput;
    type Error = DeleteStorageConfigurationError;
    const OPERATION: Operation = Operation::DeleteStorageConfiguration;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        DeleteStorageConfigurationInput::parse(parts)
    }

    fn subject(input: &Self::Input, _caller: &Caller) -> Subject {
        Subject::arn(&input.arn)
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let absent = Absent::StorageConfiguration;
        let arn = call.own_arn(&input.arn, StorageConfigurationArn::parse, absent)?;
        let store = &call.app.settings.store;
        is_there(store.storage_configuration_delete(&arn).await, absent)?;
        Ok(DeleteStorageConfigurationOutput {}.to_json())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tests::{ANA, ANA_ABROAD, BEN, World, golden, storage};

    #[tokio::test]
    async fn golden_delete_storage_configuration() {
        let world = World::new().await;
        let body = json!({ "arn": storage(&world, ANA).await });
        insta::assert_snapshot!(golden(&world, "POST", "/DeleteStorageConfiguration", body).await);
    }

    #[tokio::test]
    async fn only_its_owner_deletes_it_and_only_once() {
        let world = World::new().await;
        let body = json!({ "arn": storage(&world, ANA).await });
        for (who, verdict) in [
            (BEN, (404, "ResourceNotFoundException")),
            (ANA_ABROAD, (404, "ResourceNotFoundException")),
            (ANA, (200, "")),
            (ANA, (404, "ResourceNotFoundException")),
        ] {
            let answer = world
                .call(who, "DeleteStorageConfiguration", body.clone())
                .await;
            assert_eq!(answer.verdict(), verdict, "{who:?}");
        }
        let answer = world.call(ANA, "DeleteStorageConfiguration", json!({}));
        assert_eq!(answer.await.verdict(), (400, "ValidationException"));
    }

    #[tokio::test]
    async fn one_to_which_a_stage_records_stays() {
        let world = World::new().await;
        let arn = storage(&world, ANA).await;
        let recorded = json!({ "storageConfigurationArn": arn });
        let body = json!({ "autoParticipantRecordingConfiguration": recorded });
        let made = world.call(ANA, "CreateStage", body).await.json();
        let delete = || world.call(ANA, "DeleteStorageConfiguration", json!({ "arn": arn }));
        let refused = delete().await;
        assert_eq!(refused.verdict(), (409, "ConflictException"));
        let message = "the resource is in use by a stage";
        assert_eq!(refused.json()["exceptionMessage"], message);
        let off = json!({ "storageConfigurationArn": "" });
        let body = json!({
            "arn": made["stage"]["arn"],
            "autoParticipantRecordingConfiguration": off,
        });
        assert_eq!(world.call(ANA, "UpdateStage", body).await.status, 200);
        assert_eq!(delete().await.status, 200);
    }
}
