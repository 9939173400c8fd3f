//! Closing what a crash left open: the events that nobody was there to write.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{LiveParticipant, LiveSession, ParticipantState, Record};

use crate::chronicle::{Chronicle, Entry};
use crate::turn::Turn;

/// Ends a session at the last time the process was known to live, which is `turn`'s moment.
pub(crate) fn close_session(left: LiveSession, turn: &mut Turn<'_>) {
    let LiveSession {
        session,
        connected,
        last_sequence,
        ..
    } = left;
    let stage = Arc::new(session.stage);
    let mut chronicle = Chronicle::new(stage, session.id, session.start, last_sequence);
    for LiveParticipant {
        mut participant,
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
        participant.publishing = false;
        participant.state = ParticipantState::Disconnected;
        turn.record(Record::Participant(participant));
        chronicle.write(&id, Entry::Left, turn);
    }
    chronicle.close(turn);
}
