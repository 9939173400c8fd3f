//! How many durable writes there are in a second. Not a test: it asserts nothing but that they succeed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::{latency, stage};
use crate::{Sqlite, Store};

/// How long is counted.
const SPAN: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures; run it alone with --nocapture"]
async fn durable_inserts_per_second() {
    for writers in [1, 8, 64, 256] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let store = Sqlite::open(&path, latency()).await.unwrap();
        let store = Arc::new(store);
        let done = Arc::new(AtomicU64::new(0));
        let began = Instant::now();
        let mut tasks = JoinSet::new();
        for writer in 0..writers {
            let (store, done) = (store.clone(), done.clone());
            let insert = async move {
                for number in 0.. {
                    // An account each thousand stages: a quota is counted on every insert.
                    let mut one = stage(&format!("w{writer}n{number}"));
                    let account = format!("{writer:06}{:06}", number / 1_000);
                    one.arn.account = model::AccountId::parse(&account).unwrap();
                    store.stage_insert(&one, 1_000).await.unwrap();
                    done.fetch_add(1, Ordering::Relaxed);
                }
            };
            tasks.spawn(timeout(SPAN, insert));
        }
        tasks.join_all().await;
        let rate = done.load(Ordering::Relaxed) * 1_000
            / u64::try_from(began.elapsed().as_millis()).unwrap();
        println!("{writers} writers: {rate} durable inserts per second");
    }
}
