//! What is due when. Monotonic time only: a step of the wall clock neither ends nor prolongs anything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{ConnectionId, IngestConfigurationArn, StageArn};

use crate::replicas::Route;

/// What may become due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Alarm {
    /// The media of a publish or subscription is not up in time, or has been up for too long.
    Connection(ConnectionId),
    /// The participant of a replication has not published again in time.
    Reconnect(Route),
    /// Nobody has been connected for the grace.
    SessionGrace(Arc<StageArn>),
    /// Nobody can know an ingest configuration any more as it was before the API changed it.
    IngestChanged(IngestConfigurationArn),
}

/// At most one deadline for each alarm.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    queue: BTreeSet<(Instant, Alarm)>,
    deadlines: BTreeMap<Alarm, Instant>,
}

impl Timers {
    /// Sets or moves an alarm. One that lies beyond what the clock can count never rings.
    pub(crate) fn set(&mut self, alarm: Alarm, now: Instant, after: Duration) {
        self.cancel(&alarm);
        if let Some(at) = now.checked_add(after) {
            self.deadlines.insert(alarm.clone(), at);
            self.queue.insert((at, alarm));
        }
    }

    pub(crate) fn cancel(&mut self, alarm: &Alarm) {
        if let Some((alarm, at)) = self.deadlines.remove_entry(alarm) {
            self.queue.remove(&(at, alarm));
        }
    }

    /// When the next alarm rings.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// Takes the next alarm that is due.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Alarm> {
        if self.next()? > now {
            return None;
        }
        let (_, alarm) = self.queue.pop_first()?;
        self.deadlines.remove(&alarm);
        Some(alarm)
    }

    #[cfg(debug_assertions)]
    pub(crate) fn is_set(&self, alarm: &Alarm) -> bool {
        self.deadlines.contains_key(alarm)
    }

    #[cfg(debug_assertions)]
    pub(crate) fn len(&self) -> usize {
        debug_assert_eq!(self.queue.len(), self.deadlines.len());
        self.queue.len()
    }
}
