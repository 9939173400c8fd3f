//! One probe: what was sent of it, what arrived, and what that says.

use std::num::NonZeroU8;

/// Fewest packets that must have arrived, and the part of the bytes.
const ARRIVED_MIN: u32 = 4;
const ARRIVED: f64 = 0.8;
/// An arrival rate below this part of the sending rate is the link's own, of which a part is used.
const UNSATURATED: f64 = 0.9;
const UTILISED: f64 = 0.95;
/// An arrival rate beyond this factor of the sending rate is no measurement.
const CREDIBLE: f64 = 2.0;
/// How long a probe's result is waited for, in microseconds.
const WAIT_US: i64 = 1_000_000;
/// How much longer the last packets of a probe may be under way by chance, in microseconds: of a sustained one, and of a short one.
const CHANCE_US: f64 = 10_000.0;
const EVEN_US: f64 = 7_000.0;
/// The part of its bytes that has to arrive, of those that the link does not lose anyway.
const SUSTAINED_ARRIVED: f64 = 0.65;
/// A sustained probe ends when its packets wait this much longer than its first ones, in microseconds.
const WAITS_US: f64 = 25_000.0;
/// So many packets have to have arrived before, and the weight of the newest one.
const WAITS_PACKETS: u32 = 8;
const WAITS_WEIGHT: f64 = 0.25;
/// Packets that wait no longer than this beyond the first ones passed the bucket, in microseconds.
const PASSED_US: f64 = 10_000.0;

/// Names a probe; its packets carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProbeCluster(pub(super) NonZeroU8);

/// The probe that is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cluster {
    pub(super) id: ProbeCluster,
    pub(super) aim: f64,
    pub(super) bytes: f64,
    begun_us: i64,
    pub(super) sent: f64,
    sent_last_us: i64,
    /// Of a sustained one, what the link is known to bear, bits per second.
    pub(super) known: Option<f64>,
    /// Packets have begun to wait, and no more are to be sent.
    pub(super) is_over: bool,
    measured: Option<Measured>,
}

/// What has arrived of it; times in microseconds, of sending on our clock and of arrival on the peer's.
#[derive(Clone, Copy, Debug)]
struct Measured {
    packets: u32,
    bytes: f64,
    sent_first: i64,
    sent_last: i64,
    sent_last_bytes: f64,
    arrived_first: i64,
    arrived_first_bytes: f64,
    arrived_last: i64,
    /// Of the first quarter.
    first: Mean,
    /// How long a packet is under way, give or take a constant.
    smoothed: f64,
    /// When the last packet was sent that did not wait.
    passed_us: i64,
}

/// Means over some packets.
#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    count: f64,
    /// When they were sent, microseconds since the probe began.
    sent: f64,
    /// How long they were under way, give or take a constant.
    took: f64,
}

impl Cluster {
    /// One that is to be sent from now on. Of a sustained one, `known` is what the link is known to bear, bits per second.
    pub(super) fn new(
        id: ProbeCluster,
        (aim, bytes, known): (f64, f64, Option<f64>),
        now_us: i64,
    ) -> Self {
        Self {
            id,
            aim,
            // The caller sends whole bytes.
            bytes: bytes.floor(),
            begun_us: now_us,
            sent: 0.0,
            sent_last_us: now_us,
            known,
            is_over: false,
            measured: None,
        }
    }

    /// Notes a packet of it that is sent now.
    pub(super) fn sent(&mut self, bytes: f64, now_us: i64) {
        self.sent += bytes;
        self.sent_last_us = now_us;
    }

    /// Whether all of it has been sent, and packets from then were reported on.
    pub(super) fn is_complete(&self, reported_us: i64) -> bool {
        self.sent >= self.bytes && reported_us >= self.sent_last_us
    }

    /// Takes a packet of it that has arrived.
    pub(super) fn arrived(&mut self, bytes: f64, sent: i64, arrived: i64) {
        let so_far = self
            .measured
            .get_or_insert_with(|| Measured::new(bytes, sent, arrived));
        so_far.packets = so_far.packets.saturating_add(1);
        so_far.bytes += bytes;
        so_far.sent_first = so_far.sent_first.min(sent);
        if sent >= so_far.sent_last {
            so_far.sent_last = sent;
            so_far.sent_last_bytes = bytes;
        }
        if arrived < so_far.arrived_first {
            so_far.arrived_first = arrived;
            so_far.arrived_first_bytes = bytes;
        }
        so_far.arrived_last = so_far.arrived_last.max(arrived);
        let place = so_far.bytes / self.bytes.max(1.0);
        so_far.took(float(arrived - sent), place, (sent, self.begun_us));
        if self.known.is_some()
            && so_far.packets >= WAITS_PACKETS
            && so_far.smoothed - so_far.first.took > WAITS_US
        {
            self.is_over = true;
            self.bytes = self.bytes.min(self.sent);
        }
    }

    /// How long it takes to be sent.
    #[expect(clippy::cast_possible_truncation, reason = "a second at most")]
    fn length_us(&self) -> i64 {
        (self.bytes * 8_000_000.0 / self.aim.max(1.0)) as i64
    }

    /// When it is given up.
    pub(super) fn expires_us(&self) -> i64 {
        self.begun_us + WAIT_US + self.length_us()
    }

    /// The rate that gets through when a bucket is empty, at most the one it aimed at: by how much longer the last packets were
    /// under way than the first ones. `None` if packets waited for long or too little arrived to tell.
    pub(super) fn sustained_rate(&self, loss: f64) -> Option<f64> {
        let measured = self.measured?;
        if self.is_over || !self.is_told(loss) {
            return None;
        }
        let first = measured.first;
        let span = (float(measured.sent_last - self.begun_us) - first.sent).max(1.0);
        let longer = (measured.smoothed - first.took - CHANCE_US).max(0.0);
        Some(self.aim * span / (span + longer))
    }

    /// What it aimed at, if its last packets were not under way for longer than the first ones. Jitter and loss blur the rate of
    /// few packets; a sustained probe decides.
    pub(super) fn even_rate(&self, loss: f64) -> Option<f64> {
        let measured = self.measured?;
        let is_even = measured.smoothed - measured.first.took <= EVEN_US;
        (is_even && self.is_told(loss)).then_some(self.aim)
    }

    /// Whether enough arrived to tell, of what the link does not lose anyway.
    fn is_told(&self, loss: f64) -> bool {
        self.measured.is_some_and(|measured| {
            let arrived = measured.bytes / (self.bytes * (1.0 - loss).max(0.1));
            let until = float(measured.sent_last - self.begun_us);
            let is_spread = until >= float(self.sent_last_us - self.begun_us) * 0.75;
            // Where much is lost, feedback is, too.
            let least = (SUSTAINED_ARRIVED - loss).max(0.4);
            is_spread && measured.packets >= ARRIVED_MIN && arrived >= least
        })
    }

    /// What passed beyond what is known to be borne before packets began to wait, in bytes.
    pub(super) fn emptied(&self, known: f64) -> f64 {
        let passed = self.measured.map_or(0, |of| of.passed_us - self.begun_us);
        (self.aim - known).max(0.0) / 8.0 * seconds(passed)
    }

    /// The rate at which it got through, at most the one it aimed at; `None` if too little arrived to tell.
    pub(super) fn rate(&self) -> Option<f64> {
        let measured = self.measured?;
        if measured.packets < ARRIVED_MIN || measured.bytes < self.bytes * ARRIVED {
            return None;
        }
        // The last packet sent and the first one to arrive are outside of the intervals.
        let sent = measured.sent_last - measured.sent_first;
        let sent_bps = per_second(measured.bytes - measured.sent_last_bytes, sent);
        let took = measured.arrived_last - measured.arrived_first;
        let arrived_bps = per_second(measured.bytes - measured.arrived_first_bytes, took)?;
        if took > WAIT_US || sent_bps.is_some_and(|sent_bps| arrived_bps > sent_bps * CREDIBLE) {
            return None;
        }
        // Media can make it faster than it was to be; the aim is what counts.
        let sent_bps = sent_bps.map_or(self.aim, |sent_bps| sent_bps.min(self.aim));
        if arrived_bps < sent_bps * UNSATURATED {
            return Some(arrived_bps * UTILISED);
        }
        Some(arrived_bps.min(sent_bps))
    }
}

impl Measured {
    fn new(bytes: f64, sent: i64, arrived: i64) -> Self {
        Self {
            packets: 0,
            bytes: 0.0,
            sent_first: sent,
            sent_last: sent,
            sent_last_bytes: bytes,
            arrived_first: arrived,
            arrived_first_bytes: bytes,
            arrived_last: arrived,
            first: Mean::default(),
            smoothed: float(arrived - sent),
            passed_us: sent,
        }
    }

    /// Takes how long a packet was under way that is at that place of the probe, from 0 to 1.
    fn took(&mut self, us: f64, place: f64, (sent, begun): (i64, i64)) {
        if place <= 0.25 || self.first.count == 0.0 {
            self.first.add(float(sent - begun), us);
        }
        self.smoothed += WAITS_WEIGHT * (us - self.smoothed);
        if self.smoothed - self.first.took <= PASSED_US {
            self.passed_us = self.passed_us.max(sent);
        }
    }
}

impl Mean {
    fn add(&mut self, sent: f64, took: f64) {
        self.count += 1.0;
        self.sent += (sent - self.sent) / self.count;
        self.took += (took - self.took) / self.count;
    }
}

#[expect(clippy::cast_precision_loss, reason = "a short time")]
fn float(us: i64) -> f64 {
    us as f64
}

/// Microseconds in seconds.
pub(super) fn seconds(us: i64) -> f64 {
    float(us) / 1_000_000.0
}

#[expect(clippy::cast_precision_loss, reason = "a short time")]
fn per_second(bytes: f64, us: i64) -> Option<f64> {
    (us > 0).then(|| bytes * 8_000_000.0 / us as f64)
}
