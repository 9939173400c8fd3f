//! Tokens, sessions, participants and their events.

use aws_sdk_ivsrealtime::Client;
use aws_sdk_ivsrealtime::operation::get_participant::GetParticipantError;
use aws_sdk_ivsrealtime::operation::get_stage_session::GetStageSessionError;
use aws_sdk_ivsrealtime::types::{EventName, ParticipantState, ParticipantToken};
use conformance::Server;
use conformance::presence::Presence;

use crate::{assert_refused, until};

pub(crate) async fn live(server: &Server, client: &Client, stage: &str) {
    let ana = token(client, stage, "ana").await;
    let ben = token(client, stage, "ben").await;
    let _presences =
        [&ana, &ben].map(|token| Presence::join(server, stage, token.token().unwrap()).unwrap());
    let session = session(client, stage).await;
    let session = session.as_str();
    until("both are listed", async || {
        let list = client.list_participants().stage_arn(stage);
        let list = list.session_id(session).into_paginator().page_size(1);
        let pages = list.send().try_collect().await.unwrap();
        let listed = pages.iter().flat_map(|page| page.participants());
        (listed.count() == 2).then_some(())
    })
    .await;

    let ana = ana.participant_id().unwrap();
    let get = client.get_participant().stage_arn(stage);
    let get = get.session_id(session);
    let got = get.clone().participant_id(ana).send().await.unwrap();
    let participant = got.participant().unwrap();
    assert_eq!(participant.state(), Some(&ParticipantState::Connected));
    disconnect(client, stage, session, ana).await;
    let nobody = get.participant_id("nobody").send().await;
    let is_absent = GetParticipantError::is_resource_not_found_exception;
    assert_refused(nobody, 404, is_absent);
}

async fn token(client: &Client, stage: &str, user: &str) -> ParticipantToken {
    let create = client.create_participant_token().stage_arn(stage);
    let create = create.user_id(user).attributes("seat", "4");
    let created = create.send().await.unwrap();
    let token = created.participant_token().unwrap();
    assert_eq!(token.attributes().unwrap()["seat"], "4");
    assert!(token.expiration_time().is_some());
    token.clone()
}

/// The id of the session that is going on.
async fn session(client: &Client, stage: &str) -> String {
    let session = until("a session", async || {
        let list = client.list_stage_sessions().stage_arn(stage);
        let pages = list.into_paginator().send().try_collect().await.unwrap();
        let mut sessions = pages.iter().flat_map(|page| page.stage_sessions());
        Some(sessions.next()?.session_id()?.to_owned())
    });
    let session = session.await;
    let get = client.get_stage_session().stage_arn(stage);
    let got = get.clone().session_id(&session).send().await.unwrap();
    assert_eq!(got.stage_session().unwrap().end_time(), None);
    let never = get.session_id("st-0123456789abc").send().await;
    let is_absent = GetStageSessionError::is_resource_not_found_exception;
    assert_refused(never, 404, is_absent);
    session
}

async fn disconnect(client: &Client, stage: &str, session: &str, participant: &str) {
    let disconnect = client.disconnect_participant().stage_arn(stage);
    let disconnect = disconnect.participant_id(participant).reason("it is over");
    disconnect.send().await.unwrap();
    until("it has left", async || {
        let list = client.list_participant_events().stage_arn(stage);
        let list = list.session_id(session).participant_id(participant);
        let list = list.into_paginator().page_size(1);
        let pages = list.send().try_collect().await.unwrap();
        let events = pages.iter().flat_map(|page| page.events());
        let names: Vec<_> = events.filter_map(|event| event.name()).collect();
        (names == [&EventName::Joined, &EventName::Left]).then_some(())
    })
    .await;
}
