//! GetStorageConfiguration: one storage configuration.

use model::StorageConfigurationArn;
use wire::error::GetStorageConfigurationError;
use wire::input::GetStorageConfigurationInput;
use wire::output::GetStorageConfigurationOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller};
use crate::error::{Absent, Failure};
use crate::ops::Op;
use crate::shape;

pub(crate) struct GetStorageConfiguration;

impl Op for GetStorageConfiguration {
    type Input = GetStorageConfigurationInput;
    type Error = GetStorageConfigurationError;
    const OPERATION: Operation = Operation::GetStorageConfiguration;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        GetStorageConfigurationInput::parse(parts)
    }

    fn subject(input: &Self::Input, _caller: &Caller) -> Subject {
        Subject::arn(&input.arn)
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let absent = Absent::StorageConfiguration;
        let arn = call.own_arn(&input.arn, StorageConfigurationArn::parse, absent)?;
        let store = &call.app.settings.store;
        let configuration = store.storage_configuration_get(&arn).await?.ok_or(absent)?;
        let output = GetStorageConfigurationOutput {
            storage_configuration: Some(shape::storage_configuration(configuration)),
        };
        Ok(output.to_json())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tests::{ANA, ANA_ABROAD, BEN, World, golden, storage};

    #[tokio::test]
    async fn golden_get_storage_configuration() {
        let world = World::new().await;
        let body = json!({ "arn": storage(&world, ANA).await });
        insta::assert_snapshot!(golden(&world, "POST", "/GetStorageConfiguration", body).await);
    }

    #[tokio::test]
    async fn only_its_owner_finds_it_and_only_where_it_is() {
        let world = World::new().await;
        let made = storage(&world, ANA).await;
        let absent = "arn:aws:ivs:us-west-2:111111111111:storage-configuration/ZZZZZZZZZZZZ";
        let other = "arn:aws:ivs:us-west-2:111111111111:encoder-configuration/abcdABCDefgh";
        for (who, arn, verdict) in [
            (ANA, made.as_str(), (200, "")),
            (ANA, absent, (404, "ResourceNotFoundException")),
            (BEN, &made, (404, "ResourceNotFoundException")),
            (ANA_ABROAD, &made, (404, "ResourceNotFoundException")),
            (ANA, other, (400, "ValidationException")),
        ] {
            let body = json!({ "arn": arn });
            let answer = world.call(who, "GetStorageConfiguration", body).await;
            assert_eq!(answer.verdict(), verdict, "{who:?} {arn}");
            if verdict.0 == 404 {
                let message = "the storage configuration does not exist";
                assert_eq!(answer.json()["exceptionMessage"], message);
            }
        }
    }
}
