//! Replications: one flat list of them, and in the list of connections one more publish at the destination for each whose
//! participant publishes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use model::{EventName, Now, ParticipantId, StageArn};
use stage::{LeftReason, Refusal, Replicate, ReplicationFault, ReplicationKey};

use super::{Connection, Kind, Reference, deadline};
use crate::expected::Line;

/// A replication that goes on.
#[derive(Clone, Debug)]
pub(super) struct Replication {
    /// The sessions.
    pub(super) source: usize,
    pub(super) destination: usize,
    pub(super) who: ParticipantId,
    window: Duration,
    attributes: BTreeMap<String, String>,
    /// Whether whoever asked for it knows.
    is_answered: bool,
    /// When the participant has been without a publish for too long.
    pub(super) give_up: Option<Instant>,
}

impl Connection {
    /// Whether it is a publish that peers see, and its own.
    pub(super) fn may_be_replicated(&self) -> bool {
        self.is_visible() && self.home.is_none()
    }
}

impl Reference {
    pub(super) fn start_replication(&mut self, wish: &Replicate, now: Now) -> Result<(), Refusal> {
        let Replicate {
            of: asked,
            window,
            attributes,
        } = wish;
        if self.is_shutting_down {
            return Err(Refusal::ShuttingDown);
        }
        let running = self.running(asked);
        let is_repeated = running.is_some_and(|at| {
            let running = &self.replications[at];
            !running.is_answered && running.window == *window && running.attributes == *attributes
        });
        if is_repeated {
            return Ok(());
        }
        if let Some(fault) = self.why_not(asked) {
            return Err(Refusal::Replication(fault));
        }
        let source = self
            .active(&asked.source)
            .expect("the participant is there");
        let destination = self.active_or_new(&asked.destination, now);
        self.replications.push(Replication {
            source,
            destination,
            who: asked.participant.clone(),
            window: *window,
            attributes: attributes.clone(),
            is_answered: false,
            give_up: None,
        });
        let newest = self.replications.len() - 1;
        let past = (source, asked.participant.clone(), asked.destination.clone());
        self.past_replications.insert(past);
        self.note_source(source, &asked.participant);
        self.write_replication(newest, EventName::ReplicationStarted, now);
        Ok(())
    }

    /// Whoever asked for a replication knows that it runs.
    pub(super) fn replication_answered(&mut self, of: &ReplicationKey) {
        if let Some(running) = self.running(of) {
            self.replications[running].is_answered = true;
        }
    }

    /// Where in the list a replication is that goes on.
    fn running(&self, of: &ReplicationKey) -> Option<usize> {
        let (from, to) = (self.active(&of.source)?, self.active(&of.destination)?);
        let is_it =
            |r: &Replication| (r.source, r.destination) == (from, to) && r.who == of.participant;
        self.replications.iter().position(is_it)
    }

    /// The first reason against a replication.
    fn why_not(&self, asked: &ReplicationKey) -> Option<ReplicationFault> {
        use ReplicationFault::{
            AlreadyReplicated, Banned, DestinationFull, DestinationNotFound, IsReplica,
            NotPublishing, ParticipantNotFound, Present, SameStage, SourceNotFound,
            TooManyReplicas,
        };
        let ReplicationKey {
            source,
            destination,
            participant: who,
        } = asked;
        if source == destination {
            return Some(SameStage);
        }
        if !self.stages.contains_key(source) {
            return Some(SourceNotFound);
        }
        if !self.is_at_home_of(source, destination) {
            return Some(DestinationNotFound);
        }
        let Some(from) = self.active(source) else {
            return Some(ParticipantNotFound);
        };
        if !self.sessions[from].people.contains_key(who) || self.is_leg(from, who) {
            return Some(ParticipantNotFound);
        }
        let to = self.active(destination);
        let own = self.replications.iter();
        let own: Vec<&Replication> = own.filter(|r| r.source == from && r.who == *who).collect();
        if own.iter().any(|r| Some(r.destination) == to) {
            return Some(AlreadyReplicated);
        }
        if self.is_replica(from, who) {
            return Some(IsReplica);
        }
        if !self.publish_of(from, who).is_some_and(|c| c.is_up) {
            return Some(NotPublishing);
        }
        if own.len() >= self.settings.replicas_per_participant_max as usize {
            return Some(TooManyReplicas);
        }
        if self.stages[destination].contains(who) {
            return Some(Banned);
        }
        if to.is_some_and(|to| self.is_connected(to, who) || self.is_replicated(to, who)) {
            return Some(Present);
        }
        let publishers = to.map_or(0, |to| self.count_publishers(to));
        let in_region = self.count_in_region(destination, Kind::Publish);
        let is_full = publishers >= self.settings.publishers_per_stage_max as usize
            || in_region >= self.settings.publishers_per_region_max as usize;
        is_full.then_some(DestinationFull)
    }

    fn is_at_home_of(&self, one: &StageArn, other: &StageArn) -> bool {
        self.stages.contains_key(other)
            && (&one.account, &one.region) == (&other.account, &other.region)
    }

    /// Whether somebody is a replica in a session, or will be again.
    pub(super) fn is_replica(&self, session: usize, who: &ParticipantId) -> bool {
        let all = self.replications.iter().chain(&self.lost_replications);
        all.into_iter()
            .any(|r| r.destination == session && r.who == *who)
    }

    fn is_replicated(&self, session: usize, who: &ParticipantId) -> bool {
        let mut all = self.replications.iter();
        all.any(|r| (r.source == session || r.destination == session) && r.who == *who)
    }

    /// Who publishes in a session or has a place to come back to.
    pub(super) fn count_publishers(&self, session: usize) -> usize {
        let own = self.connections.iter();
        let own = own.filter(|c| c.session == session && c.kind == Kind::Publish);
        let own = own.filter(|c| c.may_be_replicated()).count();
        let replicas = self.replications.iter();
        own + replicas.filter(|r| r.destination == session).count()
    }

    pub(super) fn stop_replication(
        &mut self,
        asked: &ReplicationKey,
        now: Now,
    ) -> Result<(), Refusal> {
        if self.is_shutting_down {
            return Err(Refusal::ShuttingDown);
        }
        if !self.stages.contains_key(&asked.source) {
            return Err(Refusal::Replication(ReplicationFault::SourceNotFound));
        }
        if !self.is_at_home_of(&asked.source, &asked.destination) {
            return Err(Refusal::Replication(ReplicationFault::DestinationNotFound));
        }
        let Some(source) = self.active(&asked.source) else {
            return Err(Refusal::Replication(ReplicationFault::NeverReplicated));
        };
        let past = (source, asked.participant.clone(), asked.destination.clone());
        if !self.past_replications.contains(&past) {
            return Err(Refusal::Replication(ReplicationFault::NeverReplicated));
        }
        let to = self.active(&asked.destination);
        let who = asked.participant.clone();
        self.stop_replications(LeftReason::Unknown, now, |r| {
            r.source == source && Some(r.destination) == to && r.who == who
        });
        Ok(())
    }

    /// Ends some replications; whoever receives the replicas is told `reason`.
    pub(super) fn stop_replications(
        &mut self,
        reason: LeftReason,
        now: Now,
        which: impl Fn(&Replication) -> bool,
    ) {
        while let Some(at) = self.replications.iter().position(&which) {
            self.write_replication(at, EventName::ReplicationStopped, now);
            let Replication {
                source,
                destination,
                who,
                ..
            } = self.replications[at].clone();
            self.take_replica_away(destination, &who, reason, now);
            self.replications.remove(at);
            self.note_source(source, &who);
            let replica = self.sessions[destination].people.get_mut(&who);
            let record = replica.and_then(|person| person.replication.as_mut());
            if let Some(model::Replication::Replica { is_active, .. }) = record {
                *is_active = false;
            }
            self.rest(source, now);
            self.rest(destination, now);
        }
    }

    /// A publish has ended: replications end or wait.
    pub(super) fn unpublished(&mut self, session: usize, who: &ParticipantId, now: Now) {
        self.stop_replications(LeftReason::Unknown, now, |r| {
            r.source == session && r.who == *who && r.window.is_zero()
        });
        for replication in &mut self.replications {
            if replication.source == session && replication.who == *who {
                replication.give_up = deadline(now, replication.window);
            }
        }
    }

    /// Lets every replica be what its source is.
    pub(super) fn sync_replicas(&mut self, now: Now) {
        for at in 0..self.replications.len() {
            let Replication {
                source,
                destination,
                who,
                attributes: over,
                ..
            } = self.replications[at].clone();
            let publish = self.publish_of(source, &who);
            let publish = publish.filter(|c| c.is_up && c.is_visible()).cloned();
            let shown = self.publish_of(destination, &who).map(|c| c.id);
            if shown.is_some() && shown != publish.as_ref().map(|c| c.id) {
                self.take_replica_away(destination, &who, LeftReason::Unknown, now);
            }
            let Some(publish) = publish else { continue };
            self.replications[at].give_up = None;
            let original = &self.sessions[source].people[&who];
            let user_id = original.user_id.clone();
            let mut attributes = original.attributes.clone();
            attributes.extend(over);
            if shown != Some(publish.id) {
                self.show_replica(destination, source, publish, now);
            }
            let people = &mut self.sessions[destination].people;
            let person = people.get_mut(&who).expect("a replica has a record");
            person.user_id = user_id;
            person.attributes = attributes;
        }
    }

    fn show_replica(&mut self, session: usize, source: usize, publish: Connection, now: Now) {
        let who = publish.who.clone();
        let home = self.sessions[source].stage.clone();
        let name = self.sessions[source].name.clone();
        let protocol = self.sessions[source].people[&who].protocol;
        let person = self.person(session, &who, now);
        person.published = true;
        person.protocol = protocol;
        person.replication = Some(model::Replication::Replica {
            is_active: true,
            source_stage: home.clone(),
            source_session: name.expect("the source's session has begun before"),
        });
        self.sessions[session].idle_deadline = None;
        self.write(session, &who, EventName::Joined, None, None, now);
        self.write(session, &who, EventName::PublishStarted, None, None, now);
        self.connections.push(Connection {
            session,
            home: Some((home, source)),
            deadline: None,
            key: None,
            ..publish
        });
    }

    /// A replica goes, if it is there, and the subscriptions to it go with it.
    fn take_replica_away(
        &mut self,
        session: usize,
        who: &ParticipantId,
        reason: LeftReason,
        now: Now,
    ) {
        let is_it = |c: &Connection| c.home.is_some() && c.who == *who;
        if !self.any(session, is_it) {
            return;
        }
        let goes =
            |c: &Connection| c.session == session && (is_it(c) || c.of.as_ref() == Some(who));
        let (removed, left): (Vec<_>, Vec<_>) = std::mem::take(&mut self.connections)
            .into_iter()
            .partition(goes);
        self.connections = left;
        let told = if reason == LeftReason::StageDeleted {
            reason
        } else {
            LeftReason::Unknown
        };
        for connection in removed.iter().filter(|c| !is_it(c)) {
            self.expected.closes.insert(connection.id, told);
        }
        self.write_removal(session, &removed, None, now);
        self.rest(session, now);
    }

    /// The record of the source says whether it is replicated to anywhere.
    fn note_source(&mut self, session: usize, who: &ParticipantId) {
        let mut own = self.replications.iter();
        let is_active = own.any(|r| r.source == session && r.who == *who);
        let people = &mut self.sessions[session].people;
        let person = people.get_mut(who).expect("a source has a record");
        person.replication = Some(model::Replication::Source { is_active });
    }

    fn write_replication(&mut self, at: usize, name: EventName, now: Now) {
        let Replication {
            source,
            destination,
            who,
            ..
        } = self.replications[at].clone();
        self.write_destination(source, &who, destination, name, now);
    }

    fn write_destination(
        &mut self,
        session: usize,
        who: &ParticipantId,
        to: usize,
        name: EventName,
        now: Now,
    ) {
        self.write(session, who, name, None, None, now);
        let stage = self.sessions[to].stage.clone();
        if let Some(Line::Event { destination, .. }) = self.expected.lines.last_mut() {
            *destination = Some((stage, to));
        }
    }

    /// What the crash cut off is written down for one session.
    pub(super) fn restore_replications(&mut self, session: usize, now: Now) {
        for replication in self.lost_replications.clone() {
            if replication.source == session {
                let (who, to) = (&replication.who, replication.destination);
                self.write_destination(session, who, to, EventName::ReplicationStopped, now);
            }
        }
        for person in self.sessions[session].people.values_mut() {
            match &mut person.replication {
                None => {}
                Some(
                    model::Replication::Source { is_active }
                    | model::Replication::Replica { is_active, .. },
                ) => *is_active = false,
            }
        }
    }

    /// Who is replicated, and from which session.
    pub(super) fn replicated(&self) -> impl Iterator<Item = (usize, ParticipantId)> {
        let all = self.replications.iter();
        all.map(|r| (r.source, r.who.clone()))
    }

    /// The sessions that a replication keeps.
    pub(super) fn kept_sessions(&self) -> BTreeSet<usize> {
        let all = self.replications.iter();
        all.flat_map(|r| [r.source, r.destination]).collect()
    }
}
