//! GetStageSession: one session of a stage.

use model::SessionId;
use wire::error::GetStageSessionError;
use wire::input::GetStageSessionInput;
use wire::output::GetStageSessionOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller};
use crate::error::{Absent, Failure};
use crate::ops::Op;
use crate::shape;

pub(crate) struct GetStageSession;

impl Op for GetStageSession {
    type Input = GetStageSessionInput;
    type Error = GetStageSessionError;
    const OPERATION: Operation = Operation::GetStageSession;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        GetStageSessionInput::parse(parts)
    }

    fn subject(input: &Self::Input, _caller: &Caller) -> Subject {
        Subject::arn(&input.stage_arn)
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let stage = call.own_stage(&input.stage_arn).await?;
        let session = SessionId::parse(&input.session_id).map_err(|_| Absent::Session)?;
        let found = call
            .app
            .settings
            .store
            .session_get(&stage.arn, &session)
            .await?;
        let output = GetStageSessionOutput {
            stage_session: Some(shape::session(&found.ok_or(Absent::Session)?)),
        };
        Ok(output.to_json())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tests::{ANA, SESSION, World, golden};

    #[tokio::test]
    async fn golden_get_stage_session() {
        let world = World::new().await;
        let arn = world.stage(ANA).await;
        world.session(&arn, SESSION, &[]).await;
        let body = json!({ "stageArn": arn, "sessionId": SESSION });
        insta::assert_snapshot!(golden(&world, "POST", "/GetStageSession", body).await);
    }

    #[tokio::test]
    async fn a_session_that_is_not_there_is_not_found_and_a_bad_id_is_invalid() {
        let world = World::new().await;
        let arn = world.stage(ANA).await;
        let other = world.stage(ANA).await;
        world.session(&other, SESSION, &[]).await;
        for (session, status) in [(SESSION, 404), ("st-short", 400), ("xx-0123456789abc", 400)] {
            let body = json!({ "stageArn": arn, "sessionId": session });
            assert_eq!(
                world.call(ANA, "GetStageSession", body).await.status,
                status,
                "{session}"
            );
        }
    }
}
