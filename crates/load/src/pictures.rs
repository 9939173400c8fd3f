//! What came of one RTP stream: gaps, whole pictures, freezes and changes of layer.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::report::Counts;

/// Packets that wait for one before them, at most.
const WAITING_MAX: usize = 512;
/// A gap that nobody filled for this long is skipped: retransmissions take one or two round trips.
const GAP_MAX: Duration = Duration::from_millis(500);
/// A jump of sequence numbers beyond this is a stream that begins anew, not a gap.
const JUMP_MAX: u64 = 3_000;
/// How long a picture must be missing to be a freeze: 150 ms, and three times the mean, as `freezeCount` of WebRTC's
/// statistics has it.
const FREEZE_MIN: Duration = Duration::from_millis(150);
const FREEZE_MEANS: u32 = 3;
/// One part in so many is what a new interval changes of the mean.
const MEAN_PARTS: u32 = 16;

/// A packet as it is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// Extended, without wrap.
    pub(crate) sequence: u64,
    /// The last of its picture.
    pub(crate) marker: bool,
    /// It begins a key frame.
    pub(crate) begins_key: bool,
    /// It has no payload: padding in the main stream.
    pub(crate) is_empty: bool,
    /// When it was made, by whom and in which layer, if it says so.
    pub(crate) made: Option<Duration>,
    pub(crate) layer: Option<Layer>,
}

/// A layer of a publisher, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layer {
    pub(crate) publisher: u8,
    pub(crate) layer: u8,
}

/// A picture that became whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) is_key: bool,
    /// When the last of its packets was made.
    pub(crate) made: Option<Duration>,
}

/// Sequence numbers of a stream: what is missing.
#[derive(Debug, Default)]
pub(crate) struct Sequence {
    /// The last number before what is counted, and the highest.
    range: Option<(u64, u64)>,
    received: u64,
    lost_before: u64,
    /// Whether counting began with the stream, so that a lower number may still belong to it.
    is_fresh: bool,
}

impl Sequence {
    /// Takes a number that was not taken before; says whether it is lower than another.
    pub(crate) fn take(&mut self, sequence: u64) -> bool {
        let Some((base, highest)) = self.range else {
            self.range = Some((sequence.saturating_sub(1), sequence));
            self.received = 1;
            self.is_fresh = true;
            return false;
        };
        if sequence.abs_diff(highest) > JUMP_MAX {
            self.lost_before += self.missing();
            self.range = None;
            return self.take(sequence);
        }
        let is_late = sequence < highest;
        let base = if self.is_fresh {
            base.min(sequence.saturating_sub(1))
        } else {
            base
        };
        self.received += u64::from(sequence > base);
        self.range = Some((base, highest.max(sequence)));
        is_late
    }

    fn missing(&self) -> u64 {
        let span = self.range.map_or(0, |(base, highest)| highest - base);
        span.saturating_sub(self.received)
    }

    /// Numbers that never came.
    pub(crate) fn lost(&self) -> u64 {
        self.lost_before + self.missing()
    }

    /// Begins to count at the next number.
    pub(crate) fn reset(&mut self) {
        self.range = self.range.map(|(_, highest)| (highest, highest));
        (self.received, self.lost_before, self.is_fresh) = (0, 0, false);
    }
}

/// Puts the packets of a video stream into order and tells pictures, as a player would see them: after a gap that stays, only
/// a key frame brings pictures back.
#[derive(Debug, Default)]
pub(crate) struct Pictures {
    next: Option<u64>,
    waiting: BTreeMap<u64, Seen>,
    gap_since: Option<Instant>,
    current: Current,
    /// A key frame has been seen, and nothing missed since.
    is_decodable: bool,
    layer: Option<Layer>,
    freezes: Freezes,
}

#[derive(Clone, Copy, Debug, Default)]
struct Current {
    is_begun: bool,
    is_key: bool,
    is_broken: bool,
    made: Option<Duration>,
    layer: Option<Layer>,
}

impl Pictures {
    /// Takes a packet that was not taken before; tells each picture that is whole with it, and counts.
    pub(crate) fn take(
        &mut self,
        seen: Seen,
        now: Instant,
        counts: &mut Counts,
        tell: &mut dyn FnMut(Picture),
    ) {
        let next = *self.next.get_or_insert(seen.sequence);
        if seen.sequence.abs_diff(next) > JUMP_MAX {
            *self = Self {
                next: Some(seen.sequence),
                layer: self.layer,
                freezes: std::mem::take(&mut self.freezes),
                ..Self::default()
            };
        } else if seen.sequence < next {
            return;
        }
        if Some(seen.sequence) == self.next {
            self.in_order(seen, now, counts, tell);
            self.waited(now, counts, tell);
        } else {
            self.waiting.insert(seen.sequence, seen);
            let since = *self.gap_since.get_or_insert(now);
            if self.waiting.len() > WAITING_MAX || now.saturating_duration_since(since) > GAP_MAX {
                self.skip_gap();
                self.waited(now, counts, tell);
            }
        }
    }

    /// Takes what no longer waits.
    fn waited(&mut self, now: Instant, counts: &mut Counts, tell: &mut dyn FnMut(Picture)) {
        while let Some(entry) = self.waiting.first_entry() {
            if Some(*entry.key()) != self.next {
                // Another gap, whose time begins here.
                self.gap_since = Some(now);
                return;
            }
            let seen = entry.remove();
            self.in_order(seen, now, counts, tell);
        }
        self.gap_since = None;
    }

    fn skip_gap(&mut self) {
        self.next = self.waiting.first_key_value().map(|(number, _)| *number);
        self.current.is_broken = true;
        self.current.is_begun = true;
        self.is_decodable = false;
    }

    fn in_order(
        &mut self,
        seen: Seen,
        now: Instant,
        counts: &mut Counts,
        tell: &mut dyn FnMut(Picture),
    ) {
        self.next = Some(seen.sequence + 1);
        if seen.is_empty {
            return;
        }
        if seen.begins_key && (!self.current.is_begun || self.current.is_broken) {
            // The gap took the end of another picture.
            self.current = Current::default();
            self.current.is_key = true;
        }
        self.current.is_begun = true;
        self.current.made = self.current.made.max(seen.made);
        self.current.layer = seen.layer.or(self.current.layer);
        if !seen.marker {
            return;
        }
        let whole = std::mem::take(&mut self.current);
        if whole.is_broken || !(whole.is_key || self.is_decodable) {
            return;
        }
        self.is_decodable = true;
        counts.pictures += 1;
        counts.key_frames += u64::from(whole.is_key);
        if let Some(layer) = whole.layer {
            let before = self.layer.replace(layer);
            // A slot that goes over to another publisher switches no layer.
            let has_switched = before.is_some_and(|before| {
                before.publisher == layer.publisher && before.layer != layer.layer
            });
            counts.layer_switches += u64::from(has_switched);
        }
        self.freezes.picture(now, counts);
        tell(Picture {
            is_key: whole.is_key,
            made: whole.made,
        });
    }

    /// Whether nothing can be shown before the next key frame, and none has begun.
    pub(crate) fn needs_key_frame(&self) -> bool {
        !self.is_decodable && !self.current.is_key
    }

    /// Counts a freeze that has not ended.
    pub(crate) fn end(&self, now: Instant, counts: &mut Counts) {
        self.freezes.end(now, counts);
    }
}

/// Times without a new picture.
#[derive(Debug, Default)]
struct Freezes {
    last: Option<Instant>,
    mean: Option<Duration>,
}

impl Freezes {
    /// How long it has been frozen, if it has.
    fn frozen(&self, now: Instant) -> Option<Duration> {
        let gap = now.saturating_duration_since(self.last?);
        let mean = self.mean?;
        (gap > FREEZE_MIN && gap > mean * FREEZE_MEANS).then(|| gap.saturating_sub(mean))
    }

    fn picture(&mut self, now: Instant, counts: &mut Counts) {
        let frozen = self.frozen(now);
        count(frozen, counts);
        if let (None, Some(last)) = (frozen, self.last) {
            let gap = now.saturating_duration_since(last);
            let mean = self.mean.unwrap_or(gap);
            self.mean = Some(mean * (MEAN_PARTS - 1) / MEAN_PARTS + gap / MEAN_PARTS);
        }
        self.last = Some(now);
    }

    fn end(&self, now: Instant, counts: &mut Counts) {
        count(self.frozen(now), counts);
    }
}

fn count(frozen: Option<Duration>, counts: &mut Counts) {
    if let Some(frozen) = frozen {
        counts.freezes += 1;
        counts.frozen_ms += u64::try_from(frozen.as_millis()).unwrap_or(u64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    const MS: Duration = Duration::from_millis(1);

    /// Pictures of three packets each, a key frame every tenth, 33 ms apart.
    fn packet(sequence: u64) -> Seen {
        Seen {
            sequence,
            marker: sequence % 3 == 2,
            begins_key: sequence.is_multiple_of(30),
            is_empty: false,
            made: Some(MS * u32::try_from(sequence).unwrap()),
            layer: None,
        }
    }

    struct Player {
        start: Instant,
        pictures: Pictures,
        counts: Counts,
        seen: Vec<Picture>,
    }

    impl Player {
        fn new() -> Self {
            Self {
                start: clock::now(),
                pictures: Pictures::default(),
                counts: Counts::default(),
                seen: Vec::new(),
            }
        }

        fn take(&mut self, seen: Seen, at_ms: u64) {
            let now = self.start + Duration::from_millis(at_ms);
            let tell = &mut |picture| self.seen.push(picture);
            self.pictures.take(seen, now, &mut self.counts, tell);
        }

        fn run(&mut self, sequences: impl Iterator<Item = u64>) {
            for sequence in sequences {
                self.take(packet(sequence), sequence / 3 * 33);
            }
        }
    }

    #[test]
    fn pictures_count_when_all_their_packets_are_there() {
        let mut player = Player::new();
        player.run(0..60);
        assert_eq!((player.counts.pictures, player.counts.key_frames), (20, 2));
        assert_eq!(player.counts.freezes, 0);
        assert_eq!(player.seen[0].made, Some(2 * MS));
        assert!(player.seen[0].is_key && !player.seen[1].is_key);
    }

    #[test]
    fn nothing_is_seen_before_the_first_key_frame() {
        let mut player = Player::new();
        player.run(12..60);
        assert_eq!(player.counts.pictures, 10);
        assert!(player.seen[0].is_key);
    }

    #[test]
    fn order_does_not_matter_and_padding_is_no_picture() {
        let mut player = Player::new();
        let padding = Seen {
            is_empty: true,
            marker: true,
            ..packet(3)
        };
        for seen in [packet(0), packet(2), packet(1), padding] {
            player.take(seen, 0);
        }
        // What follows is shifted by one, so its markers are too.
        let shifted = |sequence| Seen {
            sequence: sequence + 1,
            ..packet(sequence)
        };
        for sequence in [5, 3, 4] {
            player.take(shifted(sequence), 40);
        }
        assert_eq!(player.counts.pictures, 2);
    }

    #[test]
    fn a_gap_that_is_filled_in_time_costs_no_picture() {
        let mut player = Player::new();
        player.run((0..7).chain(8..15));
        assert_eq!(player.counts.pictures, 2);
        player.take(packet(7), 180);
        assert_eq!(player.counts.pictures, 5);
    }

    #[test]
    fn a_gap_that_stays_freezes_until_the_next_key_frame() {
        let mut player = Player::new();
        player.run((0..31).chain(32..120));
        // Ten before the gap; the second key frame is hurt; from the third on all are whole.
        assert_eq!((player.counts.pictures, player.counts.key_frames), (30, 3));
        assert_eq!(player.counts.freezes, 1);
        assert!(
            (300..700).contains(&player.counts.frozen_ms),
            "{:?}",
            player.counts
        );
    }

    #[test]
    fn a_freeze_that_lasts_to_the_end_counts() {
        let mut player = Player::new();
        player.run(0..60);
        let last = 19 * 33;
        for (after, expected) in [(150, 0), (160, 1)] {
            let mut counts = Counts::default();
            let end = player.start + Duration::from_millis(last + after);
            player.pictures.end(end, &mut counts);
            assert_eq!(counts.freezes, expected, "{after}");
        }
    }

    #[test]
    fn changes_of_layer_are_counted_by_picture() {
        let mut player = Player::new();
        for sequence in 0..120 {
            let layer = Some(Layer {
                publisher: u8::from(sequence >= 90),
                layer: u8::from((30..60).contains(&sequence)),
            });
            player.take(
                Seen {
                    layer,
                    ..packet(sequence)
                },
                sequence / 3 * 33,
            );
        }
        assert_eq!(player.counts.layer_switches, 2);
    }

    #[test]
    fn lost_numbers_are_counted_from_the_reset_on() {
        let mut sequence = Sequence::default();
        for number in [10, 11, 14, 9, 16] {
            sequence.take(number);
        }
        assert_eq!(sequence.lost(), 3);
        sequence.reset();
        assert_eq!(sequence.lost(), 0);
        assert!(sequence.take(15), "late, and not of what is counted");
        assert!(!sequence.take(18));
        assert_eq!(sequence.lost(), 1);
        sequence.take(100_000);
        sequence.take(100_002);
        assert_eq!(sequence.lost(), 2);
    }
}
