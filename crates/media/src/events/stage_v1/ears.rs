//! Who speaks, as a session hears it: on its own stage, and on those from which participants are replicated to it.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::Arc;

use futures_util::future::select_all;
use model::StageArn;
use stage::Roster;
use tokio::sync::watch;

use crate::speakers::{Speakers, Voices};

type Ear = watch::Receiver<Arc<Voices>>;

/// The ears of one session.
pub(super) struct Ears {
    speakers: Arc<Speakers>,
    own: Ear,
    /// By the stage of the source; at most one for each replica.
    others: BTreeMap<StageArn, Ear>,
}

impl Ears {
    /// Listens on the session's stage.
    pub(super) fn new(speakers: &Arc<Speakers>, stage: &StageArn) -> Self {
        let mut own = speakers.listen(stage);
        own.mark_changed();
        Self {
            speakers: Arc::clone(speakers),
            own,
            others: BTreeMap::new(),
        }
    }

    /// Listens where the replicas of the roster are at home, and on no other stage any more.
    pub(super) fn follow(&mut self, roster: &Roster) {
        let entries = roster.participants.iter();
        let sources: BTreeSet<_> = entries.filter_map(|entry| entry.source.as_ref()).collect();
        self.others.retain(|stage, _| sources.contains(stage));
        for stage in sources {
            if !self.others.contains_key(stage) {
                let mut ear = self.speakers.listen(stage);
                ear.mark_changed();
                self.others.insert(stage.clone(), ear);
            }
        }
    }

    /// Waits until somebody speaks or falls silent. A call that is dropped has missed nothing.
    pub(super) async fn changed(&mut self) {
        let Self { own, others, .. } = self;
        let others = async {
            if others.is_empty() {
                pending::<()>().await;
            } else {
                let waits = others.values_mut().map(|ear| Box::pin(heard(ear)));
                select_all(waits).await;
            }
        };
        tokio::select! {
            () = heard(own) => {}
            () = others => {}
        }
    }

    /// Who speaks on all these stages; whom the session's roster does not have is none of its business.
    pub(super) fn voices(&mut self) -> Arc<Voices> {
        let own = Arc::clone(&self.own.borrow_and_update());
        if self.others.is_empty() {
            return own;
        }
        let mut voices = Voices::clone(&own);
        for ear in self.others.values_mut() {
            let heard = Arc::clone(&ear.borrow_and_update());
            voices.extend(heard.iter().map(|(publish, level)| (*publish, *level)));
        }
        Arc::new(voices)
    }
}

async fn heard(ear: &mut Ear) {
    if ear.changed().await.is_err() {
        // Nobody tells anything any more.
        pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use model::{ConnectionId, ParticipantId, StageId};
    use stage::{Mute, RosterEntry};

    use super::*;

    fn arn(id: &str) -> StageArn {
        StageArn::parse(&format!("arn:aws:ivs:us-west-2:123456789012:stage/{id}")).unwrap()
    }

    /// Publishes with the stages that they belong to, if those are others.
    fn roster(publishes: &[(u64, Option<&str>)]) -> Roster {
        let entries = publishes.iter().map(|(publish, source)| RosterEntry {
            id: ParticipantId::parse(&format!("p{publish}")).unwrap(),
            user_id: String::new(),
            attributes: BTreeMap::new(),
            publish: ConnectionId(*publish),
            mute: Mute::default(),
            source: source.map(arn),
        });
        Roster {
            stage: StageId::parse("own").unwrap(),
            participants: entries.collect(),
        }
    }

    fn heard(ears: &mut Ears) -> Option<Vec<u64>> {
        ears.changed().now_or_never()?;
        Some(ears.voices().keys().map(|publish| publish.0).collect())
    }

    #[test]
    fn a_session_hears_its_stage_and_those_that_replicas_come_from_while_they_do() {
        let speakers = Arc::new(Speakers::default());
        let stage_of = |publish: ConnectionId| match publish.0 {
            0..10 => arn("own"),
            10..20 => arn("first"),
            _ => arn("second"),
        };
        let speak = |publish: u64| {
            let level = [(ConnectionId(publish), Some(30))].into();
            speakers.tell(level, |publish| Some(stage_of(publish)));
        };
        let mut ears = Ears::new(&speakers, &arn("own"));
        assert_eq!(heard(&mut ears), Some(vec![]));
        speak(1);
        speak(11);
        assert_eq!(heard(&mut ears), Some(vec![1]));
        ears.follow(&roster(&[
            (1, None),
            (12, Some("first")),
            (21, Some("second")),
        ]));
        // Who has begun to speak before speaks still.
        assert_eq!(heard(&mut ears), Some(vec![1, 11]));
        for publish in [12, 21] {
            speak(publish);
            assert!(heard(&mut ears).is_some_and(|all| all.contains(&publish)));
        }
        assert_eq!(heard(&mut ears), None);
        ears.follow(&roster(&[(1, None), (21, Some("second"))]));
        speak(12);
        assert_eq!(heard(&mut ears), None);
        speak(22);
        assert_eq!(heard(&mut ears), Some(vec![1, 21, 22]));
    }
}
