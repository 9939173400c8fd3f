//! What the session of each side knows of replications.
//!
//! A replication is one row at each side: *outgoing* at the source, where the participant is itself, and *incoming* at the
//! destination, where it appears. Both rows are there for as long as the replication is active. While the participant
//! publishes, its replica is connected by that very publish: nothing is copied. While it may come back, the replica is
//! away and keeps its place among the publishers.
//!
//! The source decides and the destination follows: whatever the source changes about a row puts its [`Route`] among the
//! effects, and `replicate` shows the destination how the participant stands. What the source does is in `outgoing`, and what the
//! destination does in `incoming`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use model::{ConnectionId, ParticipantId, Protocol, SessionId, StageArn};

use crate::Mute;
use crate::session::Session;

/// Which replication: the key of its two rows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Route {
    pub(crate) source: Arc<StageArn>,
    pub(crate) participant: ParticipantId,
    pub(crate) destination: Arc<StageArn>,
}

/// A replication at its source.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// The destination's session, which lasts as long as the replication.
    pub(crate) session: SessionId,
    /// How long the participant may be without a publish.
    pub(crate) window: Duration,
    /// Whether whoever asked for it has been told that it runs.
    pub(crate) is_answered: bool,
}

/// A replication at its destination.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) source: Arc<StageArn>,
    /// The source's session, which lasts as long as the replication.
    pub(crate) session: SessionId,
    /// What the replica has beside the participant's attributes, and in place of them.
    pub(crate) attributes: BTreeMap<String, String>,
}

impl Incoming {
    /// What peers are told.
    pub(crate) fn attributes_over(
        &self,
        own: &BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        let mut attributes = own.clone();
        attributes.extend(self.attributes.clone());
        attributes
    }
}

/// How the participant of a replication stands at its source.
#[derive(Debug)]
pub(crate) enum Standing {
    /// The replication is over.
    Over,
    /// It goes on, and the participant does not publish.
    Away,
    /// The participant publishes.
    There(Presence),
}

/// A publishing participant, as its replicas show it.
#[derive(Debug)]
pub(crate) struct Presence {
    pub(crate) publish: ConnectionId,
    pub(crate) user_id: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) protocol: Protocol,
    pub(crate) mute: Mute,
}

/// Replications of a session that are over, the newest of them, each with the destination's session: stopping one again is no error.
#[derive(Debug)]
pub(crate) struct Past {
    max: usize,
    known: BTreeMap<(ParticipantId, Arc<StageArn>), SessionId>,
    by_end: VecDeque<(ParticipantId, Arc<StageArn>)>,
}

impl Past {
    /// Knows of none; will know of at most `max`.
    pub(crate) fn new(max: u32) -> Self {
        Self {
            max: usize::try_from(max).unwrap_or(usize::MAX),
            known: BTreeMap::new(),
            by_end: VecDeque::new(),
        }
    }

    /// Notes that one is over.
    pub(crate) fn note(
        &mut self,
        participant: &ParticipantId,
        destination: &Arc<StageArn>,
        session: SessionId,
    ) {
        let key = (participant.clone(), Arc::clone(destination));
        if self.known.insert(key.clone(), session).is_none() {
            self.by_end.push_back(key);
        }
        while self.by_end.len() > self.max
            && let Some(oldest) = self.by_end.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// To which session of that stage the participant was replicated last.
    pub(crate) fn get(
        &self,
        participant: &ParticipantId,
        destination: &Arc<StageArn>,
    ) -> Option<&SessionId> {
        let key = (participant.clone(), Arc::clone(destination));
        self.known.get(&key)
    }
}

impl Session {
    /// Whether the participant is replicated from here or to here.
    pub(crate) fn is_replicated(&self, id: &ParticipantId) -> bool {
        self.outgoing.contains_key(id) || self.incoming.contains_key(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_replication_that_ended_first_is_forgotten_first() {
        let stage = |name: &str| {
            let arn = format!("arn:aws:ivs:us-west-2:123456789012:stage/{name}");
            Arc::new(StageArn::parse(&arn).unwrap())
        };
        let who = ParticipantId::parse("ana").unwrap();
        let mut past = Past::new(2);
        for (name, known) in [
            ("a", &["a"][..]),
            ("b", &["a", "b"]),
            ("a", &["a", "b"]),
            ("c", &["b", "c"]),
            ("a", &["a", "c"]),
        ] {
            past.note(&who, &stage(name), SessionId::from_random([0; 13]));
            let names = ["a", "b", "c"].into_iter();
            let found: Vec<_> = names
                .filter(|name| past.get(&who, &stage(name)).is_some())
                .collect();
            assert_eq!(found, known);
        }
    }
}
