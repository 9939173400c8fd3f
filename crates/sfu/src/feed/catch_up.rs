//! How a viewer begins in the middle of what an inlet sends: nobody can be asked for a key frame there, so that the newest one is
//! kept with all that has come since.
//!
//! The key frame goes out at once, the rest faster than it was made, and then live packets take over. What goes out is dated as if
//! it had been captured while it is sent: the client sees the past in quick motion, plays nothing late, and keeps sound and
//! picture in step. A newer key frame ends it at once. Until then no live packet goes out in the slot, whose target is empty.

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::ConnectionId;

use super::Feed;
use super::slot::Slot;
use super::stream::Rewritten;
use crate::egress::Egress;
use crate::io::Counters;
use crate::packet::{Packet, Track};
use crate::publish::Publisher;
use crate::ring::Ring;

/// How many times as fast as it is made video goes out at most: decoders have to keep up with it.
const SPEED_MAX: u64 = 4;
/// The same while nothing is known of the way to the client, in quarters.
const SPEED_UNKNOWN_QUARTERS: u64 = 6;
/// The same at least, in quarters: slower, it would not come to an end before the next key frame ends it.
const SPEED_LEAST_QUARTERS: u64 = 5;
/// What is used of that which the way is known to bear, in twentieths: a little more while no queue grows, so that it gets known how
/// much that is, and less while one does.
const SHARE_CALM: u64 = 22;
const SHARE_PRESSED: u64 = 17;
/// What an encoding is taken for that has just begun, bits per second.
const BITRATE_LEAST: u64 = 100_000;
/// Time that was not used, because nobody looked, is made up for as far as this.
const CREDIT: Duration = Duration::from_millis(20);
/// Shortest time between two looks.
const STEP: Duration = Duration::from_millis(2);
/// When it is looked again after something that is under way.
const SOON: Duration = Duration::from_millis(5);
/// Between two pictures, as they are dated.
const PICTURE_LEAST: Duration = Duration::from_millis(1);
/// The way of a picture from its capture to us takes no longer than this, whatever its dates say.
const DELAY_MAX: Duration = Duration::from_secs(1);

/// A client that cannot go on gets the newest key frame anew, but not within this time of the last one that it got so...
const AGAIN: Duration = Duration::from_secs(1);
/// ...which doubles each time, up to this...
const AGAIN_MAX: Duration = Duration::from_secs(8);
/// ...and is as before after so long without.
const CALM: Duration = Duration::from_secs(30);

/// What is left to be sent before live packets.
#[derive(Debug)]
pub(super) struct CatchUp {
    pub(super) track: Track,
    epoch: u32,
    /// The number of the key frame's first packet, and of the one that is next.
    first: u64,
    next: u64,
    /// Bytes that may go out; below zero after more went out at once.
    credit: i64,
    counted: Instant,
    /// When it is looked at next.
    pub(super) due: Instant,
    /// The picture that is being sent: its timestamp, and how it is dated.
    picture: Option<(u32, Instant)>,
    /// What passes from the capture of a picture until it is here.
    delay: Duration,
}

/// When a stream was begun with what is kept, and how long it is not begun anew.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anew {
    at: Instant,
    gap: Duration,
}

/// Whether there is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    More,
    /// Live packets go on from here.
    Live,
}

impl CatchUp {
    fn new(track: Track, start: (u32, u64), ring: &Ring, now: Instant) -> Self {
        let delay = ring.newest_packet().map_or(Duration::ZERO, |newest| {
            newest.arrived.saturating_duration_since(newest.captured)
        });
        Self {
            track,
            epoch: start.0,
            first: start.1,
            next: start.1,
            credit: 0,
            counted: now,
            due: now,
            picture: None,
            delay: delay.min(DELAY_MAX),
        }
    }

    /// How the next picture is dated.
    fn date(&self, packet: &Packet, is_newest: bool, now: Instant) -> Instant {
        let after = self
            .picture
            .map_or(packet.captured, |(_, before)| before + PICTURE_LEAST);
        let own = packet.captured.max(after);
        if is_newest {
            return own;
        }
        now.checked_sub(self.delay)
            .map_or(own, |sent| sent.max(own))
    }

    fn refill(&mut self, bps: u64, now: Instant) {
        let since = now.saturating_duration_since(self.counted);
        self.counted = now;
        let bytes = |time: Duration| {
            i64::try_from(u128::from(bps) * time.as_micros() / 8_000_000).unwrap_or(i64::MAX)
        };
        self.credit = self.credit.saturating_add(bytes(since)).min(bytes(CREDIT));
    }

    /// How long it takes until something may go out again.
    fn wait(&self, bps: u64) -> Duration {
        let bits = u64::try_from(self.credit.saturating_neg().max(0)).unwrap_or(0) * 8;
        Duration::from_micros(bits.saturating_mul(1_000_000) / bps.max(1)).max(STEP)
    }
}

impl Feed {
    /// Begins a slot with the newest key frame of an inlet and what has come since, if that is kept; says whether it is. What has
    /// gone out in the slot so far ends.
    pub(crate) fn begin_kept(
        &mut self,
        publisher: ConnectionId,
        track: Track,
        source: &Publisher,
        now: Instant,
    ) -> bool {
        let Some(ring) = source.ring(track) else {
            return false;
        };
        let (Some(start), Some(slot)) = (ring.start(now), self.video_slot(publisher)) else {
            return false;
        };
        slot.stream.stop();
        slot.target = None;
        let gap = slot.anew.map_or(AGAIN, |anew| anew.gap);
        slot.anew = Some(Anew { at: now, gap });
        slot.catching = Some(Box::new(CatchUp::new(track, start, ring, now)));
        self.catching_due = Some(now);
        self.want_choice();
        true
    }

    /// A client has asked for a key frame of an inlet: it cannot go on by itself, and begins anew with what is kept, unless it has
    /// done so just now. Says whether it does.
    pub(crate) fn begin_anew(
        &mut self,
        publisher: ConnectionId,
        track: Track,
        source: &Publisher,
        now: Instant,
    ) -> bool {
        let Some(slot) = self.video_slot(publisher) else {
            return false;
        };
        if slot.stream.sending() != Some((publisher, track)) {
            return false;
        }
        let since = |at| now.saturating_duration_since(at);
        let gap = match slot.anew {
            Some(anew) if since(anew.at) < anew.gap => return false,
            Some(anew) if since(anew.at) < CALM => (anew.gap * 2).min(AGAIN_MAX),
            Some(_) | None => AGAIN,
        };
        if !self.begin_kept(publisher, track, source, now) {
            return false;
        }
        if let Some(slot) = self.video_slot(publisher) {
            slot.anew = Some(Anew { at: now, gap });
        }
        true
    }

    /// Whether something is to go out of what is kept.
    pub(crate) fn catch_up_is_due(&self, now: Instant) -> bool {
        self.catching_due.is_some_and(|due| due <= now)
    }

    /// Sends what is due of what is kept.
    pub(crate) fn catch_up<'a>(
        &mut self,
        find: impl Fn(ConnectionId) -> Option<&'a Publisher>,
        egress: &mut Egress,
        counters: &mut Counters,
        now: Instant,
    ) {
        for place in 0..self.slots.len() {
            let Some(slot) = self.slots.get_mut(place) else {
                continue;
            };
            let Some(mut catching) = slot.catching.take_if(|catching| catching.due <= now) else {
                continue;
            };
            let source = slot
                .publisher
                .and_then(|publisher| Some((publisher, find(publisher)?)));
            let outcome = source.map_or(Outcome::Live, |(publisher, source)| {
                let bps = self.catch_up_bps(source, catching.track);
                self.send_kept(
                    place,
                    &mut catching,
                    (publisher, source, bps),
                    egress,
                    counters,
                    now,
                )
            });
            if let Some(slot) = self.slots.get_mut(place) {
                match outcome {
                    Outcome::More => slot.catching = Some(catching),
                    Outcome::Live => slot.target = Some(catching.track),
                }
            }
        }
        let catching = self.slots.iter().filter_map(|slot| slot.catching.as_ref());
        self.catching_due = catching.map(|catching| catching.due).min();
    }

    fn send_kept(
        &mut self,
        place: usize,
        catching: &mut CatchUp,
        (publisher, source, bps): (ConnectionId, &Publisher, u64),
        egress: &mut Egress,
        counters: &mut Counters,
        now: Instant,
    ) -> Outcome {
        let (Some(ring), Some(slot)) = (source.ring(catching.track), self.slots.get_mut(place))
        else {
            return Outcome::Live;
        };
        if let Some((epoch, first)) = ring.start(now)
            && (epoch, first) > (catching.epoch, catching.first)
        {
            slot.stream.stop();
            (catching.epoch, catching.first, catching.next) = (epoch, first, first);
        }
        catching.refill(bps, now);
        let newest = ring.newest_packet().map(|newest| newest.timestamp);
        for packet in ring.after(catching.epoch, catching.next) {
            if packet.sequence != catching.next {
                // It is not kept any more, or was never there: nobody could decode what follows.
                slot.stream.stop();
                return Outcome::Live;
            }
            let date = match catching.picture {
                Some((timestamp, date)) if timestamp == packet.timestamp => date,
                _ if catching.credit < 0 => {
                    catching.due = now + catching.wait(bps);
                    return Outcome::More;
                }
                _ => {
                    let date = catching.date(packet, newest == Some(packet.timestamp), now);
                    slot.stream.date(packet, date);
                    catching.picture = Some((packet.timestamp, date));
                    date
                }
            };
            let sent = put(slot, publisher, packet, date, |slot, packet, at| {
                let numbers = slot.payload(packet.codec)?;
                self.wire.media(slot, numbers, packet, at, egress, now)
            });
            if let Some(bytes) = sent {
                counters.packets_out += 1;
                counters.bytes_out += u64::from(bytes);
                catching.credit -= i64::from(bytes);
            } else {
                counters.packets_dropped += 1;
            }
            catching.next += 1;
        }
        if ring
            .newest()
            .is_some_and(|(epoch, _)| epoch != catching.epoch)
        {
            // Another source goes on, whose first key frame is not whole yet.
            catching.due = now + SOON;
            return Outcome::More;
        }
        Outcome::Live
    }

    /// At which rate what is kept of an encoding goes out, bits per second.
    fn catch_up_bps(&self, source: &Publisher, track: Track) -> u64 {
        let layer = source.video().iter().find(|layer| layer.track == track);
        let own = layer
            .map_or(0, |layer| layer.bitrate_bps)
            .max(BITRATE_LEAST);
        let estimator = &self.wire.estimator;
        let delivered = estimator.delivered_bps();
        let bearable = if self.wire.has_estimate() {
            (delivered > 0).then(|| estimator.bitrate_bps().max(delivered))
        } else {
            estimator.loss_bound_bps()
        };
        let Some(bearable) = bearable else {
            return own * SPEED_UNKNOWN_QUARTERS / 4;
        };
        let share = if estimator.is_calm() {
            SHARE_CALM
        } else {
            SHARE_PRESSED
        };
        // What is left beside all that is sent anyway is for everything that is under way.
        let others = self.slots.iter().filter(|slot| slot.catching.is_some());
        let count = u64::try_from(others.count() + 1).unwrap_or(u64::MAX);
        let room = (bearable.saturating_mul(share) / 20).saturating_sub(self.spent_bps);
        (room / count)
            .saturating_add(own)
            .clamp(own * SPEED_LEAST_QUARTERS / 4, own * SPEED_MAX)
    }

    fn video_slot(&mut self, publisher: ConnectionId) -> Option<&mut Slot> {
        let bond = self.bonds.iter().find(|bond| bond.publisher == publisher)?;
        self.slots.get_mut(bond.video?)
    }
}

/// Places a packet that is dated anew, and sends it by `send`.
fn put(
    slot: &mut Slot,
    publisher: ConnectionId,
    packet: &Arc<Packet>,
    date: Instant,
    send: impl FnOnce(&mut Slot, &Packet, super::stream::Place) -> Option<u32>,
) -> Option<u32> {
    let track = packet.track;
    if slot.stream.sending().is_some() {
        let Rewritten::Out(at, _) = slot.stream.place(publisher, packet, track) else {
            return None;
        };
        slot.stream.say_captured(date);
        return send(slot, packet, at);
    }
    // By itself a picture parameter set begins nothing.
    let first = Packet {
        is_start: true,
        captured: date,
        ..Packet::clone(packet)
    };
    let Rewritten::Out(at, _) = slot.stream.place(publisher, &first, track) else {
        return None;
    };
    slot.stream.note_dated();
    send(slot, &first, at)
}
