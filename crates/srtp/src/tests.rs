//! What the two directions do with packets, good and bad.

mod vectors;

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

const PROFILES: [Profile; 3] = [
    Profile::Aes128CmSha1,
    Profile::AeadAes128Gcm,
    Profile::AeadAes256Gcm,
];

/// A receiver report of source 7 with one block.
const REPORT: [u8; 32] = [
    0x81, 201, 0, 7, 0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
    20, 21, 22, 23, 24,
];

fn material(profile: Profile, is_client: bool) -> Material {
    let bytes: Vec<u8> = (1..=88).collect();
    Material::new(&bytes, Profile::AeadAes256Gcm, is_client).cut(profile)
}

/// The two ends of a connection.
fn pair(profile: Profile) -> ((Sealer, Opener), (Sealer, Opener)) {
    let client = split(&material(profile, true)).unwrap();
    let server = split(&material(profile, false)).unwrap();
    (client, server)
}

fn report_of(ssrc: u32) -> Vec<u8> {
    let mut report = REPORT.to_vec();
    report[4..8].copy_from_slice(&ssrc.to_be_bytes());
    report
}

fn sealed(sealer: &mut Sealer, plain: &[u8]) -> Vec<u8> {
    let mut packet = plain.to_vec();
    sealer.seal_rtcp(&mut packet, 0).unwrap();
    packet
}

fn rtp(ssrc: u32, sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 96, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    packet[2..4].copy_from_slice(&sequence.to_be_bytes());
    packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
    packet.extend_from_slice(b"a payload");
    packet
}

#[test]
fn each_end_opens_what_the_other_seals_and_not_its_own() {
    for profile in PROFILES {
        let ((mut client, mut at_client), (mut server, mut at_server)) = pair(profile);
        let mut plain = vec![1, 2, 3];

        let report = sealed(&mut client, &REPORT);
        assert_eq!(report.len(), REPORT.len() + client.overhead() + 4);
        assert_eq!(at_server.open_rtcp(&report, &mut plain), Ok(()));
        assert_eq!(plain, REPORT, "{profile:?}");
        let own = at_client.open_rtcp(&report, &mut plain);
        assert_eq!(own, Err(SrtpError::Unauthentic), "{profile:?}");
        assert_eq!(plain, [0; 0]);

        let report = sealed(&mut server, &REPORT);
        assert_eq!(at_client.open_rtcp(&report, &mut plain), Ok(()));
        assert_eq!(plain, REPORT, "{profile:?}");
    }
}

#[test]
fn keys_of_a_wrong_length_are_refused_with_both_lengths() {
    for (length, expected, profile) in [
        (0, 60, Profile::Aes128CmSha1),
        (59, 60, Profile::Aes128CmSha1),
        (88, 56, Profile::AeadAes128Gcm),
        (87, 88, Profile::AeadAes256Gcm),
    ] {
        let material = Material::new(&vec![0; length], profile, true);
        let refused = split(&material).map(|_| ()).unwrap_err();
        assert_eq!(refused, SrtpError::Material { length, expected });
    }
}

#[test]
fn debug_output_has_no_key_in_it() {
    let material = material(Profile::AeadAes128Gcm, true);
    let (sealer, opener) = split(&material).unwrap();
    let shown = format!("{material:?} {sealer:?} {opener:?}");
    assert_eq!(
        shown,
        "Material { profile: AeadAes128Gcm, .. } Sealer { profile: AeadAes128Gcm, .. } \
         Opener { profile: AeadAes128Gcm, .. }"
    );
}

#[test]
fn a_packet_is_sealed_where_it_stands_behind_others() {
    for profile in PROFILES {
        let ((mut sealer, _), _) = pair(profile);
        let mut indices = sealer.indices(7).unwrap();
        let mut batch = vec![0xaa; 100];
        batch.extend_from_slice(&rtp(7, 3));
        let length = batch.len();
        let ticket = indices.claim(3).unwrap();
        sealer.seal_rtp(ticket, &mut batch, 100, 12).unwrap();
        assert_eq!(batch.len(), length + sealer.overhead());
        assert_eq!(batch[..100], [0xaa; 100]);
        assert_eq!(
            batch[100..112],
            rtp(7, 3)[..12],
            "the header stays readable"
        );
        assert_ne!(batch[112..121], rtp(7, 3)[12..]);
    }
}

#[test]
fn the_same_sequence_number_after_a_roll_over_is_sealed_otherwise() {
    for profile in PROFILES {
        let ((mut sealer, _), _) = pair(profile);
        let mut indices = sealer.indices(7).unwrap();
        let mut seal = |index| {
            let mut packet = rtp(7, 5);
            let ticket = indices.claim(index).unwrap();
            assert_eq!(ticket.sequence(), 5);
            sealer.seal_rtp(ticket, &mut packet, 0, 12).unwrap();
            packet
        };
        assert_ne!(seal(5), seal(65_541));
    }
}

#[test]
fn what_cannot_be_sealed_does_not_stay_in_the_buffer() {
    for profile in PROFILES {
        let ((mut sealer, _), _) = pair(profile);
        let mut indices = sealer.indices(7).unwrap();
        let mut attempts = vec![
            ("another sequence number", rtp(7, 9), 12),
            ("another source", rtp(8, 1), 12),
            ("a header beyond the end", rtp(7, 1), 22),
            ("a header cut short", rtp(7, 1), 11),
        ];
        let mut long = rtp(7, 1);
        long.resize(PACKET_MAX + 1, 0);
        attempts.push(("too long", long, 12));
        for (place, (what, packet, header)) in attempts.into_iter().enumerate() {
            let mut buffer = vec![1, 2, 3];
            buffer.extend_from_slice(&packet);
            let index = 1 + 65_536 * u64::try_from(place).unwrap();
            let ticket = indices.claim(index).unwrap();
            let refused = sealer.seal_rtp(ticket, &mut buffer, 3, header);
            assert_eq!(refused, Err(SrtpError::Packet), "{what}");
            assert_eq!(buffer, [1, 2, 3], "{what}");
        }
        let mut buffer = vec![1, 2, 3];
        let ticket = indices.claim(2).map(|_| ());
        assert_eq!(ticket, None, "far behind the newest");
        assert_eq!(
            sealer.seal_rtcp(&mut buffer, 4),
            Err(SrtpError::Packet),
            "a start beyond the end"
        );
        buffer.extend_from_slice(&REPORT[..7]);
        assert_eq!(sealer.seal_rtcp(&mut buffer, 3), Err(SrtpError::Packet));
        assert_eq!(buffer, [1, 2, 3]);
    }
}

#[test]
fn reports_end_with_their_indices() {
    for profile in PROFILES {
        let ((mut sealer, _), (_, mut opener)) = pair(profile);
        sealer.set_rtcp_index(0x7fff_ffff);
        let mut plain = Vec::new();
        let last = sealed(&mut sealer, &REPORT);
        assert_eq!(opener.open_rtcp(&last, &mut plain), Ok(()));
        let mut buffer = REPORT.to_vec();
        let refused = sealer.seal_rtcp(&mut buffer, 0);
        assert_eq!(refused, Err(SrtpError::Exhausted));
        assert_eq!(buffer, [0; 0]);
    }
}

#[test]
fn the_indices_of_a_source_are_given_out_once() {
    let ((mut sealer, _), _) = pair(Profile::AeadAes128Gcm);
    assert!(sealer.indices(1).is_some());
    assert!(sealer.indices(2).is_some());
    assert!(sealer.indices(1).is_none());
    let more = (3..10_000).filter(|ssrc| sealer.indices(*ssrc).is_some());
    assert_eq!(more.count(), 4_094, "and to so many sources");
}

#[test]
fn indices_are_claimed_in_any_order_within_the_newest_2048() {
    let ((mut sealer, _), _) = pair(Profile::AeadAes128Gcm);
    let mut indices = sealer.indices(1).unwrap();
    let mut claim = |index| indices.claim(index).is_some();
    assert!(claim(5_000));
    assert!(!claim(5_000));
    assert!(claim(4_999));
    assert!(claim(5_000 - 2_047));
    assert!(!claim(5_000 - 2_048));
    assert!(claim(7_000));
    assert!(!claim(5_000), "still known");
    assert!(claim(5_001));
    assert!(!claim(4_952), "too old to know");
    assert!(claim((1 << 48) - 1));
    assert!(!claim(1 << 48), "no index");
    assert!(!claim(u64::MAX));
}

proptest! {
    #[test]
    fn no_index_is_given_out_twice(
        start in prop_oneof![Just(0_u64), 0_u64..70_000, (1_u64 << 48) - 5_000..1 << 48],
        steps in prop::collection::vec(
            prop_oneof![4 => -3_i64..5, 2 => -2_100_i64..2_100, 1 => -70_000_i64..70_000],
            1..400,
        ),
    ) {
        let ((mut sealer, _), _) = pair(Profile::AeadAes128Gcm);
        let mut indices = sealer.indices(9).unwrap();
        let mut given = HashSet::new();
        let mut newest = None;
        let mut index = start;
        for step in steps {
            index = index.saturating_add_signed(step);
            let is_in_reach = newest.is_none_or(|newest: u64| index + 2_048 > newest);
            let expected = index < 1 << 48 && is_in_reach && !given.contains(&index);
            let ticket = indices.claim(index);
            prop_assert_eq!(ticket.is_some(), expected, "{}", index);
            if let Some(ticket) = ticket {
                prop_assert_eq!(u64::from(ticket.sequence()), index % 65_536);
                prop_assert!(given.insert(index));
                newest = newest.max(Some(index));
            }
        }
    }

    #[test]
    fn t41_any_bytes_are_refused_and_change_nothing(
        profile in prop::sample::select(&PROFILES[..]),
        datagram in prop::collection::vec(any::<u8>(), 0..200),
        looks_right: bool,
    ) {
        let ((mut sealer, _), (_, mut opener)) = pair(profile);
        let good = sealed(&mut sealer, &REPORT);
        let mut datagram = datagram;
        if looks_right {
            for (to, from) in datagram.iter_mut().zip(&REPORT[..8]) {
                *to = *from;
            }
        }
        let mut plain = vec![0; 10];
        let refused = opener.open_rtcp(&datagram, &mut plain);
        prop_assert_eq!(refused, Err(SrtpError::Unauthentic));
        prop_assert!(plain.is_empty());
        prop_assert_eq!(opener.known(), 0);
        prop_assert_eq!(opener.open_rtcp(&good, &mut plain), Ok(()));
    }

    #[test]
    fn t41_a_changed_or_truncated_packet_is_refused_and_the_true_one_still_opens(
        profile in prop::sample::select(&PROFILES[..]),
        place: prop::sample::Index,
        bit in 0_u8..8,
        cut in 1_usize..60,
    ) {
        let ((mut sealer, _), (_, mut opener)) = pair(profile);
        let mut plain = Vec::new();
        opener.open_rtcp(&sealed(&mut sealer, &REPORT), &mut plain).unwrap();
        let good = sealed(&mut sealer, &REPORT);
        let mut bad = good.clone();
        bad[place.index(good.len())] ^= 1 << bit;
        let refused = opener.open_rtcp(&bad, &mut plain).unwrap_err();
        // A changed index may look like the one that came before.
        prop_assert!(matches!(refused, SrtpError::Unauthentic | SrtpError::Replayed));
        let short = &good[..good.len().saturating_sub(cut)];
        prop_assert!(opener.open_rtcp(short, &mut plain).is_err());
        prop_assert!(plain.is_empty());
        prop_assert_eq!(opener.known(), 1);
        prop_assert_eq!(opener.open_rtcp(&good, &mut plain), Ok(()));
        prop_assert_eq!(plain, REPORT);
    }
}

#[test]
fn t41_a_replayed_packet_is_refused_and_late_ones_are_not() {
    for profile in PROFILES {
        let ((mut sealer, _), (_, mut opener)) = pair(profile);
        let packets: Vec<_> = (0..200).map(|_| sealed(&mut sealer, &REPORT)).collect();
        let mut plain = Vec::new();
        let mut open = |place: usize| opener.open_rtcp(&packets[place], &mut plain);
        assert_eq!(open(150), Ok(()));
        assert_eq!(open(150), Err(SrtpError::Replayed));
        assert_eq!(open(23), Ok(()), "127 behind");
        assert_eq!(open(23), Err(SrtpError::Replayed));
        assert_eq!(open(22), Err(SrtpError::Replayed), "128 behind");
        assert_eq!(open(149), Ok(()));
        assert_eq!(open(151), Ok(()));
        assert_eq!(open(149), Err(SrtpError::Replayed));
        assert_eq!(open(150), Err(SrtpError::Replayed));
        assert_eq!(open(148), Ok(()));
        assert_eq!(open(199), Ok(()));
        assert_eq!(open(151), Err(SrtpError::Replayed));
        assert_eq!(open(152), Ok(()));
    }
}

#[test]
fn t41_an_index_far_ahead_is_followed_only_if_it_is_authentic() {
    for profile in PROFILES {
        let ((mut sealer, _), (_, mut opener)) = pair(profile);
        let mut plain = Vec::new();
        let first = sealed(&mut sealer, &REPORT);
        opener.open_rtcp(&first, &mut plain).unwrap();
        let second = sealed(&mut sealer, &REPORT);
        let mut forged = second.clone();
        let word = match profile {
            Profile::Aes128CmSha1 => forged.len() - 14,
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => forged.len() - 4,
        };
        forged[word..word + 4].copy_from_slice(&[0xff; 4]);
        let refused = opener.open_rtcp(&forged, &mut plain);
        assert_eq!(refused, Err(SrtpError::Unauthentic));
        assert_eq!(opener.open_rtcp(&second, &mut plain), Ok(()));
        sealer.set_rtcp_index(1_000_000);
        let ahead = sealed(&mut sealer, &REPORT);
        assert_eq!(opener.open_rtcp(&ahead, &mut plain), Ok(()));
    }
}

#[test]
fn t41_an_unencrypted_packet_is_refused() {
    for profile in PROFILES {
        let ((mut sealer, _), (_, mut opener)) = pair(profile);
        let mut packet = sealed(&mut sealer, &REPORT);
        let word = match profile {
            Profile::Aes128CmSha1 => packet.len() - 14,
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => packet.len() - 4,
        };
        packet[word] &= 0x7f;
        let refused = opener.open_rtcp(&packet, &mut Vec::new());
        assert_eq!(refused, Err(SrtpError::Unauthentic));
    }
}

#[test]
fn t41_a_peer_has_256_sources_each_with_indices_of_its_own() {
    let ((mut sealer, _), (_, mut opener)) = pair(Profile::AeadAes128Gcm);
    let mut plain = Vec::new();
    for ssrc in (0..256).rev() {
        sealer.set_rtcp_index(1);
        let packet = sealed(&mut sealer, &report_of(ssrc));
        assert_eq!(opener.open_rtcp(&packet, &mut plain), Ok(()));
        assert_eq!(
            opener.open_rtcp(&packet, &mut plain),
            Err(SrtpError::Replayed)
        );
    }
    let packet = sealed(&mut sealer, &report_of(256));
    let refused = opener.open_rtcp(&packet, &mut plain);
    assert_eq!(refused, Err(SrtpError::Sources));
    let packet = sealed(&mut sealer, &report_of(77));
    assert_eq!(opener.open_rtcp(&packet, &mut plain), Ok(()));
}

#[test]
fn a_client_opens_media_across_a_roll_over_once_and_unchanged() {
    for profile in PROFILES {
        let (_, (sealer, _)) = pair(profile);
        let mut sealer = sealer;
        let mut indices = sealer.indices(7).unwrap();
        let mut receiver = media(&material(profile, true)).unwrap();
        // The third is late, the last comes after a long gap.
        for index in [65_533, 65_535, 65_534, 65_536, 70_000, 100_000] {
            let ticket = indices.claim(index).unwrap();
            let plain = rtp(7, ticket.sequence());
            let mut packet = plain.clone();
            sealer.seal_rtp(ticket, &mut packet, 0, 12).unwrap();
            for place in [3, 12, packet.len() - 1] {
                let mut changed = packet.clone();
                changed[place] ^= 1;
                let refused = receiver.open(&mut changed, 12);
                assert!(refused.is_err(), "{profile:?} {index} {place}");
            }
            let mut opened = packet.clone();
            let end = plain.len();
            let expected = Ok(Opened { index, end });
            assert_eq!(receiver.open(&mut opened, 12), expected, "{profile:?}");
            assert_eq!(opened[..end], plain, "{profile:?}");
            let again = receiver.open(&mut packet, 12);
            assert_eq!(again, Err(SrtpError::Replayed), "{profile:?} {index}");
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_break_the_opening_of_media(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..100),
        header in 0..120_usize,
    ) {
        for profile in PROFILES {
            let mut receiver = media(&material(profile, true)).unwrap();
            prop_assert!(receiver.open(&mut bytes, header).is_err());
        }
    }
}
