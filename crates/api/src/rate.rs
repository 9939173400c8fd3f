//! Request rates: one token bucket per account, region and operation.
//!
//! A bucket holds one second's worth of requests, so a quiet caller may send that many at once. The rates are those of the
//! service quotas page (`model::limits`).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use model::{AccountId, Region, limits};
use wire::Operation;

/// Buckets kept at once. The region is the caller's word, so their number has to have an end; a full bucket says nothing and
/// is forgotten first.
const BUCKETS_MAX: usize = 10_000;

/// What one bucket covers.
type Key = (AccountId, Region, &'static str);

/// All buckets. Each is kept as the moment at which it is full again.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    full_at: Mutex<BTreeMap<Key, Instant>>,
}

impl Rates {
    /// Takes one request out of the caller's bucket; `false` if it is empty.
    pub(crate) fn take(
        &self,
        account: &AccountId,
        region: &Region,
        operation: Operation,
        now: Instant,
    ) -> bool {
        let rate = requests_per_second(operation);
        let cost = Duration::from_secs(1) / rate;
        let most = cost * (rate - 1);
        let key = (account.clone(), region.clone(), operation.name());
        let mut buckets = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = buckets.get(&key).copied().unwrap_or(now).max(now);
        if full_at.duration_since(now) > most {
            return false;
        }
        if buckets.len() >= BUCKETS_MAX && !buckets.contains_key(&key) {
            buckets.retain(|_, full_at| *full_at > now);
            if buckets.len() >= BUCKETS_MAX {
                return false;
            }
        }
        buckets.insert(key, full_at + cost);
        true
    }
}

fn requests_per_second(operation: Operation) -> u32 {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the quotas page names the exceptions and says `every other operation`"
    )]
    match operation {
        Operation::CreateParticipantToken => limits::RATE_PARTICIPANT_TOKEN,
        Operation::TagResource | Operation::UntagResource | Operation::ListTagsForResource => {
            limits::RATE_TAGS
        }
        Operation::ImportPublicKey
        | Operation::GetPublicKey
        | Operation::ListPublicKeys
        | Operation::DeletePublicKey => limits::RATE_PUBLIC_KEYS,
        _ => limits::RATE_OTHER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(number: u64) -> AccountId {
        AccountId::parse(&format!("{number:012}")).unwrap()
    }

    fn region(name: &str) -> Region {
        Region::parse(name).unwrap()
    }

    #[expect(clippy::disallowed_methods, reason = "any start will do")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_bucket_gives_its_rate_at_once_and_refills_evenly() {
        for (operation, rate) in [
            (Operation::CreateStage, 5),
            (Operation::CreateParticipantToken, 50),
            (Operation::TagResource, 10),
            (Operation::ListTagsForResource, 10),
            (Operation::ImportPublicKey, 3),
        ] {
            let rates = Rates::default();
            let (caller, home, now) = (account(1), region("us-west-2"), start());
            let taken = (0..100)
                .filter(|_| rates.take(&caller, &home, operation, now))
                .count();
            assert_eq!(taken, rate, "{operation:?} at once");
            let later = now + Duration::from_millis(1_001);
            let taken = (0..100)
                .filter(|_| rates.take(&caller, &home, operation, later))
                .count();
            assert_eq!(taken, rate, "{operation:?} after a second");
        }
    }

    #[test]
    fn accounts_regions_and_operations_have_buckets_of_their_own() {
        let rates = Rates::default();
        let now = start();
        let home = region("us-west-2");
        while rates.take(&account(1), &home, Operation::GetStage, now) {}
        assert!(rates.take(&account(2), &home, Operation::GetStage, now));
        assert!(rates.take(&account(1), &region("eu-west-1"), Operation::GetStage, now));
        assert!(rates.take(&account(1), &home, Operation::ListStages, now));
        assert!(!rates.take(&account(1), &home, Operation::GetStage, now));
    }

    #[test]
    fn invented_regions_cannot_grow_the_table_without_end() {
        let rates = Rates::default();
        let now = start();
        let refused = (0..BUCKETS_MAX + 10)
            .filter(|number| {
                let home = region(&format!("r-{number}"));
                !rates.take(&account(1), &home, Operation::GetStage, now)
            })
            .count();
        assert_eq!(refused, 10);
        let later = now + Duration::from_secs(1);
        assert!(rates.take(
            &account(1),
            &region("us-west-2"),
            Operation::GetStage,
            later
        ));
        assert_eq!(rates.full_at.lock().unwrap().len(), 1);
    }
}
