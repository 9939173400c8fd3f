//! Opening: settings, permissions, lock, schema versions (T65).

use std::path::Path;

use jiff::Timestamp;
use model::{ParticipantId, RecordingConfiguration, SessionId, ThumbnailConfiguration};
use sqlx::{AssertSqlSafe, query, query_scalar, raw_sql};

use super::{latency, stage};
use crate::{PageRequest, Sqlite, Store, StoreError};

async fn pragma(store: &Sqlite, name: &'static str) -> String {
    let mut connection = store.db.writer.acquire().await.unwrap();
    match name {
        "journal_mode" => query_scalar("PRAGMA journal_mode")
            .fetch_one(&mut *connection)
            .await
            .unwrap(),
        _ => query_scalar::<_, i64>(name)
            .fetch_one(&mut *connection)
            .await
            .unwrap()
            .to_string(),
    }
}

#[tokio::test]
async fn t58_the_writer_syncs_every_commit() {
    let directory = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&directory.path().join("s.db"), latency())
        .await
        .unwrap();
    assert_eq!(pragma(&store, "journal_mode").await, "wal");
    assert_eq!(pragma(&store, "PRAGMA synchronous").await, "2", "FULL");
    assert_eq!(pragma(&store, "PRAGMA foreign_keys").await, "1");
    assert_eq!(store.db.writer.size(), 1);
}

#[tokio::test]
async fn readers_cannot_write() {
    let directory = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&directory.path().join("s.db"), latency())
        .await
        .unwrap();
    let refused = query("DELETE FROM stage").execute(&store.db.readers).await;
    assert!(refused.is_err());
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    std::fs::write(&path, b"").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let store = Sqlite::open(&path, latency()).await.unwrap();
    store.heartbeat(Timestamp::UNIX_EPOCH).await.unwrap();
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        names.push(entry.file_name().into_string().unwrap());
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{names:?}");
    }
    names.sort();
    assert_eq!(names, ["s.db", "s.db-shm", "s.db-wal", "s.db.lock"]);
}

#[tokio::test]
async fn t65_a_database_opens_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let first = Sqlite::open(&path, latency()).await.unwrap();
    let link = directory.path().join("link.db");
    #[cfg(unix)]
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for name in [&path, &link] {
        let second = Sqlite::open(name, latency()).await;
        let Err(StoreError::InUse { path: named }) = second else {
            panic!("{second:?}");
        };
        assert_eq!(named.file_name(), Some("s.db".as_ref()));
    }
    first.stage_insert(&stage("one"), 10).await.unwrap();
    first.close().await;
    drop(first);
    let third = Sqlite::open(&path, latency()).await.unwrap();
    assert_eq!(third.stage_all().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_closed_store_answers_that_it_is_unavailable() {
    let directory = tempfile::tempdir().unwrap();
    let file = Sqlite::open(&directory.path().join("s.db"), latency())
        .await
        .unwrap();
    for store in [file, Sqlite::open_memory(latency()).await.unwrap()] {
        store.close().await;
        let results = [
            store.heartbeat(Timestamp::UNIX_EPOCH).await.err(),
            store.stage_all().await.err(),
        ];
        for result in results {
            assert!(matches!(result, Some(StoreError::Unavailable(_))));
        }
    }
}

/// Changes the record of applied migrations and says how the next opening ends.
async fn reopened_after(path: &Path, change: &'static str) -> Result<Sqlite, StoreError> {
    let store = Sqlite::open(path, latency()).await.unwrap();
    query(change).execute(&store.db.writer).await.unwrap();
    store.close().await;
    drop(store);
    Sqlite::open(path, latency()).await
}

#[tokio::test]
async fn t65_a_newer_schema_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (9999, 'later', TRUE, x'00', 0)";
    let refused = reopened_after(&path, newer).await;
    let Err(StoreError::SchemaTooNew { found: 9999, known }) = refused else {
        panic!("{refused:?}");
    };
    assert!(known < 9999);
    // The refusal has released the lock and changed nothing: it is refused again.
    let again = Sqlite::open(&path, latency()).await;
    assert!(matches!(again, Err(StoreError::SchemaTooNew { .. })));
}

#[tokio::test]
async fn t65_a_schema_of_another_history_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let changed = "UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1";
    let refused = reopened_after(&path, changed).await;
    let expected = "schema version";
    assert!(matches!(refused, Err(StoreError::Corrupt { what }) if what == expected));
}

#[tokio::test]
async fn t65_a_migration_that_fails_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = Sqlite::open(&path, latency()).await.unwrap();
    let mut connection = store.db.writer.acquire().await.unwrap();
    // As if it had never been migrated, but for one table in the way near the end of the second migration.
    for sql in [
        "DROP TABLE _sqlx_migrations",
        "DROP TABLE ingest_configuration",
        "DROP TABLE ban",
        "DROP TABLE replica",
        "DROP TABLE event",
        "DROP TABLE participant",
        "DROP TABLE session",
        "DROP TABLE stage",
        "DROP TABLE storage_configuration",
        "DROP TABLE encoder_configuration",
        "DROP TABLE public_key",
        "DROP TABLE life",
        "DROP TABLE secret",
    ] {
        query(sql).execute(&mut *connection).await.unwrap();
    }
    let refused = crate::sqlite::migrate::run(&mut connection).await;
    assert!(refused.is_err());
    let tables: Vec<String> =
        query_scalar("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
            .fetch_all(&mut *connection)
            .await
            .unwrap();
    assert_eq!(tables, ["revoked_connection_token"]);
}

/// What the first schema held: a stage with a session, a participant, an event and a ban.
const OF_THE_FIRST_SCHEMA: &[&str] = &[
    include_str!("../../../migrations/sqlite/0001_initial.sql"),
    "INSERT INTO stage (account, region, id, name, tags, created, active_session, recording) VALUES \
     ('000000000000', 'eu-west-1', 'old', 'a name', '{\"k\":\"v\"}', 5, NULL, \
     '{\"storage_configuration_arn\":\"\",\"media_types\":[\"AUDIO_ONLY\"],\"thumbnail_interval_seconds\":7, \
     \"thumbnail_storage\":[],\"thumbnail_recording_mode\":\"DISABLED\",\"reconnect_window_seconds\":8, \
     \"segment_seconds\":9,\"record_replicas\":false}')",
    "INSERT INTO session (stage, id, start, ended) VALUES (2, 'st-0123456789abc', 1, 2)",
    "INSERT INTO participant VALUES (1, 'ana', 'user', '{}', 'DISCONNECTED', 1, 1, 0, 'WHIP', \
     '{\"isp_name\":\"\",\"os_name\":\"\",\"os_version\":\"\",\"browser_name\":\"\",\"browser_version\":\"\",\"sdk_version\":\"\"}')",
    "INSERT INTO event VALUES (1, 1, 'ana', 1, 'JOINED', NULL, NULL)",
    "INSERT INTO ban VALUES (2, 'bad', 3)",
    "INSERT INTO secret VALUES ('key', x'00FF')",
];

#[tokio::test]
async fn t65_a_database_of_the_first_schema_is_brought_up_to_date_with_what_it_holds() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = Sqlite::open(&path, latency()).await.unwrap();
    let mut connection = store.db.writer.acquire().await.unwrap();
    // Back to the first schema: only its tables, and only its line in the record of migrations.
    let drops: Vec<String> = query_scalar(
        "SELECT 'DROP TABLE ' || name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\'",
    )
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    let prepare = [
        vec!["PRAGMA foreign_keys = OFF".to_owned()],
        drops,
        vec![
            "PRAGMA foreign_keys = ON".to_owned(),
            "DELETE FROM _sqlx_migrations WHERE version > 1".to_owned(),
        ],
        OF_THE_FIRST_SCHEMA
            .iter()
            .copied()
            .map(str::to_owned)
            .collect(),
    ];
    for sql in prepare.concat() {
        raw_sql(AssertSqlSafe(sql))
            .execute(&mut *connection)
            .await
            .unwrap();
    }
    drop(connection);
    store.close().await;
    drop(store);

    let store = Sqlite::open(&path, latency()).await.unwrap();
    let mut expected = stage("old");
    expected.name = "a name".into();
    expected.tags.insert("k".into(), "v".into());
    expected.created = Timestamp::from_nanosecond(5).unwrap();
    expected.recording = RecordingConfiguration {
        storage_configuration_arn: String::new(),
        media_types: vec!["AUDIO_ONLY".into()],
        thumbnail: ThumbnailConfiguration {
            interval_seconds: 7,
            storage: Vec::new(),
            recording_mode: "DISABLED".into(),
        },
        reconnect_window_seconds: 8,
        segment_seconds: 9,
        record_replicas: false,
    };
    let arn = &expected.arn;
    assert_eq!(
        store.stage_get(arn).await.unwrap().as_ref(),
        Some(&expected)
    );
    let all = store.stage_all().await.unwrap();
    let banned = ParticipantId::parse("bad").unwrap();
    assert_eq!(all, [(arn.clone(), vec![banned])]);
    let session = SessionId::parse("st-0123456789abc").unwrap();
    let ana = ParticipantId::parse("ana").unwrap();
    let page = PageRequest {
        after: None,
        limit: 10,
    };
    let participant = store.participant_get(arn, &session, &ana).await.unwrap();
    assert_eq!(participant.unwrap().user_id, "user");
    let events = store.event_list(arn, &session, &ana, &page).await.unwrap();
    assert_eq!(events.items.len(), 1);
    let secret = store.secret_get_or_insert("key", b"fresh").await.unwrap();
    assert_eq!(secret, [0, 255]);
    let state = store.state_export().await.unwrap();
    assert_eq!((state.stages.len(), state.bans.len()), (1, 1));
    store.stage_delete(arn).await.unwrap();
    let intact: Vec<String> = query_scalar("PRAGMA integrity_check")
        .fetch_all(&store.db.writer)
        .await
        .unwrap();
    assert_eq!(intact, ["ok"]);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    std::fs::write(&path, vec![b'x'; 8_192]).unwrap();
    let refused = Sqlite::open(&path, latency()).await;
    assert!(matches!(refused, Err(StoreError::Corrupt { what: "file" })));
    let untouched = std::fs::read(&path).unwrap();
    assert!(untouched.iter().all(|byte| *byte == b'x'));
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("absent").join("s.db");
    let refused = Sqlite::open(&path, latency()).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
}
