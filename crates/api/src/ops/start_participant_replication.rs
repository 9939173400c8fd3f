//! StartParticipantReplication: a publishing participant of one stage appears on another one too.
//!
//! Both stages are the caller's own, of the caller's region, and its key may do this on both. The stages decide whether it may be, and
//! the answer comes when what they did is stored: what the API is asked next, it knows. Nothing has to be carried through for a caller that
//! hangs up or waits in vain: once the stages have the request they store what comes of it themselves. A caller that does not learn
//! how it ended may ask for the same again. Only to one that knows that the replication runs the same start is a conflict.

use std::time::Duration;

use model::ParticipantId;
use stage::{Input, Refusal, Replicate, ReplicationKey, Reply};
use wire::error::StartParticipantReplicationError;
use wire::input::StartParticipantReplicationInput;
use wire::output::StartParticipantReplicationOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller};
use crate::constraints::{Breach, check_attributes};
use crate::error::{Absent, Failure, ServerFault};
use crate::ops::Op;

pub(crate) struct StartParticipantReplication;

impl Op for StartParticipantReplication {
    type Input = StartParticipantReplicationInput;
    type Error = StartParticipantReplicationError;
    const OPERATION: Operation = Operation::StartParticipantReplication;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        StartParticipantReplicationInput::parse(parts)
    }

    fn subject(input: &Self::Input, _caller: &Caller) -> Subject {
        Subject::arn(&input.source_stage_arn).beside(&input.destination_stage_arn)
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let attributes = input.attributes.unwrap_or_default();
        check_attributes(&attributes)?;
        if input.source_stage_arn == input.destination_stage_arn {
            return Err(Breach::SameStage.into());
        }
        let (source, destination) = (&input.source_stage_arn, &input.destination_stage_arn);
        let [source, destination] = call.own_stages(source, destination).await?;
        let participant =
            ParticipantId::parse(&input.participant_id).map_err(|_| Absent::ParticipantOnSource)?;
        // The model's range is 0 to 300.
        let seconds = u64::try_from(input.reconnect_window_seconds.unwrap_or(0)).unwrap_or(0);
        let line = call.app.stage_line()?;
        let of = ReplicationKey {
            source,
            destination,
            participant,
        };
        let wish = Replicate {
            of: of.clone(),
            window: Duration::from_secs(seconds),
            attributes,
        };
        let reply = line.tell_stored(Input::Replicate(wish)).await?;
        match reply {
            Reply::Refused(Refusal::Replication(fault)) => Err(fault.into()),
            // Only that they are shutting down.
            Reply::Refused(_) => Err(ServerFault::StagesUnreachable.into()),
            Reply::Done | Reply::Joined { .. } | Reply::Admitted { .. } | Reply::Exchanged => {
                // Stages that are gone by now can be asked no more.
                let _ = line.tell(Input::ReplicationAnswered(of)).await;
                Ok(StartParticipantReplicationOutput {}.to_json())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::tests::{ANA, ANA_ABROAD, BEN, Host, World, golden};

    #[tokio::test]
    async fn golden_start_participant_replication() {
        let world = World::new().await;
        let host = Host::publishing(&world, 1).await;
        let mut body = host.replication(&world.stage(ANA).await);
        body["reconnectWindowSeconds"] = json!(30);
        body["attributes"] = json!({ "role": "guest" });
        insta::assert_snapshot!(golden(&world, "POST", "/StartParticipantReplication", body).await);
    }

    /// What the answer to a start of this replication is, with these members in place of its own.
    async fn start(world: &World, body: &Value, change: Value) -> (u16, String, Value) {
        let mut body = body.clone();
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let answer = world.call(ANA, "StartParticipantReplication", body).await;
        let message = answer.json()["exceptionMessage"].clone();
        (answer.status, answer.error().to_owned(), message)
    }

    #[tokio::test]
    async fn what_is_wrong_is_said_and_nothing_changes() {
        let world = World::new().await;
        let host = Host::publishing(&world, 1).await;
        let to = world.stage(ANA).await;
        let gone = world.stage(ANA).await;
        world.call(ANA, "DeleteStage", json!({ "arn": gone })).await;
        let body = host.replication(&to);
        let viewer = Host::viewing(&world, &host.stage, 2).await;
        let (invalid, absent) = (
            (400, "ValidationException"),
            (404, "ResourceNotFoundException"),
        );
        let conflict = (409, "ConflictException");
        let source_gone = "the source stage does not exist";
        let destination_gone = "the destination stage does not exist";
        let foreign = world.stage(BEN).await;
        let abroad = world.stage(ANA_ABROAD).await;
        let odd = "arn:aws:ivs:us-west-2:42:stage/short-account";
        let nobody = "the participant is not on the source stage";
        let mut cases = vec![
            (
                json!({ "destinationStageArn": host.stage }),
                invalid,
                "the source and the destination are the same stage",
            ),
            (
                json!({ "sourceStageArn": to }),
                invalid,
                "the source and the destination are the same stage",
            ),
            (json!({ "participantId": "nobody" }), absent, nobody),
            (json!({ "participantId": "" }), absent, nobody),
            (
                json!({ "participantId": viewer.id }),
                conflict,
                "the participant is not publishing",
            ),
            (
                json!({ "attributes": { "k": "v".repeat(1_024) } }),
                invalid,
                "attributes must not be longer than 1024 bytes in total",
            ),
            (json!({ "reconnectWindowSeconds": -1 }), invalid, ""),
            (json!({ "reconnectWindowSeconds": 301 }), invalid, ""),
            (json!({ "reconnectWindowSeconds": 1.5 }), invalid, ""),
            (json!({ "participantId": "a b" }), invalid, ""),
        ];
        for arn in [gone.as_str(), &foreign, &abroad, odd] {
            cases.push((json!({ "sourceStageArn": arn }), absent, source_gone));
            cases.push((
                json!({ "destinationStageArn": arn }),
                absent,
                destination_gone,
            ));
        }
        for (change, (status, error), message) in cases {
            let shown = change.to_string();
            let answer = start(&world, &body, change).await;
            assert_eq!((answer.0, answer.1.as_str()), (status, error), "{shown}");
            if !message.is_empty() {
                assert_eq!(answer.2, message, "{shown}");
            }
        }
        assert_eq!(host.replicas(&world).await, json!([]));
        for window in [json!(null), json!(0), json!(300)] {
            let answer = start(&world, &body, json!({ "reconnectWindowSeconds": window })).await;
            assert_eq!(answer.0, 200, "{window} {answer:?}");
            let stop = world
                .call(ANA, "StopParticipantReplication", body.clone())
                .await;
            assert_eq!(stop.status, 200);
        }
    }

    #[tokio::test]
    async fn what_is_there_already_is_a_conflict() {
        let world = World::new().await;
        let host = Host::publishing(&world, 1).await;
        let (to, on) = (world.stage(ANA).await, world.stage(ANA).await);
        let body = host.replication(&to);
        assert_eq!(start(&world, &body, json!({})).await.0, 200);
        let onward = json!({ "sourceStageArn": to, "destinationStageArn": on });
        let back = json!({ "sourceStageArn": to, "destinationStageArn": host.stage });
        for (change, message) in [
            (
                json!({}),
                "the participant is replicated to the destination stage already",
            ),
            (onward, "the participant is a replica on the source stage"),
            (back, "the participant is a replica on the source stage"),
        ] {
            let (status, error, said) = start(&world, &body, change).await;
            assert_eq!(
                (status, error.as_str()),
                (409, "ConflictException"),
                "{message}"
            );
            assert_eq!(said, message);
        }
        // Disconnected there, it is banned there; elsewhere it may appear.
        let out = json!({ "stageArn": to, "participantId": host.id });
        assert_eq!(
            world.call(ANA, "DisconnectParticipant", out).await.status,
            200
        );
        let (status, _, said) = start(&world, &body, json!({})).await;
        assert_eq!(
            (status, said),
            (
                409,
                json!("the participant has been disconnected from the destination stage")
            )
        );
        assert_eq!(
            start(&world, &body, json!({ "destinationStageArn": on }))
                .await
                .0,
            200
        );
        // Not publishing any more, but awaited at the source.
        let body = host.replication(&world.stage(ANA).await);
        let window = json!({ "reconnectWindowSeconds": 60 });
        assert_eq!(start(&world, &body, window).await.0, 200);
        host.leave(&world).await;
        let answer = start(
            &world,
            &host.replication(&world.stage(ANA).await),
            json!({}),
        )
        .await;
        assert_eq!(
            (answer.0, answer.2),
            (409, json!("the participant is not publishing"))
        );
    }

    #[tokio::test]
    async fn a_participant_is_on_five_other_stages_at_most_and_a_stage_has_twelve_publishers() {
        let world = World::new().await;
        let host = Host::publishing(&world, 1).await;
        let mut stages = Vec::new();
        for at in 0..6 {
            stages.push(world.stage(ANA).await);
            let (status, error, said) =
                start(&world, &host.replication(&stages[at]), json!({})).await;
            if at < 5 {
                assert_eq!(status, 200, "{said}");
            } else {
                assert_eq!(
                    (status, error.as_str()),
                    (402, "ServiceQuotaExceededException")
                );
                assert_eq!(
                    said,
                    "the participant is replicated to as many stages as it may be"
                );
            }
        }
        let stop = host.replication(&stages[0]);
        assert_eq!(
            world
                .call(ANA, "StopParticipantReplication", stop)
                .await
                .status,
            200
        );
        assert_eq!(
            start(&world, &host.replication(&stages[5]), json!({}))
                .await
                .0,
            200
        );
        // The first of twelve is the replica.
        for connection in 2..13 {
            Host::publishing_on(&world, &stages[1], connection).await;
        }
        let other = Host::publishing(&world, 20).await;
        let (status, error, said) = start(&world, &other.replication(&stages[1]), json!({})).await;
        assert_eq!(
            (status, error.as_str()),
            (402, "ServiceQuotaExceededException")
        );
        assert_eq!(
            said,
            "the destination stage or its account has as many publishers as it may have"
        );
    }
}
