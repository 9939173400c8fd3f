//! Encoder and storage configurations.

use aws_sdk_ivsrealtime::Client;
use aws_sdk_ivsrealtime::operation::create_storage_configuration::CreateStorageConfigurationError;
use aws_sdk_ivsrealtime::operation::delete_storage_configuration::DeleteStorageConfigurationError;
use aws_sdk_ivsrealtime::operation::get_encoder_configuration::GetEncoderConfigurationError;
use aws_sdk_ivsrealtime::types::{
    AutoParticipantRecordingConfiguration, S3StorageConfiguration, Video,
};
use conformance::BUCKET;

use crate::assert_refused;

pub(crate) async fn encode(client: &Client) {
    let video = Video::builder()
        .width(640)
        .height(360)
        .framerate(25.0)
        .bitrate(600_000)
        .build();
    let mut arns = Vec::new();
    for _ in 0..3 {
        let create = client.create_encoder_configuration().video(video.clone());
        let created = create.send().await.unwrap();
        arns.push(created.encoder_configuration().unwrap().arn().to_owned());
    }
    let got = client
        .get_encoder_configuration()
        .arn(&arns[0])
        .send()
        .await
        .unwrap();
    assert_eq!(got.encoder_configuration().unwrap().video(), Some(&video));
    let pages = client
        .list_encoder_configurations()
        .into_paginator()
        .page_size(2)
        .send();
    let pages = pages.try_collect().await.unwrap();
    let listed = pages.iter().flat_map(|page| page.encoder_configurations());
    assert_eq!(listed.map(|each| each.arn()).collect::<Vec<_>>(), arns);
    for arn in &arns {
        client
            .delete_encoder_configuration()
            .arn(arn)
            .send()
            .await
            .unwrap();
    }
    let gone = client
        .get_encoder_configuration()
        .arn(&arns[0])
        .send()
        .await;
    assert_refused(
        gone,
        404,
        GetEncoderConfigurationError::is_resource_not_found_exception,
    );
}

pub(crate) async fn store(client: &Client, stage: &str) {
    let bucket = |name: &str| {
        S3StorageConfiguration::builder()
            .bucket_name(name)
            .build()
            .unwrap()
    };
    let mut arns = Vec::new();
    for _ in 0..3 {
        let create = client.create_storage_configuration().s3(bucket(BUCKET));
        let created = create.send().await.unwrap();
        arns.push(created.storage_configuration().unwrap().arn().to_owned());
    }
    let absent = client
        .create_storage_configuration()
        .s3(bucket("no-such-bucket"))
        .send()
        .await;
    assert_refused(
        absent,
        404,
        CreateStorageConfigurationError::is_resource_not_found_exception,
    );
    let got = client
        .get_storage_configuration()
        .arn(&arns[0])
        .send()
        .await
        .unwrap();
    assert_eq!(
        got.storage_configuration().unwrap().s3(),
        Some(&bucket(BUCKET))
    );
    let pages = client
        .list_storage_configurations()
        .into_paginator()
        .page_size(2)
        .send();
    let pages = pages.try_collect().await.unwrap();
    let listed = pages.iter().flat_map(|page| page.storage_configurations());
    assert_eq!(listed.map(|each| each.arn()).collect::<Vec<_>>(), arns);

    record(client, stage, &arns[0]).await;
    let used = client
        .delete_storage_configuration()
        .arn(&arns[0])
        .send()
        .await;
    assert_refused(
        used,
        409,
        DeleteStorageConfigurationError::is_conflict_exception,
    );
    record(client, stage, "").await;
    for arn in &arns {
        client
            .delete_storage_configuration()
            .arn(arn)
            .send()
            .await
            .unwrap();
    }
}

async fn record(client: &Client, stage: &str, storage: &str) {
    let recording =
        AutoParticipantRecordingConfiguration::builder().storage_configuration_arn(storage);
    let update = client.update_stage().arn(stage);
    let update = update.auto_participant_recording_configuration(recording.build().unwrap());
    let updated = update.send().await.unwrap();
    let recording = updated
        .stage()
        .unwrap()
        .auto_participant_recording_configuration();
    assert_eq!(recording.unwrap().storage_configuration_arn(), storage);
}
