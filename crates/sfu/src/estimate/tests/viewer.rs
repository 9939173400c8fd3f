//! A viewer and what serves it: three layers of video and audio, chosen by the allocation, reported on by the peer.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::super::{Estimator, Probe};
use super::link::{Carried, Link, Random};
use crate::allocate::{Choice, Demand, allocate};
use crate::arrival::Arrival;

pub(super) const LAYERS: [u64; 3] = [150_000, 500_000, 1_700_000];
pub(super) const AUDIO_BPS: u64 = 64_000;
pub(super) const START_BPS: u64 = 300_000;
/// From asking for another layer to its key frame.
const SWITCH_US: i64 = 150_000;
const KEY_FRAME_US: i64 = 4_000_000;
/// How much larger a key frame is than another picture.
const KEY_FRAME_FACTOR: f64 = 5.0;
/// Most packets that are sent again for one feedback.
const RETRANSMITTED_MAX: usize = 20;
/// The receiver's clock wraps soon after the beginning.
const CLOCK_US: i64 = (1 << 24) * 64_000 - 3_000_000;

/// What is remembered of each packet for the receiver's report and for measuring.
#[derive(Clone, Copy)]
struct Sent {
    bytes: usize,
    is_audio: bool,
    is_first: bool,
}

pub(super) struct Viewer {
    flow: usize,
    /// Bits per second of the layers.
    layers: [u64; 3],
    /// Whether the encoder of the publisher has just begun and is not steady.
    pub(super) is_unsteady: bool,
    pub(super) estimator: Estimator,
    random: Random,
    epoch: Instant,
    sequence: u16,
    sent: BTreeMap<u64, Sent>,
    sent_count: u64,
    /// What is being sent; `None` while paused.
    pub(super) layer: Option<usize>,
    switch: Option<(i64, Option<usize>)>,
    is_paused: bool,
    next_frame_us: i64,
    next_key_us: i64,
    next_audio_us: i64,
    next_tick_us: i64,
    next_report_us: i64,
    probe: Option<(Probe, usize, i64)>,
    arrived: Vec<(u64, i64)>,
    reported: u64,
    reports: VecDeque<(i64, Vec<Arrival>)>,
    pub(super) log: Log,
    pub(super) has_feedback: bool,
    unreported: (u32, u32),
}

/// What is looked at in the end.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    /// Each change of the layer: when, to what.
    pub(super) layers: Vec<(i64, Option<usize>)>,
    pub(super) audio_sent: u32,
    pub(super) audio_arrived: u32,
    pub(super) arrived_bytes: u64,
    /// Video that arrived for the first time: when, and bytes.
    pub(super) video: Vec<(i64, usize)>,
    pub(super) probes: u32,
}

impl Log {
    pub(super) fn video_bits_before(&self, us: i64) -> u64 {
        let before = self.video.iter().filter(|(at, _)| *at < us);
        before.map(|(_, bytes)| *bytes as u64 * 8).sum()
    }
}

impl Viewer {
    pub(super) fn new(flow: usize, epoch: Instant, begins_us: i64, seed: u64) -> Self {
        Self::of(flow, epoch, begins_us, seed, (LAYERS, START_BPS))
    }

    /// Of a publisher with these layers, and with that as the first assumption.
    pub(super) fn of(
        flow: usize,
        epoch: Instant,
        begins_us: i64,
        seed: u64,
        (layers, start_bps): ([u64; 3], u64),
    ) -> Self {
        let begins = epoch + Duration::from_micros(begins_us as u64);
        Self {
            flow,
            layers,
            is_unsteady: false,
            estimator: Estimator::new(start_bps, begins),
            random: Random(seed * 7 + flow as u64),
            epoch,
            sequence: 65_000,
            sent: BTreeMap::new(),
            sent_count: 65_000,
            layer: None,
            switch: None,
            is_paused: false,
            next_frame_us: begins_us,
            next_key_us: 0,
            next_audio_us: begins_us,
            next_tick_us: begins_us,
            next_report_us: begins_us,
            probe: None,
            arrived: Vec::new(),
            reported: 65_000,
            reports: VecDeque::new(),
            log: Log::default(),
            has_feedback: true,
            unreported: (0, 0),
        }
    }

    fn at(&self, us: i64) -> Instant {
        self.epoch + Duration::from_micros(us as u64)
    }

    /// Lets the sender and the receiver act at that millisecond.
    pub(super) fn act(&mut self, link: &mut Link, now_us: i64) {
        while self.reports.front().is_some_and(|(at, _)| *at <= now_us) {
            let (_, arrivals) = self.reports.pop_front().unwrap();
            self.read(&arrivals, link, now_us);
        }
        if now_us >= self.next_tick_us {
            self.next_tick_us += 100_000;
            self.estimator.handle_timeout(self.at(now_us));
            self.choose(now_us);
        }
        if let Some((at, layer)) = self.switch
            && now_us >= at
        {
            self.switch = None;
            self.layer = layer;
            self.next_key_us = now_us;
            self.log.layers.push((now_us, layer));
        }
        if now_us >= self.next_audio_us {
            self.next_audio_us += 20_000;
            self.send(link, AUDIO_BPS as usize / 8 / 50, true, true, now_us);
            self.log.audio_sent += 1;
        }
        if now_us >= self.next_frame_us {
            self.next_frame_us += 33_333;
            self.send_picture(link, now_us);
        }
        self.send_probe(link, now_us);
        if now_us >= self.next_report_us {
            self.next_report_us += 50_000 + (self.random.share() * 50_000.0) as i64;
            self.write_report(link, now_us);
        }
    }

    pub(super) fn arrive(&mut self, packet: Carried) {
        // The number without wraps, nearest below what was sent last.
        let behind = u64::from((self.sent_count as u16).wrapping_sub(packet.sequence));
        let number = self.sent_count - behind;
        self.arrived.push((number, packet.arrives_us));
        if let Some(sent) = self.sent.get(&number) {
            self.log.audio_arrived += u32::from(sent.is_audio && sent.is_first);
            self.log.arrived_bytes += sent.bytes as u64;
            if sent.is_first && !sent.is_audio {
                self.log.video.push((packet.arrives_us, sent.bytes));
            }
        }
    }

    fn read(&mut self, arrivals: &[Arrival], link: &mut Link, now_us: i64) {
        let now = self.at(now_us);
        if self.has_feedback {
            self.estimator.feedback(arrivals.iter().copied(), now);
        } else {
            // A receiver report each second.
            let lost = arrivals.iter().filter(|arrival| arrival.received.is_none());
            self.unreported.0 += lost.count() as u32;
            self.unreported.1 += arrivals.len() as u32;
            if self.unreported.1 >= 150 {
                let (lost, all) = std::mem::take(&mut self.unreported);
                let trip = Some(Duration::from_millis(40));
                self.estimator.report((lost * 255 / all) as u8, trip, now);
            }
        }
        self.choose(now_us);
        // What is lost is sent again once, within a bound.
        let lost = arrivals.iter().filter(|arrival| arrival.received.is_none());
        for arrival in lost.take(RETRANSMITTED_MAX) {
            let behind = u64::from((self.sent_count as u16).wrapping_sub(arrival.sequence));
            let sent = self.sent.get(&(self.sent_count - behind)).copied();
            if let Some(sent) = sent.filter(|sent| sent.is_first && !sent.is_audio) {
                self.send(link, sent.bytes, false, false, now_us);
            }
        }
    }

    fn choose(&mut self, now_us: i64) {
        let current = self.switch.map_or(self.layer, |(_, layer)| layer);
        let layers = self.layers_at(now_us);
        let demand = Demand {
            priority: 0,
            layers: &layers,
            current,
            wanted: None,
            is_paused: self.is_paused,
        };
        let mut out = Vec::new();
        // What arrives of the lowest layer is not taken away.
        let lowest = layers[0] + AUDIO_BPS;
        let delivered = self.estimator.delivered_bps().min(lowest);
        let proven = if self.is_paused { 0 } else { delivered };
        let kept = current.map_or(0, |layer| layers[layer] + AUDIO_BPS);
        let budget = self.estimator.budget_bps(kept).max(proven);
        let next = allocate(budget, AUDIO_BPS, &[demand], &mut out);
        let spent = match out[0] {
            Choice::Paused => 0,
            Choice::Layer(layer) => layers[layer] + AUDIO_BPS,
        };
        self.estimator
            .want_probe(next.unwrap_or(0).max(spent), self.at(now_us));
        let choice = match out[0] {
            Choice::Paused => None,
            Choice::Layer(layer) => Some(layer),
        };
        self.is_paused = choice.is_none();
        if choice != current {
            let at = if choice.is_none() {
                now_us
            } else {
                now_us + SWITCH_US
            };
            self.switch = Some((at, choice));
        }
        if self.probe.is_none()
            && let Some(probe) = self.estimator.poll_probe(self.at(now_us))
        {
            self.log.probes += 1;
            self.probe = Some((probe, 0, now_us));
        }
    }

    /// Bits per second of the layers: an encoder that begins gets faster for four seconds, and then by a sixth up and down.
    fn layers_at(&self, now_us: i64) -> [u64; 3] {
        if !self.is_unsteady {
            return self.layers;
        }
        let seconds = now_us as f64 / 1_000_000.0;
        let part = (0.3 + 0.2 * seconds).min(1.0) + 0.16 * (seconds * 2.0).sin();
        self.layers.map(|bps| (bps as f64 * part) as u64)
    }

    fn send_picture(&mut self, link: &mut Link, now_us: i64) {
        let Some(layer) = self.layer else {
            return;
        };
        let mean = self.layers_at(now_us)[layer] as f64 / 8.0 / 30.0;
        // Key frames are part of the layer's bitrate.
        let usual = mean * 120.0 / (119.0 + KEY_FRAME_FACTOR);
        let mut bytes = (usual * (0.8 + 0.4 * self.random.share())) as usize;
        if now_us >= self.next_key_us {
            self.next_key_us = now_us + KEY_FRAME_US;
            bytes = (usual * KEY_FRAME_FACTOR) as usize;
        }
        while bytes > 0 {
            let packet = bytes.min(1_150);
            bytes -= packet;
            self.send(link, packet, false, true, now_us);
        }
    }

    /// Sends what is due of a probe, in steps of 5 ms as a worker's timer has them.
    fn send_probe(&mut self, link: &mut Link, now_us: i64) {
        let Some((probe, _, begun_us)) = self.probe else {
            return;
        };
        if !self.estimator.wants_more(probe.cluster) {
            self.probe = None;
            return;
        }
        if (now_us - begun_us) % 5_000 != 0 {
            return;
        }
        let packet = (probe.bytes / 5).clamp(200, 300);
        let due = probe.bps as f64 * (now_us - begun_us + 5_000) as f64 / 8_000_000.0;
        while self
            .probe
            .is_some_and(|(_, sent, _)| (sent as f64) < due.min(probe.bytes as f64))
        {
            self.send(link, packet, false, false, now_us);
        }
        self.probe = self.probe.filter(|(_, sent, _)| *sent < probe.bytes);
    }

    fn send(&mut self, link: &mut Link, bytes: usize, is_audio: bool, is_first: bool, now_us: i64) {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        let sent = Sent {
            bytes,
            is_audio,
            is_first,
        };
        self.sent.insert(self.sent_count, sent);
        self.sent_count += 1;
        if self.sent.len() > 20_000 {
            self.sent.pop_first();
        }
        let cluster = self.probe.map(|(probe, _, _)| probe.cluster);
        let now = self.at(now_us);
        self.estimator.sent(sequence, bytes, now, cluster);
        if let Some((_, sent, _)) = &mut self.probe {
            *sent += bytes;
        }
        link.send(self.flow, sequence, bytes);
    }

    /// Transport-wide feedback from the first packet that is not reported, or that came late, up to the newest.
    fn write_report(&mut self, link: &mut Link, now_us: i64) {
        let Some(newest) = self.arrived.iter().map(|(number, _)| *number).max() else {
            return;
        };
        let oldest = self.arrived.iter().map(|(number, _)| *number).min();
        let begin = self.reported.min(oldest.unwrap_or(newest));
        let by_number: BTreeMap<_, _> = self.arrived.drain(..).collect();
        let arrivals = (begin..=newest).map(|number| Arrival {
            sequence: number as u16,
            received: by_number
                .get(&number)
                .map(|us| (us + CLOCK_US) % ((1 << 24) * 64_000)),
        });
        let arrivals: Vec<_> = arrivals.collect();
        self.reported = self.reported.max(newest + 1);
        if link.random.share() >= link.weather.loss {
            let delay = link.weather.delay_ms as i64 * 1_000;
            self.reports.push_back((now_us + delay, arrivals));
        }
    }
}
