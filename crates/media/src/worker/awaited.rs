//! Orders whose sender waits for what comes of them, and not for ever.
//!
//! An order that is reported as failed must not be carried out later. So its worker and the one who waits agree on one word:
//! the worker takes it before it begins, the other before giving up, and who comes second knows what the first has done.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::WORKER_PATIENCE;

/// The right to decide about one order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claim(Arc<AtomicBool>);

impl Claim {
    /// Takes the right. Says whether it was still to be had.
    #[must_use]
    pub(crate) fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

/// What an order is to bring.
#[derive(Debug)]
pub(crate) struct Awaited<T> {
    receiver: oneshot::Receiver<T>,
    claim: Claim,
    /// Until when the worker may begin; `None` once it has.
    patience: Option<Instant>,
}

/// Why nothing came of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// The worker had not begun with it in time, and does not any more.
    GivenUp,
    /// What it was about is gone, or the worker has given up all that it had.
    Gone,
}

impl<T> Awaited<T> {
    /// Waits from now on, with what the order is to be given.
    pub(crate) fn new() -> (Self, oneshot::Sender<T>, Claim) {
        let (sender, receiver) = oneshot::channel();
        let claim = Claim::default();
        let awaited = Self {
            receiver,
            claim: claim.clone(),
            patience: Some(Instant::now() + WORKER_PATIENCE),
        };
        (awaited, sender, claim)
    }

    /// What came of it. A call that is dropped has taken nothing.
    pub(crate) async fn outcome(&mut self) -> Result<T, Unanswered> {
        if let Some(patience) = self.patience {
            match timeout_at(patience, &mut self.receiver).await {
                Ok(answer) => return answer.map_err(|_| Unanswered::Gone),
                Err(_) if self.claim.take() => return Err(Unanswered::GivenUp),
                // The worker is about to answer: it does so in the turn in which it begins.
                Err(_) => self.patience = None,
            }
        }
        (&mut self.receiver).await.map_err(|_| Unanswered::Gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_order_that_is_given_up_is_not_begun_later() {
        let (mut awaited, _sender, claim) = Awaited::<u8>::new();
        assert_eq!(awaited.outcome().await, Err(Unanswered::GivenUp));
        assert!(!claim.take());
    }

    #[tokio::test(start_paused = true)]
    async fn an_order_that_is_begun_in_time_is_waited_for() {
        let (mut awaited, sender, claim) = Awaited::new();
        assert!(claim.take());
        let late = async {
            tokio::time::sleep(2 * WORKER_PATIENCE).await;
            sender.send(7).unwrap();
        };
        let (outcome, ()) = tokio::join!(awaited.outcome(), late);
        assert_eq!(outcome, Ok(7));
    }

    #[tokio::test(start_paused = true)]
    async fn an_order_whose_subject_is_gone_ends_at_once() {
        let (mut awaited, sender, _claim) = Awaited::<u8>::new();
        drop(sender);
        assert_eq!(awaited.outcome().await, Err(Unanswered::Gone));
    }
}
