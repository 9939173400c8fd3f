//! ListStageSessions: the sessions of a stage, newest first, the running one among them.

use wire::error::ListStageSessionsError;
use wire::input::ListStageSessionsInput;
use wire::output::ListStageSessionsOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller};
use crate::cursor::List;
use crate::error::Failure;
use crate::ops::Op;
use crate::shape;

pub(crate) struct ListStageSessions;

impl Op for ListStageSessions {
    type Input = ListStageSessionsInput;
    type Error = ListStageSessionsError;
    const OPERATION: Operation = Operation::ListStageSessions;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        ListStageSessionsInput::parse(parts)
    }

    fn subject(input: &Self::Input, _caller: &Caller) -> Subject {
        Subject::arn(&input.stage_arn)
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let settings = &call.app.settings;
        let list = List::new(Self::OPERATION, &call.caller, &[Some(&input.stage_arn)]);
        let page = list.page(
            &settings.cursor_key,
            input.max_results,
            input.next_token.as_deref(),
        )?;
        let stage = call.own_stage(&input.stage_arn).await?;
        let found = settings.store.session_list(&stage.arn, &page).await?;
        let output = ListStageSessionsOutput {
            stage_sessions: found.items.iter().map(shape::session_summary).collect(),
            next_token: list.next_token(&settings.cursor_key, found.next),
        };
        Ok(output.to_json())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::{Record, SessionId, StageArn};
    use serde_json::json;

    use crate::tests::{ANA, SESSION, World, golden};

    #[tokio::test]
    async fn golden_list_stage_sessions() {
        let world = World::new().await;
        let arn = world.stage(ANA).await;
        world.session(&arn, SESSION, &[]).await;
        world.advance(Duration::from_millis(90_500));
        let ended = Record::SessionEnded {
            stage: StageArn::parse(&arn).unwrap(),
            session: SessionId::parse(SESSION).unwrap(),
            end: world.now().wall,
        };
        world.store.records_apply(&[ended]).await.unwrap();
        world.advance(Duration::from_mins(1));
        world.session(&arn, "st-secondSession", &[]).await;
        let body = json!({ "stageArn": arn });
        insta::assert_snapshot!(golden(&world, "POST", "/ListStageSessions", body).await);
    }

    #[tokio::test]
    async fn a_new_stage_has_no_sessions() {
        let world = World::new().await;
        let arn = world.stage(ANA).await;
        let answer = world
            .call(ANA, "ListStageSessions", json!({ "stageArn": arn }))
            .await;
        assert_eq!(answer.json(), json!({ "stageSessions": [] }));
    }
}
