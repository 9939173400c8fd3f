//! What a way does to datagrams, the same for the same seed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What a way is like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// Bits per second; `None` for no limit.
    pub(crate) bps: Option<u64>,
    /// What waits longer than this for its turn is dropped.
    pub(crate) queue: Duration,
    pub(crate) delay: Duration,
    /// Most that is added to the delay; nothing overtakes.
    pub(crate) jitter: Duration,
    /// Lost, in a hundred.
    pub(crate) loss: u64,
    /// Delayed by up to 30 ms more, so that others overtake, in a hundred.
    pub(crate) late: u64,
}

impl Weather {
    /// A good way of 20 ms.
    pub(crate) const FINE: Self = Self {
        bps: None,
        queue: Duration::from_millis(250),
        delay: Duration::from_millis(20),
        jitter: Duration::ZERO,
        loss: 0,
        late: 0,
    };
}

/// One direction of a way.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) weather: Weather,
    dice: u64,
    /// When the last datagram in the queue has left it.
    free: Option<Instant>,
    newest: Option<Instant>,
    count: u64,
    under_way: BTreeMap<(Instant, u64), Vec<u8>>,
}

impl Link {
    pub(crate) fn new(weather: Weather, seed: u64) -> Self {
        Self {
            weather,
            dice: seed,
            free: None,
            newest: None,
            count: 0,
            under_way: BTreeMap::new(),
        }
    }

    /// SplitMix64.
    fn roll(&mut self, sides: u64) -> u64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.dice;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides.max(1)
    }

    fn roll_time(&mut self, most: Duration) -> Duration {
        let micros = u64::try_from(most.as_micros()).unwrap();
        Duration::from_micros(self.roll(micros + 1))
    }

    pub(crate) fn push(&mut self, contents: &[u8], now: Instant) {
        let weather = self.weather;
        let mut left = now;
        if let Some(bps) = weather.bps {
            let begins = self.free.unwrap_or(now).max(now);
            if begins - now > weather.queue {
                return;
            }
            // IPv4 and UDP are paid for too.
            let bits = (contents.len() as u64 + 28) * 8;
            left = begins + Duration::from_nanos(bits * 1_000_000_000 / bps.max(1));
            self.free = Some(left);
        }
        if self.roll(100) < weather.loss {
            return;
        }
        let mut arrives = left + weather.delay + self.roll_time(weather.jitter);
        if self.roll(100) < weather.late {
            arrives += self.roll_time(Duration::from_millis(30));
        } else {
            arrives = self.newest.map_or(arrives, |newest| newest.max(arrives));
            self.newest = Some(arrives);
        }
        self.count += 1;
        self.under_way
            .insert((arrives, self.count), contents.to_vec());
    }

    /// When the next datagram arrives.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.under_way.keys().next().map(|(at, _)| *at)
    }

    /// What has arrived.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.due().filter(|at| *at <= now)?;
        self.under_way.pop_first().map(|(_, contents)| contents)
    }
}
