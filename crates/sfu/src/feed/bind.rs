//! Who gets which slot.

use std::time::Instant;

use model::ConnectionId;

use super::Feed;
use super::slot::Slot;
use crate::codec::Kind;
use crate::io::{Binding, Medium, Want};

/// The slots of one publisher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bond {
    pub(super) publisher: ConnectionId,
    pub(super) audio: Option<usize>,
    pub(super) video: Option<usize>,
}

impl Feed {
    /// Takes what the client wants, in the place of what it wanted before, and binds slots to it as far as there are any.
    pub(crate) fn want(
        &mut self,
        wants: Vec<Want>,
        is_there: impl Fn(ConnectionId) -> bool,
        now: Instant,
    ) {
        #[cfg(test)]
        assert!(!self.panics_next, "injected");
        self.wants = wants;
        let wants = &self.wants;
        for bond in &mut self.bonds {
            let want = wants
                .iter()
                .find(|want| want.publisher == bond.publisher && is_there(want.publisher));
            let keeps_audio = want.is_some_and(|want| want.audio);
            let keeps_video = want.is_some_and(|want| want.video.is_some());
            for (place, keeps) in [
                (&mut bond.audio, keeps_audio),
                (&mut bond.video, keeps_video),
            ] {
                if !keeps && let Some(slot) = place.take().and_then(|at| self.slots.get_mut(at)) {
                    slot.unbind(now);
                    self.is_rebound = true;
                }
            }
        }
        self.bonds
            .retain(|bond| bond.audio.is_some() || bond.video.is_some());
        self.told
            .retain(|(publisher, ..)| self.bonds.iter().any(|bond| bond.publisher == *publisher));
        self.settle(is_there, now);
        self.want_choice();
    }

    /// Binds what is wanted and has no slot yet.
    pub(crate) fn settle(&mut self, is_there: impl Fn(ConnectionId) -> bool, now: Instant) {
        for want in &self.wants {
            if !is_there(want.publisher) {
                continue;
            }
            let at = self
                .bonds
                .iter()
                .position(|bond| bond.publisher == want.publisher);
            let mut bond = at
                .and_then(|at| self.bonds.get(at).copied())
                .unwrap_or(Bond {
                    publisher: want.publisher,
                    audio: None,
                    video: None,
                });
            let before = bond;
            if want.video.is_some() && bond.video.is_none() {
                bond.video = take(&mut self.slots, Kind::Video, bond.audio, &bond, now);
            }
            if want.audio && bond.audio.is_none() {
                bond.audio = take(&mut self.slots, Kind::Audio, bond.video, &bond, now);
            }
            if bond == before {
                continue;
            }
            self.is_rebound = true;
            match at.and_then(|at| self.bonds.get_mut(at)) {
                Some(known) => *known = bond,
                None => self.bonds.push(bond),
            }
            self.choice_is_wanted = true;
        }
    }

    /// Whether anything of a publisher is wanted.
    pub(crate) fn wants_of(&self, publisher: ConnectionId) -> bool {
        self.wants.iter().any(|want| want.publisher == publisher)
    }

    /// Whether something that is wanted waits for a slot that has just been given up.
    pub(crate) fn waits_for_slot(&self) -> bool {
        self.missing() != (0, 0)
    }

    /// A publisher's media is interrupted: its slots are kept, and begin anew when it comes again.
    pub(crate) fn publisher_lost(&mut self, publisher: ConnectionId) {
        let bonds = self.bonds.iter();
        for bond in bonds.filter(|bond| bond.publisher == publisher) {
            for place in [bond.audio, bond.video].into_iter().flatten() {
                if let Some(slot) = self.slots.get_mut(place) {
                    slot.aim(None);
                    slot.stream.stop();
                }
            }
        }
    }

    /// A publisher is gone: its slots are free.
    pub(crate) fn publisher_gone(&mut self, publisher: ConnectionId, now: Instant) {
        self.wants.retain(|want| want.publisher != publisher);
        self.told.retain(|(who, ..)| *who != publisher);
        let Some(at) = self
            .bonds
            .iter()
            .position(|bond| bond.publisher == publisher)
        else {
            return;
        };
        let bond = self.bonds.swap_remove(at);
        for place in [bond.audio, bond.video].into_iter().flatten() {
            if let Some(slot) = self.slots.get_mut(place) {
                slot.unbind(now);
            }
        }
        self.is_rebound = true;
    }

    /// The publishers that have slots here.
    pub(crate) fn publishers(&self) -> impl Iterator<Item = ConnectionId> + '_ {
        self.bonds.iter().map(|bond| bond.publisher)
    }

    /// What the slots carry, if that has changed since the last call.
    pub(crate) fn take_bindings(&mut self) -> Option<Vec<Binding>> {
        if !std::mem::take(&mut self.is_rebound) {
            return None;
        }
        let binding = |slot: &Slot| {
            Some(Binding {
                mid: slot.mid.clone(),
                medium: medium(slot.kind),
                publisher: slot.publisher?,
                is_paused: slot.is_paused,
            })
        };
        Some(self.slots.iter().filter_map(binding).collect())
    }

    /// How many slots are needed in all, if there are too few even when all are free and that has not been told.
    pub(crate) fn take_need(&mut self) -> Option<(usize, usize)> {
        let need = self.need();
        let is_news = need.is_some() && need != self.told_need;
        self.told_need = need;
        need.filter(|_| is_news)
    }

    fn need(&self) -> Option<(usize, usize)> {
        let wanted_audio = self.wants.iter().filter(|want| want.audio).count();
        let wanted_video = self
            .wants
            .iter()
            .filter(|want| want.video.is_some())
            .count();
        let has = |kind: Kind| self.slots.iter().filter(|slot| slot.kind == kind).count();
        (wanted_audio > has(Kind::Audio) || wanted_video > has(Kind::Video))
            .then_some((wanted_audio, wanted_video))
    }

    /// Wanted media without a slot: audio, video.
    fn missing(&self) -> (usize, usize) {
        let bond = |publisher| self.bonds.iter().find(|bond| bond.publisher == publisher);
        self.wants.iter().fold((0, 0), |(audio, video), want| {
            let bond = bond(want.publisher);
            let has_audio = bond.is_some_and(|bond| bond.audio.is_some());
            let has_video = bond.is_some_and(|bond| bond.video.is_some());
            (
                audio + usize::from(want.audio && !has_audio),
                video + usize::from(want.video.is_some() && !has_video),
            )
        })
    }
}

/// What a kind of section carries, as it is told.
pub(crate) fn medium(kind: Kind) -> Medium {
    match kind {
        Kind::Audio => Medium::Audio,
        Kind::Video => Medium::Video,
    }
}

/// Gives a free slot to the publisher of the bond: the partner of `partner` if it can be, so that the client plays both in step.
fn take(
    slots: &mut [Slot],
    kind: Kind,
    partner: Option<usize>,
    bond: &Bond,
    now: Instant,
) -> Option<usize> {
    let rank_wanted = partner.map(|place| super::rank(slots, place));
    let mut free = slots
        .iter()
        .enumerate()
        .filter(|(_, slot)| slot.kind == kind && slot.is_free_for(bond.publisher, now))
        .map(|(place, _)| place);
    let place = match rank_wanted {
        Some(rank) => {
            let all: Vec<_> = free.collect();
            all.iter()
                .copied()
                .find(|place| super::rank(slots, *place) == rank)
                .or_else(|| all.first().copied())
        }
        None => free.next(),
    }?;
    slots.get_mut(place)?.bind(bond.publisher);
    Some(place)
}
