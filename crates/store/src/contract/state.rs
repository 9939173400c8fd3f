//! Everything at once: export, seed, reset.

use model::{
    Ban, ConnectionTokenId, EventName, IngestCredential, Record, RevokedConnectionToken, Stage,
    State, StreamKey,
};

use super::{
    NAUGHTY, arn, arn_in, at, encoder_in, happened, ingest_in, insert, joined, page, person,
    public_key_in, session_id, stage, stage_in, started, storage_in,
};
use crate::{Seeded, Store, StoreError};

const PLACES: [(&str, &str); 3] = [
    ("111122223333", "eu-west-1"),
    ("111122223333", "us-west-2"),
    ("999988887777", "us-west-2"),
];

/// Two of each kind in each place, in the order of an export, with references among them.
fn full() -> State {
    let mut state = State::default();
    for (account, region) in PLACES {
        for id in ["a", "b"] {
            let storage = storage_in(account, region, id);
            let mut one = stage_in(account, region, id);
            one.name = NAUGHTY[2].to_owned();
            one.tags.insert("team".into(), "video".into());
            one.recording.storage_configuration_arn = storage.arn.to_string();
            one.recording.segment_seconds = 9;
            let mut ingest = ingest_in(account, region, id);
            ingest.stage = (id == "a").then(|| one.arn.clone());
            ingest.credentials = vec![IngestCredential {
                participant: person("second"),
                stream_key: StreamKey::new("key".into()),
            }];
            state.bans.push(Ban {
                stage: one.arn.clone(),
                participant: person("banned"),
                at: at(5),
            });
            state
                .revoked_connection_tokens
                .push(RevokedConnectionToken {
                    account: storage.arn.account.clone(),
                    region: storage.arn.region.clone(),
                    id: ConnectionTokenId::parse(id).unwrap(),
                    at: at(6),
                });
            state.stages.push(one);
            state.public_keys.push(public_key_in(account, region, id));
            state.ingest_configurations.push(ingest);
            state
                .encoder_configurations
                .push(encoder_in(account, region, id));
            state.storage_configurations.push(storage);
        }
    }
    state
}

/// How many resources a state has.
const FULL: u64 = 7 * 6;

fn seeded(inserted: u64, skipped: u64) -> Seeded {
    Seeded { inserted, skipped }
}

pub(crate) async fn what_is_exported_cleared_and_inserted_is_exported_again(store: &dyn Store) {
    assert_eq!(store.state_export().await.unwrap(), State::default());
    let state = full();
    assert_eq!(store.state_insert(&state).await.unwrap(), seeded(FULL, 0));
    assert_eq!(store.state_export().await.unwrap(), state);
    let mut stages: Vec<_> = state.stages.iter().map(|stage| stage.arn.clone()).collect();
    stages.sort();
    let mut cleared = store.state_clear().await.unwrap();
    cleared.sort();
    assert_eq!(cleared, stages);
    assert_eq!(store.state_export().await.unwrap(), State::default());
    assert_eq!(store.state_clear().await.unwrap(), []);
    store.state_insert(&state).await.unwrap();
    assert_eq!(store.state_export().await.unwrap(), state);
    for stage in &state.stages {
        let read = store.stage_get(&stage.arn).await.unwrap();
        assert_eq!(read.as_ref(), Some(stage));
    }
}

pub(crate) async fn an_export_knows_no_history(store: &dyn Store) {
    let one = insert(store, "one").await;
    let records = [started(&one, 1, at(0)), joined(&one, 1, "ana", at(1))];
    store.records_apply(&records).await.unwrap();
    let export = store.state_export().await.unwrap();
    assert_eq!(export.stages, [stage("one")]);
    // Nor does a seed bring one.
    let active = Stage {
        active_session: Some(session_id(7)),
        ..stage("two")
    };
    let seed = State {
        stages: vec![active],
        ..State::default()
    };
    store.state_insert(&seed).await.unwrap();
    let two = store.stage_get(&arn("two")).await.unwrap();
    assert_eq!(two, Some(stage("two")));
}

pub(crate) async fn a_seed_skips_what_is_there_and_ignores_quotas(store: &dyn Store) {
    let state = full();
    let changed = Stage {
        name: "changed".into(),
        recording: model::RecordingConfiguration::default(),
        ..state.stages[0].clone()
    };
    store.stage_insert(&changed, 1).await.unwrap();
    let counts = store.state_insert(&state).await.unwrap();
    assert_eq!(counts, seeded(FULL - 1, 1));
    let kept = store.stage_get(&changed.arn).await.unwrap();
    assert_eq!(kept, Some(changed), "what was there stays as it was");
    let again = store.state_insert(&state).await.unwrap();
    assert_eq!(again, seeded(0, FULL));
}

pub(crate) async fn a_seed_is_taken_as_a_whole_or_not_at_all(store: &dyn Store) {
    let absent = arn("absent");
    let mut recorded = stage("recorded");
    recorded.recording.storage_configuration_arn =
        "arn:aws:ivs:us-west-2:111122223333:storage-configuration/absent".into();
    let mut attached = ingest_in("111122223333", "us-west-2", "attached");
    attached.stage = Some(absent.clone());
    let mut with_stage = full();
    with_stage.stages.push(recorded);
    let mut with_ingest = full();
    with_ingest.ingest_configurations.push(attached);
    let mut with_ban = full();
    with_ban.bans.push(Ban {
        stage: absent,
        participant: person("ana"),
        at: at(0),
    });
    for (seed, expected) in [
        (with_stage, "storage configuration"),
        (with_ingest, "stage"),
        (with_ban, "stage"),
    ] {
        let refused = store.state_insert(&seed).await;
        assert!(matches!(refused, Err(StoreError::ReferenceNotFound { kind }) if kind == expected));
        assert_eq!(store.state_export().await.unwrap(), State::default());
    }
    // The same key under two ARNs.
    let mut seed = full();
    let mut twice = public_key_in("111122223333", "us-west-2", "twice");
    twice.spki.clone_from(&seed.public_keys[2].spki);
    seed.public_keys.push(twice);
    let refused = store.state_insert(&seed).await;
    assert!(matches!(refused, Err(StoreError::AlreadyExists)));
    assert_eq!(store.state_export().await.unwrap(), State::default());
}

pub(crate) async fn a_reset_takes_everything_but_the_secrets(store: &dyn Store) {
    let secret = store.secret_get_or_insert("key", b"kept").await.unwrap();
    store.state_insert(&full()).await.unwrap();
    let one = arn_in(PLACES[1].0, PLACES[1].1, "a");
    let records: [Record; 3] = [
        started(&one, 1, at(0)),
        joined(&one, 1, "ana", at(1)),
        happened(&one, 1, "ana", 1, EventName::Joined),
    ];
    store.records_apply(&records).await.unwrap();
    store.state_clear().await.unwrap();

    let kept = store.secret_get_or_insert("key", b"fresh").await.unwrap();
    assert_eq!(kept, secret);
    assert_eq!(store.stage_all().await.unwrap(), []);
    assert_eq!(store.session_live().await.unwrap(), []);
    // Stages with the same ARNs begin anew, also while the old sessions are being cleared away.
    store.state_insert(&full()).await.unwrap();
    let stage = store.stage_get(&one).await.unwrap().unwrap();
    assert_eq!(stage.active_session, None);
    let sessions = store.session_list(&one, &page(10)).await.unwrap();
    assert!(sessions.items.is_empty());
    let known = store.participant_known(&one, &person("ana")).await;
    assert_eq!(known.unwrap(), None);
    store.records_apply(&records).await.unwrap();
    assert_eq!(store.session_expire(at(1_000)).await.unwrap(), 0);
    assert_eq!(store.session_live().await.unwrap().len(), 1);
}
