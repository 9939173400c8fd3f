//! DisconnectParticipant: bans a participant from its stage for good, and disconnects it if it is there; or detaches the
//! ingest configuration that publishes as it.
//!
//! The ban is stored before the participant is told, so that it holds after a crash. A participant that never joined can be
//! banned too: an id that this server minted for the stage proves itself. The reason of the request is checked and not kept:
//! no event or record of the API has a member for it.
//!
//! The participant of an ingest configuration is not banned: it is the configuration's for life, which has to work again
//! once it is attached again. Only where a token goes by the same id or a replica has it, or did, is the id banned all the same:
//! for tokens and for replications.

use auth::participant_id;
use model::{ParticipantId, StageArn};
use stage::Input;
use store::CameBy;
use wire::error::DisconnectParticipantError;
use wire::input::DisconnectParticipantInput;
use wire::output::DisconnectParticipantOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller, is_there};
use crate::error::{Absent, Failure};
use crate::ops::Op;

pub(crate) struct DisconnectParticipant;

impl Op for DisconnectParticipant {
    type Input = DisconnectParticipantInput;
    type Error = DisconnectParticipantError;
    const OPERATION: Operation = Operation::DisconnectParticipant;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        DisconnectParticipantInput::parse(parts)
    }

    fn subject(input: &Self::Input, _caller: &Caller) -> Subject {
        Subject::arn(&input.stage_arn)
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let stage = call.own_stage(&input.stage_arn).await?.arn;
        let participant =
            ParticipantId::parse(&input.participant_id).map_err(|_| Absent::Participant)?;
        let came = came_by(call, &stage, &participant).await?;
        let line = call.app.stage_line()?;
        let store = call.app.settings.store.clone();
        let alone = call.app.ingest_changes.clone();
        let at = call.now.wall;
        let write = async move {
            let _turn = alone.lock().await;
            let detached = store
                .ingest_configuration_detach(&stage, &participant)
                .await?;
            let is_known = came.is_some() || !detached.is_empty();
            for configuration in detached {
                let unless = None;
                line.tell(Input::IngestDetached {
                    configuration,
                    unless,
                })
                .await?;
            }
            if came == Some(CameBy::Token) {
                let banned = store.participant_ban(&stage, &participant, at).await;
                is_there(banned, Absent::Stage)?;
                line.tell(Input::Disconnect { stage, participant }).await?;
            }
            Ok::<_, Failure<DisconnectParticipantError>>(is_known)
        };
        if !call.app.carry_through(write).await? {
            return Err(Absent::Participant.into());
        }
        Ok(DisconnectParticipantOutput {}.to_json())
    }
}

/// Whether somebody on the stage has the id or has had it, or a token of this server's that may be used still.
async fn came_by(
    call: &Call,
    stage: &StageArn,
    participant: &ParticipantId,
) -> Result<Option<CameBy>, Failure<DisconnectParticipantError>> {
    let settings = &call.app.settings;
    if participant_id::is_minted(&settings.participant_key, stage, participant) {
        return Ok(Some(CameBy::Token));
    }
    Ok(settings.store.participant_known(stage, participant).await?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tests::{ANA, SESSION, World, golden, ingest};

    async fn minted(world: &World, arn: &str) -> String {
        let body = json!({ "stageArn": arn });
        let answer = world.call(ANA, "CreateParticipantToken", body).await.json();
        answer["participantToken"]["participantId"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    #[tokio::test]
    async fn golden_disconnect_participant() {
        let world = World::new().await;
        let arn = world.stage(ANA).await;
        let participant = minted(&world, &arn).await;
        let body = json!({ "stageArn": arn, "participantId": participant, "reason": "enough" });
        insta::assert_snapshot!(golden(&world, "POST", "/DisconnectParticipant", body).await);
    }

    #[tokio::test]
    async fn a_participant_is_banned_in_the_store_and_disconnected_on_the_stage() {
        let world = World::new().await;
        let arn = world.stage(ANA).await;
        world
            .session(&arn, SESSION, &[("joined", "u", true, true)])
            .await;
        let participants = [minted(&world, &arn).await, "joined".to_owned()];
        for participant in &participants {
            // Again is fine.
            for _ in 0..2 {
                let body = json!({ "stageArn": arn, "participantId": participant });
                let answer = world.call(ANA, "DisconnectParticipant", body).await;
                assert_eq!(answer.status, 200, "{participant}");
                let told = world.told.lock().unwrap().pop();
                assert!(matches!(
                    told,
                    Some(Input::Disconnect { stage, participant: who })
                        if stage.to_string() == arn && who.as_str() == participant
                ));
            }
        }
        let (_, banned) = world.store.stage_all().await.unwrap().pop().unwrap();
        let mut banned: Vec<_> = banned.iter().map(ToString::to_string).collect();
        let mut expected = participants.to_vec();
        banned.sort();
        expected.sort();
        assert_eq!(banned, expected);
    }

    #[tokio::test]
    async fn an_ingest_configuration_is_detached_and_works_again_when_it_is_attached_again() {
        let world = World::new().await;
        let stage = world.stage(ANA).await;
        let elsewhere = world.stage(ANA).await;
        let other = ingest(&world, json!({ "stageArn": stage })).await;
        for redundant in [false, true] {
            let body = json!({ "stageArn": stage, "redundantIngest": redundant });
            let made = ingest(&world, body).await;
            let credentials = made["redundantIngestCredentials"].as_array();
            for one in credentials.into_iter().flatten().chain([&made]) {
                let participant = &one["participantId"];
                let disconnect = |stage: &str| {
                    let body = json!({ "stageArn": stage, "participantId": participant });
                    world.call(ANA, "DisconnectParticipant", body)
                };
                assert_eq!(disconnect(&elsewhere).await.status, 404);
                assert_eq!(disconnect(&stage).await.status, 200);
                let mut expected = made.clone();
                expected["stageArn"] = json!("");
                let body = json!({ "arn": made["arn"] });
                let read = world.call(ANA, "GetIngestConfiguration", body).await;
                assert_eq!(read.json()["ingestConfiguration"], expected);
                // Detached, it is nobody on the stage.
                assert_eq!(disconnect(&stage).await.status, 404);
                let body = json!({ "arn": made["arn"], "stageArn": stage });
                let again = world.call(ANA, "UpdateIngestConfiguration", body).await;
                assert_eq!(again.json()["ingestConfiguration"], made);
            }
        }
        let stages = world.store.stage_all().await.unwrap();
        assert!(stages.iter().all(|(_, banned)| banned.is_empty()));
        let told = world.told.lock().unwrap().clone();
        let bans = told
            .iter()
            .filter(|told| matches!(told, Input::Disconnect { .. }));
        assert_eq!(bans.count(), 0);
        let body = json!({ "arn": other["arn"] });
        let read = world.call(ANA, "GetIngestConfiguration", body).await;
        assert_eq!(read.json()["ingestConfiguration"], other);
    }

    #[tokio::test]
    async fn an_id_that_has_joined_is_banned_although_an_ingest_configuration_has_it_too() {
        let world = World::new().await;
        let stage = world.stage(ANA).await;
        let made = ingest(&world, json!({ "stageArn": stage })).await;
        let participant = made["participantId"].as_str().unwrap();
        world
            .session(&stage, SESSION, &[(participant, "u", true, true)])
            .await;
        let body = json!({ "stageArn": stage, "participantId": participant });
        let answer = world.call(ANA, "DisconnectParticipant", body).await;
        assert_eq!(answer.status, 200);
        let (_, banned) = world.store.stage_all().await.unwrap().pop().unwrap();
        assert_eq!(banned, [ParticipantId::parse(participant).unwrap()]);
        let body = json!({ "arn": made["arn"] });
        let read = world.call(ANA, "GetIngestConfiguration", body).await;
        assert_eq!(read.json()["ingestConfiguration"]["stageArn"], "");
    }

    #[tokio::test]
    async fn ids_that_nobody_was_given_do_not_exist() {
        let world = World::new().await;
        let arn = world.stage(ANA).await;
        let elsewhere = world.stage(ANA).await;
        let other = minted(&world, &elsewhere).await;
        for participant in ["", "invented", "abcdABCDefghabcdABCDefgh", &other] {
            let body = json!({ "stageArn": arn, "participantId": participant });
            let answer = world.call(ANA, "DisconnectParticipant", body).await;
            assert_eq!(
                answer.verdict(),
                (404, "ResourceNotFoundException"),
                "{participant}"
            );
        }
        for bad in [json!("a b"), json!("x".repeat(65)), json!(null)] {
            let body = json!({ "stageArn": arn, "participantId": bad });
            let answer = world.call(ANA, "DisconnectParticipant", body).await;
            assert_eq!(answer.verdict(), (400, "ValidationException"), "{bad}");
        }
    }
}
