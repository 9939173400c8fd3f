//! Replications at their source: what begins, awaits and ends them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::{ParticipantId, Record, Replication, SessionId, StageArn};

use crate::chronicle::Entry;
use crate::replicas::{Outgoing, Presence, Route, Standing};
use crate::session::Session;
use crate::timers::Alarm;
use crate::turn::Turn;

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
        self.past.note(id, &route.destination, session.clone());
        self.note_source(id, turn);
        self.record_replica(route, session.clone(), false, turn);
        let entry = Entry::ReplicationStopped(StageArn::clone(&route.destination), session);
        self.chronicle.write(id, entry, turn);
        self.note_absence(id);
        self.rest_if_idle(turn);
    }

    /// Records once more how a replication stands that goes on or is over.
    pub(crate) fn restate_replication(&self, route: &Route, turn: &mut Turn<'_>) {
        let id = &route.participant;
        let own = self.outgoing.get(id);
        let active = own.and_then(|own| own.get(&route.destination));
        let session = active.map(|outgoing| &outgoing.session);
        let session = session.or_else(|| self.past.get(id, &route.destination));
        if let Some(session) = session.cloned() {
            self.restate(id, turn);
            self.record_replica(route, session, active.is_some(), turn);
        }
    }

    /// Records once more what is known of a participant, if anything is.
    pub(crate) fn restate(&self, id: &ParticipantId, turn: &mut Turn<'_>) {
        if let Some(participant) = self.participants.get(id) {
            turn.record(Record::Participant(participant.clone()));
        }
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
