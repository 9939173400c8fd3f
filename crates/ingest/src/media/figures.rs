//! What is known of a stream, for consoles and metrics.

/// Figures of a stream, measured over the last seconds of stream time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Of video.
    pub video: VideoFigures,
    /// Of audio.
    pub audio: AudioFigures,
}

/// Figures of video; zeros and an empty text until there is something to measure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VideoFigures {
    /// Pixels, of the largest layer.
    pub width: u32,
    /// Pixels, of the largest layer.
    pub height: u32,
    /// Pictures of the largest layer in a second.
    pub frames_per_second: f64,
    /// Milliseconds between the newest two key frames of the largest layer, or since the newest where that is long.
    pub key_frame_interval_ms: u32,
    /// Bits per second as they come, of all layers together.
    pub bitrate_bps: u64,
    /// As RFC 6381 names it: `avc1.64001f`.
    pub codec: String,
    /// Simulcast layers; 1 without.
    pub layers: u8,
    /// Pictures since the beginning, of all layers.
    pub pictures: u64,
    /// Pictures that were not passed on: before the first key frame, or without parameter sets.
    pub dropped: u64,
}

/// Figures of audio; zeros and an empty text until there is something to measure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AudioFigures {
    /// As RFC 6381 names it: `mp4a.40.2`.
    pub codec: String,
    /// Hertz.
    pub sample_rate: u32,
    /// 1 or 2.
    pub channels: u8,
    /// Bits per second as they come, before transcoding.
    pub bitrate_bps: u64,
    /// AAC frames since the beginning.
    pub frames: u64,
    /// AAC frames that could not be decoded and were concealed.
    pub concealed: u64,
    /// Opus packets since the beginning.
    pub packets: u64,
    /// Gaps in the encoder's timestamps that were filled with silence or jumped over.
    pub gaps: u64,
    /// AAC frames that were left out because the encoder's timestamps overlap.
    pub overlaps: u64,
    /// How far the encoder's audio clock runs ahead of its timestamps, in parts per million.
    pub drift_ppm: i32,
}
