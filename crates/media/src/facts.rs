//! What doors and workers have seen, on its way to `stage`.
//!
//! A fact that a connection has ended must never be lost, and a worker thread must never wait. So facts have a queue of
//! their own, which a single task empties into the bounded channel of `stage` at that channel's pace. Its length is bounded
//! by what exists: a connection yields at most two facts, connected and closed, and a socket that its participant is put out, and what it
//! mutes, at the rate at which it may speak.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use stage::{Input, Reply};
use tokio::sync::{Notify, oneshot, watch};

use crate::StageSender;

type Fact = (Input, oneshot::Sender<Reply>);

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    state: Mutex<State>,
    changed: Notify,
    /// How many have gone to `stage`.
    gone: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Fact>,
    /// How many have ever been put in.
    pushed: u64,
    closed: bool,
}

impl Facts {
    /// Queues a fact. The receiver yields the machine's reply, for those who want to know that it has arrived.
    pub(crate) fn push(&self, input: Input) -> oneshot::Receiver<Reply> {
        let (reply, receiver) = oneshot::channel();
        self.with(|state| {
            state.queue.push_back((input, reply));
            state.pushed += 1;
        });
        self.changed.notify_one();
        receiver
    }

    /// Waits until all that has been put in so far has gone to `stage`: what is sent there after this comes after it. Waits for ever
    /// if `stage` is gone.
    pub(crate) async fn caught_up(&self) {
        let pushed = self.with(|state| state.pushed);
        // This holds the sender.
        let _ = self.gone.subscribe().wait_for(|gone| *gone >= pushed).await;
    }

    /// Ends the reporting task once the queue is empty.
    pub(crate) fn close(&self) {
        self.with(|state| state.closed = true);
        self.changed.notify_one();
    }

    async fn next(&self) -> Option<Fact> {
        loop {
            let (fact, closed) = self.with(|state| (state.queue.pop_front(), state.closed));
            if fact.is_some() || closed {
                return fact;
            }
            self.changed.notified().await;
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Carries facts to `stage` until the queue is closed and empty, or `stage` is gone.
pub(crate) async fn report(facts: std::sync::Arc<Facts>, stages: StageSender) {
    while let Some(fact) = facts.next().await {
        if stages.send(fact).await.is_err() {
            return;
        }
        facts.gone.send_modify(|gone| *gone += 1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::ConnectionId;
    use stage::CloseCause;
    use tokio::sync::mpsc;

    use super::*;

    fn closed(id: u64) -> Input {
        Input::Closed {
            connection: ConnectionId(id),
            cause: CloseCause::Timeout,
        }
    }

    #[tokio::test]
    async fn facts_wait_for_a_slow_stage_and_arrive_in_order() {
        let (stages, mut inputs) = mpsc::channel(1);
        let facts = Arc::new(Facts::default());
        for id in 0..100 {
            facts.push(closed(id));
        }
        facts.close();
        let stage = async {
            let mut seen = Vec::new();
            while let Some((input, _)) = inputs.recv().await {
                if let Input::Closed { connection, .. } = input {
                    seen.push(connection.0);
                }
            }
            seen
        };
        let ((), seen) = tokio::join!(report(facts, stages), stage);
        assert_eq!(seen, (0..100).collect::<Vec<_>>());
    }

    // R29
    #[tokio::test]
    async fn r29_who_waits_for_all_facts_that_there_are_comes_after_them() {
        let (stages, mut inputs) = mpsc::channel(1);
        let facts = Arc::new(Facts::default());
        facts.caught_up().await;
        for id in 0..100 {
            facts.push(closed(id));
        }
        let newcomer = async {
            facts.caught_up().await;
            let (reply, _) = oneshot::channel();
            stages.send((closed(100), reply)).await.unwrap();
            facts.close();
        };
        let stage = async {
            let mut seen = Vec::new();
            while let Some((input, _)) = inputs.recv().await {
                if let Input::Closed { connection, .. } = input {
                    seen.push(connection.0);
                }
                if seen.len() == 101 {
                    break;
                }
            }
            seen
        };
        let reporting = report(Arc::clone(&facts), stages.clone());
        let ((), (), seen) = tokio::join!(newcomer, reporting, stage);
        assert_eq!(seen, (0..=100).collect::<Vec<_>>());
    }
}
