//! UntagResource: removes tags from a resource; a tag that it does not have is removed already.

use wire::error::UntagResourceError;
use wire::input::UntagResourceInput;
use wire::output::UntagResourceOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller};
use crate::error::Failure;
use crate::ops::Op;

pub(crate) struct UntagResource;

impl Op for UntagResource {
    type Input = UntagResourceInput;
    type Error = UntagResourceError;
    const OPERATION: Operation = Operation::UntagResource;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        UntagResourceInput::parse(parts)
    }

    fn subject(input: &Self::Input, _caller: &Caller) -> Subject {
        Subject::arn(&input.resource_arn).with_tag_keys(input.tag_keys.clone())
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let resource = call.own_resource(&input.resource_arn)?;
        let store = &call.app.settings.store;
        store.tags_remove(&resource, &input.tag_keys).await?;
        Ok(UntagResourceOutput {}.to_json())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::tests::{ANA, World, escape, golden};

    #[tokio::test]
    async fn golden_untag_resource() {
        let world = World::new().await;
        let arn = world.stage(ANA).await;
        let target = format!("/tags/{}?tagKeys=a%20b&tagKeys=c%2Fd", escape(&arn));
        insta::assert_snapshot!(golden(&world, "DELETE", &target, Value::Null).await);
    }

    #[tokio::test]
    async fn named_tags_go_and_the_others_stay() {
        let world = World::new().await;
        let tags = json!({ "a b": "1", "c/d": "2", "e+f": "3", "tagKeys": "4" });
        let made = world
            .call(ANA, "CreateStage", json!({ "tags": tags }))
            .await
            .json();
        let arn = made["stage"]["arn"].as_str().unwrap();
        let long = format!("?tagKeys={}", "k".repeat(129));
        let many = format!("?{}", vec!["tagKeys=k"; 51].join("&"));
        for (query, status) in [
            ("?tagKeys=a%20b&tagKeys=c%2Fd", 200),
            ("?tagKeys=a%20b", 200),
            ("?tagKeys=e%2Bf&other=tagKeys", 200),
            ("", 400),
            ("?tagKeys=", 400),
            ("?tagkeys=tagKeys", 400),
            (long.as_str(), 400),
            (many.as_str(), 400),
        ] {
            let answer = world.tags(ANA, "DELETE", arn, query, "").await;
            assert_eq!(answer.status, status, "{query}");
        }
        let read = world.tags(ANA, "GET", arn, "", "").await.json();
        assert_eq!(read, json!({ "tags": { "tagKeys": "4" } }));
    }
}
