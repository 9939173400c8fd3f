//! A real connection: keys, what we seal for str0m, and what str0m seals for us.

use str0m::Event;
use str0m::media::{KeyframeRequestKind, MediaKind, Mid};
use str0m::rtp::Ssrc;

use super::net::{Net, SSRC, payload, rtp};
use super::*;

const PROFILES: [Profile; 3] = [
    Profile::Aes128CmSha1,
    Profile::AeadAes128Gcm,
    Profile::AeadAes256Gcm,
];

#[test]
fn what_we_seal_reaches_a_client_across_two_roll_overs() {
    for (profile, server_is_active) in PROFILES.into_iter().zip([false, true, false]) {
        let (mut net, mut sealer, _) = Net::connected(profile, server_is_active);
        let mut indices = sealer.indices(SSRC).unwrap();
        let start = 60_000;
        for step in 0..9 {
            let index = start + step * 9_000;
            let ticket = indices.claim(index).unwrap();
            let mut packet = rtp(ticket.sequence(), &payload(index));
            sealer.seal_rtp(ticket, &mut packet, 0, 12).unwrap();
            let delivered = net.deliver(&packet);
            assert_eq!(delivered, Some((index, payload(index))), "{profile:?}");
        }
        assert_eq!(start + 8 * 9_000, 132_000, "beyond the second roll-over");
    }
}

#[test]
fn t41_what_is_changed_on_its_way_does_not_reach_a_client() {
    for profile in PROFILES {
        let (mut net, mut sealer, _) = Net::connected(profile, false);
        let mut indices = sealer.indices(SSRC).unwrap();
        let ticket = indices.claim(7).unwrap();
        let mut packet = rtp(7, &payload(7));
        sealer.seal_rtp(ticket, &mut packet, 0, 12).unwrap();
        for place in [1, 5, 12, packet.len() - 1] {
            let mut changed = packet.clone();
            changed[place] ^= 1;
            assert_eq!(net.deliver(&changed), None, "{profile:?} {place}");
        }
        assert_eq!(net.deliver(&packet), Some((7, payload(7))));
        assert_eq!(net.deliver(&packet), None, "a replay");
    }
}

#[test]
fn requests_of_a_client_are_opened() {
    for (profile, server_is_active) in PROFILES.into_iter().zip([true, false, true]) {
        let (mut net, mut sealer, mut opener) = Net::connected(profile, server_is_active);
        let mut indices = sealer.indices(SSRC).unwrap();
        let ticket = indices.claim(7).unwrap();
        let mut packet = rtp(7, &payload(7));
        sealer.seal_rtp(ticket, &mut packet, 0, 12).unwrap();
        net.deliver(&packet).unwrap();
        let mut api = net.client.rtc.direct_api();
        let stream = api.stream_rx(&Ssrc::from(SSRC)).unwrap();
        stream.request_keyframe(KeyframeRequestKind::Pli);
        for _ in 0..300 {
            net.step();
        }
        let mut plain = Vec::new();
        let mut kinds = Vec::new();
        for datagram in &net.secured {
            opener.open_rtcp(datagram, &mut plain).unwrap();
            let mut rest = &plain[..];
            while let [count, kind, high, low, ..] = *rest {
                kinds.push((count & 0x1f, kind));
                let words = usize::from(u16::from_be_bytes([high, low]));
                rest = &rest[4 * (words + 1)..];
            }
            let replayed = opener.open_rtcp(datagram, &mut plain);
            assert!(replayed.is_err());
        }
        assert!(kinds.contains(&(1, 206)), "{profile:?} {kinds:?}");
    }
}

#[test]
fn our_sender_report_reaches_a_client() {
    for profile in PROFILES {
        let (mut net, mut sealer, _) = Net::connected(profile, false);
        let mut report = vec![0x80, 200, 0, 6];
        report.extend_from_slice(&SSRC.to_be_bytes());
        report.extend_from_slice(&0xeeee_0000_8000_0000_u64.to_be_bytes());
        report.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 12]);
        sealer.seal_rtcp(&mut report, 0).unwrap();
        net.deliver(&report);
        let mut indices = sealer.indices(SSRC).unwrap();
        let mut packet = rtp(7, &payload(7));
        let ticket = indices.claim(7).unwrap();
        sealer.seal_rtp(ticket, &mut packet, 0, 12).unwrap();
        net.deliver(&packet).unwrap();
        let info = net.client.events.iter().find_map(|event| {
            let Event::RtpPacket(packet) = event else {
                return None;
            };
            packet.last_sender_info
        });
        assert_eq!(info.map(|info| *info.ssrc), Some(SSRC), "{profile:?}");
    }
}

#[test]
fn str0m_sends_nothing_secured_without_keys_and_stays_connected() {
    let (mut net, _, _) = Net::connected(Profile::AeadAes256Gcm, false);
    let mid = Mid::from("v");
    let mut api = net.server.rtc.direct_api();
    api.declare_media(mid, MediaKind::Video);
    api.declare_stream_tx(SSRC.into(), None, mid, None);
    for _ in 0..3_000 {
        net.step();
    }
    assert_eq!(net.leaked, 0);
    assert!(net.server.rtc.is_alive() && net.client.rtc.is_alive());
    assert_eq!(net.kept.len(), 1);
}

#[test]
fn a_client_with_another_certificate_than_its_offer_names_is_not_connected() {
    let mut net = Net::new(Profile::AeadAes256Gcm, false);
    let other = Net::new(Profile::AeadAes256Gcm, false);
    let mut other = other.client;
    let print = other.rtc.direct_api().local_dtls_fingerprint().clone();
    net.server.rtc.direct_api().set_remote_fingerprint(print);
    let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| net.connect()));
    assert!(tried.is_err());
    assert!(!net.server.is_connected());
    assert!(net.kept.is_empty() && take().is_none());
}
