//! Who comes in the middle of a group of pictures, and catches up from the key frame that is kept.

use super::*;

#[test]
fn a_viewer_that_comes_in_the_middle_of_a_gop_sees_at_once_and_is_live_soon() {
    let (mut net, mut encoder) = world(ONE, 300);
    encoder.film(&mut net, Duration::from_secs(4));
    let connected = join(&mut net, &mut encoder, 2);
    encoder.film(&mut net, Duration::from_millis(200));
    let shown = encoder.shown(&mut net, 2);
    let first = shown.first().unwrap();
    assert_eq!(first.picture, 0);
    assert!(first.at <= connected + Duration::from_millis(100));
    encoder.film(&mut net, Duration::from_secs(5));
    let shown = encoder.shown(&mut net, 2);
    is_live(&shown, &encoder);
    // Before the next key frame, which has not come yet.
    assert!(shown.iter().skip(1).all(|shown| !shown.is_key));
    // What was kept went out over a time, and not in one burst.
    let mut kept = shown.iter().filter(|shown| shown.picture < 120);
    let took = kept.next_back().unwrap().at - first.at;
    assert!(took > Duration::from_millis(500), "{took:?}");
    assert_eq!(net.sfu.counters().key_frame_requests, 0);
}

#[test]
fn pictures_are_dated_when_they_are_sent_while_a_viewer_catches_up() {
    let (mut net, mut encoder) = world(ONE, 240);
    encoder.film(&mut net, Duration::from_secs(3));
    join(&mut net, &mut encoder, 2);
    encoder.film(&mut net, Duration::from_secs(6));
    let shown = encoder.shown(&mut net, 2);
    is_live(&shown, &encoder);
    let first = shown.first().unwrap();
    for shown in &shown {
        let dated = shown.timestamp.wrapping_sub(first.timestamp) / 90;
        let came = u32::try_from((shown.at - first.at).as_millis()).unwrap();
        assert!(dated.abs_diff(came) < 80, "{dated} {came} {shown:?}");
    }
}

#[test]
fn a_newer_key_frame_ends_catching_up() {
    // 5 Mbit/s of which a viewer gets 1.25 times as much at first.
    let (mut net, mut encoder) = world(ONE, 90);
    encoder.film(&mut net, Duration::from_millis(1_800));
    join(&mut net, &mut encoder, 2);
    encoder.film(&mut net, Duration::from_secs(2));
    let shown = encoder.shown(&mut net, 2);
    is_live(&shown, &encoder);
}

#[test]
fn what_is_kept_goes_out_within_what_the_way_bears() {
    let (mut net, mut encoder) = world(ONE, 300);
    encoder.film(&mut net, Duration::from_millis(500));
    net.subscribe(2, 1, offers::CHROMIUM_SUBSCRIBE);
    net.place(
        2,
        Weather {
            bps: Some(4_000_000),
            ..Weather::FINE
        },
    );
    encoder.film(&mut net, Duration::from_secs(7));
    let shown = encoder.shown(&mut net, 2);
    is_live_within(&shown, &encoder, 12);
}

#[test]
fn viewers_that_are_there_from_the_beginning_get_each_picture_as_it_comes() {
    let (mut net, mut encoder) = world(ONE, 60);
    net.subscribe(2, 1, offers::CHROMIUM_SUBSCRIBE);
    net.connect();
    for _ in 0..90 {
        encoder.shoot(&mut net);
        let shown = encoder.shown(&mut net, 2);
        is_live(&shown, &encoder);
        net.run(PICTURE);
    }
    assert!(net.client(2).received_of(Audio).len() > 50);
}

#[test]
fn a_client_that_cannot_go_on_begins_with_the_kept_key_frame_anew_and_not_too_often() {
    let (mut net, mut encoder) = world(ONE, 300);
    encoder.film(&mut net, Duration::from_secs(1));
    join(&mut net, &mut encoder, 2);
    encoder.film(&mut net, Duration::from_secs(2));
    is_live(&encoder.shown(&mut net, 2), &encoder);
    let starts = |encoder: &Encoder, net: &mut Network| {
        let shown = encoder.shown(net, 2);
        shown.iter().filter(|shown| shown.is_key).count()
    };
    assert_eq!(starts(&encoder, &mut net), 1);
    for _ in 0..10 {
        let now = net.now.mono;
        net.client(2).ask_for_key_frame(now);
        net.settle();
        encoder.film(&mut net, Duration::from_millis(50));
    }
    assert_eq!(starts(&encoder, &mut net), 2);
    encoder.film(&mut net, Duration::from_secs(4));
    is_live(&encoder.shown(&mut net, 2), &encoder);
}

#[test]
fn what_is_lost_while_a_viewer_catches_up_comes_again_as_it_was() {
    let (mut net, mut encoder) = world(ONE, 300);
    encoder.film(&mut net, Duration::from_secs(4));
    net.place(
        2,
        Weather {
            loss: 3,
            ..Weather::FINE
        },
    );
    join(&mut net, &mut encoder, 2);
    encoder.film(&mut net, Duration::from_secs(5));
    assert!(net.sfu.counters().packets_retransmitted > 10);
    net.weather(2).loss = 0;
    encoder.film(&mut net, Duration::from_secs(1));
    // Each picture's packets have one date, whenever they were sent.
    let mut packets = net.client(2).received_of(Video);
    packets.sort_by_key(|packet| *packet.seq_no);
    let mut ends = 0;
    for pair in packets.windows(2) {
        if *pair[1].seq_no == *pair[0].seq_no + 1 {
            let is_same = pair[0].header.timestamp == pair[1].header.timestamp;
            assert_eq!(is_same, !pair[0].header.marker);
            ends += usize::from(!is_same);
        }
    }
    assert!(ends > 200, "{ends}");
}

#[test]
fn sound_and_picture_of_an_inlet_stay_in_step_while_a_viewer_catches_up() {
    let (mut net, mut encoder) = world(ONE, 300);
    encoder.film(&mut net, Duration::from_secs(5));
    net.filter = Box::new(|leg, _| leg != Leg::Up(ConnectionId(99)));
    join(&mut net, &mut encoder, 2);
    encoder.film(&mut net, Duration::from_secs(6));
    let client = net.client(2);
    let line = |kind| {
        let packets = client.received_of(kind);
        let packet = packets.last().unwrap();
        let report = packet.last_sender_info.unwrap();
        let rate = if kind == Audio { 48_000.0 } else { 90_000.0 };
        #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
        let reported = report.rtp_time.numer() as u32;
        let ticks = packet.header.timestamp.wrapping_sub(reported).cast_signed();
        let since = report
            .ntp_time
            .duration_since(std::time::SystemTime::UNIX_EPOCH);
        since.unwrap().as_secs_f64() + f64::from(ticks) / rate
    };
    // The newest of both were captured at the same moment.
    let apart = (line(Audio) - line(Video)).abs();
    assert!(apart < 0.04, "{apart}");
}

#[test]
fn a_viewer_whose_way_is_too_narrow_is_paused_and_comes_back_with_what_is_kept() {
    let (mut net, mut encoder) = world(ONE, 250);
    encoder.film(&mut net, Duration::from_millis(500));
    net.place(
        2,
        Weather {
            bps: Some(700_000),
            ..Weather::FINE
        },
    );
    net.subscribe(2, 1, offers::CHROMIUM_SUBSCRIBE);
    encoder.film(&mut net, Duration::from_secs(12));
    assert!(net.sfu.counters().pauses > 0);
    // Sound goes on meanwhile.
    net.client(2).received.clear();
    encoder.film(&mut net, Duration::from_secs(2));
    assert!(net.client(2).received_of(Audio).len() > 60);
    net.weather(2).bps = Some(20_000_000);
    let pauses = net.sfu.counters().pauses;
    encoder.film(&mut net, Duration::from_secs(20));
    assert_eq!(net.sfu.counters().pauses, pauses);
    net.client(2)
        .received
        .retain(|packet| *packet.header.payload_type == 111);
    encoder.film(&mut net, Duration::from_secs(10));
    // From the next key frame on all is as it should be.
    let client = net.client(2);
    let first = client
        .received
        .iter()
        .position(|packet| *packet.header.payload_type != 111 && packet.payload[0] & 0x1f == 24);
    client.received.drain(..first.unwrap());
    is_live_within(&encoder.shown(&mut net, 2), &encoder, 3);
}
