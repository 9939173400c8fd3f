//! Crashes: what has been acknowledged is there afterwards, whole (T58).

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use futures_util::future::{join, join_all};
use jiff::Timestamp;
use model::{
    ConnectionTokenId, Event, EventName, ParticipantId, Record, ResourceId, RevokedConnectionToken,
    Session, SessionId, StageArn, StorageConfiguration, StorageConfigurationArn,
};
use sqlx::{query, query_scalar};

use super::{latency, stage};
use crate::contract::ingest_in;
use crate::{PageRequest, Sqlite, Store};

/// Tells the child which database to write.
const DATABASE: &str = "STORE_TEST_DATABASE";
/// Tells the child how its ids begin.
const PREFIX: &str = "STORE_TEST_PREFIX";

fn person() -> ParticipantId {
    ParticipantId::parse("ana").unwrap()
}

fn session() -> SessionId {
    SessionId::parse("st-0000000000001").unwrap()
}

fn storage_of(id: &str) -> StorageConfiguration {
    let StageArn {
        region, account, ..
    } = stage(id).arn;
    StorageConfiguration {
        arn: StorageConfigurationArn {
            region,
            account,
            id: ResourceId::parse(id).unwrap(),
        },
        name: String::new(),
        bucket: "recordings".to_owned(),
        tags: BTreeMap::new(),
        created: Timestamp::UNIX_EPOCH,
    }
}

fn revoked(id: &str) -> RevokedConnectionToken {
    let arn = stage(id).arn;
    RevokedConnectionToken {
        account: arn.account,
        region: arn.region,
        id: ConnectionTokenId::parse(id).unwrap(),
        at: Timestamp::UNIX_EPOCH,
    }
}

/// Writes a storage configuration and a revoked token, a stage that records to the one, then a batch of a session with three events.
async fn write(store: &Sqlite, id: &str) {
    let storage = storage_of(id);
    let token = revoked(id);
    let (inserted, revoked) = join(
        store.storage_configuration_insert(&storage, 1_000_000),
        store.connection_token_revoke(&token),
    )
    .await;
    inserted.unwrap();
    revoked.unwrap();
    let mut stage = stage(id);
    stage.recording.storage_configuration_arn = storage.arn.to_string();
    store.stage_insert(&stage, 1_000_000).await.unwrap();
    let mut batch = vec![Record::SessionStarted(Session {
        stage: stage.arn.clone(),
        id: session(),
        start: Timestamp::UNIX_EPOCH,
        end: None,
    })];
    batch.extend((1..=3).map(|sequence| {
        Record::Event(Event {
            stage: stage.arn.clone(),
            session: session(),
            participant: person(),
            sequence,
            time: Timestamp::UNIX_EPOCH,
            name: EventName::Joined,
            remote: None,
            error: None,
            exchange: None,
            replica: false,
            destination: None,
        })
    }));
    store.records_apply(&batch).await.unwrap();
}

/// Every acknowledged stage is there with its batch, every other one has all of its batch or nothing.
async fn check(path: &Path, acknowledged: &BTreeSet<String>) {
    let store = Sqlite::open(path, latency()).await.unwrap();
    let intact: String = query_scalar("PRAGMA integrity_check")
        .fetch_one(&store.db.writer)
        .await
        .unwrap();
    assert_eq!(intact, "ok");
    let dangling = query("PRAGMA foreign_key_check")
        .fetch_all(&store.db.writer)
        .await
        .unwrap();
    assert!(dangling.is_empty());
    let page = PageRequest {
        after: None,
        limit: 10,
    };
    let mut stored = BTreeSet::new();
    for (arn, _) in store.stage_all().await.unwrap() {
        let id = arn.id.to_string();
        let events = store
            .event_list(&arn, &session(), &person(), &page)
            .await
            .unwrap()
            .items
            .len();
        let stage = store.stage_get(&arn).await.unwrap().unwrap();
        let active = stage.active_session;
        let storage = storage_of(&id);
        let recording = stage.recording.storage_configuration_arn;
        assert_eq!(recording, storage.arn.to_string());
        let read = store.storage_configuration_get(&storage.arn).await.unwrap();
        assert_eq!(read, Some(storage));
        let token = revoked(&id);
        let is_revoked = store
            .connection_token_is_revoked(&token.account, &token.region, &token.id)
            .await;
        assert!(is_revoked.unwrap());
        let whole = events == 3 && active == Some(session());
        let none = events == 0 && active.is_none() && !acknowledged.contains(&id);
        assert!(whole || none, "{id} has {events} events");
        stored.insert(id);
    }
    assert!(stored.is_superset(acknowledged));
    store.close().await;
}

#[tokio::test]
async fn t58_a_store_that_is_not_closed_keeps_what_it_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let ids: BTreeSet<_> = (0..20).map(|number| format!("s{number}")).collect();
    let store = Sqlite::open(&path, latency()).await.unwrap();
    for id in &ids {
        write(&store, id).await;
    }
    // What is on the disk at this moment is all that a crash would leave: neither closed nor checkpointed.
    let copy = directory.path().join("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    let wal = |path: &Path| PathBuf::from(format!("{}-wal", path.display()));
    std::fs::copy(wal(&path), wal(&copy)).unwrap();
    drop(store);
    check(&copy, &ids).await;
}

#[tokio::test]
async fn t58_no_ingest_configuration_is_active_when_the_process_starts() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let stage = stage("one");
    let mut expected = ingest_in(
        &stage.arn.account.to_string(),
        stage.arn.region.as_str(),
        "mine",
    );
    expected.stage = Some(stage.arn.clone());
    let store = Sqlite::open(&path, latency()).await.unwrap();
    store.stage_insert(&stage, 10).await.unwrap();
    store
        .ingest_configuration_insert(&expected, 10)
        .await
        .unwrap();
    let record = Record::Ingest {
        stage: stage.arn.clone(),
        configuration: expected.arn.clone(),
        active: true,
    };
    store.records_apply(&[record]).await.unwrap();
    let read = store.ingest_configuration_get(&expected.arn).await;
    assert!(read.unwrap().unwrap().active);
    store.close().await;
    drop(store);
    let store = Sqlite::open(&path, latency()).await.unwrap();
    let read = store.ingest_configuration_get(&expected.arn).await;
    assert_eq!(read.unwrap(), Some(expected));
}

#[tokio::test]
async fn t58_kill_9_during_writes_loses_no_acknowledged_row() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let mut acknowledged = BTreeSet::new();
    for (round, acks) in [1, 20, 75].into_iter().enumerate() {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "sqlite::tests::crash::child_that_writes",
                "--ignored",
                "--nocapture",
            ])
            .env(DATABASE, &path)
            .env(PREFIX, format!("r{round}"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut seen = 0;
        // The lines after the kill were written before it: they count too. A line without its end does not.
        loop {
            let mut line = String::new();
            if output.read_line(&mut line).unwrap() == 0 {
                break;
            }
            let Some(id) = line.strip_prefix("acknowledged ") else {
                continue;
            };
            if let Some(id) = id.strip_suffix('\n') {
                acknowledged.insert(id.to_owned());
                seen += 1;
                if seen == acks {
                    child.kill().unwrap();
                }
            }
        }
        child.wait().unwrap();
        assert!(seen >= acks, "the child ended after {seen}");
        check(&path, &acknowledged).await;
    }
}

#[tokio::test]
#[ignore = "the child of the test above; alone it writes for ever"]
async fn child_that_writes() {
    let path = PathBuf::from(std::env::var_os(DATABASE).unwrap());
    let prefix = std::env::var(PREFIX).unwrap();
    let store = Sqlite::open(&path, latency()).await.unwrap();
    let (store, prefix) = (&store, &prefix);
    join_all((0..4).map(|writer| async move {
        for number in 0.. {
            let id = format!("{prefix}w{writer}n{number}");
            write(store, &id).await;
            // The harness may have left a line without its end.
            let mut out = std::io::stdout().lock();
            write!(out, "\nacknowledged {id}\n").unwrap();
            out.flush().unwrap();
        }
    }))
    .await;
}
