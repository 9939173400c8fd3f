//! The order of what happens in one session: sequence numbers, and times that never run backwards.

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
}

impl Entry {
    /// The name, and what an event of that name has besides: about whom, why, and which tokens.
    fn into_members(self) -> Members {
        let (name, remote, error) = match self {
            Self::TokenExchanged(exchange) => {
                return (EventName::TokenExchanged, None, None, Some(exchange));
            }
            Self::Joined => (EventName::Joined, None, None),
            Self::Left => (EventName::Left, None, None),
            Self::JoinError(code) => (EventName::JoinError, None, Some(code)),
            Self::PublishStarted => (EventName::PublishStarted, None, None),
            Self::PublishStopped => (EventName::PublishStopped, None, None),
            Self::PublishError(code) => (EventName::PublishError, None, Some(code)),
            Self::SubscribeStarted(remote) => (EventName::SubscribeStarted, Some(remote), None),
            Self::SubscribeStopped(remote) => (EventName::SubscribeStopped, Some(remote), None),
            Self::SubscribeError(remote, code) => {
                (EventName::SubscribeError, Some(remote), Some(code))
            }
        };
        (name, remote, error, None)
    }
}

type Members = (
    EventName,
    Option<ParticipantId>,
    Option<ErrorCode>,
    Option<Box<Exchange>>,
);

/// Numbers and dates the events of one session.
#[derive(Debug)]
pub(crate) struct Chronicle {
    pub(crate) stage: Arc<StageArn>,
    pub(crate) session: SessionId,
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
        let (name, remote, error, exchange) = entry.into_members();
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
