//! Which layer of each publisher is sent, within what the way to the client carries.

use std::time::{Duration, Instant};

use model::ConnectionId;

use super::{CHOICE_INTERVAL, Feed, QUALITY_INTERVAL, SETTLED_INTERVAL, Slot};
use crate::allocate::{Choice, Demand, allocate};
use crate::codec::Kind;
use crate::io::{Counters, LayerReason, Layers, Quality, Start, VideoWant};
use crate::layer::VideoLayer;
use crate::packet::Track;
use crate::publish::Publisher;

/// What the headers of 50 packets a second take, bits per second.
const AUDIO_HEADERS_BPS: u64 = 20_000;
/// What is kept for audio that is silent at the moment, bits per second: it may begin at any.
const AUDIO_BPS_MIN: u64 = 32_000;
/// Headers and tags of video, as a part of its payload: 60 bytes on 1,200.
const HEADERS_SHARE: u64 = 20;
/// How long what the lowest layers take is sent before the estimate is believed to be less.
const TRIAL: Duration = Duration::from_secs(3);
/// How long after a trial the next one may begin, for videos that are paused where nothing can be probed: each that has failed
/// doubles it, so many times, because each costs a link that is too narrow three seconds of loss and delay.
const TRIAL_INTERVAL: Duration = Duration::from_secs(10);
const TRIAL_DOUBLINGS_MAX: u32 = 5;
/// A bitrate that has moved by less than a quarter is not news, and by more it is at most this often.
const NEWS_SHARE: u64 = 4;
const NEWS_INTERVAL: Duration = Duration::from_secs(5);

/// A track that a feed is to get, and does not get yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Awaited {
    pub(crate) publisher: ConnectionId,
    pub(crate) track: Track,
    /// Whether nothing at all is sent until a key frame comes.
    pub(crate) is_blank: bool,
    /// Whether what is sent until then is more than there is bandwidth for.
    pub(crate) is_pressed: bool,
}

/// What has come of a choice.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    /// Whether more is being sent than there is bandwidth for.
    is_pressed: bool,
    pub(crate) awaited: Vec<Awaited>,
    pub(crate) layers: Vec<Layers>,
    pub(crate) quality: Option<Quality>,
}

/// One publisher's video in a slot of this feed.
struct Candidate<'a> {
    slot: usize,
    publisher: ConnectionId,
    want: VideoWant,
    all: &'a [VideoLayer],
    /// Those that may be chosen, lowest first, and what each takes.
    allowed: Vec<&'a VideoLayer>,
    bitrates: Vec<u64>,
}

impl Candidate<'_> {
    /// Whether a layer stands below the one that is being sent.
    fn is_below(&self, track: Track, sending: Option<(ConnectionId, Track)>) -> bool {
        let rank = |track: Track| self.all.iter().position(|layer| layer.track == track);
        sending.is_some_and(|(publisher, sent)| {
            publisher == self.publisher && rank(track) < rank(sent)
        })
    }
}

impl Feed {
    /// Chooses what is sent in each slot. `find` finds publishers.
    pub(crate) fn choose<'a>(
        &mut self,
        find: impl Fn(ConnectionId) -> Option<&'a Publisher>,
        counters: &mut Counters,
        now: Instant,
    ) -> Chosen {
        self.choice_is_wanted = false;
        let mut chosen = Chosen::default();
        self.choose_audio();
        let candidates = self.candidates(&find);
        let demands: Vec<_> = candidates
            .iter()
            .map(|candidate| self.demand(candidate))
            .collect();
        let audio_bps = self
            .bonds
            .iter()
            .filter(|bond| bond.audio.is_some())
            .filter_map(|bond| find(bond.publisher)?.audio())
            .map(|audio| audio.bitrate_bps(now).max(AUDIO_BPS_MIN) + AUDIO_HEADERS_BPS)
            .sum();
        let mut choices = Vec::with_capacity(demands.len());
        self.try_again(now);
        let budget = self.budget(&demands, audio_bps, now);
        let sent_bps: u64 = demands.iter().filter_map(Demand::current_bps).sum();
        chosen.is_pressed = sent_bps.saturating_add(audio_bps) > budget;
        let next = allocate(budget, audio_bps, &demands, &mut choices);
        // What is sent already is to be known to be carried, too.
        let spent: u64 = demands
            .iter()
            .zip(&choices)
            .filter_map(|(demand, choice)| match choice {
                Choice::Layer(place) => demand.layers.get(*place),
                Choice::Paused => None,
            })
            .sum();
        self.spent_bps = spent.saturating_add(audio_bps);
        let wanted = next.unwrap_or(0).max(spent.saturating_add(audio_bps));
        self.wire.estimator.want_probe(wanted, now);
        drop(demands);
        for (candidate, choice) in candidates.iter().zip(&choices) {
            self.take_choice(candidate, *choice, &mut chosen, counters);
        }
        for candidate in &candidates {
            self.tell(candidate, &mut chosen, now);
        }
        let has_all = next.is_none()
            && candidates.iter().zip(&choices).all(|(candidate, choice)| {
                // Of a publisher that sends nothing it is told when that begins.
                candidate.allowed.is_empty() || *choice != Choice::Paused
            })
            && chosen.awaited.is_empty()
            && candidates.len()
                == self
                    .bonds
                    .iter()
                    .filter(|bond| bond.video.is_some())
                    .count()
            && !self.waits_for_slot();
        self.settle_at(has_all.then(|| spent.saturating_add(audio_bps)), now);
        if self.quality_due <= now {
            self.quality_due = now + QUALITY_INTERVAL;
            chosen.quality = Some(Quality {
                estimate_bps: self.wire.estimator.bitrate_bps(),
                sent_bps: self.wire.take_sent_bps(now),
                loss: self.wire.estimator.loss(),
                round_trip: self.wire.estimator.round_trip(),
            });
        }
        chosen
    }

    /// Notes what is sent, if that is all, and when to choose again.
    fn settle_at(&mut self, sent_bps: Option<u64>, now: Instant) {
        self.settled_bps = sent_bps;
        if self.is_unsettled() {
            self.settled_bps = None;
        }
        let interval = self
            .settled_bps
            .map_or(CHOICE_INTERVAL, |_| SETTLED_INTERVAL);
        self.choice_due = now + interval;
    }

    /// Whether a feed that had all it can get has not the bandwidth for it any more.
    pub(super) fn is_unsettled(&self) -> bool {
        let Some(sent_bps) = self.settled_bps else {
            return false;
        };
        let estimator = &self.wire.estimator;
        if self.wire.has_estimate() {
            estimator.bitrate_bps() < sent_bps
        } else {
            estimator
                .loss_bound_bps()
                .is_some_and(|bound| bound < sent_bps)
        }
    }

    /// Audio alone does not let an estimate grow to what a video takes, and probes need a stream of video that the client knows and
    /// gets retransmissions for: without these, a paused video would stay so for ever.
    pub(super) fn try_again(&mut self, now: Instant) {
        let Some(begun) = self.trial else { return };
        let since = now.saturating_duration_since(begun);
        if !self.slots.iter().any(|slot| slot.is_paused) {
            // What has gone well for so long has not failed.
            if since >= TRIAL_INTERVAL {
                self.trials_failed = 0;
            }
            return;
        }
        let doublings = self.trials_failed.min(TRIAL_DOUBLINGS_MAX);
        if since >= TRIAL_INTERVAL * (1 << doublings) && !self.slots.iter().any(Slot::can_pad) {
            self.trial = Some(now);
            self.trials_failed = self.trials_failed.saturating_add(1);
        }
    }

    /// What may be sent, bits per second.
    fn budget(&self, demands: &[Demand<'_>], audio_bps: u64, now: Instant) -> u64 {
        let sum = |bps: &dyn Fn(&Demand<'_>) -> Option<u64>| {
            audio_bps.saturating_add(demands.iter().filter_map(bps).sum())
        };
        let lowest = |demand: &Demand<'_>| demand.layers.first().copied();
        let estimator = &self.wire.estimator;
        if !self.wire.has_estimate() {
            // Of a client that does not tell when packets arrive little is known: it gets what there is until much is lost.
            // Loss does not tell whether less would help, so that the lowest layers stay.
            let bound = estimator.loss_bound_bps();
            return bound.map_or(u64::MAX, |bound| bound.max(sum(&lowest)));
        }
        let is_tried = self
            .trial
            .is_some_and(|begun| now.saturating_duration_since(begun) < TRIAL);
        // Nothing is known before something was sent, so the lowest layers are tried; and what arrives, late or not, is not
        // taken away for an estimate. What arrives beyond that may be of probes.
        let proven = if is_tried {
            sum(&lowest)
        } else {
            let going = sum(&|demand| lowest(demand).filter(|_| !demand.is_paused));
            estimator.delivered_bps().min(going)
        };
        estimator
            .budget_bps(sum(&|demand| demand.current_bps()))
            .max(proven)
    }

    fn choose_audio(&mut self) {
        for bond in &self.bonds {
            if let Some(slot) = bond.audio.and_then(|place| self.slots.get_mut(place)) {
                slot.target = Some(Track::AUDIO);
            }
        }
    }

    fn candidates<'a>(
        &self,
        find: &impl Fn(ConnectionId) -> Option<&'a Publisher>,
    ) -> Vec<Candidate<'a>> {
        let candidate = |bond: &super::bind::Bond| {
            let place = bond.video?;
            let slot = self.slots.get(place)?;
            let publisher = find(bond.publisher)?;
            let want = self
                .wants
                .iter()
                .find(|want| want.publisher == bond.publisher)
                .and_then(|want| want.video.clone())?;
            let all = publisher.video();
            let codec = publisher.sent(Kind::Video)?.codec;
            let mut allowed: Vec<_> = all
                .iter()
                .filter(|layer| layer.is_live && slot.payload(codec).is_some())
                .collect();
            if let Some(pixels_max) = want.pixels_max {
                let fits = |layer: &&VideoLayer| {
                    u64::from(layer.width) * u64::from(layer.height) <= u64::from(pixels_max)
                };
                if allowed.iter().any(fits) {
                    allowed.retain(fits);
                } else {
                    allowed.truncate(1);
                }
            }
            Some(Candidate {
                slot: place,
                publisher: bond.publisher,
                want,
                all,
                bitrates: allowed
                    .iter()
                    .map(|layer| layer.bitrate_bps + layer.bitrate_bps / HEADERS_SHARE)
                    .collect(),
                allowed,
            })
        };
        self.bonds.iter().filter_map(candidate).collect()
    }

    fn demand<'c>(&self, candidate: &'c Candidate<'_>) -> Demand<'c> {
        let slot = self.slots.get(candidate.slot);
        let place_of = |track: Track| {
            candidate
                .allowed
                .iter()
                .position(|layer| layer.track == track)
        };
        let asked_for = candidate.want.layer.as_ref().and_then(|label| {
            candidate
                .allowed
                .iter()
                .position(|layer| layer.label == *label)
        });
        let has_begun = slot.is_some_and(|slot| slot.stream.has_begun(candidate.publisher));
        let begin = match candidate.want.start {
            // The first picture is there soonest with the smallest key frame.
            Start::Lowest if !has_begun => Some(0),
            Start::Highest if !has_begun => candidate.allowed.len().checked_sub(1),
            Start::Highest | Start::Lowest => None,
        };
        Demand {
            priority: candidate.want.priority,
            layers: &candidate.bitrates,
            current: slot.and_then(Slot::aims_at).and_then(place_of),
            wanted: asked_for.or(begin),
            is_paused: slot.is_some_and(|slot| slot.is_paused),
        }
    }

    fn take_choice(
        &mut self,
        candidate: &Candidate<'_>,
        choice: Choice,
        chosen: &mut Chosen,
        counters: &mut Counters,
    ) {
        let Some(slot) = self.slots.get_mut(candidate.slot) else {
            return;
        };
        let track = match choice {
            Choice::Layer(place) => candidate.allowed.get(place).map(|layer| layer.track),
            Choice::Paused => None,
        };
        let is_paused = track.is_none() && !candidate.allowed.is_empty();
        if is_paused != slot.is_paused {
            counters.pauses += u64::from(is_paused);
            slot.is_paused = is_paused;
            self.is_rebound = true;
        }
        slot.aim(track);
        let sending = slot.stream.sending();
        let Some(track) = track else {
            if is_paused {
                slot.stream.stop();
            }
            return;
        };
        if sending != Some((candidate.publisher, track)) {
            chosen.awaited.push(Awaited {
                publisher: candidate.publisher,
                track,
                is_blank: sending.is_none(),
                is_pressed: chosen.is_pressed && candidate.is_below(track, sending),
            });
        }
    }

    /// Tells the publisher's layers where they are news.
    fn tell(&mut self, candidate: &Candidate<'_>, chosen: &mut Chosen, now: Instant) {
        let Some(slot) = self.slots.get(candidate.slot) else {
            return;
        };
        let selected = slot.stream.sending().and_then(|(publisher, track)| {
            let is_here = publisher == candidate.publisher;
            let layer = candidate.all.iter().find(|layer| layer.track == track);
            layer.filter(|_| is_here).map(|layer| layer.label.clone())
        });
        let reason = match &candidate.want.layer {
            None => LayerReason::Automatic,
            Some(label) if selected.as_ref() == Some(label) => LayerReason::Selected,
            Some(label) if candidate.allowed.iter().any(|layer| layer.label == *label) => {
                LayerReason::Bandwidth
            }
            Some(_) => LayerReason::Unavailable,
        };
        let layers = Layers {
            publisher: candidate.publisher,
            layers: candidate
                .all
                .iter()
                .filter(|layer| layer.is_live)
                .map(VideoLayer::told)
                .collect(),
            selected,
            reason,
        };
        let told = self
            .told
            .iter_mut()
            .find(|(publisher, ..)| *publisher == candidate.publisher);
        match told {
            Some((_, told, at)) => {
                let may_be_figures = now.saturating_duration_since(*at) >= NEWS_INTERVAL;
                let is_news =
                    is_other(told, &layers) || (may_be_figures && measures_other(told, &layers));
                if !is_news {
                    return;
                }
                told.clone_from(&layers);
                *at = now;
            }
            None => self.told.push((candidate.publisher, layers.clone(), now)),
        }
        chosen.layers.push(layers);
    }
}

/// Whether what there is, or is sent, differs, figures aside.
fn is_other(told: &Layers, now: &Layers) -> bool {
    told.selected != now.selected
        || told.reason != now.reason
        || told.layers.len() != now.layers.len()
        || told.layers.iter().zip(&now.layers).any(|(told, now)| {
            told.label != now.label || told.width != now.width || told.height != now.height
        })
}

fn measures_other(told: &Layers, now: &Layers) -> bool {
    let mut pairs = told.layers.iter().zip(&now.layers);
    pairs.any(|(told, now)| {
        told.bitrate_bps.abs_diff(now.bitrate_bps) > told.bitrate_bps / NEWS_SHARE
    })
}
