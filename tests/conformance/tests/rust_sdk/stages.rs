//! Stages and their tags.

use aws_sdk_ivsrealtime::Client;
use aws_sdk_ivsrealtime::operation::get_stage::GetStageError;
use aws_sdk_ivsrealtime::operation::update_stage::UpdateStageError;
use aws_sdk_ivsrealtime::types::{ParticipantTokenCapability, ParticipantTokenConfiguration};

use crate::assert_refused;

/// Makes three stages and keeps the ARN of one.
pub(crate) async fn begin(client: &Client) -> String {
    let token = ParticipantTokenConfiguration::builder()
        .user_id("ana")
        .duration(60)
        .capabilities(ParticipantTokenCapability::Publish)
        .build();
    let create = client.create_stage().name("tour").tags("team", "video");
    let created = create
        .participant_token_configurations(token)
        .send()
        .await
        .unwrap();
    assert_eq!(created.participant_tokens()[0].user_id(), Some("ana"));
    assert_eq!(created.participant_tokens()[0].duration(), Some(60));
    let mut arns = vec![created.stage().unwrap().arn().to_owned()];
    for name in ["two", "three"] {
        let created = client.create_stage().name(name).send().await.unwrap();
        arns.push(created.stage().unwrap().arn().to_owned());
    }
    let pages = client.list_stages().into_paginator().page_size(2).send();
    let pages = pages.try_collect().await.unwrap();
    let listed = pages
        .iter()
        .flat_map(|page| page.stages().iter().map(|stage| stage.arn()));
    assert_eq!(listed.collect::<Vec<_>>(), arns);
    assert_eq!(pages.len(), 2);

    let kept = arns.remove(0);
    let update = client.update_stage().arn(&kept);
    let updated = update.clone().name("tour-2").send().await.unwrap();
    let got = client.get_stage().arn(&kept).send().await.unwrap();
    assert_eq!(got.stage(), updated.stage());
    let refused = update.name("no spaces").send().await;
    assert_refused(refused, 400, UpdateStageError::is_validation_exception);
    for arn in arns {
        client.delete_stage().arn(arn).send().await.unwrap();
    }
    kept
}

pub(crate) async fn tag(client: &Client, arn: &str) {
    let tag = client.tag_resource().resource_arn(arn).tags("a b", "c/d");
    tag.send().await.unwrap();
    let tags = client
        .list_tags_for_resource()
        .resource_arn(arn)
        .send()
        .await
        .unwrap();
    assert_eq!(tags.tags().get("a b").map(String::as_str), Some("c/d"));
    let untag = client.untag_resource().resource_arn(arn);
    untag.tag_keys("a b").tag_keys("team").send().await.unwrap();
    let tags = client
        .list_tags_for_resource()
        .resource_arn(arn)
        .send()
        .await
        .unwrap();
    assert!(tags.tags().is_empty());
}

/// Removes the last stage, after which it is no more.
pub(crate) async fn end(client: &Client, arn: &str) {
    client.delete_stage().arn(arn).send().await.unwrap();
    let error = client.get_stage().arn(arn).send().await.unwrap_err();
    let Some(GetStageError::ResourceNotFoundException(error)) = error.as_service_error() else {
        panic!("not found: {error:?}")
    };
    assert!(
        error
            .exception_message()
            .is_some_and(|message| !message.is_empty())
    );
    assert_eq!(error.access_control_allow_origin(), Some("*"));
    let listed = client.list_stages().send().await.unwrap();
    assert!(listed.stages().is_empty());
}
