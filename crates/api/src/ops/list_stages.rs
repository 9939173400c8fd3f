//! ListStages: the stages of the caller's account and region, oldest first.

use wire::error::ListStagesError;
use wire::input::ListStagesInput;
use wire::output::ListStagesOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller};
use crate::cursor::List;
use crate::error::Failure;
use crate::ops::Op;
use crate::shape;

pub(crate) struct ListStages;

impl Op for ListStages {
    type Input = ListStagesInput;
    type Error = ListStagesError;
    const OPERATION: Operation = Operation::ListStages;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        ListStagesInput::parse(parts)
    }

    fn subject(_input: &Self::Input, caller: &Caller) -> Subject {
        Subject::kind(caller, "stage")
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let (settings, caller) = (&call.app.settings, &call.caller);
        let list = List::new(Self::OPERATION, caller, &[]);
        let page = list.page(
            &settings.cursor_key,
            input.max_results,
            input.next_token.as_deref(),
        )?;
        let found = settings
            .store
            .stage_list(&caller.key.account, &caller.region, &page)
            .await?;
        let output = ListStagesOutput {
            stages: found.items.into_iter().map(shape::stage_summary).collect(),
            next_token: list.next_token(&settings.cursor_key, found.next),
        };
        Ok(output.to_json())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use crate::tests::{ANA, SESSION, World, golden};

    #[tokio::test]
    async fn golden_list_stages() {
        let world = World::new().await;
        for name in ["first", "second"] {
            let body = json!({ "name": name, "tags": { "at": name } });
            world.call(ANA, "CreateStage", body).await;
            world.advance(Duration::from_secs(1));
        }
        insta::assert_snapshot!(golden(&world, "POST", "/ListStages", json!({})).await);
    }

    #[tokio::test]
    async fn a_page_has_fifty_stages_unless_asked_otherwise_and_summaries_only() {
        let world = World::new().await;
        let mut arn = String::new();
        for _ in 0..51 {
            arn = world.stage(ANA).await;
            world.advance(Duration::from_secs(1));
        }
        world.session(&arn, SESSION, &[]).await;
        let page = world.call(ANA, "ListStages", json!({})).await.json();
        assert_eq!(page["stages"].as_array().unwrap().len(), 50);
        assert!(page["nextToken"].is_string());
        let page = world
            .call(ANA, "ListStages", json!({ "maxResults": 100 }))
            .await
            .json();
        let stages = page["stages"].as_array().unwrap();
        assert_eq!(stages.len(), 51);
        assert!(page.get("nextToken").is_none());
        let last = json!({ "arn": arn, "name": "", "tags": {}, "activeSessionId": SESSION });
        assert_eq!(stages[50], last);
        for size in [0, 101] {
            let answer = world
                .call(ANA, "ListStages", json!({ "maxResults": size }))
                .await;
            assert_eq!(answer.verdict(), (400, "ValidationException"), "{size}");
        }
    }
}
