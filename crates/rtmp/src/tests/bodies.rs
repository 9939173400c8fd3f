//! Bodies of audio and video messages.

use bytes::Bytes;

use crate::Fault;
use crate::flv::{Audio, AudioCodec, Video, VideoCodec};
use crate::server::Event;

use super::wire::{Served, message};

const TRACKS_MAX: usize = 16;

fn audio(body: &[u8]) -> Result<Vec<Audio>, Fault> {
    Audio::read(&Bytes::copy_from_slice(body), TRACKS_MAX)
}

fn video(body: &[u8]) -> Result<Vec<Video>, Fault> {
    Video::read(&Bytes::copy_from_slice(body), TRACKS_MAX)
}

fn avc(track: u8, composition_ms: i32, is_key: bool, nals: &[u8]) -> Video {
    Video::Avc {
        track,
        composition_ms,
        is_key,
        nals: Bytes::copy_from_slice(nals),
    }
}

#[test]
fn flv_audio_is_aac_or_named() {
    assert_eq!(
        audio(&[0xaf, 0, 0x12, 0x10]),
        Ok(vec![Audio::AacConfig(Bytes::from_static(&[0x12, 0x10]))])
    );
    assert_eq!(
        audio(&[0xaf, 1, 9]),
        Ok(vec![Audio::Aac(Bytes::from_static(&[9]))])
    );
    for nothing in [&[][..], &[0xaf, 1]] {
        assert_eq!(audio(nothing), Ok(vec![]));
    }
    for (format, name) in [
        (2, "MP3"),
        (11, "Speex"),
        (7, "G.711 A-law"),
        (13, "audio codec 13"),
    ] {
        let codec = AudioCodec::Flv(format);
        assert_eq!(codec.to_string(), name);
        assert_eq!(
            audio(&[format << 4, 1, 2]),
            Ok(vec![Audio::Other { codec }])
        );
    }
    assert!(audio(&[0xaf]).is_err());
    assert!(audio(&[0xaf, 2]).is_err());
}

#[test]
fn r22_composition_times_have_a_sign() {
    let picture = |time: [u8; 3]| [&[0x27, 1][..], &time, &[0, 0, 0, 1, 0x65]].concat();
    let nals = [0, 0, 0, 1, 0x65];
    for (bytes, time) in [
        ([0, 0, 0], 0),
        ([0, 0, 80], 80),
        ([0xff, 0xff, 0xff], -1),
        ([0xff, 0xff, 0xd8], -40),
        ([0x7f, 0xff, 0xff], 8_388_607),
        ([0x80, 0, 0], -8_388_608),
    ] {
        assert_eq!(video(&picture(bytes)), Ok(vec![avc(0, time, false, &nals)]));
    }
}

#[test]
fn flv_video_is_h264_or_named() {
    let record = Bytes::from_static(&[1, 0x64]);
    assert_eq!(
        video(&[0x17, 0, 0, 0, 0, 1, 0x64]),
        Ok(vec![Video::AvcConfig { track: 0, record }])
    );
    assert_eq!(
        video(&[0x17, 1, 0, 0, 0, 9]),
        Ok(vec![avc(0, 0, true, &[9])])
    );
    assert_eq!(
        video(&[0x17, 2]),
        Ok(vec![Video::EndOfSequence { track: 0 }])
    );
    // Nothing, a command, and a picture of nothing.
    for nothing in [&[][..], &[0x57, 0], &[0x17, 1, 0, 0, 0]] {
        assert_eq!(video(nothing), Ok(vec![]));
    }
    for (id, name) in [
        (2, "Sorenson H.263"),
        (12, "H.265"),
        (13, "AV1"),
        (9, "video codec 9"),
    ] {
        let codec = VideoCodec::Flv(id);
        assert_eq!(codec.to_string(), name);
        assert_eq!(
            video(&[0x10 | id, 0]),
            Ok(vec![Video::Other { track: 0, codec }])
        );
    }
    for bad in [&[0x17][..], &[0x17, 1, 0, 0], &[0x17, 3, 0, 0, 0]] {
        assert!(matches!(video(bad), Err(Fault::Tag { what: "video", .. })));
    }
}

#[test]
fn r25_codecs_of_enhanced_rtmp_are_taken_or_named() {
    assert_eq!(
        video(b"\x90avc1\x01\x64"),
        Ok(vec![Video::AvcConfig {
            track: 0,
            record: Bytes::from_static(b"\x01\x64")
        }])
    );
    assert_eq!(
        video(b"\x91avc1\xff\xff\xffx"),
        Ok(vec![avc(0, -1, true, b"x")])
    );
    assert_eq!(video(b"\xa3avc1x"), Ok(vec![avc(0, 0, false, b"x")]));
    assert_eq!(
        video(b"\x92avc1"),
        Ok(vec![Video::EndOfSequence { track: 0 }])
    );
    // Colours, and a command.
    assert_eq!(video(b"\x94avc1\x02\x00\x09colorInfo"), Ok(vec![]));
    assert_eq!(video(b"\xd1\x00"), Ok(vec![]));
    for (fourcc, name) in [
        (b"hvc1", "H.265"),
        (b"av01", "AV1"),
        (b"vp09", "VP9"),
        (b"vp08", "VP8"),
        (b"x\ny\"", "video codec `x\\ny\\\"`"),
    ] {
        let codec = VideoCodec::FourCc(*fourcc);
        assert_eq!(codec.to_string(), name);
        for first in [0x90, 0xa1, 0xa3, 0x95] {
            let body = [&[first][..], fourcc, &[1, 2, 3]].concat();
            assert_eq!(video(&body), Ok(vec![Video::Other { track: 0, codec }]));
        }
    }
    assert_eq!(
        audio(b"\x90mp4a\x12\x10"),
        Ok(vec![Audio::AacConfig(Bytes::from_static(&[0x12, 0x10]))])
    );
    assert_eq!(
        audio(b"\x91mp4ax"),
        Ok(vec![Audio::Aac(Bytes::from_static(b"x"))])
    );
    assert_eq!(audio(b"\x92mp4a"), Ok(vec![Audio::EndOfSequence]));
    assert_eq!(audio(b"\x94mp4a\x01\x02\x00\x00\x00\x03"), Ok(vec![]));
    for (fourcc, name) in [
        (b"Opus", "Opus"),
        (b"fLaC", "FLAC"),
        (b"ac-3", "AC-3"),
        (b".mp3", "MP3"),
    ] {
        let codec = AudioCodec::FourCc(*fourcc);
        assert_eq!(codec.to_string(), name);
        assert_eq!(
            audio(&[b"\x91", &fourcc[..], b"x"].concat()),
            Ok(vec![Audio::Other { codec }])
        );
    }
    for bad in [&b"\x90avc"[..], b"\x98avc1", b"\x91avc1\x00\x00"] {
        assert!(
            matches!(video(bad), Err(Fault::Tag { what: "video", .. })),
            "{bad:?}"
        );
    }
    for bad in [&b"\x91mp4"[..], b"\x93mp4a", b"\x9f"] {
        assert!(
            matches!(audio(bad), Err(Fault::Tag { what: "audio", .. })),
            "{bad:?}"
        );
    }
}

#[test]
fn r25_nanoseconds_and_other_modifiers_are_passed_over() {
    let picture = Ok(vec![avc(0, 0, true, b"x")]);
    // Three bytes of nanoseconds; two modifiers; one of 256 bytes, whose length takes two more.
    assert_eq!(video(b"\x97\x02\x01\x02\x03\x03avc1x"), picture);
    assert_eq!(video(b"\x97\x02\x01\x02\x03\x07\x00\x09\x13avc1x"), picture);
    let long = [&b"\x97\xff\x00\xff"[..], &[7; 256], b"\x03avc1x"].concat();
    assert_eq!(video(&long), picture);
    assert_eq!(
        audio(b"\x97\x02\x01\x02\x03\x01mp4ax"),
        Ok(vec![Audio::Aac(Bytes::from_static(b"x"))])
    );
    for cut in 1..long.len() - 6 {
        assert!(video(&long[..cut]).is_err(), "{cut}");
    }
}

#[test]
fn r25_several_tracks_come_alone_or_together() {
    // One track.
    assert_eq!(
        video(b"\x96\x00avc1\x02\x01"),
        Ok(vec![Video::AvcConfig {
            track: 2,
            record: Bytes::from_static(&[1])
        }])
    );
    assert_eq!(
        video(b"\x96\x01avc1\x01\x00\x00\x05x"),
        Ok(vec![avc(1, 5, true, b"x")])
    );
    // Several of one codec.
    let many = b"\xa6\x13avc1\x00\x00\x00\x01x\x01\x00\x00\x02yz\x02\x00\x00\x00";
    let both = vec![avc(0, 0, false, b"x"), avc(1, 0, false, b"yz")];
    assert_eq!(video(many), Ok(both));
    // Several of several codecs.
    let codec = VideoCodec::FourCc(*b"hvc1");
    assert_eq!(
        video(b"\x96\x23avc1\x00\x00\x00\x01xhvc1\x01\x00\x00\x01y"),
        Ok(vec![
            avc(0, 0, true, b"x"),
            Video::Other { track: 1, codec }
        ])
    );
    // Of audio the first track alone is taken.
    assert_eq!(
        audio(b"\x95\x11mp4a\x01\x00\x00\x01x\x00\x00\x00\x02yz"),
        Ok(vec![Audio::Aac(Bytes::from_static(b"yz"))])
    );
    for (bad, why) in [
        (&b"\x96\x06avc1\x00"[..], "tracks inside of tracks"),
        (b"\x96\x07avc1\x00", "tracks inside of tracks"),
        (b"\x96\x33avc1\x00", "an unknown layout of tracks"),
        (
            b"\x96\x13avc1\x00\x00\x00\x09x",
            "it ends inside of a track",
        ),
        (b"\x96\x13avc1", "it ends inside of its header"),
        (
            b"\x96\x23avc1\x00\x00\x00\x01xhv",
            "it ends inside of its header",
        ),
    ] {
        assert_eq!(video(bad), Err(Fault::Tag { what: "video", why }));
    }
    let flood = [&b"\x96\x13avc1"[..], &[0, 0, 0, 1, 9].repeat(17)].concat();
    let why = "too many tracks";
    assert_eq!(video(&flood), Err(Fault::Tag { what: "video", why }));
}

#[test]
fn r21_r23_a_change_of_configuration_comes_where_it_stands() {
    let mut served = Served::publishing();
    for (time, kind, body) in [
        (0, 9, &[0x17, 0, 0, 0, 0, 1][..]),
        (1, 8, &[0xaf, 0, 0x12, 0x10]),
        (2, 9, &[0x17, 1, 0, 0, 0, 9]),
        (3, 9, &[0x17, 0, 0, 0, 0, 2]),
        (4, 8, &[0xaf, 0, 0x11, 0x90]),
    ] {
        served.receive(&message(4, time, kind, 1, body)).unwrap();
    }
    let mut configs = Vec::new();
    for event in served.events {
        if let Event::Video {
            at_ms,
            video: Video::AvcConfig { record, .. },
        } = event
        {
            configs.push((at_ms, record[0]));
        } else if let Event::Audio {
            at_ms,
            audio: Audio::AacConfig(config),
        } = event
        {
            configs.push((at_ms, config[0]));
        }
    }
    assert_eq!(configs, [(0, 1), (1, 0x12), (3, 2), (4, 0x11)]);
}

#[test]
fn an_aggregate_is_taken_apart_and_its_times_moved() {
    let part = |kind: u8, time: u32, body: &[u8]| {
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        let [high, low @ ..] = time.to_be_bytes();
        let back = (11 + u32::try_from(body.len()).unwrap()).to_be_bytes();
        [
            &[kind][..],
            &length[1..],
            &low,
            &[high, 0, 0, 0],
            body,
            &back,
        ]
        .concat()
    };
    let body = [
        part(8, 0x0100_0000, &[0xaf, 1, 7]),
        part(22, 0x0100_0000, &[1]),
        part(9, 0x0100_0021, &[0x27, 1, 0, 0, 0, 9]),
    ]
    .concat();
    let mut served = Served::publishing();
    served.receive(&message(4, 500, 22, 1, &body)).unwrap();
    let audio = Audio::Aac(Bytes::from_static(&[7]));
    let video = avc(0, 0, false, &[9]);
    let expected = [
        Event::Audio { at_ms: 500, audio },
        Event::Video { at_ms: 533, video },
    ];
    assert_eq!(served.events, expected);
    for cut in [5, 12, 16] {
        let sent = Served::publishing().receive(&message(4, 500, 22, 1, &body[..cut]));
        let why = "it ends inside of a part";
        assert_eq!(
            sent,
            Err(Fault::Tag {
                what: "aggregate",
                why
            })
        );
    }
}
