//! Ingest configurations.

use aws_sdk_ivsrealtime::Client;
use aws_sdk_ivsrealtime::operation::create_ingest_configuration::CreateIngestConfigurationError;
use aws_sdk_ivsrealtime::operation::get_ingest_configuration::GetIngestConfigurationError;
use aws_sdk_ivsrealtime::types::IngestProtocol;

use crate::assert_refused;

pub(crate) async fn live(client: &Client, stage: &str) {
    let create = client.create_ingest_configuration();
    let attached = create
        .clone()
        .ingest_protocol(IngestProtocol::Rtmps)
        .stage_arn(stage);
    let plain = create.ingest_protocol(IngestProtocol::Rtmp);
    let mut arns = Vec::new();
    for create in [
        attached.clone(),
        attached,
        plain.clone().insecure_ingest(true),
    ] {
        let created = create.send().await.unwrap();
        arns.push(created.ingest_configuration().unwrap().arn().to_owned());
    }
    let refused = plain.send().await;
    assert_refused(
        refused,
        400,
        CreateIngestConfigurationError::is_validation_exception,
    );

    let got = client
        .get_ingest_configuration()
        .arn(&arns[0])
        .send()
        .await
        .unwrap();
    assert!(
        got.ingest_configuration()
            .unwrap()
            .stream_key()
            .starts_with("rt_000000000000_us-west-2_")
    );
    let list = client.list_ingest_configurations().into_paginator();
    let configurations = list
        .page_size(2)
        .items()
        .send()
        .try_collect()
        .await
        .unwrap();
    let listed = configurations.iter().map(|each| each.arn());
    assert_eq!(listed.collect::<Vec<_>>(), arns);
    let of_stage = client
        .list_ingest_configurations()
        .filter_by_stage_arn(stage)
        .send()
        .await
        .unwrap();
    assert_eq!(of_stage.ingest_configurations().len(), 2);

    let detach = client
        .update_ingest_configuration()
        .arn(&arns[0])
        .stage_arn("");
    let updated = detach.send().await.unwrap();
    assert_eq!(updated.ingest_configuration().unwrap().stage_arn(), "");
    assert_eq!(updated.x_frame_options(), Some("DENY"));
    for arn in &arns {
        client
            .delete_ingest_configuration()
            .arn(arn)
            .force(true)
            .send()
            .await
            .unwrap();
    }
    let gone = client.get_ingest_configuration().arn(&arns[0]).send().await;
    assert_refused(
        gone,
        404,
        GetIngestConfigurationError::is_resource_not_found_exception,
    );
}
