//! How long the store takes, by operation: histograms with fixed buckets in atomics, for `/metrics`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets, inclusive. They reach from a read in the page cache to the limit at which an operation is given up.
pub const BUCKETS: [Duration; 13] = [
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_millis(2_500),
    Duration::from_secs(10),
];

macro_rules! operations {
    ($($variant:ident = $name:literal,)*) => {
        /// The operations of [`crate::Store`], by method.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Operation { $(#[doc = concat!("`", $name, "`")] $variant,)* }

        impl Operation {
            /// Every operation, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The method's name, for a metric's label.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

operations! {
    StageInsert = "stage_insert",
    StageGet = "stage_get",
    StageList = "stage_list",
    StageAll = "stage_all",
    StageUpdate = "stage_update",
    StageDelete = "stage_delete",
    PublicKeyInsert = "public_key_insert",
    PublicKeyGet = "public_key_get",
    PublicKeyList = "public_key_list",
    PublicKeyDelete = "public_key_delete",
    IngestConfigurationInsert = "ingest_configuration_insert",
    IngestConfigurationGet = "ingest_configuration_get",
    IngestConfigurationList = "ingest_configuration_list",
    IngestConfigurationUpdate = "ingest_configuration_update",
    IngestConfigurationDelete = "ingest_configuration_delete",
    IngestConfigurationDetach = "ingest_configuration_detach",
    EncoderConfigurationInsert = "encoder_configuration_insert",
    EncoderConfigurationGet = "encoder_configuration_get",
    EncoderConfigurationList = "encoder_configuration_list",
    EncoderConfigurationDelete = "encoder_configuration_delete",
    StorageConfigurationInsert = "storage_configuration_insert",
    StorageConfigurationGet = "storage_configuration_get",
    StorageConfigurationList = "storage_configuration_list",
    StorageConfigurationDelete = "storage_configuration_delete",
    ConnectionTokenRevoke = "connection_token_revoke",
    ConnectionTokenIsRevoked = "connection_token_is_revoked",
    ConnectionTokenExpire = "connection_token_expire",
    StateExport = "state_export",
    StateInsert = "state_insert",
    StateClear = "state_clear",
    TagsGet = "tags_get",
    TagsMerge = "tags_merge",
    TagsRemove = "tags_remove",
    SessionList = "session_list",
    SessionGet = "session_get",
    SessionLive = "session_live",
    SessionExpire = "session_expire",
    ParticipantList = "participant_list",
    ParticipantGet = "participant_get",
    ParticipantKnown = "participant_known",
    ParticipantSession = "participant_session",
    ParticipantBan = "participant_ban",
    ReplicaList = "replica_list",
    ReplicaKnown = "replica_known",
    EventList = "event_list",
    RecordsApply = "records_apply",
    Heartbeat = "heartbeat",
    SecretGetOrInsert = "secret_get_or_insert",
}

/// Latencies and failures of all operations. Shared by the store, which writes, and the server, which reads.
#[derive(Debug)]
pub struct Latency {
    histograms: Vec<Histogram>,
}

#[derive(Debug, Default)]
struct Histogram {
    /// One for each of `BUCKETS`, then one for what is slower.
    buckets: [AtomicU64; BUCKETS.len() + 1],
    sum_nanos: AtomicU64,
    failures: AtomicU64,
}

/// One operation's numbers since the process began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationLatency {
    /// Which operation.
    pub operation: Operation,
    /// Calls by bucket, not cumulative: one number for each of [`BUCKETS`], then one for the slower ones.
    pub buckets: [u64; BUCKETS.len() + 1],
    /// All calls together.
    pub sum: Duration,
    /// Calls that failed for a reason of the store's own; a quota or an absent resource is an answer, not a failure.
    pub failures: u64,
}

impl OperationLatency {
    /// Calls, failed ones included.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self::new()
    }
}

impl Latency {
    /// All zero.
    pub fn new() -> Self {
        Self {
            histograms: Operation::ALL
                .iter()
                .map(|_| Histogram::default())
                .collect(),
        }
    }

    /// Counts a call that took this long.
    pub fn observe(&self, operation: Operation, took: Duration) {
        let histogram = self.histogram(operation);
        let bucket = BUCKETS.partition_point(|bound| *bound < took);
        histogram.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        histogram.sum_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Counts a failure, in addition to its `observe`.
    pub fn count_failure(&self, operation: Operation) {
        self.histogram(operation)
            .failures
            .fetch_add(1, Ordering::Relaxed);
    }

    /// The numbers of every operation, those never called included. Numbers of calls in flight may be there in part.
    pub fn snapshot(&self) -> Vec<OperationLatency> {
        Operation::ALL
            .iter()
            .map(|operation| {
                let histogram = self.histogram(*operation);
                OperationLatency {
                    operation: *operation,
                    buckets: std::array::from_fn(|at| {
                        histogram.buckets[at].load(Ordering::Relaxed)
                    }),
                    sum: Duration::from_nanos(histogram.sum_nanos.load(Ordering::Relaxed)),
                    failures: histogram.failures.load(Ordering::Relaxed),
                }
            })
            .collect()
    }

    fn histogram(&self, operation: Operation) -> &Histogram {
        &self.histograms[operation as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(latency: &Latency, operation: Operation) -> OperationLatency {
        latency
            .snapshot()
            .into_iter()
            .find(|one| one.operation == operation)
            .unwrap()
    }

    #[test]
    fn calls_fall_into_the_bucket_whose_bound_they_do_not_pass() {
        let cases = [
            (Duration::ZERO, 0),
            (Duration::from_micros(250), 0),
            (Duration::from_micros(251), 1),
            (Duration::from_secs(10), BUCKETS.len() - 1),
            (Duration::from_secs(11), BUCKETS.len()),
        ];
        for (took, bucket) in cases {
            let latency = Latency::new();
            latency.observe(Operation::Heartbeat, took);
            let seen = of(&latency, Operation::Heartbeat);
            assert_eq!(seen.buckets[bucket], 1, "{took:?}");
            assert_eq!((seen.count(), seen.sum), (1, took));
        }
    }

    #[test]
    fn operations_and_failures_are_counted_apart() {
        let latency = Latency::new();
        latency.observe(Operation::StageGet, Duration::from_millis(1));
        latency.observe(Operation::StageGet, Duration::from_millis(2));
        latency.count_failure(Operation::StageGet);
        assert_eq!(of(&latency, Operation::StageGet).count(), 2);
        assert_eq!(of(&latency, Operation::StageGet).failures, 1);
        assert_eq!(of(&latency, Operation::StageList).count(), 0);
        assert_eq!(latency.snapshot().len(), Operation::ALL.len());
    }
}
