//! Writes that share a commit: what one does to the others, and what becomes of those that nobody waits for any more.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::{join, join_all};
use jiff::Timestamp;
use sqlx::{Transaction, query, query_scalar};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tracing::Span;

use super::{latency, stage};
use crate::sqlite::open::{self, Settings};
use crate::{Sqlite, Store, StoreError};

const PAGE_BYTES: u64 = 4_096;

async fn open(settings: &Settings) -> (Sqlite, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = open::file(&path, latency(), settings).await.unwrap();
    (store, directory)
}

/// Keeps the writer from beginning, so that what is written meanwhile is one group.
async fn hold(store: &Sqlite) -> Transaction<'static, sqlx::Sqlite> {
    store.db.writer.begin_with("BEGIN IMMEDIATE").await.unwrap()
}

/// Waits until that many writes are in the queue, beside the one that the writer has in hand.
async fn queued(store: &Sqlite, count: usize) {
    while store.writer.queued() < count {
        tokio::task::yield_now().await;
    }
}

/// Writes one row, then fails.
async fn fail_halfway(store: &Sqlite) -> Result<(), StoreError> {
    insert_half(store, || Err(StoreError::NotFound)).await
}

/// Writes one row, then panics.
async fn panic_halfway(store: &Sqlite) -> Result<(), StoreError> {
    insert_half(store, || panic!("in the midst of a write")).await
}

async fn insert_half(
    store: &Sqlite,
    end: impl FnOnce() -> Result<(), StoreError> + Send + 'static,
) -> Result<(), StoreError> {
    let work = store.writer.write(Span::none(), move |connection| {
        Box::pin(async move {
            query("INSERT INTO secret (name, value) VALUES ('half', x'00')")
                .execute(connection)
                .await?;
            end()
        })
    });
    work.await
}

/// How many rows such writes have left.
async fn halves(store: &Sqlite) -> i64 {
    query_scalar("SELECT count(*) FROM secret")
        .fetch_one(&store.db.readers)
        .await
        .unwrap()
}

async fn is_there(store: &Sqlite, id: &str) -> bool {
    store.stage_get(&stage(id).arn).await.unwrap().is_some()
}

#[tokio::test]
async fn writes_that_wait_share_a_commit() {
    let (store, directory) = open(&Settings::default()).await;
    let wal: PathBuf = directory.path().join("s.db-wal");
    let before = fs::metadata(&wal).unwrap().len();
    let stages: Vec<_> = (0..100)
        .map(|number| stage(&format!("s{number}")))
        .collect();
    let held = hold(&store).await;
    let inserts = join_all(stages.iter().map(|one| store.stage_insert(one, 1_000)));
    let release = async {
        queued(&store, 99).await;
        held.rollback().await.unwrap();
    };
    let (inserted, ()) = join(inserts, release).await;
    for result in inserted {
        result.unwrap();
    }
    // A commit writes each page that it has changed. A hundred commits would write three hundred pages at least.
    let pages = (fs::metadata(&wal).unwrap().len() - before) / PAGE_BYTES;
    assert!(pages < 50, "{pages}");
    assert_eq!(store.stage_all().await.unwrap().len(), 100);
}

#[tokio::test]
async fn a_write_that_fails_or_panics_takes_back_its_own_and_nothing_else() {
    let (store, _directory) = open(&Settings::default()).await;
    let [before, taken_back, after] = ["before", "taken", "after"].map(stage);
    let held = hold(&store).await;
    let writes = async {
        tokio::join!(
            store.stage_insert(&before, 1),
            fail_halfway(&store),
            panic_halfway(&store),
            store.stage_insert(&taken_back, 1),
            store.heartbeat(Timestamp::UNIX_EPOCH),
            store.stage_insert(&after, 2),
        )
    };
    let release = async {
        queued(&store, 5).await;
        held.rollback().await.unwrap();
    };
    let ((first, failed, panicked, second, beat, third), ()) = join(writes, release).await;
    first.unwrap();
    assert!(matches!(failed, Err(StoreError::NotFound)));
    assert!(matches!(panicked, Err(StoreError::Unavailable(_))));
    assert!(matches!(
        second,
        Err(StoreError::QuotaExceeded { max: 1, .. })
    ));
    beat.unwrap();
    third.unwrap();
    let there = [
        is_there(&store, "before").await,
        is_there(&store, "taken").await,
        is_there(&store, "after").await,
    ];
    assert_eq!(there, [true, false, true]);
    assert_eq!(halves(&store).await, 0);
}

#[tokio::test]
async fn writes_behind_one_that_fails_or_panics_first_are_done_and_it_is_not() {
    let (store, _directory) = open(&Settings::default()).await;
    let [first, second] = ["first", "second"].map(stage);
    let held = hold(&store).await;
    let writes = async {
        tokio::join!(
            fail_halfway(&store),
            panic_halfway(&store),
            fail_halfway(&store),
            store.stage_insert(&first, 2),
            panic_halfway(&store),
            store.stage_insert(&second, 2),
        )
    };
    let release = async {
        queued(&store, 5).await;
        held.rollback().await.unwrap();
    };
    let ((failed, panicked, again, inserted, later, last), ()) = join(writes, release).await;
    for refused in [failed, again] {
        assert!(matches!(refused, Err(StoreError::NotFound)));
    }
    for panicked in [panicked, later] {
        assert!(matches!(panicked, Err(StoreError::Unavailable(_))));
    }
    inserted.unwrap();
    last.unwrap();
    assert_eq!(store.stage_all().await.unwrap().len(), 2);
    assert_eq!(halves(&store).await, 0);
}

#[tokio::test]
async fn t57_a_write_that_fills_the_disk_leaves_no_false_success_in_its_group() {
    let settings = Settings {
        pages_max: Some(60),
        ..Settings::default()
    };
    let (store, _directory) = open(&settings).await;
    let mut stages: Vec<_> = (0..9).map(|number| stage(&format!("s{number}"))).collect();
    stages[4].name = "x".repeat(300_000);
    let held = hold(&store).await;
    let inserts = join_all(stages.iter().map(|one| store.stage_insert(one, 1_000)));
    let release = async {
        queued(&store, 8).await;
        held.rollback().await.unwrap();
    };
    let (inserted, ()) = join(inserts, release).await;
    assert!(matches!(inserted[4], Err(StoreError::Unavailable(_))));
    for (stage, result) in stages.iter().zip(inserted) {
        let there = is_there(&store, stage.arn.id.as_str()).await;
        assert_eq!(there, result.is_ok(), "{}", stage.arn);
    }
    // Normal service after.
    store.stage_insert(&stage("after"), 1_000).await.unwrap();
    assert!(is_there(&store, "after").await);
}

#[tokio::test]
async fn a_write_whose_caller_goes_away_before_its_turn_is_not_done() {
    let (store, _directory) = open(&Settings::default()).await;
    let held = hold(&store).await;
    let [kept, dropped] = ["kept", "dropped"].map(stage);
    let keep = store.stage_insert(&kept, 10);
    let drop_and_release = async {
        let gone = tokio::time::timeout(Duration::ZERO, store.stage_insert(&dropped, 10)).await;
        assert!(gone.is_err());
        queued(&store, 1).await;
        held.rollback().await.unwrap();
    };
    let (inserted, ()) = join(keep, drop_and_release).await;
    inserted.unwrap();
    store.heartbeat(Timestamp::UNIX_EPOCH).await.unwrap();
    assert!(is_there(&store, "kept").await);
    assert!(!is_there(&store, "dropped").await);
}

#[tokio::test]
async fn a_write_whose_caller_goes_away_in_its_turn_is_done() {
    let (store, _directory) = open(&Settings::default()).await;
    let (start, started) = oneshot::channel();
    let (finish, finished) = oneshot::channel::<()>();
    let write = store.writer.write(Span::none(), move |connection| {
        Box::pin(async move {
            start.send(()).unwrap();
            finished.await.unwrap();
            query("INSERT INTO secret (name, value) VALUES ('whole', x'00')")
                .execute(connection)
                .await?;
            Ok(())
        })
    });
    tokio::select! {
        _ = write => panic!("it waits"),
        begun = started => begun.unwrap(),
    }
    finish.send(()).unwrap();
    let secret = store.secret_get_or_insert("whole", b"fresh").await.unwrap();
    assert_eq!(secret, [0]);
}

#[tokio::test]
async fn t59_writes_behind_one_that_hangs_are_given_up_and_not_done_later() {
    let settings = Settings {
        operation_timeout: Duration::from_secs(1),
        ..Settings::default()
    };
    let (store, _directory) = open(&settings).await;
    let (recover, recovered) = oneshot::channel::<()>();
    let hung = store.writer.write(Span::none(), move |_| {
        Box::pin(async move {
            recovered.await.unwrap();
            Ok(())
        })
    });
    // More than the queue holds.
    let stages: Vec<_> = (0..700)
        .map(|number| stage(&format!("s{number}")))
        .collect();
    let others = async {
        let inserts = stages.iter().map(|one| store.stage_insert(one, 1_000));
        for result in join_all(inserts).await {
            assert!(matches!(result, Err(StoreError::Unavailable(_))));
        }
        assert_eq!(store.stage_all().await.unwrap(), [], "reads still work");
        recover.send(()).unwrap();
    };
    let (hung, ()) = join(hung, others).await;
    hung.unwrap();
    store.stage_insert(&stage("after"), 1).await.unwrap();
    assert_eq!(store.stage_all().await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_was_acknowledged_before_a_close_is_there_after_it() {
    let (store, directory) = open(&Settings::default()).await;
    let stages: Vec<_> = (0..300)
        .map(|number| stage(&format!("s{number}")))
        .collect();
    let inserts = join_all(stages.iter().map(|one| store.stage_insert(one, 1_000)));
    let close = async {
        queued(&store, 1).await;
        store.close().await;
    };
    let (inserted, ()) = join(inserts, close).await;
    drop(store);
    let store = Sqlite::open(&directory.path().join("s.db"), latency())
        .await
        .unwrap();
    for (stage, result) in stages.iter().zip(inserted) {
        let there = is_there(&store, stage.arn.id.as_str()).await;
        match result {
            Ok(()) => assert!(there, "{}", stage.arn),
            Err(StoreError::Unavailable(_)) => assert!(!there, "{}", stage.arn),
            Err(fault) => panic!("{fault}"),
        }
    }
}
