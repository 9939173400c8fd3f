//! StopParticipantReplication: a replica leaves the stage to which StartParticipantReplication brought it.
//!
//! One that is over already is stopped again without complaint, as long as the session from which it came is kept; one that never
//! was does not exist.

use model::ParticipantId;
use stage::{Input, Refusal, ReplicationFault, ReplicationKey, Reply};
use wire::error::StopParticipantReplicationError;
use wire::input::StopParticipantReplicationInput;
use wire::output::StopParticipantReplicationOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller};
use crate::error::{Absent, Failure, ServerFault};
use crate::ops::Op;

pub(crate) struct StopParticipantReplication;

impl Op for StopParticipantReplication {
    type Input = StopParticipantReplicationInput;
    type Error = StopParticipantReplicationError;
    const OPERATION: Operation = Operation::StopParticipantReplication;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        StopParticipantReplicationInput::parse(parts)
    }

    fn subject(input: &Self::Input, _caller: &Caller) -> Subject {
        Subject::arn(&input.source_stage_arn).beside(&input.destination_stage_arn)
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let (source, destination) = (&input.source_stage_arn, &input.destination_stage_arn);
        let [source, destination] = call.own_stages(source, destination).await?;
        let participant =
            ParticipantId::parse(&input.participant_id).map_err(|_| Absent::ParticipantOnSource)?;
        let line = call.app.stage_line()?;
        let of = ReplicationKey {
            source: source.clone(),
            destination: destination.clone(),
            participant: participant.clone(),
        };
        let reply = line.tell_stored(Input::StopReplication(of)).await?;
        match reply {
            // The stages forget what is long over, and all of it in a crash; the store does not.
            Reply::Refused(Refusal::Replication(fault @ ReplicationFault::NeverReplicated)) => {
                let store = &call.app.settings.store;
                if !store
                    .replica_known(&source, &destination, &participant)
                    .await?
                {
                    return Err(fault.into());
                }
            }
            Reply::Refused(Refusal::Replication(fault)) => return Err(fault.into()),
            // Only that they are shutting down.
            Reply::Refused(_) => return Err(ServerFault::StagesUnreachable.into()),
            Reply::Done | Reply::Joined { .. } | Reply::Admitted { .. } | Reply::Exchanged => {}
        }
        Ok(StopParticipantReplicationOutput {}.to_json())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::{ParticipantId, Record, SessionId, StageArn};
    use serde_json::{Value, json};

    use crate::tests::{ANA, ANA_ABROAD, BEN, Host, SESSION, World, golden};

    #[tokio::test]
    async fn golden_stop_participant_replication() {
        let world = World::new().await;
        let host = Host::publishing(&world, 1).await;
        let body = host.replication(&world.stage(ANA).await);
        let started = world
            .call(ANA, "StartParticipantReplication", body.clone())
            .await;
        assert_eq!(started.status, 200, "{started:?}");
        insta::assert_snapshot!(golden(&world, "POST", "/StopParticipantReplication", body).await);
    }

    #[tokio::test]
    async fn what_is_over_is_stopped_again_and_what_never_was_does_not_exist() {
        let world = World::new().await;
        let host = Host::publishing(&world, 1).await;
        let (to, other) = (world.stage(ANA).await, world.stage(ANA).await);
        let body = host.replication(&to);
        let stop = async |body: &Value| {
            let answer = world
                .call(ANA, "StopParticipantReplication", body.clone())
                .await;
            (answer.status, answer.json()["exceptionMessage"].clone())
        };
        let never = (
            404,
            json!("the participant has not been replicated to the destination stage"),
        );
        assert_eq!(stop(&body).await, never);
        for _ in 0..2 {
            let started = world
                .call(ANA, "StartParticipantReplication", body.clone())
                .await;
            assert_eq!(started.status, 200, "{started:?}");
            for _ in 0..3 {
                assert_eq!(stop(&body).await.0, 200);
            }
            let [replica] = host
                .replicas(&world)
                .await
                .as_array()
                .unwrap()
                .clone()
                .try_into()
                .unwrap();
            assert_eq!(replica["replicationState"], "STOPPED");
        }
        assert_eq!(stop(&host.replication(&other)).await, never);
        assert_eq!(stop(&host.replication(&host.stage)).await, never);
        let mut nobody = body.clone();
        nobody["participantId"] = json!("nobody");
        assert_eq!(stop(&nobody).await, never);
        let mut reverse = body.clone();
        reverse["sourceStageArn"] = json!(to);
        reverse["destinationStageArn"] = json!(host.stage);
        assert_eq!(stop(&reverse).await, never);
        for (member, message) in [
            ("sourceStageArn", "the source stage does not exist"),
            (
                "destinationStageArn",
                "the destination stage does not exist",
            ),
        ] {
            for who in [BEN, ANA_ABROAD] {
                let mut body = body.clone();
                body[member] = json!(world.stage(who).await);
                assert_eq!(stop(&body).await, (404, json!(message)), "{who:?}");
            }
        }
        // The session is over, and what was is known all the same.
        host.leave(&world).await;
        world.advance(Duration::from_mins(10));
        world.wake().await;
        assert_eq!(stop(&body).await.0, 200);
        assert_eq!(stop(&host.replication(&other)).await, never);
    }

    #[tokio::test]
    async fn what_ran_before_a_crash_is_stopped_without_complaint_in_the_next_session_too() {
        let world = World::new().await;
        let host = Host::publishing(&world, 1).await;
        let (to, never) = (world.stage(ANA).await, world.stage(ANA).await);
        let source = StageArn::parse(&host.stage).unwrap();
        let before = SessionId::parse(SESSION).unwrap();
        // The stages know of the session that goes on and of nothing before it.
        let start = model::Session {
            stage: source.clone(),
            id: before.clone(),
            start: world.now().wall,
            end: None,
        };
        let replica = model::Replica {
            source_stage: source.clone(),
            source_session: before.clone(),
            participant: ParticipantId::parse("ben").unwrap(),
            destination_stage: StageArn::parse(&to).unwrap(),
            destination_session: before.clone(),
            is_active: false,
        };
        let end = Record::SessionEnded {
            stage: source,
            session: before,
            end: world.now().wall,
        };
        let left = [Record::SessionStarted(start), Record::Replica(replica), end];
        world.store.records_apply(&left).await.unwrap();
        for (to, who, status) in [
            (&to, "ben", 200),
            (&to, &host.id, 404),
            (&never, "ben", 404),
        ] {
            let mut body = host.replication(to);
            body["participantId"] = json!(who);
            let answer = world.call(ANA, "StopParticipantReplication", body).await;
            assert_eq!(answer.status, status, "{who} to {to}");
        }
    }
}
