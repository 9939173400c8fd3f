//! ListTagsForResource: all tags of a resource.

use wire::error::ListTagsForResourceError;
use wire::input::ListTagsForResourceInput;
use wire::output::ListTagsForResourceOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller};
use crate::error::{Absent, Failure};
use crate::ops::Op;

pub(crate) struct ListTagsForResource;

impl Op for ListTagsForResource {
    type Input = ListTagsForResourceInput;
    type Error = ListTagsForResourceError;
    const OPERATION: Operation = Operation::ListTagsForResource;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        ListTagsForResourceInput::parse(parts)
    }

    fn subject(input: &Self::Input, _caller: &Caller) -> Subject {
        Subject::arn(&input.resource_arn)
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let resource = call.own_resource(&input.resource_arn)?;
        let tags = call.app.settings.store.tags_get(&resource).await?;
        let output = ListTagsForResourceOutput {
            tags: tags.ok_or(Absent::Resource)?,
        };
        Ok(output.to_json())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::tests::{ANA, World, escape, golden};

    #[tokio::test]
    async fn golden_list_tags_for_resource() {
        let world = World::new().await;
        let body = json!({ "tags": { "team": "media", "alchemy::id": "x" } });
        let made = world.call(ANA, "CreateStage", body).await.json();
        let arn = made["stage"]["arn"].as_str().unwrap();
        let target = format!("/tags/{}", escape(arn));
        insta::assert_snapshot!(golden(&world, "GET", &target, Value::Null).await);
    }

    #[tokio::test]
    async fn a_resource_without_tags_has_an_empty_map() {
        let world = World::new().await;
        let arn = world.stage(ANA).await;
        let answer = world.tags(ANA, "GET", &arn, "", "").await;
        assert_eq!(answer.json(), json!({ "tags": {} }));
    }
}
