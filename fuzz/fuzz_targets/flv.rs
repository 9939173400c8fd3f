//! Bodies of audio and video: any bytes are read or refused, and what is looked into is written as it was read.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use rtmp::flv::{Audio, Video};

const TRACKS_MAX: usize = 16;

fuzz_target!(|data: &[u8]| {
    let body = Bytes::copy_from_slice(data);
    for audio in Audio::read(&body, TRACKS_MAX).unwrap_or_default() {
        if !matches!(audio, Audio::Other { .. }) {
            assert_eq!(Audio::read(&audio.body(), TRACKS_MAX), Ok(vec![audio]));
        }
    }
    for video in Video::read(&body, TRACKS_MAX).unwrap_or_default() {
        if !matches!(video, Video::Other { .. }) {
            assert_eq!(Video::read(&video.body(), TRACKS_MAX), Ok(vec![video]));
        }
    }
});
