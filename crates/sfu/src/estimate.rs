//! How much one viewer's link bears, estimated by the sender.
//!
//! After draft-ietf-rmcat-gcc-02 and what libwebrtc publishes beyond it: the least of a rate that delay allows ([`Rate`], led by
//! the slope of delays between groups of packets, [`Trendline`]), a bound by loss ([`Loss`]) and the receiver's own estimate
//! (REMB), if it sends one. Probes find more before more is needed ([`Probes`]).
//!
//! Little that is sent says little about the link: it raises the estimate to one and a half times what arrives at most, and
//! over-use beside it does not lower the estimate to what happens to be sent.
//!
//! A peer without transport-wide feedback is estimated by the loss in its receiver reports: without delays there is nothing to
//! measure a probe by, so the estimate grows slowly up to what is wanted.
//!
//! What is absent: pacing, and the bytes of probes; the caller sends both. Time is an argument.

mod bucket;
mod cluster;
mod delay;
mod history;
mod loss;
mod probe;
mod rate;
mod throughput;
mod trendline;

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use self::delay::{Groups, PeerClock};
use self::history::History;
use self::loss::Loss;
use self::probe::{Conditions, Probes};
use self::rate::{Flow, Rate};
use self::throughput::Throughput;
use self::trendline::{Trendline, Usage};
use crate::arrival::Arrival;

pub(crate) use self::probe::{Probe, ProbeCluster};

/// No estimate is lower, bits per second: an audio stream fits.
const BPS_MIN: f64 = 50_000.0;
/// No estimate is higher, bits per second: a dozen videos of the highest bitrate with retransmissions fit.
const BPS_MAX: f64 = 50_000_000.0;
/// How long the receiver's estimate holds; it repeats it about once a second.
const REMB_TTL_US: i64 = 10_000_000;
/// For how long a peer with transport-wide feedback may be silent while packets are under way, in microseconds, and three round
/// trips beside. Feedback comes each 50 to 250 ms.
const SILENT_US: i64 = 1_000_000;
/// The same for peers with receiver reports alone, which come each second or more seldom (RFC 3550 section 6.2).
const SILENT_US_REPORTS: i64 = 10_000_000;
/// What remains of the estimate then, and how often that is taken off, in microseconds.
const SILENT_PART: f64 = 0.8;
const SILENT_STEP_US: i64 = 500_000;
/// When nothing was sent for this long, in microseconds, what was seen before says nothing about the link any more: a viewer
/// whose videos are all paused would never be probed again.
const IDLE_US: i64 = 1_500_000;
/// Latest time, in microseconds since the beginning: so late that it never comes, and times can be added without overflow.
const US_MAX: i64 = i64::MAX / 4;
/// Growth of the estimate by receiver reports alone, in a second: after little loss, and after some. A report speaks for this
/// long at most, in microseconds (RFC 3550 section 6.2: five seconds between two), and those that follow sooner are one.
const GROWTH_BY_REPORTS: f64 = 1.08;
const GROWTH_BY_REPORTS_SLOW: f64 = 1.02;
const REPORT_US_MAX: i64 = 5_000_000;
const REPORT_US_MIN: i64 = 100_000;
/// A round trip that is longer than the shortest by this, and by as much as that takes, in microseconds, is taken for a queue.
const QUEUE_US: f64 = 50_000.0;
/// By how much the shortest round trip grows with each report, so that a way that has got longer is believed in the end.
const SHORTEST_GROWTH: f64 = 1.02;
/// Weight of the newest round trip (RFC 6298 section 2).
const ROUND_TRIP_WEIGHT: f64 = 0.125;
/// How much more than the estimate is kept while no queue grows, in percent of it: an encoder's bitrate moves by about as much.
const KEPT_PERCENT: u64 = 130;
/// For how long after the estimate was lowered nothing is, in microseconds.
const CALM_US: i64 = 3_000_000;
/// What is taken for the round trip before it is known, in microseconds.
const ROUND_TRIP_US: i64 = 100_000;

/// A receiver report.
#[derive(Clone, Copy, Debug)]
struct Reported {
    at_us: i64,
    /// For how long it speaks.
    since_us: i64,
    /// The greatest share that is lost of any stream.
    share: f64,
}

/// Estimates one link.
#[derive(Debug)]
pub(crate) struct Estimator {
    epoch: Instant,
    /// The latest time that was given, in microseconds since the epoch; time does not go back.
    now_us: i64,
    history: History,
    clock: PeerClock,
    groups: Groups,
    trend: Trendline,
    rate: Rate,
    loss: Loss,
    probes: Probes,
    /// What is sent.
    offered: Throughput,
    /// What arrives.
    acknowledged: Throughput,
    remb: Option<(f64, i64)>,
    round_trip_us: Option<f64>,
    /// Bytes that have been sent.
    sent_bytes: f64,
    /// From when on the estimate has not been lowered for long enough.
    calm_from_us: i64,
    /// What an upgrade would need, bits per second; 0 for none.
    wanted: f64,
    /// Since when packets are under way that nothing was heard of.
    waiting_us: Option<i64>,
    /// When something was sent last.
    sent_us: i64,
    /// The last receiver report that counted.
    reported: Option<Reported>,
    /// The shortest round trip that receiver reports have told, microseconds.
    shortest_us: Option<f64>,
    /// Whether feedback for single packets has come.
    has_feedback: bool,
}

impl Estimator {
    /// Begins with an assumption, in bits per second.
    pub(crate) fn new(start_bps: u64, now: Instant) -> Self {
        let start = rate::bounded(float(start_bps));
        Self {
            epoch: now,
            now_us: 0,
            history: History::default(),
            clock: PeerClock::default(),
            groups: Groups::default(),
            trend: Trendline::new(),
            rate: Rate::new(start),
            loss: Loss::default(),
            probes: Probes::new(start),
            offered: Throughput::default(),
            acknowledged: Throughput::default(),
            remb: None,
            round_trip_us: None,
            sent_bytes: 0.0,
            calm_from_us: 0,
            wanted: 0.0,
            waiting_us: None,
            sent_us: 0,
            reported: None,
            shortest_us: None,
            has_feedback: false,
        }
    }

    /// Notes a packet that is sent now. Transport-wide sequence numbers follow one another; for a peer without them the caller
    /// counts all the same.
    pub(crate) fn sent(
        &mut self,
        sequence: u16,
        bytes: usize,
        now: Instant,
        probe: Option<ProbeCluster>,
    ) {
        let now_us = self.pass(now);
        let counted = u16::try_from(bytes).unwrap_or(u16::MAX);
        self.history.sent(sequence, counted, probe, now_us);
        self.offered.add(now_us, counted);
        self.sent_bytes += f64::from(counted);
        if let Some(cluster) = probe {
            self.probes.sent(cluster, counted, now_us);
        }
        self.waiting_us.get_or_insert(now_us);
        self.sent_us = now_us;
    }

    /// Takes a transport-wide feedback. Numbers that are unknown, or known already, are ignored.
    pub(crate) fn feedback(&mut self, arrivals: impl Iterator<Item = Arrival>, now: Instant) {
        let now_us = self.pass(now);
        let mut newest: Option<i64> = None;
        let mut arrived: Option<i64> = None;
        for arrival in arrivals {
            let Some(packet) = self
                .history
                .settle(arrival.sequence, arrival.received.is_some())
            else {
                continue;
            };
            newest = newest.max(Some(packet.sent_us));
            let Some(received) = arrival.received else {
                // What a probe was too much for says nothing about the media.
                if packet.cluster.is_none() {
                    self.loss.lost();
                }
                continue;
            };
            if packet.cluster.is_none() {
                self.loss.arrived(packet.was_lost);
            }
            arrived = arrived.max(Some(packet.sent_us));
            let (received_us, has_jumped) = self.clock.read(received);
            if has_jumped {
                self.groups = Groups::default();
                self.trend.restart();
            }
            self.acknowledged.add(received_us, packet.bytes);
            if let Some(cluster) = packet.cluster {
                self.probes
                    .arrived(cluster, packet.bytes, packet.sent_us, received_us);
            }
            if let Some(variation) = self.groups.add(packet.sent_us, received_us) {
                self.trend.add(variation);
            }
        }
        let Some(newest) = newest else {
            return;
        };
        self.has_feedback = true;
        self.waiting_us = None;
        if let Some(sent_us) = arrived {
            self.note_round_trip(now_us - sent_us);
        }
        self.conclude(newest, now_us);
    }

    /// Takes a receiver report: the lost share in 1/256 (RFC 3550 section 6.4.1), and the round trip if it tells.
    pub(crate) fn report(&mut self, fraction_lost: u8, round_trip: Option<Duration>, now: Instant) {
        let now_us = self.pass(now);
        if let Some(round_trip) = round_trip {
            self.note_round_trip(i64::try_from(round_trip.as_micros()).unwrap_or(i64::MAX));
        }
        let share = f64::from(fraction_lost) / 256.0;
        let since_us = match self.reported {
            None => 0,
            // One datagram reports on each stream; the worst of them counts.
            Some(last) if last.at_us == now_us && share > last.share => last.since_us,
            Some(last) if now_us - last.at_us < REPORT_US_MIN => return,
            Some(last) => now_us - last.at_us,
        };
        self.reported = Some(Reported {
            at_us: now_us,
            since_us,
            share,
        });
        if self.has_feedback {
            return;
        }
        self.waiting_us = None;
        let is_queue = self.is_queue(round_trip);
        let bps = self.bps();
        let flow = Flow {
            offered: self.offered.bps(),
            acknowledged: None,
            peak: None,
            // It rises by time alone, however many reports come.
            ceiling: bps,
        };
        // The first loss is a part of what was sent, however far the estimate has come; from there on the bound falls, because
        // what is sent again would hold it up.
        let sent = match self.loss.bound() {
            Some(_) => bps,
            None => bps.max(flow.offered.unwrap_or(0.0)),
        };
        let weight = Loss::weight(since_us);
        let is_lowered = self.loss.observe(share, weight, sent, flow);
        if !is_lowered && !is_queue && !self.loss.is_much() {
            let growth = if Loss::is_little(share) {
                GROWTH_BY_REPORTS
            } else {
                GROWTH_BY_REPORTS_SLOW
            };
            let proven = flow.offered.unwrap_or(0.0) * 1.5;
            let grown = bps * growth.powf(float_us(since_us.min(REPORT_US_MAX)));
            let grown = grown.min(proven.max(self.wanted)).max(bps);
            self.rate.set(grown, now_us);
            self.loss.lift(grown);
        }
    }

    /// Whether the round trip of a report tells of a queue on the way.
    fn is_queue(&mut self, round_trip: Option<Duration>) -> bool {
        let Some(sample) = round_trip.and_then(|at| i64::try_from(at.as_micros()).ok()) else {
            return false;
        };
        let sample = float_i64(sample.min(10_000_000));
        let shortest = self
            .shortest_us
            .map_or(sample, |shortest| sample.min(shortest * SHORTEST_GROWTH));
        self.shortest_us = Some(shortest);
        sample > shortest + shortest.max(QUEUE_US)
    }

    /// Takes the receiver's own estimate, bits per second.
    pub(crate) fn remb(&mut self, bps: u64, now: Instant) {
        let now_us = self.pass(now);
        self.remb = Some((rate::bounded(float(bps)), now_us));
    }

    /// Says what bitrate the next upgrade needs in all, bits per second, or 0 if there is none; probes go up to there.
    pub(crate) fn want_probe(&mut self, up_to_bps: u64, now: Instant) {
        self.pass(now);
        self.wanted = float(up_to_bps).min(BPS_MAX);
        self.probes.want(self.wanted);
    }

    /// A probe to be sent now, if any; the next one comes when that one has been reported on. To be asked after each feedback,
    /// each [`Self::want_probe`] and each [`Self::handle_timeout`].
    pub(crate) fn poll_probe(&mut self, now: Instant) -> Option<Probe> {
        let now_us = self.pass(now);
        self.rest(now_us);
        let acknowledged = self.acknowledged.bps().unwrap_or(0.0);
        let conditions = Conditions {
            bps: self.bps(),
            known: acknowledged.max(self.rate.capacity_bps().unwrap_or(0.0)),
            is_calm: self.trend.usage() != Usage::Over && !self.loss.is_hopeless(),
            is_measured: self.has_feedback,
        };
        self.probes.poll(conditions, now_us)
    }

    /// Whether more of that probe is to be sent: it ends early when it turns out to be too much.
    pub(crate) fn wants_more(&self, cluster: ProbeCluster) -> bool {
        self.probes.wants_more(cluster)
    }

    /// When [`Self::handle_timeout`] is to be called at the latest; in the future once it has been.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let silent = self.silent_from();
        let probe = self.probes.due(self.bps(), self.now_us);
        let at = silent.into_iter().chain(probe).min()?;
        let after = Duration::from_micros(u64::try_from(at).unwrap_or(0));
        self.epoch.checked_add(after)
    }

    /// Lowers the estimate while nothing is heard of what is sent, and gives up probes.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        let now_us = self.pass(now);
        self.rest(now_us);
        self.probes.expire(now_us);
        if self.silent_from().is_none_or(|at| now_us < at) {
            return;
        }
        let from = self.bps();
        let to = from * SILENT_PART;
        self.rate.set(to, now_us);
        self.lowered(from, now_us);
        // The next step comes after the pause, whatever the caller's ticks are.
        let limit = self.silent_limit();
        self.waiting_us = Some(now_us - limit + SILENT_STEP_US);
    }

    /// The estimate, bits per second.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within the bounds of estimates"
    )]
    pub(crate) fn bitrate_bps(&self) -> u64 {
        self.bps() as u64
    }

    /// What may be spent, bits per second, while what is being sent takes `kept`: that much, although it has come to be more
    /// than the estimate, as long as it gets through.
    pub(crate) fn budget_bps(&self, kept: u64) -> u64 {
        let estimate = self.bitrate_bps();
        let is_bound = self.bps() < self.rate.bps();
        if is_bound || !self.is_calm() {
            return estimate;
        }
        estimate.max(kept.min(estimate.saturating_mul(KEPT_PERCENT) / 100))
    }

    /// Whether no queue grows, and the estimate has not been lowered of late.
    pub(crate) fn is_calm(&self) -> bool {
        self.trend.usage() != Usage::Over && self.now_us >= self.calm_from_us
    }

    /// What has arrived of late, however long it took, and what the link loses however little is sent, bits per second; 0 before
    /// the first measurement.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate that was measured"
    )]
    pub(crate) fn delivered_bps(&self) -> u64 {
        let arrived = self.acknowledged.peak_bps().unwrap_or(0.0);
        (arrived / (1.0 - self.loss.own())) as u64
    }

    /// What loss allows, bits per second; `None` while it is no limit.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within the bounds of estimates"
    )]
    pub(crate) fn loss_bound_bps(&self) -> Option<u64> {
        self.loss.bound().map(|bound| bound as u64)
    }

    /// Round trip, smoothed; `None` before the first feedback.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        let us = self.round_trip_us?;
        Duration::try_from_secs_f64(us / 1_000_000.0).ok()
    }

    /// The share that is lost, smoothed, in 1/256.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share"
    )]
    pub(crate) fn loss(&self) -> u8 {
        (self.loss.share() * 256.0).clamp(0.0, 255.0) as u8
    }

    fn rest(&mut self, now_us: i64) {
        if now_us - self.sent_us >= IDLE_US {
            self.loss.forget();
            self.trend.restart();
        }
    }

    fn conclude(&mut self, reported_us: i64, now_us: i64) {
        let from = self.bps();
        let so_far = (self.sent_bytes, self.loss.share());
        if let Some(found) = self.probes.finish(from, so_far, reported_us, now_us) {
            self.rate.set(found, now_us);
            self.loss.lift(found);
            if found >= self.wanted {
                self.loss.is_no_worse();
            }
        }
        let from = self.bps();
        let flow = Flow {
            offered: self.offered.bps(),
            acknowledged: self.acknowledged.bps(),
            peak: self.acknowledged.peak_bps(),
            ceiling: self.probes.ceiling(from),
        };
        let usage = match self.trend.usage() {
            // A probe that was too much has told so itself.
            Usage::Over if self.probes.is_felt(now_us) => Usage::Under,
            usage @ (Usage::Under | Usage::Normal | Usage::Over) => usage,
        };
        let round_trip = self.round_trip_or_default();
        let is_lower_by_delay = self.rate.update(usage, flow, round_trip, now_us);
        let is_lower_by_loss = self.loss.update(from, flow, now_us);
        if is_lower_by_delay || is_lower_by_loss {
            self.lowered(from, now_us);
        }
    }

    fn lowered(&mut self, from: f64, now_us: i64) {
        self.calm_from_us = self.now_us + CALM_US;
        let borne = self.acknowledged.peak_bps().unwrap_or(0.0);
        let fall = (from, self.bps());
        self.probes.lowered(fall, self.sent_bytes, borne, now_us);
    }

    fn bps(&self) -> f64 {
        let remb = self
            .remb
            .filter(|(_, at)| self.now_us - at < REMB_TTL_US)
            .map(|(bps, _)| bps);
        let bounds = self.loss.bound().into_iter().chain(remb);
        rate::bounded(bounds.fold(self.rate.bps(), f64::min))
    }

    fn silent_limit(&self) -> i64 {
        if self.has_feedback {
            SILENT_US.saturating_add(self.round_trip_or_default().saturating_mul(3))
        } else {
            SILENT_US_REPORTS
        }
    }

    fn silent_from(&self) -> Option<i64> {
        // Of a peer that never reported anything, nothing is to be concluded.
        let is_reporting = self.has_feedback || self.reported.is_some();
        let waiting = self.waiting_us.filter(|_| is_reporting)?;
        Some(waiting.saturating_add(self.silent_limit()))
    }

    fn note_round_trip(&mut self, us: i64) {
        let sample = float_i64(us.clamp(0, 10_000_000));
        let before = self.round_trip_us.unwrap_or(sample);
        self.round_trip_us = Some(before + ROUND_TRIP_WEIGHT * (sample - before));
    }

    #[expect(clippy::cast_possible_truncation, reason = "ten seconds at most")]
    fn round_trip_or_default(&self) -> i64 {
        self.round_trip_us.map_or(ROUND_TRIP_US, |us| us as i64)
    }

    fn pass(&mut self, now: Instant) -> i64 {
        let since = now.saturating_duration_since(self.epoch);
        let now_us = i64::try_from(since.as_micros()).unwrap_or(US_MAX);
        self.now_us = self.now_us.max(now_us.min(US_MAX));
        self.now_us
    }
}

#[expect(clippy::cast_precision_loss, reason = "bitrates are not that exact")]
fn float(bps: u64) -> f64 {
    bps as f64
}

#[expect(clippy::cast_precision_loss, reason = "a short time")]
fn float_i64(us: i64) -> f64 {
    us as f64
}

/// Microseconds in seconds.
fn float_us(us: i64) -> f64 {
    float_i64(us) / 1_000_000.0
}
