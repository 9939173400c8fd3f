//! CreateStorageConfiguration: names a bucket of the object store to which recordings may go.
//!
//! The bucket has to be there and to let this server write. Names are not unique.

use model::{ResourceId, StorageConfiguration, StorageConfigurationArn};
use wire::error::CreateStorageConfigurationError;
use wire::input::CreateStorageConfigurationInput;
use wire::output::CreateStorageConfigurationOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller};
use crate::constraints::check_tags;
use crate::error::{Absent, Failure};
use crate::ops::Op;
use crate::shape;

pub(crate) struct CreateStorageConfiguration;

impl Op for CreateStorageConfiguration {
    type Input = CreateStorageConfigurationInput;
    type Error = CreateStorageConfigurationError;
    const OPERATION: Operation = Operation::CreateStorageConfiguration;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        CreateStorageConfigurationInput::parse(parts)
    }

    fn subject(input: &Self::Input, caller: &Caller) -> Subject {
        Subject::kind(caller, StorageConfigurationArn::KIND)
            .made_with_tags(input.tags.clone().unwrap_or_default())
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let settings = &call.app.settings;
        let configuration = new(call, input).await?;
        settings
            .store
            .storage_configuration_insert(&configuration, settings.quotas.storage_configurations)
            .await?;
        let output = CreateStorageConfigurationOutput {
            storage_configuration: Some(shape::storage_configuration(configuration)),
        };
        Ok(output.to_json())
    }
}

/// What is asked for, with an id of its own. The bucket has to be there.
pub(crate) async fn new(
    call: &Call,
    input: CreateStorageConfigurationInput,
) -> Result<StorageConfiguration, Failure<CreateStorageConfigurationError>> {
    let tags = input.tags.unwrap_or_default();
    check_tags(&tags)?;
    let bucket = input.s3.bucket_name;
    if !call.app.settings.buckets.exists(&bucket).await? {
        return Err(Absent::Bucket.into());
    }
    Ok(StorageConfiguration {
        arn: StorageConfigurationArn {
            region: call.caller.region.clone(),
            account: call.caller.key.account.clone(),
            id: ResourceId::from_random(call.app.random()),
        },
        name: input.name.unwrap_or_default(),
        bucket,
        tags,
        created: call.now.wall,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tests::{ANA, ANA_ABROAD, BEN, World, golden, storage};

    #[tokio::test]
    async fn golden_create_storage_configuration() {
        let world = World::new().await;
        let body = json!({
            "name": "archive",
            "s3": { "bucketName": "recordings" },
            "tags": { "team": "media" },
        });
        insta::assert_snapshot!(golden(&world, "POST", "/CreateStorageConfiguration", body).await);
    }

    #[tokio::test]
    async fn names_are_not_unique_and_may_be_absent() {
        let world = World::new().await;
        let mut arns = Vec::new();
        for (name, shown) in [
            (json!("archive"), "archive"),
            (json!("archive"), "archive"),
            (json!(null), ""),
        ] {
            let body = json!({ "name": name, "s3": { "bucketName": "recordings" } });
            let made = world.call(ANA, "CreateStorageConfiguration", body).await;
            let made = &made.json()["storageConfiguration"];
            assert_eq!((&made["name"], &made["tags"]), (&json!(shown), &json!({})));
            assert!(!arns.contains(&made["arn"]));
            arns.push(made["arn"].clone());
        }
    }

    #[tokio::test]
    async fn what_is_wrong_is_said_and_nothing_is_made() {
        let world = World::new().await;
        let invalid = (400, "ValidationException");
        let mut s3 = json!({ "s3": { "bucketName": "no-such-bucket" } });
        let answer = world
            .call(ANA, "CreateStorageConfiguration", s3.clone())
            .await;
        assert_eq!(answer.verdict(), (404, "ResourceNotFoundException"));
        assert_eq!(
            answer.json()["exceptionMessage"],
            "the bucket does not exist"
        );
        s3["s3"]["bucketName"] = json!("foreign");
        let answer = world
            .call(ANA, "CreateStorageConfiguration", s3.clone())
            .await;
        assert_eq!(answer.verdict(), (403, "AccessDeniedException"));
        assert_eq!(
            answer.json()["exceptionMessage"],
            "the bucket does not let this server in"
        );
        s3["s3"]["bucketName"] = json!("out-of-reach");
        let answer = world.call(ANA, "CreateStorageConfiguration", s3).await;
        assert_eq!(answer.verdict(), (503, "InternalServerException"));
        assert!(!String::from_utf8(answer.bytes).unwrap().contains("object"));
        for (member, value) in [
            ("s3", json!(null)),
            ("s3", json!({})),
            ("s3", json!({ "bucketName": "no" })),
            ("s3", json!({ "bucketName": "x".repeat(64) })),
            ("s3", json!({ "bucketName": "Recordings" })),
            ("s3", json!({ "bucketName": "../recordings" })),
            ("name", json!("no spaces")),
            ("tags", json!({ "aws:k": "v" })),
        ] {
            let mut body = json!({ "s3": { "bucketName": "recordings" } });
            body[member] = value.clone();
            let answer = world.call(ANA, "CreateStorageConfiguration", body).await;
            assert_eq!(answer.verdict(), invalid, "{member} {value}");
        }
        let list = world.call(ANA, "ListStorageConfigurations", json!({}));
        let none = json!({ "storageConfigurations": [] });
        assert_eq!(list.await.json(), none);
    }

    #[tokio::test]
    async fn over_the_quota_there_is_nothing_to_have() {
        let world = World::new().await;
        for _ in 0..5 {
            storage(&world, ANA).await;
        }
        let body = json!({ "s3": { "bucketName": "recordings" } });
        for (who, verdict) in [
            (ANA, (402, "ServiceQuotaExceededException")),
            (ANA_ABROAD, (200, "")),
            (BEN, (200, "")),
        ] {
            let answer = world
                .call(who, "CreateStorageConfiguration", body.clone())
                .await;
            assert_eq!(answer.verdict(), verdict, "{who:?}");
        }
    }
}
