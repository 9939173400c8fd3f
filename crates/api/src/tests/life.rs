//! A stage from its making to its end, as the API and the people on it see it together.

use model::{ConnectionId, Grant};
use stage::Refusal;

use super::*;

/// A token for a new participant, as its holder presents it.
async fn grant(world: &World, arn: &str) -> Grant {
    let answer = world
        .call(ANA, "CreateParticipantToken", json!({ "stageArn": arn }))
        .await;
    verified(world, &answer.json()["participantToken"])
}

fn verified(world: &World, token: &Value) -> Grant {
    let text = token["token"].as_str().unwrap();
    world
        .token_key
        .verify(text, world.now().wall, Duration::ZERO)
        .unwrap()
}

async fn join(world: &World, connection: u64, grant: &Grant) -> Reply {
    let (reply, answer) = oneshot::channel();
    let input = Input::Join {
        connection: ConnectionId(connection),
        grant: grant.clone(),
        client: ClientInfo::default(),
    };
    world.stages.send((input, reply)).await.unwrap();
    answer.await.unwrap()
}

#[tokio::test]
async fn tokens_work_at_once_until_the_participant_is_disconnected_or_the_stage_deleted() {
    let world = World::new().await;
    let body = json!({ "participantTokenConfigurations": [{ "userId": "ana" }] });
    let made = world.call(ANA, "CreateStage", body).await.json();
    let arn = made["stage"]["arn"].as_str().unwrap().to_owned();
    let ana = verified(&world, &made["participantTokens"][0]);
    let ben = grant(&world, &arn).await;

    let Reply::Joined { session, .. } = join(&world, 1, &ana).await else {
        panic!("ana cannot join");
    };
    assert!(matches!(join(&world, 2, &ben).await, Reply::Joined { .. }));
    let live = world
        .call(ANA, "GetStage", json!({ "arn": arn }))
        .await
        .json();
    assert_eq!(live["stage"]["activeSessionId"], session.as_str());
    let listed =
        json!({ "stageArn": arn, "sessionId": session.as_str(), "filterByState": "CONNECTED" });
    let people = world
        .call(ANA, "ListParticipants", listed.clone())
        .await
        .json();
    assert_eq!(people["participants"].as_array().unwrap().len(), 2);

    let body = json!({ "stageArn": arn, "participantId": ben.participant.as_str() });
    assert_eq!(
        world.call(ANA, "DisconnectParticipant", body).await.status,
        200
    );
    let refused = Reply::Refused(Refusal::ParticipantDisconnected);
    assert_eq!(join(&world, 3, &ben).await, refused);
    let people = world.call(ANA, "ListParticipants", listed).await.json();
    let people = people["participants"].as_array().unwrap();
    assert_eq!(people.len(), 1);
    assert_eq!(people[0]["userId"], "ana");
    let body = json!({
        "stageArn": arn,
        "sessionId": session.as_str(),
        "participantId": ben.participant.as_str(),
    });
    let events = world.call(ANA, "ListParticipantEvents", body).await.json();
    let names: Vec<_> = events["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["name"])
        .collect();
    assert_eq!(names, ["JOINED", "LEFT"]);

    // Banned before it ever joined.
    let cleo = grant(&world, &arn).await;
    let body = json!({ "stageArn": arn, "participantId": cleo.participant.as_str() });
    assert_eq!(
        world.call(ANA, "DisconnectParticipant", body).await.status,
        200
    );
    assert_eq!(join(&world, 4, &cleo).await, refused);

    assert_eq!(
        world
            .call(ANA, "DeleteStage", json!({ "arn": arn }))
            .await
            .status,
        200
    );
    let gone = Reply::Refused(Refusal::StageNotFound);
    assert_eq!(join(&world, 5, &ana).await, gone);
}
