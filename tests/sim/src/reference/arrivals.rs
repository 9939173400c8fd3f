//! Who comes in, and is known from then on.

use std::collections::BTreeMap;
use std::time::Instant;

use model::{ErrorCode, EventName, Grant, Now, ParticipantId, Protocol};

use super::{Caller, Connection, Kind, Reference, Session};
use crate::expected::Person;

impl Reference {
    /// A refusal on somebody's list; who is not there comes for it and goes again.
    pub(super) fn visit(
        &mut self,
        session: usize,
        caller: &Caller<'_>,
        name: EventName,
        of: Option<&ParticipantId>,
        code: ErrorCode,
        now: Now,
    ) {
        let who = &caller.grant.participant;
        let was_there = self.is_connected(session, who);
        if !was_there {
            self.enter(session, caller, now);
        }
        self.write(session, who, name, of, Some(code), now);
        if !was_there {
            self.write(session, who, EventName::Left, None, None, now);
            self.rest(session, now);
        }
    }

    /// Notes that somebody comes in; the caller adds the connection.
    pub(super) fn enter(&mut self, session: usize, caller: &Caller<'_>, now: Now) {
        let Grant {
            participant: who,
            user_id,
            attributes,
            ..
        } = caller.grant;
        let is_join = !self.is_connected(session, who);
        let person = self.person(session, who, now);
        for (known, said) in [
            (&mut person.client.0, &caller.client.os_name),
            (&mut person.client.1, &caller.client.sdk_version),
        ] {
            if known.is_empty() {
                known.clone_from(said);
            }
        }
        if is_join {
            person.user_id.clone_from(user_id);
            person.attributes.clone_from(attributes);
            if let Some(model::Replication::Replica { .. }) = person.replication {
                person.replication = None;
            }
            self.sessions[session].idle_deadline = None;
            self.write(session, who, EventName::Joined, None, None, now);
        }
    }

    /// The record of somebody who comes in.
    pub(super) fn person(&mut self, session: usize, who: &ParticipantId, now: Now) -> &mut Person {
        let Session { people, latest, .. } = &mut self.sessions[session];
        let first_join = (*latest).max(now.wall);
        people.entry(who.clone()).or_insert_with(|| Person {
            first_join,
            published: false,
            protocol: Protocol::Unknown,
            ingest: None,
            is_leg: false,
            client: (String::new(), String::new()),
            user_id: String::new(),
            attributes: BTreeMap::new(),
            replication: None,
        })
    }

    pub(super) fn add(
        &mut self,
        session: usize,
        caller: &Caller<'_>,
        kind: Kind,
        of: Option<&ParticipantId>,
        deadline: Option<Instant>,
    ) {
        self.connections.push(Connection {
            id: caller.id,
            session,
            who: caller.grant.participant.clone(),
            kind,
            of: of.cloned(),
            is_up: false,
            deadline,
            token: caller.grant.clone(),
            is_exchanged: false,
            key: None,
            home: None,
        });
    }
}
