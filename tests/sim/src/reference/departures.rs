//! What goes, and what goes with it.

use std::collections::{BTreeMap, BTreeSet};

use model::{ConnectionId, ErrorCode, EventName, Now, ParticipantId};
use stage::LeftReason;

use super::{Connection, Kind, Reference, deadline};

impl Reference {
    /// Everything that a participant has goes.
    pub(super) fn evict(
        &mut self,
        session: usize,
        who: &ParticipantId,
        reason: LeftReason,
        now: Now,
    ) {
        if reason != LeftReason::TokenReused {
            self.stop_replications(LeftReason::Unknown, now, |r| {
                r.source == session && r.who == *who
            });
        }
        let gone = self
            .connections
            .iter()
            .filter(|c| c.session == session && c.who == *who)
            .map(|c| (c.id, Some(reason)))
            .collect();
        self.remove(&gone, None, now);
    }

    /// Everybody goes.
    pub(super) fn empty(&mut self, session: usize, reason: LeftReason, now: Now) {
        let gone = self
            .connections
            .iter()
            .filter(|c| c.session == session)
            .map(|c| (c.id, Some(reason)))
            .collect();
        self.remove(&gone, None, now);
    }

    /// Connections go, with what their clients are told (`None`: they went by themselves), and the subscriptions to a
    /// publish go with it. `error` is that of the connections named.
    pub(super) fn remove(
        &mut self,
        gone: &BTreeMap<ConnectionId, Option<LeftReason>>,
        error: Option<ErrorCode>,
        now: Now,
    ) {
        let sources: Vec<(usize, ParticipantId)> = self
            .connections
            .iter()
            .filter(|c| c.kind == Kind::Publish && gone.contains_key(&c.id) && c.home.is_none())
            .map(|c| (c.session, c.who.clone()))
            .collect();
        let goes = |c: &Connection| {
            (gone.contains_key(&c.id) && c.home.is_none())
                || c.of
                    .clone()
                    .is_some_and(|of| sources.contains(&(c.session, of)))
        };
        let (removed, left): (Vec<_>, Vec<_>) = std::mem::take(&mut self.connections)
            .into_iter()
            .partition(goes);
        self.connections = left;
        for connection in &removed {
            let reason = gone.get(&connection.id);
            let told = *reason.unwrap_or(&Some(LeftReason::Unknown));
            if let Some(reason) = told {
                self.expected.closes.insert(connection.id, reason);
            }
        }
        let failed = error.and_then(|code| Some((gone.keys().next().copied()?, code)));
        let Some(session) = removed.first().map(|c| c.session) else {
            return;
        };
        self.write_removal(session, &removed, failed, now);
        self.rest(session, now);
    }

    /// A session that nobody is in and nobody comes back to is given its grace.
    pub(super) fn rest(&mut self, session: usize, now: Now) {
        let is_in_use = self.headcount(session) > 0 || self.kept_sessions().contains(&session);
        if !is_in_use {
            let deadline = deadline(now, self.settings.session_grace);
            self.sessions[session].idle_deadline = deadline;
        }
    }

    /// Writes what the end of connections means: errors, stops, and the leaves of those who have none left.
    pub(super) fn write_removal(
        &mut self,
        session: usize,
        removed: &[Connection],
        failed: Option<(ConnectionId, ErrorCode)>,
        now: Now,
    ) {
        for connection in removed {
            let (error_name, stop_name) = match connection.kind {
                Kind::Socket => continue,
                Kind::Publish => (EventName::PublishError, EventName::PublishStopped),
                Kind::Subscription => (EventName::SubscribeError, EventName::SubscribeStopped),
            };
            let of = connection.of.as_ref();
            if let Some((_, code)) = failed.filter(|(id, _)| *id == connection.id) {
                self.write(session, &connection.who, error_name, of, Some(code), now);
            }
            if connection.is_up {
                self.write(session, &connection.who, stop_name, of, None, now);
                if connection.kind == Kind::Publish && connection.may_be_replicated() {
                    self.unpublished(session, &connection.who, now);
                }
            }
        }
        let touched: BTreeSet<&ParticipantId> = removed.iter().map(|c| &c.who).collect();
        for who in touched {
            if !self.is_connected(session, who) {
                self.mutes.remove(&(session, who.clone()));
                self.write(session, who, EventName::Left, None, None, now);
            }
        }
    }
}
