//! A bad network between the server and a viewer: loss, delay, reordering and a narrow link, from a seed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use crate::options::Impairment;

/// What a link holds back before it drops: the usual depth of a home router that behaves.
const QUEUE_MAX: Duration = Duration::from_millis(200);
/// Bytes of IPv4 and UDP headers, which a link carries too.
const HEADERS: usize = 28;

/// One viewer's network.
pub(crate) struct Shim {
    impairment: Impairment,
    /// Bits per second; `None` is no limit.
    rate_bps: Option<u64>,
    chance: Chance,
    /// When the link has sent all that it holds.
    link_free: Option<Instant>,
    /// What is under way, by the time of its arrival and then by order.
    held: BinaryHeap<Reverse<(Instant, u64, Vec<u8>)>>,
    taken: u64,
    /// Datagrams dropped.
    pub(crate) dropped: u64,
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to 1, without 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn is(&mut self, percent: f64) -> bool {
        percent > 0.0 && self.share() * 100.0 < percent
    }
}

impl Shim {
    /// The network of one viewer; `None` where it would do nothing.
    pub(crate) fn new(impairment: &Impairment, viewer: usize) -> Option<Self> {
        if impairment.is_none() {
            return None;
        }
        let rates = &impairment.rates_kbps;
        let rate = rates.get(viewer % rates.len().max(1)).copied().unwrap_or(0);
        // Seeds that differ by little give unlike sequences after one step.
        let mut chance = Chance(impairment.seed ^ (viewer as u64) << 32);
        chance.next();
        Some(Self {
            impairment: impairment.clone(),
            rate_bps: (rate > 0).then_some(u64::from(rate) * 1_000),
            chance,
            link_free: None,
            held: BinaryHeap::new(),
            taken: 0,
            dropped: 0,
        })
    }

    /// Takes a datagram that came in.
    pub(crate) fn take(&mut self, datagram: &[u8], now: Instant) {
        if self.chance.is(self.impairment.loss_percent) {
            self.dropped += 1;
            return;
        }
        let Some(mut arrival) = self.through_link(datagram.len(), now) else {
            self.dropped += 1;
            return;
        };
        arrival += self.impairment.delay + self.impairment.jitter.mul_f64(self.chance.share());
        if self.chance.is(self.impairment.reorder_percent) {
            arrival += self.impairment.reorder_delay;
        }
        self.taken += 1;
        self.held
            .push(Reverse((arrival, self.taken, datagram.to_vec())));
    }

    /// When the last bit has left the link; `None` if its queue is full.
    fn through_link(&mut self, bytes: usize, now: Instant) -> Option<Instant> {
        let Some(rate) = self.rate_bps else {
            return Some(now);
        };
        let begin = self.link_free.map_or(now, |free| free.max(now));
        let bits = (bytes + HEADERS) as u64 * 8;
        let end = begin + Duration::from_nanos(bits * 1_000_000_000 / rate);
        if end - now > QUEUE_MAX {
            return None;
        }
        self.link_free = Some(end);
        Some(end)
    }

    /// The next datagram that has arrived.
    pub(crate) fn give(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.due()? > now {
            return None;
        }
        self.held.pop().map(|Reverse((_, _, datagram))| datagram)
    }

    /// When the next datagram arrives.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.held.peek().map(|Reverse((arrival, _, _))| *arrival)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    const MS: Duration = Duration::from_millis(1);

    /// The times, in milliseconds, at which a datagram each millisecond comes out, with their numbers.
    fn through(impairment: &Impairment, count: u32, bytes: usize) -> (Vec<(u128, u32)>, u64) {
        let start = clock::now();
        let mut shim = Shim::new(impairment, 0).unwrap();
        let mut out = Vec::new();
        for at in 0..count + 10_000 {
            let now = start + MS * at;
            if at < count {
                let mut datagram = at.to_be_bytes().to_vec();
                datagram.resize(bytes, 0);
                shim.take(&datagram, now);
            }
            while let Some(datagram) = shim.give(now) {
                let number = u32::from_be_bytes(datagram[..4].try_into().unwrap());
                out.push(((now - start).as_millis(), number));
            }
        }
        assert_eq!(shim.due(), None);
        (out, shim.dropped)
    }

    #[test]
    fn a_good_network_is_no_shim() {
        assert!(Shim::new(&Impairment::default(), 3).is_none());
    }

    #[test]
    fn a_share_is_lost_and_the_seed_says_which() {
        let lossy = |seed| Impairment {
            loss_percent: 5.0,
            seed,
            ..Impairment::default()
        };
        let (out, dropped) = through(&lossy(1), 10_000, 4);
        assert!((400..600).contains(&dropped), "{dropped}");
        assert_eq!(out.len() as u64 + dropped, 10_000);
        assert_eq!(through(&lossy(1), 10_000, 4).0, out);
        assert_ne!(through(&lossy(2), 10_000, 4).0, out);
    }

    #[test]
    fn delay_keeps_the_order_and_jitter_does_not() {
        let mut impairment = Impairment {
            delay: 20 * MS,
            ..Impairment::default()
        };
        let (out, _) = through(&impairment, 100, 4);
        assert!(
            out.iter()
                .all(|(at, number)| *at == u128::from(number + 20))
        );
        impairment.jitter = 10 * MS;
        let (out, _) = through(&impairment, 100, 4);
        assert!(!out.is_sorted_by_key(|(_, number)| *number));
        let late = |(at, number): &(u128, u32)| (20..=31).contains(&(at - u128::from(*number)));
        assert!(out.iter().all(late), "{out:?}");
    }

    #[test]
    fn a_narrow_link_passes_its_rate_and_drops_what_its_queue_does_not_hold() {
        // 1,250 bytes each millisecond are 10 Mbit/s, ten times what passes.
        let impairment = Impairment {
            rates_kbps: vec![1_000],
            ..Impairment::default()
        };
        let (out, dropped) = through(&impairment, 2_000, 1_250 - HEADERS);
        // Two seconds and a queue of 200 ms at a packet in 10 ms.
        assert!((215..=221).contains(&out.len()), "{}", out.len());
        assert_eq!(out.len() as u64 + dropped, 2_000);
        assert!(out.is_sorted());
        assert!(
            out.iter()
                .all(|(at, number)| at - u128::from(*number) <= 201)
        );
    }

    #[test]
    fn rates_go_around_the_viewers() {
        let impairment = Impairment {
            rates_kbps: vec![300, 0],
            ..Impairment::default()
        };
        let rate = |viewer| Shim::new(&impairment, viewer).unwrap().rate_bps;
        assert_eq!(
            (rate(0), rate(1), rate(2)),
            (Some(300_000), None, Some(300_000))
        );
    }
}
