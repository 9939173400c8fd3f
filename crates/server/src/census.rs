//! Counts who is there, from the facts that the stage machine puts out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};

use model::{
    EventName, IngestConfigurationArn, Participant, ParticipantId, ParticipantState, Record,
    SessionId, StageArn, limits,
};
use stage::Absentees;

/// What is there at the moment, for `/metrics`.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) stages: AtomicI64,
    pub(crate) sessions: AtomicI64,
    /// Participants of live sessions that are on their stage.
    pub(crate) connected: AtomicI64,
    /// Participants of live sessions that have left, as far as they are remembered.
    pub(crate) disconnected: AtomicI64,
    pub(crate) publishes: AtomicI64,
    pub(crate) subscribes: AtomicI64,
}

/// Follows the facts.
#[derive(Debug, Default)]
pub(crate) struct Census {
    stages: BTreeSet<StageArn>,
    sessions: BTreeMap<(StageArn, SessionId), Live>,
}

/// A session that is going on.
#[derive(Debug)]
struct Live {
    participants: BTreeMap<ParticipantId, Entry>,
    /// Forgets whom the stage machine forgets.
    absentees: Absentees,
    subscribes: BTreeSet<(ParticipantId, Option<ParticipantId>)>,
}

#[derive(Debug)]
struct Entry {
    connected: bool,
    publishing: bool,
    /// The redundant ingest that it is of, as one of the two streams or as what viewers see of them.
    pair: Option<IngestConfigurationArn>,
}

impl Live {
    fn new() -> Self {
        Self {
            participants: BTreeMap::new(),
            absentees: Absentees::new(limits::DISCONNECTED_REMEMBERED_MAX),
            subscribes: BTreeSet::new(),
        }
    }

    fn note(&mut self, participant: &Participant) {
        let id = &participant.id;
        let ingest = participant.ingest.as_ref();
        let entry = Entry {
            connected: participant.state == ParticipantState::Connected,
            publishing: participant.publishing,
            pair: ingest
                .filter(|ingest| ingest.redundant)
                .map(|ingest| ingest.configuration.clone()),
        };
        let connected = entry.connected;
        self.participants.insert(id.clone(), entry);
        if connected {
            self.absentees.returned(id);
        } else if let Some(forgotten) = self.absentees.left(id) {
            self.participants.remove(&forgotten);
        }
    }

    /// What viewers can watch: a redundant ingest is one, however many participants it has.
    fn publishes(&self) -> usize {
        let publishing = || self.participants.values().filter(|entry| entry.publishing);
        let pairs: BTreeSet<_> = publishing()
            .filter_map(|entry| entry.pair.as_ref())
            .collect();
        pairs.len() + publishing().filter(|entry| entry.pair.is_none()).count()
    }
}

impl Census {
    /// A stage exists.
    pub(crate) fn stage_opened(&mut self, stage: StageArn) {
        self.stages.insert(stage);
    }

    /// A stage is gone, and with it everything on it.
    pub(crate) fn stage_deleted(&mut self, stage: &StageArn) {
        self.stages.remove(stage);
        self.sessions.retain(|(of, _), _| of != stage);
    }

    /// Something is to be remembered.
    pub(crate) fn note(&mut self, record: &Record) {
        match record {
            Record::SessionStarted(session) => {
                let key = (session.stage.clone(), session.id.clone());
                self.sessions.insert(key, Live::new());
            }
            Record::SessionEnded { stage, session, .. } => {
                self.sessions.remove(&(stage.clone(), session.clone()));
            }
            Record::Participant(participant) => {
                let key = (participant.stage.clone(), participant.session.clone());
                if let Some(live) = self.sessions.get_mut(&key) {
                    live.note(participant);
                }
            }
            Record::Event(event) => {
                let key = (event.stage.clone(), event.session.clone());
                let Some(live) = self.sessions.get_mut(&key) else {
                    return;
                };
                let pair = (event.participant.clone(), event.remote.clone());
                if event.name == EventName::SubscribeStarted {
                    live.subscribes.insert(pair);
                } else if event.name == EventName::SubscribeStopped {
                    live.subscribes.remove(&pair);
                }
            }
            // Of a replication, the records of its participants tell what counts.
            Record::Ingest { .. } | Record::Replica(_) => {}
        }
    }

    /// Shows the counts.
    pub(crate) fn show(&self, gauges: &Gauges) {
        let participants = || {
            self.sessions
                .values()
                .flat_map(|live| live.participants.values())
        };
        let connected = count(participants().filter(|entry| entry.connected));
        gauges
            .stages
            .store(count(self.stages.iter()), Ordering::Relaxed);
        gauges
            .sessions
            .store(count(self.sessions.iter()), Ordering::Relaxed);
        gauges.connected.store(connected, Ordering::Relaxed);
        gauges
            .disconnected
            .store(count(participants()) - connected, Ordering::Relaxed);
        let publishes: usize = self.sessions.values().map(Live::publishes).sum();
        gauges.publishes.store(
            i64::try_from(publishes).unwrap_or(i64::MAX),
            Ordering::Relaxed,
        );
        let subscribes = count(self.sessions.values().flat_map(|live| &live.subscribes));
        gauges.subscribes.store(subscribes, Ordering::Relaxed);
    }
}

fn count(items: impl Iterator) -> i64 {
    i64::try_from(items.count()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use model::{ClientInfo, Event, Ingest, Participant, Protocol, Session};

    use super::*;

    const TIME: Timestamp = Timestamp::UNIX_EPOCH;

    fn stage() -> StageArn {
        StageArn::parse("arn:aws:ivs:us-east-1:000000000000:stage/abcd").unwrap()
    }

    fn session() -> SessionId {
        SessionId::parse("st-0123456789abc").unwrap()
    }

    fn id(text: &str) -> ParticipantId {
        ParticipantId::parse(text).unwrap()
    }

    fn participant(name: &str, state: ParticipantState, publishing: bool) -> Record {
        Record::Participant(Participant {
            stage: stage(),
            session: session(),
            id: id(name),
            user_id: String::new(),
            attributes: BTreeMap::new(),
            state,
            first_join: TIME,
            published: publishing,
            publishing,
            protocol: Protocol::Unknown,
            ingest: None,
            client: ClientInfo::default(),
            replication: None,
        })
    }

    fn event(name: EventName) -> Record {
        Record::Event(Event {
            stage: stage(),
            session: session(),
            participant: id("ben"),
            sequence: 1,
            time: TIME,
            name,
            remote: Some(id("ana")),
            error: None,
            exchange: None,
            replica: false,
            destination: None,
        })
    }

    /// Stages, sessions, connected, disconnected, publishes, subscribes.
    fn counts(census: &Census) -> [i64; 6] {
        let gauges = Gauges::default();
        census.show(&gauges);
        let Gauges {
            stages,
            sessions,
            connected,
            disconnected,
            publishes,
            subscribes,
        } = gauges;
        [
            stages,
            sessions,
            connected,
            disconnected,
            publishes,
            subscribes,
        ]
        .map(AtomicI64::into_inner)
    }

    fn lively() -> Census {
        use ParticipantState::{Connected, Disconnected};
        let mut census = Census::default();
        census.stage_opened(stage());
        let start = Session {
            stage: stage(),
            id: session(),
            start: TIME,
            end: None,
        };
        for record in [
            Record::SessionStarted(start),
            participant("ana", Connected, true),
            participant("ben", Connected, false),
            event(EventName::SubscribeStarted),
            participant("cyd", Connected, false),
            participant("cyd", Disconnected, false),
        ] {
            census.note(&record);
        }
        census
    }

    #[test]
    fn who_is_there_is_counted_by_state() {
        assert_eq!(counts(&lively()), [1, 1, 2, 1, 1, 1]);
    }

    #[test]
    fn a_redundant_ingest_is_one_publish_as_long_as_one_of_its_streams_is_there() {
        use ParticipantState::Connected;
        let arn = "arn:aws:ivs:us-east-1:000000000000:ingest-configuration/cam";
        let of_pair = |name: &str, publishing| {
            let mut record = participant(name, Connected, publishing);
            if let Record::Participant(participant) = &mut record {
                participant.ingest = Some(Box::new(Ingest {
                    configuration: IngestConfigurationArn::parse(arn).unwrap(),
                    redundant: true,
                }));
            }
            record
        };
        let mut census = lively();
        for (name, publishing, publishes) in [
            ("first", true, 2),
            ("shown", true, 2),
            ("second", true, 2),
            ("first", false, 2),
            ("second", false, 2),
            ("shown", false, 1),
        ] {
            census.note(&of_pair(name, publishing));
            assert_eq!(counts(&census)[4], publishes, "{name} {publishing}");
        }
    }

    #[test]
    fn an_ended_session_leaves_nothing_behind() {
        let mut census = lively();
        census.note(&event(EventName::SubscribeStopped));
        assert_eq!(counts(&census)[5], 0);
        census.note(&Record::SessionEnded {
            stage: stage(),
            session: session(),
            end: TIME,
        });
        assert_eq!(counts(&census), [1, 0, 0, 0, 0, 0]);
    }

    // T63
    #[test]
    fn a_session_that_lasts_does_not_count_everybody_who_was_ever_there() {
        use ParticipantState::{Connected, Disconnected};
        let mut census = lively();
        let most = i64::from(limits::DISCONNECTED_REMEMBERED_MAX);
        for number in 0..most + 5 {
            let name = format!("guest-{number}");
            census.note(&participant(&name, Connected, false));
            census.note(&participant(&name, Disconnected, false));
        }
        assert_eq!(counts(&census), [1, 1, 2, most, 1, 1]);
        census.note(&participant("guest-0", Connected, false));
        census.note(&participant("guest-9", Connected, false));
        assert_eq!(counts(&census), [1, 1, 4, most - 1, 1, 1]);
    }

    #[test]
    fn a_deleted_stage_takes_its_sessions_along() {
        let mut census = lively();
        census.stage_deleted(&stage());
        assert_eq!(counts(&census), [0; 6]);
        census.note(&event(EventName::SubscribeStopped));
        assert_eq!(counts(&census), [0; 6]);
    }
}
