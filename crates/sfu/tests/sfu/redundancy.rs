//! Redundant sound (RFC 2198): agreed on, passed on to those that take it, and taken apart for the others.

use std::time::Duration;

use model::ConnectionId;
use sfu::{Input, Output, Want};
use str0m::media::MediaKind::Audio;
use str0m::rtp::RtpPacket;

use crate::client::{Packet, sections};
use crate::media::redundant;
use crate::network::{Network, settings};
use crate::offers::{CHROMIUM_PUBLISH, CHROMIUM_SUBSCRIBE, FFMPEG_PASSIVE};

const OPUS: u8 = 111;
const RED: u8 = 63;
/// Ticks of one packet.
const TICKS: u32 = 960;

/// What is done to an offer.
type Change = Box<dyn Fn(&str) -> String>;

/// The offer with other payload types for Opus and for redundancy.
fn renumbered(offer: &str, opus: u8, red: u8) -> String {
    let line = |line: &str| {
        format!("{line}\r\n")
            .replace("SAVPF 111 63 ", &format!("SAVPF {opus} {red} "))
            .replace(":111 ", &format!(":{opus} "))
            .replace(":63 ", &format!(":{red} "))
            .replace("111/111", &format!("{opus}/{opus}"))
    };
    offer.lines().map(line).collect()
}

/// The offer of somebody who would rather have redundancy.
fn preferring(offer: &str) -> String {
    offer.replace("SAVPF 111 63 ", "SAVPF 63 111 ")
}

/// The offer of somebody who knows nothing of it.
fn plain(offer: &str) -> String {
    let is_other = |line: &&str| !line.starts_with("a=rtpmap:63") && !line.starts_with("a=fmtp:63");
    let lines = offer.lines().filter(is_other);
    lines
        .map(|line| format!("{line}\r\n").replace("SAVPF 111 63 ", "SAVPF 111 "))
        .collect()
}

/// What an answer says of its first section: its payload types, and their formats.
fn sound_of(answer: &str) -> (String, Vec<String>) {
    let audio = sections(answer)[0];
    let numbers = audio.lines().next().unwrap().rsplit("SAVPF ").next();
    let formats = audio.lines().filter(|line| {
        line.starts_with("a=rtpmap:") || (line.starts_with("a=fmtp:") && line.contains('/'))
    });
    let formats = formats.map(|line| line[2..].to_owned());
    (numbers.unwrap().to_owned(), formats.collect())
}

#[test]
fn redundancy_is_accepted_where_it_is_offered_and_in_the_order_of_the_offer() {
    let both = |red: u8, opus: u8| {
        vec![
            format!("rtpmap:{opus} opus/48000/2"),
            format!("rtpmap:{red} red/48000/2"),
            format!("fmtp:{red} {opus}/{opus}"),
        ]
    };
    let format = |of: &'static str| {
        move |offer: &str| offer.replace("a=fmtp:63 111/111", &format!("a=fmtp:63 {of}"))
    };
    let none = both(63, 111)[..1].to_vec();
    let cases: [(Change, &str, Vec<String>); 8] = [
        (Box::new(str::to_owned), "111 63", both(63, 111)),
        (Box::new(preferring), "63 111", both(63, 111)),
        (
            Box::new(|offer| renumbered(offer, 50, 51)),
            "50 51",
            both(51, 50),
        ),
        (Box::new(format("111/111/111")), "111 63", both(63, 111)),
        (Box::new(plain), "111", none.clone()),
        // What repeats something else, or nothing, is nothing that can be passed on.
        (Box::new(format("111")), "111", none.clone()),
        (Box::new(format("111/9")), "111", none.clone()),
        (Box::new(format("111;111")), "111", none),
    ];
    for (change, numbers, formats) in cases {
        let expected = (numbers.to_owned(), formats);
        let mut net = Network::new(settings());
        let answer = net.publish(1, &change(CHROMIUM_PUBLISH));
        assert_eq!(sound_of(&answer), expected);
        let answer = net.subscribe(2, 1, &change(CHROMIUM_SUBSCRIBE));
        assert_eq!(sound_of(&answer), expected);
        let answer = net.feed(3, &change(CHROMIUM_SUBSCRIBE));
        assert_eq!(sound_of(&answer.sdp), expected);
    }
}

#[test]
fn an_answers_numbers_are_the_offers_though_video_has_the_usual_ones_of_sound() {
    let offer = renumbered(CHROMIUM_PUBLISH, 50, 51);
    let line = |line: &str| {
        let line = format!("{line}\r\n");
        if line.starts_with("m=video") {
            return line.replace(" 108 109 ", " 111 63 ");
        }
        line.replace(":108 ", ":111 ")
            .replace(":109 ", ":63 ")
            .replace("apt=108", "apt=111")
    };
    let offer: String = offer.lines().map(line).collect();
    let sections_of = sections(&offer);
    let (audio, video) = (sections_of[0], sections_of[1]);
    let head = offer.split("m=").next().unwrap();
    let swapped = format!("{head}{video}{audio}");
    for (offer, place) in [(&offer, 0), (&swapped, 1)] {
        let answer = Network::new(settings()).publish(1, offer);
        let section = sections(&answer)[place];
        assert!(section.starts_with("m=audio 9 UDP/TLS/RTP/SAVPF 50 51\r\n"));
        assert!(section.contains("a=fmtp:51 50/50\r\n"), "{section}");
        let section = sections(&answer)[1 - place];
        assert!(section.starts_with("m=video 9 UDP/TLS/RTP/SAVPF 111 63 "));
        assert!(section.contains("a=rtpmap:111 H264/90000\r\n"), "{section}");
    }
}

/// Sends one packet of sound.
fn say(net: &mut Network, id: u64, number: u8, payload: &[u8], timestamp: u32) {
    let packet = Packet {
        payload,
        timestamp,
        marker: false,
    };
    net.send(id, Audio, number, &[packet]);
    net.run(Duration::from_millis(20));
}

/// The payload type and the payload of each packet of sound, which are one stream.
fn heard(net: &mut Network, viewer: u64) -> Vec<(u8, Vec<u8>)> {
    let client = net.client(viewer);
    let ssrc = client.streams["0"];
    let is_sound = |packet: &&RtpPacket| *packet.header.ssrc == ssrc;
    let sound: Vec<_> = client.received.iter().filter(is_sound).collect();
    for (before, after) in sound.iter().zip(sound.iter().skip(1)) {
        assert_eq!(*after.seq_no, *before.seq_no + 1);
        assert!(after.header.timestamp.wrapping_sub(before.header.timestamp) < 5 * 48_000);
    }
    let told = |packet: &&RtpPacket| (*packet.header.payload_type, packet.payload.to_vec());
    sound.iter().map(told).collect()
}

#[test]
fn viewers_get_redundancy_by_their_own_numbers_and_others_each_packets_own_sound() {
    let mut net = Network::new(settings());
    net.publish(1, &preferring(CHROMIUM_PUBLISH));
    net.connect();
    net.subscribe(2, 1, CHROMIUM_SUBSCRIBE);
    net.subscribe(3, 1, &renumbered(CHROMIUM_SUBSCRIBE, 50, 51));
    net.subscribe(4, 1, &plain(CHROMIUM_SUBSCRIBE));
    net.connect();
    let mut expected = [const { Vec::new() }; 3];
    let mut before = vec![0; 30];
    for at in 0..30_u8 {
        let own = vec![at; 40 + usize::from(at)];
        let sound = |number| redundant(number, &[(1_920, &[200; 20]), (960, &before)], &own);
        // What an encoder finds too long to repeat goes out alone, in the same stream.
        let is_alone = at % 5 == 4;
        if is_alone {
            say(&mut net, 1, OPUS, &own, TICKS * u32::from(at));
            expected[0].push((OPUS, own.clone()));
            expected[1].push((50, own.clone()));
        } else {
            say(&mut net, 1, RED, &sound(OPUS), TICKS * u32::from(at));
            expected[0].push((RED, sound(OPUS)));
            expected[1].push((51, sound(50)));
        }
        expected[2].push((OPUS, own.clone()));
        before = own;
    }
    for (viewer, expected) in (2..).zip(expected) {
        assert_eq!(heard(&mut net, viewer), expected, "{viewer}");
        let received = &net.client(viewer).received;
        let ticks = received[20].header.timestamp - received[10].header.timestamp;
        assert_eq!(ticks, 10 * TICKS);
    }
    assert_eq!(net.sfu.counters().packets_dropped, 0);
}

#[test]
fn a_slot_goes_over_between_publishers_with_and_without_redundancy_by_no_offer() {
    let mut net = Network::new(settings());
    net.publish(1, &preferring(CHROMIUM_PUBLISH));
    net.publish(2, FFMPEG_PASSIVE);
    net.connect();
    net.feed(9, CHROMIUM_SUBSCRIBE);
    net.feed(10, &plain(CHROMIUM_SUBSCRIBE));
    net.connect();
    let speech = redundant(OPUS, &[(960, &[1; 60])], &[2; 50]);
    let mut at = 0;
    for publisher in [1, 2, 1] {
        for viewer in [9, 10] {
            let connection = ConnectionId(viewer);
            let wants = vec![Want {
                publisher: ConnectionId(publisher),
                audio: true,
                video: None,
            }];
            net.sfu.handle(Input::Want { connection, wants }, net.now);
        }
        // A slot stays empty for a while before another publisher gets it.
        net.run(Duration::from_millis(2_500));
        for _ in 0..5 {
            at += TICKS;
            say(&mut net, 1, RED, &speech, at);
            say(&mut net, 2, OPUS, &[3; 40], at);
        }
    }
    let (first, second) = ((RED, speech.as_slice()), (OPUS, &[3; 40][..]));
    for (viewer, first) in [(9, first), (10, (OPUS, &[2; 50][..]))] {
        let heard = heard(&mut net, viewer);
        let heard: Vec<_> = heard
            .iter()
            .map(|(number, payload)| (*number, payload.as_slice()))
            .collect();
        let expected = [[first; 5], [second; 5], [first; 5]].concat();
        assert_eq!(heard, expected, "{viewer}");
    }
}

#[test]
fn t42_redundancy_that_does_not_add_up_is_dropped_and_counted() {
    let whole = redundant(OPUS, &[(960, &[1; 60])], &[2; 50]);
    let many = vec![(960, &[1_u8][..]); 33];
    for (name, payload) in [
        ("cut within a header", whole[..3].to_vec()),
        ("cut within a block", whole[..40].to_vec()),
        ("no sound of its own", whole[..65].to_vec()),
        ("a block past the end", vec![0xef, 0, 3, 0xff, 0x6f, 1, 2]),
        ("headers without end", vec![0xef; 600]),
        ("too many blocks", redundant(OPUS, &many, &[2; 50])),
        ("nested", redundant(RED, &[(960, &[1; 60])], &[2; 50])),
        ("another codec", redundant(9, &[(960, &[1; 60])], &[2; 50])),
        (
            "too long",
            redundant(OPUS, &[(960, &[1; 1_000])], &[2; 386]),
        ),
    ] {
        let mut net = Network::new(settings());
        net.publish(1, &preferring(CHROMIUM_PUBLISH));
        net.connect();
        net.subscribe(2, 1, CHROMIUM_SUBSCRIBE);
        net.subscribe(3, 1, &plain(CHROMIUM_SUBSCRIBE));
        net.connect();
        for (at, payload) in (0..).zip([&whole, &payload, &whole, &payload, &whole]) {
            say(&mut net, 1, RED, payload, TICKS * at);
        }
        let counters = net.sfu.counters();
        assert_eq!(counters.packets_dropped, 2, "{name}");
        assert_eq!(counters.packets_out, 6, "{name}");
        assert_eq!(counters.panics, 0, "{name}");
        // Nobody waits for what was dropped: the numbers go on.
        assert_eq!(heard(&mut net, 2), vec![(RED, whole.clone()); 3], "{name}");
        assert_eq!(heard(&mut net, 3), vec![(OPUS, vec![2; 50]); 3], "{name}");
    }
    // The longest there is.
    let longest = redundant(OPUS, &[(960, &[1; 1_000])], &[2; 385]);
    let mut net = Network::new(settings());
    net.publish(1, &preferring(CHROMIUM_PUBLISH));
    net.connect();
    net.subscribe(2, 1, CHROMIUM_SUBSCRIBE);
    net.connect();
    say(&mut net, 1, RED, &longest, 0);
    assert_eq!(heard(&mut net, 2), [(RED, longest)]);
}

#[test]
fn redundancy_that_was_not_agreed_on_is_dropped() {
    let mut net = Network::new(settings());
    net.publish_with(1, CHROMIUM_PUBLISH, plain);
    net.connect();
    net.subscribe(2, 1, CHROMIUM_SUBSCRIBE);
    net.connect();
    let sound = redundant(OPUS, &[(960, &[1; 60])], &[2; 50]);
    say(&mut net, 1, RED, &sound, 0);
    say(&mut net, 1, OPUS, &[2; 50], TICKS);
    assert_eq!(heard(&mut net, 2), [(OPUS, vec![2; 50])]);
}

#[test]
fn who_speaks_is_told_by_the_levels_of_redundant_sound() {
    let mut net = Network::new(settings());
    net.publish(1, &preferring(CHROMIUM_PUBLISH));
    net.connect();
    net.subscribe(2, 1, CHROMIUM_SUBSCRIBE);
    net.connect();
    let sound = redundant(OPUS, &[(960, &[1; 60])], &[2; 50]);
    for at in 0..100 {
        let level = if at < 50 { 127 } else { 30 };
        let now = net.now.mono;
        net.client(1).speak(RED, &sound, TICKS * at, level, now);
        net.run(Duration::from_millis(20));
    }
    let speaks = |output: &Output| {
        matches!(
            output,
            Output::Voice {
                is_speaking: true,
                ..
            }
        )
    };
    assert!(net.told.iter().any(speaks));
    let received = &net.client(2).received;
    let levels = received
        .iter()
        .map(|packet| packet.header.ext_vals.audio_level);
    assert!(levels.eq((0..100).map(|at| Some(if at < 50 { -127 } else { -30 }))));
}
