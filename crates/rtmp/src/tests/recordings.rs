//! What real encoders have sent, byte for byte: a second of a test picture, and a tone where there is audio, from the first byte of the
//! handshake to the last before the socket was closed; that of OBS is cut. They were recorded from a server that answered as this one does.

use crate::flv::{Audio, Video};
use crate::server::Event;

use super::wire::Served;

struct Recording {
    name: &'static str,
    bytes: &'static [u8],
    encoder: &'static str,
    /// Pictures of each track.
    pictures: &'static [usize],
    /// Media time of the first and the last picture, in milliseconds.
    time: (u64, u64),
    aac_frames: usize,
    /// Whether it says that it ends.
    is_ended: bool,
}

const RECORDINGS: &[Recording] = &[
    Recording {
        name: "FFmpeg 5.1",
        bytes: include_bytes!("recordings/ffmpeg-5.1.bin"),
        encoder: "FMLE/3.0 (compatible; Lavf59.27.100)",
        pictures: &[10],
        time: (23, 923),
        aac_frames: 45,
        is_ended: true,
    },
    Recording {
        name: "FFmpeg 5.1 with `-output_ts_offset 20000`",
        bytes: include_bytes!("recordings/ffmpeg-5.1-late.bin"),
        encoder: "FMLE/3.0 (compatible; Lavf59.27.100)",
        pictures: &[10],
        time: (20_000_000, 20_000_900),
        aac_frames: 45,
        is_ended: true,
    },
    Recording {
        name: "FFmpeg 9.0 with two pictures",
        bytes: include_bytes!("recordings/ffmpeg-9.0-two-tracks.bin"),
        encoder: "FMLE/3.0 (compatible; Lavf63.1.102)",
        pictures: &[10, 10],
        time: (0, 900),
        aac_frames: 0,
        is_ended: true,
    },
    Recording {
        name: "rtmp2sink of GStreamer 1.22",
        bytes: include_bytes!("recordings/gstreamer-1.22.bin"),
        encoder: "LNX 10,0,32,18",
        pictures: &[10],
        time: (0, 233),
        aac_frames: 0,
        is_ended: true,
    },
    Recording {
        name: "librtmp 2.4, by rtmpsink of GStreamer 1.22",
        bytes: include_bytes!("recordings/librtmp-2.4.bin"),
        encoder: "",
        pictures: &[10],
        time: (0, 233),
        aac_frames: 0,
        is_ended: true,
    },
    Recording {
        name: "OBS 29.0",
        bytes: include_bytes!("recordings/obs-29.0.bin"),
        encoder: "FMLE/3.0 (compatible; FMSc/1.0)",
        pictures: &[5],
        time: (0, 400),
        aac_frames: 24,
        is_ended: false,
    },
];

/// What is understood of a recording in pieces of that size.
fn replay(recording: &Recording, piece: usize) -> Vec<Event> {
    let mut served = Served::new();
    for part in recording.bytes.chunks(piece) {
        served
            .receive(part)
            .unwrap_or_else(|fault| panic!("{}: {fault}", recording.name));
        if matches!(served.events.last(), Some(Event::Publish(_))) {
            served.session.accept();
            served.drain();
        }
    }
    served.events
}

#[test]
fn r17_r20_recordings_of_real_encoders_are_understood_in_any_split() {
    for recording in RECORDINGS {
        let name = recording.name;
        let events = replay(recording, 1);
        for piece in [2, 127, 1_009, 4_096] {
            assert_eq!(events, replay(recording, piece), "{name} {piece}");
        }
        let Some(Event::Publish(publish)) = events.first() else {
            panic!("{name} begins with {:?}", events.first());
        };
        assert_eq!(
            (&*publish.app, publish.name.expose()),
            ("app", "k"),
            "{name}"
        );
        assert_eq!(publish.encoder, recording.encoder);
        let is_ended = events.last() == Some(&Event::Ended);
        assert_eq!(is_ended, recording.is_ended, "{name}");
        let mut pictures = vec![0; recording.pictures.len()];
        let mut times = Vec::new();
        let mut aac_frames = 0;
        for event in &events {
            match event {
                Event::Video {
                    at_ms,
                    video: Video::Avc { track, .. },
                } => {
                    pictures[usize::from(*track)] += 1;
                    times.push(*at_ms);
                }
                Event::Audio {
                    audio: Audio::Aac(_),
                    ..
                } => aac_frames += 1,
                Event::Publish(_)
                | Event::Metadata(_)
                | Event::Audio { .. }
                | Event::Video { .. }
                | Event::Ended => {}
            }
        }
        assert_eq!(pictures, recording.pictures, "{name}");
        assert_eq!(aac_frames, recording.aac_frames, "{name}");
        let time = (*times.first().unwrap(), *times.last().unwrap());
        assert_eq!(time, recording.time, "{name}");
        let config = |event: &&Event| {
            matches!(
                event,
                Event::Video {
                    video: Video::AvcConfig { .. },
                    ..
                }
            )
        };
        assert_eq!(
            events.iter().filter(config).count(),
            pictures.len(),
            "{name}"
        );
    }
}
