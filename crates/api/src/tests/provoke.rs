//! How each exception of the model is provoked from each operation.

use wire::error::ErrorShape;

use super::encoders::Encoder;
use super::scene::Scene;
use super::*;

/// What the operation answers where it has every reason for the exception; nothing if no reason can come about here.
pub(crate) async fn provoke(operation: Operation, shape: ErrorShape) -> Option<Answer> {
    match shape {
        ErrorShape::AccessDenied => Some(denied(operation).await),
        ErrorShape::Validation => invalid(operation).await,
        ErrorShape::ResourceNotFound => absent(operation).await,
        ErrorShape::ServiceQuotaExceeded => over_quota(operation).await,
        ErrorShape::Conflict => conflict(operation).await,
        ErrorShape::InternalServer => without_store(operation).await,
        ErrorShape::PendingVerification => None,
    }
}

/// Calls with a key that may do everything but this.
async fn denied(operation: Operation) -> Answer {
    const CARL: Who = Who {
        key: "AKIDCARL",
        secret: "carl's secret",
        region: "us-west-2",
    };
    let scene = Scene::with(|settings| {
        let action = format!("ivs:{}", operation.name());
        let key = AccessKey {
            account: settings.access_keys[ANA.key].account.clone(),
            secret: Secret::new(CARL.secret.to_owned()),
            policy: policy(&json!([
                { "Effect": "Allow", "Action": "*", "Resource": "*" },
                { "Effect": "Deny", "Action": action, "Resource": "*" },
            ])),
        };
        settings.access_keys.insert(CARL.key.to_owned(), key);
    })
    .await;
    let input = scene.input(operation).unwrap_or_else(|| json!({}));
    scene.send(CARL, operation, &input).await
}

/// Breaks a constraint of one member.
async fn invalid(operation: Operation) -> Option<Answer> {
    let scene = Scene::new().await;
    let mut input = scene.input(operation)?;
    // The first of these that the operation has.
    let (member, value) = [
        ("maxResults", json!(101)),
        ("name", json!("no spaces")),
        ("tokenId", json!("")),
        ("tags", json!({ "aws:reserved": "" })),
        ("tagKeys", json!([])),
        ("arn", json!("nothing")),
        ("stageArn", json!("nothing")),
        ("sourceStageArn", json!("nothing")),
        ("resourceArn", json!("nothing")),
    ]
    .into_iter()
    .find(|(member, _)| input.get(member).is_some())
    .unwrap();
    input[member] = value;
    Some(scene.send(ANA, operation, &input).await)
}

/// Names a resource that is not there.
async fn absent(operation: Operation) -> Option<Answer> {
    let scene = Scene::new().await;
    let mut input = scene.input(operation)?;
    if operation == Operation::CreateStorageConfiguration {
        input["s3"]["bucketName"] = json!("no-such-bucket");
        return Some(scene.send(ANA, operation, &input).await);
    }
    let member = ["arn", "stageArn", "resourceArn", "sourceStageArn"]
        .into_iter()
        .find(|member| input.get(member).is_some())?;
    let (kind, _) = input[member].as_str().unwrap().rsplit_once('/').unwrap();
    input[member] = json!(format!("{kind}/ZZZZZZZZZZZZ"));
    Some(scene.send(ANA, operation, &input).await)
}

/// Asks for one resource more than there may be.
async fn over_quota(operation: Operation) -> Option<Answer> {
    if operation == Operation::StartParticipantReplication {
        let scene = Scene::new().await;
        for _ in 1..5 {
            let to = scene.world.stage(ANA).await;
            scene.host.start(&scene.world, &to).await;
        }
        let input = scene.input(operation)?;
        return Some(scene.send(ANA, operation, &input).await);
    }
    let scene = Scene::with(|settings| {
        settings.quotas = crate::Quotas {
            // As many as the scene has.
            stages: 3,
            ingest_configurations: 1,
            encoder_configurations: 1,
            storage_configurations: 1,
        };
    })
    .await;
    let is_limited = matches!(
        operation,
        Operation::CreateStage
            | Operation::ImportPublicKey
            | Operation::CreateIngestConfiguration
            | Operation::CreateEncoderConfiguration
            | Operation::CreateStorageConfiguration
    );
    if !is_limited {
        return None;
    }
    for number in [2, 3] {
        scene.world.public_key(ANA, number).await;
    }
    let input = scene.input(operation)?;
    Some(scene.send(ANA, operation, &input).await)
}

/// Asks for what contradicts what is there.
async fn conflict(operation: Operation) -> Option<Answer> {
    let scene = Scene::new().await;
    let mut input = scene.input(operation)?;
    if operation == Operation::ImportPublicKey {
        input["publicKeyMaterial"] = json!(pem(0));
    } else if operation == Operation::StartParticipantReplication {
        input = scene.host.replication(&scene.copied_to);
    } else if operation == Operation::DeleteStorageConfiguration {
        let update = Operation::UpdateStage;
        let recorded = scene.input(update)?;
        assert_eq!(scene.send(ANA, update, &recorded).await.status, 200);
    } else if matches!(
        operation,
        Operation::UpdateIngestConfiguration | Operation::DeleteIngestConfiguration
    ) {
        if let Some(force) = input.get_mut("force") {
            *force = json!(false);
        }
        let encoder = Encoder::of(&scene.world, &scene.ingest_configuration).await;
        encoder.publish(&scene.world, 2).await;
    } else {
        return None;
    }
    Some(scene.send(ANA, operation, &input).await)
}

/// Asks while the store does not answer.
async fn without_store(operation: Operation) -> Option<Answer> {
    let scene = Scene::new().await;
    let input = scene.input(operation)?;
    scene.world.sqlite.close().await;
    Some(scene.send(ANA, operation, &input).await)
}
