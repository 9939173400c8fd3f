//! A receiver beside the sealer of a server.

use srtp::Indices;

use super::*;
use crate::clock;
use crate::rtp::Datagram;

const MS: Duration = Duration::from_millis(1);

struct Server {
    sealer: Sealer,
    opener: Opener,
}

/// A server and a viewer with the same keys.
fn pair(answer: &str, now: Instant) -> (Server, Receiver) {
    let bytes: Vec<u8> = (1..=88).collect();
    let material = |is_client| Material::new(&bytes, Profile::AeadAes256Gcm, is_client);
    let (sealer, opener) = srtp::split(&material(false)).unwrap();
    let agreed = Agreed::read(answer);
    let receiver = Receiver::new(&material(true), agreed, now).unwrap();
    (Server { sealer, opener }, receiver)
}

const ANSWER: &str = "a=rtcp-fb:108 nack\r\na=rtcp-fb:108 transport-cc\r\na=ssrc-group:FID 7 8\r\n\
    a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n";

/// A sealed packet with a transport-wide number.
fn packet(
    server: &Server,
    indices: &mut Indices,
    (kind, ssrc, index): (u8, u32, u64),
    number: u16,
    payload: &[u8],
) -> Vec<u8> {
    let ticket = indices.claim(index).unwrap();
    let mut packet = vec![0x90, kind];
    packet.extend(ticket.sequence().to_be_bytes());
    packet.extend([0; 4]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0xbe, 0xde, 0, 1, 0x31]);
    packet.extend(number.to_be_bytes());
    packet.push(0);
    packet.extend(payload);
    server.sealer.seal_rtp(ticket, &mut packet, 0, 20).unwrap();
    packet
}

fn take(
    receiver: &mut Receiver,
    mut datagram: Vec<u8>,
    now: Instant,
) -> Option<(u64, bool, Vec<u8>)> {
    let Datagram::Rtp(head) = Datagram::of(&datagram) else {
        panic!("it is RTP");
    };
    let packet = receiver.media(&mut datagram, &head, now)?;
    Some((packet.sequence, packet.is_repair, packet.payload.to_vec()))
}

/// The kinds of what the receiver sends by then, opened.
fn said(server: &mut Server, receiver: &mut Receiver, now: Instant) -> Vec<(u8, u8)> {
    let mut kinds = Vec::new();
    receiver.answer(now, &mut |datagram| {
        let mut plain = Vec::new();
        server.opener.open_rtcp(datagram, &mut plain).unwrap();
        kinds.push((plain[0] & 0x1f, plain[1]));
    });
    kinds
}

#[test]
fn a_gap_is_asked_for_and_filled_by_a_retransmission_once() {
    let now = clock::now();
    let (mut server, mut receiver) = pair(ANSWER, now);
    let mut media = server.sealer.indices(7).unwrap();
    let mut repairs = server.sealer.indices(8).unwrap();
    let first = packet(&server, &mut media, (108, 7, 10), 1, b"one");
    assert_eq!(
        take(&mut receiver, first.clone(), now),
        Some((10, false, b"one".to_vec()))
    );
    assert_eq!(take(&mut receiver, first, now), None, "a repetition");
    // A gap of two, of which the answer speaks at once; feedback comes with it for the first time.
    let third = packet(&server, &mut media, (108, 7, 13), 2, b"four");
    assert!(take(&mut receiver, third, now).is_some());
    let (nack, feedback, report) = ((1, 205), (15, 205), (1, 201));
    assert_eq!(said(&mut server, &mut receiver, now), [nack, feedback]);
    assert_eq!(said(&mut server, &mut receiver, now), []);
    let again = packet(&server, &mut repairs, (109, 8, 1), 3, b"\x00\x0btwo");
    assert_eq!(
        take(&mut receiver, again, now + MS),
        Some((11, true, b"two".to_vec()))
    );
    let twice = packet(&server, &mut repairs, (109, 8, 2), 4, b"\x00\x0btwo");
    assert_eq!(take(&mut receiver, twice, now + MS), None);
    // The other one is asked for again later, and all that came is told of each 100 ms.
    assert_eq!(said(&mut server, &mut receiver, now + 60 * MS), [nack]);
    assert_eq!(
        said(&mut server, &mut receiver, now + 120 * MS),
        [nack, feedback]
    );
    assert_eq!((receiver.nacks, receiver.plis), (3, 0));
    let said = said(&mut server, &mut receiver, now + 1_000 * MS);
    assert_eq!(said, [report, nack]);
}

#[test]
fn without_an_agreement_nothing_but_reports_is_sent() {
    let now = clock::now();
    let (mut server, mut receiver) = pair("", now);
    let mut media = server.sealer.indices(7).unwrap();
    for index in [1, 5] {
        let packet = packet(&server, &mut media, (108, 7, index), 1, b"one");
        assert!(take(&mut receiver, packet, now).is_some());
    }
    assert_eq!(said(&mut server, &mut receiver, now + 500 * MS), []);
    let said = said(&mut server, &mut receiver, now + 1_000 * MS);
    assert_eq!(said, [(1, 201)]);
}

#[test]
fn forged_media_is_no_packet_and_makes_no_stream() {
    let now = clock::now();
    let (mut server, mut receiver) = pair(ANSWER, now);
    let mut sealer = server.sealer.indices(7).unwrap();
    let mut forged = packet(&server, &mut sealer, (108, 7, 1), 1, b"one");
    forged[25] ^= 1;
    assert_eq!(take(&mut receiver, forged, now), None);
    assert!(receiver.streams.is_empty() && receiver.arrivals.is_empty());
}
