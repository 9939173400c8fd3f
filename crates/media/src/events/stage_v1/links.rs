//! The subscriptions behind a feed: `stage` knows one for each publisher that the feed gets, and this is how far each is.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use model::{ConnectionId, ParticipantId};
use stage::Refusal;

use super::message::Pid;

/// When to ask again that `stage` has not answered; doubled each time.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// Doublings at most.
const RETRY_DOUBLINGS_MAX: u32 = 4;
/// Questions that a session may put at once: more than there are publishers on a stage, twice over...
const ASKS_MAX: u32 = 64;
/// ...and how soon it may put another one then. Each costs `stage` a subscription's beginning and end, and two events.
const ASK_INTERVAL: Duration = Duration::from_millis(125);

/// The subscriptions of one session.
#[derive(Debug, Default)]
pub(super) struct Links {
    by_publisher: BTreeMap<ParticipantId, Link>,
    /// Questions so far, so that an answer that comes late is told from one that is waited for.
    asked: u64,
    /// Questions of late, and since when they have been counted down.
    recent: u32,
    counted: Option<Instant>,
}

#[derive(Debug)]
struct Link {
    /// Which publish it is about.
    publish: ConnectionId,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// `stage` is being asked, after so many questions in vain.
    Asking { ask: u64, in_vain: u32 },
    /// `stage` knows it by that id.
    Live { link: ConnectionId },
    /// `stage` has said no, or has ended it.
    Refused {
        /// When to ask again; never for the same publish if there is no time.
        again: Option<Instant>,
        in_vain: u32,
    },
}

/// What is to be done about one subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Ask `stage` for it.
    Ask { ask: u64, publisher: ParticipantId },
    /// It is not wanted (any more).
    Release(ConnectionId),
}

/// What `stage` said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Yes: the id of the subscription, and the publish whose media it gets.
    Admitted {
        link: ConnectionId,
        publish: ConnectionId,
    },
    /// No.
    Refused(Refusal),
    /// Nothing in time.
    Silence,
}

/// What an answer of `stage` comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The subscription is live.
    Live,
    /// It comes too late: the subscription is to be released, if there is one.
    Late(Option<ConnectionId>),
    /// There will be another question by itself.
    Later,
    /// The client has to know.
    Refused(Refusal),
}

impl Links {
    /// Brings the subscriptions in line with what is desired: publishers, each with its publish.
    pub(super) fn follow(
        &mut self,
        desired: &BTreeMap<&ParticipantId, ConnectionId>,
        now: Instant,
    ) -> Vec<Step> {
        let mut steps = Vec::new();
        self.by_publisher.retain(|publisher, link| {
            let stays = desired.contains_key(publisher);
            if let (false, Phase::Live { link }) = (stays, &link.phase) {
                steps.push(Step::Release(*link));
            }
            stays
        });
        for (&publisher, &publish) in desired {
            let in_vain = match self.by_publisher.get(publisher) {
                None => 0,
                Some(Link {
                    phase: Phase::Refused { .. },
                    publish: older,
                }) if *older != publish => 0,
                Some(Link {
                    phase: Phase::Refused { again, in_vain },
                    ..
                }) if again.is_some_and(|again| again <= now) => *in_vain,
                Some(_) => continue,
            };
            if !self.may_ask(now) {
                let again = Some(now + ASK_INTERVAL);
                let phase = Phase::Refused { again, in_vain };
                self.by_publisher
                    .insert(publisher.clone(), Link { publish, phase });
                continue;
            }
            self.asked = self.asked.saturating_add(1);
            let ask = self.asked;
            let phase = Phase::Asking { ask, in_vain };
            let link = Link { publish, phase };
            self.by_publisher.insert(publisher.clone(), link);
            let publisher = publisher.clone();
            steps.push(Step::Ask { ask, publisher });
        }
        steps
    }

    /// Whether another question may be put now; if so it counts.
    fn may_ask(&mut self, now: Instant) -> bool {
        let counted = *self.counted.get_or_insert(now);
        let since = now.saturating_duration_since(counted);
        let passed =
            u32::try_from(since.as_millis() / ASK_INTERVAL.as_millis()).unwrap_or(ASKS_MAX);
        if passed > 0 {
            self.recent = self.recent.saturating_sub(passed);
            self.counted = Some(now);
        }
        let is_allowed = self.recent < ASKS_MAX;
        self.recent += u32::from(is_allowed);
        is_allowed
    }

    /// `stage` has answered a question about a publisher.
    pub(super) fn answered(
        &mut self,
        ask: u64,
        publisher: &ParticipantId,
        answer: Answer,
        now: Instant,
    ) -> Outcome {
        let waiting = self.by_publisher.get_mut(publisher);
        let waiting = waiting.and_then(|link| match link.phase {
            Phase::Asking {
                ask: asked,
                in_vain,
            } if asked == ask => Some((link, in_vain)),
            Phase::Asking { .. } | Phase::Live { .. } | Phase::Refused { .. } => None,
        });
        let Some((entry, in_vain)) = waiting else {
            return Outcome::Late(match answer {
                Answer::Admitted { link, .. } => Some(link),
                Answer::Refused(_) | Answer::Silence => None,
            });
        };
        let (again, in_vain, outcome) = match answer {
            Answer::Admitted { link, publish } => {
                *entry = Link {
                    publish,
                    phase: Phase::Live { link },
                };
                return Outcome::Live;
            }
            Answer::Refused(Refusal::PublisherNotPublishing { retry_after }) => {
                (Some(retry_after), 0, Outcome::Later)
            }
            // The roster will say so too.
            Answer::Refused(Refusal::PublisherNotFound) => (Some(FIRST_RETRY), 0, Outcome::Later),
            Answer::Silence => {
                let doublings = in_vain.min(RETRY_DOUBLINGS_MAX);
                let wait = FIRST_RETRY.saturating_mul(1 << doublings);
                (Some(wait), in_vain.saturating_add(1), Outcome::Later)
            }
            Answer::Refused(refusal) => (None, 0, Outcome::Refused(refusal)),
        };
        let again = again.map(|wait| now + wait);
        entry.phase = Phase::Refused { again, in_vain };
        outcome
    }

    /// `stage` has ended a subscription. It is not asked again for the same publish: it was too long, or another of the
    /// participant's own took its place.
    pub(super) fn ended(&mut self, link: ConnectionId) {
        let entry = self.entry_of(link);
        if let Some(entry) = entry {
            entry.phase = Phase::Refused {
                again: None,
                in_vain: 0,
            };
        }
    }

    fn entry_of(&mut self, link: ConnectionId) -> Option<&mut Link> {
        self.by_publisher
            .values_mut()
            .find(|entry| matches!(entry.phase, Phase::Live { link: own } if own == link))
    }

    /// The client asks anew for a publisher: what was refused counts no more.
    pub(super) fn forgive(&mut self, publisher: &ParticipantId) {
        let link = self.by_publisher.get(publisher);
        if link.is_some_and(|link| matches!(link.phase, Phase::Refused { .. })) {
            self.by_publisher.remove(publisher);
        }
    }

    /// Forgets everything; the subscriptions that are to be released.
    pub(super) fn clear(&mut self) -> Vec<Step> {
        let older = std::mem::take(&mut self.by_publisher);
        let released = older.into_values().filter_map(|link| match link.phase {
            Phase::Live { link } => Some(Step::Release(link)),
            Phase::Asking { .. } | Phase::Refused { .. } => None,
        });
        released.collect()
    }

    /// Subscriptions that are live: of whom, the id, and the publish.
    pub(super) fn live(
        &self,
    ) -> impl Iterator<Item = (&ParticipantId, ConnectionId, ConnectionId)> {
        self.by_publisher
            .iter()
            .filter_map(|(publisher, link)| match link.phase {
                Phase::Live { link: id } => Some((publisher, id, link.publish)),
                Phase::Asking { .. } | Phase::Refused { .. } => None,
            })
    }

    /// Whose publish it is, if a live subscription gets it.
    pub(super) fn pid_of(&self, publish: ConnectionId) -> Option<Pid> {
        let found = self.live().find(|(_, _, own)| *own == publish);
        found.map(|(publisher, _, _)| Pid(publisher.clone()))
    }

    /// When there is something to ask again.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let waits = self
            .by_publisher
            .values()
            .filter_map(|link| match link.phase {
                Phase::Refused { again, .. } => again,
                Phase::Asking { .. } | Phase::Live { .. } => None,
            });
        waits.min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "where simulated time begins")]
    fn beginning() -> Instant {
        Instant::now()
    }

    // T45: a client that changes its mind all the time costs `stage` little.
    #[test]
    fn t45_a_session_that_wants_and_does_not_want_again_and_again_asks_a_few_times_a_second() {
        let ana = ParticipantId::parse("ana").unwrap();
        let wanted = BTreeMap::from([(&ana, ConnectionId(1))]);
        let mut links = Links::default();
        let (mut now, mut asks) = (beginning(), 0);
        for _ in 0..2_000 {
            let steps = links.follow(&wanted, now);
            asks += steps
                .iter()
                .filter(|step| matches!(step, Step::Ask { .. }))
                .count();
            links.follow(&BTreeMap::new(), now);
            now += Duration::from_millis(5);
        }
        // Ten seconds have passed.
        assert!((64..=64 + 80).contains(&asks), "{asks}");
        // It is asked again by itself once it may.
        let refused = links.follow(&wanted, now);
        assert!(refused.len() <= 1);
        let later = now + Duration::from_secs(1);
        assert_eq!(links.follow(&wanted, later).len() + refused.len(), 1);
    }
}
