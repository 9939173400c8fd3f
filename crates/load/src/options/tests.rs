//! Bounds and secrets.

use super::*;

type Case = (fn(&mut Options), &'static str);

fn options() -> Options {
    let door = Endpoint {
        url: "http://127.0.0.1:1/whip".to_owned(),
        bearer: Some(Bearer("hunter2".to_owned())),
    };
    let target = Target::Doors {
        whip: vec![door.clone()],
        whep: vec![door],
    };
    Options::new(target, 10)
}

#[test]
fn options_beyond_their_bounds_are_refused_by_name() {
    assert_eq!(options().check(), Ok(()));
    let cases: [Case; 8] = [
        (
            |o| o.impairment.delay = Duration::from_secs(6),
            "milliseconds of delay must be 0 to 5000",
        ),
        (|o| o.publishers = 101, "publishers must be 1 to 100"),
        (|o| o.viewers = 2_001, "viewers must be 0 to 2000"),
        (
            |o| (o.publishers, o.viewers) = (100, 2_000),
            "viewers times publishers must be 0 to 8000",
        ),
        (
            |o| o.duration = Duration::from_hours(1),
            "seconds must be 0 to 3600",
        ),
        (
            |o| o.impairment.loss_percent = f64::NAN,
            "percent must be 0 to 100",
        ),
        (
            |o| o.source.layers.clear(),
            "video layers or audio must be given",
        ),
        (
            |o| o.source.layers = vec![Layer::HD; 4],
            "layers must be 0 to 3",
        ),
    ];
    for (change, expected) in cases {
        let mut options = options();
        change(&mut options);
        assert_eq!(options.check().unwrap_err().to_string(), expected);
    }
}

#[test]
fn secrets_are_not_shown() {
    let credentials = Credentials {
        id: "AKID".to_owned(),
        secret: "hunter2".to_owned(),
        region: "us-west-2".to_owned(),
    };
    let shown = format!("{:?} {credentials:?}", options());
    assert!(!shown.contains("hunter2"), "{shown}");
}
