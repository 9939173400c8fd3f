//! DeleteStage: removes a stage with everything that was kept of it, and disconnects everybody who is on it.
//!
//! The model declares a ConflictException; a stage with people on it is deleted all the same, as the API's text says.

use stage::Input;
use store::StoreError;
use wire::error::DeleteStageError;
use wire::input::DeleteStageInput;
use wire::output::DeleteStageOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller, is_there};
use crate::error::{Absent, Failure};
use crate::ops::Op;

pub(crate) struct DeleteStage;

impl Op for DeleteStage {
    type Input = DeleteStageInput;
    type Error = DeleteStageError;
    const OPERATION: Operation = Operation::DeleteStage;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        DeleteStageInput::parse(parts)
    }

    fn subject(input: &Self::Input, _caller: &Caller) -> Subject {
        Subject::arn(&input.arn)
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let stage = call.own_stage_arn(&input.arn)?;
        let line = call.app.stage_line()?;
        let store = call.app.settings.store.clone();
        let write = async move {
            let deleted = store.stage_delete(&stage).await;
            // A delete whose end its caller did not learn may have happened. Whoever repeats it finds the stage gone, and
            // the people who are still on it must go too.
            if matches!(deleted, Ok(()) | Err(StoreError::NotFound)) {
                line.tell(Input::StageDeleted { stage }).await?;
            }
            is_there(deleted, Absent::Stage)
        };
        call.app.carry_through(write).await?;
        Ok(DeleteStageOutput {}.to_json())
    }
}

#[cfg(test)]
mod tests {
    use model::StageArn;
    use serde_json::json;
    use stage::Input;

    use crate::tests::{ANA, SESSION, World, golden};

    #[tokio::test]
    async fn golden_delete_stage() {
        let world = World::new().await;
        let arn = world.stage(ANA).await;
        let body = json!({ "arn": arn });
        insta::assert_snapshot!(golden(&world, "POST", "/DeleteStage", body).await);
    }

    #[tokio::test]
    async fn a_live_stage_goes_with_all_that_was_on_it() {
        let world = World::new().await;
        let arn = world.stage(ANA).await;
        world
            .session(&arn, SESSION, &[("ana", "u", true, true)])
            .await;
        let body = json!({ "arn": arn });
        assert_eq!(
            world.call(ANA, "DeleteStage", body.clone()).await.status,
            200
        );
        let told = world.told.lock().unwrap().pop();
        assert!(matches!(told, Some(Input::StageDeleted { stage }) if stage.to_string() == arn));
        for (operation, members, status) in [
            ("DeleteStage", body.clone(), 404),
            ("GetStage", body, 404),
            ("CreateParticipantToken", json!({ "stageArn": arn }), 404),
            (
                "GetStageSession",
                json!({ "stageArn": arn, "sessionId": SESSION }),
                404,
            ),
            ("ListStageSessions", json!({ "stageArn": arn }), 400),
        ] {
            assert_eq!(
                world.call(ANA, operation, members).await.status,
                status,
                "{operation}"
            );
        }
    }

    #[tokio::test]
    async fn a_stage_that_went_without_an_answer_is_closed_by_the_next_try() {
        let world = World::new().await;
        let arn = world.stage(ANA).await;
        let stage = StageArn::parse(&arn).unwrap();
        // What an earlier call did whose commit outlasted its patience.
        world.store.stage_delete(&stage).await.unwrap();
        let answer = world.call(ANA, "DeleteStage", json!({ "arn": arn })).await;
        assert_eq!(answer.verdict(), (404, "ResourceNotFoundException"));
        let told = world.told.lock().unwrap().pop();
        assert!(matches!(told, Some(Input::StageDeleted { stage: gone }) if gone == stage));
    }
}
