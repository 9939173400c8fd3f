//! Storage configurations, and the stages that record to them.

use futures_util::future::{join, join_all};
use model::{RecordingConfiguration, Stage, StageArn};

use super::{NAUGHTY, insert, insert_storage, stage, stage_in, storage_in};
use crate::{StageChange, Store, StoreError};

fn recording_to(storage: &impl ToString) -> RecordingConfiguration {
    RecordingConfiguration {
        storage_configuration_arn: storage.to_string(),
        ..RecordingConfiguration::default()
    }
}

fn recorded(id: &str, storage: &impl ToString) -> Stage {
    Stage {
        recording: recording_to(storage),
        ..stage(id)
    }
}

fn record_to(storage: &impl ToString) -> StageChange {
    StageChange {
        name: None,
        recording: Some(recording_to(storage)),
    }
}

async fn storage_of(store: &dyn Store, stage: &StageArn) -> String {
    let stage = store.stage_get(stage).await.unwrap().unwrap();
    stage.recording.storage_configuration_arn
}

pub(crate) async fn t14_a_storage_configuration_reads_back_as_it_was_written(store: &dyn Store) {
    for (number, text) in NAUGHTY.iter().enumerate() {
        let mut written = storage_in("111122223333", "us-west-2", &format!("naughty{number}"));
        written.name = (*text).to_owned();
        written.bucket = (*text).to_owned();
        written.tags.insert(format!("key {text}"), (*text).into());
        store
            .storage_configuration_insert(&written, 1_000)
            .await
            .unwrap();
        let read = store.storage_configuration_get(&written.arn).await.unwrap();
        assert_eq!(read.as_ref(), Some(&written), "{text:?}");
    }
}

pub(crate) async fn t16_a_stage_records_to_a_storage_configuration_that_is_there(
    store: &dyn Store,
) {
    let mut texts: Vec<String> = NAUGHTY
        .iter()
        .filter(|text| !text.is_empty())
        .map(|text| (*text).to_owned())
        .collect();
    for (account, region) in [("111122223333", "eu-west-1"), ("999988887777", "us-west-2")] {
        let elsewhere = storage_in(account, region, "elsewhere");
        store
            .storage_configuration_insert(&elsewhere, 10)
            .await
            .unwrap();
        texts.push(elsewhere.arn.to_string());
    }
    texts.push("arn:aws:ivs:us-west-2:111122223333:storage-configuration/absent".into());
    // A resource of another kind, though there is one with this id.
    insert(store, "mine").await;
    texts.push("arn:aws:ivs:us-west-2:111122223333:stage/mine".into());
    for text in texts {
        let results = [
            store.stage_insert(&recorded("new", &text), 10).await.err(),
            store
                .stage_update(&stage("mine").arn, &record_to(&text))
                .await
                .err(),
        ];
        for result in results {
            let expected = "storage configuration";
            assert!(
                matches!(result, Some(StoreError::ReferenceNotFound { kind }) if kind == expected),
                "{text:?}"
            );
        }
    }
    let new = store.stage_get(&stage("new").arn).await.unwrap();
    assert_eq!(new, None);
    assert_eq!(storage_of(store, &stage("mine").arn).await, "");
}

pub(crate) async fn t16_a_storage_configuration_in_use_is_not_deleted(store: &dyn Store) {
    let [first, second] = [
        insert_storage(store, "first").await,
        insert_storage(store, "second").await,
    ];
    let users = [recorded("one", &first), recorded("two", &first)];
    for user in &users {
        store.stage_insert(user, 10).await.unwrap();
    }
    let refuse = async || {
        let refused = store.storage_configuration_delete(&first).await;
        assert!(matches!(
            refused,
            Err(StoreError::Referenced { by: "stage" })
        ));
        let there = store.storage_configuration_get(&first).await.unwrap();
        assert!(there.is_some());
    };
    refuse().await;
    store.stage_delete(&users[0].arn).await.unwrap();
    refuse().await;
    let rename = StageChange {
        name: Some("renamed".into()),
        recording: None,
    };
    let renamed = store.stage_update(&users[1].arn, &rename).await.unwrap();
    assert_eq!(renamed.recording, users[1].recording);
    refuse().await;
    let moved = store.stage_update(&users[1].arn, &record_to(&second)).await;
    assert_eq!(moved.unwrap().recording, recording_to(&second));
    assert_eq!(storage_of(store, &users[1].arn).await, second.to_string());
    store.storage_configuration_delete(&first).await.unwrap();
    let off = store.stage_update(&users[1].arn, &record_to(&"")).await;
    assert_eq!(off.unwrap().recording, recording_to(&""));
    store.storage_configuration_delete(&second).await.unwrap();
    assert_eq!(storage_of(store, &users[1].arn).await, "");
}

pub(crate) async fn a_stage_elsewhere_does_not_use_the_storage_configuration_with_its_id(
    store: &dyn Store,
) {
    let mine = insert_storage(store, "same").await;
    let elsewhere = storage_in("999988887777", "us-west-2", "same");
    store
        .storage_configuration_insert(&elsewhere, 10)
        .await
        .unwrap();
    let user = Stage {
        recording: recording_to(&elsewhere.arn),
        ..stage_in("999988887777", "us-west-2", "one")
    };
    store.stage_insert(&user, 10).await.unwrap();
    store.storage_configuration_delete(&mine).await.unwrap();
    assert_eq!(
        storage_of(store, &user.arn).await,
        elsewhere.arn.to_string()
    );
}

pub(crate) async fn t16_racing_storage_deletes_and_stages_leave_no_dangling_reference(
    store: &dyn Store,
) {
    for round in 0..10 {
        let storage = insert_storage(store, &format!("st{round}")).await;
        let stages: Vec<_> = (0..6)
            .map(|number| recorded(&format!("r{round}s{number}"), &storage))
            .collect();
        let inserts = join_all(stages.iter().map(|stage| store.stage_insert(stage, 1_000)));
        let delete = async {
            for _ in 0..round {
                tokio::task::yield_now().await;
            }
            store.storage_configuration_delete(&storage).await
        };
        let (inserted, deleted) = join(inserts, delete).await;
        let there = store.storage_configuration_get(&storage).await.unwrap();
        match deleted {
            Ok(()) => assert_eq!(there, None),
            Err(StoreError::Referenced { by: "stage" }) => assert!(there.is_some()),
            Err(fault) => panic!("{fault}"),
        }
        for (stage, result) in stages.iter().zip(inserted) {
            let read = store.stage_get(&stage.arn).await.unwrap();
            match result {
                Ok(()) => assert!(there.is_some() && read.as_ref() == Some(stage)),
                Err(StoreError::ReferenceNotFound { .. }) => {
                    assert!(there.is_none() && read.is_none());
                }
                Err(fault) => panic!("{fault}"),
            }
        }
    }
}
