//! How a participant comes and goes: the join, the leave, the eviction.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    ClientInfo, ErrorCode, Participant, ParticipantId, ParticipantState, Protocol, Record,
    Replication, StageArn,
};

use crate::chronicle::{Chronicle, Entry};
use crate::connections::{Place, Role};
use crate::door::{Knock, Visitor};
use crate::exchange::Socket;
use crate::session::Session;
use crate::timers::Alarm;
use crate::turn::Turn;
use crate::{LeftReason, Refusal, Reply, Settings};

impl Session {
    pub(crate) fn is_connected(&self, id: &ParticipantId) -> bool {
        self.participants
            .get(id)
            .is_some_and(|participant| participant.state == ParticipantState::Connected)
    }

    /// Whether nobody more may join. Sockets are held to it; media is held to the quotas of its kind.
    pub(crate) fn is_crowded(&self, settings: &Settings) -> bool {
        let seats = settings
            .subscribers_per_stage_max
            .saturating_add(settings.publishers_per_stage_max);
        // One seat at least: whoever begins a session gets into it.
        is_full(self.connected, seats.max(1))
    }

    /// Lets an events socket in. If the participant has one already, this is a newer join and everything of the older
    /// one goes; if it is there through media only, the socket joins that, and its token says who it is.
    pub(crate) fn join(
        &mut self,
        knock: &Knock<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<Reply, Refusal> {
        let id = &knock.grant.participant;
        if !self.is_connected(id) && self.is_crowded(turn.settings) {
            let entry = Entry::JoinError(ErrorCode::QuotaExceeded);
            self.chronicle.write(id, entry, turn);
            return Err(Refusal::QuotaExceeded);
        }
        if self.sockets.contains_key(id) {
            self.evict(id, LeftReason::TokenReused, turn);
        }
        self.enter(&Visitor::from(knock), turn);
        self.introduce(id, knock.grant, turn);
        let socket = Socket::new(knock.connection, knock.grant);
        self.sockets.insert(id.clone(), socket);
        turn.open(knock.connection, self.place(id, Role::Socket));
        turn.effects.entered = Some(knock.connection);
        Ok(Reply::Joined {
            session: self.id(),
            roster: self.roster(),
        })
    }

    /// Makes the participant connected, unless it is; the caller gives it a connection.
    pub(crate) fn enter(&mut self, visitor: &Visitor<'_>, turn: &mut Turn<'_>) {
        let id = visitor.participant;
        if self.is_connected(id) {
            if let Some(participant) = self.participants.get_mut(id)
                && learn(participant, visitor)
            {
                turn.record(Record::Participant(participant.clone()));
            }
            return;
        }
        self.arrive(id, turn, |participant| {
            learn(participant, visitor);
            visitor.user_id.clone_into(&mut participant.user_id);
            participant.attributes.clone_from(visitor.attributes);
            // It was a replica, and is itself now.
            if let Some(Replication::Replica { .. }) = participant.replication {
                participant.replication = None;
            }
        });
    }

    /// Makes a participant connected that is not; `say` puts into its record who it is.
    pub(crate) fn arrive(
        &mut self,
        id: &ParticipantId,
        turn: &mut Turn<'_>,
        say: impl FnOnce(&mut Participant),
    ) {
        let joined = self.chronicle.date(turn.now.wall);
        let Chronicle { stage, session, .. } = &self.chronicle;
        let participant = self
            .participants
            .entry(id.clone())
            .or_insert_with(|| Participant {
                stage: StageArn::clone(stage),
                session: session.clone(),
                id: id.clone(),
                user_id: String::new(),
                attributes: BTreeMap::new(),
                state: ParticipantState::Disconnected,
                first_join: joined,
                published: false,
                publishing: false,
                protocol: Protocol::Unknown,
                ingest: None,
                client: ClientInfo::default(),
                replication: None,
            });
        participant.state = ParticipantState::Connected;
        say(participant);
        turn.record(Record::Participant(participant.clone()));
        self.absentees.returned(id);
        turn.timers
            .cancel(&Alarm::SessionGrace(Arc::clone(&self.chronicle.stage)));
        self.connected = self.connected.saturating_add(1);
        self.chronicle.write(id, Entry::Joined, turn);
    }

    /// Puts a refused publish or subscribe on the participant's list. One that is not connected joins for that moment,
    /// since knocking with media is joining; nothing that runs is touched.
    pub(crate) fn note_refusal(
        &mut self,
        visitor: &Visitor<'_>,
        entry: Entry,
        turn: &mut Turn<'_>,
    ) {
        let id = visitor.participant;
        if !self.is_connected(id) {
            self.enter(visitor, turn);
        }
        self.chronicle.write(id, entry, turn);
        self.leave_if_gone(id, turn);
    }

    /// Disconnects a participant that has lost its last connection.
    pub(crate) fn leave_if_gone(&mut self, id: &ParticipantId, turn: &mut Turn<'_>) {
        let has_connection = self.sockets.contains_key(id)
            || self.publishes.contains_key(id)
            || self.subscriptions.contains_key(id);
        if has_connection || !self.is_connected(id) {
            return;
        }
        let Some(participant) = self.participants.get_mut(id) else {
            return;
        };
        participant.state = ParticipantState::Disconnected;
        self.mutes.remove(id);
        turn.record(Record::Participant(participant.clone()));
        self.connected = self.connected.saturating_sub(1);
        self.chronicle.write(id, Entry::Left, turn);
        self.note_absence(id);
        self.rest_if_idle(turn);
    }

    /// A participant that is gone is remembered among the last who left, unless it may come back by a replication.
    pub(crate) fn note_absence(&mut self, id: &ParticipantId) {
        let is_known = self.participants.contains_key(id);
        if is_known
            && !self.is_connected(id)
            && !self.is_replicated(id)
            && let Some(forgotten) = self.absentees.left(id)
        {
            self.participants.remove(&forgotten);
            self.legs.remove(&forgotten);
        }
    }

    /// Closes everything a participant has. Unless it is itself that takes over, its replications end too.
    pub(crate) fn evict(&mut self, id: &ParticipantId, reason: LeftReason, turn: &mut Turn<'_>) {
        if reason != LeftReason::TokenReused {
            self.end_replications(id, turn);
        }
        if let Some(connection) = self.stop_publish(id, None, reason, turn) {
            turn.close(connection, reason);
        }
        self.stop_subscriptions(id, reason, turn);
        if let Some(Socket { connection, .. }) = self.sockets.remove(id) {
            turn.forget(connection);
            turn.close(connection, reason);
        }
        self.leave_if_gone(id, turn);
    }

    pub(crate) fn place(&self, id: &ParticipantId, role: Role) -> Place {
        Place {
            stage: Arc::clone(&self.chronicle.stage),
            participant: id.clone(),
            role,
        }
    }
}

/// Whether a quota is used up.
pub(crate) fn is_full(used: usize, quota: u32) -> bool {
    u32::try_from(used).map_or(true, |used| used >= quota)
}

/// Takes over what the record does not say yet; whether that is anything.
fn learn(participant: &mut Participant, visitor: &Visitor<'_>) -> bool {
    let is_new = visitor.ingest.is_some() && participant.ingest != visitor.ingest;
    if is_new {
        participant.ingest.clone_from(&visitor.ingest);
    }
    let client = visitor.client;
    client.is_some_and(|client| fill_blanks(&mut participant.client, client)) || is_new
}

/// Takes over what `other` says where `known` says nothing; whether it did.
fn fill_blanks(known: &mut ClientInfo, other: &ClientInfo) -> bool {
    let ClientInfo {
        isp_name,
        os_name,
        os_version,
        browser_name,
        browser_version,
        sdk_version,
    } = other;
    let mut learned = false;
    for (known, other) in [
        (&mut known.isp_name, isp_name),
        (&mut known.os_name, os_name),
        (&mut known.os_version, os_version),
        (&mut known.browser_name, browser_name),
        (&mut known.browser_version, browser_version),
        (&mut known.sdk_version, sdk_version),
    ] {
        if known.is_empty() && !other.is_empty() {
            known.clone_from(other);
            learned = true;
        }
    }
    learned
}
