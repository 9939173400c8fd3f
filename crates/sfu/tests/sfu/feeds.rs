//! Viewers with a pool of slots: who gets which, what is told of it, and one budget for all of them.

use std::time::Duration;

use model::ConnectionId;
use sfu::{Binding, Direction, Input, Medium, Offer, Output, PeerFault, VideoWant, Want};
use str0m::IceCreds;
use str0m::media::MediaKind;

use crate::camera::{Camera, Encoder, Seen, film, is_continuous, is_in_order, seen_in};
use crate::client::{sections, value};
use crate::link::Weather;
use crate::network::{Network, SERVER, settings};
use crate::offers;

/// The viewer.
const VIEWER: u64 = 9;

/// A browser's offer to receive these.
pub(crate) fn pool(kinds: &[MediaKind]) -> String {
    let template = offers::CHROMIUM_SUBSCRIBE;
    let parts = sections(template);
    let head = template.split("m=").next().unwrap();
    let mids: Vec<_> = (0..kinds.len()).map(|mid| mid.to_string()).collect();
    let group = format!("a=group:BUNDLE {}", mids.join(" "));
    let mut offer = head.replace("a=group:BUNDLE 0 1", &group);
    for (mid, kind) in mids.iter().zip(kinds) {
        let part = parts[usize::from(kind.is_video())];
        let old = format!("a=mid:{}", value(part, "mid"));
        offer.push_str(&part.replace(&old, &format!("a=mid:{mid}")));
    }
    offer
}

/// So many for audio, then as many for video.
fn kinds(each: usize) -> Vec<MediaKind> {
    [MediaKind::Audio, MediaKind::Video]
        .into_iter()
        .flat_map(|kind| std::iter::repeat_n(kind, each))
        .collect()
}

/// Publishers from 1 on that send sound and a video of 400 kbit/s, and the viewer with so many slots of each kind.
fn stage(publishers: u64, slots: usize, weather: Weather) -> (Network, Vec<Camera>) {
    let mut net = Network::new(settings());
    let mut cameras = Vec::new();
    for id in 1..=publishers {
        net.publish(id, offers::CHROMIUM_PUBLISH);
        let mut camera = Camera::new(id, Encoder::H264, &[(640, 360, 400_000)]);
        camera.has_sound = true;
        cameras.push(camera);
    }
    net.connect();
    go(&mut net, &mut cameras, 1_000);
    let answer = net.feed(VIEWER, &pool(&kinds(slots)));
    let slots: Vec<_> = answer.slots.iter().map(|slot| slot.medium).collect();
    let (audio, video) = slots.split_at(slots.len() / 2);
    assert!(audio.iter().all(|medium| *medium == Medium::Audio));
    assert!(video.iter().all(|medium| *medium == Medium::Video));
    net.place(VIEWER, weather);
    net.connect();
    (net, cameras)
}

fn go(net: &mut Network, cameras: &mut [Camera], millis: u64) {
    let mut cameras: Vec<_> = cameras.iter_mut().collect();
    film(net, &mut cameras, Duration::from_millis(millis));
}

/// The viewer wants sound and video of these, the first one most.
fn want(net: &mut Network, publishers: &[u64]) {
    let priorities = (0..publishers.len()).rev();
    let wants = publishers
        .iter()
        .zip(priorities)
        .map(|(publisher, priority)| Want {
            publisher: ConnectionId(*publisher),
            audio: true,
            video: Some(VideoWant {
                priority: u8::try_from(priority).unwrap(),
                ..VideoWant::default()
            }),
        })
        .collect();
    let connection = ConnectionId(VIEWER);
    net.sfu.handle(Input::Want { connection, wants }, net.now);
    net.settle();
}

#[test]
fn a_publisher_in_a_slot_that_was_used_begins_with_its_lowest_layer_too() {
    let mut net = Network::new(settings());
    let mut cameras = Vec::new();
    for id in [1, 2] {
        net.publish(id, offers::CHROMIUM_SIMULCAST);
        cameras.push(Camera::simulcast(id, Encoder::H264));
    }
    net.connect();
    go(&mut net, &mut cameras, 3_000);
    net.feed(VIEWER, &pool(&kinds(1)));
    net.place(VIEWER, Weather::FINE);
    net.connect();
    for publisher in [1, 2] {
        want(&mut net, &[publisher]);
        go(&mut net, &mut cameras, 8_000);
    }
    let seen = seen(&mut net, 1);
    for publisher in [1, 2] {
        let mut of_it = seen.iter().filter(|seen| seen.tag.publisher == publisher);
        assert_eq!(of_it.next().map(|seen| seen.tag.place), Some(0));
        assert_eq!(of_it.next_back().map(|seen| seen.tag.place), Some(2));
    }
}

#[test]
fn a_video_that_begins_after_an_outage_with_sound_alone_is_shown() {
    let (mut net, mut cameras) = stage(1, 1, Weather::FINE);
    let connection = ConnectionId(VIEWER);
    let wants = vec![Want {
        publisher: ConnectionId(1),
        audio: true,
        video: None,
    }];
    net.sfu.handle(Input::Want { connection, wants }, net.now);
    go(&mut net, &mut cameras, 2_000);
    net.weather(VIEWER).loss = 100;
    go(&mut net, &mut cameras, 7_000);
    net.weather(VIEWER).loss = 0;
    go(&mut net, &mut cameras, 4_000);
    want(&mut net, &[1]);
    go(&mut net, &mut cameras, 3_000);
    assert!(!is_paused(&net, 1));
    let seen = seen(&mut net, 1);
    assert!(seen.len() > 60, "{}", seen.len());
}

fn bindings(net: &Network) -> Vec<Binding> {
    let told = net.told.iter().rev().find_map(|output| {
        let Output::Bound { bindings, .. } = output else {
            return None;
        };
        Some(bindings.clone())
    });
    told.unwrap_or_default()
}

/// The slot of a publisher's medium, by its mid.
fn slot(net: &Network, publisher: u64, medium: Medium) -> Option<usize> {
    bindings(net)
        .iter()
        .find(|binding| binding.publisher.0 == publisher && binding.medium == medium)
        .map(|binding| binding.mid.parse().unwrap())
}

fn is_paused(net: &Network, publisher: u64) -> bool {
    bindings(net)
        .iter()
        .any(|binding| binding.publisher.0 == publisher && binding.is_paused)
}

/// What came in a slot.
fn seen(net: &mut Network, slot: usize) -> Vec<Seen> {
    let client = net.client(VIEWER);
    let ssrc = client.streams[&slot.to_string()];
    seen_in(&client.received, ssrc)
}

#[test]
fn publishers_get_slots_in_pairs_and_each_slot_carries_its_publisher_alone() {
    let (mut net, mut cameras) = stage(3, 4, Weather::FINE);
    go(&mut net, &mut cameras, 500);
    assert_eq!(bindings(&net), []);
    assert!(net.client(VIEWER).received.is_empty());
    want(&mut net, &[1, 2, 3]);
    go(&mut net, &mut cameras, 3_000);
    for publisher in 1..=3 {
        let audio = slot(&net, publisher, Medium::Audio).expect("a slot");
        let video = slot(&net, publisher, Medium::Video).expect("a slot");
        assert_eq!(video, audio + 4, "the partner");
        for place in [audio, video] {
            let seen = seen(&mut net, place);
            assert!(seen.len() > 60, "{} of {publisher}", seen.len());
            assert!(
                seen.iter()
                    .all(|seen| u64::from(seen.tag.publisher) == publisher)
            );
        }
        is_continuous(&seen(&mut net, video));
    }
    let needs = net
        .told
        .iter()
        .any(|output| matches!(output, Output::Need { .. }));
    assert!(!needs);
}

#[test]
fn a_slot_that_is_given_up_stays_empty_for_two_seconds_and_then_goes_on_with_the_next_publisher() {
    let (mut net, mut cameras) = stage(2, 1, Weather::FINE);
    want(&mut net, &[1]);
    go(&mut net, &mut cameras, 2_000);
    assert_eq!(
        (slot(&net, 1, Medium::Audio), slot(&net, 1, Medium::Video)),
        (Some(0), Some(1))
    );
    want(&mut net, &[2]);
    let given_up = net.now.mono;
    assert_eq!(bindings(&net), []);
    go(&mut net, &mut cameras, 1_800);
    assert_eq!(bindings(&net), []);
    go(&mut net, &mut cameras, 3_000);
    assert_eq!(
        (slot(&net, 2, Medium::Audio), slot(&net, 2, Medium::Video)),
        (Some(0), Some(1))
    );
    for place in 0..2 {
        let seen = seen(&mut net, place);
        let publishers: Vec<_> = seen.iter().map(|seen| seen.tag.publisher).collect();
        assert!(publishers.is_sorted());
        assert_eq!(
            (publishers.first(), publishers.last()),
            (Some(&1), Some(&2))
        );
        let first = seen.iter().find(|seen| seen.tag.publisher == 2).unwrap();
        let after = first.at - given_up;
        let range = Duration::from_secs(2)..Duration::from_millis(3_200);
        assert!(range.contains(&after), "{after:?}");
        let last = seen.iter().rfind(|seen| seen.tag.publisher == 1).unwrap();
        assert_eq!(first.number, last.number + 1);
        // The pause is in the timestamps.
        let rate = if place == 0 { 48 } else { 90 };
        let ticks = u128::from(first.timestamp.wrapping_sub(last.timestamp));
        let expected = (first.at - last.at).as_millis() * rate;
        assert!(ticks.abs_diff(expected) < 100 * rate, "{ticks} {expected}");
    }
    is_continuous(&seen(&mut net, 1));
}

#[test]
fn all_streams_have_one_name_of_a_length_that_every_client_can_read_in_reports() {
    let mut net = Network::new(settings());
    let answer = net.feed(VIEWER, &pool(&kinds(2)));
    let lines = answer.sdp.lines();
    let names: Vec<_> = lines
        .filter_map(|line| Some(line.split_once(" cname:")?.1))
        .collect();
    assert!(names.len() >= 4);
    assert!(names.iter().all(|name| *name == names[0]), "{names:?}");
    assert_eq!(names[0].len() % 4, 0, "{names:?}");
}

#[test]
fn too_few_slots_are_told_and_a_further_offer_brings_more() {
    let (mut net, mut cameras) = stage(3, 1, Weather::FINE);
    want(&mut net, &[1, 2, 3]);
    go(&mut net, &mut cameras, 1_000);
    let needs: Vec<_> = net
        .told
        .iter()
        .filter_map(|output| {
            let Output::Need { audio, video, .. } = output else {
                return None;
            };
            Some((*audio, *video))
        })
        .collect();
    assert_eq!(needs, [(3, 3)], "once");
    assert_eq!(bindings(&net).len(), 2);
    let before = seen(&mut net, 1).len();

    let mut more = kinds(1);
    more.extend(kinds(2));
    let answer = net.reoffer(VIEWER, &pool(&more)).unwrap();
    assert_eq!(answer.slots.len(), 6);
    let version = |sdp: &str| sdp.lines().nth(1).unwrap().split(' ').nth(2) == Some("2");
    assert!(version(&answer.sdp), "{}", answer.sdp);
    go(&mut net, &mut cameras, 3_000);
    assert_eq!(bindings(&net).len(), 6);
    for publisher in 1..=3 {
        let video = slot(&net, publisher, Medium::Video).unwrap();
        let audio = slot(&net, publisher, Medium::Audio).unwrap();
        let seen_video = seen(&mut net, video);
        is_continuous(&seen_video);
        assert!(
            seen_video
                .iter()
                .all(|seen| u64::from(seen.tag.publisher) == publisher)
        );
        assert!(seen(&mut net, audio).len() > 50);
    }
    assert!(
        seen(&mut net, 1).len() > before + 60,
        "the old slot goes on"
    );
}

#[test]
fn an_offer_that_changes_what_there_is_is_refused_and_changes_nothing() {
    let (mut net, mut cameras) = stage(1, 2, Weather::FINE);
    want(&mut net, &[1]);
    go(&mut net, &mut cameras, 1_000);
    let mut other = kinds(2);
    other.reverse();
    assert!(net.reoffer(VIEWER, &pool(&other)).is_none());
    assert!(net.reoffer(VIEWER, &pool(&kinds(1))).is_none());
    let before = seen(&mut net, 2).len();
    go(&mut net, &mut cameras, 1_000);
    assert!(seen(&mut net, 2).len() >= before + 50);
    assert_eq!(net.fault(VIEWER), None);
}

#[test]
fn a_viewer_of_one_publisher_cannot_offer_again_and_goes_on() {
    let mut net = Network::new(settings());
    net.publish(1, offers::CHROMIUM_PUBLISH);
    net.connect();
    net.subscribe(VIEWER, 1, offers::CHROMIUM_SUBSCRIBE);
    net.connect();
    let other = IceCreds::new();
    let offer = net.client(VIEWER).sdp.clone();
    let offer = offer.replace(value(&offer, "ice-ufrag"), &other.ufrag);
    let offer = Offer::parse(&offer, Direction::Feed).unwrap();
    let connection = ConnectionId(VIEWER);
    let again = Input::Reoffer { connection, offer };
    net.sfu.handle(again, net.now);
    net.settle();
    let refused = net.told.iter().any(|output| {
        let Output::Answer { result, .. } = output else {
            return false;
        };
        result == &Err(PeerFault::Offer)
    });
    assert!(refused);
    // Its checks still count.
    net.run(Duration::from_secs(20));
    assert_eq!(net.fault(VIEWER), None);
}

// T46.
#[test]
fn t46_an_offer_with_other_credentials_restarts_ice_and_media_goes_on() {
    let (mut net, mut cameras) = stage(1, 1, Weather::FINE);
    want(&mut net, &[1]);
    go(&mut net, &mut cameras, 2_000);
    let server = SERVER.parse().unwrap();
    net.client(VIEWER).restart(server);
    let before = net.client(VIEWER).rtc.direct_api().local_ice_credentials();
    let answer = net.reoffer(VIEWER, &pool(&kinds(1))).unwrap();
    assert_ne!(value(&answer.sdp, "ice-ufrag"), before.ufrag);
    go(&mut net, &mut cameras, 15_000);
    assert_eq!(net.fault(VIEWER), None);
    let seen = seen(&mut net, 1);
    is_continuous(&seen);
    assert!(seen.len() > 17 * 60, "{}", seen.len());
}

#[test]
fn a_publisher_that_leaves_frees_its_slots_and_the_others_go_on() {
    let (mut net, mut cameras) = stage(2, 2, Weather::FINE);
    want(&mut net, &[1, 2]);
    go(&mut net, &mut cameras, 1_000);
    let connection = ConnectionId(1);
    net.sfu.handle(Input::Close { connection }, net.now);
    net.settle();
    let left: Vec<_> = bindings(&net)
        .iter()
        .map(|binding| binding.publisher.0)
        .collect();
    assert_eq!(left, [2, 2]);
    let place = slot(&net, 2, Medium::Video).unwrap();
    let before = seen(&mut net, place).len();
    cameras.remove(0);
    go(&mut net, &mut cameras, 1_000);
    assert!(seen(&mut net, place).len() >= before + 50);
    assert_eq!(net.fault(VIEWER), None);
}

#[test]
fn one_budget_is_divided_by_priority_and_no_sound_is_lost_to_video() {
    let (mut net, mut cameras) = stage(3, 3, Weather::FINE);
    want(&mut net, &[1, 2, 3]);
    go(&mut net, &mut cameras, 6_000);
    for publisher in 1..=3 {
        assert!(!is_paused(&net, publisher), "{publisher}");
    }
    net.weather(VIEWER).bps = Some(700_000);
    go(&mut net, &mut cameras, 5_000);
    assert!(!is_paused(&net, 1));
    assert!(is_paused(&net, 3));
    assert!(net.sfu.counters().pauses > 0);
    // Where the link is full no more, sound comes through whole.
    let from = net.now.mono;
    go(&mut net, &mut cameras, 4_000);
    for publisher in 1..=3 {
        let place = slot(&net, publisher, Medium::Audio).unwrap();
        let sound = seen(&mut net, place);
        let since = sound.iter().filter(|seen| seen.at > from).count();
        assert!(since >= 190, "{since} of 200 of {publisher}");
    }
    net.weather(VIEWER).bps = None;
    go(&mut net, &mut cameras, 5_000);
    for publisher in 1..=3 {
        assert!(!is_paused(&net, publisher), "{publisher}");
        let place = slot(&net, publisher, Medium::Video).unwrap();
        let video = seen(&mut net, place);
        for pair in video.windows(2) {
            is_in_order(&pair[0], &pair[1]);
        }
    }
}

#[test]
fn a_viewer_is_told_how_it_is_served() {
    let (mut net, mut cameras) = stage(1, 1, Weather::FINE);
    want(&mut net, &[1]);
    go(&mut net, &mut cameras, 7_000);
    let qualities: Vec<_> = net
        .told
        .iter()
        .filter_map(|output| {
            let Output::Quality { quality, .. } = output else {
                return None;
            };
            Some(*quality)
        })
        .collect();
    assert!((2..=4).contains(&qualities.len()), "{qualities:?}");
    let last = qualities.last().unwrap();
    assert!(
        last.sent_bps > 350_000 && last.sent_bps < 700_000,
        "{last:?}"
    );
    assert!(last.estimate_bps > 400_000, "{last:?}");
    assert_eq!(last.loss, 0);
    let round_trip = last.round_trip.expect("known");
    assert!(round_trip > Duration::from_millis(35), "{round_trip:?}");
    assert!(round_trip < Duration::from_millis(250), "{round_trip:?}");
}

#[test]
fn who_speaks_is_told_by_the_levels_of_the_sound() {
    let mut net = Network::new(settings());
    net.publish(1, offers::CHROMIUM_PUBLISH);
    net.connect();
    let mut said = 0..;
    let mut speak = |net: &mut Network, level: i8, millis: u64| {
        for _ in 0..millis / 20 {
            let now = net.now.mono;
            let timestamp = said.next().unwrap() * 960;
            net.client(1).speak(111, &[0x78; 60], timestamp, level, now);
            net.run(Duration::from_millis(20));
        }
    };
    speak(&mut net, 127, 1_000);
    speak(&mut net, 30, 2_000);
    speak(&mut net, 127, 3_000);
    let told: Vec<_> = net
        .told
        .iter()
        .filter_map(|output| {
            let Output::Voice { is_speaking, .. } = output else {
                return None;
            };
            Some(*is_speaking)
        })
        .collect();
    assert_eq!(told, [true, false]);
}
