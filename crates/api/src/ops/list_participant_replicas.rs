//! ListParticipantReplicas: where a participant of a stage appears too, or did, by the ARN of the destination.
//!
//! It lists what began in the newest session of the stage in which the participant is or was: what is over stays to be seen when the next session has begun
//! without it. The model declares no ResourceNotFoundException: a stage that does not exist is a ValidationException, and a
//! participant of whom nothing is known has an empty list, as it has of events.

use model::ParticipantId;
use store::Page;
use wire::error::ListParticipantReplicasError;
use wire::input::ListParticipantReplicasInput;
use wire::output::ListParticipantReplicasOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller};
use crate::cursor::List;
use crate::error::Failure;
use crate::ops::Op;
use crate::shape;

pub(crate) struct ListParticipantReplicas;

impl Op for ListParticipantReplicas {
    type Input = ListParticipantReplicasInput;
    type Error = ListParticipantReplicasError;
    const OPERATION: Operation = Operation::ListParticipantReplicas;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        ListParticipantReplicasInput::parse(parts)
    }

    fn subject(input: &Self::Input, _caller: &Caller) -> Subject {
        Subject::arn(&input.source_stage_arn)
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let settings = &call.app.settings;
        let stage = call.own_stage(&input.source_stage_arn).await?.arn;
        let participant = ParticipantId::parse(&input.participant_id).ok();
        let session = match &participant {
            Some(participant) => {
                let store = &settings.store;
                store.participant_session(&stage, participant).await?
            }
            None => None,
        };
        // A list of another session is another list.
        let list = List::new(
            Self::OPERATION,
            &call.caller,
            &[
                Some(&input.source_stage_arn),
                Some(&input.participant_id),
                session.as_ref().map(model::SessionId::as_str),
            ],
        );
        let page = list.page(
            &settings.cursor_key,
            input.max_results,
            input.next_token.as_deref(),
        )?;
        let found = match (session, participant) {
            (Some(session), Some(participant)) => {
                settings
                    .store
                    .replica_list(&stage, &session, &participant, &page)
                    .await?
            }
            (None, _) | (_, None) => Page {
                items: Vec::new(),
                next: None,
            },
        };
        let output = ListParticipantReplicasOutput {
            replicas: found.items.iter().map(shape::replica).collect(),
            next_token: list.next_token(&settings.cursor_key, found.next),
        };
        Ok(output.to_json())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use crate::tests::{ANA, ANA_ABROAD, BEN, Host, World, golden};

    #[tokio::test]
    async fn golden_list_participant_replicas() {
        let world = World::new().await;
        let host = Host::publishing(&world, 1).await;
        for at in 0..3 {
            let body = host.replication(&world.stage(ANA).await);
            let started = world
                .call(ANA, "StartParticipantReplication", body.clone())
                .await;
            assert_eq!(started.status, 200, "{started:?}");
            if at == 1 {
                world.call(ANA, "StopParticipantReplication", body).await;
            }
        }
        let body = json!({ "sourceStageArn": host.stage, "participantId": host.id });
        insta::assert_snapshot!(golden(&world, "POST", "/ListParticipantReplicas", body).await);
    }

    #[tokio::test]
    async fn replicas_come_page_by_page_and_those_of_nobody_are_an_empty_list() {
        let world = World::new().await;
        let host = Host::publishing(&world, 1).await;
        let mut stages = Vec::new();
        for _ in 0..5 {
            let to = world.stage(ANA).await;
            let started = world
                .call(ANA, "StartParticipantReplication", host.replication(&to))
                .await;
            assert_eq!(started.status, 200, "{started:?}");
            stages.push(json!(to));
        }
        stages.sort_by_key(Value::to_string);
        let list = async |body: &Value| {
            world
                .call(ANA, "ListParticipantReplicas", body.clone())
                .await
        };
        let all = json!({ "sourceStageArn": host.stage, "participantId": host.id });
        for size in [1, 2, 5, 50] {
            let mut body = all.clone();
            body["maxResults"] = json!(size);
            let mut seen = Vec::new();
            loop {
                let page = list(&body).await.json();
                let items = page["replicas"].as_array().unwrap();
                assert!(items.len() <= size);
                seen.extend(items.iter().map(|item| item["destinationStageArn"].clone()));
                body["nextToken"] = page["nextToken"].clone();
                if body["nextToken"].is_null() {
                    break;
                }
            }
            assert_eq!(seen, stages, "in pages of {size}");
        }
        let silent = world.stage(ANA).await;
        for (stage, who) in [
            (&host.stage, "nobody"),
            (&host.stage, ""),
            (&silent, &host.id),
        ] {
            let answer = list(&json!({ "sourceStageArn": stage, "participantId": who })).await;
            assert_eq!(
                (answer.status, answer.json()),
                (200, json!({ "replicas": [] }))
            );
        }
        let invalid = (400, "ValidationException");
        for limit in [0, 51, -1] {
            let mut body = all.clone();
            body["maxResults"] = json!(limit);
            assert_eq!(list(&body).await.verdict(), invalid, "{limit}");
        }
        // Unknown, another account's, another region's.
        let gone = world.stage(ANA).await;
        world.call(ANA, "DeleteStage", json!({ "arn": gone })).await;
        let mut answers = Vec::new();
        for stage in [gone, world.stage(BEN).await, world.stage(ANA_ABROAD).await] {
            let body = json!({ "sourceStageArn": stage, "participantId": host.id });
            let answer = list(&body).await;
            assert_eq!(answer.verdict(), invalid);
            answers.push(answer.bytes);
        }
        answers.dedup();
        assert_eq!(answers.len(), 1);
    }

    #[tokio::test]
    async fn t13_a_cursor_of_replicas_is_for_its_stage_participant_session_account_and_operation() {
        let world = World::new().await;
        let mut host = Host::publishing(&world, 1).await;
        for _ in 0..2 {
            let body = host.replication(&world.stage(ANA).await);
            let started = world.call(ANA, "StartParticipantReplication", body).await;
            assert_eq!(started.status, 200, "{started:?}");
        }
        let mut body =
            json!({ "sourceStageArn": host.stage, "participantId": host.id, "maxResults": 1 });
        let page = world
            .call(ANA, "ListParticipantReplicas", body.clone())
            .await
            .json();
        let token = page["nextToken"].clone();
        assert!(token.is_string());
        let refused = (400, "ValidationException");
        for (member, value) in [
            ("participantId", json!("other")),
            ("sourceStageArn", json!(world.stage(ANA).await)),
            ("nextToken", json!("AAAA")),
        ] {
            let mut body = body.clone();
            body["nextToken"] = token.clone();
            body[member] = value;
            let answer = world.call(ANA, "ListParticipantReplicas", body).await;
            assert_eq!(answer.verdict(), refused, "{member}");
        }
        for operation in ["ListStages", "ListStageSessions"] {
            let foreign = json!({ "stageArn": host.stage, "nextToken": token });
            let answer = world.call(ANA, operation, foreign).await;
            assert_eq!(answer.verdict(), refused, "{operation}");
        }
        body["nextToken"] = token;
        for who in [BEN, ANA_ABROAD] {
            let answer = world
                .call(who, "ListParticipantReplicas", body.clone())
                .await;
            assert_eq!(answer.verdict(), refused, "{who:?}");
        }
        let answer = world
            .call(ANA, "ListParticipantReplicas", body.clone())
            .await;
        assert_eq!(answer.status, 200);
        // Its next session has a list of its own.
        host.leave(&world).await;
        end_sessions(&world).await;
        host.publish(&world, 2).await;
        let answer = world.call(ANA, "ListParticipantReplicas", body).await;
        assert_eq!(answer.verdict(), refused);
    }

    /// Time passes until nobody's session goes on.
    async fn end_sessions(world: &World) {
        world.advance(Duration::from_mins(10));
        world.wake().await;
    }

    #[tokio::test]
    async fn what_is_over_is_listed_until_its_participant_is_in_another_session() {
        let world = World::new().await;
        let mut host = Host::publishing(&world, 1).await;
        let mut there = Vec::new();
        for _ in 0..2 {
            there.push(world.stage(ANA).await);
            host.start(&world, &there[there.len() - 1]).await;
        }
        host.leave(&world).await;
        let all = host.replicas(&world).await;
        let states = all.as_array().unwrap().iter();
        let states: Vec<_> = states.map(|each| &each["replicationState"]).collect();
        assert_eq!(states, ["STOPPED", "STOPPED"]);
        end_sessions(&world).await;
        assert_eq!(host.replicas(&world).await, all);
        // The next session is another's, and has replications of its own.
        let other = Host::publishing_on(&world, &host.stage, 2).await;
        other.start(&world, &there[0]).await;
        assert_eq!(host.replicas(&world).await, all);
        let mut body =
            json!({ "sourceStageArn": host.stage, "participantId": host.id, "maxResults": 1 });
        let mut seen = Vec::new();
        for _ in 0..2 {
            let page = world
                .call(ANA, "ListParticipantReplicas", body.clone())
                .await;
            let page = page.json();
            seen.extend(page["replicas"].as_array().unwrap().clone());
            body["nextToken"] = page["nextToken"].clone();
        }
        assert_eq!((json!(seen), &body["nextToken"]), (all, &Value::Null));
        // It is back, and nowhere else.
        host.publish(&world, 3).await;
        assert_eq!(host.replicas(&world).await, json!([]));
    }
}
