//! One token in the place of another.

use std::collections::BTreeMap;

use model::{
    Capabilities, ConnectionId, EventName, Exchange, ExchangedToken, Grant, Issuer, Now,
    ParticipantId,
};
use stage::{ExchangeFault, LeftReason, Refusal};

use super::{Kind, Reference};
use crate::expected::Line;

impl Reference {
    /// What the holder of a token may do: what the exchanged token says where there is one, else what it says itself.
    pub(super) fn allowed(&self, session: Option<usize>, grant: &Grant) -> Capabilities {
        let exchanged = self
            .connections
            .iter()
            .find(|c| Some(c.session) == session && c.who == grant.participant && c.is_exchanged);
        exchanged.map_or(grant.capabilities, |c| c.token.capabilities)
    }

    pub(super) fn exchange(
        &mut self,
        id: ConnectionId,
        grant: &Grant,
        now: Now,
    ) -> Result<(), Refusal> {
        if self.is_shutting_down {
            return Err(Refusal::ShuttingDown);
        }
        let bans = self.stages.get(&grant.stage);
        if bans
            .ok_or(Refusal::StageNotFound)?
            .contains(&grant.participant)
        {
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
        let socket = self.socket(id);
        let (session, who) = socket.ok_or(Refusal::Exchange(ExchangeFault::NotJoined))?;
        let held = self.connections.iter_mut().find(|c| c.id == id);
        let held = held.expect("it has just been found");
        let fault = if held.token.stage != grant.stage {
            Some(ExchangeFault::OtherStage)
        } else if held.token.participant != grant.participant {
            Some(ExchangeFault::OtherParticipant)
        } else if held.token.issuer == Issuer::Service || grant.issuer == Issuer::Service {
            Some(ExchangeFault::NotSelfSigned)
        } else {
            None
        };
        if let Some(fault) = fault {
            return Err(Refusal::Exchange(fault));
        }
        if now.wall >= grant.expires {
            return Err(Refusal::TokenExpired);
        }
        let older = std::mem::replace(&mut held.token, grant.clone());
        held.is_exchanged = true;
        self.introduce(session, grant);
        let exchange = Exchange {
            previous: told(older),
            new: told(grant.clone()),
        };
        self.write_exchange(session, &who, exchange, now);
        let Capabilities { publish, subscribe } = grant.capabilities;
        let lost: BTreeMap<ConnectionId, Option<LeftReason>> = self
            .connections
            .iter()
            .filter(|c| c.session == session && c.who == who)
            .filter(|c| match c.kind {
                Kind::Socket => false,
                Kind::Publish => !publish,
                Kind::Subscription => !subscribe,
            })
            .map(|c| (c.id, Some(LeftReason::Unknown)))
            .collect();
        self.remove(&lost, None, now);
        Ok(())
    }

    /// Who somebody is from now on.
    pub(super) fn introduce(&mut self, session: usize, grant: &Grant) {
        let person = self.sessions[session].people.get_mut(&grant.participant);
        let person = person.expect("whoever is there has a record");
        person.user_id.clone_from(&grant.user_id);
        person.attributes.clone_from(&grant.attributes);
    }

    fn write_exchange(
        &mut self,
        session: usize,
        who: &ParticipantId,
        exchange: Exchange,
        now: Now,
    ) {
        self.write(session, who, EventName::TokenExchanged, None, None, now);
        if let Some(Line::Event { exchange: line, .. }) = self.expected.lines.last_mut() {
            *line = Some(Box::new(exchange));
        }
    }
}

fn told(token: Grant) -> ExchangedToken {
    ExchangedToken {
        capabilities: token.capabilities,
        user_id: token.user_id,
        attributes: token.attributes,
        expires: token.expires,
    }
}
