//! Lists and lookups walk an index: a page costs the same however long the list is.

use sqlx::{AssertSqlSafe, query_as};

use super::latency;
use crate::Sqlite;
use crate::sqlite::resource::{Resource, Sql};
use crate::sqlite::{
    connection_token, encoder_configuration, event, grave, ingest_configuration, participant,
    public_key, replica, session, stage, storage_configuration,
};

/// The statements that all kinds of resources have.
fn of_every_kind() -> Vec<&'static str> {
    let kinds: [Sql; 5] = [
        stage::Row::SQL,
        public_key::Row::SQL,
        ingest_configuration::Row::SQL,
        encoder_configuration::Row::SQL,
        storage_configuration::Row::SQL,
    ];
    kinds
        .iter()
        .flat_map(|sql| {
            [
                sql.get,
                sql.list,
                sql.count,
                sql.delete,
                sql.tags,
                sql.tags_set,
            ]
        })
        .collect()
}

#[tokio::test]
async fn no_list_or_lookup_scans_or_sorts_a_table() {
    let store = Sqlite::open_memory(latency()).await.unwrap();
    let mut statements = of_every_kind();
    statements.extend([
        ingest_configuration::LIST_BY_STAGE,
        ingest_configuration::LIST_BY_STATE,
        ingest_configuration::DETACH,
        ingest_configuration::SET_STATE,
        connection_token::IS_REVOKED,
        connection_token::EXPIRE,
        session::LIST,
        participant::LIST,
        participant::LIST_BY_USER,
        participant::LIST_BY_PUBLISHED,
        participant::LIST_BY_STATE,
        participant::SESSION,
        replica::LIST,
        replica::KNOWN,
        event::LIST,
        grave::NEXT,
        // What deleting a stage or a storage configuration asks on behalf of their references.
        "SELECT 1 FROM ingest_configuration WHERE stage = ?1",
        "SELECT 1 FROM stage WHERE storage_configuration = ?1",
    ]);
    for sql in statements {
        let plan: Vec<(i64, i64, i64, String)> =
            query_as(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")))
                .fetch_all(&store.db.readers)
                .await
                .unwrap();
        assert!(!plan.is_empty());
        for (_, _, _, step) in plan {
            // The constant row of SELECT EXISTS, and the credentials of one configuration, are no tables.
            let of_a_table = step.contains("SCAN ")
                && !["SCAN CONSTANT ROW", "SCAN json_each VIRTUAL TABLE"]
                    .iter()
                    .any(|harmless| step.starts_with(harmless));
            assert!(
                !of_a_table && !step.contains("TEMP B-TREE"),
                "{sql}: {step}"
            );
        }
    }
}
