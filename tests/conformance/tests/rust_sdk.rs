//! The AWS SDK for Rust through the control API of this build.

use aws_sdk_ivsrealtime::error::SdkError;
use aws_sdk_ivsrealtime::operation::get_participant::GetParticipantError;
use aws_sdk_ivsrealtime::operation::get_stage::GetStageError;
use aws_sdk_ivsrealtime::operation::get_stage_session::GetStageSessionError;
use aws_sdk_ivsrealtime::types::{ParticipantTokenCapability, ParticipantTokenConfiguration};
use conformance::Server;

#[tokio::test]
async fn the_rust_sdk_walks_stages_and_tags() {
    let server = Server::start().await.unwrap();
    let client = server.client();
    let created = client
        .create_stage()
        .name("tour")
        .tags("team", "video")
        .send()
        .await
        .unwrap();
    let arn = created.stage().unwrap().arn().to_owned();

    client
        .tag_resource()
        .resource_arn(&arn)
        .tags("a b", "c/d")
        .send()
        .await
        .unwrap();
    let tags = client
        .list_tags_for_resource()
        .resource_arn(&arn)
        .send()
        .await
        .unwrap();
    assert_eq!(tags.tags().get("a b").map(String::as_str), Some("c/d"));
    let untag = client
        .untag_resource()
        .resource_arn(&arn)
        .tag_keys("a b")
        .tag_keys("team");
    untag.send().await.unwrap();

    let updated = client
        .update_stage()
        .arn(&arn)
        .name("tour-2")
        .send()
        .await
        .unwrap();
    assert_eq!(updated.stage().unwrap().name(), Some("tour-2"));
    assert!(updated.stage().unwrap().tags().unwrap().is_empty());
    let listed = client.list_stages().send().await.unwrap();
    assert!(listed.stages().iter().any(|stage| stage.arn() == arn));

    client.delete_stage().arn(&arn).send().await.unwrap();
    let error = client.get_stage().arn(&arn).send().await.unwrap_err();
    let SdkError::ServiceError(error) = error else {
        panic!("a typed error: {error:?}")
    };
    let GetStageError::ResourceNotFoundException(error) = error.err() else {
        panic!("not found: {error:?}")
    };
    assert!(
        error
            .exception_message()
            .is_some_and(|message| !message.is_empty())
    );
    assert_eq!(error.access_control_allow_origin(), Some("*"));
}

#[tokio::test]
async fn the_rust_sdk_makes_tokens_and_bans_a_participant() {
    let server = Server::start().await.unwrap();
    let client = server.client();
    let configuration = ParticipantTokenConfiguration::builder()
        .user_id("ana")
        .duration(60)
        .capabilities(ParticipantTokenCapability::Publish)
        .build();
    let create = client
        .create_stage()
        .participant_token_configurations(configuration);
    let created = create.send().await.unwrap();
    let arn = created.stage().unwrap().arn();
    assert_eq!(created.participant_tokens()[0].user_id(), Some("ana"));
    assert_eq!(created.participant_tokens()[0].duration(), Some(60));

    let create = client
        .create_participant_token()
        .stage_arn(arn)
        .attributes("seat", "4");
    let reply = create.send().await.unwrap();
    let token = reply.participant_token().unwrap();
    assert_eq!(token.attributes().unwrap()["seat"], "4");
    assert!(token.expiration_time().is_some());

    let participant = token.participant_id().unwrap();
    let disconnect = client
        .disconnect_participant()
        .stage_arn(arn)
        .participant_id(participant);
    disconnect.reason("over").send().await.unwrap();
}

#[tokio::test]
async fn the_rust_sdk_reads_sessions_participants_and_events() {
    let server = Server::start().await.unwrap();
    let client = server.client();
    let created = client.create_stage().send().await.unwrap();
    let arn = created.stage().unwrap().arn().to_owned();
    let sessions = client
        .list_stage_sessions()
        .stage_arn(&arn)
        .send()
        .await
        .unwrap();
    assert!(sessions.stage_sessions().is_empty());
    let session = "st-0123456789abc";
    let participants = client
        .list_participants()
        .stage_arn(&arn)
        .session_id(session)
        .send()
        .await
        .unwrap();
    assert!(participants.participants().is_empty());
    let events = client
        .list_participant_events()
        .stage_arn(&arn)
        .session_id(session)
        .participant_id("nobody")
        .send()
        .await
        .unwrap();
    assert!(events.events().is_empty());
    let error = client
        .get_stage_session()
        .stage_arn(&arn)
        .session_id(session)
        .send()
        .await
        .unwrap_err();
    assert!(
        error
            .as_service_error()
            .is_some_and(GetStageSessionError::is_resource_not_found_exception)
    );
    let error = client
        .get_participant()
        .stage_arn(&arn)
        .session_id(session)
        .participant_id("nobody")
        .send()
        .await
        .unwrap_err();
    assert!(
        error
            .as_service_error()
            .is_some_and(GetParticipantError::is_resource_not_found_exception)
    );
}
