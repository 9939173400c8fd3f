//! GetParticipant: one participant's record in one session.

use model::{ParticipantId, SessionId};
use wire::error::GetParticipantError;
use wire::input::GetParticipantInput;
use wire::output::GetParticipantOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller};
use crate::error::{Absent, Failure};
use crate::ops::Op;
use crate::shape;

pub(crate) struct GetParticipant;

impl Op for GetParticipant {
    type Input = GetParticipantInput;
    type Error = GetParticipantError;
    const OPERATION: Operation = Operation::GetParticipant;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        GetParticipantInput::parse(parts)
    }

    fn subject(input: &Self::Input, _caller: &Caller) -> Subject {
        Subject::arn(&input.stage_arn)
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let stage = call.own_stage(&input.stage_arn).await?;
        let session = SessionId::parse(&input.session_id).map_err(|_| Absent::Participant)?;
        let participant =
            ParticipantId::parse(&input.participant_id).map_err(|_| Absent::Participant)?;
        let store = &call.app.settings.store;
        let found = store
            .participant_get(&stage.arn, &session, &participant)
            .await?;
        let output = GetParticipantOutput {
            participant: Some(shape::participant(found.ok_or(Absent::Participant)?)),
        };
        Ok(output.to_json())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tests::{ANA, SESSION, World, golden};

    #[tokio::test]
    async fn golden_get_participant() {
        let world = World::new().await;
        let arn = world.stage(ANA).await;
        world
            .session(&arn, SESSION, &[("ana", "host", true, true)])
            .await;
        let body = json!({ "stageArn": arn, "sessionId": SESSION, "participantId": "ana" });
        insta::assert_snapshot!(golden(&world, "POST", "/GetParticipant", body).await);
    }

    #[tokio::test]
    async fn who_never_joined_the_session_is_not_found() {
        let world = World::new().await;
        let arn = world.stage(ANA).await;
        world
            .session(&arn, SESSION, &[("ana", "host", false, true)])
            .await;
        let token = world
            .call(ANA, "CreateParticipantToken", json!({ "stageArn": arn }))
            .await
            .json();
        let minted = token["participantToken"]["participantId"].as_str().unwrap();
        for (session, participant, status) in [
            (SESSION, "ana", 200),
            (SESSION, "Ana", 404),
            (SESSION, minted, 404),
            (SESSION, "", 404),
            (SESSION, "a b", 400),
            ("st-neverHappened", "ana", 404),
        ] {
            let body =
                json!({ "stageArn": arn, "sessionId": session, "participantId": participant });
            let answer = world.call(ANA, "GetParticipant", body).await;
            assert_eq!(answer.status, status, "{session} {participant:?}");
        }
    }
}
