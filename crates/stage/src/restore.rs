//! Closing what a crash left open: the events that nobody was there to write.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{
    LiveParticipant, LiveSession, Participant, ParticipantState, Record, Replica, Replication,
};

use crate::chronicle::{Chronicle, Entry};
use crate::turn::Turn;

/// Ends a session at the last time the process was known to live, which is `turn`'s moment.
pub(crate) fn close_session(left: LiveSession, turn: &mut Turn<'_>) {
    let LiveSession {
        session,
        connected,
        away,
        replicas,
        last_sequence,
        ..
    } = left;
    let stage = Arc::new(session.stage);
    let mut chronicle = Chronicle::new(stage, session.id, session.start, last_sequence);
    let everybody = connected.iter().map(|live| &live.participant).chain(&away);
    chronicle.replicas = everybody
        .filter(|participant| is_replica(participant))
        .map(|participant| participant.id.clone())
        .collect();
    let mut outgoing = BTreeMap::<_, Vec<_>>::new();
    for replica in replicas {
        let own = outgoing.entry(replica.participant.clone());
        own.or_default().push(replica);
    }
    for LiveParticipant {
        participant,
        subscribed,
    } in connected
    {
        let id = participant.id.clone();
        if participant.publishing {
            chronicle.write(&id, Entry::PublishStopped, turn);
        }
        for publisher in BTreeSet::from_iter(subscribed) {
            chronicle.write(&id, Entry::SubscribeStopped(publisher), turn);
        }
        for replica in outgoing.remove(&id).unwrap_or_default() {
            stop(replica, &mut chronicle, turn);
        }
        turn.record(Record::Participant(gone(participant)));
        chronicle.write(&id, Entry::Left, turn);
    }
    for participant in away {
        turn.record(Record::Participant(gone(participant)));
    }
    for replica in outgoing.into_values().flatten() {
        stop(replica, &mut chronicle, turn);
    }
    chronicle.close(turn);
}

fn is_replica(participant: &Participant) -> bool {
    matches!(
        participant.replication,
        Some(Replication::Replica {
            is_active: true,
            ..
        })
    )
}

/// The record of somebody who is not there and does not come back by itself.
fn gone(mut participant: Participant) -> Participant {
    participant.publishing = false;
    participant.state = ParticipantState::Disconnected;
    if let Some(Replication::Source { is_active } | Replication::Replica { is_active, .. }) =
        &mut participant.replication
    {
        *is_active = false;
    }
    participant
}

/// A replication is over.
fn stop(replica: Replica, chronicle: &mut Chronicle, turn: &mut Turn<'_>) {
    let id = replica.participant.clone();
    let stage = replica.destination_stage.clone();
    let session = replica.destination_session.clone();
    turn.record(Record::Replica(Replica {
        is_active: false,
        ..replica
    }));
    chronicle.write(&id, Entry::ReplicationStopped(stage, session), turn);
}
