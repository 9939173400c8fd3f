//! A stage on two workers: the publisher on one, viewers on both, packets between them in parcels.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "what is not between the workers stays where it is"
)]

use std::time::Duration;

use model::ConnectionId;
use sfu::{Input, Output, PeerFault, VideoWant, Want};
use str0m::media::MediaKind::{Audio, Video};

use crate::camera::{Camera, Encoder, is_continuous, places, seen};
use crate::client::Packet;
use crate::inlets;
use crate::media::{key_frame, predicted_frame, redundant};
use crate::network::{Leg, Network, settings};
use crate::offers;

/// The number of the other worker.
const AWAY: usize = 1;
const PUBLISHER: ConnectionId = ConnectionId(1);
const PICTURE: Duration = Duration::from_millis(33);

struct Pair {
    home: Network,
    away: Network,
    /// Whether packets get lost between the two for want of room.
    is_full: bool,
    /// Times that the other worker has asked for key frames.
    key_frames: usize,
    /// Parcels that have crossed.
    parcels: usize,
}

impl Pair {
    /// Two workers, and the publisher on the first.
    fn new(offer: &str) -> Self {
        let mut home = Network::new(settings());
        home.publish(1, offer);
        home.connect();
        let mut away = Network::new(settings());
        away.now = home.now;
        Self {
            home,
            away,
            is_full: false,
            key_frames: 0,
            parcels: 0,
        }
    }

    /// The other worker asks for the publisher.
    fn open(&mut self) {
        let (publisher, to) = (PUBLISHER, AWAY);
        let input = Input::RelayOpen { publisher, to };
        self.home.sfu.handle(input, self.home.now);
        self.settle();
    }

    fn subscribe_away(&mut self, id: u64) {
        self.away
            .subscribe(id, PUBLISHER.0, offers::CHROMIUM_SUBSCRIBE);
        self.away.connect();
        self.run(self.away.now.mono - self.home.now.mono);
    }

    /// Carries between the workers what they have for each other, until nothing moves.
    fn settle(&mut self) {
        loop {
            self.home.settle();
            self.away.settle();
            let there = self.carry_away();
            let back = self.carry_home();
            if !there && !back {
                return;
            }
        }
    }

    fn carry_away(&mut self) -> bool {
        let now = self.away.now;
        let mut has_moved = false;
        for output in std::mem::take(&mut self.home.told) {
            let input = match output {
                Output::RelayOpened {
                    publisher,
                    to: AWAY,
                    description: Some(description),
                } => Input::Mirror {
                    publisher,
                    description,
                },
                Output::Relay {
                    publisher,
                    to: AWAY,
                    packets,
                } if self.is_full => {
                    let tracks = packets.videos();
                    let input = Input::KeyFrameWanted { publisher, tracks };
                    self.home.sfu.handle(input, self.home.now);
                    continue;
                }
                Output::Relay {
                    publisher,
                    to: AWAY,
                    packets,
                } => {
                    self.parcels += 1;
                    Input::Relayed { publisher, packets }
                }
                Output::RelayClosed {
                    publisher,
                    to: AWAY,
                } => Input::MirrorClose { publisher },
                other => {
                    self.home.told.push(other);
                    continue;
                }
            };
            has_moved = true;
            self.away.sfu.handle(input, now);
        }
        has_moved
    }

    fn carry_home(&mut self) -> bool {
        let now = self.home.now;
        let mut has_moved = false;
        for output in std::mem::take(&mut self.away.told) {
            let input = match output {
                Output::KeyFrame { publisher, tracks } => {
                    self.key_frames += 1;
                    Input::KeyFrameWanted { publisher, tracks }
                }
                Output::MirrorIdle { publisher } => Input::RelayClose {
                    publisher,
                    to: AWAY,
                },
                other => {
                    self.away.told.push(other);
                    continue;
                }
            };
            has_moved = true;
            self.home.sfu.handle(input, now);
        }
        has_moved
    }

    /// Lets time pass on both.
    fn run(&mut self, duration: Duration) {
        let end = self.home.now.mono + duration;
        while self.home.now.mono < end {
            let step = Duration::from_millis(3).min(end - self.home.now.mono);
            self.home.run(step);
            self.settle();
            self.away.run(
                self.home
                    .now
                    .mono
                    .saturating_duration_since(self.away.now.mono),
            );
            self.settle();
        }
    }

    fn frame(&mut self, payloads: &[Vec<u8>], timestamp: u32) {
        self.home.frame(payloads, timestamp);
        self.settle();
        self.run(PICTURE);
    }

    fn film(&mut self, camera: &mut Camera, duration: Duration) {
        let end = self.home.now.mono + duration;
        while self.home.now.mono < end {
            camera.shoot(&mut self.home);
            self.settle();
            self.run(PICTURE);
        }
    }

    fn want(&mut self, feed: u64, video: VideoWant) {
        let connection = ConnectionId(feed);
        let wants = vec![Want {
            publisher: PUBLISHER,
            audio: true,
            video: Some(video),
        }];
        let now = self.away.now;
        self.away.sfu.handle(Input::Want { connection, wants }, now);
        self.settle();
    }

    /// Whose media the slots of a feed carry, as it was told last.
    fn bound(&self, feed: u64) -> Option<Vec<ConnectionId>> {
        self.away.told.iter().rev().find_map(|output| match output {
            Output::Bound {
                connection,
                bindings,
            } if connection.0 == feed => Some(bindings.iter().map(|slot| slot.publisher).collect()),
            _ => None,
        })
    }
}

/// What a viewer got of video, by number.
fn video_of(net: &mut Network, viewer: u64) -> Vec<Vec<u8>> {
    let mut received = net.client(viewer).received_of(Video);
    received.sort_by_key(|packet| *packet.seq_no);
    let numbers: Vec<_> = received.iter().map(|packet| *packet.seq_no).collect();
    assert!(
        numbers.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{viewer}: {numbers:?}"
    );
    let payloads = received.iter().map(|packet| packet.payload.to_vec());
    payloads.collect()
}

/// Viewer 2 beside the publisher, viewer 3 on the other worker, both past the first key frame.
fn stage() -> (Pair, Vec<Vec<u8>>) {
    let mut pair = Pair::new(offers::FFMPEG_PASSIVE);
    pair.home.subscribe(2, 1, offers::CHROMIUM_SUBSCRIBE);
    pair.home.connect();
    pair.open();
    pair.subscribe_away(3);
    let first = key_frame(640, 360);
    pair.frame(&first, 0);
    (pair, first)
}

#[test]
fn viewers_of_another_worker_get_the_same_media() {
    let (mut pair, mut sent) = stage();
    for frame in 1..40 {
        let payloads = predicted_frame(5);
        pair.frame(&payloads, 3_000 * frame);
        sent.extend(payloads);
    }
    assert!(video_of(&mut pair.home, 2) == sent);
    assert!(video_of(&mut pair.away, 3) == sent);
    let relayed = pair.home.sfu.counters().packets_relayed;
    assert_eq!(relayed, u64::try_from(sent.len()).unwrap());
}

#[test]
fn redundant_sound_crosses_and_each_viewer_gets_what_it_takes() {
    let mut pair = Pair::new(offers::CHROMIUM_PUBLISH);
    pair.open();
    pair.subscribe_away(2);
    let plain = offers::CHROMIUM_SUBSCRIBE.replace("red/48000/2", "x-red/48000/2");
    pair.away.subscribe(3, PUBLISHER.0, &plain);
    pair.away.connect();
    pair.run(pair.away.now.mono - pair.home.now.mono);
    let payload = redundant(111, &[(960, &[1; 40])], &[2; 50]);
    let packet = Packet {
        payload: &payload,
        timestamp: 960,
        marker: false,
    };
    pair.home.send(1, Audio, 63, &[packet]);
    pair.settle();
    for (viewer, number, expected) in [(2, 63, payload.as_slice()), (3, 111, &[2; 50])] {
        let received = &pair.away.client(viewer).received;
        let [packet] = received.as_slice() else {
            panic!("{} packets", received.len());
        };
        assert_eq!(*packet.header.payload_type, number);
        assert_eq!(*packet.payload, *expected);
    }
}

#[test]
fn packets_cross_once_whatever_the_number_of_viewers() {
    let (mut pair, sent) = stage();
    for viewer in 4..8 {
        pair.subscribe_away(viewer);
    }
    let before = pair.home.sfu.counters().packets_relayed;
    let payloads = key_frame(640, 360);
    pair.frame(&payloads, 3_000);
    let relayed = pair.home.sfu.counters().packets_relayed - before;
    assert_eq!(relayed, u64::try_from(payloads.len()).unwrap());
    for viewer in 4..8 {
        let video = video_of(&mut pair.away, viewer);
        assert!(video.ends_with(&payloads), "viewer {viewer}");
    }
    assert!(video_of(&mut pair.away, 3) == [sent, payloads].concat());
}

#[test]
fn packets_lost_on_the_way_to_a_viewer_of_another_worker_come_again_from_there() {
    let (mut pair, mut sent) = stage();
    let mut count = 0;
    pair.away.filter = Box::new(move |leg, contents| {
        if leg != Leg::Down(ConnectionId(3)) || contents[0] < 128 || contents.len() < 300 {
            return true;
        }
        count += 1;
        count % 10 != 0
    });
    for frame in 1..60 {
        let payloads = predicted_frame(5);
        pair.frame(&payloads, 3_000 * frame);
        sent.extend(payloads);
    }
    pair.run(Duration::from_secs(1));
    assert!(video_of(&mut pair.away, 3) == sent);
    assert!(pair.away.sfu.counters().packets_retransmitted > 10);
    assert_eq!(pair.home.sfu.counters().packets_retransmitted, 0);
}

#[test]
fn a_first_viewer_of_another_worker_begins_with_the_newest_key_frame() {
    let mut pair = Pair::new(offers::FFMPEG_PASSIVE);
    let mut sent = key_frame(640, 360);
    pair.frame(&sent, 0);
    for frame in 1..4 {
        let payloads = predicted_frame(2);
        pair.frame(&payloads, 3_000 * frame);
        sent.extend(payloads);
    }
    pair.open();
    pair.subscribe_away(3);
    pair.run(PICTURE);
    assert!(video_of(&mut pair.away, 3) == sent);
    assert_eq!(pair.key_frames, 0);
}

#[test]
fn layers_are_switched_on_another_worker_by_key_frames_that_are_asked_for_across() {
    for encoder in [Encoder::H264, Encoder::Vp8] {
        let mut pair = Pair::new(offers::CHROMIUM_SIMULCAST);
        let mut camera = Camera::simulcast(1, encoder);
        pair.film(&mut camera, Duration::from_secs(3));
        let before = camera.key_frames;
        pair.open();
        pair.subscribe_away(3);
        pair.film(&mut camera, Duration::from_secs(8));
        let seen = seen(&mut pair.away, 3);
        is_continuous(&seen);
        let order = places(&seen);
        assert_eq!(
            (order.first(), order.last()),
            (Some(&0), Some(&2)),
            "{order:?}"
        );
        assert!(pair.key_frames > 0);
        assert!(camera.key_frames > before);
    }
}

#[test]
fn the_end_of_a_publisher_is_told_on_another_worker() {
    let (mut pair, _) = stage();
    pair.away.feed(9, offers::CHROMIUM_SUBSCRIBE);
    pair.away.connect();
    pair.want(9, VideoWant::default());
    assert_eq!(pair.bound(9), Some(vec![PUBLISHER; 2]));
    let connection = PUBLISHER;
    let now = pair.home.now;
    pair.home.sfu.handle(Input::Close { connection }, now);
    pair.settle();
    assert_eq!(pair.bound(9), Some(Vec::new()));
    // There is none any more.
    let (publisher, to) = (PUBLISHER, AWAY);
    pair.home
        .sfu
        .handle(Input::RelayOpen { publisher, to }, now);
    let refused = std::iter::from_fn(|| pair.home.sfu.poll_output()).any(|output| {
        matches!(
            output,
            Output::RelayOpened {
                description: None,
                ..
            }
        )
    });
    assert!(refused);
}

#[test]
fn a_feed_gets_what_it_wants_once_it_is_mirrored() {
    let mut pair = Pair::new(offers::FFMPEG_PASSIVE);
    pair.away.feed(9, offers::CHROMIUM_SUBSCRIBE);
    pair.away.connect();
    pair.want(9, VideoWant::default());
    assert_eq!(pair.bound(9), None);
    pair.run(pair.away.now.mono - pair.home.now.mono);
    pair.open();
    assert_eq!(pair.bound(9), Some(vec![PUBLISHER; 2]));
    pair.frame(&key_frame(640, 360), 0);
    assert!(video_of(&mut pair.away, 9) == key_frame(640, 360));
}

#[test]
fn packets_lost_between_workers_are_followed_by_a_key_frame() {
    let (mut pair, _) = stage();
    pair.run(Duration::from_secs(1));
    pair.home.client(1).key_frame_requests = 0;
    pair.is_full = true;
    pair.frame(&predicted_frame(5), 90_000);
    pair.is_full = false;
    assert!(pair.home.client(1).key_frame_requests > 0);
    let payloads = key_frame(640, 360);
    pair.frame(&payloads, 93_000);
    pair.run(Duration::from_secs(1));
    let received = pair.away.client(3).received_of(Video);
    let last = received.iter().rev().take(payloads.len()).rev();
    let last: Vec<_> = last.map(|packet| packet.payload.to_vec()).collect();
    assert!(last == payloads);
}

#[test]
fn a_mirror_that_nobody_wants_goes_and_gets_no_more_packets() {
    let (mut pair, _) = stage();
    let connection = ConnectionId(3);
    let now = pair.away.now;
    pair.away.sfu.handle(Input::Close { connection }, now);
    pair.away.clients.remove(&connection);
    pair.run(Duration::from_secs(5));
    let before = pair.parcels;
    pair.frame(&predicted_frame(5), 900_000);
    assert_eq!(pair.parcels, before);
    // A door that has asked for it late finds none.
    let publisher = PUBLISHER;
    let offer = sfu::Offer::parse(offers::CHROMIUM_SUBSCRIBE, sfu::Direction::Subscribe).unwrap();
    let connection = ConnectionId(4);
    pair.away.sfu.handle(
        Input::Subscribe {
            connection,
            publisher,
            offer,
        },
        pair.away.now,
    );
    let answer =
        std::iter::from_fn(|| pair.away.sfu.poll_output()).find_map(|output| match output {
            Output::Answer { result, .. } => Some(result),
            _ => None,
        });
    assert_eq!(answer, Some(Err(PeerFault::PublisherGone)));
}

#[test]
fn packets_of_a_publisher_that_is_not_mirrored_are_dropped() {
    let (mut pair, _) = stage();
    let publisher = PUBLISHER;
    let now = pair.away.now;
    pair.away.sfu.handle(Input::MirrorClose { publisher }, now);
    let before = pair.away.client(3).received.len();
    pair.frame(&key_frame(640, 360), 3_000);
    assert_eq!(pair.away.client(3).received.len(), before);
    assert_eq!(pair.away.sfu.counters().panics, 0);
}

#[test]
fn viewers_of_an_inlet_on_another_worker_begin_with_what_is_kept_too() {
    let home = Network::new(settings());
    let mut away = Network::new(settings());
    away.now = home.now;
    let mut pair = Pair {
        home,
        away,
        is_full: false,
        key_frames: 0,
        parcels: 0,
    };
    let mut encoder = inlets::Encoder::new(1, &[inlets::Encoding(640, 360, 600_000)], 300);
    let input = Input::Inlet {
        connection: PUBLISHER,
        description: encoder.description(),
    };
    pair.home.sfu.handle(input, pair.home.now);
    let film = |pair: &mut Pair, encoder: &mut inlets::Encoder, pictures: u32| {
        for _ in 0..pictures {
            encoder.shoot(&mut pair.home);
            pair.settle();
            pair.run(PICTURE);
        }
    };
    film(&mut pair, &mut encoder, 90);
    pair.open();
    pair.away
        .subscribe(2, PUBLISHER.0, offers::CHROMIUM_SUBSCRIBE);
    film(&mut pair, &mut encoder, 120);
    let shown = encoder.shown(&mut pair.away, 2);
    assert_eq!(
        shown.first().map(|first| (first.picture, first.is_key)),
        Some((0, true))
    );
    assert_eq!(shown.last().map(|last| last.picture), Some(209));
    assert_eq!(
        (pair.key_frames, pair.home.sfu.counters().key_frame_requests),
        (0, 0)
    );
    // What gets lost between the workers ends nothing for good.
    pair.is_full = true;
    film(&mut pair, &mut encoder, 3);
    pair.is_full = false;
    let before = pair.away.client(2).received_of(Video).len();
    film(&mut pair, &mut encoder, 100);
    assert!(pair.away.client(2).received_of(Video).len() > before + 20);
    assert_eq!(pair.key_frames, 0);
}
