//! A full disk, a locked database, callers that go away (T57, T59).

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use sqlx::query;

use super::{latency, stage};
use crate::sqlite::open::{self, Settings};
use crate::{Latency, Operation, Sqlite, Store, StoreError};

fn failures(latency: &Latency, operation: Operation) -> u64 {
    latency
        .snapshot()
        .iter()
        .find(|one| one.operation == operation)
        .unwrap()
        .failures
}

/// Inserts stages with long names until one is refused; says which are in.
async fn fill(store: &Sqlite) -> (Vec<String>, StoreError) {
    let mut acknowledged = Vec::new();
    for number in 0..10_000 {
        let mut large = stage(&format!("s{number}"));
        large.name = "x".repeat(3_000);
        match store.stage_insert(&large, 100_000).await {
            Ok(()) => acknowledged.push(large.arn.id.to_string()),
            Err(refused) => return (acknowledged, refused),
        }
    }
    panic!("the store never filled");
}

async fn stored(store: &Sqlite) -> Vec<String> {
    let mut ids: Vec<_> = store
        .stage_all()
        .await
        .unwrap()
        .into_iter()
        .map(|(arn, _)| arn.id.to_string())
        .collect();
    ids.sort();
    ids
}

async fn a_full_store_refuses_and_recovers(store: Sqlite, latency: &Latency) {
    let (mut acknowledged, refused) = fill(&store).await;
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
    assert!(acknowledged.len() > 10);
    assert_eq!(failures(latency, Operation::StageInsert), 1);
    acknowledged.sort();
    assert_eq!(stored(&store).await, acknowledged, "reads still work");

    // Several writers meet the full disk; none is told a lie, and none leaves the writer broken.
    let mut large = stage("more");
    large.name = "x".repeat(30_000);
    for result in join_all((0..5).map(|_| store.stage_insert(&large, 100_000))).await {
        assert!(matches!(result, Err(StoreError::Unavailable(_))));
    }
    for id in acknowledged.drain(..10) {
        store.stage_delete(&stage(&id).arn).await.unwrap();
    }
    store.stage_insert(&stage("again"), 100_000).await.unwrap();
    acknowledged.push("again".to_owned());
    acknowledged.sort();
    assert_eq!(stored(&store).await, acknowledged);
}

#[tokio::test]
async fn t57_a_full_file_refuses_writes_keeps_reads_and_recovers() {
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings {
        pages_max: Some(120),
        ..Settings::default()
    };
    let latency = latency();
    let path = directory.path().join("s.db");
    let store = open::file(&path, latency.clone(), &settings).await.unwrap();
    a_full_store_refuses_and_recovers(store, &latency).await;
}

#[tokio::test]
async fn t57_full_memory_refuses_writes_keeps_reads_and_recovers() {
    let settings = Settings {
        pages_max: Some(120),
        ..Settings::default()
    };
    let latency = latency();
    let store = open::memory(latency.clone(), &settings).await.unwrap();
    a_full_store_refuses_and_recovers(store, &latency).await;
}

#[tokio::test]
async fn t59_a_locked_database_is_unavailable_for_writes_and_readable() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let settings = Settings {
        busy_timeout: Duration::from_millis(20),
        ..Settings::default()
    };
    let latency = latency();
    let store = open::file(&path, latency.clone(), &settings).await.unwrap();
    store.stage_insert(&stage("one"), 10).await.unwrap();

    let foreign =
        sqlx::SqlitePool::connect_with(sqlx::sqlite::SqliteConnectOptions::new().filename(&path))
            .await
            .unwrap();
    let held = foreign.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let refused = store.stage_insert(&stage("two"), 10).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    let refused = store.heartbeat(Timestamp::UNIX_EPOCH).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    assert_eq!(failures(&latency, Operation::Heartbeat), 1);
    assert_eq!(stored(&store).await, ["one"]);
    held.rollback().await.unwrap();

    store.stage_insert(&stage("two"), 10).await.unwrap();
    assert_eq!(stored(&store).await, ["one", "two"]);
}

#[tokio::test]
async fn t59_a_queue_of_writes_that_does_not_move_is_unavailable() {
    let settings = Settings {
        acquire_timeout: Duration::from_millis(20),
        ..Settings::default()
    };
    let store = open::memory(latency(), &settings).await.unwrap();
    let hung = store.db.writer.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let refused = store.stage_insert(&stage("one"), 10).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    drop(hung);
    store.heartbeat(Timestamp::UNIX_EPOCH).await.unwrap();
}

#[tokio::test]
async fn callers_that_go_away_in_a_write_leave_whole_rows_and_a_working_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&directory.path().join("s.db"), latency())
        .await
        .unwrap();
    // Each caller is dropped after a different number of polls.
    for polls in 0..40 {
        let mut one = stage(&format!("s{polls}"));
        one.name = "whole".to_owned();
        let mut call = store.stage_insert(&one, 100);
        for _ in 0..polls {
            let polled = poll_fn(|context| Poll::Ready(call.as_mut().poll(context)));
            if polled.await.is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(call);
        store.heartbeat(Timestamp::UNIX_EPOCH).await.unwrap();
    }
    for id in stored(&store).await {
        let read = store.stage_get(&stage(&id).arn).await.unwrap().unwrap();
        assert_eq!(read.name, "whole");
    }
    let left = query("DELETE FROM stage").execute(&store.db.writer).await;
    assert!(left.is_ok());
}
