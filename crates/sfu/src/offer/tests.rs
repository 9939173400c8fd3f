//! What is kept of an offer.

use super::*;

const SIMULCAST: &str = include_str!("../../tests/sfu/offers/chromium-simulcast.sdp");
const SUBSCRIBE: &str = include_str!("../../tests/sfu/offers/chromium-subscribe.sdp");

/// A browser's offer with that many sections of each kind, all by one numbering of payload types.
fn feed(audio: usize, video: usize) -> String {
    let starts: Vec<_> = SUBSCRIBE.match_indices("m=").map(|(at, _)| at).collect();
    let (head, sections) = SUBSCRIBE.split_at(starts[0]);
    let (first, second) = sections.split_at(starts[1] - starts[0]);
    let mids: Vec<_> = (0..audio + video).map(|mid| mid.to_string()).collect();
    let mut sdp = head.replace("BUNDLE 0 1", &format!("BUNDLE {}", mids.join(" ")));
    for (mid, at) in mids.iter().zip(0..) {
        let (section, name) = if at < audio {
            (first, "a=mid:0\r\n")
        } else {
            (second, "a=mid:1\r\n")
        };
        assert!(section.contains(name));
        sdp.push_str(&section.replace(name, &format!("a=mid:{mid}\r\n")));
    }
    sdp
}

fn fault_of(sdp: &str, direction: Direction) -> OfferError {
    Offer::parse(sdp, direction).unwrap_err()
}

#[test]
fn what_lets_others_into_a_connection_is_never_shown() {
    let offer = Offer::parse(SUBSCRIBE, Direction::Subscribe).unwrap();
    let terms = offer.terms();
    let answer = crate::Answer {
        sdp: SUBSCRIBE.to_owned(),
        slots: Vec::new(),
    };
    let fragment = SUBSCRIBE.to_owned();
    let shown = format!(
        "{offer:?} {answer:?} {:?}",
        crate::Patched::Restarted { fragment }
    );
    for secret in [
        &terms.credentials.password,
        &terms.credentials.ufrag,
        &terms.fingerprint,
    ] {
        assert!(SUBSCRIBE.contains(secret.as_str()));
        assert!(!shown.contains(secret.as_str()), "{shown}");
    }
}

#[test]
fn a_browsers_offer_of_as_many_sections_as_there_may_be_is_read_with_all_its_codecs() {
    let candidate = "a=candidate:1 1 udp 2113937151 192.0.2.17 54321 typ host generation 0\r\n";
    let with_candidates = format!("{}a=mid:", candidate.repeat(8));
    let sdp = feed(16, 16).replace("a=mid:", &with_candidates);
    assert!(sdp.len() > 100_000, "{}", sdp.len());
    let offer = Offer::parse(&sdp, Direction::Feed).unwrap();
    assert_eq!(offer.terms().sections.len(), 32);
}

#[test]
fn a_feed_may_have_many_sections_of_a_kind_and_others_may_not() {
    let offer = Offer::parse(&feed(3, 4), Direction::Feed).unwrap();
    assert_eq!(offer.fault(), None);
    let sections = &offer.terms().sections;
    let mids: Vec<_> = sections
        .iter()
        .map(|section| section.mid.as_str())
        .collect();
    assert_eq!(mids, ["0", "1", "2", "3", "4", "5", "6"]);
    assert_eq!(sections[2].kind, Kind::Audio);
    assert_eq!(sections[3].payloads, sections[6].payloads);
    assert_eq!(
        fault_of(&feed(3, 4), Direction::Subscribe),
        unacceptable("more than one track of a kind")
    );
}

#[test]
fn t36_a_feed_has_at_most_as_many_sections_as_a_description() {
    let most = sdp::SECTIONS_MAX;
    assert!(Offer::parse(&feed(most - 1, 1), Direction::Feed).is_ok());
    assert_eq!(
        fault_of(&feed(most, 1), Direction::Feed),
        malformed("too many m-lines")
    );
}

#[test]
fn t36_a_payload_type_means_the_same_in_all_sections_of_a_feed() {
    let sdp = feed(1, 2);
    let at = sdp.rfind("a=rtpmap:102 H264/90000").unwrap();
    let (before, after) = sdp.split_at(at);
    let other = format!("{before}{}", after.replacen("H264", "VP8", 1));
    assert_eq!(
        fault_of(&other, Direction::Feed),
        malformed("payload type twice")
    );
    let mid_twice = sdp.replace("a=mid:2", "a=mid:1");
    assert_eq!(
        fault_of(&mid_twice, Direction::Feed),
        malformed("mid twice")
    );
}

#[test]
fn a_feed_that_sends_or_cannot_decode_is_refused_whichever_section_it_is() {
    let sdp = feed(1, 2);
    let at = sdp.rfind("a=recvonly").unwrap();
    let (before, after) = sdp.split_at(at);
    let sends = format!("{before}{}", after.replacen("recvonly", "sendonly", 1));
    assert_eq!(
        fault_of(&sends, Direction::Feed),
        unacceptable("a subscriber has to receive")
    );
    let at = sdp.rfind("m=video").unwrap();
    let (before, after) = sdp.split_at(at);
    let last = after.replace("H264/", "H265/").replace("VP8/", "VP9/");
    let offer = Offer::parse(&format!("{before}{last}"), Direction::Feed).unwrap();
    assert_eq!(offer.fault(), Some(ErrorCode::InvalidVideoCodec));
}

#[test]
fn what_a_subscriber_can_read_of_a_header_is_kept_with_its_ids() {
    let offer = Offer::parse(SIMULCAST, Direction::Feed).unwrap();
    let [audio, video] = offer.terms().sections.as_slice() else {
        panic!()
    };
    assert_eq!(audio.extension(AUDIO_LEVEL), Some(1));
    assert_eq!(audio.extension(TRANSPORT_CC), Some(3));
    for (uri, id) in [
        (MID, Some(4)),
        (TRANSPORT_CC, Some(3)),
        (ORIENTATION, Some(13)),
        (PLAYOUT_DELAY, Some(5)),
        (CAPTURE_TIME, None),
        // Names of layers are for publishers.
        (STREAM_ID, None),
        (REPAIRED_STREAM_ID, None),
    ] {
        assert_eq!(video.extension(uri), id, "{uri}");
    }
    assert!(video.layers.is_empty() && video.has_reduced_size);
    let vp8 = &video.payloads[0];
    let feedback = [
        codec::TRANSPORT_CC,
        "ccm fir",
        "nack",
        "nack pli",
        codec::REMB,
    ];
    assert_eq!(vp8.feedback, feedback);
}

#[test]
fn sources_that_are_grouped_as_browsers_once_did_simulcast_are_one_encoding() {
    let simulcast = "a=ssrc-group:SIM 11 12 13\r\na=ssrc-group:FID 11 21\r\n\
        a=ssrc-group:FID 12 22\r\na=ssrc-group:FID 13 23\r\na=ssrc:11 cname:x\r\n\
        a=ssrc:21 cname:x\r\na=ssrc:12 cname:x\r\na=ssrc:22 cname:x\r\n";
    let sdp = format!(
        "{}{simulcast}",
        SIMULCAST.replace("a=simulcast:", "a=other:")
    );
    let offer = Offer::parse(&sdp, Direction::Publish).unwrap();
    let video = &offer.terms().sections[1];
    assert!(video.layers.is_empty());
    let source = Source {
        ssrc: 11,
        rtx: Some(21),
    };
    assert_eq!(video.source, Some(source));
}

#[test]
fn a_publishers_layers_are_kept_with_the_ids_of_their_names() {
    let offer = Offer::parse(SIMULCAST, Direction::Publish).unwrap();
    let [audio, video] = offer.terms().sections.as_slice() else {
        panic!()
    };
    let names: Vec<_> = video.layers.iter().map(LayerLabel::as_str).collect();
    assert_eq!(names, ["q", "h", "f"]);
    assert!(audio.layers.is_empty());
    assert_eq!(video.extension(STREAM_ID), Some(10));
    assert_eq!(video.extension(REPAIRED_STREAM_ID), Some(11));
}
