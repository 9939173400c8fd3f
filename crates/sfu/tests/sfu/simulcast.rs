//! Several encodings of one video, as publishers send them.

use std::time::Duration;

use model::ConnectionId;
use sfu::PeerFault;
use str0m::media::MediaKind::Video;

use crate::client::{sections, value};
use crate::media::{fragments, key_frame, main_sps, packets, predicted_frame, slice};
use crate::network::{Leg, Network, settings};
use crate::offers;

/// The encodings that an answer takes, as its lines.
fn taken(answer: &str) -> Vec<&str> {
    answer
        .lines()
        .filter(|line| line.starts_with("a=rid:") || line.starts_with("a=simulcast:"))
        .collect()
}

/// The offer with other encodings, each announced and listed.
fn with_rids(template: &str, names: &[String]) -> String {
    let kept: Vec<_> = template
        .lines()
        .filter(|line| !line.starts_with("a=rid:") && !line.starts_with("a=simulcast:"))
        .collect();
    let rids: Vec<_> = names
        .iter()
        .map(|name| format!("a=rid:{name} send\r\n"))
        .collect();
    let (kept, rids, list) = (kept.join("\r\n"), rids.concat(), names.join(";"));
    format!("{kept}\r\n{rids}a=simulcast:send {list}\r\n")
}

/// The client sends one frame of an encoding.
fn send(net: &mut Network, place: usize, number: u8, payloads: &[Vec<u8>], timestamp: u32) {
    let now = net.now.mono;
    for packet in packets(payloads, timestamp) {
        net.client(1).send_encoding(place, number, packet, now);
    }
    net.settle();
}

#[test]
fn an_answer_takes_the_first_three_encodings_by_their_names() {
    let answer = Network::new(settings()).publish(1, offers::CHROMIUM_SIMULCAST);
    let names = [
        "a=rid:q recv",
        "a=rid:h recv",
        "a=rid:f recv",
        "a=simulcast:recv q;h;f",
    ];
    assert_eq!(taken(&answer), names);
    let video = sections(&answer)[1];
    assert_eq!(taken(video), names);
    // The ids are the offer's.
    for extension in [
        "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
        "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
        "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
    ] {
        assert!(video.contains(extension), "{video}");
    }
    // All that was agreed on besides stays: VP8 too.
    assert!(video.contains("a=rtpmap:96 VP8/90000") && video.contains("a=rtpmap:108 H264/90000"));

    let answer = Network::new(settings()).publish(1, offers::OBS_SIMULCAST);
    let names = [
        "a=rid:0 recv",
        "a=rid:1 recv",
        "a=rid:2 recv",
        "a=simulcast:recv 0;1;2",
    ];
    assert_eq!(taken(&answer), names);
    assert_eq!(value(&answer, "setup"), "passive");
}

#[test]
fn w33_an_answer_to_an_offer_without_simulcast_has_none() {
    let without_list = offers::CHROMIUM_SIMULCAST.replace("a=simulcast:send q;h;f\r\n", "");
    for offer in [
        offers::CHROMIUM_PUBLISH,
        offers::FFMPEG_PASSIVE,
        &without_list,
    ] {
        let answer = Network::new(settings()).publish(1, offer);
        assert_eq!(taken(&answer), [""; 0]);
        assert!(!answer.contains("rtp-stream-id"));
    }
}

#[test]
fn a_name_that_the_stack_cuts_is_answered_as_it_was_offered_and_one_no_packet_carries_is_not() {
    let names = ["highest1quality", "low_q", "mid"].map(str::to_owned);
    let offer = with_rids(offers::CHROMIUM_SIMULCAST, &names);
    let answer = Network::new(settings()).publish(1, &offer);
    assert_eq!(
        taken(&answer).last(),
        Some(&"a=simulcast:recv highest1quality;mid")
    );
}

#[test]
fn transport_wide_feedback_and_capture_times_are_taken_for_both_media_where_they_are_offered() {
    let offer = offers::CHROMIUM_SIMULCAST.replace(
        "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
        "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
    );
    let answer = Network::new(settings()).publish(1, &offer);
    for section in sections(&answer) {
        assert!(
            section.contains(
                "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"
            )
        );
        assert!(
            section.contains("transport-wide-cc-extensions-01"),
            "{section}"
        );
        assert!(section.contains(" transport-cc"), "{section}");
        assert!(!section.contains("goog-remb"), "{section}");
    }
}

#[test]
fn every_encoding_is_taken_in_and_a_viewer_gets_one_without_a_gap() {
    for (offer, number) in [
        (offers::CHROMIUM_SIMULCAST, 108),
        (offers::OBS_SIMULCAST, 96),
    ] {
        let mut net = Network::new(settings());
        net.publish(1, offer);
        net.connect();
        net.subscribe(2, 1, offers::CHROMIUM_SUBSCRIBE);
        net.connect();
        for frame in 0..20 {
            for (place, (width, height)) in [(320, 180), (640, 360), (1280, 720)]
                .into_iter()
                .enumerate()
            {
                let payloads = if frame == 0 {
                    key_frame(width, height)
                } else {
                    predicted_frame(2)
                };
                send(&mut net, place, number, &payloads, 9_000 + 3_000 * frame);
            }
            net.run(Duration::from_millis(33));
        }
        let sent = key_frame(320, 180).len() + 19 * 2;
        assert_eq!(net.sfu.counters().packets_in, 3 * sent as u64);
        let received = net.client(2).received_of(Video);
        assert_eq!(received.len(), sent);
        let numbers: Vec<_> = received.iter().map(|packet| *packet.seq_no).collect();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
        assert_eq!((net.fault(1), net.fault(2)), (None, None));
    }
}

#[test]
fn packets_lost_of_an_encoding_are_asked_for_and_come_again() {
    let mut net = Network::new(settings());
    net.publish(1, offers::CHROMIUM_SIMULCAST);
    net.connect();
    net.subscribe(2, 1, offers::CHROMIUM_SUBSCRIBE);
    net.connect();
    for place in 0..3 {
        send(&mut net, place, 108, &key_frame(320, 180), 3_000);
    }
    let mut count = 0;
    net.filter = Box::new(move |leg, contents| {
        let is_media = contents[0] >= 128 && contents.len() > 300;
        count += usize::from(is_media && leg == Leg::Up(ConnectionId(1)));
        !is_media || leg != Leg::Up(ConnectionId(1)) || count % 40 != 0
    });
    for frame in 2..60 {
        for place in 0..3 {
            send(&mut net, place, 108, &predicted_frame(3), 3_000 * frame);
        }
        net.run(Duration::from_millis(33));
    }
    net.run(Duration::from_secs(1));
    let sent = key_frame(320, 180).len() + 58 * 3;
    assert_eq!(net.sfu.counters().packets_in, 3 * sent as u64);
    let mut received = net.client(2).received_of(Video);
    received.sort_by_key(|packet| *packet.seq_no);
    assert_eq!(received.len(), sent);
    let numbers: Vec<_> = received.iter().map(|packet| *packet.seq_no).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
}

// OBS has no format for retransmissions, and sends the same packet again.
#[test]
fn packets_lost_of_a_sender_without_a_format_for_retransmissions_are_asked_for_too() {
    let mut net = Network::new(settings());
    net.publish(1, offers::OBS_SIMULCAST);
    net.connect();
    for frame in 0..10 {
        for place in 0..3 {
            let payloads = key_frame(320, 180);
            if (place, frame) == (1, 5) {
                net.filter = Box::new(|leg, _| leg != Leg::Up(ConnectionId(1)));
            }
            send(&mut net, place, 96, &payloads[..1], 3_000 * frame);
            net.filter = Box::new(|_, _| true);
        }
        net.run(Duration::from_millis(33));
    }
    // Each encoding begins at 101.
    let missing = &net.client(1).missing;
    assert!(!missing.is_empty());
    assert!(missing.iter().all(|at| *at == (1_001, 106)), "{missing:?}");
    let before = net.sfu.counters().packets_in;
    net.client(1).rewind_encoding(1, 106);
    send(&mut net, 1, 96, &key_frame(320, 180)[..1], 15_000);
    assert_eq!(net.sfu.counters().packets_in, before + 1);
}

// T44: the limit is for all encodings together.
#[test]
fn t44_the_bitrate_counts_over_all_encodings() {
    for (mbps, is_over) in [(7, false), (10, true)] {
        let mut net = Network::new(settings());
        net.publish(1, offers::CHROMIUM_SIMULCAST);
        net.connect();
        let bytes = mbps * 1_000_000 / 8 / 30 / 3;
        for frame in 0..150 {
            for place in 0..3 {
                let payloads = fragments(&slice(false, 0, bytes), 1_200);
                send(&mut net, place, 108, &payloads, 3_000 * frame);
            }
            net.run(Duration::from_nanos(33_333_333));
            if net.fault(1).is_some() {
                break;
            }
        }
        let fault = is_over.then_some(PeerFault::Fault(model::ErrorCode::BitrateExceeded));
        assert_eq!(net.fault(1), fault, "{mbps} Mbit/s");
    }
}

#[test]
fn limits_hold_for_each_encoding() {
    for (payloads, code) in [
        (key_frame(1280, 800), model::ErrorCode::ResolutionExceeded),
        (
            vec![main_sps(640, 360), slice(false, 1, 200)],
            model::ErrorCode::BFramePresent,
        ),
    ] {
        for place in 0..3 {
            let mut net = Network::new(settings());
            net.publish(1, offers::CHROMIUM_SIMULCAST);
            net.connect();
            send(&mut net, place, 108, &payloads, 3_000);
            assert_eq!(net.fault(1), Some(PeerFault::Fault(code)));
        }
    }
}

// T44: twenty encodings are offered and sent; three are taken, the others are not even looked at.
#[test]
fn t44_of_twenty_encodings_three_are_taken_in() {
    let names: Vec<_> = (0..20).map(|at| format!("l{at}")).collect();
    let offer = with_rids(offers::CHROMIUM_SIMULCAST, &names);
    let mut net = Network::new(settings());
    let answer = net.publish(1, &offer);
    assert_eq!(taken(&answer).last(), Some(&"a=simulcast:recv l0;l1;l2"));
    net.publish(3, offers::CHROMIUM_PUBLISH);
    net.connect();
    for frame in 0..10 {
        for place in 0..20 {
            send(&mut net, place, 108, &key_frame(320, 180), 3_000 * frame);
        }
        net.run(Duration::from_millis(33));
    }
    let each = key_frame(320, 180).len() as u64;
    assert_eq!(net.sfu.counters().packets_in, 3 * 10 * each);
    assert_eq!((net.fault(1), net.fault(3)), (None, None));
}

// T43: requests reach each encoding for itself.
#[test]
fn t43_key_frames_are_asked_of_each_encoding_at_its_own_pace() {
    let mut net = Network::new(settings());
    net.publish(1, offers::CHROMIUM_SIMULCAST);
    net.connect();
    for place in 0..3 {
        send(&mut net, place, 108, &key_frame(320, 180), 3_000);
    }
    net.run(Duration::from_secs(2));
    net.subscribe(2, 1, offers::CHROMIUM_SUBSCRIBE);
    net.connect();
    net.run(Duration::from_secs(5));
    let asked = &net.client(1).asked;
    assert!(!asked.is_empty() && asked.len() <= 3 * 11, "{asked:?}");
}
