//! Replications at their destination: the replica comes, follows its source, and goes.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{ParticipantId, Record, Replication, StageArn};

use crate::LeftReason;
use crate::chronicle::Entry;
use crate::connections::Source;
use crate::publish::Publish;
use crate::replicas::{Incoming, Presence, Route, Standing};
use crate::session::Session;
use crate::turn::Turn;

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
