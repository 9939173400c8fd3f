//! Replication: a publishing participant appears on another stage too. Who may, and what ends it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::{IngestConfigurationArn, Now, ParticipantId, StageArn, limits};

use crate::participant::is_full;
use crate::publish::Publish;
use crate::replicas::{Incoming, Outgoing, Route, Standing};
use crate::session::Session;
use crate::{LeftReason, Refusal, Replicate, ReplicationFault, ReplicationKey, Reply, Stages};

impl Stages {
    /// A participant appears on another stage, which gets a session if it has none. The start of what runs already is no fault as long as
    /// whoever asked for it may not know.
    pub(crate) fn replicate(&mut self, wish: Replicate, now: Now) -> Result<Reply, Refusal> {
        if self.is_shutting_down {
            return Err(Refusal::ShuttingDown);
        }
        let Replicate {
            of,
            window,
            attributes,
        } = wish;
        if of.source == of.destination {
            return Err(Refusal::Replication(ReplicationFault::SameStage));
        }
        let window = window.min(limits::RECONNECT_WINDOW_MAX);
        let route = self.route(of)?;
        if self.is_repeated(&route, window, &attributes) {
            self.restate(&route, now);
            return Ok(Reply::Done);
        }
        self.check_source(&route)?;
        self.check_destination(&route)?;
        let (stages, mut turn) = self.split(now);
        let source_session = session_of(stages, &route.source).map(|session| session.id());
        let source_session =
            source_session.ok_or(Refusal::Replication(ReplicationFault::ParticipantNotFound))?;
        if let Some(stage) = stages.get_mut(&route.destination) {
            let session = stage.session(&mut turn);
            let incoming = Incoming {
                source: Arc::clone(&route.source),
                session: source_session,
                attributes,
            };
            session.expect_replica(&route.participant, incoming, &mut turn);
            let outgoing = Outgoing {
                session: session.id(),
                window,
                is_answered: false,
            };
            if let Some(session) = session_of(stages, &route.source) {
                session.begin_replication(&route, outgoing, &mut turn);
            }
        }
        Ok(Reply::Done)
    }

    /// Whether exactly that runs, and nobody has been told so.
    fn is_repeated(
        &self,
        route: &Route,
        window: Duration,
        attributes: &BTreeMap<String, String>,
    ) -> bool {
        let id = &route.participant;
        let own = self.session(&route.source);
        let own = own.and_then(|session| session.outgoing.get(id)?.get(&route.destination));
        let replica = self.session(&route.destination);
        let replica = replica.and_then(|session| session.incoming.get(id));
        own.is_some_and(|own| !own.is_answered && own.window == window)
            && replica.is_some_and(|replica| replica.attributes == *attributes)
    }

    /// Records once more how a replication stands: whoever repeats what it asked for may do so because the records were lost.
    fn restate(&mut self, route: &Route, now: Now) {
        let (stages, mut turn) = self.split(now);
        if let Some(session) = session_of(stages, &route.source) {
            session.restate_replication(route, &mut turn);
        }
        if let Some(session) = session_of(stages, &route.destination) {
            session.restate(&route.participant, &mut turn);
        }
    }

    /// Whoever asked for a replication knows that it runs.
    pub(crate) fn replication_answered(&mut self, of: &ReplicationKey) {
        let stage = self.by_arn.get_mut(&of.source);
        let session = stage.and_then(|stage| stage.session.as_mut());
        let own = session.and_then(|session| {
            let own = session.outgoing.get_mut(&of.participant)?;
            own.get_mut(&of.destination)
        });
        if let Some(own) = own {
            own.is_answered = true;
        }
    }

    /// Ends a replication. One that has ended already is no fault.
    pub(crate) fn stop_replication(
        &mut self,
        of: ReplicationKey,
        now: Now,
    ) -> Result<Reply, Refusal> {
        if self.is_shutting_down {
            return Err(Refusal::ShuttingDown);
        }
        let route = self.route(of)?;
        let (stages, mut turn) = self.split(now);
        let id = &route.participant;
        let session = session_of(stages, &route.source);
        let session = session.ok_or(Refusal::Replication(ReplicationFault::NeverReplicated))?;
        let own = session.outgoing.get(id);
        if own.is_some_and(|own| own.contains_key(&route.destination)) {
            session.end_replication(&route, &mut turn);
        } else if session.past.get(id, &route.destination).is_some() {
            self.restate(&route, now);
        } else {
            return Err(Refusal::Replication(ReplicationFault::NeverReplicated));
        }
        Ok(Reply::Done)
    }

    /// The active session of a stage.
    pub(crate) fn session(&self, stage: &StageArn) -> Option<&Session> {
        self.by_arn.get(stage)?.session.as_ref()
    }

    /// The key of a replication between two stages that exist.
    fn route(&self, of: ReplicationKey) -> Result<Route, Refusal> {
        let ReplicationKey {
            source,
            destination,
            participant,
        } = of;
        let from = self.by_arn.get(&source);
        let from = from.ok_or(Refusal::Replication(ReplicationFault::SourceNotFound))?;
        // A stage of somebody else's is told from none by nothing.
        let to = self.by_arn.get(&destination).filter(|_| {
            (&destination.account, &destination.region) == (&source.account, &source.region)
        });
        let to = to.ok_or(Refusal::Replication(ReplicationFault::DestinationNotFound))?;
        Ok(Route {
            source: Arc::clone(&from.arn),
            participant,
            destination: Arc::clone(&to.arn),
        })
    }

    /// Whether the source has what is to be replicated. A publish is there only where a token allowed it.
    fn check_source(&self, route: &Route) -> Result<(), Refusal> {
        let id = &route.participant;
        let stage = self.by_arn.get(&route.source);
        let session = stage.and_then(|stage| stage.session.as_ref());
        let session =
            session.filter(|session| session.participants.contains_key(id) && !session.is_leg(id));
        let Some(session) = session else {
            return Err(Refusal::Replication(ReplicationFault::ParticipantNotFound));
        };
        let own = session.outgoing.get(id);
        let is_publishing = session.publishes.get(id).is_some_and(Publish::is_on_roster);
        let fault = if own.is_some_and(|own| own.contains_key(&route.destination)) {
            ReplicationFault::AlreadyReplicated
        } else if session.incoming.contains_key(id) {
            ReplicationFault::IsReplica
        } else if !is_publishing {
            ReplicationFault::NotPublishing
        } else if is_full(
            own.map_or(0, BTreeMap::len),
            self.settings.replicas_per_participant_max,
        ) {
            ReplicationFault::TooManyReplicas
        } else {
            return Ok(());
        };
        Err(Refusal::Replication(fault))
    }

    /// Whether the destination has room for it.
    fn check_destination(&self, route: &Route) -> Result<(), Refusal> {
        let id = &route.participant;
        let Some(stage) = self.by_arn.get(&route.destination) else {
            return Err(Refusal::Replication(ReplicationFault::DestinationNotFound));
        };
        let session = stage.session.as_ref();
        let is_present =
            session.is_some_and(|session| session.is_connected(id) || session.is_replicated(id));
        let publishers = session.map_or(0, Session::publisher_count);
        let of_account = self.connections.streams(&route.destination).publishes;
        let fault = if stage.banned.contains(id) {
            ReplicationFault::Banned
        } else if is_present {
            ReplicationFault::Present
        } else if is_full(publishers, self.settings.publishers_per_stage_max)
            || is_full(of_account, self.settings.publishers_per_region_max)
        {
            ReplicationFault::DestinationFull
        } else {
            return Ok(());
        };
        Err(Refusal::Replication(fault))
    }

    /// Shows each destination what its sources have done.
    pub(crate) fn follow(&mut self, now: Now) {
        let (stages, mut turn) = self.split(now);
        // What a destination does is of no concern to a source: there is nothing to follow after this.
        for route in std::mem::take(&mut turn.effects.routes) {
            let source = session_of(stages, &route.source);
            let standing = source.map_or(Standing::Over, |session| session.standing(&route));
            if let Some(destination) = session_of(stages, &route.destination) {
                destination.follow(&route, standing, &mut turn);
            }
        }
    }

    /// The participant of a replication has been away for its window.
    pub(crate) fn give_up(&mut self, route: &Route, now: Now) {
        let (stages, mut turn) = self.split(now);
        if let Some(session) = session_of(stages, &route.source) {
            session.end_replication(route, &mut turn);
        }
    }

    /// Ends every replication to a stage, or that of one participant; who receives the replica is told `reason`.
    pub(crate) fn end_replications_to(
        &mut self,
        stage: &StageArn,
        of: Option<&ParticipantId>,
        reason: LeftReason,
        now: Now,
    ) {
        let (stages, mut turn) = self.split(now);
        let Some(session) = session_of(stages, stage) else {
            return;
        };
        let routes = match of {
            None => session.routes_here(),
            Some(id) => session.route_here(id).into_iter().collect(),
        };
        for route in routes {
            if let Some(session) = session_of(stages, &route.source) {
                session.end_replication(&route, &mut turn);
            }
            if let Some(session) = session_of(stages, stage) {
                session.drop_replica(&route.participant, reason, &mut turn);
            }
        }
    }

    /// Ends every replication from a stage.
    pub(crate) fn end_replications_from(&mut self, stage: &StageArn, now: Now) {
        let (stages, mut turn) = self.split(now);
        if let Some(session) = session_of(stages, stage) {
            for route in session.routes() {
                session.end_replication(&route, &mut turn);
            }
        }
        self.follow(now);
    }

    /// Ends the replications of those who have published through an ingest configuration where it is not attached, also of
    /// those who are away: its key does not bring them back there.
    pub(crate) fn end_replications_through(
        &mut self,
        configuration: &IngestConfigurationArn,
        unless: Option<&StageArn>,
        now: Now,
    ) {
        let (stages, mut turn) = self.split(now);
        let elsewhere = stages
            .values_mut()
            .filter(|stage| unless != Some(&*stage.arn));
        for session in elsewhere.filter_map(|stage| stage.session.as_mut()) {
            for route in session.routes() {
                if session.published_through(&route.participant, configuration) {
                    session.end_replication(&route, &mut turn);
                }
            }
        }
    }

    /// Ends every replication.
    pub(crate) fn end_all_replications(&mut self, reason: LeftReason, now: Now) {
        let stages: Vec<Arc<StageArn>> = self.by_arn.keys().cloned().collect();
        for stage in stages {
            self.end_replications_to(&stage, None, reason, now);
        }
    }
}

fn session_of<'a>(
    stages: &'a mut BTreeMap<Arc<StageArn>, crate::door::Stage>,
    stage: &StageArn,
) -> Option<&'a mut Session> {
    stages.get_mut(stage)?.session.as_mut()
}
