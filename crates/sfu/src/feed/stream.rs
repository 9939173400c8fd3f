//! One slot's RTP stream: continuous numbers for the client, whatever it carries.
//!
//! A stream is a list of *runs*. Within a run the numbers of one source are shifted by a constant, so that the source's packet
//! of any number that went out can be found again. A run begins with each change: of layer, of publisher, after a pause.

use std::collections::VecDeque;
use std::time::Instant;

use model::ConnectionId;

use crate::codec::{Codec, Kind};
use crate::packet::{Packet, Track};

/// Runs that are remembered: more than the changes of the few seconds in which a packet may be asked for again.
const RUNS_MAX: usize = 8;
/// A source that steps further ahead ends its run. Receivers guess the upper bits of a number from the lower ones, and lose the
/// stream for good when numbers that are missing add up to 2^15 (RFC 3711 section 3.3.1); and what is missing is more than
/// anybody could ask for again.
const STEP_MAX: u64 = 1_024;

/// Pictures that were dated anew and are remembered: those of ten seconds.
const DATED_MAX: usize = 640;

/// A stretch of a stream in which the numbers of one source go out shifted by constants.
#[derive(Clone, Copy, Debug)]
struct Run {
    publisher: ConnectionId,
    track: Track,
    epoch: u32,
    /// The source's number that became `first_out`.
    first_in: u64,
    first_out: u64,
    /// Added to timestamps.
    ticks: u32,
    /// Added to VP8 picture ids, modulo their range.
    picture: u16,
    /// Added to VP8 `TL0PICIDX`.
    tl0: u8,
}

/// Where a packet that went out came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) publisher: ConnectionId,
    pub(super) track: Track,
    pub(super) epoch: u32,
    pub(super) sequence: u64,
}

/// A packet's place in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Extended sequence number: the SRTP index.
    pub(super) index: u64,
    pub(super) timestamp: u32,
    pub(super) picture: u16,
    pub(super) tl0: u8,
}

/// What went out last.
#[derive(Clone, Copy, Debug)]
struct Newest {
    index: u64,
    timestamp: u32,
    captured: Instant,
    codec: Codec,
    picture: u16,
    tl0: u8,
}

/// What has become of a packet that was offered to a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rewritten {
    /// It goes out; whether a run begins with it.
    Out(Place, bool),
    /// It is not this stream's at the moment.
    Not,
}

/// The state of one stream.
#[derive(Debug, Default)]
pub(super) struct Stream {
    runs: VecDeque<Run>,
    /// Whether the last run goes on.
    is_running: bool,
    newest: Option<Newest>,
    /// Pictures that were dated anew: the number that their first packet went out by, and what was added to its timestamp. The
    /// last run goes on by the last of them.
    dated: VecDeque<(u64, u32)>,
}

impl Stream {
    /// What is being sent.
    pub(super) fn sending(&self) -> Option<(ConnectionId, Track)> {
        let run = self.runs.back()?;
        self.is_running.then_some((run.publisher, run.track))
    }

    /// Ends the run: what comes next begins with a key frame, or with any packet of audio.
    pub(super) fn stop(&mut self) {
        self.is_running = false;
    }

    /// Whether the last that went out was of that publisher.
    pub(super) fn has_begun(&self, publisher: ConnectionId) -> bool {
        self.runs
            .back()
            .is_some_and(|run| run.publisher == publisher)
    }

    /// A timestamp that went out, when it was captured, and the ticks of its clock in a second.
    pub(super) fn reference(&self) -> Option<(u32, Instant, u32)> {
        let newest = self.newest?;
        Some((newest.timestamp, newest.captured, newest.codec.clock_rate()))
    }

    /// Places a packet. `target` is the track that is to be sent: its next start ends the run of another one.
    pub(super) fn place(
        &mut self,
        publisher: ConnectionId,
        packet: &Packet,
        target: Track,
    ) -> Rewritten {
        if let Some(run) = self.current()
            && run.publisher == publisher
            && run.track == packet.track
            && run.epoch == packet.epoch
        {
            if !self.is_far_ahead(run, packet) {
                return self.go_on(run, packet);
            }
            self.stop();
        }
        let may_begin =
            packet.track == target && (packet.codec.kind() == Kind::Audio || packet.is_start);
        if !may_begin {
            return Rewritten::Not;
        }
        let run = self.begin(publisher, packet);
        match self.go_on(run, packet) {
            Rewritten::Out(place, _) => Rewritten::Out(place, true),
            Rewritten::Not => Rewritten::Not,
        }
    }

    /// The next picture of the run is the one of that packet, and goes out as if it had been captured at `date`.
    pub(super) fn date(&mut self, packet: &Packet, date: Instant) {
        let (Some(newest), Some(run)) = (self.newest, self.runs.back_mut()) else {
            return;
        };
        if !self.is_running {
            return;
        }
        let timestamp = newest.timestamp.wrapping_add(ticks_between(newest, date));
        run.ticks = timestamp.wrapping_sub(packet.timestamp);
        let ticks = run.ticks;
        self.note(newest.index + 1, ticks);
    }

    /// The run that has just begun is of pictures that are dated anew.
    pub(super) fn note_dated(&mut self) {
        if let Some(run) = self.runs.back().copied() {
            self.note(run.first_out, run.ticks);
        }
    }

    /// What went out last was captured then, as far as the client is told.
    pub(super) fn say_captured(&mut self, date: Instant) {
        if let Some(newest) = &mut self.newest {
            newest.captured = date;
        }
    }

    fn note(&mut self, first_out: u64, ticks: u32) {
        if self.dated.len() >= DATED_MAX {
            self.dated.pop_front();
        }
        self.dated.push_back((first_out, ticks));
    }

    fn current(&self) -> Option<Run> {
        self.runs.back().copied().filter(|_| self.is_running)
    }

    fn is_far_ahead(&self, run: Run, packet: &Packet) -> bool {
        let index = packet.sequence.saturating_sub(run.first_in) + run.first_out;
        self.newest
            .is_some_and(|newest| index > newest.index + STEP_MAX)
    }

    fn go_on(&mut self, run: Run, packet: &Packet) -> Rewritten {
        let Some(since) = packet.sequence.checked_sub(run.first_in) else {
            // From before the run began.
            return Rewritten::Not;
        };
        let index = run.first_out + since;
        let (id, tl0) = packet.picture.map_or((0, 0), |picture| {
            (
                picture.id.map_or(0, |id| id.value),
                picture.tl0.map_or(0, |(_, value)| value),
            )
        });
        let place = Place {
            index,
            timestamp: packet.timestamp.wrapping_add(run.ticks),
            picture: id.wrapping_add(run.picture) & 0x7fff,
            tl0: tl0.wrapping_add(run.tl0),
        };
        if self.newest.is_none_or(|newest| index > newest.index) {
            self.newest = Some(Newest {
                index,
                timestamp: place.timestamp,
                captured: packet.captured,
                codec: packet.codec,
                picture: place.picture,
                tl0: place.tl0,
            });
        }
        Rewritten::Out(place, false)
    }

    /// Begins a run right after what went out last, and as much later as it was captured later.
    fn begin(&mut self, publisher: ConnectionId, packet: &Packet) -> Run {
        let (id, tl0) = packet.picture.map_or((0, 0), |picture| {
            (
                picture.id.map_or(0, |id| id.value),
                picture.tl0.map_or(0, |(_, value)| value),
            )
        });
        let mut run = Run {
            publisher,
            track: packet.track,
            epoch: packet.epoch,
            first_in: packet.sequence,
            first_out: 1,
            ticks: 0,
            picture: 0,
            tl0: 0,
        };
        if let Some(newest) = self.newest {
            let ticks = ticks_between(newest, packet.captured);
            run.first_out = newest.index + 1;
            run.ticks = newest
                .timestamp
                .wrapping_add(ticks)
                .wrapping_sub(packet.timestamp);
            // A decoder takes a picture id that does not follow for a lost picture; a key frame may follow any.
            run.picture = newest.picture.wrapping_add(1).wrapping_sub(id) & 0x7fff;
            run.tl0 = newest.tl0.wrapping_add(1).wrapping_sub(tl0);
        }
        if self.runs.len() >= RUNS_MAX {
            self.runs.pop_front();
        }
        self.runs.push_back(run);
        self.is_running = true;
        run
    }

    /// The packet behind a 16-bit number that went out, as a NACK names it.
    ///
    /// Gives its origin, and in the form of a place its index and what was added to its other numbers.
    pub(super) fn origin(&self, number: u16) -> Option<(Origin, Place)> {
        let newest = self.newest?.index;
        let low = u16::try_from(newest & 0xffff).unwrap_or(0);
        let behind = low.wrapping_sub(number);
        // The other half of the number space is ahead of what went out.
        if behind >= 0x8000 {
            return None;
        }
        let index = newest.checked_sub(u64::from(behind))?;
        let run = self.runs.iter().rev().find(|run| run.first_out <= index)?;
        let origin = Origin {
            publisher: run.publisher,
            track: run.track,
            epoch: run.epoch,
            sequence: run.first_in + (index - run.first_out),
        };
        let dated = self.dated.iter().rev().find(|(first, _)| *first <= index);
        let dated = dated.filter(|(first, _)| *first >= run.first_out);
        let shifts = Place {
            index,
            timestamp: dated.map_or(run.ticks, |(_, ticks)| *ticks),
            picture: run.picture,
            tl0: run.tl0,
        };
        Some((origin, shifts))
    }
}

/// How many ticks after what went out last something goes out that was captured then; at least one.
fn ticks_between(newest: Newest, captured: Instant) -> u32 {
    let later = captured
        .saturating_duration_since(newest.captured)
        .as_nanos();
    let ticks = later * u128::from(newest.codec.clock_rate()) / 1_000_000_000;
    u32::try_from(ticks & u128::from(u32::MAX))
        .unwrap_or(0)
        .max(1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::packet::Passed;

    const ANA: ConnectionId = ConnectionId(1);
    const BEN: ConnectionId = ConnectionId(2);

    fn low() -> Track {
        Track::video(0).unwrap()
    }

    fn high() -> Track {
        Track::video(1).unwrap()
    }

    #[expect(clippy::disallowed_methods, reason = "where simulated time begins")]
    fn beginning() -> Instant {
        Instant::now()
    }

    fn packet(at: Instant, track: Track, epoch: u32, sequence: u64, is_start: bool) -> Packet {
        Packet {
            track,
            codec: Codec::H264,
            epoch,
            sequence,
            timestamp: u32::try_from(sequence).unwrap().wrapping_mul(3_000),
            marker: false,
            is_start,
            picture: None,
            red: None,
            extensions: Passed::default(),
            captured: at,
            arrived: at,
            payload: Arc::from([1_u8].as_slice()),
        }
    }

    fn index(rewritten: Rewritten) -> Option<u64> {
        match rewritten {
            Rewritten::Out(place, _) => Some(place.index),
            Rewritten::Not => None,
        }
    }

    #[test]
    fn a_layer_is_left_at_the_first_packet_of_a_key_frame_of_the_wanted_one() {
        let at = beginning();
        let mut stream = Stream::default();
        let mut place = |packet: &Packet, target| index(stream.place(ANA, packet, target));
        assert_eq!(place(&packet(at, low(), 0, 10, false), low()), None);
        assert_eq!(place(&packet(at, low(), 0, 11, true), low()), Some(1));
        assert_eq!(place(&packet(at, low(), 0, 12, false), high()), Some(2));
        assert_eq!(place(&packet(at, high(), 0, 500, false), high()), None);
        assert_eq!(place(&packet(at, high(), 0, 501, true), high()), Some(3));
        // What is left of the old layer goes nowhere.
        assert_eq!(place(&packet(at, low(), 0, 13, true), high()), None);
        assert_eq!(place(&packet(at, high(), 0, 503, false), high()), Some(5));
        assert_eq!(place(&packet(at, high(), 0, 502, false), high()), Some(4));
    }

    #[test]
    fn timestamps_go_on_by_the_time_between_captures() {
        let at = beginning();
        let mut stream = Stream::default();
        let first = stream.place(ANA, &packet(at, low(), 0, 1, true), low());
        let later = at + Duration::from_millis(100);
        let second = stream.place(BEN, &packet(later, low(), 7, 9_000, true), low());
        let (Rewritten::Out(first, _), Rewritten::Out(second, _)) = (first, second) else {
            panic!("both begin with a key frame");
        };
        assert_eq!(second.timestamp.wrapping_sub(first.timestamp), 9_000);
    }

    #[test]
    fn t42_numbers_that_leap_ahead_lead_no_receiver_astray() {
        let at = beginning();
        let mut stream = Stream::default();
        stream.place(ANA, &packet(at, low(), 0, 1, true), low());
        let near = stream.place(ANA, &packet(at, low(), 0, 1_025, false), low());
        assert_eq!(index(near), Some(1_025));
        let far = packet(at, low(), 0, 30_000, false);
        assert_eq!(index(stream.place(ANA, &far, low())), None);
        assert_eq!(stream.sending(), None);
        let again = stream.place(ANA, &packet(at, low(), 0, 30_001, true), low());
        assert_eq!(index(again), Some(1_026));
        // Sound needs no key frame.
        let mut stream = Stream::default();
        for (count, sequence) in (1..).zip([7, 30_000, 60_000, 90_000]) {
            let packet = Packet {
                codec: Codec::Opus,
                ..packet(at, Track::AUDIO, 0, sequence, false)
            };
            let placed = stream.place(ANA, &packet, Track::AUDIO);
            assert_eq!(index(placed), Some(count));
        }
    }

    #[test]
    fn after_a_stop_nothing_goes_out_before_a_key_frame() {
        let at = beginning();
        let mut stream = Stream::default();
        stream.place(ANA, &packet(at, low(), 0, 1, true), low());
        stream.stop();
        assert_eq!(stream.sending(), None);
        let blank = stream.place(ANA, &packet(at, low(), 0, 2, false), low());
        assert_eq!(index(blank), None);
        let again = stream.place(ANA, &packet(at, low(), 0, 3, true), low());
        assert_eq!(index(again), Some(2));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        // Whatever is switched, lost or late: a number goes out for one packet only, and leads back to it.
        #[test]
        fn every_number_that_goes_out_names_one_packet(
            steps in prop::collection::vec((0..3_usize, 0..3_u64, any::<bool>(), 0..20_u8), 1..200),
        ) {
            let at = beginning();
            let mut stream = Stream::default();
            let mut heads = [100_u64, 5_000, 70_000];
            let mut out: BTreeMap<u64, (ConnectionId, Track, u64)> = BTreeMap::new();
            let mut target = low();
            for (source, skip, is_start, dice) in steps {
                let (publisher, track) = match source {
                    0 => (ANA, low()),
                    1 => (ANA, high()),
                    _ => (BEN, low()),
                };
                match dice {
                    0 => target = high(),
                    1 => target = low(),
                    2 => stream.stop(),
                    _ => {}
                }
                heads[source] += 1 + skip;
                let packet = packet(at, track, 0, heads[source], is_start);
                if let Rewritten::Out(place, _) = stream.place(publisher, &packet, target) {
                    let before = out.insert(place.index, (publisher, track, packet.sequence));
                    prop_assert_eq!(before, None);
                    let number = u16::try_from(place.index & 0xffff).unwrap();
                    let (origin, shifts) = stream.origin(number).unwrap();
                    prop_assert_eq!(shifts.index, place.index);
                    prop_assert_eq!(
                        (origin.publisher, origin.track, origin.sequence),
                        (publisher, track, packet.sequence)
                    );
                }
            }
        }
    }
}
