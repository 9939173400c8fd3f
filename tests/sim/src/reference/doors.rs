//! Who may come in, and what it replaces: joins, publishes and subscriptions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{ClientInfo, ConnectionId, ErrorCode, EventName, Grant, Now, ParticipantId};
use stage::{LeftReason, Refusal};

use super::{Caller, Connection, Kind, Reference, deadline};
use crate::expected::Answer;

impl Reference {
    pub(super) fn knock(
        &mut self,
        id: ConnectionId,
        grant: &Grant,
        client: &ClientInfo,
        now: Now,
        then: impl FnOnce(&mut Self, &Caller<'_>, Now) -> Answer,
    ) -> Answer {
        match self.let_in(grant, now) {
            Ok(()) => then(self, &Caller { id, grant, client }, now),
            Err(refusal) => Answer::Refused(refusal),
        }
    }

    pub(super) fn let_in(&self, grant: &Grant, now: Now) -> Result<(), Refusal> {
        if self.is_shutting_down {
            return Err(Refusal::ShuttingDown);
        }
        let Some(bans) = self.stages.get(&grant.stage) else {
            return Err(Refusal::StageNotFound);
        };
        if bans.contains(&grant.participant) {
            return Err(Refusal::ParticipantDisconnected);
        }
        let active = self.active(&grant.stage);
        if active.is_some_and(|session| self.is_replica(session, &grant.participant)) {
            return Err(Refusal::ReplicaPresent);
        }
        let is_inside = self
            .active(&grant.stage)
            .is_some_and(|session| self.is_connected(session, &grant.participant));
        if !is_inside && now.wall >= grant.expires {
            return Err(Refusal::TokenExpired);
        }
        Ok(())
    }

    pub(super) fn join(&mut self, caller: &Caller<'_>, now: Now) -> Answer {
        let who = &caller.grant.participant;
        let seats =
            self.settings.subscribers_per_stage_max + self.settings.publishers_per_stage_max;
        if let Some(session) = self.active(&caller.grant.stage)
            && !self.is_connected(session, who)
            && self.headcount(session) >= seats as usize
        {
            let code = ErrorCode::QuotaExceeded;
            self.write(session, who, EventName::JoinError, None, Some(code), now);
            return Answer::Refused(Refusal::QuotaExceeded);
        }
        let session = self.active_or_new(&caller.grant.stage, now);
        if self.any(session, |c| c.who == *who && c.kind == Kind::Socket) {
            self.evict(session, who, LeftReason::TokenReused, now);
        }
        self.enter(session, caller, now);
        self.introduce(session, caller.grant);
        self.add(session, caller, Kind::Socket, None, None);
        Answer::Joined(session, self.roster(session))
    }

    pub(super) fn publish(
        &mut self,
        caller: &Caller<'_>,
        fault: Option<ErrorCode>,
        now: Now,
    ) -> Answer {
        let who = &caller.grant.participant;
        let session = self.active_or_new(&caller.grant.stage, now);
        let is_own = |c: &Connection| c.who == *who && c.kind == Kind::Publish && c.is_visible();
        let is_full = self.is_full_of_publishers(session);
        let obstacle = if !self.allowed(Some(session), caller.grant).publish {
            Some((
                ErrorCode::InsufficientCapabilities,
                Refusal::InsufficientCapabilities,
            ))
        } else if let Some(code) = fault {
            Some((code, Refusal::Offer(code)))
        } else if is_full && !self.any(session, is_own) {
            Some((ErrorCode::QuotaExceeded, Refusal::QuotaExceeded))
        } else {
            None
        };
        if let Some((code, refusal)) = obstacle {
            self.visit(session, caller, EventName::PublishError, None, code, now);
            return Answer::Refused(refusal);
        }
        if let Some(older) = self.publish_of(session, who).map(|c| c.id) {
            if self.any(session, |c| c.who == *who && c.kind == Kind::Socket) {
                let reason = Some(LeftReason::TokenReused);
                self.remove(&BTreeMap::from([(older, reason)]), None, now);
            } else {
                self.evict(session, who, LeftReason::TokenReused, now);
            }
        }
        self.enter(session, caller, now);
        let deadline = deadline(now, self.settings.setup_timeout);
        self.add(session, caller, Kind::Publish, None, deadline);
        Answer::Admitted(session, None, None)
    }

    pub(super) fn subscribe(
        &mut self,
        caller: &Caller<'_>,
        of: &ParticipantId,
        now: Now,
    ) -> Answer {
        let who = &caller.grant.participant;
        let name = EventName::SubscribeError;
        let active = self.active(&caller.grant.stage);
        if !self.allowed(active, caller.grant).subscribe {
            let session = self.active_or_new(&caller.grant.stage, now);
            let code = ErrorCode::InsufficientCapabilities;
            self.visit(session, caller, name, Some(of), code, now);
            return Answer::Refused(Refusal::InsufficientCapabilities);
        }
        if of == who {
            return Answer::Refused(Refusal::SelfSubscribe);
        }
        let Some(session) = self.active(&caller.grant.stage) else {
            return Answer::Refused(Refusal::PublisherNotFound);
        };
        if !self.sessions[session].people.contains_key(of) || self.is_leg(session, of) {
            let code = ErrorCode::PublisherNotFound;
            self.visit(session, caller, name, Some(of), code, now);
            return Answer::Refused(Refusal::PublisherNotFound);
        }
        let source = self.publish_of(session, of).filter(|c| c.is_up);
        let source = source.map(|c| (c.id, c.home.clone().map(|(stage, _)| stage)));
        let Some((source, home)) = source else {
            return Answer::Refused(Refusal::PublisherNotPublishing {
                retry_after: Duration::from_secs(1),
            });
        };
        let subscribers: BTreeSet<&ParticipantId> = self
            .connections
            .iter()
            .filter(|c| c.session == session && c.kind == Kind::Subscription)
            .map(|c| &c.who)
            .collect();
        let is_stage_full = !subscribers.contains(who)
            && subscribers.len() >= self.settings.subscribers_per_stage_max as usize;
        let is_region_full = self.count_in_region(&caller.grant.stage, Kind::Subscription)
            >= self.settings.subscriptions_per_region_max as usize;
        let is_own = |c: &Connection| c.who == *who && c.of.as_ref() == Some(of);
        if (is_stage_full || is_region_full) && !self.any(session, is_own) {
            let code = ErrorCode::QuotaExceeded;
            self.visit(session, caller, name, Some(of), code, now);
            return Answer::Refused(Refusal::QuotaExceeded);
        }
        // The new one comes before the old one goes, so that the participant is there all the while.
        let older = self
            .connections
            .iter()
            .find(|c| c.session == session && c.who == *who && c.of.as_ref() == Some(of))
            .map(|c| c.id);
        self.enter(session, caller, now);
        let deadline = deadline(now, self.settings.setup_timeout);
        self.add(session, caller, Kind::Subscription, Some(of), deadline);
        if let Some(older) = older {
            let reason = Some(LeftReason::TokenReused);
            self.remove(&BTreeMap::from([(older, reason)]), None, now);
        }
        Answer::Admitted(session, Some(source), home)
    }
}
