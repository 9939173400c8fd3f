//! Publishers that film: pictures of all their encodings at a steady rate, each packet with a tag that tells it.

use std::time::{Duration, Instant};

use str0m::media::MediaKind::{Audio, Video};
use str0m::rtp::RtpPacket;

use crate::client::{Client, Packet};
use crate::media::{fragments, packets, slice, sps, stap};
use crate::network::Network;

/// Pictures in a second.
const PICTURES: u64 = 30;
/// Between two pictures.
pub(crate) const PICTURE: Duration = Duration::from_micros(33_333);
/// Bytes of a packet at most.
const PACKET_BYTES: usize = 1_100;

/// What encodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoder {
    H264,
    Vp8,
}

/// One encoding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encoding {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) bps: u64,
    /// Whether anything is sent.
    pub(crate) is_on: bool,
}

/// A publisher's camera and microphone.
#[derive(Debug)]
pub(crate) struct Camera {
    pub(crate) id: u64,
    encoder: Encoder,
    number: u8,
    pub(crate) encodings: Vec<Encoding>,
    picture: u32,
    has_begun: Vec<bool>,
    pub(crate) has_sound: bool,
    /// Key frames made so far.
    pub(crate) key_frames: usize,
}

/// What a packet says about itself in its last bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tag {
    pub(crate) publisher: u8,
    pub(crate) place: u8,
    pub(crate) picture: u16,
    pub(crate) part: u8,
    pub(crate) is_key: bool,
}

impl Tag {
    const BYTES: usize = 8;

    fn write(self, payload: &mut Vec<u8>) {
        let [high, low] = self.picture.to_be_bytes();
        let is_key = u8::from(self.is_key);
        let Self {
            publisher,
            place,
            part,
            ..
        } = self;
        // No byte is zero, so that no start code comes about.
        let bytes = [0xa5, publisher, place, high, low, part, is_key, 0x5a];
        payload.extend(bytes);
    }

    fn read(payload: &[u8]) -> Option<Self> {
        let [0xa5, publisher, place, high, low, part, is_key, 0x5a] =
            payload.last_chunk::<{ Self::BYTES }>()?
        else {
            return None;
        };
        Some(Self {
            publisher: *publisher,
            place: *place,
            picture: u16::from_be_bytes([*high, *low]),
            part: *part,
            is_key: *is_key == 1,
        })
    }
}

/// A packet that a viewer got.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) number: u64,
    pub(crate) timestamp: u32,
    pub(crate) tag: Tag,
    pub(crate) at: Instant,
    pub(crate) payload: Vec<u8>,
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {}: {:?}", self.number, self.timestamp, self.tag)
    }
}

impl Camera {
    /// Three H.264 encodings of 150, 500 and 1,500 kbit/s, as of Chromium's offer.
    pub(crate) fn simulcast(id: u64, encoder: Encoder) -> Self {
        let encodings = [
            (320, 180, 150_000),
            (640, 360, 500_000),
            (1280, 720, 1_500_000),
        ];
        Self::new(id, encoder, &encodings)
    }

    pub(crate) fn new(id: u64, encoder: Encoder, encodings: &[(u32, u32, u64)]) -> Self {
        Self {
            id,
            encoder,
            number: match encoder {
                Encoder::H264 => 108,
                Encoder::Vp8 => 96,
            },
            has_begun: vec![false; encodings.len()],
            encodings: encodings
                .iter()
                .map(|(width, height, bps)| Encoding {
                    width: *width,
                    height: *height,
                    bps: *bps,
                    is_on: true,
                })
                .collect(),
            picture: 0,
            has_sound: false,
            key_frames: 0,
        }
    }

    /// Sends one picture of each encoding, and the sound of its time.
    pub(crate) fn shoot(&mut self, net: &mut Network) {
        let now = net.now.mono;
        let client = net.client(self.id);
        let is_simulcast = self.encodings.len() > 1;
        let asked = std::mem::take(&mut client.asked);
        let has_asked = std::mem::take(&mut client.key_frame_requests) > 0;
        for place in 0..self.encodings.len() {
            let encoding = self.encodings[place];
            if !encoding.is_on {
                continue;
            }
            let is_key = !self.has_begun[place]
                || (!is_simulcast && has_asked)
                || asked.iter().any(|rid| *rid == client.rid(place));
            self.has_begun[place] = true;
            self.key_frames += usize::from(is_key);
            let payloads = self.picture(place, is_key);
            for packet in packets(&payloads, 90_000 + 3_000 * self.picture) {
                if is_simulcast {
                    client.send_encoding(place, self.number, packet, now);
                } else {
                    client.send(Video, self.number, packet, now);
                }
            }
        }
        let sounds = |picture: u32| u64::from(picture) * 50 / PICTURES;
        for sound in sounds(self.picture)..sounds(self.picture + 1) {
            if self.has_sound {
                self.sound(client, sound, now);
            }
        }
        self.picture += 1;
        net.settle();
    }

    fn sound(&self, client: &mut Client, sound: u64, now: Instant) {
        let mut payload = vec![0x78; 80];
        Tag {
            publisher: u8::try_from(self.id).unwrap(),
            place: 0xff,
            picture: u16::try_from(sound & 0xffff).unwrap(),
            part: 0,
            is_key: false,
        }
        .write(&mut payload);
        let packet = Packet {
            payload: &payload,
            timestamp: u32::try_from(sound * 960).unwrap(),
            marker: false,
        };
        client.send(Audio, 111, packet, now);
    }

    fn picture(&self, place: usize, is_key: bool) -> Vec<Vec<u8>> {
        let encoding = self.encodings[place];
        let bytes = usize::try_from(encoding.bps / 8 / PICTURES).unwrap();
        // A key frame takes what three others take.
        let bytes = if is_key { bytes * 3 } else { bytes };
        let room = PACKET_BYTES - Tag::BYTES;
        let tag = |part| Tag {
            publisher: u8::try_from(self.id).unwrap(),
            place: u8::try_from(place).unwrap(),
            picture: u16::try_from(self.picture).unwrap(),
            part,
            is_key,
        };
        let is_h264 = self.encoder == Encoder::H264;
        let mut payloads = if is_h264 {
            fragments(&slice(is_key, if is_key { 2 } else { 0 }, bytes), room)
        } else {
            self.vp8(encoding, is_key, bytes, room)
        };
        let has_parameters = is_h264 && is_key;
        for (part, payload) in (u8::from(has_parameters)..).zip(&mut payloads) {
            tag(part).write(payload);
        }
        if has_parameters {
            let mut pps = vec![0x68, 0xce, 0x3c, 0x80];
            tag(0).write(&mut pps);
            payloads.insert(0, stap(&[sps(encoding.width, encoding.height), pps]));
        }
        payloads
    }

    /// With a picture id of 15 bits and TL0PICIDX, each encoding with its own beginnings (RFC 7741).
    fn vp8(&self, encoding: Encoding, is_key: bool, bytes: usize, room: usize) -> Vec<Vec<u8>> {
        let id = u16::try_from((self.picture + encoding.width * 7) & 0x7fff).unwrap();
        let [high, low] = id.to_be_bytes();
        let tl0 = u8::try_from((self.picture + encoding.width) & 0xff).unwrap();
        let mut picture = if is_key {
            let [w0, w1] = u16::try_from(encoding.width).unwrap().to_le_bytes();
            let [h0, h1] = u16::try_from(encoding.height).unwrap().to_le_bytes();
            vec![0x10, 0, 0, 0x9d, 0x01, 0x2a, w0, w1, h0, h1]
        } else {
            vec![0x11, 0, 0]
        };
        picture.resize(bytes.max(picture.len()), 0x55);
        let part = |(at, part): (usize, &[u8])| {
            let start = if at == 0 { 0x90 } else { 0x80 };
            [&[start, 0xe0, 0x80 | high, low, tl0, 0x20], part].concat()
        };
        picture.chunks(room - 6).enumerate().map(part).collect()
    }
}

/// Lets cameras film for a time.
pub(crate) fn film(net: &mut Network, cameras: &mut [&mut Camera], duration: Duration) {
    let end = net.now.mono + duration;
    while net.now.mono < end {
        for camera in &mut *cameras {
            camera.shoot(net);
        }
        net.run(PICTURE);
    }
}

/// What a viewer got of video, or of audio, in one of its streams, by number. Nothing came twice.
pub(crate) fn seen_in(received: &[RtpPacket], ssrc: u32) -> Vec<Seen> {
    let mut seen: Vec<_> = received
        .iter()
        .filter(|packet| *packet.header.ssrc == ssrc)
        .filter_map(|packet| {
            Some(Seen {
                number: *packet.seq_no,
                timestamp: packet.header.timestamp,
                tag: Tag::read(&packet.payload)?,
                at: packet.timestamp,
                payload: packet.payload.to_vec(),
            })
        })
        .collect();
    seen.sort_by_key(|seen| seen.number);
    for pair in seen.windows(2) {
        assert!(
            pair[0].number < pair[1].number,
            "{} came twice",
            pair[0].number
        );
    }
    seen
}

/// The same of the only video of a viewer.
pub(crate) fn seen(net: &mut Network, viewer: u64) -> Vec<Seen> {
    let client = net.client(viewer);
    let video = client.received_of(Video);
    let Some(first) = video.first() else {
        return Vec::new();
    };
    let ssrc = *first.header.ssrc;
    assert!(video.iter().all(|packet| *packet.header.ssrc == ssrc));
    seen_in(&client.received, ssrc)
}

/// A stream is what a decoder takes without asking: no number left out, one timestamp for a picture, later ones for later
/// pictures, and another layer or publisher only from the first packet of a key frame on.
pub(crate) fn is_continuous(seen: &[Seen]) {
    assert!(seen.first().is_some_and(|first| is_start(first.tag)));
    for pair in seen.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        assert_eq!(after.number, before.number + 1, "after {before:?}");
        is_in_order(before, after);
    }
}

/// The same where packets are missing.
pub(crate) fn is_in_order(before: &Seen, after: &Seen) {
    let source = |tag: Tag| (tag.publisher, tag.place);
    let is_same_picture =
        source(before.tag) == source(after.tag) && before.tag.picture == after.tag.picture;
    let later = after.timestamp.wrapping_sub(before.timestamp).cast_signed();
    if is_same_picture {
        assert_eq!(later, 0, "{before:?} {after:?}");
    } else {
        assert!(later > 0, "{before:?} {after:?}");
    }
    let is_next = after.number == before.number + 1;
    let is_switch = is_next && source(before.tag) != source(after.tag);
    assert!(!is_switch || is_start(after.tag), "{before:?} {after:?}");
}

pub(crate) fn is_start(tag: Tag) -> bool {
    tag.is_key && tag.part == 0
}

/// The layers in the order in which they were sent, without repetitions.
pub(crate) fn places(seen: &[Seen]) -> Vec<u8> {
    let mut places: Vec<_> = seen.iter().map(|seen| seen.tag.place).collect();
    places.dedup();
    places
}

/// The layer that came last before a moment.
pub(crate) fn place_at(seen: &[Seen], at: Instant) -> Option<u8> {
    let before = seen.iter().rev().find(|seen| seen.at <= at);
    before.map(|seen| seen.tag.place)
}
