//! What a call should cause, and what it did cause, in the same words.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use model::{
    ConnectionId, ErrorCode, EventName, Exchange, Ingest, ParticipantId, Protocol, Replication,
    SessionId, StageArn,
};
use stage::{LeftReason, Refusal, Reply, Roster, RosterEntry};

/// One recorded fact, with sessions counted from 0 in the order of their starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A session starts.
    Started {
        /// Which.
        session: usize,
        /// When.
        at: Timestamp,
    },
    /// An event.
    Event {
        /// In which session.
        session: usize,
        /// Whose.
        who: ParticipantId,
        /// What.
        name: EventName,
        /// About whom.
        remote: Option<ParticipantId>,
        /// Why.
        error: Option<ErrorCode>,
        /// Which token for which.
        exchange: Option<Box<Exchange>>,
        /// Whether it is about a replica.
        replica: bool,
        /// To which stage and session.
        destination: Option<(StageArn, usize)>,
        /// When.
        at: Timestamp,
    },
    /// A session ends.
    Ended {
        /// Which.
        session: usize,
        /// When.
        at: Timestamp,
    },
}

/// All that one call should cause.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// The reply; a session in it has no name yet, if the call starts it.
    pub reply: Option<Answer>,
    /// Facts. Their order counts for each participant alone.
    pub lines: Vec<Line>,
    /// Connections to close.
    pub closes: BTreeMap<ConnectionId, LeftReason>,
    /// What sockets are told, by stage.
    pub rosters: BTreeMap<StageArn, (BTreeSet<ConnectionId>, Vec<RosterEntry>)>,
}

/// A reply with a session's number in the place of its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `Reply::Done`.
    Done,
    /// `Reply::Joined`.
    Joined(usize, Vec<RosterEntry>),
    /// `Reply::Admitted`.
    Admitted(usize, Option<ConnectionId>, Option<StageArn>),
    /// `Reply::Exchanged`.
    Exchanged,
    /// `Reply::Refused`.
    Refused(Refusal),
}

impl From<Result<(), Refusal>> for Answer {
    fn from(done: Result<(), Refusal>) -> Self {
        done.map_or_else(Self::Refused, |()| Self::Done)
    }
}

/// What a participant's record should say.
#[derive(Clone, Debug)]
pub struct Person {
    /// First join in the session.
    pub first_join: Timestamp,
    /// Has it published.
    pub published: bool,
    /// By what it did last.
    pub protocol: Protocol,
    /// Through what it came, if it did.
    pub ingest: Option<Ingest>,
    /// Whether it is one of two redundant streams.
    pub is_leg: bool,
    /// Its client's operating system and library.
    pub client: (String, String),
    /// What peers are told of it.
    pub user_id: String,
    /// And this.
    pub attributes: BTreeMap<String, String>,
    /// Where it comes from or goes to.
    pub replication: Option<Replication>,
}

impl Expected {
    /// The kinds of what is in it, in words.
    pub fn words(&self) -> BTreeSet<String> {
        let mut words = BTreeSet::new();
        for line in &self.lines {
            words.insert(match line {
                Line::Started { .. } => "start".to_owned(),
                Line::Ended { .. } => "end".to_owned(),
                Line::Event {
                    name,
                    error,
                    replica,
                    ..
                } => {
                    let error = error.map_or(String::new(), |code| format!(" {}", code.as_str()));
                    let replica = if *replica { "replica " } else { "" };
                    format!("{replica}{}{error}", name.as_str())
                }
            });
        }
        if let Some(Answer::Refused(refusal)) = &self.reply {
            words.insert(format!("refused: {refusal}"));
        }
        for reason in self.closes.values() {
            words.insert(format!("close {}", reason.as_str()));
        }
        if !self.rosters.is_empty() {
            words.insert("roster".to_owned());
        }
        words
    }
}

impl Line {
    /// What media stopped, of whom it was, and where to.
    pub fn stop(&self) -> Option<(EventName, Option<&ParticipantId>, Option<&StageArn>)> {
        match self {
            Self::Event {
                name:
                    name @ (EventName::PublishStopped
                    | EventName::SubscribeStopped
                    | EventName::ReplicationStopped),
                remote,
                destination,
                ..
            } => {
                let to = destination.as_ref().map(|(stage, _)| stage);
                Some((*name, remote.as_ref(), to))
            }
            Self::Event { .. } | Self::Started { .. } | Self::Ended { .. } => None,
        }
    }
}

impl Answer {
    /// A reply of the machine, with its session's number.
    pub fn of(reply: Reply, number: impl Fn(&SessionId) -> usize) -> Self {
        match reply {
            Reply::Done => Self::Done,
            Reply::Joined { session, roster } => {
                let Roster { participants, .. } = roster;
                Self::Joined(number(&session), participants)
            }
            Reply::Admitted {
                session,
                publisher,
                source,
            } => Self::Admitted(number(&session), publisher, source),
            Reply::Exchanged => Self::Exchanged,
            Reply::Refused(refusal) => Self::Refused(refusal),
        }
    }
}
