//! Another account's resources, and those of another region, do not exist for a caller (T12, P-4).

use super::resources::{KINDS, Kind};
use super::*;

/// A valid request of each operation about a stage, its session and its participant.
fn requests(arn: &str) -> Vec<(&'static str, Operation, String)> {
    let stage = json!({ "arn": arn });
    let of_stage = json!({ "stageArn": arn });
    let of_session = json!({ "stageArn": arn, "sessionId": SESSION });
    let of_participant = json!({ "stageArn": arn, "sessionId": SESSION, "participantId": "ana" });
    let disconnect = json!({ "stageArn": arn, "participantId": "ana", "reason": "out" });
    let update = json!({ "arn": arn, "name": "taken" });
    let tags = json!({ "tags": { "owner": "ben" } });
    [
        ("POST", Operation::GetStage, stage.clone()),
        ("POST", Operation::UpdateStage, update),
        ("POST", Operation::DeleteStage, stage),
        ("POST", Operation::CreateParticipantToken, of_stage.clone()),
        ("POST", Operation::DisconnectParticipant, disconnect),
        ("POST", Operation::ListStageSessions, of_stage),
        ("POST", Operation::GetStageSession, of_session.clone()),
        ("POST", Operation::ListParticipants, of_session),
        ("POST", Operation::GetParticipant, of_participant.clone()),
        ("POST", Operation::ListParticipantEvents, of_participant),
        ("POST", Operation::TagResource, tags),
        ("DELETE", Operation::UntagResource, Value::Null),
        ("GET", Operation::ListTagsForResource, Value::Null),
    ]
    .into_iter()
    .map(|(method, operation, body)| {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        (method, operation, body)
    })
    .collect()
}

#[tokio::test]
async fn t12_what_is_not_yours_and_what_is_not_there_read_the_same() {
    let world = World::new().await;
    let arn = world.stage(ANA).await;
    world
        .session(&arn, SESSION, &[("ana", "user", true, true)])
        .await;
    let id = arn.rsplit('/').next().unwrap();
    let absent_of = |who: Who, account: &str| {
        format!("arn:aws:ivs:{}:{account}:stage/ZZZZZZZZZZZZ", who.region)
    };
    for (who, account) in [(BEN, "222222222222"), (ANA_ABROAD, "111111111111")] {
        let own_id = format!("arn:aws:ivs:{}:{account}:stage/{id}", who.region);
        let absent = absent_of(who, account);
        let odd = "arn:aws:ivs:us-west-2:42:stage/short-account".to_owned();
        for (at, (method, operation, body)) in requests(&absent).into_iter().enumerate() {
            let request = world.signed(who, method, &target(operation, &absent), body);
            let expected = world.send(request).await;
            let name = operation.name();
            let is_list = name.starts_with("List") && operation != Operation::ListTagsForResource;
            let verdict = if is_list {
                (400, "ValidationException")
            } else {
                (404, "ResourceNotFoundException")
            };
            assert_eq!(expected.verdict(), verdict, "{name}");
            let is_tag = operation.path().contains('{');
            for foreign in [&arn, &own_id, &odd] {
                if is_tag && *foreign == odd {
                    continue;
                }
                let (method, operation, body) = requests(foreign).swap_remove(at);
                let request = world.signed(who, method, &target(operation, foreign), body);
                let answer = world.send(request).await;
                assert_eq!(
                    answer.fingerprint(),
                    expected.fingerprint(),
                    "{name} on {foreign}"
                );
            }
        }
        let listed = world.call(who, "ListStages", json!({})).await;
        assert_eq!(listed.json(), json!({ "stages": [] }));
    }
    let mine = world
        .call(ANA, "GetStage", json!({ "arn": arn }))
        .await
        .json();
    assert_eq!(mine["stage"]["name"], "");
    assert_eq!(mine["stage"]["tags"], json!({}));
    assert_eq!(mine["stage"]["activeSessionId"], SESSION);
}

#[tokio::test]
async fn t12_keys_and_configurations_of_others_do_not_exist_for_a_caller() {
    let world = World::new().await;
    for kind in KINDS {
        let mine = world.resource(ANA, kind, 0).await;
        let before = world.call(ANA, &kind.get(), json!({ "arn": mine })).await;
        let id = mine.rsplit('/').next().unwrap();
        for (who, account) in [(BEN, "222222222222"), (ANA_ABROAD, "111111111111")] {
            let of = |region: &str, account: &str, id: &str| {
                format!("arn:aws:ivs:{region}:{account}:{}/{id}", kind.name)
            };
            let absent = of(who.region, account, "ZZZZZZZZZZZZ");
            let own_id = of(who.region, account, id);
            let short = of(who.region, "42", id);
            let long = of(who.region, account, &"Z".repeat(70));
            for at in 0..about(kind, &absent).len() {
                let ask = async |arn: &str| {
                    let (method, target, body) = about(kind, arn).swap_remove(at);
                    world.send(world.signed(who, method, &target, body)).await
                };
                let expected = ask(&absent).await;
                let name = format!("{:?}", about(kind, "").swap_remove(at));
                let not_found = (404, "ResourceNotFoundException");
                assert_eq!(expected.verdict(), not_found, "{name}");
                for foreign in [&mine, &own_id, &short, &long] {
                    if name.contains("/tags/") && *foreign == short {
                        continue;
                    }
                    let answer = ask(foreign).await;
                    let found = answer.fingerprint();
                    assert_eq!(found, expected.fingerprint(), "{name} on {foreign}");
                }
            }
            let listed = world.call(who, &kind.list(), json!({})).await;
            assert_eq!(listed.json(), json!({ kind.members(): [] }));
        }
        let after = world.call(ANA, &kind.get(), json!({ "arn": mine })).await;
        assert_eq!(after.json(), before.json());
    }
}

/// A valid request of each operation about one resource of a kind: method, target, body.
fn about(kind: Kind, arn: &str) -> Vec<(&'static str, String, String)> {
    let tags = format!("/tags/{}", escape(arn));
    let one = json!({ "arn": arn }).to_string();
    let mut requests = vec![
        ("POST", format!("/{}", kind.get()), one.clone()),
        ("POST", format!("/{}", kind.delete()), one.clone()),
        ("GET", tags.clone(), String::new()),
        (
            "POST",
            tags.clone(),
            json!({ "tags": { "k": "v" } }).to_string(),
        ),
        ("DELETE", format!("{tags}?tagKeys=k"), String::new()),
    ];
    let update = format!("/Update{}", kind.get().trim_start_matches("Get"));
    if Operation::ALL.iter().any(|known| known.path() == update) {
        requests.push(("POST", update, one));
    }
    requests
}

/// Requests that name a resource beside the one that they are about, or none: what they answer for an ARN.
async fn named(world: &World, who: Who, stage: String, storage: String) -> Vec<Answer> {
    let own_stage = world.stage(who).await;
    let recording = json!({ "storageConfigurationArn": storage });
    let ingest = json!({ "ingestProtocol": "RTMPS" });
    let made = world.call(who, "CreateIngestConfiguration", ingest).await;
    let own_ingest = made.json()["ingestConfiguration"]["arn"].clone();
    let mut answers = Vec::new();
    for (operation, body) in [
        (
            "CreateStage",
            json!({ "autoParticipantRecordingConfiguration": recording }),
        ),
        (
            "UpdateStage",
            json!({ "arn": own_stage, "autoParticipantRecordingConfiguration": recording }),
        ),
        (
            "CreateIngestConfiguration",
            json!({ "ingestProtocol": "RTMPS", "stageArn": stage }),
        ),
        (
            "UpdateIngestConfiguration",
            json!({ "arn": own_ingest, "stageArn": stage }),
        ),
        (
            "ListIngestConfigurations",
            json!({ "filterByStageArn": stage }),
        ),
    ] {
        answers.push(world.call(who, operation, body).await);
    }
    answers
}

#[tokio::test]
async fn t12_what_is_named_beside_it_must_be_the_callers_too() {
    let world = World::new().await;
    let stage = world.stage(ANA).await;
    let storage = storage(&world, ANA).await;
    let ingest = json!({ "ingestProtocol": "RTMPS", "stageArn": stage });
    world.call(ANA, "CreateIngestConfiguration", ingest).await;
    for (who, account) in [(BEN, "222222222222"), (ANA_ABROAD, "111111111111")] {
        let of = |kind: &str, account: &str, id: &str| {
            format!("arn:aws:ivs:{}:{account}:{kind}/{id}", who.region)
        };
        let other = of("stage", account, "ZZZZZZZZZZZZ");
        let other_storage = of("storage-configuration", account, "ZZZZZZZZZZZZ");
        let absent = named(&world, who, other, other_storage).await;
        let statuses: Vec<_> = absent.iter().map(|answer| answer.status).collect();
        // The model declares no ResourceNotFoundException for the two that create.
        assert_eq!(statuses, [400, 404, 400, 404, 200], "{who:?}");
        let odd = of("stage", "42", "a");
        let odd_storage = of("storage-configuration", "42", "a");
        for found in [
            named(&world, who, stage.clone(), storage.clone()).await,
            named(&world, who, odd, odd_storage).await,
        ] {
            for (found, absent) in found.iter().zip(&absent) {
                assert_eq!(found.fingerprint(), absent.fingerprint());
            }
        }
    }
}

#[tokio::test]
async fn t12_an_arn_of_another_kind_names_nothing() {
    let world = World::new().await;
    for made in KINDS {
        let arn = world.resource(ANA, made, 0).await;
        let id = arn.rsplit('/').next().unwrap();
        for kind in KINDS {
            if kind == made {
                continue;
            }
            for operation in [kind.get(), kind.delete()] {
                let answer = world.call(ANA, &operation, json!({ "arn": arn })).await;
                let refused = (400, "ValidationException");
                assert_eq!(answer.verdict(), refused, "{operation} {arn}");
            }
            let same_id = kind.arn("111111111111", id);
            let answer = world.tags(ANA, "GET", &same_id, "", "").await;
            let gone = (404, "ResourceNotFoundException");
            assert_eq!(answer.verdict(), gone, "{same_id}");
        }
    }
    for name in ["channel", "composition", "stream-key", "a"] {
        let arn = format!("arn:aws:ivs:us-west-2:111111111111:{name}/abcdABCDefgh");
        let answer = world.call(ANA, "GetStage", json!({ "arn": arn })).await;
        assert_eq!(answer.verdict(), (400, "ValidationException"), "{name}");
        let answer = world.tags(ANA, "GET", &arn, "", "").await;
        let gone = (404, "ResourceNotFoundException");
        assert_eq!(answer.verdict(), gone, "{name}");
    }
}

#[tokio::test]
async fn t12_each_account_and_region_has_quotas_of_its_own() {
    let world = World::with(|settings| {
        settings.quotas = crate::Quotas {
            stages: 1,
            ingest_configurations: 1,
            encoder_configurations: 1,
            storage_configurations: 1,
        };
    })
    .await;
    for who in [ANA, BEN, ANA_ABROAD] {
        for kind in KINDS {
            if kind.name == "public-key" {
                for number in 0..3 {
                    world.resource(who, kind, number).await;
                }
            } else {
                world.resource(who, kind, 0).await;
            }
            let answer = world.call(who, kind.create, kind.wishes(3)).await;
            let full = (402, "ServiceQuotaExceededException");
            assert_eq!(answer.verdict(), full, "{who:?} {}", kind.name);
        }
    }
}
