//! What a publisher makes of the packets of several encodings.

use super::*;
use crate::incoming::Incoming;
use crate::offer::{Direction, Offer};
use crate::packet::Passed;
use crate::peer;
use crate::vp8::PictureId;

const CHROMIUM: &str = include_str!("../../tests/sfu/offers/chromium-simulcast.sdp");
const OBS: &str = include_str!("../../tests/sfu/offers/obs-simulcast.sdp");
const PLAIN: &str = include_str!("../../tests/sfu/offers/chromium-publish.sdp");

/// A sequence parameter set for 320x180, 640x360 or 1280x720.
const PARAMETERS: [&[u8]; 3] = [
    &[0x67, 66, 0xe0, 31, 218, 5, 6, 126, 116],
    &[0x67, 66, 0xe0, 31, 218, 2, 128, 191, 229, 64],
    &[0x67, 66, 0xe0, 31, 218, 1, 64, 22, 255, 64],
];
const PICTURE_PARAMETERS: &[u8] = &[0x68, 0xce, 0x3c, 0x80];
const IDR: &[u8] = &[0x65, 0xb8, 1, 2, 3];
const DELTA: &[u8] = &[0x41, 0xe0, 1, 2, 3];
/// How long a frame lasts, and what its timestamp is ahead.
const FRAME: Duration = Duration::from_millis(33);

#[expect(clippy::disallowed_methods, reason = "where simulated time begins")]
fn beginning() -> Instant {
    Instant::now()
}

/// A predicted picture of so many bytes.
fn picture(bytes: usize) -> Vec<u8> {
    let mut picture = DELTA.to_vec();
    picture.resize(bytes, 0);
    picture
}

/// A publisher and its encoders.
struct Stand {
    publisher: Publisher,
    counters: Counters,
    now: Instant,
    /// Of each encoding: its SSRC, its name if it tells it, and its next number.
    encoders: Vec<(u32, Option<Rid>, u64)>,
    number: u8,
}

impl Stand {
    fn new(offer: &str, number: u8, names: &[&str]) -> Self {
        let offer = Offer::parse(offer, Direction::Publish).unwrap();
        let agreed = peer::agree_to_publish(&offer).unwrap();
        let mut publisher = Publisher::new(&agreed, &Settings::default());
        publisher.subscribers.insert(ConnectionId(2));
        let encoder = |(at, name): (u32, &&str)| (100 + at, Some(Rid::from(*name)), 70_000);
        Self {
            publisher,
            counters: Counters::default(),
            now: beginning(),
            encoders: (0..).zip(names).map(encoder).collect(),
            number,
        }
    }

    fn chromium() -> Self {
        Self::new(CHROMIUM, 108, &["q", "h", "f"])
    }

    /// The same after a key frame of each encoding.
    fn begun() -> Self {
        let mut stand = Self::chromium();
        for (place, parameters) in PARAMETERS.into_iter().enumerate() {
            stand.send(place, parameters);
        }
        stand
    }

    fn incoming(&self, place: usize, payload: &[u8]) -> Incoming {
        let (ssrc, rid, sequence) = self.encoders[place];
        Incoming {
            ssrc,
            rid,
            number: self.number,
            sequence,
            timestamp: u32::try_from(sequence).unwrap() * 3_000,
            marker: true,
            extensions: Passed::default(),
            report: None,
            arrived: self.now,
            payload: payload.into(),
        }
    }

    /// One picture of one packet.
    fn send(&mut self, place: usize, payload: &[u8]) {
        let incoming = self.incoming(place, payload);
        self.encoders[place].2 += 1;
        let taken = self.publisher.take(incoming, &mut self.counters, self.now);
        assert_eq!(taken, Taken::Fine);
    }

    /// Pictures of those encodings for a while.
    fn run(&mut self, places: &[usize], duration: Duration) {
        let end = self.now + duration;
        while self.now < end {
            for place in places {
                self.send(*place, &picture(100 * (place + 1)));
            }
            self.now += FRAME;
        }
    }

    fn labels(&self) -> Vec<&str> {
        let layers = self.publisher.video().iter();
        layers.map(|layer| layer.label.as_str()).collect()
    }

    fn live(&self) -> Vec<&str> {
        let layers = self.publisher.video().iter();
        layers
            .filter(|layer| layer.is_live)
            .map(|layer| layer.label.as_str())
            .collect()
    }
}

fn track(place: usize) -> Track {
    Track::video(place).unwrap()
}

#[test]
fn a_publisher_without_simulcast_has_one_layer_by_the_agreed_name() {
    let mut stand = Stand::new(PLAIN, 108, &["x"]);
    assert_eq!(stand.labels(), ["default"]);
    assert!(stand.live().is_empty());
    stand.encoders[0].1 = None;
    stand.send(0, PARAMETERS[1]);
    let [layer] = stand.publisher.video() else {
        panic!()
    };
    assert!(layer.is_live);
    assert_eq!((layer.width, layer.height), (640, 360));
}

#[test]
fn layers_stand_in_the_order_of_their_sizes_not_of_the_offer() {
    // OBS's first encoding is its largest.
    let mut stand = Stand::new(OBS, 96, &["0", "1", "2"]);
    assert_eq!(stand.labels(), ["0", "1", "2"]);
    for (place, size) in [(0, 2), (1, 1), (2, 0)] {
        stand.send(place, PARAMETERS[size]);
    }
    assert_eq!(stand.labels(), ["2", "1", "0"]);
    let tracks: Vec<_> = stand
        .publisher
        .video()
        .iter()
        .map(|layer| layer.track)
        .collect();
    assert_eq!(tracks, [track(2), track(1), track(0)]);
    let widths: Vec<_> = stand
        .publisher
        .video()
        .iter()
        .map(|layer| layer.width)
        .collect();
    assert_eq!(widths, [320, 640, 1_280]);
}

#[test]
fn layers_of_one_size_stand_by_bitrate_and_do_not_change_places_for_little() {
    let mut stand = Stand::chromium();
    for place in 0..3 {
        stand.send(place, PARAMETERS[1]);
    }
    // Least comes of the last one, and of the others nearly the same.
    for frame in 0..120_usize {
        let wobble = if frame / 30 % 2 == 0 { 90 } else { 110 };
        for (place, bytes) in [(0, 1_000), (1, 10 * wobble), (2, 300)] {
            stand.send(place, &picture(bytes));
        }
        stand.now += FRAME;
        if frame > 65 {
            assert_eq!(stand.labels(), ["f", "q", "h"]);
        }
    }
}

#[test]
fn figures_are_those_of_the_last_two_seconds() {
    let mut stand = Stand::chromium();
    stand.run(&[0, 1, 2], Duration::from_secs(4));
    for (place, layer) in stand.publisher.video().iter().enumerate() {
        let expected = (place as u64 + 1) * 100 * 8 * 1_000 / 33;
        assert!(
            layer.bitrate_bps.abs_diff(expected) * 10 < expected,
            "{layer:?}"
        );
        assert!((28..=32).contains(&layer.frames_per_second), "{layer:?}");
    }
    // Not an underestimate while they begin, which would let too many layers through.
    let mut stand = Stand::chromium();
    stand.run(&[2], Duration::from_millis(400));
    let top = stand
        .publisher
        .video()
        .iter()
        .find(|layer| layer.is_live)
        .unwrap();
    assert!(top.bitrate_bps > 300 * 8 * 1_000 / 33 * 9 / 10, "{top:?}");
}

#[test]
fn a_layer_that_stops_is_left_out_within_a_second_and_comes_back_with_its_first_packet() {
    let mut stand = Stand::begun();
    stand.run(&[0, 1, 2], Duration::from_secs(1));
    assert_eq!(stand.live(), ["q", "h", "f"]);
    stand.run(&[0, 1], Duration::from_millis(600));
    assert_eq!(stand.live(), ["q", "h", "f"]);
    stand.run(&[0, 1], Duration::from_millis(350));
    assert_eq!(stand.live(), ["q", "h"]);
    stand.send(2, DELTA);
    assert_eq!(stand.live(), ["q", "h", "f"]);
}

#[test]
fn a_still_screen_and_an_ended_camera_stop_no_layer() {
    let mut stand = Stand::begun();
    stand.run(&[0, 1, 2], Duration::from_secs(1));
    // One picture a second, the encodings one after the other.
    for _ in 0..5 {
        for place in 0..3 {
            stand.send(place, DELTA);
            assert_eq!(stand.live(), ["q", "h", "f"]);
            stand.now += Duration::from_millis(20);
        }
        stand.now += Duration::from_secs(1);
    }
    stand.now += Duration::from_mins(1);
    stand.send(0, DELTA);
    assert_eq!(stand.live(), ["q", "h", "f"]);
}

#[test]
fn changes_of_layers_are_told_once_and_not_too_often() {
    let mut stand = Stand::chromium();
    assert!(!stand.publisher.layers_changed(stand.now));
    stand.send(0, PARAMETERS[0]);
    assert_eq!(stand.publisher.due(stand.now), Some(stand.now));
    assert!(stand.publisher.layers_changed(stand.now));
    assert!(!stand.publisher.layers_changed(stand.now));
    let told = stand.now;
    stand.now += FRAME;
    stand.send(1, PARAMETERS[1]);
    assert!(!stand.publisher.layers_changed(stand.now));
    assert_eq!(
        stand.publisher.due(stand.now),
        Some(told + Duration::from_millis(500))
    );
    assert!(
        stand
            .publisher
            .layers_changed(told + Duration::from_millis(500))
    );
    // Steady figures are no change.
    stand.run(&[0, 1], Duration::from_secs(6));
    stand.publisher.layers_changed(stand.now);
    let mut changes = 0;
    for _ in 0..20 {
        stand.run(&[0, 1], Duration::from_secs(1));
        changes += u32::from(stand.publisher.layers_changed(stand.now));
    }
    assert_eq!(changes, 0);
}

#[test]
fn an_encoding_is_known_by_its_ssrc_after_it_has_named_itself() {
    let mut stand = Stand::chromium();
    for (place, parameters) in PARAMETERS.into_iter().enumerate() {
        stand.send(place, parameters);
        stand.encoders[place].1 = None;
        stand.send(place, DELTA);
    }
    let tracks: Vec<_> = stand
        .publisher
        .pending
        .iter()
        .map(|packet| packet.track)
        .collect();
    assert_eq!(
        tracks,
        [0, 0, 1, 1, 2, 2].map(track),
        "in the order of arrival"
    );
    // One that has never named itself belongs nowhere; neither does one with a name that was not taken.
    for rid in [None, Some(Rid::from("x"))] {
        stand.encoders[0] = (900, rid, 1);
        let dropped = stand.counters.packets_dropped;
        stand.send(0, DELTA);
        assert_eq!(stand.counters.packets_dropped, dropped + 1);
    }
    assert_eq!(stand.publisher.pending.len(), 6);
}

#[test]
fn without_subscribers_nothing_waits_and_a_viewer_can_begin_all_the_same() {
    let mut stand = Stand::chromium();
    stand.publisher.subscribers.clear();
    stand.send(1, DELTA);
    stand.send(1, PARAMETERS[1]);
    stand.send(1, PICTURE_PARAMETERS);
    stand.send(1, IDR);
    assert!(stand.publisher.pending.is_empty());
    let ring = stand.publisher.ring(track(1)).unwrap();
    let (epoch, sequence) = ring.start(stand.now).unwrap();
    assert_eq!((epoch, sequence), (0, 70_001));
    assert_eq!(ring.after(epoch, sequence).count(), 3);
    assert_eq!(
        stand.publisher.ring(track(0)).unwrap().start(stand.now),
        None
    );
}

#[test]
fn another_source_of_an_encoding_is_another_epoch_of_that_track_alone() {
    let mut stand = Stand::begun();
    stand.now += Duration::from_millis(350);
    stand.encoders[1].0 = 500;
    stand.encoders[1].2 = 5;
    stand.send(1, DELTA);
    let newest = stand.publisher.pending.last().unwrap();
    assert_eq!(
        (newest.track, newest.epoch, newest.sequence),
        (track(1), 1, 5)
    );
    let asked: Vec<_> = stand.publisher.take_key_frame_requests(stand.now).collect();
    assert_eq!(asked, [500], "subscribers go over with a key frame");
    // The old one is not heard any more.
    stand.encoders[1].0 = 101;
    stand.send(1, DELTA);
    assert_eq!(stand.counters.packets_dropped, 1);
}

#[test]
fn key_frames_are_asked_of_one_encoding_at_a_time_and_served_by_its_own() {
    let mut stand = Stand::chromium();
    let interval = Settings::default().key_frame_request_interval;
    stand.publisher.want_key_frame(track(1));
    assert_eq!(
        stand.publisher.take_key_frame_requests(stand.now).count(),
        0,
        "nobody to ask"
    );
    for place in 0..3 {
        stand.send(place, DELTA);
    }
    let taken = |stand: &mut Stand| -> Vec<u32> {
        stand.publisher.take_key_frame_requests(stand.now).collect()
    };
    assert_eq!(taken(&mut stand), [101]);
    stand.publisher.want_key_frame(track(1));
    stand.publisher.want_key_frame(track(2));
    assert_eq!(taken(&mut stand), [102]);
    stand.now += interval;
    assert_eq!(taken(&mut stand), [101]);
    for place in 0..3 {
        stand.publisher.wait_key_frame(track(place));
    }
    stand.send(1, PARAMETERS[1]);
    stand.now += interval;
    assert_eq!(taken(&mut stand), [100, 102]);
}

#[test]
fn a_voice_is_told_by_the_levels_of_the_audio() {
    let mut stand = Stand::chromium();
    stand.number = 111;
    let mut told = Vec::new();
    for packet in 0..100 {
        let mut incoming = stand.incoming(0, &[0xf8]);
        let level = if packet < 25 { 30 } else { 90 };
        incoming.sequence = packet;
        // The top bit is the sender's own opinion.
        incoming.extensions.audio_level = Some(0x80 | level);
        stand
            .publisher
            .take(incoming, &mut stand.counters, stand.now);
        stand.now += Duration::from_millis(20);
        told.extend(stand.publisher.voice_change(stand.now));
    }
    assert!(
        matches!(told.as_slice(), [(true, 30), (false, 90)]),
        "{told:?}"
    );
    let bitrate_bps = stand.publisher.audio().unwrap().bitrate_bps(stand.now);
    assert!((370..=400).contains(&bitrate_bps), "{bitrate_bps}");
    assert!(
        stand
            .publisher
            .ring(Track::AUDIO)
            .unwrap()
            .get(0, 99)
            .is_some()
    );
}

#[test]
fn vp8_says_where_its_pictures_are_numbered() {
    let mut stand = Stand::chromium();
    stand.number = 96;
    let mut payload = vec![
        0x90, 0xe0, 0x81, 0x23, 7, 0x40, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a,
    ];
    payload.extend([0x80, 2, 0x68, 1, 0, 0]);
    stand.send(0, &payload);
    let packet = stand.publisher.pending.last().unwrap();
    let picture = packet.picture.unwrap();
    let id = PictureId {
        offset: 2,
        value: 0x123,
        is_long: true,
    };
    assert_eq!((picture.id, picture.tl0), (Some(id), Some((4, 7))));
    let layer = &stand.publisher.video()[0];
    assert!(packet.is_start && (layer.width, layer.height) == (640, 360));
    assert!(
        stand
            .publisher
            .ring(track(0))
            .unwrap()
            .start(stand.now)
            .is_some()
    );
}
