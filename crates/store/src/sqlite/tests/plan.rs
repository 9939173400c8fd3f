//! Lists walk an index: a page costs the same however long the list is.

use sqlx::{AssertSqlSafe, query_as};

use super::latency;
use crate::Sqlite;
use crate::sqlite::resource::Resource;
use crate::sqlite::{
    encoder_configuration, event, ingest_configuration, participant, public_key, session, stage,
    storage_configuration,
};

#[tokio::test]
async fn no_list_scans_or_sorts_a_table() {
    let store = Sqlite::open_memory(latency()).await.unwrap();
    let lists = [
        stage::Row::SQL.list,
        public_key::Row::SQL.list,
        ingest_configuration::Row::SQL.list,
        ingest_configuration::LIST_BY_STAGE,
        encoder_configuration::Row::SQL.list,
        storage_configuration::Row::SQL.list,
        session::LIST,
        participant::LIST,
        participant::LIST_BY_USER,
        participant::LIST_BY_PUBLISHED,
        participant::LIST_BY_STATE,
        event::LIST,
    ];
    for sql in lists {
        let plan: Vec<(i64, i64, i64, String)> =
            query_as(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")))
                .fetch_all(&store.db.readers)
                .await
                .unwrap();
        assert!(!plan.is_empty());
        for (_, _, _, step) in plan {
            assert!(
                !step.contains("SCAN ") && !step.contains("TEMP B-TREE"),
                "{sql}: {step}"
            );
        }
    }
}
