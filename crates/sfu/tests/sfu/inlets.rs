//! Publishers without a connection: what is packetised is what viewers get, whenever they come.

mod catch_up;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use model::ConnectionId;
use sfu::{
    InletDescription, InletVideo, Input, LayerLabel, Output, Packetiser, PeerFault, VideoWant, Want,
};
use str0m::media::MediaKind::{Audio, Video};

use crate::link::Weather;
use crate::media::{slice, sps};
use crate::network::{Leg, Network, settings};
use crate::offers;

const PICTURE: Duration = Duration::from_micros(33_333);
const PPS: &[u8] = &[0x68, 0xce, 0x3c, 0x80];

/// One encoding: pixels, bits per second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encoding(pub(crate) u32, pub(crate) u32, pub(crate) u64);

const ONE: &[Encoding] = &[Encoding(1280, 720, 2_500_000)];
const THREE: &[Encoding] = &[
    Encoding(320, 180, 150_000),
    Encoding(640, 360, 500_000),
    Encoding(1280, 720, 1_500_000),
];

/// What encodes, and sends by an inlet.
pub(crate) struct Encoder {
    id: u64,
    packetiser: Packetiser,
    encodings: Vec<Encoding>,
    /// Pictures from one key frame to the next.
    gop: u32,
    picture: u32,
    /// Of the source: its first picture and when that was shot.
    first: u32,
    /// Every picture's slice, by encoding and number.
    shot: BTreeMap<(u8, u32), Vec<u8>>,
    /// Whether what is packetised reaches the worker.
    is_through: bool,
    /// Of the sound, in -dBov.
    level: u8,
}

/// A picture as a viewer has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    pub(crate) layer: u8,
    pub(crate) picture: u32,
    pub(crate) is_key: bool,
    pub(crate) timestamp: u32,
    /// When its last packet came.
    pub(crate) at: Instant,
}

impl Encoder {
    pub(crate) fn new(id: u64, encodings: &[Encoding], gop: u32) -> Self {
        Self {
            id,
            packetiser: Packetiser::new(encodings.len()),
            encodings: encodings.to_vec(),
            gop,
            picture: 0,
            first: 0,
            shot: BTreeMap::new(),
            is_through: true,
            level: 127,
        }
    }

    pub(crate) fn description(&self) -> InletDescription {
        let names = ["low", "mid", "hi"];
        let video = names
            .iter()
            .take(self.encodings.len())
            .map(|name| InletVideo {
                label: LayerLabel::parse(name).unwrap(),
                profile_level: [100, 0, 31],
            });
        InletDescription {
            audio: true,
            video: video.collect(),
        }
    }

    /// One picture of each encoding, and the sound of its time.
    pub(crate) fn shoot(&mut self, net: &mut Network) {
        let is_key = (self.picture - self.first).is_multiple_of(self.gop);
        let at = PICTURE * (self.picture - self.first);
        let now = net.now.mono;
        for (layer, Encoding(width, height, bps)) in self.encodings.clone().into_iter().enumerate()
        {
            let bytes = usize::try_from(bps / 240).unwrap() * if is_key { 5 } else { 1 };
            let mut nal = slice(is_key, if is_key { 2 } else { 0 }, bytes);
            let place = u8::try_from(layer).unwrap();
            nal.push(place);
            nal.extend(self.picture.to_be_bytes());
            if is_key {
                let sps = sps(width, height);
                self.packetiser
                    .parameter_sets(layer, &[sps.as_slice()], &[PPS]);
            }
            self.packetiser.picture(layer, &[&nal], is_key, at, now);
            self.shot.insert((place, self.picture), nal);
        }
        for half in 0..2 {
            let frame = (self.picture - self.first) * 2 + half;
            if frame.is_multiple_of(6) || frame % 6 < 4 {
                self.packetiser.opus(&[0x78, 1, 2, 3], self.level, at, now);
            }
        }
        self.picture += 1;
        self.deliver(net);
    }

    fn deliver(&mut self, net: &mut Network) {
        let connection = ConnectionId(self.id);
        for packets in self.packetiser.take() {
            if self.is_through {
                let input = Input::InletPackets {
                    connection,
                    packets,
                };
                net.sfu.handle(input, net.now);
            }
        }
        net.settle();
    }

    /// Another source goes on in the place of this one.
    fn fail_over(&mut self) {
        self.packetiser.next_source();
        self.first = self.picture;
    }

    pub(crate) fn film(&mut self, net: &mut Network, duration: Duration) {
        let end = net.now.mono + duration;
        while net.now.mono < end {
            self.shoot(net);
            net.run(PICTURE);
        }
    }

    /// The pictures that a viewer has, in order: each is what was shot, can be decoded after the one before it, and is dated
    /// later. No number is left out.
    pub(crate) fn shown(&self, net: &mut Network, viewer: u64) -> Vec<Shown> {
        let mut packets: Vec<_> = net.client(viewer).received_of(Video);
        packets.sort_by_key(|packet| *packet.seq_no);
        let mut shown: Vec<Shown> = Vec::new();
        let mut nals: Vec<Vec<u8>> = Vec::new();
        for (at, packet) in packets.iter().enumerate() {
            if at > 0 {
                let before = *packets[at - 1].seq_no;
                assert_eq!(*packet.seq_no, before + 1, "a number is left out");
                let is_same = packets[at - 1].header.timestamp == packet.header.timestamp;
                assert_eq!(is_same, !packets[at - 1].header.marker);
            }
            unpack(&packet.payload, &mut nals);
            if !packet.header.marker {
                continue;
            }
            let picture = nals.pop().unwrap();
            let is_key = picture[0] & 0x1f == 5;
            assert_eq!(nals.len(), if is_key { 2 } else { 0 }, "parameter sets");
            nals.clear();
            let (_, number) = picture.split_last_chunk::<4>().unwrap();
            let number = u32::from_be_bytes(*number);
            let layer = picture[picture.len() - 5];
            assert!(self.shot[&(layer, number)] == picture, "other bytes");
            if let Some(before) = shown.last() {
                let follows = before.layer == layer && before.picture + 1 == number;
                assert!(is_key || follows, "{number} of {layer} after {before:?}");
                let ahead = packet.header.timestamp.wrapping_sub(before.timestamp);
                assert!(
                    ahead > 0 && ahead < 1 << 31,
                    "{number} is dated before {before:?}"
                );
            } else {
                assert!(is_key, "begins with {number}");
            }
            shown.push(Shown {
                layer,
                picture: number,
                is_key,
                timestamp: packet.header.timestamp,
                at: packet.timestamp,
            });
        }
        shown
    }
}

/// Takes a payload apart (RFC 6184).
pub(crate) fn unpack(payload: &[u8], nals: &mut Vec<Vec<u8>>) {
    assert!(payload.len() <= 1_200);
    match payload[0] & 0x1f {
        24 => {
            let mut rest = &payload[1..];
            while let Some((length, after)) = rest.split_first_chunk::<2>() {
                let length = usize::from(u16::from_be_bytes(*length));
                nals.push(after[..length].to_vec());
                rest = &after[length..];
            }
        }
        28 => {
            if payload[1] & 0x80 != 0 {
                nals.push(vec![payload[0] & 0xe0 | payload[1] & 0x1f]);
            }
            nals.last_mut().unwrap().extend_from_slice(&payload[2..]);
        }
        _ => nals.push(payload.to_vec()),
    }
}

/// An inlet, number 1.
fn world(encodings: &[Encoding], gop: u32) -> (Network, Encoder) {
    let mut net = Network::new(settings());
    let encoder = Encoder::new(1, encodings, gop);
    let input = Input::Inlet {
        connection: ConnectionId(1),
        description: encoder.description(),
    };
    net.sfu.handle(input, net.now);
    (net, encoder)
}

/// A viewer comes while the encoder goes on; gives back when it was connected.
fn join(net: &mut Network, encoder: &mut Encoder, viewer: u64) -> Instant {
    net.subscribe(viewer, 1, offers::CHROMIUM_SUBSCRIBE);
    for _ in 0..60 {
        encoder.film(net, PICTURE);
        if net.has_connected(viewer) {
            return net.now.mono;
        }
    }
    panic!("not connected");
}

fn is_live(shown: &[Shown], encoder: &Encoder) {
    let last = shown.last().unwrap();
    assert_eq!(last.picture + 1, encoder.picture, "{last:?}");
}

/// The same with some pictures still on their way.
fn is_live_within(shown: &[Shown], encoder: &Encoder, pictures: u32) {
    let last = shown.last().unwrap();
    assert!(
        last.picture + pictures >= encoder.picture,
        "{last:?} of {}",
        encoder.picture
    );
}

#[test]
fn another_source_is_gone_over_to_at_its_key_frame_without_a_gap() {
    let (mut net, mut encoder) = world(ONE, 60);
    encoder.film(&mut net, Duration::from_millis(500));
    join(&mut net, &mut encoder, 2);
    encoder.film(&mut net, Duration::from_secs(1));
    encoder.fail_over();
    let from = encoder.picture;
    encoder.film(&mut net, Duration::from_secs(1));
    let shown = encoder.shown(&mut net, 2);
    is_live(&shown, &encoder);
    assert!(
        shown
            .iter()
            .any(|shown| shown.picture == from && shown.is_key)
    );
    let sounds = net.client(2).received_of(Audio);
    let mut numbers: Vec<_> = sounds.iter().map(|packet| *packet.seq_no).collect();
    numbers.sort_unstable();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
}

#[test]
fn what_the_worker_never_got_is_asked_for_by_nobody() {
    let (mut net, mut encoder) = world(ONE, 60);
    net.subscribe(2, 1, offers::CHROMIUM_SUBSCRIBE);
    net.connect();
    encoder.film(&mut net, Duration::from_secs(1));
    encoder.is_through = false;
    encoder.film(&mut net, Duration::from_millis(200));
    encoder.is_through = true;
    encoder.film(&mut net, Duration::from_secs(2));
    // Nothing is broken, and no number is left out.
    let shown = encoder.shown(&mut net, 2);
    is_live(&shown, &encoder);
    assert_eq!(net.sfu.counters().retransmissions_refused, 0);
}

#[test]
fn layers_of_an_inlet_are_gone_up_and_down_without_a_broken_picture() {
    let (mut net, mut encoder) = world(THREE, 60);
    encoder.film(&mut net, Duration::from_millis(700));
    net.place(
        2,
        Weather {
            bps: Some(5_000_000),
            ..Weather::FINE
        },
    );
    join(&mut net, &mut encoder, 2);
    encoder.film(&mut net, Duration::from_secs(15));
    let shown = encoder.shown(&mut net, 2);
    assert_eq!(shown.first().unwrap().layer, 0);
    assert_eq!(shown.last().unwrap().layer, 2);
    is_live_within(&shown, &encoder, 3);
    net.weather(2).bps = Some(400_000);
    encoder.film(&mut net, Duration::from_secs(6));
    net.weather(2).bps = Some(5_000_000);
    encoder.film(&mut net, Duration::from_secs(1));
    assert_eq!(lowest_at_end(&encoder, &mut net), 0);
}

/// The layer that comes last, whatever got lost.
fn lowest_at_end(encoder: &Encoder, net: &mut Network) -> u8 {
    let mut packets = net.client(2).received_of(Video);
    packets.sort_by_key(|packet| *packet.seq_no);
    let mut nals = vec![Vec::new()];
    let mut last = None;
    for packet in packets {
        unpack(&packet.payload, &mut nals);
        if packet.header.marker
            && let Some(nal) = nals.pop().filter(|nal| nal.len() > 5)
        {
            last = Some(nal[nal.len() - 5])
                .filter(|layer| usize::from(*layer) < encoder.encodings.len());
        }
    }
    last.unwrap()
}

#[test]
fn an_inlet_that_is_closed_is_gone_for_its_viewers_and_for_other_workers() {
    let (mut net, mut encoder) = world(ONE, 60);
    encoder.film(&mut net, Duration::from_millis(500));
    let publisher = ConnectionId(1);
    net.feed(2, &crate::feeds::pool(&[Audio, Video]));
    net.connect();
    let want = Want {
        publisher,
        audio: true,
        video: Some(VideoWant::default()),
    };
    let connection = ConnectionId(2);
    net.sfu.handle(
        Input::Want {
            connection,
            wants: vec![want],
        },
        net.now,
    );
    net.sfu
        .handle(Input::RelayOpen { publisher, to: 1 }, net.now);
    encoder.film(&mut net, Duration::from_millis(500));
    let opened = |output: &Output| {
        matches!(
            output,
            Output::RelayOpened {
                description: Some(_),
                ..
            }
        )
    };
    assert!(net.told.iter().any(opened));
    let relayed = |output: &Output| matches!(output, Output::Relay { .. });
    assert!(net.told.iter().any(relayed));
    assert!(!encoder.shown(&mut net, 2).is_empty());
    net.told.clear();
    net.sfu.handle(
        Input::Close {
            connection: publisher,
        },
        net.now,
    );
    net.settle();
    let is_closed = |output: &Output| matches!(output, Output::RelayClosed { to: 1, .. });
    assert!(net.told.iter().any(is_closed));
    let is_unbound =
        |output: &Output| matches!(output, Output::Bound { bindings, .. } if bindings.is_empty());
    assert!(net.told.iter().any(is_unbound));
    // What comes late is nobody's.
    encoder.film(&mut net, Duration::from_millis(100));
    let input = Input::Subscribe {
        connection: ConnectionId(3),
        publisher,
        offer: sfu::Offer::parse(offers::CHROMIUM_SUBSCRIBE, sfu::Direction::Subscribe).unwrap(),
    };
    net.sfu.handle(input, net.now);
    let refused = net.sfu.poll_output();
    assert!(
        matches!(
            refused,
            Some(Output::Answer {
                result: Err(PeerFault::PublisherGone),
                ..
            })
        ),
        "{refused:?}"
    );
}

#[test]
fn viewers_are_answered_with_the_profile_of_an_inlet_or_with_what_they_have() {
    let baseline_only = offers::CHROMIUM_SUBSCRIBE
        .replace("profile-level-id=42001f", "profile-level-id=42e01f")
        .replace("profile-level-id=4d001f", "profile-level-id=42e01f")
        .replace("profile-level-id=f4001f", "profile-level-id=42e01f");
    for (profile_level, offer, expected) in [
        // Main as x264 writes it, which has constraints that the browser's has not.
        ([77, 0x40, 31], offers::CHROMIUM_SUBSCRIBE, "4d001f"),
        ([66, 0xc0, 31], offers::CHROMIUM_SUBSCRIBE, "42e01f"),
        ([100, 0, 31], offers::CHROMIUM_SUBSCRIBE, "42e01f"),
        ([100, 0, 31], baseline_only.as_str(), "42e01f"),
    ] {
        let mut net = Network::new(settings());
        let mut encoder = Encoder::new(1, ONE, 60);
        let mut description = encoder.description();
        description.video[0].profile_level = profile_level;
        let connection = ConnectionId(1);
        let input = Input::Inlet {
            connection,
            description,
        };
        net.sfu.handle(input, net.now);
        let answer = net.subscribe(2, 1, offer);
        let found = answer.split("profile-level-id=").nth(1).unwrap();
        assert!(found.starts_with(expected), "{profile_level:?}: {found}");
        net.connect();
        encoder.film(&mut net, Duration::from_millis(500));
        is_live(&encoder.shown(&mut net, 2), &encoder);
    }
}

#[test]
fn an_inlet_speaks_by_the_levels_of_its_sound_and_viewers_get_them() {
    let (mut net, mut encoder) = world(ONE, 60);
    join(&mut net, &mut encoder, 2);
    for (level, seconds) in [(127, 1), (30, 2), (127, 2)] {
        encoder.level = level;
        encoder.film(&mut net, Duration::from_secs(seconds));
    }
    let told: Vec<_> = net
        .told
        .iter()
        .filter_map(|output| {
            let Output::Voice {
                connection,
                is_speaking,
                level,
            } = output
            else {
                return None;
            };
            (*connection == ConnectionId(1)).then_some((*is_speaking, *level <= 45))
        })
        .collect();
    assert_eq!(told, [(true, true), (false, false)]);
    let mut levels: Vec<_> = net
        .client(2)
        .received_of(Audio)
        .iter()
        .map(|packet| {
            let values = &packet.header.ext_vals;
            (values.audio_level, values.voice_activity)
        })
        .collect();
    levels.dedup();
    let expected = [(-127, false), (-30, true), (-127, false)];
    assert_eq!(
        levels,
        expected.map(|(level, is_voice)| (Some(level), Some(is_voice)))
    );
}

#[test]
fn an_inlet_may_send_sound_or_pictures_alone() {
    for (audio, layers) in [(true, 0), (false, 1)] {
        let mut net = Network::new(settings());
        let mut encoder = Encoder::new(1, &ONE[..layers], 60);
        let description = InletDescription {
            audio,
            ..encoder.description()
        };
        let connection = ConnectionId(1);
        let input = Input::Inlet {
            connection,
            description,
        };
        net.sfu.handle(input, net.now);
        net.subscribe(2, 1, offers::CHROMIUM_SUBSCRIBE);
        net.connect();
        encoder.film(&mut net, Duration::from_millis(500));
        let came = |kind| !net.clients[&ConnectionId(2)].received_of(kind).is_empty();
        assert_eq!((came(Audio), came(Video)), (audio, layers == 1));
    }
}
