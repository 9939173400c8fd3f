//! Writes what the stage machine wants remembered, in groups, and keeps trying while the store does not answer.
//!
//! The first batch after a pause is written at once; batches that come within [`GROUP_WINDOW`] of the last write wait for
//! its end and share one transaction. So nothing is later than the window and the write before it, and a crowd that joins
//! costs fifty transactions a second, not thousands. A batch is all that one input caused and is never torn apart.
//!
//! The queue is bounded. [`Writer::is_pressed`] says when new connections must be refused, long before it is full: what is
//! left is for those who are connected already, who can cause only so much more. If it fills up all the same, the oldest
//! batch is lost: the newest say how everything ended. Media never waits for any of this.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::Record;
use stage::Reply;
use store::{SharedStore, StoreError};
use tokio::sync::{Notify, oneshot};
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

/// What waits for the store. An `mpsc` channel cannot give up its oldest message.
#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

/// What one input caused, and who hears of it only when it is written.
#[derive(Debug)]
struct Batch {
    records: Vec<Record>,
    asker: Option<(oneshot::Sender<Reply>, Reply)>,
}

impl Batch {
    /// Tells whoever waits for it.
    fn written(&mut self) {
        if let Some((asker, reply)) = self.asker.take() {
            // Whoever asked may have gone away.
            let _ = asker.send(reply);
        }
    }
}

#[derive(Debug, Default)]
struct Waiting {
    batches: VecDeque<Batch>,
    /// Nothing more will come.
    is_closed: bool,
}

impl Queue {
    /// Never held across an await.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fills the group up with what waits, without waiting itself; whether more may come.
    fn take(&self, group: &mut Vec<Batch>) -> bool {
        let mut waiting = self.lock();
        let room = GROUP_BATCHES_MAX.saturating_sub(group.len());
        let count = room.min(waiting.batches.len());
        group.extend(waiting.batches.drain(..count));
        !waiting.is_closed
    }
}

/// The stage loop's end of the queue.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: Arc<Queue>,
    counters: Arc<WriterCounters>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.lock().is_closed = true;
        self.queue.changed.notify_one();
    }
}

impl Writer {
    /// Hands a batch over. Never waits.
    pub(crate) fn write(&self, records: Vec<Record>) {
        if !records.is_empty() {
            self.push(Batch {
                records,
                asker: None,
            });
        }
    }

    /// Hands a batch over and answers the asker when it is written and everything before it is written or known to be lost. If
    /// it is lost itself, there is no answer. Never waits itself.
    pub(crate) fn write_and_answer(
        &self,
        records: Vec<Record>,
        asker: oneshot::Sender<Reply>,
        reply: Reply,
    ) {
        self.push(Batch {
            records,
            asker: Some((asker, reply)),
        });
    }

    fn push(&self, batch: Batch) {
        let oldest = {
            let mut waiting = self.queue.lock();
            let is_full = waiting.batches.len() >= QUEUE_BATCHES_MAX;
            let oldest = is_full.then(|| waiting.batches.pop_front()).flatten();
            if oldest.is_none() {
                self.counters.waiting.fetch_add(1, Ordering::Relaxed);
            }
            waiting.batches.push_back(batch);
            oldest
        };
        self.queue.changed.notify_one();
        if let Some(oldest) = oldest {
            let records = oldest.records.len() as u64;
            self.counters.dropped.fetch_add(records, Ordering::Relaxed);
            tracing::error!(records, "records are lost: the queue to the store is full");
        }
    }

    /// Whether so much waits that nobody new may come in.
    pub(crate) fn is_pressed(&self) -> bool {
        self.queue.lock().batches.len() > QUEUE_BATCHES_MAX - QUEUE_RESERVE
    }
}

/// The store's end of the queue; ends when the [`Writer`] is dropped and everything is written.
pub(crate) struct WriterTask {
    queue: Arc<Queue>,
    store: SharedStore,
    counters: Arc<WriterCounters>,
}

/// Both ends.
pub(crate) fn writer(store: SharedStore, counters: Arc<WriterCounters>) -> (Writer, WriterTask) {
    let queue = Arc::new(Queue::default());
    let writer = Writer {
        queue: Arc::clone(&queue),
        counters: Arc::clone(&counters),
    };
    (
        writer,
        WriterTask {
            queue,
            store,
            counters,
        },
    )
}

impl WriterTask {
    /// Writes until the other end is gone.
    pub(crate) async fn run(self) {
        let mut last_write: Option<Instant> = None;
        let mut group = Vec::new();
        loop {
            let more_may_come = self.queue.take(&mut group);
            if group.is_empty() {
                if !more_may_come {
                    return;
                }
                // What changed since the look is remembered, so this returns at once then.
                self.queue.changed.notified().await;
                continue;
            }
            if let Some(last) = last_write {
                tokio::time::sleep_until(last + GROUP_WINDOW).await;
                self.queue.take(&mut group);
            }
            self.write_group(&mut group).await;
            group.iter_mut().for_each(Batch::written);
            self.counters
                .waiting
                .fetch_sub(group.len() as u64, Ordering::Relaxed);
            group.clear();
            last_write = Some(Instant::now());
        }
    }

    async fn write_group(&self, group: &mut [Batch]) {
        let all = group.iter().flat_map(|batch| batch.records.iter().cloned());
        let Err(error) = self.write(all.collect()).await else {
            return;
        };
        // Something in the group cannot be stored. Its neighbours can.
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "a group of records was refused"
        );
        for batch in group {
            if let Err(error) = self.write(batch.records.clone()).await {
                batch.asker = None;
                self.counters
                    .dropped
                    .fetch_add(batch.records.len() as u64, Ordering::Relaxed);
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    records = batch.records.len(),
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

#[cfg(test)]
mod tests {
    use model::{SessionId, StageArn};
    use tokio::task::JoinSet;

    use super::*;
    use crate::fake_store::Fake;

    /// A record that carries a number.
    fn record(number: usize) -> Record {
        Record::SessionEnded {
            stage: StageArn::parse("arn:aws:ivs:us-east-1:000000000000:stage/abcd").unwrap(),
            session: SessionId::parse("st-0123456789abc").unwrap(),
            end: jiff::Timestamp::from_second(i64::try_from(number).unwrap()).unwrap(),
        }
    }

    /// The numbers of what was written.
    fn numbers(store: &Fake) -> Vec<i64> {
        let written = store.written.lock().unwrap();
        let ends = written.iter().filter_map(|record| match record {
            Record::SessionEnded { end, .. } => Some(end.as_second()),
            Record::SessionStarted(_)
            | Record::Participant(_)
            | Record::Event(_)
            | Record::Ingest { .. }
            | Record::Replica(_) => None,
        });
        ends.collect()
    }

    fn pair() -> (Arc<Fake>, Arc<WriterCounters>, Writer, WriterTask) {
        let store = Arc::new(Fake::default());
        let counters = Arc::new(WriterCounters::default());
        let (writer, task) = writer(store.clone(), Arc::clone(&counters));
        (store, counters, writer, task)
    }

    #[tokio::test]
    async fn t59_newcomers_are_refused_long_before_anything_is_lost() {
        let (store, counters, writer, task) = pair();
        let batches = QUEUE_BATCHES_MAX - QUEUE_RESERVE;
        for number in 0..batches {
            writer.write(vec![record(number)]);
            assert!(!writer.is_pressed(), "{number}");
        }
        writer.write(vec![record(batches)]);
        assert!(writer.is_pressed());
        assert_eq!(counters.dropped.load(Ordering::Relaxed), 0);
        drop(writer);
        task.run().await;
        assert_eq!(numbers(&store).len(), batches + 1);
        assert_eq!(counters.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn t59_a_full_queue_loses_the_oldest_batches_whole_and_counts_their_records() {
        let (store, counters, writer, task) = pair();
        writer.write(vec![record(0), record(1)]);
        writer.write(vec![record(2)]);
        for number in 3..QUEUE_BATCHES_MAX + 3 {
            writer.write(vec![record(number)]);
        }
        assert_eq!(counters.dropped.load(Ordering::Relaxed), 3);
        let waiting = counters.waiting.load(Ordering::Relaxed);
        assert_eq!(waiting, QUEUE_BATCHES_MAX as u64);
        drop(writer);
        task.run().await;
        let expected: Vec<i64> = (3..).take(QUEUE_BATCHES_MAX).collect();
        assert_eq!(numbers(&store), expected);
        assert_eq!(counters.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_the_store_hears_when_everything_before_is_written() {
        let (store, _counters, writer, task) = pair();
        let (asker, reply) = oneshot::channel();
        writer.write(vec![record(0)]);
        writer.write_and_answer(Vec::new(), asker, Reply::Done);
        writer.write(vec![record(1)]);
        let mut tasks = JoinSet::new();
        tasks.spawn(task.run());
        assert_eq!(reply.await, Ok(Reply::Done));
        assert_eq!(numbers(&store)[0], 0);
        drop(writer);
        tasks.join_next().await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn t59_who_waits_for_what_cannot_be_stored_is_not_told_that_it_is() {
        let (store, counters, writer, task) = pair();
        store.refuses.store(true, Ordering::Relaxed);
        let (lost, nothing) = oneshot::channel();
        let (asker, reply) = oneshot::channel();
        writer.write_and_answer(vec![record(0)], lost, Reply::Done);
        writer.write_and_answer(Vec::new(), asker, Reply::Done);
        drop(writer);
        task.run().await;
        assert!(nothing.await.is_err());
        assert_eq!(reply.await, Ok(Reply::Done));
        assert_eq!(counters.dropped.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_while_the_task_waits_is_written_in_order() {
        let (store, _counters, writer, task) = pair();
        let mut tasks = JoinSet::new();
        tasks.spawn(task.run());
        for number in 0..5 {
            writer.write(vec![record(number)]);
            store.wrote.notified().await;
        }
        writer.write(vec![record(5)]);
        writer.write(Vec::new());
        drop(writer);
        tasks.join_next().await.unwrap().unwrap();
        assert_eq!(numbers(&store), [0, 1, 2, 3, 4, 5]);
    }
}
