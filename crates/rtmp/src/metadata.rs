//! What an encoder says about its stream before it sends it.

use crate::amf0::Value;

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

impl Metadata {
    /// Takes what is known out of the object of `onMetaData`.
    pub(crate) fn read(object: &Value) -> Self {
        let number = |name| {
            let number = object.get(name).and_then(Value::as_f64);
            number.filter(|number| number.is_finite() && *number >= 0.0)
        };
        let encoder = object.get("encoder").and_then(Value::as_str);
        Self {
            encoder: encoder.map(|text| printable(text, ENCODER_CHARS_MAX)),
            width: number("width"),
            height: number("height"),
            frames_per_second: number("framerate"),
            video_kbps: number("videodatarate"),
            audio_kbps: number("audiodatarate"),
            audio_sample_rate: number("audiosamplerate"),
            audio_channels: number("audiochannels"),
        }
    }

    /// The object of `onMetaData`.
    pub(crate) fn object(&self) -> Value {
        let numbers = [
            ("width", self.width),
            ("height", self.height),
            ("framerate", self.frames_per_second),
            ("videodatarate", self.video_kbps),
            ("audiodatarate", self.audio_kbps),
            ("audiosamplerate", self.audio_sample_rate),
            ("audiochannels", self.audio_channels),
        ];
        let numbers = numbers
            .into_iter()
            .filter_map(|(name, number)| Some((name.to_owned(), Value::Number(number?))));
        let encoder = self.encoder.as_deref();
        let encoder = encoder.map(|text| ("encoder".to_owned(), Value::string(text)));
        Value::EcmaArray(numbers.chain(encoder).collect())
    }
}

/// Characters of the name of an encoder that are kept.
pub(crate) const ENCODER_CHARS_MAX: usize = 128;

/// Text of a peer as it may stand in a log: no control characters, cut.
pub(crate) fn printable(text: &str, max: usize) -> String {
    text.chars()
        .filter(|char| !char.is_control())
        .take(max)
        .collect()
}
