//! A client of str0m: its reports and requests are read, and it reads ours.

use srtp::{Indices, Opener, Profile, Sealer};
use str0m::Event;
use str0m::bwe::Bitrate;
use str0m::media::KeyframeRequestKind;
use str0m::rtp::Ssrc;

use super::super::*;
use super::told;
use crate::handshake::net::{Net, SSRC, TRANSPORT_WIDE, payload};

struct World {
    net: Net,
    sealer: Sealer,
    opener: Opener,
    indices: Indices,
}

impl World {
    fn new() -> Self {
        let (mut net, mut sealer, opener) = Net::connected(Profile::AeadAes256Gcm, false);
        net.client.rtc.direct_api().enable_twcc_feedback();
        let indices = sealer.indices(SSRC).unwrap();
        Self {
            net,
            sealer,
            opener,
            indices,
        }
    }

    /// Sends a packet whose transport-wide number is 100 below its own.
    fn send(&mut self, sequence: u16) {
        let ticket = self.indices.claim(sequence.into()).unwrap();
        let mut packet = vec![0x90, 96];
        packet.extend_from_slice(&sequence.to_be_bytes());
        packet.extend_from_slice(&u32::from(sequence).to_be_bytes());
        packet.extend_from_slice(&SSRC.to_be_bytes());
        packet.extend_from_slice(&[0xbe, 0xde, 0, 1, TRANSPORT_WIDE << 4 | 1]);
        packet.extend_from_slice(&sequence.wrapping_sub(100).to_be_bytes());
        packet.push(0);
        packet.extend_from_slice(&payload(sequence.into()));
        self.sealer.seal_rtp(ticket, &mut packet, 0, 20).unwrap();
        assert!(self.net.deliver(&packet).is_some());
    }

    /// All that the client has sent, opened.
    fn opened(&mut self) -> Vec<Vec<u8>> {
        let secured = std::mem::take(&mut self.net.secured);
        secured
            .iter()
            .map(|datagram| {
                let mut plain = Vec::new();
                self.opener.open_rtcp(datagram, &mut plain).unwrap();
                plain
            })
            .collect()
    }

    fn told(&mut self) -> Vec<String> {
        let opened = self.opened();
        opened.iter().flat_map(|plain| told(plain)).collect()
    }
}

#[test]
fn missing_packets_and_arrivals_are_told() {
    let mut world = World::new();
    for sequence in (1_000..1_040).filter(|sequence| ![1_010, 1_012, 1_030].contains(sequence)) {
        world.send(sequence);
    }
    for _ in 0..100 {
        world.net.step();
    }
    let opened = world.opened();
    let mut missing = Vec::new();
    let mut arrivals = Vec::new();
    for message in opened.iter().flat_map(|plain| read(plain)) {
        if let Message::Nack {
            media_ssrc: SSRC,
            numbers,
        } = message
        {
            missing.extend(numbers);
        } else if let Message::Transport(feedback) = message {
            arrivals.extend(feedback.arrivals());
        }
    }
    missing.sort_unstable();
    missing.dedup();
    assert_eq!(missing, [1_010, 1_012, 1_030]);

    arrivals.dedup_by_key(|arrival| arrival.sequence);
    // A packet that is missing between two reports is in neither.
    let lost = arrivals.iter().filter(|arrival| arrival.received.is_none());
    let lost: Vec<u16> = lost.map(|arrival| arrival.sequence).collect();
    assert!(
        [&[912, 930][..], &[910, 912, 930]].contains(&&lost[..]),
        "{lost:?}"
    );
    let times: Vec<i64> = arrivals
        .iter()
        .filter_map(|arrival| arrival.received)
        .collect();
    assert_eq!(times.len(), 37, "{arrivals:?}");
    for pair in times.windows(2) {
        let step = pair[1] - pair[0];
        assert!(
            (9_750..=10_250).contains(&step),
            "{step} µs between packets"
        );
    }
}

#[test]
fn requests_and_estimates_are_told() {
    let mut world = World::new();
    world.send(1_000);
    for (request, expected) in [
        (KeyframeRequestKind::Pli, format!("pli {SSRC}")),
        (KeyframeRequestKind::Fir, format!("fir [{SSRC}]")),
    ] {
        let mut api = world.net.client.rtc.direct_api();
        let stream = api.stream_rx(&Ssrc::from(SSRC)).unwrap();
        stream.request_keyframe(request);
        world.net.step();
        world.net.step();
        let told = world.told();
        assert!(told.contains(&expected), "{told:?}");
    }
    let mut api = world.net.client.rtc.direct_api();
    let stream = api.stream_rx(&Ssrc::from(SSRC)).unwrap();
    stream.request_remb(Bitrate::kbps(1_500));
    world.net.step();
    world.net.step();
    let told = world.told();
    let expected = "remb 1500000";
    assert!(told.iter().any(|told| told == expected), "{told:?}");
}

#[test]
fn a_report_of_the_client_answers_ours() {
    let mut world = World::new();
    let ntp = 0xeeee_1234_8000_0000;
    let mut compound = Vec::new();
    let report = SenderReport {
        ssrc: SSRC,
        ntp,
        rtp: 90_000,
        packets: 1,
        octets: 12,
    };
    sender_report(&mut compound, &[report], "downstage");
    world.sealer.seal_rtcp(&mut compound, 0).unwrap();
    world.send(1_000);
    world.net.deliver(&compound);
    world.send(1_001);
    let info = world.net.client.events.iter().find_map(|event| {
        let Event::RtpPacket(packet) = event else {
            return None;
        };
        packet.last_sender_info
    });
    let info = info.unwrap();
    assert_eq!((*info.ssrc, info.rtp_time.numer()), (SSRC, 90_000));
    for _ in 0..600 {
        world.net.step();
    }
    let opened = world.opened();
    let messages = opened.iter().flat_map(|plain| read(plain));
    let reports: Vec<_> = messages
        .filter(|message| matches!(message, Message::Report { ssrc: SSRC, .. }))
        .collect();
    let Some(Message::Report {
        fraction_lost,
        last_sr,
        delay,
        ..
    }) = reports.last()
    else {
        panic!("a report");
    };
    assert_eq!(*fraction_lost, 0);
    assert_eq!(*last_sr, 0x1234_8000);
    assert!(*delay > 65_536, "{delay} is more than a second");
}
