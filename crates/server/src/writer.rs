//! Writes what the stage machine wants remembered, in groups, and keeps trying while the store does not answer.
//!
//! The first batch after a pause is written at once; batches that come within [`GROUP_WINDOW`] of the last write wait for
//! its end and share one transaction. So nothing is later than the window and the write before it, and a crowd that joins
//! costs fifty transactions a second, not thousands. A batch is all that one input caused and is never torn apart.
//!
//! The queue is bounded. [`Writer::is_pressed`] says when new connections must be refused, long before it is full: what is
//! left is for those who are connected already, who can cause only so much more. Media never waits for any of this.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::Record;
use store::{SharedStore, StoreError};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Longest wait for company, from the last write on.
const GROUP_WINDOW: Duration = Duration::from_millis(20);
/// Batches in one transaction; keeps transactions short after an outage.
const GROUP_BATCHES_MAX: usize = 1_024;
/// Batches that wait for the store: minutes of a lively server, some tens of megabytes.
const QUEUE_BATCHES_MAX: usize = 65_536;
/// New connections are refused when less than this is left of the queue.
const QUEUE_RESERVE: usize = QUEUE_BATCHES_MAX / 2;
/// First and longest pause between two attempts.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// What the writer has done, for `/metrics`.
#[derive(Debug, Default)]
pub(crate) struct WriterCounters {
    /// Attempts that the store did not answer.
    pub(crate) retries: AtomicU64,
    /// Records that could not be kept.
    pub(crate) dropped: AtomicU64,
    /// Batches that wait.
    pub(crate) waiting: AtomicU64,
}

/// The stage loop's end of the queue.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Vec<Record>>,
    counters: Arc<WriterCounters>,
}

impl Writer {
    /// Hands a batch over. Never waits.
    pub(crate) fn write(&self, batch: Vec<Record>) {
        if batch.is_empty() {
            return;
        }
        let records = batch.len() as u64;
        self.counters.waiting.fetch_add(1, Ordering::Relaxed);
        if self.queue.try_send(batch).is_err() {
            self.counters.waiting.fetch_sub(1, Ordering::Relaxed);
            self.counters.dropped.fetch_add(records, Ordering::Relaxed);
            tracing::error!(records, "records are lost: the queue to the store is full");
        }
    }

    /// Whether so much waits that nobody new may come in.
    pub(crate) fn is_pressed(&self) -> bool {
        self.queue.capacity() < QUEUE_RESERVE
    }
}

/// The store's end of the queue; ends when the [`Writer`] is dropped and everything is written.
pub(crate) struct WriterTask {
    queue: mpsc::Receiver<Vec<Record>>,
    store: SharedStore,
    counters: Arc<WriterCounters>,
}

/// Both ends.
pub(crate) fn writer(store: SharedStore, counters: Arc<WriterCounters>) -> (Writer, WriterTask) {
    let (sender, receiver) = mpsc::channel(QUEUE_BATCHES_MAX);
    let writer = Writer {
        queue: sender,
        counters: Arc::clone(&counters),
    };
    (
        writer,
        WriterTask {
            queue: receiver,
            store,
            counters,
        },
    )
}

impl WriterTask {
    /// Writes until the other end is gone.
    pub(crate) async fn run(mut self) {
        let mut last_write: Option<Instant> = None;
        let mut group = Vec::new();
        loop {
            if self.queue.recv_many(&mut group, GROUP_BATCHES_MAX).await == 0 {
                return;
            }
            if let Some(last) = last_write {
                tokio::time::sleep_until(last + GROUP_WINDOW).await;
                while group.len() < GROUP_BATCHES_MAX
                    && let Ok(batch) = self.queue.try_recv()
                {
                    group.push(batch);
                }
            }
            self.write_group(&group).await;
            self.counters
                .waiting
                .fetch_sub(group.len() as u64, Ordering::Relaxed);
            group.clear();
            last_write = Some(Instant::now());
        }
    }

    async fn write_group(&self, group: &[Vec<Record>]) {
        let Err(error) = self.write(group.concat()).await else {
            return;
        };
        // Something in the group cannot be stored. Its neighbours can.
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "a group of records was refused"
        );
        for batch in group {
            if let Err(error) = self.write(batch.clone()).await {
                self.counters
                    .dropped
                    .fetch_add(batch.len() as u64, Ordering::Relaxed);
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    records = batch.len(),
                    "records are lost: the store refuses them"
                );
            }
        }
    }

    /// Tries until the store answers.
    async fn write(&self, records: Vec<Record>) -> Result<(), StoreError> {
        let mut pause = BACKOFF.0;
        loop {
            match self.store.records_apply(&records).await {
                Err(error @ StoreError::Unavailable(_)) => {
                    self.counters.retries.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        records = records.len(),
                        "the store does not answer; trying again"
                    );
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(BACKOFF.1);
                }
                outcome => return outcome,
            }
        }
    }
}
