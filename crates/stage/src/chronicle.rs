//! The order of what happens in one session: sequence numbers, and times that never run backwards.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use model::{ErrorCode, Event, EventName, Exchange, ParticipantId, Record, SessionId, StageArn};

use crate::turn::Turn;

/// What a participant's list says, with exactly the members that its name has.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    Joined,
    Left,
    JoinError(ErrorCode),
    PublishStarted,
    PublishStopped,
    PublishError(ErrorCode),
    SubscribeStarted(ParticipantId),
    SubscribeStopped(ParticipantId),
    SubscribeError(ParticipantId, ErrorCode),
    TokenExchanged(Box<Exchange>),
    /// To which stage, and which session of it.
    ReplicationStarted(StageArn, SessionId),
    ReplicationStopped(StageArn, SessionId),
}

impl Entry {
    /// The name, and what an event of that name has besides.
    fn into_members(self) -> (EventName, Members) {
        let mut members = Members::default();
        let name = match self {
            Self::Joined => EventName::Joined,
            Self::Left => EventName::Left,
            Self::JoinError(code) => {
                members.error = Some(code);
                EventName::JoinError
            }
            Self::PublishStarted => EventName::PublishStarted,
            Self::PublishStopped => EventName::PublishStopped,
            Self::PublishError(code) => {
                members.error = Some(code);
                EventName::PublishError
            }
            Self::SubscribeStarted(remote) => {
                members.remote = Some(remote);
                EventName::SubscribeStarted
            }
            Self::SubscribeStopped(remote) => {
                members.remote = Some(remote);
                EventName::SubscribeStopped
            }
            Self::SubscribeError(remote, code) => {
                members.remote = Some(remote);
                members.error = Some(code);
                EventName::SubscribeError
            }
            Self::TokenExchanged(exchange) => {
                members.exchange = Some(exchange);
                EventName::TokenExchanged
            }
            Self::ReplicationStarted(stage, session) => {
                members.destination = Some((stage, session));
                EventName::ReplicationStarted
            }
            Self::ReplicationStopped(stage, session) => {
                members.destination = Some((stage, session));
                EventName::ReplicationStopped
            }
        };
        (name, members)
    }
}

/// What an event has besides its name: about whom, why, which tokens, and where to.
#[derive(Default)]
struct Members {
    remote: Option<ParticipantId>,
    error: Option<ErrorCode>,
    exchange: Option<Box<Exchange>>,
    destination: Option<(StageArn, SessionId)>,
}

/// Numbers and dates the events of one session.
#[derive(Debug)]
pub(crate) struct Chronicle {
    pub(crate) stage: Arc<StageArn>,
    pub(crate) session: SessionId,
    /// Who is the replica of a participant of another stage. Events say it of whom they are about.
    pub(crate) replicas: BTreeSet<ParticipantId>,
    /// Of the newest event; the session's start before there is one.
    latest: Timestamp,
    /// Of the newest event, 0 before there is one.
    sequence: u64,
}

impl Chronicle {
    pub(crate) fn new(
        stage: Arc<StageArn>,
        session: SessionId,
        start: Timestamp,
        sequence: u64,
    ) -> Self {
        Self {
            stage,
            session,
            replicas: BTreeSet::new(),
            latest: start,
            sequence,
        }
    }

    /// The wall time, or the newest time in the session while the wall clock is behind it.
    pub(crate) fn date(&mut self, wall: Timestamp) -> Timestamp {
        self.latest = self.latest.max(wall);
        self.latest
    }

    /// Adds an event to a participant's list.
    pub(crate) fn write(&mut self, participant: &ParticipantId, entry: Entry, turn: &mut Turn<'_>) {
        self.sequence = self.sequence.saturating_add(1);
        let (name, members) = entry.into_members();
        let Members {
            remote,
            error,
            exchange,
            destination,
        } = members;
        let replica = self
            .replicas
            .contains(remote.as_ref().unwrap_or(participant));
        let event = Event {
            stage: StageArn::clone(&self.stage),
            session: self.session.clone(),
            participant: participant.clone(),
            sequence: self.sequence,
            time: self.date(turn.now.wall),
            name,
            remote,
            error,
            exchange,
            replica,
            destination,
        };
        turn.record(Record::Event(event));
    }

    /// Ends the session.
    pub(crate) fn close(mut self, turn: &mut Turn<'_>) {
        let end = self.date(turn.now.wall);
        turn.record(Record::SessionEnded {
            stage: StageArn::clone(&self.stage),
            session: self.session,
            end,
        });
    }
}
