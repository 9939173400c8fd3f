//! A store that believes nothing: each record must be possible after those before it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use model::{
    Event, EventName, IngestConfigurationArn, LiveParticipant, LiveSession, Participant,
    ParticipantId, ParticipantState, Record, Replica, Replication, Session, SessionId, StageArn,
};

/// Everything that was recorded.
#[derive(Debug, Default)]
pub struct Ledger {
    sessions: BTreeMap<SessionId, Pages>,
    /// The ingest configurations that are active, each where it is.
    active_configurations: BTreeSet<(StageArn, IngestConfigurationArn)>,
}

/// One session's records.
#[derive(Debug)]
struct Pages {
    session: Session,
    participants: BTreeMap<ParticipantId, Participant>,
    standings: BTreeMap<ParticipantId, Standing>,
    /// By participant and destination.
    replicas: BTreeMap<(ParticipantId, StageArn), Replica>,
    last_sequence: u64,
    latest: Timestamp,
}

/// What a participant's events so far say it is doing.
#[derive(Debug, Default)]
struct Standing {
    joined: bool,
    publishing: bool,
    receiving: BTreeSet<ParticipantId>,
    /// Where to, and in which session.
    replicated: BTreeMap<StageArn, SessionId>,
}

impl Ledger {
    /// Adds a record, or panics if it cannot be.
    pub fn apply(&mut self, record: &Record) {
        match record {
            Record::SessionStarted(session) => self.start(session),
            Record::SessionEnded {
                stage,
                session,
                end,
            } => self.active(stage, session).end(*end),
            Record::Participant(participant) => self
                .active(&participant.stage, &participant.session)
                .keep(participant),
            Record::Event(event) => self.active(&event.stage, &event.session).append(event),
            Record::Ingest {
                stage,
                configuration,
                active,
            } => {
                let place = (stage.clone(), configuration.clone());
                let is_news = if *active {
                    self.active_configurations.insert(place)
                } else {
                    self.active_configurations.remove(&place)
                };
                assert!(is_news, "{configuration} changes its state");
            }
            Record::Replica(replica) => self
                .active(&replica.source_stage, &replica.source_session)
                .keep_replica(replica),
        }
    }

    /// What must hold between two calls: the records of participants say what their events say.
    pub fn check(&self) {
        for pages in self.sessions.values() {
            for (id, standing) in &pages.standings {
                let participant = pages.participants.get(id);
                let state = participant.map(|participant| participant.state);
                let is_connected = state == Some(ParticipantState::Connected);
                assert_eq!(is_connected, standing.joined, "{id} is where it is");
                let publishing = participant.is_some_and(|participant| participant.publishing);
                assert_eq!(publishing, standing.publishing, "{id} does what it does");
                pages.check_replication(id, standing);
            }
            for id in pages.participants.keys() {
                assert!(pages.standings.contains_key(id), "{id} has joined once");
            }
        }
    }

    /// Which ingest configurations are active, and where.
    pub fn active_configurations(&self) -> &BTreeSet<(StageArn, IngestConfigurationArn)> {
        &self.active_configurations
    }

    /// The process is gone: where it starts again, nothing is connected.
    pub fn crash(&mut self) {
        self.active_configurations.clear();
    }

    /// Who publishes on a stage by its events.
    pub fn publishing(&self, stage: &StageArn) -> Vec<&Participant> {
        self.open_pages()
            .filter(|pages| pages.session.stage == *stage)
            .flat_map(|pages| {
                pages
                    .standings
                    .iter()
                    .filter(|(_, standing)| standing.publishing)
                    .filter_map(|(id, _)| pages.participants.get(id))
            })
            .collect()
    }

    /// The newest record of each replication.
    pub fn replicas(&self) -> Vec<&Replica> {
        let sessions = self.sessions.values();
        sessions.flat_map(|pages| pages.replicas.values()).collect()
    }

    /// A participant's newest record in a session.
    pub fn participant(&self, session: &SessionId, id: &ParticipantId) -> Option<&Participant> {
        self.sessions.get(session)?.participants.get(id)
    }

    /// How many participants have a record in a session.
    pub fn participant_count(&self, session: &SessionId) -> usize {
        self.sessions
            .get(session)
            .map_or(0, |pages| pages.participants.len())
    }

    /// What a process that starts now finds open, if the last one was seen alive at `heartbeat`.
    pub fn live(&self, heartbeat: Timestamp) -> Vec<LiveSession> {
        self.open_pages()
            .map(|pages| LiveSession {
                session: pages.session.clone(),
                connected: pages
                    .participants
                    .values()
                    .filter(|participant| participant.state == ParticipantState::Connected)
                    .map(|participant| LiveParticipant {
                        participant: participant.clone(),
                        subscribed: pages
                            .standings
                            .get(&participant.id)
                            .map(|standing| standing.receiving.iter().cloned().collect())
                            .unwrap_or_default(),
                    })
                    .collect(),
                away: pages.away(),
                replicas: pages.active_replicas(),
                last_sequence: pages.last_sequence,
                last_seen: pages.latest.max(heartbeat),
            })
            .collect()
    }

    fn start(&mut self, session: &Session) {
        assert_eq!(session.end, None);
        let is_live = self
            .open_pages()
            .any(|pages| pages.session.stage == session.stage);
        assert!(!is_live, "a stage has at most one active session");
        let older = self.sessions.insert(
            session.id.clone(),
            Pages {
                session: session.clone(),
                participants: BTreeMap::new(),
                standings: BTreeMap::new(),
                replicas: BTreeMap::new(),
                last_sequence: 0,
                latest: session.start,
            },
        );
        assert!(older.is_none(), "a session id is used once");
    }

    fn open_pages(&self) -> impl Iterator<Item = &Pages> {
        self.sessions
            .values()
            .filter(|pages| pages.session.end.is_none())
    }

    fn active(&mut self, stage: &StageArn, id: &SessionId) -> &mut Pages {
        let pages = self.sessions.get_mut(id).expect("the session has started");
        assert_eq!(pages.session.stage, *stage);
        assert_eq!(pages.session.end, None, "nothing happens after the end");
        pages
    }
}

impl Pages {
    fn end(&mut self, end: Timestamp) {
        assert!(end >= self.latest, "the end comes last");
        for participant in self.participants.values() {
            assert_eq!(participant.state, ParticipantState::Disconnected);
            assert!(!participant.publishing);
            let replication = participant.replication.as_ref();
            assert!(!replication.is_some_and(Replication::is_active));
        }
        assert!(self.active_replicas().is_empty(), "replications end first");
        self.session.end = Some(end);
    }

    fn keep(&mut self, participant: &Participant) {
        if let Some(older) = self.participants.get(&participant.id) {
            assert_eq!(older.first_join, participant.first_join);
            assert!(
                participant.published || !older.published,
                "published sticks"
            );
        }
        assert!(participant.published || !participant.publishing);
        self.participants
            .insert(participant.id.clone(), participant.clone());
    }

    /// What a participant's record, its events and the rows say of replications from here is one.
    fn check_replication(&self, id: &ParticipantId, standing: &Standing) {
        let rows = self.replicas.values();
        let own = rows.filter(|replica| replica.participant == *id && replica.is_active);
        let own: BTreeMap<StageArn, SessionId> = own
            .cloned()
            .map(|replica| (replica.destination_stage, replica.destination_session))
            .collect();
        assert_eq!(own, standing.replicated, "{id} is where its events say");
        let record = self.participants.get(id);
        let record = record.and_then(|participant| participant.replication.as_ref());
        let is_source = matches!(record, Some(Replication::Source { is_active: true }));
        assert_eq!(is_source, !own.is_empty(), "{id} is a source");
    }

    fn keep_replica(&mut self, replica: &Replica) {
        let key = (
            replica.participant.clone(),
            replica.destination_stage.clone(),
        );
        let older = self.replicas.insert(key, replica.clone());
        let is_repeated = older.as_ref() == Some(replica);
        let was_active = older.is_some_and(|older| older.is_active);
        assert!(
            is_repeated || was_active != replica.is_active,
            "it begins, and it ends"
        );
    }

    fn active_replicas(&self) -> Vec<Replica> {
        let replicas = self.replicas.values();
        replicas
            .filter(|replica| replica.is_active)
            .cloned()
            .collect()
    }

    /// Who is not there and may come back.
    fn away(&self) -> Vec<Participant> {
        let participants = self.participants.values();
        participants
            .filter(|participant| participant.state == ParticipantState::Disconnected)
            .filter(|participant| {
                let replication = participant.replication.as_ref();
                replication.is_some_and(Replication::is_active)
            })
            .cloned()
            .collect()
    }

    fn append(&mut self, event: &Event) {
        assert_eq!(event.sequence, self.last_sequence + 1);
        assert!(event.time >= self.latest, "times do not run backwards");
        self.last_sequence = event.sequence;
        self.latest = event.time;
        if event.name == EventName::JoinError {
            let standing = self.standings.get(&event.participant);
            assert!(!standing.is_some_and(|standing| standing.joined));
            assert!(event.error.is_some() && event.remote.is_none());
            return;
        }
        let is_known = self.participants.contains_key(&event.participant);
        assert!(is_known, "a participant is recorded when it joins");
        self.standings
            .entry(event.participant.clone())
            .or_default()
            .append(event);
    }
}

impl Standing {
    fn append(&mut self, event: &Event) {
        let about_remote = matches!(
            event.name,
            EventName::SubscribeStarted | EventName::SubscribeStopped | EventName::SubscribeError
        );
        assert_eq!(event.remote.is_some(), about_remote, "{event:?}");
        let is_error = matches!(
            event.name,
            EventName::PublishError | EventName::SubscribeError
        );
        assert_eq!(event.error.is_some(), is_error, "{event:?}");
        let is_exchange = event.name == EventName::TokenExchanged;
        assert_eq!(event.exchange.is_some(), is_exchange, "{event:?}");
        let is_replication = matches!(
            event.name,
            EventName::ReplicationStarted | EventName::ReplicationStopped
        );
        assert_eq!(event.destination.is_some(), is_replication, "{event:?}");
        // A replication may outlive the stay.
        if event.name != EventName::ReplicationStopped {
            assert_eq!(self.joined, event.name != EventName::Joined, "{event:?}");
        }
        match event.name {
            EventName::Joined => self.joined = true,
            EventName::Left => {
                assert!(!self.publishing && self.receiving.is_empty(), "{event:?}");
                self.joined = false;
            }
            EventName::PublishStarted => {
                assert!(!self.publishing, "{event:?}");
                self.publishing = true;
            }
            EventName::PublishStopped => {
                assert!(self.publishing, "{event:?}");
                self.publishing = false;
            }
            EventName::SubscribeStarted => {
                let remote = event.remote.iter().cloned();
                let before = self.receiving.len();
                self.receiving.extend(remote);
                assert_eq!(self.receiving.len(), before + 1, "{event:?}");
            }
            EventName::SubscribeStopped => {
                let was_there = event
                    .remote
                    .as_ref()
                    .is_some_and(|remote| self.receiving.remove(remote));
                assert!(was_there, "{event:?}");
            }
            EventName::ReplicationStarted => {
                let (stage, session) = event.destination.clone().expect("it has one");
                let older = self.replicated.insert(stage, session);
                assert_eq!(older, None, "{event:?}");
            }
            EventName::ReplicationStopped => {
                let (stage, session) = event.destination.clone().expect("it has one");
                let older = self.replicated.remove(&stage);
                assert_eq!(older, Some(session), "{event:?}");
            }
            EventName::PublishError
            | EventName::SubscribeError
            | EventName::JoinError
            | EventName::TokenExchanged => {}
        }
    }
}
