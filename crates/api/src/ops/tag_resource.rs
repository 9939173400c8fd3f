//! TagResource: adds tags to a resource and overwrites those that it has.

use wire::error::TagResourceError;
use wire::input::TagResourceInput;
use wire::output::TagResourceOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller};
use crate::constraints::check_tags;
use crate::error::Failure;
use crate::ops::Op;

pub(crate) struct TagResource;

impl Op for TagResource {
    type Input = TagResourceInput;
    type Error = TagResourceError;
    const OPERATION: Operation = Operation::TagResource;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        TagResourceInput::parse(parts)
    }

    fn subject(input: &Self::Input, _caller: &Caller) -> Subject {
        Subject::arn(&input.resource_arn).with_tags(input.tags.clone())
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        check_tags(&input.tags)?;
        let resource = call.own_resource(&input.resource_arn)?;
        let store = &call.app.settings.store;
        store.tags_merge(&resource, &input.tags).await?;
        Ok(TagResourceOutput {}.to_json())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::tests::{ANA, World, escape, golden};

    #[tokio::test]
    async fn golden_tag_resource() {
        let world = World::new().await;
        let arn = world.stage(ANA).await;
        let body = json!({ "tags": { "team": "media" } });
        let target = format!("/tags/{}", escape(&arn));
        insta::assert_snapshot!(golden(&world, "POST", &target, body).await);
    }

    #[tokio::test]
    async fn tags_are_added_and_overwritten_up_to_fifty() {
        let world = World::new().await;
        let arn = world.stage(ANA).await;
        let tags = |from: usize, to: usize, value: &str| -> String {
            let tags: Value = (from..to)
                .map(|at| (format!("k{at}"), json!(value)))
                .collect::<serde_json::Map<_, _>>()
                .into();
            json!({ "tags": tags }).to_string()
        };
        for (body, status) in [
            (tags(0, 30, "a"), 200),
            (tags(20, 50, "b"), 200),
            (tags(49, 51, "c"), 400),
            (tags(0, 50, "d"), 200),
            (tags(0, 0, ""), 200),
            ("{}".to_owned(), 400),
            (r#"{"tags":{"a":null}}"#.to_owned(), 400),
        ] {
            let answer = world.tags(ANA, "POST", &arn, "", &body).await;
            assert_eq!(answer.status, status, "{body}");
            assert_eq!(answer.bytes.is_empty(), status == 200);
        }
        let read = world.tags(ANA, "GET", &arn, "", "").await.json();
        let read = read["tags"].as_object().unwrap();
        assert_eq!(read.len(), 50);
        assert!(read.values().all(|value| value == "d"));
    }

    #[tokio::test]
    async fn an_arn_may_stand_in_the_path_as_it_is() {
        let world = World::new().await;
        let arn = world.stage(ANA).await;
        let request = world.signed(
            ANA,
            "POST",
            &format!("/tags/{arn}"),
            r#"{"tags":{"k":"v"}}"#,
        );
        assert_eq!(world.send(request).await.status, 200);
        for arn in [
            "stage",
            "arn:aws:ivs:us-west-2:1:stage/a",
            "%25",
            "arn:aws:s3:::bucket",
        ] {
            let answer = world.tags(ANA, "POST", arn, "", r#"{"tags":{}}"#).await;
            assert_eq!(answer.verdict(), (400, "ValidationException"), "{arn}");
        }
    }
}
