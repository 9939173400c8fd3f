//! The feed of a session: how far its offers are, what it wants, and what is to be told of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use model::ConnectionId;
use sfu::{Binding, Layers, PeerFault, Quality, Want};

use super::message::{Bound, Layer, Pid, Secret, Slot, ToClient};
use crate::mailbox::FeedNews;
use crate::news;

/// When a worker that had too much to do is told again what the feed wants.
const WANT_RETRY: Duration = Duration::from_millis(50);

/// A binding as the client is told, with the publish behind it: a slot that goes over to another publish of the same
/// participant is told anew.
pub(super) type BoundTo = (ConnectionId, Bound);

/// The feed.
#[derive(Debug, Default)]
pub(super) struct Feed {
    phase: Phase,
    slots: Vec<Slot>,
    /// To the offer of a `join`, until the client is told.
    answer: Option<Secret>,
    bindings: Vec<Binding>,
    bound_told: Vec<BoundTo>,
    need: Option<(usize, usize)>,
    need_is_news: bool,
    layers: BTreeMap<ConnectionId, Layers>,
    layers_news: BTreeSet<ConnectionId>,
    quality: Option<Quality>,
    quality_is_news: bool,
    /// What the worker has been told; `None` where it has not taken it.
    wanted: Option<Vec<Want>>,
    want_again: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// There is none.
    #[default]
    Absent,
    /// Its offer is being answered.
    Opening,
    /// It is there.
    Open {
        is_connected: bool,
        /// Whether another offer is being answered.
        is_reoffered: bool,
    },
}

impl Feed {
    pub(super) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open { .. })
    }

    pub(super) fn is_opening(&self) -> bool {
        self.phase == Phase::Opening
    }

    /// Whether an answer is waited for.
    pub(super) fn is_answering(&self) -> bool {
        match self.phase {
            Phase::Absent => false,
            Phase::Opening => true,
            Phase::Open { is_reoffered, .. } => is_reoffered,
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        match self.phase {
            Phase::Absent | Phase::Opening => false,
            Phase::Open { is_connected, .. } => is_connected,
        }
    }

    /// A first offer is on its way.
    pub(super) fn opening(&mut self) {
        self.phase = Phase::Opening;
    }

    /// Another offer is on its way.
    pub(super) fn reoffering(&mut self) {
        if let Phase::Open { is_reoffered, .. } = &mut self.phase {
            *is_reoffered = true;
        }
    }

    /// The worker has answered the offer.
    pub(super) fn answered(
        &mut self,
        result: Result<sfu::Answer, PeerFault>,
    ) -> Result<ToClient, PeerFault> {
        match (&mut self.phase, result) {
            (phase @ (Phase::Absent | Phase::Opening), Err(fault)) => {
                *phase = Phase::Absent;
                Err(fault)
            }
            (Phase::Open { is_reoffered, .. }, Err(fault)) => {
                *is_reoffered = false;
                Err(fault)
            }
            (phase, Ok(answer)) => {
                match phase {
                    Phase::Open { is_reoffered, .. } => *is_reoffered = false,
                    Phase::Absent | Phase::Opening => {
                        *phase = Phase::Open {
                            is_connected: false,
                            is_reoffered: false,
                        };
                        self.wanted = Some(Vec::new());
                        self.answer = Some(Secret(answer.sdp.clone()));
                    }
                }
                self.slots = answer.slots.iter().map(slot).collect();
                let slots = self.slots.clone();
                let sdp = Secret(answer.sdp);
                Ok(ToClient::Answer { sdp, slots })
            }
        }
    }

    /// The answer has a frame of its own.
    pub(super) fn answer_told(&mut self) {
        self.answer = None;
    }

    /// ICE and DTLS are done. Whether that is new.
    pub(super) fn connected(&mut self) -> bool {
        match &mut self.phase {
            Phase::Absent | Phase::Opening => false,
            Phase::Open { is_connected, .. } => !std::mem::replace(is_connected, true),
        }
    }

    /// It is over: there is none, and nothing is known of one. What the client was told of its slots is void with it.
    pub(super) fn ended(&mut self) {
        *self = Self::default();
    }

    /// What a worker has told.
    pub(super) fn take(&mut self, news: FeedNews) {
        if let Some(bindings) = news.bindings {
            self.bindings = bindings;
        }
        if let Some(need) = news.need {
            self.need_is_news |= self.need != Some(need);
            self.need = Some(need);
        }
        self.layers_news.extend(news.layers.keys());
        self.layers.extend(news.layers);
        if let Some(quality) = news.quality {
            self.quality = Some(quality);
            self.quality_is_news = true;
        }
    }

    /// What the worker is to be told that the feed wants, unless it knows.
    pub(super) fn want(&mut self, wants: Vec<Want>, now: Instant) -> Option<Vec<Want>> {
        if !self.is_open() || self.want_again.is_some_and(|again| now < again) {
            return None;
        }
        self.want_again = None;
        if self.wanted.as_ref() == Some(&wants) {
            return None;
        }
        self.wanted = Some(wants.clone());
        Some(wants)
    }

    /// The worker has too much to do.
    pub(super) fn want_refused(&mut self, now: Instant) {
        self.wanted = None;
        self.want_again = Some(now + WANT_RETRY);
    }

    /// When there is something to do again.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.want_again
    }

    /// The client knows nothing (any more).
    pub(super) fn forget_told(&mut self) {
        self.bound_told = Vec::new();
        self.need_is_news = self.need.is_some();
        self.layers_news = self.layers.keys().copied().collect();
        self.quality_is_news = self.quality.is_some();
    }

    /// What `joined` says: the answer, once, and the slots.
    pub(super) fn greeting(&mut self) -> (Option<Secret>, Vec<Slot>) {
        (self.answer.take(), self.slots.clone())
    }

    /// What the slots carry, as far as it is known of whom.
    pub(super) fn bound(&self, who: impl Fn(ConnectionId) -> Option<Pid>) -> Vec<BoundTo> {
        let bindings = self.bindings.iter().filter_map(|binding| {
            let bound = Bound {
                mid: binding.mid.clone(),
                kind: binding.medium.into(),
                pid: who(binding.publisher)?,
                paused: binding.is_paused,
            };
            Some((binding.publisher, bound))
        });
        bindings.collect()
    }

    /// What the client has not been told yet.
    pub(super) fn news(
        &mut self,
        bound: Vec<BoundTo>,
        who: impl Fn(ConnectionId) -> Option<Pid>,
    ) -> Vec<ToClient> {
        let mut news = Vec::new();
        if bound != self.bound_told {
            let slots = bound.iter().map(|(_, slot)| slot.clone()).collect();
            news.push(ToClient::Bind { slots });
            self.bound_told = bound;
        }
        if let (true, Some((audio, video))) = (self.need_is_news, self.need) {
            self.need_is_news = false;
            news.push(ToClient::Need { audio, video });
        }
        self.layers.retain(|publisher, _| who(*publisher).is_some());
        for publisher in std::mem::take(&mut self.layers_news) {
            if let (Some(pid), Some(layers)) = (who(publisher), self.layers.get(&publisher)) {
                news.push(layers_of(pid, layers));
            }
        }
        if let (true, Some(quality)) = (self.quality_is_news, self.quality) {
            self.quality_is_news = false;
            news.push(quality_of(quality));
        }
        news
    }
}

fn slot(slot: &sfu::Slot) -> Slot {
    Slot {
        mid: slot.mid.clone(),
        kind: slot.medium.into(),
    }
}

fn layers_of(pid: Pid, layers: &Layers) -> ToClient {
    let list = layers.layers.iter().map(|layer| Layer {
        label: layer.label.as_str().to_owned(),
        width: layer.width,
        height: layer.height,
        frames_per_second: layer.frames_per_second,
        bitrate_bps: layer.bitrate_bps,
    });
    ToClient::Layers {
        pid,
        list: list.collect(),
        selected: layers
            .selected
            .as_ref()
            .map(|label| label.as_str().to_owned()),
        reason: news::reason(layers.reason),
    }
}

fn quality_of(quality: Quality) -> ToClient {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    ToClient::Quality {
        estimate_bps: quality.estimate_bps,
        sent_bps: quality.sent_bps,
        loss: f64::from(quality.loss) / 256.0,
        round_trip_ms: quality.round_trip.map(millis),
    }
}
