//! Which layer of a simulcast video a viewer gets, and what it is told of that.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use model::ConnectionId;
use sfu::{Input, LayerLabel, LayerReason, Layers, Output, VideoWant, Want};

use crate::camera::{
    Camera, Encoder, Seen, film, is_continuous, is_in_order, is_start, place_at, places, seen,
};
use crate::link::Weather;
use crate::network::{Network, settings};
use crate::offers;

/// Publisher 1 with three encodings, and viewer 2 behind a way like that.
fn stage(weather: Weather, encoder: Encoder) -> (Network, Camera) {
    let mut net = Network::new(settings());
    net.publish(1, offers::CHROMIUM_SIMULCAST);
    net.connect();
    let mut camera = Camera::simulcast(1, encoder);
    film(&mut net, &mut [&mut camera], Duration::from_secs(3));
    net.subscribe(2, 1, offers::CHROMIUM_SUBSCRIBE);
    net.place(2, weather);
    net.connect();
    (net, camera)
}

fn want(net: &mut Network, video: VideoWant) {
    let wants = vec![Want {
        publisher: ConnectionId(1),
        audio: true,
        video: Some(video),
    }];
    let connection = ConnectionId(2);
    net.sfu.handle(Input::Want { connection, wants }, net.now);
}

fn label(name: &str) -> LayerLabel {
    LayerLabel::parse(name).unwrap()
}

/// What the viewer was told last.
fn told(net: &Network) -> Layers {
    let told = net.told.iter().rev().find_map(|output| {
        let Output::Layers { connection, layers } = output else {
            return None;
        };
        (connection.0 == 2).then(|| layers.clone())
    });
    told.expect("layers are told")
}

/// The layer that is sent, and why, as it was told last.
fn selected(net: &Network) -> (Option<String>, LayerReason) {
    let told = told(net);
    let name = told.selected.map(|label| label.as_str().to_owned());
    (name, told.reason)
}

fn first_of(seen: &[Seen], place: u8) -> Instant {
    let first = seen.iter().find(|seen| seen.tag.place == place);
    first.expect("the layer was sent").at
}

#[test]
fn a_viewer_gets_the_lowest_layer_first_and_soon_the_highest_by_key_frames_only() {
    for encoder in [Encoder::H264, Encoder::Vp8] {
        let (mut net, mut camera) = stage(Weather::FINE, encoder);
        let begun = net.now.mono;
        film(&mut net, &mut [&mut camera], Duration::from_secs(6));
        net.run(Duration::from_millis(200));
        let seen = seen(&mut net, 2);
        is_continuous(&seen);
        let order = places(&seen);
        assert_eq!(
            (order.first(), order.last()),
            (Some(&0), Some(&2)),
            "{order:?}"
        );
        assert!(order.is_sorted(), "{order:?}");
        let took = first_of(&seen, 2) - begun;
        assert!(took < Duration::from_secs(4), "{took:?}");
        assert_eq!(
            selected(&net),
            (Some("f".to_owned()), LayerReason::Automatic)
        );
        let told: Vec<_> = told(&net)
            .layers
            .iter()
            .map(|layer| (layer.label.as_str().to_owned(), layer.width, layer.height))
            .collect();
        let expected = [("q", 320, 180), ("h", 640, 360), ("f", 1280, 720)];
        let expected = expected.map(|(name, width, height)| (name.to_owned(), width, height));
        assert_eq!(told, expected);
        assert!(net.sfu.counters().layer_switches >= 1);
    }
}

#[test]
fn figures_that_waver_are_told_now_and_then() {
    let (mut net, mut camera) = stage(Weather::FINE, Encoder::H264);
    film(&mut net, &mut [&mut camera], Duration::from_secs(6));
    let count = |net: &Network| {
        let is_layers = |output: &&Output| matches!(output, Output::Layers { .. });
        net.told.iter().filter(is_layers).count()
    };
    let before = count(&net);
    for round in 0..8 {
        for encoding in &mut camera.encodings {
            encoding.bps = if round % 2 == 0 {
                encoding.bps / 3
            } else {
                encoding.bps * 3
            };
        }
        film(&mut net, &mut [&mut camera], Duration::from_millis(2_500));
    }
    let told = count(&net) - before;
    assert!((1..=5).contains(&told), "{told}");
}

#[test]
fn timestamps_follow_the_time_over_changes_of_layer() {
    let (mut net, mut camera) = stage(Weather::FINE, Encoder::H264);
    film(&mut net, &mut [&mut camera], Duration::from_secs(6));
    let seen = seen(&mut net, 2);
    let (first, last) = (seen.first().unwrap(), seen.last().unwrap());
    let ticks = last.timestamp.wrapping_sub(first.timestamp);
    let expected = u32::from(last.tag.picture - first.tag.picture) * 3_000;
    assert!(
        ticks.abs_diff(expected) < 900,
        "{ticks} instead of {expected}"
    );
}

#[test]
fn vp8_pictures_are_numbered_without_gaps_over_changes_of_layer() {
    let (mut net, mut camera) = stage(Weather::FINE, Encoder::Vp8);
    film(&mut net, &mut [&mut camera], Duration::from_secs(6));
    let seen = seen(&mut net, 2);
    assert!(places(&seen).len() > 1);
    let numbers = |seen: &Seen| {
        let id = u16::from_be_bytes([seen.payload[2] & 0x7f, seen.payload[3]]);
        (id, seen.payload[4])
    };
    for pair in seen.windows(2) {
        let ((id, tl0), (next_id, next_tl0)) = (numbers(&pair[0]), numbers(&pair[1]));
        let is_same = pair[0].timestamp == pair[1].timestamp;
        let step = u16::from(!is_same);
        assert_eq!(next_id, (id + step) & 0x7fff, "{:?}", pair[1].tag);
        assert_eq!(next_tl0, tl0.wrapping_add(u8::from(!is_same)));
    }
}

#[test]
fn a_restriction_lowers_the_layer_and_its_end_brings_the_old_one_back_within_five_seconds() {
    let (mut net, mut camera) = stage(Weather::FINE, Encoder::H264);
    let mut cameras = [&mut camera];
    film(&mut net, &mut cameras, Duration::from_secs(6));
    assert_eq!(selected(&net).0.as_deref(), Some("f"));

    net.weather(2).bps = Some(300_000);
    let restricted = net.now.mono;
    film(&mut net, &mut cameras, Duration::from_secs(8));
    let eased = net.now.mono;
    net.weather(2).bps = None;
    film(&mut net, &mut cameras, Duration::from_secs(6));

    let seen = seen(&mut net, 2);
    for pair in seen.windows(2) {
        is_in_order(&pair[0], &pair[1]);
    }
    let lowered = seen
        .iter()
        .find(|seen| seen.at > restricted && seen.tag.place == 0)
        .expect("the lowest layer fits")
        .at;
    assert!(
        lowered - restricted < Duration::from_secs(4),
        "{:?}",
        lowered - restricted
    );
    assert_eq!(place_at(&seen, eased), Some(0));
    let back = seen
        .iter()
        .find(|seen| seen.at > eased && seen.tag.place == 2)
        .expect("the highest comes back")
        .at;
    assert!(back - eased < Duration::from_secs(5), "{:?}", back - eased);
    assert_eq!(net.fault(2), None);
}

#[test]
fn a_layer_that_stops_is_left_within_a_second_for_the_next_best() {
    let (mut net, mut camera) = stage(Weather::FINE, Encoder::H264);
    film(&mut net, &mut [&mut camera], Duration::from_secs(6));
    assert_eq!(selected(&net).0.as_deref(), Some("f"));
    camera.encodings[2].is_on = false;
    let silent = net.now.mono;
    film(&mut net, &mut [&mut camera], Duration::from_secs(2));
    let seen = seen(&mut net, 2);
    is_continuous(&seen);
    let other = seen
        .iter()
        .find(|seen| seen.at > silent && seen.tag.place != 2);
    let other = other.expect("another layer");
    assert_eq!(other.tag.place, 1);
    let took = other.at - silent;
    assert!(took < Duration::from_secs(1), "{took:?}");
    let now = told(&net);
    assert_eq!(now.selected, Some(label("h")));
    assert_eq!(now.layers.len(), 2);
    // It comes back as soon as it is there again.
    camera.encodings[2].is_on = true;
    film(&mut net, &mut [&mut camera], Duration::from_secs(6));
    assert_eq!(selected(&net).0.as_deref(), Some("f"));
}

#[test]
fn a_chosen_layer_is_kept_and_the_reason_is_told_when_it_is_not_there() {
    let (mut net, mut camera) = stage(Weather::FINE, Encoder::H264);
    film(&mut net, &mut [&mut camera], Duration::from_secs(5));
    let chosen = VideoWant {
        layer: Some(label("h")),
        ..VideoWant::default()
    };
    want(&mut net, chosen);
    film(&mut net, &mut [&mut camera], Duration::from_secs(2));
    let from = net.now.mono;
    film(&mut net, &mut [&mut camera], Duration::from_secs(4));
    let kept = seen(&mut net, 2);
    is_continuous(&kept);
    assert!(
        kept.iter()
            .filter(|seen| seen.at > from)
            .all(|seen| seen.tag.place == 1)
    );
    assert_eq!(
        selected(&net),
        (Some("h".to_owned()), LayerReason::Selected)
    );

    camera.encodings[1].is_on = false;
    film(&mut net, &mut [&mut camera], Duration::from_secs(3));
    let (name, reason) = selected(&net);
    assert_eq!(reason, LayerReason::Unavailable);
    assert!(name.is_some_and(|name| name != "h"));

    camera.encodings[1].is_on = true;
    film(&mut net, &mut [&mut camera], Duration::from_secs(4));
    assert_eq!(
        selected(&net),
        (Some("h".to_owned()), LayerReason::Selected)
    );
}

#[test]
fn a_chosen_layer_that_does_not_fit_is_replaced_by_one_that_does_and_the_reason_is_told() {
    let tight = Weather {
        bps: Some(400_000),
        ..Weather::FINE
    };
    let (mut net, mut camera) = stage(tight, Encoder::H264);
    let chosen = VideoWant {
        layer: Some(label("f")),
        ..VideoWant::default()
    };
    want(&mut net, chosen);
    film(&mut net, &mut [&mut camera], Duration::from_secs(10));
    assert_eq!(
        selected(&net),
        (Some("q".to_owned()), LayerReason::Bandwidth)
    );
}

#[test]
fn no_layer_beyond_the_pixels_that_are_of_use_is_sent() {
    let (mut net, mut camera) = stage(Weather::FINE, Encoder::H264);
    let small = VideoWant {
        pixels_max: Some(640 * 360),
        ..VideoWant::default()
    };
    want(&mut net, small);
    film(&mut net, &mut [&mut camera], Duration::from_secs(6));
    let seen = seen(&mut net, 2);
    assert_eq!(places(&seen).iter().max(), Some(&1));
    assert_eq!(selected(&net).0.as_deref(), Some("h"));
    // One that is smaller than all gets the smallest.
    let tiny = VideoWant {
        pixels_max: Some(100),
        ..VideoWant::default()
    };
    want(&mut net, tiny);
    film(&mut net, &mut [&mut camera], Duration::from_secs(2));
    assert_eq!(selected(&net).0.as_deref(), Some("q"));
}

#[test]
fn a_viewer_that_begins_with_the_highest_layer_gets_it_at_once() {
    let mut net = Network::new(settings());
    net.publish(1, offers::CHROMIUM_SIMULCAST);
    net.connect();
    let mut camera = Camera::simulcast(1, Encoder::H264);
    film(&mut net, &mut [&mut camera], Duration::from_secs(3));
    net.subscribe(2, 1, offers::CHROMIUM_SUBSCRIBE);
    let highest = VideoWant {
        layer: Some(label("h")),
        ..VideoWant::default()
    };
    want(&mut net, highest);
    net.connect();
    film(&mut net, &mut [&mut camera], Duration::from_secs(2));
    let seen = seen(&mut net, 2);
    is_continuous(&seen);
    assert!(is_start(seen[0].tag));
    assert_eq!(places(&seen).last(), Some(&1), "{:?}", places(&seen));
}

#[test]
fn a_viewer_that_tells_of_loss_alone_gets_all_until_much_is_lost_and_is_never_paused() {
    let mut net = Network::new(settings());
    net.publish(1, offers::CHROMIUM_SIMULCAST);
    net.connect();
    let mut camera = Camera::simulcast(1, Encoder::H264);
    film(&mut net, &mut [&mut camera], Duration::from_secs(3));
    let plain: String = offers::CHROMIUM_SUBSCRIBE
        .lines()
        .filter(|line| {
            !["transport", "goog-remb"]
                .iter()
                .any(|name| line.contains(name))
        })
        .flat_map(|line| [line, "\r\n"])
        .collect();
    let answer = net.subscribe(2, 1, &plain);
    assert!(!answer.contains("transport"));
    net.place(2, Weather::FINE);
    net.connect();
    film(&mut net, &mut [&mut camera], Duration::from_secs(3));
    assert_eq!(selected(&net).0.as_deref(), Some("f"));
    net.weather(2).bps = Some(300_000);
    film(&mut net, &mut [&mut camera], Duration::from_secs(10));
    assert_eq!(selected(&net).0.as_deref(), Some("q"));
    // Without probes more is found out by trying it, a step at a time.
    film(&mut net, &mut [&mut camera], Duration::from_secs(20));
    assert_ne!(selected(&net).0.as_deref(), Some("f"));
    net.weather(2).bps = None;
    film(&mut net, &mut [&mut camera], Duration::from_secs(40));
    assert_eq!(selected(&net).0.as_deref(), Some("f"));
    // Loss that does not come from too much: something is always sent.
    net.weather(2).loss = 40;
    film(&mut net, &mut [&mut camera], Duration::from_secs(13));
    let since = net.now.mono;
    film(&mut net, &mut [&mut camera], Duration::from_secs(2));
    assert_eq!(net.sfu.counters().pauses, 0);
    let seen = seen(&mut net, 2);
    assert!(seen.iter().any(|seen| seen.at > since));
}

#[test]
fn a_way_of_some_rate_gets_the_layer_that_fits_and_keeps_it() {
    let way = |bps, loss, jitter| Weather {
        bps: Some(bps),
        loss,
        jitter: Duration::from_millis(jitter),
        ..Weather::FINE
    };
    for (name, weather, place) in [
        ("400 kbit/s", way(400_000, 0, 0), 0),
        ("900 kbit/s", way(900_000, 0, 0), 1),
        ("900 kbit/s with 2 % lost", way(900_000, 2, 0), 1),
        ("900 kbit/s with jitter", way(900_000, 0, 10), 1),
        ("3 Mbit/s", way(3_000_000, 0, 0), 2),
        ("3 Mbit/s with 2 % lost", way(3_000_000, 2, 0), 2),
        ("3 Mbit/s with jitter", way(3_000_000, 0, 10), 2),
    ] {
        let (mut net, mut camera) = stage(weather, Encoder::H264);
        film(&mut net, &mut [&mut camera], Duration::from_secs(8));
        let from = net.now.mono;
        film(&mut net, &mut [&mut camera], Duration::from_secs(30));
        let seen = seen(&mut net, 2);
        let late: Vec<_> = seen.iter().filter(|seen| seen.at > from).cloned().collect();
        let pictures: BTreeSet<_> = late
            .iter()
            .filter(|seen| seen.tag.place == place)
            .map(|seen| seen.tag.picture)
            .collect();
        assert!(pictures.len() > 870, "{name}: {} of 900", pictures.len());
        let gap = late.windows(2).map(|pair| pair[1].at - pair[0].at).max();
        assert!(gap < Some(Duration::from_millis(400)), "{name}: {gap:?}");
        assert_eq!(net.sfu.counters().pauses, 0, "{name}");
    }
}

#[test]
fn restrictions_of_all_kinds_end_with_the_old_layer_within_five_seconds() {
    let step = |bps| Weather {
        bps: Some(bps),
        ..Weather::FINE
    };
    let lossy = Weather {
        loss: 30,
        ..Weather::FINE
    };
    for (name, restriction, seconds) in [
        ("600 kbit/s for 5 s", step(600_000), 5),
        ("200 kbit/s for 10 s", step(200_000), 10),
        ("80 kbit/s for 5 s", step(80_000), 5),
        ("30 % lost for 5 s", lossy, 5),
        ("nothing for 2 s", Weather { loss: 100, ..lossy }, 2),
        ("nothing for 5 s", Weather { loss: 100, ..lossy }, 5),
    ] {
        let (mut net, mut camera) = stage(step(4_000_000), Encoder::H264);
        let mut cameras = [&mut camera];
        film(&mut net, &mut cameras, Duration::from_secs(6));
        assert_eq!(selected(&net).0.as_deref(), Some("f"), "{name}");
        *net.weather(2) = restriction;
        film(&mut net, &mut cameras, Duration::from_secs(seconds));
        *net.weather(2) = step(4_000_000);
        let eased = net.now.mono;
        film(&mut net, &mut cameras, Duration::from_secs(8));
        let seen = seen(&mut net, 2);
        let back = seen
            .iter()
            .find(|seen| seen.at > eased && seen.tag.place == 2)
            .map(|seen| seen.at - eased);
        assert!(
            back.is_some_and(|back| back < Duration::from_secs(5)),
            "{name}: {back:?}"
        );
        for pair in seen.windows(2) {
            is_in_order(&pair[0], &pair[1]);
        }
    }
}
