//! Offers that are refused before any peer exists.

use std::time::Duration;

use model::{ConnectionId, ErrorCode};
use proptest::prelude::*;
use sfu::{Direction, Input, Offer, OfferError};

use crate::client::{sections, value};
use crate::network::{Network, settings};
use crate::offers;

#[derive(Debug, PartialEq)]
enum Verdict {
    Sound(Option<ErrorCode>),
    Malformed,
    Unacceptable,
}
use Verdict::{Malformed, Sound, Unacceptable};

fn verdict(sdp: &str, direction: Direction) -> Verdict {
    match Offer::parse(sdp, direction) {
        Ok(offer) => Sound(offer.fault()),
        Err(OfferError::Malformed { .. }) => Malformed,
        Err(OfferError::Unacceptable { .. }) => Unacceptable,
    }
}

/// The offer with one piece of text replaced, which has to be there.
fn with(sdp: &str, from: &str, to: &str) -> String {
    assert!(sdp.contains(from), "{from}");
    sdp.replace(from, to)
}

/// One change to an offer: what is replaced, by what, and what comes of it.
type Edit = (&'static str, &'static str, Verdict);

fn check_edits(sdp: &str, edits: &[Edit], direction: Direction) {
    assert_eq!(verdict(sdp, direction), Sound(None));
    for (from, to, expected) in edits {
        let found = verdict(&with(sdp, from, to), direction);
        assert_eq!(found, *expected, "{from:?} -> {to:?}");
    }
}

fn check(cases: &[(&str, String, Verdict)], direction: Direction) {
    for (name, sdp, expected) in cases {
        assert_eq!(verdict(sdp, direction), *expected, "{name}");
    }
}

/// Changes to FFmpeg's offer.
const MALFORMED: [Edit; 29] = [
    ("\r\n", "\n", Sound(None)),
    ("\r\n", "\r", Malformed),
    ("a=sendonly", "a=send\0only", Malformed),
    ("v=0", "v=1", Malformed),
    ("o=FFmpeg", "i=FFmpeg", Malformed),
    ("t=0 0\r\n", "", Malformed),
    ("a=ice-ufrag:6ded600c\r\n", "", Malformed),
    ("a=ice-ufrag:6ded600c", "a=ice-ufrag:abc", Malformed),
    (
        "a=ice-pwd:19095143d011c4c8ee282ee7a6df33bf\r\n",
        "",
        Malformed,
    ),
    ("a=ice-pwd:19095143", "a=ice-pwd: 9095143", Malformed),
    ("a=fingerprint:", "a=other:", Malformed),
    ("sha-256 2B:", "sha-256 ", Malformed),
    ("sha-256 2B:", "sha-256 XX:", Malformed),
    ("106", "128", Malformed),
    ("SAVPF 111", "SAVPF 111 255", Malformed),
    ("SAVPF 111", "SAVPF 111 256", Malformed),
    ("a=rtpmap:106 ", "a=rtpmap:200 ", Malformed),
    ("106 105", "106 106", Malformed),
    ("106", "111", Malformed),
    ("SAVPF 111", "SAVPF opus", Malformed),
    ("a=mid:1", "a=mid:0", Malformed),
    ("a=mid:1\r\n", "", Malformed),
    ("a=mid:1", "a=mid:1 2", Malformed),
    ("1919172420", "1919172419", Malformed),
    ("1919172419", "8589934592", Malformed),
    ("a=setup:passive", "a=setup:holdconn", Malformed),
    ("a=sendonly", "a=sendonly\r\na=recvonly", Malformed),
    ("m=audio 9 ", "m=audio 99999 ", Malformed),
    ("a=rtcp-mux", "rtcp-mux", Malformed),
];

#[test]
fn t36_w4_one_wrong_part_makes_an_offer_malformed() {
    check_edits(offers::FFMPEG_PASSIVE, &MALFORMED, Direction::Publish);
}

#[test]
fn t36_w4_what_is_no_offer_or_too_much_of_one_is_malformed() {
    let ok = offers::FFMPEG_PASSIVE;
    let candidate = "a=candidate:1 1 udp 1 192.0.2.9 9 typ host\r\n";
    let head = ok.split("m=audio").next().unwrap();
    let cases = [
        ("empty", String::new(), Malformed),
        ("text", "hello".to_owned(), Malformed),
        ("JSON", "{\"type\":\"offer\"}".to_owned(), Malformed),
        (
            "1 MB",
            format!("{ok}{}", "a=x\r\n".repeat(200_000)),
            Malformed,
        ),
        ("no section", head.to_owned(), Malformed),
        (
            "10k sections",
            format!("{ok}{}", "m=audio 9 X 0\r\n".repeat(4_000)),
            Malformed,
        ),
        (
            "1k candidates",
            format!("{ok}{}", candidate.repeat(1_000)),
            Malformed,
        ),
        (
            "100 candidates",
            format!("{ok}{}", candidate.repeat(100)),
            Sound(None),
        ),
        ("unknown line type", format!("{ok}q=1\r\n"), Malformed),
    ];
    check(&cases, Direction::Publish);
}

/// Changes to Chromium's offer.
const UNACCEPTABLE: [Edit; 16] = [
    ("a=sendonly", "a=sendrecv", Sound(None)),
    ("a=sendonly\r\n", "", Sound(None)),
    ("a=candidate", "a=other", Sound(None)),
    ("sdes:mid", "sdes:other", Sound(None)),
    ("actpass", "active", Sound(None)),
    ("actpass", "passive", Sound(None)),
    ("a=sendonly", "a=recvonly", Unacceptable),
    ("a=sendonly", "a=inactive", Unacceptable),
    ("a=group:BUNDLE 0 1\r\n", "", Unacceptable),
    ("BUNDLE 0 1", "BUNDLE 0", Unacceptable),
    ("a=rtcp-mux\r\n", "", Unacceptable),
    ("t=0 0\r\n", "t=0 0\r\na=ice-lite\r\n", Unacceptable),
    ("a=fingerprint:sha-256", "a=fingerprint:sha-1", Unacceptable),
    ("UDP/TLS/RTP/SAVPF", "RTP/AVP", Unacceptable),
    ("m=video 9 ", "m=video 0 ", Unacceptable),
    ("a=mid:1\r\n", "a=mid:a-mid-of-17-bytes\r\n", Unacceptable),
];

#[test]
fn w26_what_is_not_taken_fails_as_a_whole() {
    check_edits(offers::CHROMIUM_PUBLISH, &UNACCEPTABLE, Direction::Publish);
}

#[test]
fn w25_more_than_one_stream_or_track_of_a_kind_is_not_acceptable() {
    let ok = offers::CHROMIUM_PUBLISH;
    let [audio, video] = sections(ok)[..] else {
        panic!("two sections")
    };
    let head = ok.split("m=audio").next().unwrap();
    let stream = value(ok, "msid").split(' ').next().unwrap();
    // The second video track has a mid of its own, and no payload types or SSRCs that could be named twice.
    let second: Vec<_> = video
        .lines()
        .filter(|line| {
            !["a=rtpmap", "a=fmtp", "a=ssrc"]
                .iter()
                .any(|at| line.starts_with(at))
        })
        .collect();
    let second = second.join("\r\n").replace("a=mid:1", "a=mid:2");
    let data = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\n";
    let bundle = |sdp: String| with(&sdp, "BUNDLE 0 1", "BUNDLE 0 1 2");
    let other_stream = with(video, stream, "other");
    let cases = [
        (
            "two videos",
            bundle(format!("{ok}{second}\r\n")),
            Unacceptable,
        ),
        (
            "a data channel",
            bundle(format!("{ok}{data}")),
            Unacceptable,
        ),
        (
            "two streams",
            format!("{head}{audio}{other_stream}"),
            Unacceptable,
        ),
        ("no stream", ok.replace(stream, "-"), Sound(None)),
    ];
    check(&cases, Direction::Publish);
}

#[test]
fn a_subscriber_that_names_streams_of_its_own_is_taken() {
    // Some stacks put an msid into each section that they offer, also where they only receive.
    let named = with(
        offers::CHROMIUM_SUBSCRIBE,
        "a=mid:0",
        "a=mid:0\r\na=msid:one a",
    );
    let named = with(&named, "a=mid:1", "a=mid:1\r\na=msid:two v");
    let cases = [("two streams", named, Sound(None))];
    check(&cases, Direction::Subscribe);
}

#[test]
fn h4_an_offer_without_the_codecs_is_sound_with_a_fault() {
    let ok = offers::CHROMIUM_PUBLISH;
    let head = ok
        .split("m=audio")
        .next()
        .unwrap()
        .replace("BUNDLE 0 1", "BUNDLE 0");
    let audio_only = format!("{head}{}", sections(ok)[0]);
    let video_only = format!(
        "{}{}",
        head.replace("BUNDLE 0", "BUNDLE 1"),
        sections(ok)[1]
    );
    let no_video = Sound(Some(ErrorCode::InvalidVideoCodec));
    let no_audio = Sound(Some(ErrorCode::InvalidAudioCodec));
    let cases = [
        (
            "audio without a video section",
            audio_only,
            Sound(Some(ErrorCode::InvalidVideoCodec)),
        ),
        ("video alone", video_only, Sound(None)),
        ("no H.264", with(ok, "H264/90000", "H265/90000"), no_video),
        ("no Opus", with(ok, "opus/48000/2", "L16/48000/2"), no_audio),
        (
            "H.264 in lower case",
            with(ok, "H264/90000", "h264/90000"),
            Sound(None),
        ),
    ];
    check(&cases, Direction::Publish);

    let ok = offers::CHROMIUM_SUBSCRIBE;
    let cases = [
        ("the offer itself", ok.to_owned(), Sound(None)),
        (
            "sendrecv",
            with(ok, "a=recvonly", "a=sendrecv"),
            Sound(None),
        ),
        (
            "sendonly",
            with(ok, "a=recvonly", "a=sendonly"),
            Unacceptable,
        ),
        (
            "no H.264 but VP8",
            with(ok, "H264/90000", "H265/90000"),
            Sound(None),
        ),
        (
            "neither",
            with(
                &with(ok, "H264/90000", "H265/90000"),
                "VP8/90000",
                "VP7/90000",
            ),
            Sound(Some(ErrorCode::InvalidVideoCodec)),
        ),
        (
            "no Opus",
            with(ok, "opus/48000/2", "L16/48000/2"),
            Sound(Some(ErrorCode::InvalidAudioCodec)),
        ),
    ];
    check(&cases, Direction::Subscribe);
}

/// A real offer after a few changes: lines dropped, doubled, swapped, cut, or with bytes replaced.
fn mutated() -> impl Strategy<Value = String> {
    let offers = prop::sample::select(vec![
        offers::CHROMIUM_PUBLISH,
        offers::CHROMIUM_SIMULCAST,
        offers::CHROMIUM_SUBSCRIBE,
        offers::FFMPEG_PASSIVE,
        offers::OBS_SIMULCAST,
    ]);
    let change = (
        0..5_u8,
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        any::<char>(),
    );
    (offers, prop::collection::vec(change, 1..8)).prop_map(|(offer, changes)| {
        let mut lines: Vec<String> = offer.lines().map(str::to_owned).collect();
        for (kind, at, other, letter) in changes {
            let (at, other) = (at.index(lines.len()), other.index(lines.len()));
            match kind {
                0 => drop(lines.remove(at)),
                1 => lines.insert(other, lines[at].clone()),
                2 => lines.swap(at, other),
                3 => lines[at] = lines[at].chars().take(other).collect(),
                _ => {
                    let count = lines[at].chars().count().max(1);
                    let text = lines[at].chars().enumerate();
                    lines[at] = text
                        .map(|(index, old)| if index == other % count { letter } else { old })
                        .collect();
                }
            }
            if lines.is_empty() {
                break;
            }
        }
        lines.join("\r\n")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    // T36: whatever is found sound, the stack answers or refuses, and never panics over.
    #[test]
    fn t36_a_mutated_offer_never_panics(sdp in mutated()) {
        for direction in [Direction::Publish, Direction::Subscribe] {
            let Ok(offer) = Offer::parse(&sdp, direction) else { continue };
            let mut net = Network::new(settings());
            net.publish(1, offers::CHROMIUM_PUBLISH);
            let connection = ConnectionId(2);
            let publisher = ConnectionId(1);
            net.sfu.handle(
                match direction {
                    Direction::Publish => Input::Publish { connection, offer },
                    Direction::Subscribe | Direction::Feed => Input::Subscribe { connection, publisher, offer },
                },
                net.now,
            );
            net.run(Duration::from_secs(1));
            prop_assert_eq!(net.sfu.counters().panics, 0);
            prop_assert_eq!(net.fault(1), None);
        }
    }

    #[test]
    fn t36_arbitrary_text_never_panics(text in "\\PC*") {
        for direction in [Direction::Publish, Direction::Subscribe, Direction::Feed] {
            prop_assert!(Offer::parse(&text, direction).is_err());
        }
    }
}
