//! Counts who is there, from the facts that the stage machine puts out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};

use model::{EventName, ParticipantId, ParticipantState, Record, SessionId, StageArn};

/// What is there at the moment, for `/metrics`.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) stages: AtomicI64,
    pub(crate) sessions: AtomicI64,
    /// Participants of live sessions that are on their stage.
    pub(crate) connected: AtomicI64,
    /// Participants of live sessions that have left.
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
#[derive(Debug, Default)]
struct Live {
    participants: BTreeMap<ParticipantId, Entry>,
    subscribes: BTreeSet<(ParticipantId, Option<ParticipantId>)>,
}

#[derive(Debug)]
struct Entry {
    connected: bool,
    publishing: bool,
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
                self.sessions.insert(key, Live::default());
            }
            Record::SessionEnded { stage, session, .. } => {
                self.sessions.remove(&(stage.clone(), session.clone()));
            }
            Record::Participant(participant) => {
                let key = (participant.stage.clone(), participant.session.clone());
                if let Some(live) = self.sessions.get_mut(&key) {
                    let entry = Entry {
                        connected: participant.state == ParticipantState::Connected,
                        publishing: participant.publishing,
                    };
                    live.participants.insert(participant.id.clone(), entry);
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
        gauges.publishes.store(
            count(participants().filter(|entry| entry.publishing)),
            Ordering::Relaxed,
        );
        let subscribes = count(self.sessions.values().flat_map(|live| &live.subscribes));
        gauges.subscribes.store(subscribes, Ordering::Relaxed);
    }
}

fn count(items: impl Iterator) -> i64 {
    i64::try_from(items.count()).unwrap_or(i64::MAX)
}
