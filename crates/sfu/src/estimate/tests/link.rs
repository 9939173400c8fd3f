//! A simulated bottleneck: one queue that several flows share.
//!
//! The published emulator of str0m's family does not fit: it counts what is already under way as queued, draws jitter before
//! its queue, which shrinks the capacity, and reads the clock.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// How the link is at the moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weather {
    pub(super) bps: u64,
    /// What the queue holds, as time at that rate.
    pub(super) queue_ms: u64,
    /// What passes at once after a pause, as token buckets let it.
    pub(super) bucket_bytes: u64,
    /// What each packet takes beyond its own bytes.
    pub(super) header_bytes: usize,
    pub(super) delay_ms: u64,
    /// Most that is added at random behind the queue.
    pub(super) jitter_ms: u64,
    /// Share that is lost behind the queue.
    pub(super) loss: f64,
    /// Share that comes 15 ms later, and so is overtaken.
    pub(super) late: f64,
}

impl Weather {
    pub(super) const fn rate(bps: u64) -> Self {
        Self {
            bps,
            queue_ms: 300,
            bucket_bytes: 0,
            header_bytes: 0,
            delay_ms: 20,
            jitter_ms: 0,
            loss: 0.0,
            late: 0.0,
        }
    }

    /// A shaper as home routers and carriers have them: Ethernet, IP and UDP headers are counted, and no more waits than 200 ms.
    pub(super) const fn bucket(bps: u64, bucket_bytes: u64) -> Self {
        Self {
            queue_ms: 200,
            bucket_bytes,
            header_bytes: 42,
            ..Self::rate(bps)
        }
    }
}

/// A packet of one of the flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Carried {
    pub(super) arrives_us: i64,
    pub(super) flow: usize,
    pub(super) sequence: u16,
}

pub(super) struct Link {
    pub(super) weather: Weather,
    pub(super) random: Random,
    queue: VecDeque<(Carried, u64)>,
    queued_bits: u64,
    /// Bits that may be sent at once, in millionths.
    tokens: u64,
    under_way: BinaryHeap<Reverse<Carried>>,
}

impl Link {
    pub(super) fn new(weather: Weather, seed: u64) -> Self {
        Self {
            weather,
            random: Random(seed),
            queue: VecDeque::new(),
            queued_bits: 0,
            tokens: 0,
            under_way: BinaryHeap::new(),
        }
    }

    /// How long a packet that is sent now waits.
    pub(super) fn queue_ms(&self) -> u64 {
        self.queued_bits * 1_000 / self.weather.bps.max(1)
    }

    pub(super) fn send(&mut self, flow: usize, sequence: u16, bytes: usize) {
        let bits = (bytes + self.weather.header_bytes) as u64 * 8;
        if self.queued_bits + bits > self.weather.bps * self.weather.queue_ms / 1_000 {
            return;
        }
        self.queued_bits += bits;
        let packet = Carried {
            arrives_us: 0,
            flow,
            sequence,
        };
        self.queue.push_back((packet, bits));
    }

    /// Lets one millisecond pass, up to that time.
    pub(super) fn pass(&mut self, now_us: i64) {
        // In millionths of bits, so that nothing is lost by rounding.
        let new = self.weather.bps * 1_000;
        let mut left = self.tokens + new;
        while let Some((packet, bits)) = self.queue.front().copied() {
            if bits * 1_000_000 > left {
                break;
            }
            left -= bits * 1_000_000;
            self.queued_bits -= bits;
            self.queue.pop_front();
            if self.random.share() < self.weather.loss {
                continue;
            }
            let done_us = now_us - (left.min(new) / self.weather.bps.max(1)) as i64;
            let jitter = self.random.share() * self.weather.jitter_ms as f64 * 1_000.0;
            let is_late = self.random.share() < self.weather.late;
            let late_us = if is_late { 15_000 } else { 0 };
            let arrives_us =
                done_us + self.weather.delay_ms as i64 * 1_000 + jitter as i64 + late_us;
            self.under_way.push(Reverse(Carried {
                arrives_us,
                ..packet
            }));
        }
        // A packet that waits is served as it is without a bucket.
        self.tokens = if self.queue.is_empty() {
            left.min(self.weather.bucket_bytes * 8_000_000)
        } else {
            left
        };
    }

    /// A packet that has arrived by then.
    pub(super) fn arrived(&mut self, now_us: i64) -> Option<Carried> {
        let Reverse(first) = self.under_way.peek()?;
        if first.arrives_us > now_us {
            return None;
        }
        self.under_way.pop().map(|Reverse(packet)| packet)
    }
}

/// Numbers that look random (splitmix64) and are the same each time.
#[derive(Clone, Debug)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below 1.
    pub(super) fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
