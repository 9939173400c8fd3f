//! What doors and workers have seen, on its way to `stage`.
//!
//! A fact that a connection has ended must never be lost, and a worker thread must never wait. So facts have a queue of
//! their own, which a single task empties into the bounded channel of `stage` at that channel's pace. Its length is bounded
//! by what exists: a connection yields at most two facts, connected and closed, and a socket that its participant is put out, and what it
//! mutes, at the rate at which it may speak.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use stage::{Input, Reply};
use tokio::sync::{Notify, oneshot};

use crate::StageSender;

type Fact = (Input, oneshot::Sender<Reply>);

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Fact>,
    closed: bool,
}

impl Facts {
    /// Queues a fact. The receiver yields the machine's reply, for those who want to know that it has arrived.
    pub(crate) fn push(&self, input: Input) -> oneshot::Receiver<Reply> {
        let (reply, receiver) = oneshot::channel();
        self.with(|state| state.queue.push_back((input, reply)));
        self.changed.notify_one();
        receiver
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
}
