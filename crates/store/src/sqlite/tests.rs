//! The contract on a file and in memory, and what is SQLite's own: durability, locks, schema, a full disk.

mod crash;
mod faults;
mod file {
    //! The contract on a file.

    use tempfile::TempDir;

    use crate::Sqlite;

    async fn open() -> (Sqlite, TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.db");
        (
            Sqlite::open(&path, super::latency()).await.unwrap(),
            directory,
        )
    }

    crate::contract::suite!(open);
}
mod memory {
    //! The contract in memory.

    use crate::Sqlite;

    async fn open() -> (Sqlite, ()) {
        (Sqlite::open_memory(super::latency()).await.unwrap(), ())
    }

    crate::contract::suite!(open);
}
mod grave;
mod group;
mod plan;
mod rate;
mod schema;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use model::{RecordingConfiguration, Stage, StageArn};

use crate::Latency;

fn latency() -> Arc<Latency> {
    Arc::new(Latency::new())
}

fn stage(id: &str) -> Stage {
    Stage {
        arn: StageArn::parse(&format!("arn:aws:ivs:eu-west-1:000000000000:stage/{id}")).unwrap(),
        name: String::new(),
        tags: BTreeMap::new(),
        created: Timestamp::UNIX_EPOCH,
        active_session: None,
        recording: RecordingConfiguration::default(),
    }
}
