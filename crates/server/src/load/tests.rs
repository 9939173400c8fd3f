//! Arguments, and what becomes of them.

use clap::Parser as _;

use super::*;
use crate::cli::{Cli, Command};

fn args(words: &[&str]) -> Result<LoadArgs, clap::Error> {
    let words = ["downstage", "load"].iter().chain(words);
    let Command::Load(args) = Cli::try_parse_from(words)?.command else {
        panic!("not load")
    };
    Ok(*args)
}

#[test]
fn a_stage_is_loaded_unless_urls_are_given() {
    let options = options(&args(&["--viewers", "3"]).unwrap()).unwrap();
    assert!(matches!(options.target, Target::Stage { .. }));
    assert_eq!((options.publishers, options.viewers), (1, 3));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    std::fs::write(&file, "one\n\ntwo\n").unwrap();
    let words = [
        "--whip-url",
        "http://127.0.0.1/whip",
        "--whip-tokens",
        file.to_str().unwrap(),
        "--whep-url",
        "http://127.0.0.1/whep",
        "--whep-tokens",
        file.to_str().unwrap(),
    ];
    let options = super::options(&args(&words).unwrap()).unwrap();
    let Target::Doors { whip, whep } = &options.target else {
        panic!("not doors")
    };
    let bearers: Vec<_> = whip
        .iter()
        .map(|door| &door.bearer.as_ref().unwrap().0)
        .collect();
    assert_eq!(bearers, ["one", "two"]);
    assert_eq!((whep.len(), options.viewer_bearers.len()), (1, 2));
    assert!(args(&["--whip-url", "http://127.0.0.1/whip"]).is_err());
    assert!(
        args(&[
            "--stage",
            "arn",
            "--whip-url",
            "http://x",
            "--whep-url",
            "http://y"
        ])
        .is_err()
    );
}

#[test]
fn layers_are_read_and_bounded() {
    let of = |words: &[&str]| options(&args(words).unwrap()).map(|options| options.source.layers);
    assert_eq!(of(&["--simulcast"]).unwrap(), Layer::SIMULCAST);
    let two = of(&["--layer", "320x180@150", "--layer", "640x360@600"]).unwrap();
    assert_eq!(
        (two.len(), two[1].bitrate_bps, two[1].width),
        (2, 600_000, 640)
    );
    assert_eq!(of(&["--no-video", "--audio"]).unwrap(), []);
    assert!(args(&["--no-video"]).is_err());
    assert!(args(&["--layer", "640x360"]).is_err());
    assert!(of(&["--layer", "640x360@5"]).is_err());
    let error = options(&args(&["--publishers", "101"]).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "publishers must be 1 to 100");
}

#[test]
fn the_secret_is_not_shown() {
    let args = args(&["--secret-access-key", "hunter2"]).unwrap();
    let shown = format!("{args:?} {:?}", options(&args).unwrap());
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn publishers_by_rtmp_go_to_a_stage_or_with_a_key_to_any_server() {
    let of = |words: &[&str]| options(&args(words).unwrap());
    let stage = of(&["--rtmp", "rtmp://127.0.0.1:1935/app"]).unwrap();
    assert!(matches!(stage.target, Target::Stage { .. }));
    assert_eq!((stage.viewers, stage.source.audio), (10, true));
    let any = of(&["--rtmp", "rtmp://127.0.0.1/live/key"]).unwrap();
    assert!(
        matches!(&any.target, Target::Doors { whip, whep } if whip.is_empty() && whep.is_empty())
    );
    assert_eq!(any.viewers, 0);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    std::fs::write(&file, "one\ntwo\n").unwrap();
    let file = file.to_str().unwrap();
    let words = ["--rtmp", "rtmps://host/live", "--rtmp-keys", file];
    let listed = of(&words).unwrap().rtmp.unwrap();
    assert_eq!(listed.urls.len(), 2);
    assert!(listed.urls.iter().all(RtmpUrl::has_key) && !listed.any_certificate);
    for wrong in [
        &["--rtmp", "rtmp://host/live/key", "--stage", "arn"][..],
        &["--rtmp", "rtmp://host/live/key", "--viewers", "3"],
        &["--whep-url", "http://host/whep"],
    ] {
        assert!(of(wrong).is_err(), "{wrong:?}");
    }
}
