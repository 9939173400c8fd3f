//! GetStage: one stage.

use wire::error::GetStageError;
use wire::input::GetStageInput;
use wire::output::GetStageOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller};
use crate::error::Failure;
use crate::ops::Op;
use crate::shape;

pub(crate) struct GetStage;

impl Op for GetStage {
    type Input = GetStageInput;
    type Error = GetStageError;
    const OPERATION: Operation = Operation::GetStage;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        GetStageInput::parse(parts)
    }

    fn subject(input: &Self::Input, _caller: &Caller) -> Subject {
        Subject::arn(&input.arn)
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let stage = call.own_stage(&input.arn).await?;
        let output = GetStageOutput {
            stage: Some(shape::stage(stage, &call.app.settings.endpoints)),
        };
        Ok(output.to_json())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tests::{ANA, SESSION, World, golden};

    #[tokio::test]
    async fn golden_get_stage() {
        let world = World::new().await;
        let arn = world.stage(ANA).await;
        let body = json!({ "arn": arn });
        insta::assert_snapshot!(golden(&world, "POST", "/GetStage", body).await);
    }

    #[tokio::test]
    async fn golden_get_stage_that_does_not_exist() {
        let world = World::new().await;
        let body = json!({ "arn": "arn:aws:ivs:us-west-2:111111111111:stage/abcdABCDefgh" });
        insta::assert_snapshot!(golden(&world, "POST", "/GetStage", body).await);
    }

    #[tokio::test]
    async fn a_live_stage_names_its_session() {
        let world = World::new().await;
        let arn = world.stage(ANA).await;
        let before = world
            .call(ANA, "GetStage", json!({ "arn": arn }))
            .await
            .json();
        assert!(before["stage"].get("activeSessionId").is_none());
        world.session(&arn, SESSION, &[]).await;
        let live = world
            .call(ANA, "GetStage", json!({ "arn": arn }))
            .await
            .json();
        assert_eq!(live["stage"]["activeSessionId"], SESSION);
    }
}
