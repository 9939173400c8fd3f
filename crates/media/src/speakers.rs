//! Who speaks: from the workers, which hear it, to the sockets of each stage.
//!
//! A worker only notes what it has heard. A task of its own carries that to the stages, a few times a second, so that a stage
//! with thousands of sockets costs a worker nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::{ConnectionId, StageArn};
use tokio::sync::{Notify, watch};

use crate::connections::Connections;

/// Shortest time between two words to a stage.
const INTERVAL: Duration = Duration::from_millis(200);

/// Levels of those who speak, by publish, in -dBov.
pub(crate) type Voices = BTreeMap<ConnectionId, u8>;

/// What has been heard, and who listens.
#[derive(Debug, Default)]
pub(crate) struct Speakers {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// What is new of each publish: a level, or silence.
    heard: BTreeMap<ConnectionId, Option<u8>>,
    /// Stages on which somebody listens or speaks.
    stages: BTreeMap<StageArn, watch::Sender<Arc<Voices>>>,
    is_closed: bool,
}

impl Speakers {
    /// A publisher speaks at that level, or is silent.
    pub(crate) fn heard(&self, publish: ConnectionId, level: Option<u8>) {
        self.with(|state| state.heard.insert(publish, level));
        self.changed.notify_one();
    }

    /// Who speaks on a stage, now and from now on.
    pub(crate) fn listen(&self, stage: &StageArn) -> watch::Receiver<Arc<Voices>> {
        self.with(|state| state.stages.entry(stage.clone()).or_default().subscribe())
    }

    /// Ends the reporting task.
    pub(crate) fn close(&self) {
        self.with(|state| state.is_closed = true);
        self.changed.notify_one();
    }

    /// What is new, once there is something; `None` at the end.
    async fn next(&self) -> Option<BTreeMap<ConnectionId, Option<u8>>> {
        loop {
            let (heard, is_closed) =
                self.with(|state| (std::mem::take(&mut state.heard), state.is_closed));
            if is_closed {
                return None;
            }
            if !heard.is_empty() {
                return Some(heard);
            }
            self.changed.notified().await;
        }
    }

    /// Changes what is known of the stages. Publishes that are gone, of which `stage_of` knows nothing, speak no more.
    pub(crate) fn tell(
        &self,
        heard: BTreeMap<ConnectionId, Option<u8>>,
        stage_of: impl Fn(ConnectionId) -> Option<StageArn>,
    ) {
        let mut news = BTreeMap::<StageArn, Vec<_>>::new();
        for (publish, level) in heard {
            if let Some(stage) = stage_of(publish) {
                news.entry(stage).or_default().push((publish, level));
            }
        }
        for (stage, changes) in news {
            let sender = self.with(|state| state.stages.entry(stage).or_default().clone());
            let mut voices = Voices::clone(&sender.borrow());
            for (publish, level) in changes {
                match level {
                    Some(level) => voices.insert(publish, level),
                    None => voices.remove(&publish),
                };
            }
            voices.retain(|publish, _| stage_of(*publish).is_some());
            // Thousands of tasks wake here; workers need not wait for the table meanwhile.
            sender.send_replace(Arc::new(voices));
        }
        self.forget(stage_of);
    }

    /// Forgets stages to which nobody listens and on which nobody speaks, also where the last speaker has gone without falling
    /// silent.
    fn forget(&self, stage_of: impl Fn(ConnectionId) -> Option<StageArn>) {
        let unheard = self.with(|state| {
            let unheard = state.stages.iter();
            let unheard = unheard.filter(|(_, voices)| voices.receiver_count() == 0);
            unheard
                .map(|(stage, voices)| (stage.clone(), Arc::clone(&voices.borrow())))
                .collect::<Vec<_>>()
        });
        for (stage, voices) in unheard {
            if voices.keys().any(|publish| stage_of(*publish).is_some()) {
                continue;
            }
            self.with(|state| {
                let is_unheard = |voices: &watch::Sender<_>| voices.receiver_count() == 0;
                if state.stages.get(&stage).is_some_and(is_unheard) {
                    state.stages.remove(&stage);
                }
            });
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Carries what is heard to the stages until it is closed.
pub(crate) async fn report(speakers: Arc<Speakers>, connections: Arc<Connections>) {
    while let Some(heard) = speakers.next().await {
        speakers.tell(heard, |publish| connections.stage_of(publish));
        tokio::time::sleep(INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arn(id: &str) -> StageArn {
        StageArn::parse(&format!("arn:aws:ivs:us-west-2:123456789012:stage/{id}")).unwrap()
    }

    #[test]
    fn a_stage_hears_its_own_publishers_and_those_who_come_later_hear_who_speaks() {
        let speakers = Speakers::default();
        let stage_of = |publish: ConnectionId| match publish.0 {
            1..=9 => Some(arn("first")),
            10..=19 => Some(arn("second")),
            _ => None,
        };
        let first = speakers.listen(&arn("first"));
        let heard = |levels: &[(u64, Option<u8>)]| {
            let levels = levels.iter().map(|(id, level)| (ConnectionId(*id), *level));
            speakers.tell(levels.collect(), stage_of);
        };
        heard(&[(1, Some(30)), (2, Some(20)), (11, Some(10)), (99, Some(1))]);
        let voices = |ids: &[(u64, u8)]| -> Voices {
            ids.iter()
                .map(|(id, level)| (ConnectionId(*id), *level))
                .collect()
        };
        assert_eq!(**first.borrow(), voices(&[(1, 30), (2, 20)]));
        assert_eq!(
            **speakers.listen(&arn("second")).borrow(),
            voices(&[(11, 10)])
        );
        heard(&[(1, None), (2, Some(25))]);
        assert_eq!(**first.borrow(), voices(&[(2, 25)]));
    }

    #[test]
    fn stages_without_listeners_and_voices_are_forgotten() {
        let speakers = Speakers::default();
        let stage_of = |publish: ConnectionId| (publish.0 != 1).then(|| arn("first"));
        drop(speakers.listen(&arn("second")));
        speakers.tell([(ConnectionId(2), Some(9))].into(), stage_of);
        assert_eq!(speakers.with(|state| state.stages.len()), 1);
        speakers.tell([(ConnectionId(2), None)].into(), stage_of);
        assert_eq!(speakers.with(|state| state.stages.len()), 0);
        // A publisher that goes in the middle of a word never falls silent.
        speakers.tell([(ConnectionId(2), Some(9))].into(), stage_of);
        speakers.tell([(ConnectionId(1), Some(9))].into(), |_| None);
        assert_eq!(speakers.with(|state| state.stages.len()), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_heard_in_a_while_is_one_word() {
        let speakers = Arc::new(Speakers::default());
        for level in 0..9 {
            speakers.heard(ConnectionId(1), Some(level));
        }
        assert_eq!(
            speakers.next().await,
            Some([(ConnectionId(1), Some(8))].into())
        );
        speakers.close();
        assert_eq!(speakers.next().await, None);
    }
}
