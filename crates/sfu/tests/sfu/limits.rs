//! Limits that are measured on the media itself.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use model::{ConnectionId, ErrorCode};
use sfu::PeerFault;
use str0m::media::MediaKind::{Audio, Video};

use crate::client::Packet;
use crate::media::{fragments, key_frame, main_sps, packets, predicted_frame, slice, sps, stap};
use crate::network::{Leg, Network, settings};
use crate::offers;

/// Sends 30 frames a second of `bytes` each for the time.
fn stream(net: &mut Network, bytes: usize, seconds: u32) {
    for frame in 0..30 * seconds {
        let payloads = fragments(&slice(false, 0, bytes), 1_200);
        net.frame(&payloads, 3_000 * (frame + 1));
        net.run(Duration::from_nanos(33_333_333));
        if net.fault(1).is_some() {
            return;
        }
    }
}

#[test]
fn a_publisher_above_the_bitrate_is_ended_and_told() {
    let mut net = Network::stage(settings(), 1);
    // 9 Mbit/s.
    stream(&mut net, 37_500, 4);
    let fault = PeerFault::Fault(ErrorCode::BitrateExceeded);
    assert_eq!(net.fault(1), Some(fault));
    assert!(net.client(1).is_closed);
    assert_eq!(net.fault(2), None, "its viewers are for others to end");
}

/// The second byte of RTCP (RFC 5761 section 4).
fn is_feedback(contents: &[u8]) -> bool {
    contents[0] >> 6 == 2 && (192..=223).contains(&contents[1])
}

/// One datagram of media and one of feedback, as publisher 1 has sent them.
fn recorded(net: &mut Network) -> [Vec<u8>; 2] {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let recorder = Rc::clone(&seen);
    net.filter = Box::new(move |leg, contents| {
        if leg == Leg::Up(ConnectionId(1)) && contents[0] >> 6 == 2 {
            recorder.borrow_mut().push(contents.to_vec());
        }
        true
    });
    stream(net, 3_000, 2);
    net.filter = Box::new(|_, _| true);
    let seen = seen.borrow();
    [false, true].map(|feedback| {
        let of_kind = seen.iter().find(|sent| is_feedback(sent) == feedback);
        of_kind.expect("one of each kind").clone()
    })
}

// T44: what never becomes a packet of media costs as much to look at.
#[test]
fn t44_a_flood_that_holds_no_media_is_cut_and_ends_nobody() {
    for kind in [0, 1] {
        for (mbps, is_flood) in [(15, false), (19, true), (100, true)] {
            let mut net = Network::stage(settings(), 1);
            net.publish(3, offers::CHROMIUM_PUBLISH);
            net.connect();
            let datagram = recorded(&mut net)[kind].clone();
            let before = net.sfu.counters();
            let each = mbps * 1_000_000 / 8 / 100 / datagram.len();
            for _ in 0..400 {
                let copies = std::iter::repeat_n(datagram.clone(), each);
                net.client(1).outbox.extend(copies);
                net.run(Duration::from_millis(10));
            }
            let after = net.sfu.counters();
            let is_cut = after.packets_dropped > before.packets_dropped;
            assert_eq!(is_cut, is_flood, "{mbps} Mbit/s of kind {kind}");
            assert_eq!(after.bytes_in, before.bytes_in, "no media");
            assert_eq!((net.fault(1), net.fault(3)), (None, None));
            // Once the flood is over, media is taken as before.
            net.run(Duration::from_secs(3));
            net.frame(&key_frame(640, 360), 900_000);
            net.run(Duration::from_secs(1));
            assert!(net.sfu.counters().bytes_in > after.bytes_in);
        }
    }
}

#[test]
fn a_publisher_below_the_bitrate_is_left_alone() {
    let mut net = Network::stage(settings(), 1);
    // 8.2 Mbit/s.
    stream(&mut net, 34_000, 5);
    assert_eq!(net.fault(1), None);
}

#[test]
fn a_short_burst_is_no_bitrate() {
    let mut net = Network::stage(settings(), 1);
    for frame in 0..4 {
        // A key frame of 200 KB each second.
        net.frame(
            &fragments(&slice(true, 2, 200_000), 1_200),
            90_000 * (frame + 1),
        );
        net.run(Duration::from_secs(1));
    }
    assert_eq!(net.fault(1), None);
}

#[test]
fn m1_size_is_judged_by_area() {
    for (width, height, is_over) in [
        (1280, 720, false),
        (720, 1280, false),
        (960, 960, false),
        (640, 360, false),
        (1280, 722, true),
        (1280, 800, true),
        (1920, 1080, true),
    ] {
        let mut net = Network::stage(settings(), 0);
        net.frame(&key_frame(width, height), 3_000);
        let fault = is_over.then_some(PeerFault::Fault(ErrorCode::ResolutionExceeded));
        assert_eq!(net.fault(1), fault, "{width}x{height}");
    }
}

#[test]
fn size_is_read_from_a_parameter_set_in_a_packet_of_its_own_too() {
    let mut net = Network::stage(settings(), 0);
    net.frame(&[sps(1280, 800), slice(true, 2, 100)], 3_000);
    let fault = PeerFault::Fault(ErrorCode::ResolutionExceeded);
    assert_eq!(net.fault(1), Some(fault));
}

#[test]
fn b_slices_end_a_publisher() {
    let b = slice(false, 1, 3_000);
    let all_b = slice(false, 6, 200);
    for payloads in [
        vec![slice(false, 1, 200)],
        vec![all_b.clone()],
        fragments(&b, 1_000),
        vec![stap(&[slice(false, 0, 50), all_b])],
    ] {
        let mut net = Network::stage(settings(), 0);
        net.frame(&predicted_frame(3), 3_000);
        assert_eq!(net.fault(1), None);
        net.frame(&[main_sps(640, 360)], 6_000);
        net.frame(&payloads, 6_000);
        let fault = PeerFault::Fault(ErrorCode::BFramePresent);
        assert_eq!(net.fault(1), Some(fault));
    }
}

// T42: what is malformed is dropped, and ends nobody for a reason that is not so.
#[test]
fn t42_what_looks_like_a_b_slice_and_cannot_be_one_is_dropped() {
    let mut net = Network::stage(settings(), 1);
    net.frame(&predicted_frame(3), 3_000);
    let malformed = [
        // By its own account the stream has none: it is Baseline.
        slice(false, 1, 200),
        slice(false, 6, 200),
        fragments(&slice(false, 1, 3_000), 1_000).remove(0),
        // An IDR picture has none whatever the profile is.
        slice(true, 1, 200),
        slice(true, 6, 200),
    ];
    let before = (
        net.client(2).received.len(),
        net.sfu.counters().packets_dropped,
    );
    for (at, payload) in (2..).zip(malformed) {
        net.frame(&[payload], 3_000 * at);
    }
    assert_eq!(net.fault(1), None);
    assert_eq!(net.sfu.counters().packets_dropped - before.1, 5);
    assert_eq!(net.client(2).received.len(), before.0);
    net.frame(&[main_sps(640, 360)], 30_000);
    net.frame(&[slice(true, 1, 200)], 30_000);
    // Beyond every picture, of no type, and cut off.
    net.frame(&[slice(false, 11, 200)], 33_000);
    net.frame(
        &[
            vec![0x41],
            vec![0x41, 0, 0, 0, 0, 0, 1, 0x55],
            vec![0x41, 0x80],
        ],
        36_000,
    );
    assert_eq!(net.fault(1), None);
    net.frame(&predicted_frame(3), 39_000);
    assert_eq!(net.client(2).received.len(), before.0 + 4);
}

/// A VP8 key frame in one packet: descriptor, frame tag, start code, size.
fn vp8_key_frame(width: u16, height: u16) -> Vec<u8> {
    let mut payload = vec![0x90, 0x80, 0x81, 0x23, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a];
    payload.extend(width.to_le_bytes());
    payload.extend(height.to_le_bytes());
    payload.extend([0; 200]);
    payload
}

#[test]
fn vp8_is_forwarded_from_a_key_frame_on_and_has_the_same_limit() {
    let mut net = Network::new(settings());
    // A client that has no H.264 encoder for this track, and says so by sending VP8.
    net.publish(1, offers::CHROMIUM_PUBLISH);
    net.connect();
    net.send(1, Video, 96, &packets(&[vp8_key_frame(640, 480)], 0));
    net.run(Duration::from_secs(2));
    net.subscribe(2, 1, offers::CHROMIUM_SUBSCRIBE);
    net.connect();
    net.send(
        1,
        Video,
        96,
        &packets(&[vec![0x90, 0x80, 0x81, 0x24, 0x11, 0, 0, 0]], 3_000),
    );
    assert_eq!(net.client(2).received_of(Video).len(), 0);
    net.send(1, Video, 96, &packets(&[vp8_key_frame(1280, 720)], 6_000));
    let received = net.client(2).received_of(Video);
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].payload[..], vp8_key_frame(1280, 720)[..]);
    assert_eq!(*received[0].header.payload_type, 96);

    net.send(1, Video, 96, &packets(&[vp8_key_frame(1280, 800)], 9_000));
    let fault = PeerFault::Fault(ErrorCode::ResolutionExceeded);
    assert_eq!(net.fault(1), Some(fault));
}

#[test]
fn a_viewer_that_comes_before_the_first_picture_gets_whatever_codec_it_comes_in() {
    let mut net = Network::new(settings());
    net.publish(1, offers::CHROMIUM_PUBLISH);
    net.subscribe(2, 1, offers::CHROMIUM_SUBSCRIBE);
    net.connect();
    net.send(1, Video, 96, &packets(&[vp8_key_frame(640, 480)], 0));
    let received = net.client(2).received_of(Video);
    assert_eq!(received.len(), 1);
    assert_eq!(*received[0].header.payload_type, 96);
    // A browser whose encoder breaks down goes on with the other codec.
    net.send(1, Video, 108, &packets(&key_frame(640, 480), 3_000));
    let last = net.client(2).received_of(Video).pop().unwrap();
    assert_eq!(*last.header.payload_type, 108);
}

// T42: an authenticated publisher sends what no decoder should see.
#[test]
fn t42_malformed_payloads_are_dropped_and_leave_no_gap() {
    let bad: [&[u8]; 14] = [
        &[0x78],
        &[0x78, 0x00],
        &[0x78, 0x00, 0x00],
        &[0x78, 0x00, 0x09, 0x41, 0x00],
        &[0x78, 0x00, 0x02, 0x78, 0x00],
        &[0x7c],
        &[0x7c, 0x81],
        &[0x7c, 0xc1, 0x00],
        &[0x00, 0x00],
        &[0x7d, 0x00, 0x00],
        &[0xe1, 0x00, 0x00],
        &[0x67, 0xff, 0xff, 0xff, 0xff],
        // A parameter set in fragments, whose picture size nobody could read.
        &[0x7c, 0x87, 0x42, 0xe0],
        &[0x7c, 0x47, 0x1f, 0x8c],
    ];
    let mut net = Network::stage(settings(), 1);
    let before = net.client(2).received_of(Video).len();
    let dropped = net.sfu.counters().packets_dropped;
    for (at, payload) in bad.iter().enumerate() {
        let timestamp = 3_000 * (u32::try_from(at).unwrap() + 1);
        let packet = Packet {
            payload,
            timestamp,
            marker: true,
        };
        net.send(1, Video, 106, &[packet]);
        net.frame(&predicted_frame(1), timestamp + 1);
    }
    let too_long = vec![0x41; 1_461];
    net.frame(&[too_long], 90_000);
    net.frame(&predicted_frame(1), 93_000);
    net.run(Duration::from_millis(500));

    assert_eq!(net.fault(1), None);
    assert_eq!(
        net.sfu.counters().packets_dropped - dropped,
        bad.len() as u64 + 1
    );
    let received = net.client(2).received_of(Video);
    assert_eq!(received.len() - before, bad.len() + 1);
    let numbers: Vec<_> = received.iter().map(|packet| *packet.seq_no).collect();
    assert!(
        numbers.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{numbers:?}"
    );
}

#[test]
fn opus_is_passed_through_whatever_it_says() {
    let mut net = Network::stage(settings(), 1);
    for (at, payload) in [&[0xf8_u8][..], &[0xff, 0xfe, 0xfd], &[0; 400]]
        .into_iter()
        .enumerate()
    {
        let timestamp = 960 * u32::try_from(at).unwrap();
        net.send(
            1,
            Audio,
            111,
            &[Packet {
                payload,
                timestamp,
                marker: false,
            }],
        );
    }
    assert_eq!(net.client(2).received_of(Audio).len(), 3);
}

/// What an IPv6 and a UDP header leave of a 1,500-byte way.
const DATAGRAM_BYTES_MAX: usize = 1_500 - 40 - 8;

#[test]
fn a_payload_is_forwarded_if_it_fits_a_datagram_with_all_that_is_put_around_it() {
    for (bytes, is_forwarded) in [(1_200, true), (1_390, true), (1_391, false), (1_460, false)] {
        let mut net = Network::stage(settings(), 1);
        let before = (net.sfu.counters(), net.client(2).received_of(Video).len());
        net.frame(&[slice(false, 0, bytes)], 3_000);
        let received = net.client(2).received_of(Video).len() - before.1;
        assert_eq!(received, usize::from(is_forwarded), "{bytes} bytes");
        let dropped = net.sfu.counters().packets_dropped - before.0.packets_dropped;
        assert_eq!(dropped, u64::from(!is_forwarded), "{bytes} bytes");
        for transmit in &net.sent {
            let datagram = transmit.segment.unwrap_or(transmit.contents.len());
            assert!(datagram <= DATAGRAM_BYTES_MAX, "{datagram} bytes");
        }
    }
}
