//! Replication of participants, as far as it goes without media.

use aws_sdk_ivsrealtime::Client;
use aws_sdk_ivsrealtime::operation::start_participant_replication::StartParticipantReplicationError;
use aws_sdk_ivsrealtime::operation::stop_participant_replication::StopParticipantReplicationError;
use conformance::Server;
use conformance::presence::Presence;

use crate::assert_refused;

pub(crate) async fn refused(server: &Server, client: &Client, stage: &str) {
    let other = client.create_stage().name("other").send().await.unwrap();
    let other = other.stage().unwrap().arn();
    let created = client.create_participant_token().stage_arn(stage);
    let created = created.send().await.unwrap();
    let token = created.participant_token().unwrap();
    let host = token.participant_id().unwrap();
    let _presence = Presence::join(server, stage, token.token().unwrap()).unwrap();

    let start = client.start_participant_replication();
    let start = start.source_stage_arn(stage).destination_stage_arn(other);
    let start = start.reconnect_window_seconds(5).attributes("seat", "5");
    let silent = start.participant_id(host).send().await;
    let is_conflict = StartParticipantReplicationError::is_conflict_exception;
    assert_refused(silent, 409, is_conflict);
    let stop = client.stop_participant_replication();
    let stop = stop.source_stage_arn(stage).destination_stage_arn(other);
    let never = stop.participant_id(host).send().await;
    let is_absent = StopParticipantReplicationError::is_resource_not_found_exception;
    assert_refused(never, 404, is_absent);
    let list = client.list_participant_replicas();
    let list = list.source_stage_arn(stage).participant_id(host);
    let pages = list.into_paginator().send().try_collect().await.unwrap();
    assert!(pages.iter().all(|page| page.replicas().is_empty()));
    client.delete_stage().arn(other).send().await.unwrap();
}
