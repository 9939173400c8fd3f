//! What is done by the clock: a sign of life each second, and the end of what is kept long enough.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::limits;
use store::{SharedStore, Store};
use tokio::time::{MissedTickBehavior, interval};

use crate::clock::Clock;

/// After a crash, what was live is closed at the last sign of life: this is how exact that is.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// A store that takes longer for one row does not count as ready.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(2);
/// How often sessions that are past their retention are deleted, and revocations that nothing needs.
const EXPIRY_INTERVAL: Duration = Duration::from_hours(1);
/// How long a revocation is remembered: as long as a connection token lives at most, and a week for clocks that differ.
const REVOCATION_RETENTION: Duration =
    limits::CONNECTION_TOKEN_LIFE_MAX.saturating_add(Duration::from_hours(7 * 24));

/// Whether the last sign of life could be written.
#[derive(Debug, Default)]
pub(crate) struct StoreHealth(AtomicBool);

impl StoreHealth {
    /// Whether the store took the last write it was given.
    pub(crate) fn is_well(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Runs for ever. Expiry may work for long; signs of life go on beside it.
pub(crate) async fn run(
    store: SharedStore,
    clock: Clock,
    retention: Duration,
    health: Arc<StoreHealth>,
) {
    let mut heartbeat = interval(HEARTBEAT_INTERVAL);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut expiry = interval(EXPIRY_INTERVAL);
    expiry.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let beats = async {
        loop {
            heartbeat.tick().await;
            beat(&*store, clock().wall, &health).await;
        }
    };
    let expiries = async {
        loop {
            expiry.tick().await;
            expire_sessions(&*store, clock().wall, retention).await;
            expire_revocations(&*store, clock().wall).await;
        }
    };
    tokio::join!(beats, expiries);
}

/// Writes one sign of life and notes whether that worked.
pub(crate) async fn beat(store: &dyn Store, now: Timestamp, health: &StoreHealth) {
    let outcome = tokio::time::timeout(HEARTBEAT_TIMEOUT, store.heartbeat(now)).await;
    let is_well = matches!(outcome, Ok(Ok(())));
    let was_well = health.0.swap(is_well, Ordering::Relaxed);
    match outcome {
        Ok(Err(error)) if was_well => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the store does not take writes"
            );
        }
        Err(_) if was_well => tracing::warn!("the store does not answer in time"),
        _ if is_well && !was_well => tracing::debug!("the store takes writes"),
        _ => {}
    }
}

async fn expire_sessions(store: &dyn Store, now: Timestamp, retention: Duration) {
    let Some(before) = before(now, retention) else {
        return;
    };
    match store.session_expire(before).await {
        Ok(0) => {}
        Ok(sessions) => tracing::info!(sessions, "deleted sessions that were past their retention"),
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "could not delete old sessions"
            );
        }
    }
}

async fn expire_revocations(store: &dyn Store, now: Timestamp) {
    let Some(before) = before(now, REVOCATION_RETENTION) else {
        return;
    };
    match store.connection_token_expire(before).await {
        Ok(0) => {}
        Ok(tokens) => tracing::debug!(tokens, "forgot revocations of tokens that have expired"),
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "could not forget old revocations"
            );
        }
    }
}

/// The time before which nothing is kept. A retention that reaches before the beginning of time keeps everything.
fn before(now: Timestamp, retention: Duration) -> Option<Timestamp> {
    let retention = SignedDuration::try_from(retention).unwrap_or(SignedDuration::MAX);
    now.checked_sub(retention).ok()
}

#[cfg(test)]
mod tests {
    use model::{AccountId, ConnectionTokenId, Region, RevokedConnectionToken};
    use store::{Latency, Sqlite};
    use tokio::task::JoinSet;

    use super::*;
    use crate::clock::system_clock;
    use crate::fake_store::Fake;

    #[tokio::test(start_paused = true)]
    async fn signs_of_life_are_written_while_old_sessions_are_deleted() {
        let store = Arc::new(Fake::default());
        let health = Arc::new(StoreHealth::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(run(
            store.clone(),
            system_clock(),
            Duration::from_hours(1),
            Arc::clone(&health),
        ));
        let beats = async {
            store.expiring.notified().await;
            for _ in 0..3 {
                store.beat.notified().await;
            }
        };
        let in_time = tokio::time::timeout(HEARTBEAT_INTERVAL * 5, beats).await;
        assert!(in_time.is_ok(), "no sign of life");
        assert!(health.is_well());
        tasks.shutdown().await;
        assert_eq!(Arc::strong_count(&store), 1, "both loops have ended");
    }

    #[tokio::test]
    async fn a_revocation_outlives_every_token_that_it_can_concern() {
        let store = Sqlite::open_memory(Arc::new(Latency::default()))
            .await
            .unwrap();
        let account = AccountId::parse("111122223333").unwrap();
        let region = Region::parse("us-west-2").unwrap();
        let id = ConnectionTokenId::parse("token").unwrap();
        let at = Timestamp::from_second(1_772_366_400).unwrap();
        let token = RevokedConnectionToken {
            account: account.clone(),
            region: region.clone(),
            id: id.clone(),
            at,
        };
        store.connection_token_revoke(&token).await.unwrap();
        for (weeks, expected) in [(4, true), (5, true), (6, false)] {
            let now = at + SignedDuration::from_hours(weeks * 7 * 24);
            expire_revocations(&store, now).await;
            let found = store
                .connection_token_is_revoked(&account, &region, &id)
                .await
                .unwrap();
            assert_eq!(found, expected, "after {weeks} weeks");
        }
    }
}
