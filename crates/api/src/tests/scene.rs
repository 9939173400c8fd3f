//! A world with a resource of each kind, and for each operation a request about them that is answered with 200.

use super::*;

/// The world and what is in it, all of it ANA's.
pub(crate) struct Scene {
    pub(crate) world: World,
    /// A stage with the session `SESSION`, in which `ana` publishes.
    pub(crate) stage: String,
    /// The first of the four public keys.
    pub(crate) public_key: String,
    /// It publishes to the stage.
    pub(crate) ingest_configuration: String,
    pub(crate) encoder_configuration: String,
    /// No stage records to it.
    pub(crate) storage_configuration: String,
    /// A participant that publishes on a stage of its own, and is replicated to `copied_to`.
    pub(crate) host: Host,
    pub(crate) copied_to: String,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A scene in a world whose settings the test changes.
    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let world = World::with(change).await;
        let stage = world.stage(ANA).await;
        let people = [("ana", "host", true, true)];
        world.session(&stage, SESSION, &people).await;
        let host = Host::publishing(&world, 1).await;
        let copied_to = world.stage(ANA).await;
        host.start(&world, &copied_to).await;
        let body = json!({ "stageArn": stage });
        let ingest_configuration = ingest(&world, body).await["arn"].clone();
        Self {
            stage,
            public_key: world.public_key(ANA, 0).await,
            ingest_configuration: ingest_configuration.as_str().unwrap().to_owned(),
            encoder_configuration: world.encoder_configuration(ANA).await,
            storage_configuration: storage(&world, ANA).await,
            host,
            copied_to,
            world,
        }
    }

    /// Sends a request with these members.
    pub(crate) async fn send(&self, who: Who, operation: Operation, input: &Value) -> Answer {
        let (target, body) = Self::request(operation, input);
        let request = self.world.signed(who, operation.method(), &target, body);
        self.world.send(request).await
    }

    /// The target and the body of a request with these members, wherever in it they belong.
    pub(crate) fn request(operation: Operation, input: &Value) -> (String, String) {
        let mut body = input.clone();
        let members = body.as_object_mut();
        let label = members
            .filter(|_| operation.path().contains('{'))
            .and_then(|members| members.remove("resourceArn"));
        let arn = label.as_ref().and_then(Value::as_str).unwrap_or_default();
        let mut target = operation.path().replace("{resourceArn}", &escape(arn));
        if operation == Operation::UntagResource {
            let keys = input["tagKeys"].as_array().into_iter().flatten();
            let keys: Vec<_> = keys
                .map(|key| format!("tagKeys={}", escape(key.as_str().unwrap())))
                .collect();
            target = format!("{target}?{}", keys.join("&"));
        }
        if operation.method() == "POST" {
            (target, body.to_string())
        } else {
            (target, String::new())
        }
    }

    /// The members of a request with every member that the model has, as far as they go together; nothing for operations
    /// that are not in this build.
    pub(crate) fn input(&self, operation: Operation) -> Option<Value> {
        let input = match operation {
            Operation::CreateStage
            | Operation::GetStage
            | Operation::ListStages
            | Operation::UpdateStage
            | Operation::DeleteStage => self.of_stages(operation),
            Operation::CreateParticipantToken
            | Operation::DisconnectParticipant
            | Operation::ListStageSessions
            | Operation::GetStageSession
            | Operation::ListParticipants
            | Operation::GetParticipant
            | Operation::ListParticipantEvents => self.of_participants(operation),
            Operation::ImportPublicKey
            | Operation::GetPublicKey
            | Operation::ListPublicKeys
            | Operation::DeletePublicKey
            | Operation::RevokeConnectionToken => self.of_keys(operation),
            Operation::CreateIngestConfiguration
            | Operation::GetIngestConfiguration
            | Operation::ListIngestConfigurations
            | Operation::UpdateIngestConfiguration
            | Operation::DeleteIngestConfiguration => self.of_ingest_configurations(operation),
            Operation::CreateEncoderConfiguration
            | Operation::GetEncoderConfiguration
            | Operation::ListEncoderConfigurations
            | Operation::DeleteEncoderConfiguration
            | Operation::CreateStorageConfiguration
            | Operation::GetStorageConfiguration
            | Operation::ListStorageConfigurations
            | Operation::DeleteStorageConfiguration => self.of_configurations(operation),
            Operation::TagResource => json!({ "resourceArn": self.stage, "tags": tags() }),
            Operation::UntagResource => json!({ "resourceArn": self.stage, "tagKeys": ["team"] }),
            Operation::ListTagsForResource => json!({ "resourceArn": self.stage }),
            Operation::StartParticipantReplication
            | Operation::StopParticipantReplication
            | Operation::ListParticipantReplicas => self.of_replications(operation),
            Operation::StartComposition
            | Operation::GetComposition
            | Operation::ListCompositions
            | Operation::StopComposition => return None,
        };
        Some(input)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`input` names them all")]
    fn of_stages(&self, operation: Operation) -> Value {
        let recording = json!({
            "storageConfigurationArn": self.storage_configuration,
            "mediaTypes": ["AUDIO_VIDEO"],
            "thumbnailConfiguration": {
                "targetIntervalSeconds": 10,
                "storage": ["SEQUENTIAL"],
                "recordingMode": "INTERVAL",
            },
            "recordingReconnectWindowSeconds": 10,
            "hlsConfiguration": { "targetSegmentDurationSeconds": 6 },
            "recordParticipantReplicas": true,
        });
        let wish = json!({
            "duration": 5,
            "userId": "ana",
            "attributes": { "role": "host" },
            "capabilities": ["PUBLISH"],
        });
        match operation {
            Operation::CreateStage => json!({
                "name": "show",
                "participantTokenConfigurations": [wish],
                "autoParticipantRecordingConfiguration": recording,
                "tags": tags(),
            }),
            Operation::ListStages => page(),
            Operation::UpdateStage => json!({
                "arn": self.stage,
                "name": "show",
                "autoParticipantRecordingConfiguration": recording,
            }),
            _ => json!({ "arn": self.stage }),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`input` names them all")]
    fn of_participants(&self, operation: Operation) -> Value {
        let mut input = match operation {
            Operation::CreateParticipantToken => json!({
                "duration": 5,
                "userId": "ben",
                "attributes": { "role": "guest" },
                "capabilities": ["SUBSCRIBE"],
            }),
            Operation::DisconnectParticipant => {
                json!({ "participantId": "ana", "reason": "enough" })
            }
            Operation::ListStageSessions => page(),
            Operation::GetStageSession => json!({ "sessionId": SESSION }),
            Operation::ListParticipants => {
                let mut page = page();
                page["sessionId"] = json!(SESSION);
                page["filterByState"] = json!("CONNECTED");
                page
            }
            Operation::GetParticipant => json!({ "sessionId": SESSION, "participantId": "ana" }),
            _ => {
                let mut page = page();
                page["sessionId"] = json!(SESSION);
                page["participantId"] = json!("ana");
                page
            }
        };
        input["stageArn"] = json!(self.stage);
        input
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`input` names them all")]
    fn of_replications(&self, operation: Operation) -> Value {
        match operation {
            Operation::StartParticipantReplication => {
                let mut input = self.host.replication(&self.stage);
                input["reconnectWindowSeconds"] = json!(10);
                input["attributes"] = json!({ "role": "guest" });
                input
            }
            Operation::ListParticipantReplicas => {
                let mut page = page();
                page["sourceStageArn"] = json!(self.host.stage);
                page["participantId"] = json!(self.host.id);
                page
            }
            _ => self.host.replication(&self.copied_to),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`input` names them all")]
    fn of_keys(&self, operation: Operation) -> Value {
        match operation {
            Operation::ImportPublicKey => json!({
                "publicKeyMaterial": pem(1),
                "name": "laptop",
                "tags": tags(),
            }),
            Operation::ListPublicKeys => page(),
            Operation::RevokeConnectionToken => json!({ "tokenId": "token-1" }),
            _ => json!({ "arn": self.public_key }),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`input` names them all")]
    fn of_ingest_configurations(&self, operation: Operation) -> Value {
        match operation {
            Operation::CreateIngestConfiguration => json!({
                "name": "camera",
                "stageArn": self.stage,
                "userId": "camera",
                "attributes": { "role": "camera" },
                "ingestProtocol": "RTMPS",
                "insecureIngest": true,
                "redundantIngest": true,
                "tags": tags(),
            }),
            Operation::ListIngestConfigurations => {
                let mut page = page();
                page["filterByStageArn"] = json!(self.stage);
                page
            }
            Operation::UpdateIngestConfiguration => json!({
                "arn": self.ingest_configuration,
                "stageArn": self.stage,
                "redundantIngest": true,
            }),
            Operation::DeleteIngestConfiguration => {
                json!({ "arn": self.ingest_configuration, "force": true })
            }
            _ => json!({ "arn": self.ingest_configuration }),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`input` names them all")]
    fn of_configurations(&self, operation: Operation) -> Value {
        match operation {
            Operation::CreateEncoderConfiguration => json!({
                "name": "wide",
                "video": { "width": 1280, "height": 720, "framerate": 30, "bitrate": 2_500_000 },
                "tags": tags(),
            }),
            Operation::CreateStorageConfiguration => json!({
                "name": "archive",
                "s3": { "bucketName": "recordings" },
                "tags": tags(),
            }),
            Operation::ListEncoderConfigurations | Operation::ListStorageConfigurations => page(),
            Operation::GetEncoderConfiguration | Operation::DeleteEncoderConfiguration => {
                json!({ "arn": self.encoder_configuration })
            }
            _ => json!({ "arn": self.storage_configuration }),
        }
    }
}

fn tags() -> Value {
    json!({ "team": "media" })
}

fn page() -> Value {
    json!({ "maxResults": 10, "nextToken": "" })
}
