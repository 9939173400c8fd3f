//! The task that writes. A commit waits for the disk, so writes that arrive while another commit is under way share the next one.
//!
//! The task takes a write from the queue, begins a transaction, and does this write and all that are in the queue by then, the
//! later ones each inside a savepoint: a write that fails takes back what it did and nothing else. Then it commits, and only then
//! answers. It never waits for company: a write that is alone has a transaction of its own. If the first one fails, the transaction
//! ends with it, and what is behind it in the queue begins another.
//!
//! A write whose caller goes away before its turn is not done; after that it is, with nobody to tell.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;
use sqlx::{Connection, SqliteConnection, SqlitePool};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tracing::{Instrument, Span};

use crate::StoreError;

/// Writes that share a commit at most: some tens of milliseconds of work, for which the first of them waits.
const GROUP_MAX: usize = 256;

/// Writes in the queue at most; further callers wait for a place in it.
const QUEUE: usize = 2 * GROUP_MAX;

/// What a write does, on a connection that is in a transaction.
pub(super) type Work<'c, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'c>>;

/// The way to the task, which ends with it.
#[derive(Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Box<dyn Job>>,
    _task: JoinSet<()>,
}

/// The transaction of a write was not committed, or it is not known whether it was.
#[derive(Debug, thiserror::Error)]
#[error("the transaction that the write was part of failed")]
struct NotCommitted(#[source] Arc<sqlx::Error>);

impl Writer {
    /// Starts the task, which writes on connections of this pool: one at a time, none while it has nothing to do.
    pub(super) fn start(pool: SqlitePool) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let mut task = JoinSet::new();
        task.spawn(run(pool, jobs));
        Self { queue, _task: task }
    }

    /// Writes, and answers when it is durable.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        span: Span,
        work: impl for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let write = Write {
            work: Some(work),
            span,
            result: None,
            answer,
        };
        let sent = self.queue.send(Box::new(write)).await;
        sent.map_err(|_| StoreError::Unavailable("nothing takes writes any more".into()))?;
        answered
            .await
            .unwrap_or_else(|gone| Err(StoreError::Unavailable(Box::new(gone))))
    }
}

#[cfg(test)]
impl Writer {
    /// How many writes are in the queue.
    pub(super) fn queued(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }
}

/// A write in the queue, whatever its result is.
#[async_trait]
trait Job: Send {
    /// Whether somebody waits for it.
    fn is_wanted(&self) -> bool;
    /// Does it, and says whether that is to be kept.
    async fn run(&mut self, connection: &mut SqliteConnection) -> bool;
    /// Tells the caller how it ended, after the transaction has.
    fn answer(self: Box<Self>, transaction: &Result<(), Arc<sqlx::Error>>);
}

struct Write<T, F> {
    work: Option<F>,
    span: Span,
    result: Option<Result<T, StoreError>>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

#[async_trait]
impl<T, F> Job for Write<T, F>
where
    T: Send,
    F: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T> + Send,
{
    fn is_wanted(&self) -> bool {
        !self.answer.is_closed()
    }

    async fn run(&mut self, connection: &mut SqliteConnection) -> bool {
        let Some(work) = self.work.take() else {
            return false;
        };
        let result = catch(work(connection).instrument(self.span.clone())).await;
        self.result.insert(result).is_ok()
    }

    fn answer(self: Box<Self>, transaction: &Result<(), Arc<sqlx::Error>>) {
        let result = match (self.result, transaction) {
            // What is wrong with the database was seen here first.
            (Some(Err(fault @ StoreError::Unavailable(_))), _) => Err(fault),
            (_, Err(fault)) => Err(StoreError::Unavailable(Box::new(NotCommitted(
                fault.clone(),
            )))),
            (Some(result), Ok(())) => result,
            (None, Ok(())) => return,
        };
        // Nobody hears it if the caller has gone away.
        let _ = self.answer.send(result);
    }
}

/// A panic in one write is not the end of all others.
async fn catch<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let mut work = pin!(work);
    poll_fn(|context| {
        catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))).unwrap_or_else(|_| {
            Poll::Ready(Err(StoreError::Unavailable("the write panicked".into())))
        })
    })
    .await
}

async fn run(pool: SqlitePool, mut queue: mpsc::Receiver<Box<dyn Job>>) {
    while let Some(first) = queue.recv().await {
        let mut group = vec![first];
        let transaction = transact(&pool, &mut queue, &mut group).await;
        let transaction = transaction.map_err(Arc::new);
        for job in group {
            job.answer(&transaction);
        }
    }
}

/// Does the first write of the group and those that follow it in the queue in one transaction, and puts them into the group.
async fn transact(
    pool: &SqlitePool,
    queue: &mut mpsc::Receiver<Box<dyn Job>>,
    group: &mut Vec<Box<dyn Job>>,
) -> Result<(), sqlx::Error> {
    let mut transaction = match pool.begin_with("BEGIN IMMEDIATE").await {
        Ok(transaction) => transaction,
        Err(fault) => {
            // Whoever has been waiting need not wait for the same thing again.
            group.extend(std::iter::from_fn(|| queue.try_recv().ok()).take(QUEUE));
            return Err(fault);
        }
    };
    let mut is_empty = true;
    while let Some(job) = group.last_mut() {
        if job.is_wanted() && is_empty {
            // Most writes are alone. There is nothing yet that one has to spare if it fails, so it does without a savepoint, which
            // would be two more trips to the connection's thread.
            if !job.run(&mut transaction).await {
                return transaction.rollback().await;
            }
            is_empty = false;
        } else if job.is_wanted() {
            let mut savepoint = transaction.begin().await?;
            // Where SQLite has rolled back the whole transaction by itself (full disk), there is no savepoint any more, and the
            // group fails here.
            if job.run(&mut savepoint).await {
                savepoint.commit().await?;
            } else {
                savepoint.rollback().await?;
            }
        }
        if group.len() == GROUP_MAX {
            break;
        }
        let Ok(next) = queue.try_recv() else {
            break;
        };
        group.push(next);
    }
    transaction.commit().await
}
