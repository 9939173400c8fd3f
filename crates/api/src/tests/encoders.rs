//! Ingest configurations while encoders publish with their keys.

use model::{
    ConnectionId, ErrorCode, IngestConfiguration, IngestConfigurationArn, IngestGrant, IngestPart,
};
use stage::{CloseCause, Refusal};

use super::*;

/// What knows the key of a configuration, as a door has looked it up.
pub(crate) struct Encoder {
    configuration: IngestConfiguration,
}

impl Encoder {
    pub(crate) async fn of(world: &World, arn: &str) -> Self {
        let arn = IngestConfigurationArn::parse(arn).unwrap();
        let found = world.store.ingest_configuration_get(&arn).await.unwrap();
        Self {
            configuration: found.unwrap(),
        }
    }

    /// A stream of its own.
    pub(crate) async fn publish(&self, world: &World, connection: u64) -> Reply {
        let participant = self.configuration.participant.clone();
        let (part, fault) = (IngestPart::Whole, None);
        self.ask(world, connection, participant, part, fault).await
    }

    /// The first of what streams there are.
    async fn publish_first(&self, world: &World, connection: u64) -> Reply {
        let Some(first) = self.configuration.credentials.first() else {
            return self.publish(world, connection).await;
        };
        let participant = first.participant.clone();
        let (part, fault) = (IngestPart::Leg, None);
        self.ask(world, connection, participant, part, fault).await
    }

    async fn ask(
        &self,
        world: &World,
        connection: u64,
        participant: ParticipantId,
        part: IngestPart,
        fault: Option<ErrorCode>,
    ) -> Reply {
        let one = &self.configuration;
        let grant = IngestGrant {
            stage: one.stage.clone().unwrap(),
            configuration: one.arn.clone(),
            participant,
            user_id: one.user_id.clone(),
            attributes: one.attributes.clone(),
            protocol: Protocol::Rtmps,
            part,
        };
        let input = Input::Ingest {
            connection: ConnectionId(connection),
            grant: Box::new(grant),
            fault,
        };
        tell(world, input).await
    }
}

async fn tell(world: &World, input: Input) -> Reply {
    let (reply, answer) = oneshot::channel();
    world.stages.send((input, reply)).await.unwrap();
    answer.await.unwrap()
}

async fn up(world: &World, connection: u64) {
    let connection = ConnectionId(connection);
    tell(world, Input::Connected { connection }).await;
}

async fn closed(world: &World, connection: u64, cause: CloseCause) {
    let connection = ConnectionId(connection);
    tell(world, Input::Closed { connection, cause }).await;
}

fn is_admitted(reply: &Reply) -> bool {
    matches!(reply, Reply::Admitted { .. })
}

/// State and stage of a configuration, by Get.
async fn state(world: &World, made: &Value) -> [Value; 2] {
    let body = json!({ "arn": made["arn"] });
    let read = world.call(ANA, "GetIngestConfiguration", body).await.json();
    let read = &read["ingestConfiguration"];
    [read["state"].clone(), read["stageArn"].clone()]
}

/// The participants of the active session, as they are listed and as they are got.
async fn participants(world: &World, stage: &str) -> Vec<[Value; 2]> {
    let body = json!({ "arn": stage });
    let got = world.call(ANA, "GetStage", body).await.json();
    let session = &got["stage"]["activeSessionId"];
    let body = json!({ "stageArn": stage, "sessionId": session });
    let listed = world.call(ANA, "ListParticipants", body).await.json();
    let mut all = Vec::new();
    for listed in listed["participants"].as_array().unwrap() {
        let body = json!({
            "stageArn": stage,
            "sessionId": session,
            "participantId": listed["participantId"],
        });
        let got = world.call(ANA, "GetParticipant", body).await.json();
        all.push([listed.clone(), got["participant"].clone()]);
    }
    all
}

/// The events of a participant in the active session, with their error codes.
async fn events(world: &World, stage: &str, participant: &Value) -> Vec<String> {
    let body = json!({ "arn": stage });
    let got = world.call(ANA, "GetStage", body).await.json();
    let body = json!({
        "stageArn": stage,
        "sessionId": got["stage"]["activeSessionId"],
        "participantId": participant,
    });
    let listed = world.call(ANA, "ListParticipantEvents", body).await.json();
    let events = listed["events"].as_array().unwrap().iter();
    events
        .map(|event| {
            let name = event["name"].as_str().unwrap().to_owned();
            match event["errorCode"].as_str() {
                Some(code) => format!("{name} {code}"),
                None => name,
            }
        })
        .collect()
}

#[tokio::test]
async fn a_configuration_is_active_while_an_encoder_publishes_with_its_key() {
    let world = World::new().await;
    let stage = world.stage(ANA).await;
    let body = json!({ "stageArn": stage, "userId": "cam", "attributes": { "k": "v" } });
    let made = ingest(&world, body).await;
    let arn = made["arn"].as_str().unwrap();
    let idle = ingest(&world, json!({ "stageArn": stage })).await;
    let listed = async |state: &str| {
        let body = json!({ "filterByState": state });
        let list = world.call(ANA, "ListIngestConfigurations", body).await;
        let list = list.json()["ingestConfigurations"].clone();
        let arns = list.as_array().unwrap().iter().map(|one| {
            assert_eq!(one["state"], state);
            one["arn"].clone()
        });
        arns.collect::<Vec<_>>()
    };
    let mut inactive = [made["arn"].clone(), idle["arn"].clone()].to_vec();
    inactive.sort_by_key(ToString::to_string);
    let sorted = async || {
        let mut arns = listed("INACTIVE").await;
        arns.sort_by_key(ToString::to_string);
        arns
    };
    assert_eq!(
        (listed("ACTIVE").await, sorted().await),
        (vec![], inactive.clone())
    );

    let encoder = Encoder::of(&world, arn).await;
    assert!(is_admitted(&encoder.publish(&world, 1).await));
    up(&world, 1).await;
    assert_eq!(state(&world, &made).await, [json!("ACTIVE"), json!(stage)]);
    assert_eq!(listed("ACTIVE").await, [made["arn"].clone()]);
    assert_eq!(listed("INACTIVE").await, [idle["arn"].clone()]);

    let [[summary, got]] = participants(&world, &stage).await.try_into().unwrap();
    for shown in [&summary, &got] {
        assert_eq!(shown["participantId"], made["participantId"]);
        assert_eq!(shown["ingestConfigurationArn"], made["arn"]);
        assert_eq!(shown["redundantIngest"], false);
        assert_eq!(shown["userId"], "cam");
        assert_eq!(shown["published"], true);
    }
    assert_eq!(got["protocol"], "RTMPS");
    assert_eq!(got["attributes"], json!({ "k": "v" }));

    closed(&world, 1, CloseCause::Client).await;
    assert_eq!(
        state(&world, &made).await,
        [json!("INACTIVE"), json!(stage)]
    );
    assert_eq!((listed("ACTIVE").await, sorted().await), (vec![], inactive));
    let expected = ["JOINED", "PUBLISH_STARTED", "PUBLISH_STOPPED", "LEFT"];
    assert_eq!(
        events(&world, &stage, &made["participantId"]).await,
        expected
    );
    // A participant of a token has none of it.
    let whip = events_of_nobody(&world).await;
    for shown in whip {
        assert!(shown.get("ingestConfigurationArn").is_none());
        assert!(shown.get("redundantIngest").is_none());
    }
}

/// A participant that no encoder is, listed and got.
async fn events_of_nobody(world: &World) -> Vec<Value> {
    let stage = world.stage(ANA).await;
    let people = [("ana", "u", true, true)];
    world.session(&stage, SESSION, &people).await;
    participants(world, &stage).await.concat()
}

#[tokio::test]
async fn t16_a_configuration_that_is_active_is_neither_changed_nor_deleted_but_by_force() {
    let world = World::new().await;
    let stage = world.stage(ANA).await;
    let other = world.stage(ANA).await;
    let made = ingest(&world, json!({ "stageArn": stage })).await;
    let arn = &made["arn"];
    let encoder = Encoder::of(&world, arn.as_str().unwrap()).await;
    assert!(is_admitted(&encoder.publish(&world, 1).await));
    for (operation, body) in [
        ("UpdateIngestConfiguration", json!({ "arn": arn })),
        (
            "UpdateIngestConfiguration",
            json!({ "arn": arn, "stageArn": other }),
        ),
        (
            "UpdateIngestConfiguration",
            json!({ "arn": arn, "stageArn": "" }),
        ),
        (
            "UpdateIngestConfiguration",
            json!({ "arn": arn, "redundantIngest": true }),
        ),
        ("DeleteIngestConfiguration", json!({ "arn": arn })),
        (
            "DeleteIngestConfiguration",
            json!({ "arn": arn, "force": false }),
        ),
    ] {
        let answer = world.call(ANA, operation, body.clone()).await;
        assert_eq!(answer.verdict(), (409, "ConflictException"), "{body}");
    }
    // It goes on.
    up(&world, 1).await;
    let read = world
        .call(ANA, "GetIngestConfiguration", json!({ "arn": arn }))
        .await
        .json();
    let mut expected = made.clone();
    expected["state"] = json!("ACTIVE");
    assert_eq!(read["ingestConfiguration"], expected);

    let body = json!({ "arn": arn, "force": true });
    let deleted = world.call(ANA, "DeleteIngestConfiguration", body.clone());
    assert_eq!(deleted.await.status, 200);
    let expected = ["JOINED", "PUBLISH_STARTED", "PUBLISH_STOPPED", "LEFT"];
    assert_eq!(
        events(&world, &stage, &made["participantId"]).await,
        expected
    );
    let again = encoder.publish(&world, 2).await;
    assert_eq!(again, Reply::Refused(Refusal::IngestDetached));
    let again = world.call(ANA, "DeleteIngestConfiguration", body).await;
    assert_eq!(again.verdict(), (404, "ResourceNotFoundException"));
}

#[tokio::test]
async fn t30_a_participant_that_publishes_with_a_key_is_disconnected_detached_and_not_banned() {
    let world = World::new().await;
    let stage = world.stage(ANA).await;
    let made = ingest(&world, json!({ "stageArn": stage })).await;
    let participant = &made["participantId"];
    let encoder = Encoder::of(&world, made["arn"].as_str().unwrap()).await;
    assert!(is_admitted(&encoder.publish(&world, 1).await));
    up(&world, 1).await;
    let disconnect = || {
        let body = json!({ "stageArn": stage, "participantId": participant });
        world.call(ANA, "DisconnectParticipant", body)
    };
    assert_eq!(disconnect().await.status, 200);
    assert_eq!(state(&world, &made).await, [json!("INACTIVE"), json!("")]);
    let left = ["JOINED", "PUBLISH_STARTED", "PUBLISH_STOPPED", "LEFT"];
    assert_eq!(events(&world, &stage, participant).await, left);
    // A door that does not know yet.
    let again = encoder.publish(&world, 2).await;
    assert_eq!(again, Reply::Refused(Refusal::IngestDetached));
    // It has been here, so it is somebody; there is nothing to do.
    assert_eq!(disconnect().await.status, 200);
    let (_, banned) = world.store.stage_all().await.unwrap().pop().unwrap();
    assert_eq!(banned, []);

    let body = json!({ "arn": made["arn"], "stageArn": stage });
    let attached = world.call(ANA, "UpdateIngestConfiguration", body).await;
    assert_eq!(attached.status, 200);
    assert!(is_admitted(&encoder.publish(&world, 3).await));
    assert_eq!(state(&world, &made).await, [json!("ACTIVE"), json!(stage)]);
}

#[tokio::test]
async fn t16_a_publish_that_begins_while_its_configuration_moves_does_not_stay_where_it_was() {
    let world = World::new().await;
    let stages = [world.stage(ANA).await, world.stage(ANA).await];
    let made = ingest(&world, json!({ "stageArn": stages[0] })).await;
    let arn = made["arn"].as_str().unwrap();
    for turn in 0..20 {
        let (here, there) = (&stages[turn % 2], &stages[(turn + 1) % 2]);
        let encoder = Encoder::of(&world, arn).await;
        let first = u64::try_from(turn).unwrap() * 10 + 10;
        let publishes = async {
            for later in 0..5 {
                encoder.publish(&world, first + later).await;
                // A moment later its client hangs up, or it would keep the configuration from moving.
                if turn % 3 == 0 {
                    closed(&world, first + later, CloseCause::Client).await;
                }
            }
        };
        let body = json!({ "arn": arn, "stageArn": there });
        let update = world.call(ANA, "UpdateIngestConfiguration", body.clone());
        let ((), updated) = tokio::join!(publishes, update);
        for later in 0..5 {
            let moved = updated.status == 200;
            if moved {
                let again = encoder.publish(&world, first + 5 + later).await;
                assert_eq!(again, Reply::Refused(Refusal::IngestDetached));
            } else {
                assert_eq!(updated.verdict(), (409, "ConflictException"));
                closed(&world, first + later, CloseCause::Client).await;
            }
        }
        assert_eq!(state(&world, &made).await[0], "INACTIVE", "{here}");
        if updated.status != 200 {
            let moved = world.call(ANA, "UpdateIngestConfiguration", body).await;
            assert_eq!(moved.status, 200);
        }
    }
}

#[tokio::test]
async fn t16_an_encoder_that_was_looked_up_before_its_configuration_became_two_streams_or_one_is_refused()
 {
    let world = World::new().await;
    let stage = world.stage(ANA).await;
    let made = ingest(&world, json!({ "stageArn": stage })).await;
    let arn = made["arn"].as_str().unwrap();
    for (turn, redundant) in [true, false, true].into_iter().enumerate() {
        let early = Encoder::of(&world, arn).await;
        let body = json!({ "arn": arn, "redundantIngest": redundant });
        let updated = world.call(ANA, "UpdateIngestConfiguration", body).await;
        assert_eq!(updated.status, 200);
        let connection = u64::try_from(turn).unwrap() * 10;
        let reply = early.publish_first(&world, connection + 1).await;
        assert_eq!(reply, Reply::Refused(Refusal::IngestDetached));
        let late = Encoder::of(&world, arn).await;
        assert!(is_admitted(
            &late.publish_first(&world, connection + 2).await
        ));
        closed(&world, connection + 2, CloseCause::Client).await;
    }
}

#[tokio::test]
async fn t53_an_encoder_that_was_looked_up_before_its_two_streams_were_given_up_is_none_of_the_next_two()
 {
    let world = World::new().await;
    let stage = world.stage(ANA).await;
    let made = ingest(
        &world,
        json!({ "stageArn": stage, "redundantIngest": true }),
    )
    .await;
    let arn = made["arn"].as_str().unwrap();
    let early = Encoder::of(&world, arn).await;
    for redundant in [false, true] {
        let body = json!({ "arn": arn, "redundantIngest": redundant });
        let updated = world.call(ANA, "UpdateIngestConfiguration", body).await;
        assert_eq!(updated.status, 200);
    }
    let reply = early.publish_first(&world, 1).await;
    assert_eq!(reply, Reply::Refused(Refusal::IngestDetached));
    let late = Encoder::of(&world, arn).await;
    assert!(is_admitted(&late.publish_first(&world, 2).await));
}

#[tokio::test]
async fn t16_whatever_happens_at_once_a_publish_is_where_its_configuration_is() {
    let world = World::new().await;
    let stages = [world.stage(ANA).await, world.stage(ANA).await];
    let made = ingest(&world, json!({ "stageArn": stages[0] })).await;
    let arn = made["arn"].as_str().unwrap();
    let mut met = BTreeSet::new();
    for round in 0..10 {
        // What a door has looked up a moment ago.
        let early = Encoder::of(&world, arn).await;
        let acts = (0..20_u64).map(async |act| {
            // Nothing has an order but what each of them waits for.
            for _ in 0..act % 7 {
                tokio::task::yield_now().await;
            }
            let stage = &stages[usize::from(act % 3 == 0)];
            match act % 5 {
                0 => {
                    let body = json!({ "arn": arn, "stageArn": stage });
                    let answer = world.call(ANA, "UpdateIngestConfiguration", body).await;
                    assert!([200, 409].contains(&answer.status));
                    answer.status
                }
                1 if act % 2 == round % 2 => {
                    let participant = &made["participantId"];
                    let body = json!({ "stageArn": stage, "participantId": participant });
                    let answer = world.call(ANA, "DisconnectParticipant", body).await;
                    assert!([200, 404].contains(&answer.status));
                    1_000 + answer.status
                }
                _ => {
                    let late = Encoder::of(&world, arn).await;
                    let encoder = if act % 3 == 1 { &early } else { &late };
                    if encoder.configuration.stage.is_none() {
                        return 0;
                    }
                    let connection = round * 1_000 + act;
                    let reply = encoder.publish(&world, connection).await;
                    if is_admitted(&reply) {
                        if act % 2 == 0 {
                            closed(&world, connection, CloseCause::Client).await;
                        }
                        return 1;
                    }
                    let refusals = [Refusal::StreamKeyInUse, Refusal::IngestDetached];
                    let which = refusals
                        .into_iter()
                        .position(|refusal| reply == Reply::Refused(refusal));
                    2 + u16::try_from(which.expect("it is one of the two")).unwrap()
                }
            }
        });
        met.extend(futures_util::future::join_all(acts).await);
        let [is_active, attached] = state(&world, &made).await;
        for stage in &stages {
            let body = json!({ "arn": stage });
            let got = world.call(ANA, "GetStage", body).await.json();
            if got["stage"].get("activeSessionId").is_none() {
                continue;
            }
            let people = participants(&world, stage).await;
            let is_there = people.iter().any(|[one, _]| one["state"] == "CONNECTED");
            let expected = is_active == "ACTIVE" && attached == json!(stage);
            assert_eq!(is_there, expected, "{round}");
        }
        let body = json!({ "stageArn": attached, "participantId": made["participantId"] });
        world.call(ANA, "DisconnectParticipant", body).await;
        let body = json!({ "arn": arn, "stageArn": stages[0] });
        let attach = world.call(ANA, "UpdateIngestConfiguration", body).await;
        assert_eq!(attach.status, 200);
    }
    assert!(met.is_superset(&BTreeSet::from([1, 2, 3, 200, 409, 1_200])));
}

#[tokio::test]
async fn what_a_redundant_ingest_is_made_of_is_listed_and_goes_together() {
    let world = World::new().await;
    let stage = world.stage(ANA).await;
    let body = json!({ "stageArn": stage, "redundantIngest": true });
    let made = ingest(&world, body).await;
    let credentials = made["redundantIngestCredentials"].as_array().unwrap();
    let encoder = Encoder::of(&world, made["arn"].as_str().unwrap()).await;
    let ids = [
        &credentials[0]["participantId"],
        &credentials[1]["participantId"],
        &made["participantId"],
    ];
    let parts = [IngestPart::Leg, IngestPart::Leg, IngestPart::Virtual];
    for disconnected in ids {
        for (at, (id, part)) in ids.into_iter().zip(parts).enumerate() {
            let id = ParticipantId::parse(id.as_str().unwrap()).unwrap();
            let connection = world.told.lock().unwrap().len() as u64;
            let reply = encoder.ask(&world, connection, id, part, None).await;
            assert!(is_admitted(&reply), "{at}");
            up(&world, connection).await;
        }
        assert_eq!(state(&world, &made).await[0], "ACTIVE");
        let people = participants(&world, &stage).await;
        assert_eq!(people.len(), 3);
        for shown in people.iter().flatten() {
            assert!(ids.contains(&&shown["participantId"]));
            assert_eq!(shown["redundantIngest"], true);
            assert_eq!(shown["ingestConfigurationArn"], made["arn"]);
            assert_eq!(shown["state"], "CONNECTED");
        }
        let body = json!({ "stageArn": stage, "participantId": disconnected });
        let answer = world.call(ANA, "DisconnectParticipant", body).await;
        assert_eq!(answer.status, 200);
        assert_eq!(state(&world, &made).await, [json!("INACTIVE"), json!("")]);
        let people = participants(&world, &stage).await;
        assert!(
            people
                .iter()
                .flatten()
                .all(|one| one["state"] == "DISCONNECTED")
        );
        let body = json!({ "arn": made["arn"], "stageArn": stage });
        let attached = world.call(ANA, "UpdateIngestConfiguration", body).await;
        assert_eq!(attached.status, 200);
    }
}

#[tokio::test]
async fn why_an_encoder_was_refused_is_on_the_list_of_its_participant() {
    let world = World::new().await;
    let stage = world.stage(ANA).await;
    let made = ingest(&world, json!({ "stageArn": stage })).await;
    let encoder = Encoder::of(&world, made["arn"].as_str().unwrap()).await;
    let codes = [
        ErrorCode::InvalidProtocol,
        ErrorCode::InvalidStreamKey,
        ErrorCode::InvalidInput,
    ];
    let mut expected = Vec::new();
    for (connection, code) in codes.into_iter().enumerate() {
        let id = encoder.configuration.participant.clone();
        let (connection, part) = (connection as u64, IngestPart::Whole);
        let reply = encoder.ask(&world, connection, id, part, Some(code)).await;
        assert_eq!(reply, Reply::Refused(Refusal::Offer(code)));
        let error = format!("PUBLISH_ERROR {}", code.as_str());
        expected.extend(["JOINED".to_owned(), error, "LEFT".to_owned()]);
        assert_eq!(state(&world, &made).await[0], "INACTIVE");
    }
    assert!(is_admitted(&encoder.publish(&world, 10).await));
    let second = encoder.publish(&world, 11).await;
    assert_eq!(second, Reply::Refused(Refusal::StreamKeyInUse));
    let codes = [
        ErrorCode::BFramePresent,
        ErrorCode::BitrateExceeded,
        ErrorCode::ResolutionExceeded,
        ErrorCode::InvalidAudioCodec,
        ErrorCode::InvalidVideoCodec,
    ];
    expected.extend(["JOINED", "PUBLISH_ERROR REUSE_OF_STREAM_KEY"].map(str::to_owned));
    closed(&world, 10, CloseCause::Client).await;
    expected.push("LEFT".to_owned());
    for (connection, code) in (20..).zip(codes) {
        assert!(is_admitted(&encoder.publish(&world, connection).await));
        up(&world, connection).await;
        closed(&world, connection, CloseCause::Fault(code)).await;
        let error = format!("PUBLISH_ERROR {}", code.as_str());
        expected.extend(["JOINED", "PUBLISH_STARTED"].map(str::to_owned));
        expected.push(error);
        expected.extend(["PUBLISH_STOPPED", "LEFT"].map(str::to_owned));
    }
    assert_eq!(
        events(&world, &stage, &made["participantId"]).await,
        expected
    );
}

#[tokio::test]
async fn a_stage_that_is_deleted_or_reset_leaves_nothing_active() {
    let world = World::new().await;
    let stage = world.stage(ANA).await;
    let made = ingest(&world, json!({ "stageArn": stage })).await;
    let encoder = Encoder::of(&world, made["arn"].as_str().unwrap()).await;
    assert!(is_admitted(&encoder.publish(&world, 1).await));
    let body = json!({ "arn": stage });
    assert_eq!(world.call(ANA, "DeleteStage", body).await.status, 200);
    assert_eq!(state(&world, &made).await, [json!("INACTIVE"), json!("")]);
    let again = encoder.publish(&world, 2).await;
    assert_eq!(again, Reply::Refused(Refusal::StageNotFound));
}
