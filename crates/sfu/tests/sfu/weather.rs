//! Viewers behind ways that lose, delay, reorder and fail.

use std::time::Duration;

use model::ConnectionId;

use crate::camera::{Camera, Encoder, Seen, film, is_in_order, seen};
use crate::link::Weather;
use crate::network::{Leg, Network, settings};
use crate::offers;

/// Publisher 1 with one encoding of 500 kbit/s, and viewer 2 behind a way like that.
fn stage(weather: Weather) -> (Network, Camera) {
    let mut net = Network::new(settings());
    net.publish(1, offers::CHROMIUM_PUBLISH);
    net.connect();
    let mut camera = Camera::new(1, Encoder::H264, &[(640, 360, 500_000)]);
    film(&mut net, &mut [&mut camera], Duration::from_millis(500));
    net.subscribe(2, 1, offers::CHROMIUM_SUBSCRIBE);
    // ICE and DTLS come through; how they bear loss is not the question here.
    net.place(2, Weather { loss: 0, ..weather });
    net.connect();
    *net.weather(2) = weather;
    (net, camera)
}

/// The share of a stretch of numbers that came, in a thousand.
fn arrived(seen: &[Seen]) -> u64 {
    let (Some(first), Some(last)) = (seen.first(), seen.last()) else {
        return 0;
    };
    seen.len() as u64 * 1_000 / (last.number - first.number + 1)
}

#[test]
fn what_is_lost_or_late_comes_again_and_nothing_comes_twice() {
    // What the way is like, and how much has to arrive in the end, in a thousand.
    let loss = |loss| Weather {
        loss,
        ..Weather::FINE
    };
    let cases = [
        ("1 % lost", loss(1), 1_000),
        ("5 % lost", loss(5), 1_000),
        ("10 % lost", loss(10), 999),
        ("20 % lost", loss(20), 990),
        (
            "jitter of 40 ms",
            Weather {
                jitter: Duration::from_millis(40),
                ..Weather::FINE
            },
            1_000,
        ),
        (
            "20 % overtaken",
            Weather {
                late: 20,
                ..Weather::FINE
            },
            1_000,
        ),
        (
            "lost, overtaken and far away",
            Weather {
                loss: 5,
                late: 10,
                jitter: Duration::from_millis(10),
                delay: Duration::from_millis(100),
                ..Weather::FINE
            },
            999,
        ),
    ];
    for (name, weather, least) in cases {
        let (mut net, mut camera) = stage(weather);
        film(&mut net, &mut [&mut camera], Duration::from_secs(12));
        // What is asked for still comes.
        *net.weather(2) = Weather::FINE;
        film(&mut net, &mut [&mut camera], Duration::from_secs(1));
        let seen = seen(&mut net, 2);
        let last = seen.last().unwrap().tag.picture;
        assert!(last > 12 * 30, "{name}: {last}");
        for pair in seen.windows(2) {
            is_in_order(&pair[0], &pair[1]);
        }
        let share = arrived(&seen);
        let counters = net.sfu.counters();
        assert!(share >= least, "{name}: {share}, {counters:?}");
        assert!(
            weather.loss == 0 || counters.packets_retransmitted > 0,
            "{name}"
        );
        assert_eq!(net.fault(2), None, "{name}");
    }
}

#[test]
fn a_blackout_of_two_seconds_is_survived() {
    let (mut net, mut camera) = stage(Weather::FINE);
    film(&mut net, &mut [&mut camera], Duration::from_secs(3));
    let both = [Leg::Down(ConnectionId(2)), Leg::Up(ConnectionId(2))];
    net.filter = Box::new(move |leg, _| !both.contains(&leg));
    film(&mut net, &mut [&mut camera], Duration::from_secs(2));
    net.filter = Box::new(|_, _| true);
    let over = net.now.mono;
    film(&mut net, &mut [&mut camera], Duration::from_secs(5));
    assert_eq!(net.fault(2), None);
    let seen = seen(&mut net, 2);
    let back = seen.iter().find(|seen| seen.at > over).expect("it goes on");
    assert!(
        back.at - over < Duration::from_secs(1),
        "{:?}",
        back.at - over
    );
    let late: Vec<_> = seen
        .iter()
        .filter(|seen| seen.at > over + Duration::from_secs(2))
        .cloned()
        .collect();
    assert!(late.len() > 2 * 60, "{}", late.len());
    assert_eq!(arrived(&late), 1_000);
}

#[test]
fn packets_from_before_a_change_of_layer_are_sent_again() {
    let mut net = Network::new(settings());
    net.publish(1, offers::CHROMIUM_SIMULCAST);
    net.connect();
    let mut camera = Camera::simulcast(1, Encoder::H264);
    film(&mut net, &mut [&mut camera], Duration::from_secs(3));
    net.subscribe(2, 1, offers::CHROMIUM_SUBSCRIBE);
    net.place(2, Weather::FINE);
    net.connect();
    film(&mut net, &mut [&mut camera], Duration::from_secs(8));
    assert!(net.sfu.counters().layer_switches > 0);
    let switches = net.sfu.counters().layer_switches;
    camera.encodings[2].is_on = false;
    let mut lost = 0;
    net.filter = Box::new(move |leg, contents| {
        let is_media = leg == Leg::Down(ConnectionId(2)) && contents[0] >= 128;
        let is_rtp = is_media && !(192..224).contains(&contents[1]) && contents.len() > 400;
        lost += usize::from(is_rtp);
        // The last pictures of the old layer are among the first that are lost.
        !(is_rtp && lost % 3 == 0)
    });
    film(&mut net, &mut [&mut camera], Duration::from_secs(2));
    net.filter = Box::new(|_, _| true);
    film(&mut net, &mut [&mut camera], Duration::from_secs(2));
    assert!(net.sfu.counters().layer_switches > switches);
    let seen = seen(&mut net, 2);
    let change = seen
        .windows(2)
        .filter(|pair| pair[0].tag.place != pair[1].tag.place);
    for pair in change {
        assert_eq!(pair[0].number + 1, pair[1].number, "{pair:?}");
    }
    assert!(arrived(&seen) > 995, "{}", arrived(&seen));
}

#[test]
fn t45_a_viewer_on_a_way_that_is_too_narrow_disturbs_no_other() {
    let (mut net, mut camera) = stage(Weather::FINE);
    net.subscribe(3, 1, offers::CHROMIUM_SUBSCRIBE);
    net.place(3, Weather::FINE);
    net.connect();
    film(&mut net, &mut [&mut camera], Duration::from_secs(1));
    net.weather(3).bps = Some(64_000);
    film(&mut net, &mut [&mut camera], Duration::from_secs(10));
    let seen = seen(&mut net, 2);
    assert_eq!(arrived(&seen), 1_000);
    assert!(seen.len() > 11 * 60, "{}", seen.len());
    assert_eq!((net.fault(2), net.fault(3)), (None, None));
    assert!(net.sfu.counters().pauses > 0);
}
