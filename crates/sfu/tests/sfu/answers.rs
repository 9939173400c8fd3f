//! Answers, line by line.

use sfu::{Direction, Input, Offer, Output, PeerFault};

use model::{ConnectionId, ErrorCode};

use crate::client::{sections, value};
use crate::network::{Network, settings};
use crate::offers;

fn lines<'a>(text: &'a str, prefix: &str) -> Vec<&'a str> {
    text.lines()
        .filter(|line| line.starts_with(prefix))
        .collect()
}

/// What every answer has in every section.
fn check_common(answer: &str, direction: &str) {
    assert_eq!(lines(answer, "a=ice-lite"), ["a=ice-lite"]);
    assert_eq!(lines(answer, "a=group:"), ["a=group:BUNDLE 0 1"]);
    assert!(!answer.contains("str0m"), "{answer}");
    let both = sections(answer);
    assert_eq!(both.len(), 2);
    for section in both {
        let has = |line: &str| {
            let count = section.lines().filter(|at| *at == line).count();
            assert_eq!(count, 1, "{line}\n{section}");
        };
        // W5, H1.
        has(direction);
        // W24.
        has("a=rtcp-mux");
        has("a=rtcp-mux-only");
        // W15: all candidates, in every section.
        has("a=end-of-candidates");
        let candidates = lines(section, "a=candidate:");
        assert_eq!(candidates.len(), 4, "{section}");
        for (candidate, expected) in candidates.iter().zip([
            " udp 192.0.2.1 7401 typ host",
            " udp 2001:db8::1 7401 typ host",
            " tcp 192.0.2.1 7401 typ host tcptype passive",
            " tcp 2001:db8::1 7401 typ host tcptype passive",
        ]) {
            let words: Vec<_> = candidate.split(' ').collect();
            let told = format!(" {} {}", words[2], words[4..].join(" "));
            assert_eq!(told, expected);
        }
        assert_eq!(value(section, "ice-ufrag"), value(answer, "ice-ufrag"));
        assert_eq!(value(section, "fingerprint"), value(answer, "fingerprint"));
        // W26.
        assert!(
            !section.lines().next().unwrap().contains(" 0 "),
            "{section}"
        );
    }
}

#[test]
fn w5_w15_w24_a_publish_answer_receives_in_one_bundle_with_all_candidates_everywhere() {
    for offer in [
        offers::CHROMIUM_PUBLISH,
        offers::CHROMIUM_SIMULCAST,
        offers::FFMPEG_PASSIVE,
        offers::FFMPEG_ACTIVE,
        offers::OBS_SIMULCAST,
    ] {
        let answer = Network::new(settings()).publish(1, offer);
        check_common(&answer, "a=recvonly");
        assert_eq!(lines(&answer, "a=ssrc"), [""; 0]);
        assert_eq!(lines(&answer, "a=msid"), [""; 0]);
    }
}

#[test]
fn w27_the_answers_dtls_role_is_the_one_the_offer_leaves() {
    for (offer, role) in [
        (offers::CHROMIUM_PUBLISH, "passive"),
        (offers::FFMPEG_ACTIVE, "passive"),
        (offers::FFMPEG_PASSIVE, "active"),
    ] {
        let answer = Network::new(settings()).publish(1, offer);
        assert_eq!(value(&answer, "setup"), role);
    }
}

#[test]
fn a_publish_answer_leads_with_constrained_baseline_and_keeps_vp8_beside_it() {
    let answer = Network::new(settings()).publish(1, offers::CHROMIUM_PUBLISH);
    let video = sections(&answer)[1];
    assert_eq!(
        video.lines().next().unwrap(),
        "m=video 9 UDP/TLS/RTP/SAVPF 108 109 102 103 116 117 114 115 104 107 39 40 96 97"
    );
    assert_eq!(
        lines(video, "a=fmtp:108"),
        ["a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"]
    );
    let audio = sections(&answer)[0];
    assert_eq!(
        lines(audio, "a=rtpmap:"),
        ["a=rtpmap:111 opus/48000/2", "a=rtpmap:63 red/48000/2"]
    );
}

#[test]
fn an_answer_adds_no_feedback_that_was_not_offered() {
    let answer = Network::new(settings()).publish(1, offers::FFMPEG_PASSIVE);
    assert_eq!(lines(&answer, "a=rtcp-fb:"), ["a=rtcp-fb:106 nack"]);
}

#[test]
fn stereo_is_accepted_where_it_is_offered() {
    let offer = offers::CHROMIUM_PUBLISH.replace(
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "a=fmtp:111 minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1",
    );
    let answer = Network::new(settings()).publish(1, &offer);
    assert_eq!(
        lines(&answer, "a=fmtp:111"),
        ["a=fmtp:111 minptime=10;useinbandfec=1;stereo=1"]
    );
}

#[test]
fn h1_h6_a_subscribe_answer_sends_one_media_stream_in_the_publishers_codecs_only() {
    for (publish, payloads) in [
        // FFmpeg's profile is 4200, which is Chromium's 102; Chromium's own first choice is 108.
        (offers::FFMPEG_PASSIVE, "102 103"),
        (offers::CHROMIUM_PUBLISH, "108 109 96 97"),
    ] {
        let mut net = Network::new(settings());
        net.publish(1, publish);
        let answer = net.subscribe(2, 1, offers::CHROMIUM_SUBSCRIBE);
        check_common(&answer, "a=sendonly");
        let both = sections(&answer);
        assert_eq!(
            both[1].lines().next().unwrap(),
            format!("m=video 9 UDP/TLS/RTP/SAVPF {payloads}")
        );
        assert_eq!(lines(both[0], "a=msid:"), ["a=msid:c1 audio"]);
        assert_eq!(lines(both[1], "a=msid:"), ["a=msid:c1 video"]);
        assert_eq!(
            lines(&answer, "a=msid-semantic:"),
            ["a=msid-semantic:WMS c1"]
        );
        assert_eq!(lines(both[1], "a=ssrc-group:FID ").len(), 1);
        assert!(answer.contains("transport-wide-cc") && answer.contains(" transport-cc"));
    }
}

#[test]
fn a_subscriber_may_offer_to_send_and_may_leave_video_out() {
    let both_ways = offers::CHROMIUM_SUBSCRIBE.replace("a=recvonly", "a=sendrecv");
    let audio = sections(offers::CHROMIUM_SUBSCRIBE)[0];
    let head = offers::CHROMIUM_SUBSCRIBE.split("m=audio").next().unwrap();
    let audio_only = format!("{head}{audio}").replace("BUNDLE 0 1", "BUNDLE 0");
    for (offer, count) in [(both_ways, 2), (audio_only, 1)] {
        let mut net = Network::new(settings());
        net.publish(1, offers::FFMPEG_PASSIVE);
        let answer = net.subscribe(2, 1, &offer);
        assert_eq!(lines(&answer, "a=sendonly").len(), count);
        assert_eq!(sections(&answer).len(), count);
    }
}

#[test]
fn a_subscriber_without_the_publishers_profile_gets_the_one_nearest_to_baseline() {
    // Safari leads with High and has no 4200.
    let offer =
        offers::CHROMIUM_SUBSCRIBE.replace("profile-level-id=42001f", "profile-level-id=640c1f");
    let mut net = Network::new(settings());
    net.publish(1, offers::FFMPEG_PASSIVE);
    let answer = net.subscribe(2, 1, &offer);
    let video = sections(&answer)[1];
    assert_eq!(
        lines(video, "a=fmtp:")
            .first()
            .unwrap()
            .split('=')
            .next_back(),
        Some("42e01f")
    );
}

/// The answer's result for an input.
fn result(net: &mut Network, input: Input<'_>) -> Result<String, PeerFault> {
    net.sfu.handle(input, net.now);
    loop {
        let output = net.sfu.poll_output().expect("an answer");
        if let Output::Answer { result, .. } = output {
            return result.map(|answer| answer.sdp);
        }
    }
}

#[test]
fn an_offer_without_the_codec_or_the_publisher_leaves_no_peer_behind() {
    let mut net = Network::new(settings());
    let connection = ConnectionId(1);
    let offer = offers::FFMPEG_PASSIVE.replace("H264", "H265");
    let offer = Offer::parse(&offer, Direction::Publish).unwrap();
    assert_eq!(
        result(&mut net, Input::Publish { connection, offer }),
        Err(PeerFault::Fault(ErrorCode::InvalidVideoCodec))
    );
    let offer = Offer::parse(offers::CHROMIUM_SUBSCRIBE, Direction::Subscribe).unwrap();
    let subscribe = Input::Subscribe {
        connection: ConnectionId(2),
        publisher: connection,
        offer,
    };
    assert_eq!(result(&mut net, subscribe), Err(PeerFault::PublisherGone));
    assert_eq!(net.sfu.poll_timeout(), None);
}

#[test]
fn a_subscriber_that_cannot_decode_what_is_sent_is_refused() {
    let mut net = Network::new(settings());
    net.publish(1, offers::FFMPEG_PASSIVE);
    let without_h264 = offers::CHROMIUM_SUBSCRIBE.replace("H264", "H265");
    let offer = Offer::parse(&without_h264, Direction::Subscribe).unwrap();
    assert_eq!(offer.fault(), None, "VP8 is left");
    let subscribe = Input::Subscribe {
        connection: ConnectionId(2),
        publisher: ConnectionId(1),
        offer,
    };
    assert_eq!(
        result(&mut net, subscribe),
        Err(PeerFault::Fault(ErrorCode::InvalidVideoCodec))
    );
}
