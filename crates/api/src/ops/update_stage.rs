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
    use serde_json::json;

    use crate::tests::{ANA, World, golden};

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

    #[tokio::test]
    async fn recording_can_be_turned_off_and_not_sent_to_a_storage_that_is_not_there() {
        let world = World::new().await;
        let arn = world.stage(ANA).await;
        let storage = "arn:aws:ivs:us-west-2:111111111111:storage-configuration/abcd";
        for (recording, status) in [
            (json!({ "storageConfigurationArn": "" }), 200),
            (
                json!({ "storageConfigurationArn": "", "mediaTypes": ["AUDIO_ONLY"] }),
                200,
            ),
            (json!({ "storageConfigurationArn": storage }), 404),
            (json!({ "storageConfigurationArn": "elsewhere" }), 400),
            (json!({ "mediaTypes": ["AUDIO_ONLY"] }), 400),
        ] {
            let body = json!({ "arn": arn, "name": "x", "autoParticipantRecordingConfiguration": recording });
            let answer = world.call(ANA, "UpdateStage", body).await;
            assert_eq!(answer.status, status, "{recording}");
            if status == 200 {
                let shown = &answer.json()["stage"]["autoParticipantRecordingConfiguration"];
                assert_eq!(shown["mediaTypes"], json!(["AUDIO_VIDEO"]));
            }
        }
    }
}
