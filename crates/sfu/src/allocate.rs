//! Who gets which layer out of one budget.
//!
//! Audio comes first, then every video at its lowest layer, the more important before the less; then upgrades, step by step: a
//! class of equal priority takes turns, the lowest layers first, of them those that are being sent, then the smallest steps, until
//! nothing more fits; then comes the class below. When not even the lowest layers fit, the least important videos are paused.
//!
//! A layer that is being sent is kept while it fits; a higher one, or a paused video, needs head room beyond its cost. A
//! downgrade happens at once. What is decided depends on the input alone, so that the same input decides alike again.
//!
//! What is absent: how layers are measured and when a stream can change its layer (key frames).

use std::cmp::Reverse;

/// An upgrade needs this much more than its layer's bitrate, in percent: estimates and bitrates move by about as much, and a
/// switch that is taken back costs two key frames.
const HEAD_ROOM_PERCENT: u64 = 15;
/// How much of its lowest layer the last video needs at least, in percent, to go on beyond the budget. Below that it would only
/// take from the audio.
const LAST_PERCENT: u64 = 50;

/// One video that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Demand<'a> {
    /// Higher comes first.
    pub(crate) priority: u8,
    /// Bits per second of the layers that are there and allowed, lowest first.
    pub(crate) layers: &'a [u64],
    /// The layer that is being sent, as its place in `layers`; `None` before the first, while paused, or after it stopped.
    pub(crate) current: Option<usize>,
    /// The layer that was asked for, as its place in `layers`; none above it is given.
    pub(crate) wanted: Option<usize>,
    /// Whether the last allocation paused it.
    pub(crate) is_paused: bool,
}

impl Demand<'_> {
    /// What the layer takes that is being sent, bits per second; `None` while nothing is.
    pub(crate) fn current_bps(&self) -> Option<u64> {
        self.layers.get(self.current?).copied()
    }
}

/// What one demand gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Nothing.
    Paused,
    /// The layer of that place in [`Demand::layers`].
    Layer(usize),
}

/// Divides a budget, in bits per second; the choices stand in the order of the demands.
///
/// Gives back how much the budget would have to be, bits per second, for the next resumption or upgrade; `None` when all have
/// what they can get. The cost is within the budget, but for a single video that goes on at its lowest layer while at least
/// half of that fits.
pub(crate) fn allocate(
    budget_bps: u64,
    audio_bps: u64,
    demands: &[Demand<'_>],
    out: &mut Vec<Choice>,
) -> Option<u64> {
    out.clear();
    out.resize(demands.len(), Choice::Paused);
    let for_video = budget_bps.saturating_sub(audio_bps);
    let (spent, resumption) = start(for_video, demands, out);
    let upgrade = match resumption {
        // While somebody waits for a lowest layer, nobody gets more than that, except what is kept.
        Some(_) => upgrade(for_video, spent, demands, out, Upgrades::KeptOnly),
        None => upgrade(for_video, spent, demands, out, Upgrades::All),
    };
    resumption
        .into_iter()
        .chain(upgrade)
        .min()
        .map(|needed| needed.saturating_add(audio_bps))
}

/// Which steps up are taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Upgrades {
    /// Those back to the layer that is being sent.
    KeptOnly,
    All,
}

/// Gives lowest layers in the order of importance. Says what they cost, and what one more would need.
fn start(budget: u64, demands: &[Demand<'_>], out: &mut [Choice]) -> (u64, Option<u64>) {
    // The videos that go on are the most important ones, without gaps: so more budget never pauses more of them. They end
    // with one that was going on, or that fits with head room.
    let mut spent = 0_u64;
    let mut going = (0, 0_u64);
    let mut needed = None;
    let mut count = 0_usize;
    for place in in_order(demands) {
        let Some((demand, lowest)) = demands.get(place).and_then(lowest) else {
            continue;
        };
        let is_last = count == 0;
        let share = if is_last {
            lowest.saturating_mul(LAST_PERCENT) / 100
        } else {
            lowest
        };
        count += 1;
        let room = if demand.is_paused {
            head_room(lowest)
        } else {
            0
        };
        let with_room = spent.saturating_add(share).saturating_add(room);
        if with_room <= budget {
            going = (count, spent.saturating_add(lowest));
            needed = None;
        } else if needed.is_none() {
            // It is paused, and comes back with head room only.
            needed = Some(
                spent
                    .saturating_add(share)
                    .saturating_add(head_room(lowest)),
            );
        }
        spent = spent.saturating_add(lowest);
        if needed.is_some() && spent > budget {
            break;
        }
    }
    let (going, spent) = going;
    let places = in_order(demands).filter(|place| demands.get(*place).and_then(lowest).is_some());
    for place in places.take(going) {
        if let Some(choice) = out.get_mut(place) {
            *choice = Choice::Layer(0);
        }
    }
    (spent, needed)
}

/// Takes steps up while they fit. Says what one more would need.
fn upgrade(
    budget: u64,
    mut spent: u64,
    demands: &[Demand<'_>],
    out: &mut [Choice],
    which: Upgrades,
) -> Option<u64> {
    let mut needed: Option<u64> = None;
    let mut class = demands.iter().map(|demand| demand.priority).max();
    while let Some(priority) = class {
        // Each round takes one step, and there are no more steps than layers.
        while let Some((place, step)) = steps(priority, demands, out)
            .filter(|(_, step)| {
                step.fits(budget, spent) && (step.is_kept || which == Upgrades::All)
            })
            .min_by_key(|(place, step)| (step.layer, !step.is_kept, step.cost, *place))
        {
            spent = spent.saturating_add(step.cost);
            if let Some(choice) = out.get_mut(place) {
                *choice = Choice::Layer(step.layer);
            }
        }
        if which == Upgrades::All {
            let next = steps(priority, demands, out).map(|(_, step)| step.needed(spent));
            needed = needed.into_iter().chain(next).min();
        }
        class = demands
            .iter()
            .map(|demand| demand.priority)
            .filter(|lower| *lower < priority)
            .max();
    }
    needed
}

/// From one layer to the next.
#[derive(Clone, Copy)]
struct Step {
    layer: usize,
    /// What it costs more than the layer below, bits per second.
    cost: u64,
    /// What has to be free beyond that, bits per second.
    room: u64,
    /// Whether it leads to the layer that is being sent, or below it, and needs no room.
    is_kept: bool,
}

impl Step {
    /// What the budget has to be when the step is not back to what is being sent, as after a downgrade.
    fn needed(&self, spent: u64) -> u64 {
        spent.saturating_add(self.cost).saturating_add(self.room)
    }

    fn fits(&self, budget: u64, spent: u64) -> bool {
        let room = if self.is_kept { 0 } else { self.room };
        spent.saturating_add(self.cost).saturating_add(room) <= budget
    }
}

/// The next step up of each demand of that priority that has one.
fn steps<'a>(
    priority: u8,
    demands: &'a [Demand<'_>],
    out: &'a [Choice],
) -> impl Iterator<Item = (usize, Step)> + 'a {
    demands
        .iter()
        .zip(out)
        .enumerate()
        .filter(move |(_, (demand, _))| demand.priority == priority)
        .filter_map(|(place, (demand, choice))| {
            let Choice::Layer(layer) = *choice else {
                return None;
            };
            let next = layer.checked_add(1)?;
            if demand.wanted.is_some_and(|wanted| next > wanted) {
                return None;
            }
            let bps = *demand.layers.get(next)?;
            let cost = bps.saturating_sub(*demand.layers.get(layer)?);
            let step = Step {
                layer: next,
                cost,
                room: head_room(bps),
                is_kept: demand.current.is_some_and(|current| next <= current),
            };
            Some((place, step))
        })
}

/// The places of the demands, the most important first; of equals, the one with the smallest lowest layer.
fn in_order<'a>(demands: &'a [Demand<'_>]) -> impl Iterator<Item = usize> + 'a {
    let key = |place: usize| {
        let demand = demands.get(place)?;
        let lowest = demand.layers.first().copied();
        Some((Reverse(demand.priority), lowest, place))
    };
    // One pass for each place instead of a sorted copy: a feed has a few dozen videos at most.
    std::iter::successors((0..demands.len()).filter_map(key).min(), move |last| {
        (0..demands.len())
            .filter_map(key)
            .filter(|next| next > last)
            .min()
    })
    .map(|(_, _, place)| place)
}

fn lowest<'a, 'b>(demand: &'b Demand<'a>) -> Option<(&'b Demand<'a>, u64)> {
    Some((demand, *demand.layers.first()?))
}

fn head_room(bps: u64) -> u64 {
    bps.saturating_mul(HEAD_ROOM_PERCENT).div_ceil(100)
}

#[cfg(test)]
mod tests;
