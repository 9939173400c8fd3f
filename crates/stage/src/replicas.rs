//! What the session of each side knows of replications, and what it does about them.
//!
//! A replication is one row at each side: *outgoing* at the source, where the participant is itself, and *incoming* at the
//! destination, where it appears. Both rows are there for as long as the replication is active. While the participant
//! publishes, its replica is connected by that very publish: nothing is copied. While it may come back, the replica is
//! away and keeps its place among the publishers.
//!
//! The source decides and the destination follows: whatever the source changes about a row puts its [`Route`] among the
//! effects, and `replicate` shows the destination how the participant stands.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use model::{ConnectionId, ParticipantId, Protocol, Record, Replication, SessionId, StageArn};

use crate::chronicle::Entry;
use crate::connections::Source;
use crate::publish::Publish;
use crate::session::Session;
use crate::timers::Alarm;
use crate::turn::Turn;
use crate::{LeftReason, Mute};

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

/// Replications of a session that are over, the newest of them: stopping one again is no error.
#[derive(Debug)]
pub(crate) struct Past {
    max: usize,
    known: BTreeSet<(ParticipantId, Arc<StageArn>)>,
    by_end: VecDeque<(ParticipantId, Arc<StageArn>)>,
}

impl Past {
    /// Knows of none; will know of at most `max`.
    pub(crate) fn new(max: u32) -> Self {
        Self {
            max: usize::try_from(max).unwrap_or(usize::MAX),
            known: BTreeSet::new(),
            by_end: VecDeque::new(),
        }
    }

    fn note(&mut self, participant: &ParticipantId, destination: &Arc<StageArn>) {
        let key = (participant.clone(), Arc::clone(destination));
        if self.known.insert(key.clone()) {
            self.by_end.push_back(key);
        }
        while self.by_end.len() > self.max
            && let Some(oldest) = self.by_end.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// Whether the participant was replicated there.
    pub(crate) fn contains(
        &self,
        participant: &ParticipantId,
        destination: &Arc<StageArn>,
    ) -> bool {
        let key = (participant.clone(), Arc::clone(destination));
        self.known.contains(&key)
    }
}

/// Of the source.
impl Session {
    /// The replications from here.
    pub(crate) fn routes(&self) -> Vec<Route> {
        let ids = self.outgoing.keys();
        ids.flat_map(|id| self.routes_of(id)).collect()
    }

    /// The replications of one participant from here.
    fn routes_of(&self, id: &ParticipantId) -> Vec<Route> {
        let destinations = self.outgoing.get(id).into_iter().flat_map(BTreeMap::keys);
        destinations
            .map(|destination| Route {
                source: Arc::clone(&self.chronicle.stage),
                participant: id.clone(),
                destination: Arc::clone(destination),
            })
            .collect()
    }

    /// A replication begins; the caller has looked whether it may, and gives the destination its row.
    pub(crate) fn begin_replication(
        &mut self,
        route: &Route,
        outgoing: Outgoing,
        turn: &mut Turn<'_>,
    ) {
        let id = &route.participant;
        let session = outgoing.session.clone();
        let own = self.outgoing.entry(id.clone()).or_default();
        own.insert(Arc::clone(&route.destination), outgoing);
        self.note_source(id, turn);
        self.record_replica(route, session.clone(), true, turn);
        let entry = Entry::ReplicationStarted(StageArn::clone(&route.destination), session);
        self.chronicle.write(id, entry, turn);
        turn.effects.routes.insert(route.clone());
    }

    /// A replication ends, if it is active.
    pub(crate) fn end_replication(&mut self, route: &Route, turn: &mut Turn<'_>) {
        let id = &route.participant;
        let Some(own) = self.outgoing.get_mut(id) else {
            return;
        };
        let Some(Outgoing { session, .. }) = own.remove(&route.destination) else {
            return;
        };
        if own.is_empty() {
            self.outgoing.remove(id);
        }
        turn.timers.cancel(&Alarm::Reconnect(route.clone()));
        turn.effects.routes.insert(route.clone());
        self.past.note(id, &route.destination);
        self.note_source(id, turn);
        self.record_replica(route, session.clone(), false, turn);
        let entry = Entry::ReplicationStopped(StageArn::clone(&route.destination), session);
        self.chronicle.write(id, entry, turn);
        self.note_absence(id);
        self.rest_if_idle(turn);
    }

    /// All replications of a participant end.
    pub(crate) fn end_replications(&mut self, id: &ParticipantId, turn: &mut Turn<'_>) {
        for route in self.routes_of(id) {
            self.end_replication(&route, turn);
        }
    }

    /// A participant does not publish any more: a replication without a window ends, one with a window awaits it.
    pub(crate) fn replications_wait(&mut self, id: &ParticipantId, turn: &mut Turn<'_>) {
        for route in self.routes_of(id) {
            let own = self.outgoing.get(id);
            let outgoing = own.and_then(|own| own.get(&route.destination));
            let window = outgoing.map_or(Duration::ZERO, |outgoing| outgoing.window);
            if window.is_zero() {
                self.end_replication(&route, turn);
            } else {
                turn.effects.routes.insert(route.clone());
                let alarm = Alarm::Reconnect(route);
                turn.timers.set(alarm, turn.now.mono, window);
            }
        }
    }

    /// A participant publishes again.
    pub(crate) fn replications_go_on(&self, id: &ParticipantId, turn: &mut Turn<'_>) {
        for route in self.routes_of(id) {
            turn.timers.cancel(&Alarm::Reconnect(route.clone()));
            turn.effects.routes.insert(route);
        }
    }

    /// Something about a participant changed that its replicas show too.
    pub(crate) fn replicas_changed(&self, id: &ParticipantId, turn: &mut Turn<'_>) {
        turn.effects.routes.extend(self.routes_of(id));
    }

    /// How the participant of a replication stands.
    pub(crate) fn standing(&self, route: &Route) -> Standing {
        let id = &route.participant;
        let own = self.outgoing.get(id);
        if !own.is_some_and(|own| own.contains_key(&route.destination)) {
            return Standing::Over;
        }
        let publish = self.publishes.get(id);
        let publish = publish.filter(|publish| publish.is_on_roster());
        let (Some(publish), Some(participant)) = (publish, self.participants.get(id)) else {
            return Standing::Away;
        };
        Standing::There(Presence {
            publish: publish.connection,
            user_id: participant.user_id.clone(),
            attributes: participant.attributes.clone(),
            protocol: participant.protocol,
            mute: self.mutes.get(id).copied().unwrap_or_default(),
        })
    }

    /// The record says whether the participant is replicated to anywhere.
    fn note_source(&mut self, id: &ParticipantId, turn: &mut Turn<'_>) {
        let is_active = self.outgoing.contains_key(id);
        let replication = Some(Replication::Source { is_active });
        if let Some(participant) = self.participants.get_mut(id)
            && participant.replication != replication
        {
            participant.replication = replication;
            turn.record(Record::Participant(participant.clone()));
        }
    }

    fn record_replica(
        &self,
        route: &Route,
        destination_session: SessionId,
        is_active: bool,
        turn: &mut Turn<'_>,
    ) {
        turn.record(Record::Replica(model::Replica {
            source_stage: StageArn::clone(&route.source),
            source_session: self.id(),
            participant: route.participant.clone(),
            destination_stage: StageArn::clone(&route.destination),
            destination_session,
            is_active,
        }));
    }
}

/// Of the destination.
impl Session {
    /// The replications to here.
    pub(crate) fn routes_here(&self) -> Vec<Route> {
        let ids = self.incoming.keys();
        ids.filter_map(|id| self.route_here(id)).collect()
    }

    /// The replication of one participant to here.
    pub(crate) fn route_here(&self, id: &ParticipantId) -> Option<Route> {
        let incoming = self.incoming.get(id)?;
        Some(Route {
            source: Arc::clone(&incoming.source),
            participant: id.clone(),
            destination: Arc::clone(&self.chronicle.stage),
        })
    }

    /// Notes a replication that begins; the replica appears when it is shown how the participant stands.
    pub(crate) fn expect_replica(
        &mut self,
        id: &ParticipantId,
        incoming: Incoming,
        turn: &mut Turn<'_>,
    ) {
        self.incoming.insert(id.clone(), incoming);
        self.chronicle.replicas.insert(id.clone());
        turn.connections.add_replica(&self.chronicle.stage);
    }

    /// Does what the source does. One that is not expected (any more) changes nothing.
    pub(crate) fn follow(&mut self, route: &Route, standing: Standing, turn: &mut Turn<'_>) {
        let id = &route.participant;
        if self.route_here(id).as_ref() != Some(route) {
            return;
        }
        match standing {
            Standing::Over => self.drop_replica(id, LeftReason::Unknown, turn),
            Standing::Away => self.withdraw_replica(id, LeftReason::Unknown, turn),
            Standing::There(presence) => {
                let shown = self.publishes.get(id).map(|publish| publish.connection);
                if shown == Some(presence.publish) {
                    self.refresh_replica(id, presence, turn);
                } else {
                    self.withdraw_replica(id, LeftReason::Unknown, turn);
                    self.show_replica(id, presence, turn);
                }
            }
        }
    }

    /// The replica comes, and publishes by its source's publish.
    fn show_replica(&mut self, id: &ParticipantId, presence: Presence, turn: &mut Turn<'_>) {
        let Some(incoming) = self.incoming.get(id) else {
            return;
        };
        let attributes = incoming.attributes_over(&presence.attributes);
        let source = Arc::clone(&incoming.source);
        let source_session = incoming.session.clone();
        self.arrive(id, turn, |participant| {
            participant.user_id = presence.user_id;
            participant.attributes = attributes;
            participant.protocol = presence.protocol;
            participant.published = true;
            participant.publishing = true;
            participant.replication = Some(Replication::Replica {
                is_active: true,
                source_stage: StageArn::clone(&source),
                source_session,
            });
        });
        let publish = Publish {
            connection: presence.publish,
            is_up: true,
            subscribers: BTreeSet::new(),
            source: Source::Replica {
                stage: source,
                protocol: presence.protocol,
            },
        };
        self.publishes.insert(id.clone(), publish);
        self.set_mute(id, presence.mute);
        self.chronicle.write(id, Entry::PublishStarted, turn);
        turn.roster_changed(&self.chronicle.stage);
    }

    /// The replica is who its source is, with its own attributes on top.
    fn refresh_replica(&mut self, id: &ParticipantId, presence: Presence, turn: &mut Turn<'_>) {
        let (Some(incoming), Some(participant)) =
            (self.incoming.get(id), self.participants.get_mut(id))
        else {
            return;
        };
        let attributes = incoming.attributes_over(&presence.attributes);
        let is_other =
            participant.user_id != presence.user_id || participant.attributes != attributes;
        if is_other {
            participant.user_id = presence.user_id;
            participant.attributes = attributes;
            turn.record(Record::Participant(participant.clone()));
        }
        if self.set_mute(id, presence.mute) || is_other {
            turn.roster_changed(&self.chronicle.stage);
        }
    }

    /// The replica goes, if it is there; its place is kept.
    fn withdraw_replica(&mut self, id: &ParticipantId, reason: LeftReason, turn: &mut Turn<'_>) {
        // Nothing is to be closed: the publish is its source's.
        self.stop_publish(id, None, reason, turn);
        self.leave_if_gone(id, turn);
    }

    /// The replication is over here; who receives the replica is told `reason`.
    pub(crate) fn drop_replica(
        &mut self,
        id: &ParticipantId,
        reason: LeftReason,
        turn: &mut Turn<'_>,
    ) {
        if self.incoming.remove(id).is_none() {
            return;
        }
        turn.connections.remove_replica(&self.chronicle.stage);
        if let Some(participant) = self.participants.get_mut(id)
            && let Some(Replication::Replica { is_active, .. }) = &mut participant.replication
        {
            *is_active = false;
            turn.record(Record::Participant(participant.clone()));
        }
        self.withdraw_replica(id, reason, turn);
        self.chronicle.replicas.remove(id);
        self.note_absence(id);
        self.rest_if_idle(turn);
    }

    /// How many publishers the stage has to have room for, of those that peers see: replicas that are away keep their place.
    pub(crate) fn publisher_count(&self) -> usize {
        let publishes = self.publishes.values();
        let there = publishes.filter(|publish| publish.source.is_visible());
        let replicas = self.incoming.keys();
        let away = replicas.filter(|id| !self.publishes.contains_key(*id));
        there.count().saturating_add(away.count())
    }
}

/// Of both.
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
            past.note(&who, &stage(name));
            let names = ["a", "b", "c"].into_iter();
            let found: Vec<_> = names
                .filter(|name| past.contains(&who, &stage(name)))
                .collect();
            assert_eq!(found, known);
        }
    }
}
