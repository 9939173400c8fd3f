//! Names of codecs.

use std::fmt;

/// A codec of audio, as FLV or a FourCC names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AudioCodec {
    /// `SoundFormat` of FLV.
    Flv(u8),
    /// FourCC of enhanced RTMP.
    FourCc([u8; 4]),
}

/// A codec of video, as FLV or a FourCC names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VideoCodec {
    /// `CodecID` of FLV.
    Flv(u8),
    /// FourCC of enhanced RTMP.
    FourCc([u8; 4]),
}

impl fmt::Display for AudioCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Flv(0 | 3) => "linear PCM",
            Self::Flv(1) => "ADPCM",
            Self::Flv(2 | 14) => "MP3",
            Self::Flv(4..=6) => "Nellymoser",
            Self::Flv(7) => "G.711 A-law",
            Self::Flv(8) => "G.711 mu-law",
            Self::Flv(10) => "AAC",
            Self::Flv(11) => "Speex",
            Self::Flv(number) => return write!(f, "audio codec {number}"),
            Self::FourCc(name) => match name {
                b"mp4a" => "AAC",
                b"Opus" => "Opus",
                b".mp3" => "MP3",
                b"fLaC" => "FLAC",
                b"ac-3" => "AC-3",
                b"ec-3" => "E-AC-3",
                other => return write!(f, "audio codec `{}`", other.escape_ascii()),
            },
        };
        f.write_str(name)
    }
}

impl fmt::Display for VideoCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Flv(2) => "Sorenson H.263",
            Self::Flv(3 | 6) => "Screen video",
            Self::Flv(4 | 5) => "VP6",
            Self::Flv(7) => "H.264",
            // Not of FLV: how encoders spoke before enhanced RTMP.
            Self::Flv(12) => "H.265",
            Self::Flv(13) => "AV1",
            Self::Flv(number) => return write!(f, "video codec {number}"),
            Self::FourCc(name) => match name {
                b"avc1" => "H.264",
                b"hvc1" => "H.265",
                b"vvc1" => "H.266",
                b"av01" => "AV1",
                b"vp08" => "VP8",
                b"vp09" => "VP9",
                other => return write!(f, "video codec `{}`", other.escape_ascii()),
            },
        };
        f.write_str(name)
    }
}
