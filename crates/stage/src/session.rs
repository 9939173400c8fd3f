//! One session: who is in it and by which connections.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{Participant, ParticipantId, Record, SessionId, StageArn};
use rand_chacha::rand_core::Rng;

use crate::absentees::Absentees;
use crate::chronicle::Chronicle;
use crate::connections::{Place, Role};
use crate::exchange::Socket;
use crate::publish::Publish;
use crate::replicas::{Incoming, Outgoing, Past};
use crate::subscribe::Subscription;
use crate::timers::Alarm;
use crate::turn::Turn;
use crate::{LeftReason, Mute, Roster, RosterEntry};

/// The tables of a session. A participant is in at most one row of each, and connected while it has a socket,
/// a publish or a subscription.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) chronicle: Chronicle,
    /// Everybody who is there, and those of `absentees`.
    pub(crate) participants: BTreeMap<ParticipantId, Participant>,
    pub(crate) absentees: Absentees,
    /// How many of them are connected.
    pub(crate) connected: usize,
    pub(crate) sockets: BTreeMap<ParticipantId, Socket>,
    /// Who is one of two redundant streams: nobody can receive them, whether they publish or not.
    pub(crate) legs: BTreeSet<ParticipantId>,
    /// By publisher; those whose media is not up yet too.
    pub(crate) publishes: BTreeMap<ParticipantId, Publish>,
    /// By subscriber, then by publisher; no inner map is empty.
    pub(crate) subscriptions: BTreeMap<ParticipantId, BTreeMap<ParticipantId, Subscription>>,
    /// What those who are connected have muted; who has muted nothing is not here.
    pub(crate) mutes: BTreeMap<ParticipantId, Mute>,
    /// Active replications from here, by destination; no inner map is empty.
    pub(crate) outgoing: BTreeMap<ParticipantId, BTreeMap<Arc<StageArn>, Outgoing>>,
    /// Active replications to here.
    pub(crate) incoming: BTreeMap<ParticipantId, Incoming>,
    /// Replications from here that are over.
    pub(crate) past: Past,
}

impl Session {
    /// Begins a session; the caller lets somebody in.
    pub(crate) fn begin(stage: &Arc<StageArn>, turn: &mut Turn<'_>) -> Self {
        let mut random = [0; 13];
        turn.rng.fill_bytes(&mut random);
        let id = SessionId::from_random(random);
        let start = turn.now.wall;
        turn.record(Record::SessionStarted(model::Session {
            stage: StageArn::clone(stage),
            id: id.clone(),
            start,
            end: None,
        }));
        Self {
            chronicle: Chronicle::new(Arc::clone(stage), id, start, 0),
            participants: BTreeMap::new(),
            absentees: Absentees::new(turn.settings.disconnected_remembered_max),
            connected: 0,
            sockets: BTreeMap::new(),
            legs: BTreeSet::new(),
            publishes: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            mutes: BTreeMap::new(),
            outgoing: BTreeMap::new(),
            incoming: BTreeMap::new(),
            past: Past::new(turn.settings.disconnected_remembered_max),
        }
    }

    /// Ends the session at once: whoever is there is disconnected. The caller has ended all replications.
    pub(crate) fn end(mut self, reason: LeftReason, turn: &mut Turn<'_>) {
        let present: Vec<ParticipantId> = self
            .participants
            .keys()
            .filter(|id| self.is_connected(id))
            .cloned()
            .collect();
        for id in present {
            self.evict(&id, reason, turn);
        }
        turn.timers
            .cancel(&Alarm::SessionGrace(Arc::clone(&self.chronicle.stage)));
        self.chronicle.close(turn);
    }

    /// Gives the session its grace if nobody is connected and nobody may come back by a replication.
    pub(crate) fn rest_if_idle(&self, turn: &mut Turn<'_>) {
        if self.connected == 0 && self.outgoing.is_empty() && self.incoming.is_empty() {
            turn.timers.set(
                Alarm::SessionGrace(Arc::clone(&self.chronicle.stage)),
                turn.now.mono,
                turn.settings.session_grace,
            );
        }
    }

    pub(crate) fn id(&self) -> SessionId {
        self.chronicle.session.clone()
    }

    /// Whether the media of a publish or a subscription is up.
    pub(crate) fn is_media_up(&self, place: &Place) -> bool {
        let id = &place.participant;
        match &place.role {
            Role::Socket => false,
            Role::Publish(_) => self.publishes.get(id).is_some_and(|publish| publish.is_up),
            Role::Subscription { publisher } => self
                .subscriptions
                .get(id)
                .and_then(|own| own.get(publisher))
                .is_some_and(|subscription| subscription.is_up),
        }
    }

    /// The participants whose media is up, as peers may know of them.
    pub(crate) fn roster(&self) -> Roster {
        let participants = self
            .publishes
            .iter()
            .filter(|(_, publish)| publish.is_on_roster())
            .filter_map(|(id, publish)| Some((self.participants.get(id)?, publish)))
            .map(|(participant, publish)| RosterEntry {
                id: participant.id.clone(),
                user_id: participant.user_id.clone(),
                attributes: participant.attributes.clone(),
                publish: publish.connection,
                mute: self.mutes.get(&participant.id).copied().unwrap_or_default(),
                source: publish.source.home().map(|stage| StageArn::clone(stage)),
            })
            .collect();
        Roster {
            stage: self.chronicle.stage.id.clone(),
            participants,
        }
    }
}
