//! The newest packets of one track, for retransmission and for viewers that begin.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::packet::Packet;
use crate::payload::{self, Holds};
use crate::room::Room;

/// Most packets of a video encoding, and how long they are kept: two seconds of 4 Mbit/s.
const VIDEO_PACKETS: usize = 1_024;
/// Most packets of audio: a little more than a second of 20 ms each.
const AUDIO_PACKETS: usize = 64;
const AGE: Duration = Duration::from_secs(2);
/// A key frame that is older begins no stream: what has come since would be too much at once.
const START_AGE: Duration = Duration::from_secs(1);

/// What of an inlet is kept for viewers that begin: its newest key frame and all that has come since, as far as that is not older
/// than this...
const KEPT_AGE: Duration = Duration::from_secs(10);
/// ...nor more than comes in this time at the highest bitrate: what a network has held back comes at once...
const KEPT_MEDIA: Duration = Duration::from_secs(12);
/// ...in packets of at least so many bytes on average: of two of one picture that follow on each other, the packetiser would have
/// made one if they were not larger than 1,200 together...
const KEPT_PACKET_BYTES: usize = 512;

/// So many packets before the one with the sequence parameter set may belong to it: a delimiter and other parameter sets.
const SETS_MAX: u64 = 8;

/// Packets by epoch and sequence number.
#[derive(Debug)]
pub(crate) struct Ring {
    /// Ascending by epoch and number.
    packets: VecDeque<Arc<Packet>>,
    capacity: usize,
    start: Option<Start>,
    /// Where all since the newest key frame is kept.
    kept: Option<Kept>,
}

/// How much of an encoding of an inlet is kept.
#[derive(Debug)]
struct Kept {
    /// Bytes of payload that there are, and that there may be.
    bytes: usize,
    bytes_max: usize,
    /// ...nor more than a share of what there is room for.
    room: Room,
}

impl Kept {
    fn has_room(&self, packets: usize) -> bool {
        self.bytes <= self.bytes_max.min(self.room.each())
            && packets < self.bytes_max / KEPT_PACKET_BYTES
    }
}

/// A key frame, and what has come since.
#[derive(Clone, Copy, Debug)]
struct Start {
    epoch: u32,
    /// Of its first packet.
    sequence: u64,
    timestamp: u32,
    arrived: Instant,
    /// The last packet up to which none is missing.
    whole_to: u64,
    /// What these bring.
    holds: Holds,
}

impl Ring {
    pub(crate) fn video() -> Self {
        Self::new(VIDEO_PACKETS)
    }

    /// For an encoding of an inlet of that bitrate at most: nobody can be asked for its key frames. `room` has a share for it.
    pub(crate) fn inlet(bitrate_bps_max: u64, room: Room) -> Self {
        let bytes_max = bitrate_bps_max / 8 * KEPT_MEDIA.as_secs();
        let kept = Kept {
            bytes: 0,
            bytes_max: usize::try_from(bytes_max).unwrap_or(usize::MAX),
            room,
        };
        Self {
            kept: Some(kept),
            ..Self::new(VIDEO_PACKETS)
        }
    }

    pub(crate) fn audio() -> Self {
        Self::new(AUDIO_PACKETS)
    }

    fn new(capacity: usize) -> Self {
        Self {
            packets: VecDeque::with_capacity(capacity),
            capacity,
            start: None,
            kept: None,
        }
    }

    /// Keeps a packet, and lets go of those that are too old. A number that is there already stays as it is.
    pub(crate) fn insert(&mut self, packet: Arc<Packet>) {
        while let Some(oldest) = self.packets.front()
            && (self.packets.len() >= self.capacity
                || packet.arrived.saturating_duration_since(oldest.arrived) > AGE)
        {
            if self.keeps(oldest, &packet) {
                break;
            }
            self.let_go();
        }
        let key = key(&packet);
        let is_newest = self
            .packets
            .back()
            .is_none_or(|newest| self::key(newest) < key);
        let at = if is_newest {
            self.packets.len()
        } else {
            match self.position(key) {
                Ok(_) => return,
                Err(at) => at,
            }
        };
        self.begin(&packet);
        if let Some(kept) = &mut self.kept {
            kept.bytes += packet.payload.len();
        }
        self.packets.insert(at, packet);
        self.extend();
    }

    /// Whether the oldest packet is kept for viewers that begin, however old it is.
    fn keeps(&self, oldest: &Packet, newest: &Packet) -> bool {
        let (Some(kept), Some(start)) = (&self.kept, self.start) else {
            return false;
        };
        key(oldest) >= (start.epoch, start.sequence)
            && kept.has_room(self.packets.len())
            && newest.arrived.saturating_duration_since(start.arrived) <= KEPT_AGE
    }

    fn let_go(&mut self) {
        let Some(gone) = self.packets.pop_front() else {
            return;
        };
        if let Some(kept) = &mut self.kept {
            kept.bytes = kept.bytes.saturating_sub(gone.payload.len());
            // Without its beginning the rest is of no use.
            self.start = self
                .start
                .filter(|start| key(&gone) < (start.epoch, start.sequence));
        }
    }

    /// The packet of that number.
    pub(crate) fn get(&self, epoch: u32, sequence: u64) -> Option<&Arc<Packet>> {
        let at = self.position((epoch, sequence)).ok()?;
        self.packets.get(at)
    }

    /// Where a new viewer can begin at once: the newest key frame, with its parameter sets, from which on nothing is missing
    /// and which is not older than a second. The epoch and number of its first packet.
    pub(crate) fn start(&self, now: Instant) -> Option<(u32, u64)> {
        let start = self.start.as_ref()?;
        let newest = self.packets.back()?;
        let is_whole = key(newest) == (start.epoch, start.whole_to) && start.holds == Holds::ALL;
        let is_there = self.get(start.epoch, start.sequence).is_some();
        let age_max = self.kept.as_ref().map_or(START_AGE, |_| KEPT_AGE);
        let is_young = now.saturating_duration_since(start.arrived) <= age_max;
        (is_whole && is_there && is_young).then_some((start.epoch, start.sequence))
    }

    /// The newest packet.
    pub(crate) fn newest_packet(&self) -> Option<&Arc<Packet>> {
        self.packets.back()
    }

    /// The epoch and number of the newest packet.
    pub(crate) fn newest(&self) -> Option<(u32, u64)> {
        self.packets.back().map(|packet| key(packet))
    }

    /// The packets of the epoch from that number on, in order.
    pub(crate) fn after(&self, epoch: u32, sequence: u64) -> impl Iterator<Item = &Arc<Packet>> {
        let at = self.position((epoch, sequence)).unwrap_or_else(|at| at);
        self.packets
            .range(at.min(self.packets.len())..)
            .take_while(move |packet| packet.epoch == epoch)
    }

    fn position(&self, wanted: (u32, u64)) -> Result<usize, usize> {
        self.packets
            .binary_search_by_key(&wanted, |packet| key(packet))
    }

    /// Notes the beginning of a key frame: the first packet of the picture that has its parameter sets, in whatever order these
    /// come.
    fn begin(&mut self, packet: &Packet) {
        let holds = holds(packet);
        let before = self
            .start
            .filter(|start| start.epoch == packet.epoch && start.timestamp == packet.timestamp);
        let is_first = match (before, self.start) {
            (Some(start), _) => {
                (holds.sequence || holds.picture) && packet.sequence < start.sequence
            }
            (None, Some(start)) => {
                holds.sequence && (packet.epoch, packet.sequence) > (start.epoch, start.sequence)
            }
            (None, None) => holds.sequence,
        };
        if !is_first {
            return;
        }
        let mut first = packet.sequence;
        let earlier = (1..=SETS_MAX).map_while(|back| {
            let at = packet.sequence.checked_sub(back)?;
            let packet = self
                .get(packet.epoch, at)
                .filter(|at| at.timestamp == packet.timestamp)?;
            Some((at, self::holds(packet)))
        });
        for (at, holds) in earlier {
            if holds.sequence || holds.picture {
                first = at;
            }
        }
        self.start = Some(Start {
            epoch: packet.epoch,
            sequence: first,
            timestamp: packet.timestamp,
            arrived: packet.arrived,
            whole_to: first,
            holds: if first == packet.sequence {
                holds
            } else {
                self.get(packet.epoch, first)
                    .map_or(holds, |first| self::holds(first))
            },
        });
    }

    /// Follows the packets after the start as far as there is no gap; each is passed once.
    fn extend(&mut self) {
        let Some(mut start) = self.start else { return };
        loop {
            let next = start.whole_to.saturating_add(1);
            // In the usual case it is the newest.
            let newest = self
                .packets
                .back()
                .filter(|packet| key(packet) == (start.epoch, next));
            let Some(packet) = newest.or_else(|| self.get(start.epoch, next)) else {
                break;
            };
            start.whole_to = next;
            if start.holds != Holds::ALL {
                start.holds = start.holds.or(holds(packet));
            }
            if newest.is_some() {
                break;
            }
        }
        self.start = Some(start);
    }
}

fn holds(packet: &Packet) -> Holds {
    payload::holds(packet.codec, &packet.payload, packet.is_start)
}

fn key(packet: &Packet) -> (u32, u64) {
    (packet.epoch, packet.sequence)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::Codec;
    use crate::packet::{Passed, Track};

    #[expect(clippy::disallowed_methods, reason = "where simulated time begins")]
    fn beginning() -> Instant {
        Instant::now()
    }

    /// The kinds of packets in a picture.
    const PARAMETERS: &[u8] = &[0x78, 0, 4, 0x67, 66, 0xe0, 31, 0, 2, 0x68, 0xce];
    const SEQUENCE: &[u8] = &[0x67, 66, 0xe0, 31];
    const PICTURE: &[u8] = &[0x68, 0xce];
    /// All of a key frame.
    const WHOLE: &[u8] = &[
        0x78, 0, 4, 0x67, 66, 0xe0, 31, 0, 2, 0x68, 0xce, 0, 2, 0x65, 0xb8,
    ];
    const IDR: &[u8] = &[0x65, 0xb8];
    const DELTA: &[u8] = &[0x41, 0xe0];

    fn packet(epoch: u32, sequence: u64, payload: &[u8], arrived: Instant) -> Arc<Packet> {
        packet_at(0, epoch, sequence, payload, arrived)
    }

    fn packet_at(
        timestamp: u32,
        epoch: u32,
        sequence: u64,
        payload: &[u8],
        arrived: Instant,
    ) -> Arc<Packet> {
        Arc::new(Packet {
            track: Track::video(0).unwrap(),
            codec: Codec::H264,
            epoch,
            sequence,
            timestamp,
            marker: false,
            is_start: payload != DELTA,
            picture: None,
            red: None,
            extensions: Passed::default(),
            captured: arrived,
            arrived,
            payload: payload.into(),
        })
    }

    /// For 8.5 Mbit/s, in a room of so many bytes.
    fn inlet(bytes: usize) -> (Ring, Room) {
        let room = Room::new(bytes);
        (Ring::inlet(8_500_000, room.clone()), room)
    }

    #[test]
    fn a_start_is_the_parameter_sets_and_all_that_follows() {
        let now = beginning();
        let mut ring = Ring::video();
        ring.insert(packet(0, 9, DELTA, now));
        assert_eq!(ring.start(now), None);
        ring.insert(packet(0, 10, PARAMETERS, now));
        // Nothing could be shown yet.
        assert_eq!(ring.start(now), None);
        for (sequence, payload) in [(11, IDR), (12, DELTA)] {
            ring.insert(packet(0, sequence, payload, now));
            assert_eq!(ring.start(now), Some((0, 10)));
        }
        let after: Vec<_> = ring.after(0, 10).map(|packet| packet.sequence).collect();
        assert_eq!(after, [10, 11, 12]);
    }

    #[test]
    fn a_gap_is_no_start_until_it_is_filled() {
        let now = beginning();
        let mut ring = Ring::video();
        for (sequence, payload) in [(10, PARAMETERS), (11, IDR), (13, DELTA), (14, DELTA)] {
            ring.insert(packet(0, sequence, payload, now));
        }
        assert_eq!(ring.start(now), None);
        ring.insert(packet(0, 12, DELTA, now));
        assert_eq!(ring.start(now), Some((0, 10)));
    }

    #[test]
    fn a_start_is_the_first_of_the_parameter_sets_in_whatever_order_they_come() {
        let now = beginning();
        let pictures: [&[&[u8]]; 3] = [
            &[SEQUENCE, PICTURE, IDR],
            &[PICTURE, SEQUENCE, IDR],
            &[PICTURE, PICTURE, SEQUENCE],
        ];
        for (picture, is_start) in pictures.into_iter().zip([true, true, false]) {
            for order in [
                [0, 1, 2],
                [0, 2, 1],
                [1, 0, 2],
                [1, 2, 0],
                [2, 0, 1],
                [2, 1, 0],
            ] {
                let mut ring = Ring::video();
                ring.insert(packet(0, 9, DELTA, now));
                for at in order {
                    assert_eq!(ring.start(now), None);
                    ring.insert(packet_at(90, 0, 10 + at as u64, picture[at], now));
                }
                assert_eq!(ring.start(now), is_start.then_some((0, 10)), "{order:?}");
                ring.insert(packet_at(180, 0, 13, DELTA, now));
                assert_eq!(ring.start(now), is_start.then_some((0, 10)), "{order:?}");
            }
        }
    }

    #[test]
    fn parameter_sets_may_be_in_a_picture_before_the_key_frame() {
        let now = beginning();
        let mut ring = Ring::video();
        for (sequence, payload) in [(10, PARAMETERS), (11, DELTA), (12, IDR)] {
            assert_eq!(ring.start(now), None);
            ring.insert(packet_at(sequence, 0, sequence.into(), payload, now));
        }
        assert_eq!(ring.start(now), Some((0, 10)));
    }

    #[test]
    fn a_slice_without_parameter_sets_is_no_start() {
        let now = beginning();
        let mut ring = Ring::video();
        ring.insert(packet(0, 10, IDR, now));
        assert_eq!(ring.start(now), None);
    }

    #[test]
    fn a_start_ages_and_a_newer_source_has_its_own() {
        let now = beginning();
        let later = now + Duration::from_millis(1_001);
        let mut ring = Ring::video();
        ring.insert(packet(0, 10, WHOLE, now));
        assert!(ring.start(now + Duration::from_secs(1)).is_some());
        assert_eq!(ring.start(later), None);
        ring.insert(packet(1, 3, DELTA, later));
        assert_eq!(ring.start(later), None);
        ring.insert(packet(1, 4, WHOLE, later));
        assert_eq!(ring.start(later), Some((1, 4)));
        assert!(ring.get(0, 10).is_some());
        assert_eq!(ring.after(0, 10).count(), 1);
    }

    #[test]
    fn of_an_inlet_all_is_kept_since_the_newest_key_frame_and_no_more_than_its_bounds() {
        let now = beginning();
        let at = |tenths: u64| now + Duration::from_millis(100 * tenths);
        let large = [DELTA, &[7; 1_000]].concat();
        let (mut ring, _) = inlet(1 << 30);
        ring.insert(packet_at(1, 0, 1, WHOLE, at(0)));
        for number in 2..100 {
            ring.insert(packet(0, number, DELTA, at(number)));
            assert_eq!(ring.start(at(number)), Some((0, 1)));
        }
        assert!(ring.get(0, 2).is_some());
        // A newer key frame: what was before it is kept for retransmissions only.
        ring.insert(packet_at(100, 0, 100, WHOLE, at(100)));
        assert_eq!(ring.start(at(100)), Some((0, 100)));
        ring.insert(packet(0, 101, DELTA, at(101)));
        assert!(ring.get(0, 80).is_none() && ring.get(0, 81).is_some());
        // Too old, too many, and too large.
        ring.insert(packet(0, 102, DELTA, at(201)));
        assert_eq!(ring.start(at(201)), None);
        assert!(ring.get(0, 100).is_none());
        for (payload, count) in [(DELTA, 25_000), (&large, 12_800)] {
            let (mut ring, _) = inlet(1 << 30);
            ring.insert(packet_at(1, 0, 1, WHOLE, now));
            for number in 2..count {
                ring.insert(packet(0, number, payload, now));
            }
            assert_eq!(ring.start(now), None);
            assert!(ring.packets.len() <= VIDEO_PACKETS);
            // The next one is as good as the first.
            ring.insert(packet_at(2, 0, count, WHOLE, now));
            assert_eq!(ring.start(now), Some((0, count)));
        }
    }

    #[test]
    fn of_an_inlet_ten_seconds_of_the_highest_bitrate_are_kept() {
        let now = beginning();
        // As packets of full size, and as the smallest that a packetiser makes of it.
        for bytes in [1_200, 602] {
            let (mut ring, _) = inlet(1 << 30);
            ring.insert(packet_at(1, 0, 1, WHOLE, now));
            let payload = [DELTA, &vec![7; bytes - 2]].concat();
            let count = 8_500_000 / 8 * 10 / bytes;
            let step = Duration::from_secs(10) / u32::try_from(count).unwrap();
            let mut at = now;
            for number in 0..count {
                at += step;
                let sequence = u64::try_from(number).unwrap() + 2;
                ring.insert(packet(0, sequence, &payload, at));
            }
            assert_eq!(ring.start(at), Some((0, 1)), "{bytes}");
            assert_eq!(ring.packets.len(), count + 1);
        }
    }

    #[test]
    fn inlets_share_the_room_and_who_takes_more_than_a_share_waits_for_the_next_key_frame() {
        let now = beginning();
        let large = [DELTA, &[7; 1_000]].concat();
        let (mut ring, room) = inlet(4_000_000);
        let _own = room.share();
        let mut insert = |sequence: u64| {
            let is_key = matches!(sequence, 1 | 3_002);
            let payload = if is_key { WHOLE } else { &large };
            let timestamp = u32::from(is_key) * u32::try_from(sequence).unwrap();
            ring.insert(packet_at(timestamp, 0, sequence, payload, now));
            ring.start(now)
        };
        for sequence in 1..=3_000 {
            assert_eq!(insert(sequence), Some((0, 1)));
        }
        let other = room.share();
        assert_eq!(insert(3_001), None);
        for sequence in 3_002..=4_900 {
            assert_eq!(insert(sequence), Some((0, 3_002)));
        }
        drop(other);
        for sequence in 4_901..=6_000 {
            assert_eq!(insert(sequence), Some((0, 3_002)));
        }
    }

    #[test]
    fn packets_leave_by_number_and_by_age() {
        let now = beginning();
        let mut ring = Ring::audio();
        for sequence in 0..100 {
            ring.insert(packet(0, sequence, DELTA, now));
        }
        assert!(ring.get(0, 35).is_none() && ring.get(0, 36).is_some());
        ring.insert(packet(0, 100, DELTA, now + Duration::from_millis(2_001)));
        assert!(ring.get(0, 99).is_none() && ring.get(0, 100).is_some());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_put_in_in_any_order_comes_out_in_its_own(
            numbers in prop::collection::vec((0..3_u32, 0..60_u64), 0..120),
            asked in (0..3_u32, 0..60_u64),
        ) {
            let now = beginning();
            let mut ring = Ring::video();
            for (epoch, number) in &numbers {
                let payload = if number % 10 == 0 { WHOLE } else { DELTA };
                ring.insert(packet(*epoch, *number, payload, now));
            }
            prop_assert_eq!(ring.get(asked.0, asked.1).is_some(), numbers.contains(&asked));
            let mut expected: Vec<_> = numbers
                .iter()
                .filter(|at| at.0 == asked.0 && **at >= asked)
                .copied()
                .collect();
            expected.sort_unstable();
            expected.dedup();
            let after: Vec<_> = ring.after(asked.0, asked.1).map(|packet| key(packet)).collect();
            prop_assert_eq!(after, expected);
            if let Some((epoch, first)) = ring.start(now) {
                let last = numbers.iter().max().unwrap();
                prop_assert_eq!(epoch, last.0);
                for number in first..=last.1 {
                    prop_assert!(numbers.contains(&(epoch, number)));
                }
            }
        }
    }
}
