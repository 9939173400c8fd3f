//! ListStorageConfigurations: the storage configurations of the caller's account and region, oldest first.

use model::StorageConfigurationArn;
use wire::error::ListStorageConfigurationsError;
use wire::input::ListStorageConfigurationsInput;
use wire::output::ListStorageConfigurationsOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller};
use crate::cursor::List;
use crate::error::Failure;
use crate::ops::Op;
use crate::shape;

pub(crate) struct ListStorageConfigurations;

impl Op for ListStorageConfigurations {
    type Input = ListStorageConfigurationsInput;
    type Error = ListStorageConfigurationsError;
    const OPERATION: Operation = Operation::ListStorageConfigurations;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        ListStorageConfigurationsInput::parse(parts)
    }

    fn subject(_input: &Self::Input, caller: &Caller) -> Subject {
        Subject::kind(caller, StorageConfigurationArn::KIND)
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let (settings, caller) = (&call.app.settings, &call.caller);
        let list = List::new(Self::OPERATION, caller, &[]);
        // The default is the smaller of 100 and the quota.
        let quota = i32::try_from(settings.quotas.storage_configurations.min(100)).ok();
        let page = list.page(
            &settings.cursor_key,
            input.max_results.or(quota),
            input.next_token.as_deref(),
        )?;
        let found = settings
            .store
            .storage_configuration_list(&caller.key.account, &caller.region, &page)
            .await?;
        let output = ListStorageConfigurationsOutput {
            storage_configurations: found
                .items
                .into_iter()
                .map(shape::storage_configuration_summary)
                .collect(),
            next_token: list.next_token(&settings.cursor_key, found.next),
        };
        Ok(output.to_json())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::{StorageConfiguration, StorageConfigurationArn, Tags};
    use serde_json::json;

    use crate::tests::{ANA, ANA_ABROAD, BEN, World, golden, storage};

    #[tokio::test]
    async fn golden_list_storage_configurations() {
        let world = World::new().await;
        for name in ["first", "second"] {
            let s3 = json!({ "bucketName": "recordings" });
            let body = json!({ "name": name, "s3": s3, "tags": { "at": name } });
            world.call(ANA, "CreateStorageConfiguration", body).await;
            world.advance(Duration::from_secs(1));
        }
        insta::assert_snapshot!(
            golden(&world, "POST", "/ListStorageConfigurations", json!({})).await
        );
    }

    #[tokio::test]
    async fn a_page_has_a_hundred_at_most_and_as_many_where_nothing_is_asked() {
        let world = World::with(|settings| settings.quotas.storage_configurations = 200).await;
        for _ in 0..101 {
            storage(&world, ANA).await;
            world.advance(Duration::from_secs(1));
        }
        for who in [BEN, ANA_ABROAD] {
            let none = world.call(who, "ListStorageConfigurations", json!({}));
            assert_eq!(none.await.json(), json!({ "storageConfigurations": [] }));
        }
        for (body, length) in [
            (json!({}), 100),
            (json!({ "maxResults": 100 }), 100),
            (json!({ "maxResults": 7 }), 7),
        ] {
            let page = world
                .call(ANA, "ListStorageConfigurations", body)
                .await
                .json();
            assert_eq!(
                page["storageConfigurations"].as_array().unwrap().len(),
                length
            );
            let body = json!({ "maxResults": 100, "nextToken": page["nextToken"] });
            let rest = world
                .call(ANA, "ListStorageConfigurations", body)
                .await
                .json();
            let rest = rest["storageConfigurations"].as_array().unwrap().len();
            assert_eq!(rest, 101 - length);
        }
        // The default is no larger than the quota.
        let world = World::with(|settings| settings.quotas.storage_configurations = 3).await;
        for number in 0..4_u8 {
            let made = StorageConfiguration {
                arn: StorageConfigurationArn::parse(&format!(
                    "arn:aws:ivs:us-west-2:111111111111:storage-configuration/{number}"
                ))
                .unwrap(),
                name: String::new(),
                bucket: "recordings".to_owned(),
                tags: Tags::new(),
                created: world.now().wall,
            };
            world
                .store
                .storage_configuration_insert(&made, 10)
                .await
                .unwrap();
        }
        let page = world.call(ANA, "ListStorageConfigurations", json!({}));
        let page = page.await.json();
        assert_eq!(page["storageConfigurations"].as_array().unwrap().len(), 3);
        assert!(page["nextToken"].is_string());
        for size in [0, 101] {
            let body = json!({ "maxResults": size });
            let answer = world.call(ANA, "ListStorageConfigurations", body).await;
            assert_eq!(answer.verdict(), (400, "ValidationException"), "{size}");
        }
    }
}
