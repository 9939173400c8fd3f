//! UpdateStage: changes a stage's name and recording configuration; members that are absent stay as they are.
//!
//! A recording configuration replaces the one before as a whole. The model's ConflictException is for a stage that is being
//! recorded, which none is in this build.

use store::StageChange;
use wire::error::UpdateStageError;
use wire::input::UpdateStageInput;
use wire::output::UpdateStageOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller, is_there};
use crate::error::{Absent, Failure};
use crate::ops::Op;
use crate::{recording, shape};

pub(crate) struct UpdateStage;

impl Op for UpdateStage {
    type Input = UpdateStageInput;
    type Error = UpdateStageError;
    const OPERATION: Operation = Operation::UpdateStage;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        UpdateStageInput::parse(parts)
    }

    fn subject(input: &Self::Input, _caller: &Caller) -> Subject {
        Subject::arn(&input.arn)
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let settings = &call.app.settings;
        let arn = call.own_stage_arn(&input.arn)?;
        let change = StageChange {
            name: input.name,
            recording: input
                .auto_participant_recording_configuration
                .map(|wish| recording::read(call, wish))
                .transpose()?,
        };
        let written = settings.store.stage_update(&arn, &change).await;
        let stage = is_there(written, Absent::Stage)?;
        let output = UpdateStageOutput {
            stage: Some(shape::stage(stage, &settings.endpoints)),
        };
        Ok(output.to_json())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::tests::{ANA, ANA_ABROAD, BEN, World, golden, storage};

    #[tokio::test]
    async fn golden_update_stage() {
        let world = World::new().await;
        let arn = world.stage(ANA).await;
        let body = json!({ "arn": arn, "name": "evening" });
        insta::assert_snapshot!(golden(&world, "POST", "/UpdateStage", body).await);
    }

    #[tokio::test]
    async fn only_what_is_given_changes() {
        let world = World::new().await;
        let made = json!({ "name": "one", "tags": { "k": "v" } });
        let before = world.call(ANA, "CreateStage", made).await.json();
        let arn = &before["stage"]["arn"];
        let same = world
            .call(ANA, "UpdateStage", json!({ "arn": arn }))
            .await
            .json();
        assert_eq!(same["stage"], before["stage"]);
        let after = world
            .call(ANA, "UpdateStage", json!({ "arn": arn, "name": "" }))
            .await
            .json();
        assert_eq!(after["stage"]["name"], "");
        assert_eq!(after["stage"]["tags"], before["stage"]["tags"]);
        assert_eq!(after["stage"]["arn"], before["stage"]["arn"]);
        let read = world
            .call(ANA, "GetStage", json!({ "arn": arn }))
            .await
            .json();
        assert_eq!(read, after);
    }

    /// The recording configuration of a stage after one change and after the next.
    async fn recording(world: &World, arn: &str, recording: Value) -> Value {
        let body = json!({ "arn": arn, "autoParticipantRecordingConfiguration": recording });
        let answer = world.call(ANA, "UpdateStage", body).await;
        assert_eq!(answer.status, 200, "{recording} {answer:?}");
        let read = world.call(ANA, "GetStage", json!({ "arn": arn })).await;
        assert_eq!(read.json(), answer.json());
        answer.json()["stage"]["autoParticipantRecordingConfiguration"].clone()
    }

    /// What is shown where only a storage configuration is given.
    fn defaults(storage: &str) -> Value {
        json!({
            "storageConfigurationArn": storage,
            "mediaTypes": ["AUDIO_VIDEO"],
            "thumbnailConfiguration": {
                "targetIntervalSeconds": 60,
                "storage": ["SEQUENTIAL"],
                "recordingMode": "DISABLED",
            },
            "recordingReconnectWindowSeconds": 0,
            "hlsConfiguration": { "targetSegmentDurationSeconds": 6 },
            "recordParticipantReplicas": true,
        })
    }

    #[tokio::test]
    async fn a_recording_configuration_replaces_the_one_before_as_a_whole() {
        let world = World::new().await;
        let arn = world.stage(ANA).await;
        let storage = storage(&world, ANA).await;
        let all = json!({
            "storageConfigurationArn": storage,
            "mediaTypes": ["AUDIO_ONLY"],
            "thumbnailConfiguration": {
                "targetIntervalSeconds": 86_400,
                "storage": ["LATEST", "SEQUENTIAL"],
                "recordingMode": "INTERVAL",
            },
            "recordingReconnectWindowSeconds": 300,
            "hlsConfiguration": { "targetSegmentDurationSeconds": 10 },
            "recordParticipantReplicas": false,
        });
        let named = json!({ "storageConfigurationArn": storage });
        let empty = json!({
            "storageConfigurationArn": storage,
            "mediaTypes": [],
            "thumbnailConfiguration": { "storage": [] },
            "hlsConfiguration": {},
            "recordingReconnectWindowSeconds": null,
        });
        let mut off = all.clone();
        off["storageConfigurationArn"] = json!("");
        for (wish, shown) in [
            (named.clone(), defaults(&storage)),
            (all.clone(), all.clone()),
            (named, defaults(&storage)),
            (all.clone(), all.clone()),
            (empty, defaults(&storage)),
            (all.clone(), all.clone()),
            (off, defaults("")),
            (json!({ "storageConfigurationArn": "" }), defaults("")),
        ] {
            assert_eq!(recording(&world, &arn, wish.clone()).await, shown, "{wish}");
        }
        // Absent is unchanged.
        recording(&world, &arn, all.clone()).await;
        let body = json!({ "arn": arn, "name": "n" });
        let answer = world.call(ANA, "UpdateStage", body).await.json();
        assert_eq!(
            answer["stage"]["autoParticipantRecordingConfiguration"],
            all
        );
        // The same in CreateStage.
        let body = json!({ "autoParticipantRecordingConfiguration": all });
        let made = world.call(ANA, "CreateStage", body).await.json();
        assert_eq!(made["stage"]["autoParticipantRecordingConfiguration"], all);
    }

    #[tokio::test]
    async fn what_has_no_meaning_is_shown_as_its_default_and_words_once() {
        let world = World::new().await;
        let arn = world.stage(ANA).await;
        let storage = storage(&world, ANA).await;
        for (wish, shown) in [
            (
                json!({ "targetIntervalSeconds": 5, "recordingMode": "INTERVAL" }),
                (5, json!(["SEQUENTIAL"]), "INTERVAL"),
            ),
            (
                json!({ "targetIntervalSeconds": 5, "recordingMode": "DISABLED" }),
                (60, json!(["SEQUENTIAL"]), "DISABLED"),
            ),
            (
                json!({ "targetIntervalSeconds": 5 }),
                (60, json!(["SEQUENTIAL"]), "DISABLED"),
            ),
            (
                json!({ "storage": ["LATEST", "LATEST"], "recordingMode": "INTERVAL" }),
                (60, json!(["LATEST"]), "INTERVAL"),
            ),
        ] {
            let body =
                json!({ "storageConfigurationArn": storage, "thumbnailConfiguration": wish });
            let (interval, storage, mode) = shown;
            let shown = recording(&world, &arn, body).await;
            let expected = json!({
                "targetIntervalSeconds": interval,
                "storage": storage,
                "recordingMode": mode,
            });
            assert_eq!(shown["thumbnailConfiguration"], expected, "{wish}");
        }
        let body = json!({ "storageConfigurationArn": storage, "mediaTypes": ["NONE"] });
        let shown = recording(&world, &arn, body).await;
        assert_eq!(shown["mediaTypes"], json!(["NONE"]));
    }

    #[tokio::test]
    async fn recordings_go_nowhere_that_is_not_there_and_nothing_else_changes_then() {
        let world = World::new().await;
        let arn = world.stage(ANA).await;
        let mine = storage(&world, ANA).await;
        let gone = storage(&world, ANA).await;
        world
            .call(ANA, "DeleteStorageConfiguration", json!({ "arn": gone }))
            .await;
        let absent = (404, "ResourceNotFoundException");
        let invalid = (400, "ValidationException");
        for (recording, verdict) in [
            (json!({ "storageConfigurationArn": gone }), absent),
            (
                json!({ "storageConfigurationArn": storage(&world, BEN).await }),
                absent,
            ),
            (
                json!({ "storageConfigurationArn": storage(&world, ANA_ABROAD).await }),
                absent,
            ),
            (json!({ "storageConfigurationArn": "elsewhere" }), invalid),
            (json!({ "mediaTypes": ["AUDIO_ONLY"] }), invalid),
            (
                json!({ "storageConfigurationArn": mine, "mediaTypes": ["VIDEO"] }),
                invalid,
            ),
            (
                json!({ "storageConfigurationArn": mine, "mediaTypes": ["NONE", "NONE"] }),
                invalid,
            ),
            (
                json!({ "storageConfigurationArn": mine, "recordingReconnectWindowSeconds": 301 }),
                invalid,
            ),
        ] {
            let body = json!({
                "arn": arn,
                "name": "changed",
                "autoParticipantRecordingConfiguration": recording,
            });
            let answer = world.call(ANA, "UpdateStage", body).await;
            assert_eq!(answer.verdict(), verdict, "{recording}");
            if verdict == absent {
                let message = "the storage configuration does not exist";
                assert_eq!(answer.json()["exceptionMessage"], message);
            }
        }
        let read = world.call(ANA, "GetStage", json!({ "arn": arn })).await;
        let stage = &read.json()["stage"];
        assert_eq!(stage["name"], "");
        assert_eq!(stage["autoParticipantRecordingConfiguration"], defaults(""));
    }
}
