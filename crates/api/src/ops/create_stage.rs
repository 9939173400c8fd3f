//! CreateStage: makes a stage, and tokens for its first participants.
//!
//! Names are not unique: the same request twice makes two stages.

use model::{RecordingConfiguration, Stage, StageArn, StageId};
use stage::Input;
use store::{SharedStore, StoreError};
use wire::error::CreateStageError;
use wire::input::CreateStageInput;
use wire::output::CreateStageOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller};
use crate::constraints::check_tags;
use crate::error::Failure;
use crate::ops::Op;
use crate::{recording, shape, token};

pub(crate) struct CreateStage;

impl Op for CreateStage {
    type Input = CreateStageInput;
    type Error = CreateStageError;
    const OPERATION: Operation = Operation::CreateStage;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        CreateStageInput::parse(parts)
    }

    fn subject(input: &Self::Input, caller: &Caller) -> Subject {
        Subject::kind(caller, "stage").made_with_tags(input.tags.clone().unwrap_or_default())
    }

    async fn run(call: &Call, mut input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let wishes = input.participant_token_configurations.take();
        let wishes = wishes.unwrap_or_default();
        wishes.iter().try_for_each(token::check)?;
        let stage = new(call, input)?;
        let tokens: Vec<_> = wishes
            .into_iter()
            .map(|wish| token::grant(call, &stage.arn, wish))
            .collect();
        open(call, stage.clone()).await?;
        let output = CreateStageOutput {
            stage: Some(shape::stage(stage, &call.app.settings.endpoints)),
            participant_tokens: (!tokens.is_empty()).then_some(tokens),
        };
        Ok(output.to_json())
    }
}

/// The stage that is asked for, with an id of its own.
pub(crate) fn new(
    call: &Call,
    input: CreateStageInput,
) -> Result<Stage, Failure<CreateStageError>> {
    let tags = input.tags.unwrap_or_default();
    check_tags(&tags)?;
    let recording = match input.auto_participant_recording_configuration {
        Some(wish) => recording::read(call, wish)?,
        None => RecordingConfiguration::default(),
    };
    Ok(Stage {
        arn: StageArn {
            region: call.caller.region.clone(),
            account: call.caller.key.account.clone(),
            id: StageId::from_random(call.app.random()),
        },
        name: input.name.unwrap_or_default(),
        tags,
        created: call.now.wall,
        active_session: None,
        recording,
    })
}

/// Opens the stage and stores it, so that its tokens work as soon as the caller has them.
///
/// The stages hear of it first: a row is in the lists as soon as it is written, and whoever finds it there may take tokens
/// for it or delete it. So a stage that is stored is always open, and a delete of it is always told after it was opened.
/// The other way round, an open stage without a row lets nobody in: a token is given out only for a row, or in the answer
/// to this call. It only takes room, and is closed again where it is certain that there is no row.
async fn open(call: &Call, stage: Stage) -> Result<(), Failure<CreateStageError>> {
    let line = call.app.stage_line()?;
    let store = call.app.settings.store.clone();
    let quota = call.app.settings.quotas.stages;
    let write = async move {
        let opened = Input::StageOpened {
            stage: stage.arn.clone(),
            banned: Vec::new(),
        };
        line.tell(opened).await?;
        let Err(error) = store.stage_insert(&stage, quota).await else {
            return Ok(());
        };
        if is_absent(&store, &stage.arn, &error).await {
            let stage = stage.arn;
            line.tell(Input::StageDeleted { stage }).await?;
        }
        Err(error.into())
    };
    call.app.carry_through(write).await
}

/// Whether it is certain, after an insert that failed, that the stage is not stored.
async fn is_absent(store: &SharedStore, arn: &StageArn, error: &StoreError) -> bool {
    match error {
        // The id is that of another stage, which lives on.
        StoreError::AlreadyExists => false,
        // Its commit may still come. The store writes in order, so a delete that is answered comes after it, and the
        // caller, who hears of a failure, pays with no place in its quota.
        StoreError::Unavailable(_) => matches!(
            store.stage_delete(arn).await,
            Ok(()) | Err(StoreError::NotFound)
        ),
        StoreError::QuotaExceeded { .. }
        | StoreError::NotFound
        | StoreError::ReferenceNotFound { .. }
        | StoreError::Active
        | StoreError::Referenced { .. }
        | StoreError::TooManyTags { .. }
        | StoreError::Corrupt { .. }
        | StoreError::InUse { .. }
        | StoreError::SchemaTooNew { .. } => true,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::tests::{ANA, ANA_ABROAD, BEN, World, golden, storage};

    #[tokio::test]
    async fn golden_create_stage() {
        let world = World::new().await;
        let body = json!({
            "name": "morning_show",
            "tags": { "team": "media" },
            "participantTokenConfigurations": [
                { "userId": "ana", "capabilities": ["PUBLISH"], "duration": 30 },
                { "attributes": { "role": "guest" } },
            ],
        });
        insta::assert_snapshot!(golden(&world, "POST", "/CreateStage", body).await);
    }

    #[tokio::test]
    async fn a_stage_without_wishes_has_every_default_and_no_tokens() {
        let world = World::new().await;
        let answer = world.call(ANA, "CreateStage", json!({})).await.json();
        let stage = &answer["stage"];
        assert_eq!(stage["name"], "");
        assert_eq!(stage["tags"], json!({}));
        assert!(stage.get("activeSessionId").is_none());
        assert_eq!(stage["endpoints"]["whip"], "https://media.example/whip");
        assert!(answer.get("participantTokens").is_none());
        let empty = json!({ "participantTokenConfigurations": [] });
        let answer = world.call(ANA, "CreateStage", empty).await.json();
        assert!(answer.get("participantTokens").is_none());
    }

    #[tokio::test]
    async fn the_stage_is_open_and_its_tokens_hold_when_the_answer_comes() {
        let world = World::new().await;
        let wishes: Vec<Value> = (0..12)
            .map(|at| json!({ "userId": format!("user-{at}") }))
            .collect();
        let body = json!({ "participantTokenConfigurations": wishes });
        let answer = world.call(ANA, "CreateStage", body).await.json();
        let arn = StageArn::parse(answer["stage"]["arn"].as_str().unwrap()).unwrap();
        let opened = world.told.lock().unwrap().pop();
        assert!(
            matches!(opened, Some(Input::StageOpened { stage, banned }) if stage == arn && banned.is_empty())
        );
        let tokens = answer["participantTokens"].as_array().unwrap();
        assert_eq!(tokens.len(), 12);
        for (at, token) in tokens.iter().enumerate() {
            let jwt = token["token"].as_str().unwrap();
            let grant = world
                .token_key
                .verify(jwt, world.now().wall, Duration::ZERO)
                .unwrap();
            assert_eq!(grant.stage, arn);
            assert_eq!(grant.user_id, format!("user-{at}"));
            assert_eq!(token["userId"], grant.user_id);
            assert_eq!(token["participantId"], grant.participant.as_str());
        }
    }

    #[tokio::test]
    async fn the_same_request_twice_makes_two_stages() {
        let world = World::new().await;
        assert_ne!(world.stage(ANA).await, world.stage(ANA).await);
    }

    #[tokio::test]
    async fn what_is_wrong_is_said_and_nothing_is_made() {
        let world = World::new().await;
        let absent = "arn:aws:ivs:us-west-2:111111111111:storage-configuration/abcd";
        let foreign = storage(&world, BEN).await;
        let abroad = storage(&world, ANA_ABROAD).await;
        for body in [
            json!({ "name": "no spaces" }),
            json!({ "participantTokenConfigurations": vec![json!({}); 13] }),
            json!({ "participantTokenConfigurations": [{ "duration": 0 }] }),
            json!({ "participantTokenConfigurations": [{ "attributes": { "k": "v".repeat(1_024) } }] }),
            json!({ "autoParticipantRecordingConfiguration": {} }),
            json!({ "autoParticipantRecordingConfiguration": { "storageConfigurationArn": absent } }),
            json!({ "autoParticipantRecordingConfiguration": { "storageConfigurationArn": foreign } }),
            json!({ "autoParticipantRecordingConfiguration": { "storageConfigurationArn": abroad } }),
        ] {
            let answer = world.call(ANA, "CreateStage", body.clone()).await;
            assert_eq!(answer.verdict(), (400, "ValidationException"), "{body}");
        }
        let off =
            json!({ "autoParticipantRecordingConfiguration": { "storageConfigurationArn": "" } });
        assert_eq!(world.call(ANA, "CreateStage", off).await.status, 200);
        assert_eq!(world.store.stage_all().await.unwrap().len(), 1);
        // A stage that is not stored is not left open: the one that named a storage configuration which only the store
        // knows to be absent.
        let told = world.told.lock().unwrap();
        let told: Vec<_> = told
            .iter()
            .map(|told| matches!(told, Input::StageDeleted { .. }))
            .collect();
        assert_eq!(told, [false, true, false]);
    }
}
