//! The rules of `docs/life-cycles.md` a second time, as plainly as possible: one flat list of connections, from which
//! everything else is read off by looking through it. Shares no code with the machine but the types of its door.

mod arrivals;
mod departures;
mod doors;
mod exchange;
mod ingest;
mod replications;
mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use model::{
    ClientInfo, ConnectionId, ErrorCode, EventName, Grant, IngestConfigurationArn, IngestGrant,
    IngestPart, LiveSession, Now, ParticipantId, Protocol, SessionId, StageArn,
};
use stage::{Attachment, CloseCause, Input, LeftReason, Mute, Settings};

use self::replications::Replication;
use crate::expected::{Answer, Expected, Line, Person};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Socket,
    Publish,
    Subscription,
}

#[derive(Clone, Debug)]
struct Connection {
    id: ConnectionId,
    session: usize,
    who: ParticipantId,
    kind: Kind,
    /// Whom a subscription receives.
    of: Option<ParticipantId>,
    is_up: bool,
    deadline: Option<Instant>,
    /// The token that counts of a socket, and whether it came by an exchange.
    token: Grant,
    is_exchanged: bool,
    /// The key of a publish that an encoder sends.
    key: Option<IngestGrant>,
    /// Of a replica: the stage and the session of its publish, which has the same id.
    home: Option<(StageArn, usize)>,
}

#[derive(Debug)]
struct Session {
    stage: StageArn,
    name: Option<SessionId>,
    ended: bool,
    latest: Timestamp,
    idle_deadline: Option<Instant>,
    people: BTreeMap<ParticipantId, Person>,
}

/// The model's whole state.
#[derive(Debug)]
pub struct Reference {
    settings: Settings,
    /// Stages that exist, with those who may not come back.
    stages: BTreeMap<StageArn, BTreeSet<ParticipantId>>,
    sessions: Vec<Session>,
    connections: Vec<Connection>,
    /// What a crash cut off and nobody has written down yet.
    lost: Vec<Connection>,
    replications: Vec<Replication>,
    lost_replications: Vec<Replication>,
    /// All that ever were: from which session, whose, to which stage.
    past_replications: BTreeSet<(usize, ParticipantId, StageArn)>,
    /// What those who are there have said that they mute.
    mutes: BTreeMap<(usize, ParticipantId), Mute>,
    is_shutting_down: bool,
    /// Where configurations are attached by what the API has just said, and how long that is to be remembered.
    attachments: BTreeMap<IngestConfigurationArn, (Option<Attachment>, Option<Instant>)>,
    expected: Expected,
}

/// Who comes to a door.
struct Caller<'a> {
    id: ConnectionId,
    grant: &'a Grant,
    client: &'a ClientInfo,
}

impl Reference {
    /// A world without stages.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            stages: BTreeMap::new(),
            sessions: Vec::new(),
            connections: Vec::new(),
            lost: Vec::new(),
            replications: Vec::new(),
            lost_replications: Vec::new(),
            past_replications: BTreeSet::new(),
            mutes: BTreeMap::new(),
            is_shutting_down: false,
            attachments: BTreeMap::new(),
            expected: Expected::default(),
        }
    }

    /// What one input should cause.
    pub fn handle(&mut self, input: &Input, now: Now) -> Expected {
        let before = self.all_rosters();
        self.ring(now);
        let answer = self.answer(input, now);
        self.sync_replicas(now);
        let entered = match (&answer, input) {
            (Answer::Joined(..), Input::Join { connection, .. }) => Some(*connection),
            _ => None,
        };
        self.expected.reply = Some(answer);
        self.expect_rosters(&before, entered);
        std::mem::take(&mut self.expected)
    }

    /// What the passing of time should cause.
    pub fn handle_timeout(&mut self, now: Now) -> Expected {
        let before = self.all_rosters();
        self.ring(now);
        self.expect_rosters(&before, None);
        std::mem::take(&mut self.expected)
    }

    /// The name of the newest session, once the machine has given it one.
    pub fn name_session(&mut self, session: usize, name: SessionId) {
        self.sessions[session].name = Some(name);
    }

    /// The process is gone: connections are cut, nothing is written down.
    pub fn crash(&mut self) {
        self.lost.append(&mut self.connections);
        self.lost_replications = std::mem::take(&mut self.replications);
        self.stages.clear();
        self.mutes.clear();
        self.attachments.clear();
        self.is_shutting_down = false;
        for session in &mut self.sessions {
            session.idle_deadline = None;
        }
    }

    fn disconnect(&mut self, stage: &StageArn, participant: &ParticipantId, now: Now) {
        if let Some(session) = self.active(stage) {
            let reason = LeftReason::ParticipantDisconnected;
            self.stop_replications(reason, now, |r| {
                r.destination == session && r.who == *participant
            });
            self.evict(session, participant, reason, now);
        }
        if let Some(bans) = self.stages.get_mut(stage) {
            bans.insert(participant.clone());
        }
    }

    fn answer(&mut self, input: &Input, now: Now) -> Answer {
        match input {
            Input::StageOpened { stage, banned } => {
                let bans = self.stages.entry(stage.clone()).or_default();
                bans.extend(banned.iter().cloned());
            }
            Input::StageDeleted { stage } => self.delete(stage, now),
            Input::AllStagesDeleted => {
                self.stop_replications(LeftReason::StageDeleted, now, |_| true);
                for stage in self.stages.keys().cloned().collect::<Vec<_>>() {
                    self.delete(&stage, now);
                }
                self.attachments.clear();
            }
            Input::Restored(left) => self.restore(left, now),
            Input::Ingest {
                connection,
                grant,
                fault,
            } => return self.ingest(*connection, grant, *fault, now),
            Input::IngestDetached {
                configuration,
                unless,
            } => self.attach(configuration, unless.as_ref(), now),
            Input::Disconnect { stage, participant } => self.disconnect(stage, participant, now),
            Input::Knock { grant } => {
                return self
                    .let_in(grant, now)
                    .err()
                    .map_or(Answer::Done, Answer::Refused);
            }
            Input::Join {
                connection,
                grant,
                client,
            } => return self.knock(*connection, grant, client, now, Self::join),
            Input::Publish {
                connection,
                grant,
                client,
                fault,
            } => {
                return self.knock(*connection, grant, client, now, |model, caller, now| {
                    model.publish(caller, *fault, now)
                });
            }
            Input::Subscribe {
                connection,
                grant,
                client,
                publisher,
            } => {
                return self.knock(*connection, grant, client, now, |model, caller, now| {
                    model.subscribe(caller, publisher, now)
                });
            }
            Input::Exchange { connection, grant } => {
                let exchanged = self.exchange(*connection, grant, now);
                return exchanged.map_or_else(Answer::Refused, |()| Answer::Exchanged);
            }
            Input::PutOut { connection, reason } => {
                if let Some((session, who)) = self.socket(*connection) {
                    self.evict(session, &who, *reason, now);
                }
            }
            Input::Connected { connection } => self.media_up(*connection, now),
            Input::Closed { connection, cause } => {
                let error = match cause {
                    CloseCause::Client | CloseCause::Timeout => None,
                    CloseCause::Fault(code) => Some(*code),
                };
                self.remove(&BTreeMap::from([(*connection, None)]), error, now);
            }
            Input::Replicate(wish) => return self.start_replication(wish, now).into(),
            Input::ReplicationAnswered(of) => self.replication_answered(of),
            Input::StopReplication(of) => return self.stop_replication(of, now).into(),
            Input::Mute { connection, mute } => self.mute(*connection, *mute),
            Input::Shutdown => self.shut_down(now),
        }
        Answer::Done
    }

    fn shut_down(&mut self, now: Now) {
        self.stop_replications(LeftReason::Unknown, now, |_| true);
        self.is_shutting_down = true;
        for number in 0..self.sessions.len() {
            if !self.sessions[number].ended {
                self.empty(number, LeftReason::Unknown, now);
                self.end(number, now);
            }
        }
    }

    fn delete(&mut self, stage: &StageArn, now: Now) {
        if let Some(session) = self.active(stage) {
            let reason = LeftReason::StageDeleted;
            self.stop_replications(reason, now, |r| r.destination == session);
            self.stop_replications(LeftReason::Unknown, now, |r| r.source == session);
            self.empty(session, LeftReason::StageDeleted, now);
            self.end(session, now);
        }
        self.stages.remove(stage);
    }

    /// What the crash cut off in one session is written down at the last sign of life.
    fn restore(&mut self, left: &LiveSession, now: Now) {
        let name = Some(&left.session.id);
        let number = self.sessions.iter().position(|s| s.name.as_ref() == name);
        let number = number.expect("the session was there before the crash");
        let then = Now {
            wall: left.last_seen,
            ..now
        };
        let (mine, others) = std::mem::take(&mut self.lost)
            .into_iter()
            .partition::<Vec<_>, _>(|c| c.session == number);
        self.lost = others;
        self.restore_replications(number, then);
        self.write_removal(number, &mine, None, then);
        self.end(number, then);
    }

    /// In which session a socket is, and whose.
    fn socket(&self, id: ConnectionId) -> Option<(usize, ParticipantId)> {
        let mut sockets = self.connections.iter().filter(|c| c.kind == Kind::Socket);
        let socket = sockets.find(|c| c.id == id)?;
        Some((socket.session, socket.who.clone()))
    }

    fn mute(&mut self, id: ConnectionId, mute: Mute) {
        if let Some((session, who)) = self.socket(id) {
            self.mutes.insert((session, who), mute);
        }
    }

    fn media_up(&mut self, id: ConnectionId, now: Now) {
        let deadline = deadline(now, self.settings.stream_duration_max);
        let mut own = self.connections.iter_mut().filter(|c| c.home.is_none());
        let Some(connection) = own.find(|c| c.id == id) else {
            return;
        };
        let name = match connection.kind {
            Kind::Socket => return,
            Kind::Publish => EventName::PublishStarted,
            Kind::Subscription => EventName::SubscribeStarted,
        };
        if connection.is_up {
            return;
        }
        connection.is_up = true;
        let is_virtual = connection.part() == Some(IngestPart::Virtual);
        connection.deadline = deadline.filter(|_| !is_virtual);
        let Connection {
            session,
            who,
            of,
            key,
            ..
        } = connection.clone();
        if name == EventName::PublishStarted
            && let Some(person) = self.sessions[session].people.get_mut(&who)
        {
            person.published = true;
            person.protocol = key.map_or(Protocol::Whip, |key| key.protocol);
        }
        self.write(session, &who, name, of.as_ref(), None, now);
    }

    /// Does what is due, the earliest first.
    fn ring(&mut self, now: Now) {
        loop {
            let due = self
                .connections
                .iter()
                .filter(|c| c.deadline.is_some_and(|at| at <= now.mono))
                .min_by_key(|c| (c.deadline, c.id))
                .map(|c| (c.deadline, c.id, c.is_up));
            let waits = self.replications.iter().filter_map(|r| r.give_up);
            let given_up = waits.filter(|at| *at <= now.mono).min();
            match (due, given_up) {
                (None, None) => break,
                (Some((at, id, is_up)), other) if other.is_none() || at <= other => {
                    let error = is_up.then_some(ErrorCode::StreamDurationExceeded);
                    let gone = BTreeMap::from([(id, Some(LeftReason::Unknown))]);
                    self.remove(&gone, error, now);
                }
                (_, at) => {
                    self.stop_replications(LeftReason::Unknown, now, |r| r.give_up == at);
                }
            }
            self.sync_replicas(now);
        }
        self.attachments
            .retain(|_, (_, end)| end.is_none_or(|end| end > now.mono));
        for number in 0..self.sessions.len() {
            let deadline = self.sessions[number].idle_deadline;
            if deadline.is_some_and(|at| at <= now.mono) {
                self.end(number, now);
            }
        }
    }

    fn write(
        &mut self,
        session: usize,
        who: &ParticipantId,
        name: EventName,
        remote: Option<&ParticipantId>,
        error: Option<ErrorCode>,
        now: Now,
    ) {
        let at = self.clamp(session, now);
        let replica = self.is_replica(session, remote.unwrap_or(who));
        self.expected.lines.push(Line::Event {
            session,
            who: who.clone(),
            name,
            remote: remote.cloned(),
            error,
            exchange: None,
            replica,
            destination: None,
            at,
        });
    }

    fn end(&mut self, session: usize, now: Now) {
        let at = self.clamp(session, now);
        self.sessions[session].ended = true;
        self.sessions[session].idle_deadline = None;
        self.expected.lines.push(Line::Ended { session, at });
    }

    fn clamp(&mut self, session: usize, now: Now) -> Timestamp {
        let latest = &mut self.sessions[session].latest;
        *latest = (*latest).max(now.wall);
        *latest
    }
}

fn deadline(now: Now, after: Duration) -> Option<Instant> {
    now.mono.checked_add(after)
}
