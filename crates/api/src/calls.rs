//! Counts of API calls by operation and outcome, for the metrics page.
//!
//! Both come from fixed sets, so no caller can make the table grow.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use wire::Operation;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// 200.
    Ok,
    /// The signature, or what stands for it, was refused.
    Unauthenticated,
    /// The policy denies it.
    Denied,
    /// The rate is exceeded.
    Throttled,
    /// The input breaks a constraint, or the body is not one that the service reads.
    Invalid,
    /// The resource does not exist.
    NotFound,
    /// A quota is reached.
    Quota,
    /// The operation is not available in this build.
    Unavailable,
    /// Any other client error.
    ClientError,
    /// The server failed.
    ServerError,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 10] = [
        Self::Ok,
        Self::Unauthenticated,
        Self::Denied,
        Self::Throttled,
        Self::Invalid,
        Self::NotFound,
        Self::Quota,
        Self::Unavailable,
        Self::ClientError,
        Self::ServerError,
    ];

    /// The word for it in a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unauthenticated => "unauthenticated",
            Self::Denied => "denied",
            Self::Throttled => "throttled",
            Self::Invalid => "invalid",
            Self::NotFound => "not_found",
            Self::Quota => "quota",
            Self::Unavailable => "unavailable",
            Self::ClientError => "client_error",
            Self::ServerError => "server_error",
        }
    }
}

/// The label of requests that no operation has.
const NO_OPERATION: &str = "none";

/// The counters. Made by the caller of [`crate::Api::new`] and read by whoever prints metrics.
#[derive(Debug)]
pub struct Calls {
    counts: BTreeMap<(&'static str, Outcome), AtomicU64>,
}

/// One counter as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallCount {
    /// The operation's name, or `none` for requests that match no route.
    pub operation: &'static str,
    /// How the calls ended.
    pub outcome: Outcome,
    /// How many there were since the start of the process.
    pub count: u64,
}

impl Default for Calls {
    fn default() -> Self {
        let names = Operation::ALL.iter().map(|operation| operation.name());
        let counts = names
            .chain([NO_OPERATION])
            .flat_map(|name| Outcome::ALL.map(|outcome| ((name, outcome), AtomicU64::new(0))))
            .collect();
        Self { counts }
    }
}

impl Calls {
    /// Every counter that is not zero, by operation, then outcome.
    pub fn snapshot(&self) -> Vec<CallCount> {
        self.counts
            .iter()
            .map(|((operation, outcome), count)| CallCount {
                operation,
                outcome: *outcome,
                count: count.load(Ordering::Relaxed),
            })
            .filter(|call| call.count > 0)
            .collect()
    }

    pub(crate) fn count(&self, operation: Option<Operation>, outcome: Outcome) {
        let name = operation.map_or(NO_OPERATION, Operation::name);
        if let Some(count) = self.counts.get(&(name, outcome)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_operation_and_outcome() {
        let calls = Calls::default();
        assert_eq!(calls.snapshot(), []);
        calls.count(Some(Operation::GetStage), Outcome::Ok);
        calls.count(Some(Operation::GetStage), Outcome::Ok);
        calls.count(None, Outcome::Unauthenticated);
        let seen: Vec<_> = calls
            .snapshot()
            .into_iter()
            .map(|call| (call.operation, call.outcome.as_str(), call.count))
            .collect();
        assert_eq!(
            seen,
            [("GetStage", "ok", 2), ("none", "unauthenticated", 1)]
        );
    }
}
