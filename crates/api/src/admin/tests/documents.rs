//! Exports and seeds: what is printed can be read, what is wrong is named by its place, and it is all or nothing.

use model::EventName;

use super::*;
use crate::tests::SESSION;

const STAGE: &str = "arn:aws:ivs:us-west-2:111111111111:stage/demo";

#[tokio::test]
async fn an_export_shows_every_resource_as_the_api_spells_it() {
    let world = World::new().await;
    furnish(&world).await;
    insta::assert_snapshot!(format!("{:#}", world.export().await));
}

#[tokio::test]
async fn what_was_exported_is_seeded_into_an_empty_server_as_it_was() {
    let world = World::new().await;
    furnish(&world).await;
    let document = world.export().await;
    world.reset().await;
    let (status, answer) = world.seed(&document).await;
    assert_eq!(
        (status, &answer),
        (200, &json!({ "inserted": 7, "skipped": 0 }))
    );
    assert_eq!(world.export().await, document);
    let (open, stored) = world.both_sides().await;
    assert_eq!(open, stored);

    // Once more it changes nothing, and another server takes it too.
    let told = world.told.lock().unwrap().len();
    let (status, answer) = world.seed(&document).await;
    assert_eq!(
        (status, &answer),
        (200, &json!({ "inserted": 0, "skipped": 7 }))
    );
    assert_eq!(world.told.lock().unwrap().len(), told);
    let other = World::new().await;
    assert_eq!(other.seed(&document).await.0, 200);
    assert_eq!(other.export().await, document);
}

#[tokio::test]
async fn what_a_document_leaves_out_is_filled_in() {
    let world = World::new().await;
    let document = json!({
        "version": 1,
        "stages": [{ "name": "first" }, { "arn": STAGE }, { "account": "111111111111", "region": "us-west-2" }],
        "ingestConfigurations": [
            { "ingestProtocol": "RTMPS" },
            { "ingestProtocol": "RTMPS", "redundantIngest": true },
        ],
        "encoderConfigurations": [{}],
        "storageConfigurations": [{ "s3": { "bucketName": "recordings" } }],
        "publicKeys": [{ "publicKeyMaterial": material(0) }],
        "revokedConnectionTokens": [{ "tokenId": "t" }],
    });
    let (status, answer) = world.seed(&document).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["inserted"], 9);
    let made: Vec<_> = answer["arns"].as_array().unwrap().iter().collect();
    assert_eq!(made.len(), 7);
    let all = world.export().await;
    let arns = |list: &str| {
        let entries = all[list].as_array().unwrap().iter();
        entries
            .map(|entry| entry["arn"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    for list in [
        "stages",
        "publicKeys",
        "ingestConfigurations",
        "storageConfigurations",
    ] {
        let of_default = arns(list);
        let of_default = of_default
            .iter()
            .filter(|arn| arn.contains(":us-east-1:000000000000:"));
        assert!(of_default.count() >= 1, "{list}");
    }
    assert!(arns("stages").contains(&STAGE.to_owned()));
    let plain = &all["ingestConfigurations"][0];
    let redundant = &all["ingestConfigurations"][1];
    let (plain, redundant) = if plain.get("redundantIngestCredentials").is_some() {
        (redundant, plain)
    } else {
        (plain, redundant)
    };
    let id = plain["arn"].as_str().unwrap().rsplit('/').next().unwrap();
    let form = format!("rt_000000000000_us-east-1_{id}_");
    assert!(plain["streamKey"].as_str().unwrap().starts_with(&form));
    assert_eq!(
        redundant["redundantIngestCredentials"][0]["streamKey"],
        redundant["streamKey"]
    );
    assert_ne!(
        redundant["redundantIngestCredentials"][1]["streamKey"],
        redundant["streamKey"]
    );
    // The API serves what was seeded.
    let got = world.call(ANA, "GetStage", json!({ "arn": STAGE })).await;
    assert_eq!(got.status, 200);
}

#[tokio::test]
async fn identities_and_keys_that_a_document_brings_are_kept() {
    let world = World::new().await;
    let arn = "arn:aws:ivs:us-west-2:111111111111:ingest-configuration/studio";
    let prefix = "rt_111111111111_us-west-2_studio_";
    let entry = json!({
        "arn": arn,
        "ingestProtocol": "RTMP",
        "insecureIngest": true,
        "stageArn": STAGE,
        "participantId": "studio",
        "streamKey": format!("{prefix}one"),
        "redundantIngestCredentials": [
            { "participantId": "left" },
            { "participantId": "right", "streamKey": format!("{prefix}two") },
        ],
        "createdTime": "2025-12-31T23:59:59.123456789Z",
    });
    let mut document = document("ingestConfigurations", json!([entry]));
    document["stages"] =
        json!([{ "arn": STAGE, "bannedParticipantIds": ["eve", "eve", "mallory"] }]);
    assert_eq!(world.seed(&document).await.0, 200);
    let all = world.export().await;
    let mut expected = entry;
    expected["redundantIngestCredentials"][0]["streamKey"] = json!(format!("{prefix}one"));
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&all["ingestConfigurations"][0][name], value, "{name}");
    }
    assert_eq!(
        all["stages"][0]["bannedParticipantIds"],
        json!(["eve", "mallory"])
    );
    let opened = world.told.lock().unwrap().pop();
    assert!(matches!(opened, Some(Input::StageOpened { banned, .. }) if banned.len() == 2));
}

#[tokio::test]
async fn a_stage_that_is_there_already_stays_as_it_is() {
    let world = World::new().await;
    let before = document("stages", json!([{ "arn": STAGE, "name": "before" }]));
    assert_eq!(world.seed(&before).await.0, 200);
    let told = world.told.lock().unwrap().len();
    let entry = json!({ "arn": STAGE, "name": "after", "bannedParticipantIds": ["eve"] });
    let (status, answer) = world.seed(&document("stages", json!([entry]))).await;
    assert_eq!(
        (status, answer),
        (200, json!({ "inserted": 0, "skipped": 1 }))
    );
    let stages = &world.export().await["stages"];
    assert_eq!(stages[0]["name"], "before");
    assert!(stages[0].get("bannedParticipantIds").is_none());
    assert_eq!(world.told.lock().unwrap().len(), told);
}

#[tokio::test]
async fn a_document_as_a_whole_has_to_be_one() {
    let world = World::new().await;
    for (document, at) in [
        (json!([]), Value::Null),
        (json!({}), json!("version")),
        (json!({ "version": 2 }), json!("version")),
        (json!({ "version": "1" }), json!("version")),
        (json!({ "version": 1, "stage": [] }), Value::Null),
        (json!({ "version": 1, "stages": {} }), json!("stages")),
    ] {
        let (status, answer) = world.seed(&document).await;
        assert_eq!((status, &answer["at"]), (400, &at), "{document}");
    }
    let banned: Vec<String> = (0..50_000).map(|at| format!("p{at}")).collect();
    let many = document("stages", json!([{ "bannedParticipantIds": banned }]));
    let (status, answer) = world.seed(&many).await;
    assert_eq!(status, 400);
    assert!(answer["message"].as_str().unwrap().contains("50000"));
    assert!(world.told.lock().unwrap().is_empty());
    let twice = json!([{ "arn": STAGE }, { "arn": STAGE }]);
    let (_, answer) = world.seed(&document("stages", twice)).await;
    assert_eq!(answer["at"], "stages[1].arn");
    assert!(answer["message"].as_str().unwrap().contains("stages[0]"));
}

#[tokio::test]
async fn what_conflicts_with_the_store_opens_nothing() {
    let world = World::new().await;
    world.public_key(ANA, 0).await;
    let key = json!({
        "arn": "arn:aws:ivs:us-west-2:111111111111:public-key/other",
        "publicKeyMaterial": material(0),
    });
    let mut document = document("publicKeys", json!([key]));
    document["stages"] = json!([{ "arn": STAGE }]);
    let (status, answer) = world.seed(&document).await;
    assert_eq!(
        (status, &answer["at"]),
        (400, &json!("publicKeys")),
        "{answer}"
    );
    assert_eq!(world.both_sides().await, (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn quotas_do_not_bind_the_administration() {
    let world = World::with(|settings| settings.quotas.stages = 1).await;
    let stages = document("stages", json!([{}, {}, {}]));
    assert_eq!(world.seed(&stages).await.0, 200);
    assert_eq!(world.both_sides().await.1.len(), 3);
}

#[tokio::test]
async fn a_history_is_exported_on_demand_and_not_seeded() {
    let world = World::new().await;
    let stage = world.stage(ANA).await;
    let people: Vec<String> = (0..150).map(|at| format!("participant-{at:03}")).collect();
    let records: Vec<_> = people
        .iter()
        .map(|id| (id.as_str(), "", true, false))
        .collect();
    world.session(&stage, SESSION, &records).await;
    let events = [(EventName::Joined, None), (EventName::Left, None)];
    world.events(&stage, "participant-000", &events).await;

    let answer = world.administer("GET", "state?history=true", "").await;
    assert_eq!(answer.status, 200);
    let document = answer.json();
    let session = &document["stages"][0]["sessions"][0];
    assert_eq!(session["sessionId"], SESSION);
    let participants = session["participants"].as_array().unwrap();
    let ids: Vec<_> = participants
        .iter()
        .map(|one| one["participantId"].clone())
        .collect();
    assert_eq!(json!(ids), json!(people));
    assert_eq!(participants[0]["events"][1]["name"], "LEFT");
    assert_eq!(participants[1]["events"], json!([]));

    world.reset().await;
    let (status, answer) = world.seed(&document).await;
    assert_eq!((status, &answer["at"]), (400, &json!("stages[0].sessions")));
    let answer = world.administer("GET", "state?history=false", "").await;
    assert_eq!(answer.json()["stages"], json!([]));
}
