//! What an encoder says about its stream before it sends it.

/// Facts of `onMetaData`, as far as they are there and of the right type. Nothing of it is to be relied on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// Name and version of the encoder; printable, at most 128 characters.
    pub encoder: Option<String>,
    /// Pixels.
    pub width: Option<f64>,
    /// Pixels.
    pub height: Option<f64>,
    /// Pictures in a second.
    pub frames_per_second: Option<f64>,
    /// Kilobits in a second.
    pub video_kbps: Option<f64>,
    /// Kilobits in a second.
    pub audio_kbps: Option<f64>,
    /// Samples in a second.
    pub audio_sample_rate: Option<f64>,
    /// Channels.
    pub audio_channels: Option<f64>,
}
