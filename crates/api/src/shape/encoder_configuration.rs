//! An encoder configuration and its picture.

use model::{EncoderConfiguration, Video};
use wire::types;

/// `EncoderConfiguration`.
pub(crate) fn encoder_configuration(
    configuration: EncoderConfiguration,
) -> types::EncoderConfiguration {
    types::EncoderConfiguration {
        arn: configuration.arn.to_string(),
        name: Some(configuration.name),
        tags: Some(configuration.tags),
        video: Some(video(configuration.video)),
    }
}

/// `EncoderConfigurationSummary`.
pub(crate) fn encoder_configuration_summary(
    configuration: EncoderConfiguration,
) -> types::EncoderConfigurationSummary {
    types::EncoderConfigurationSummary {
        arn: configuration.arn.to_string(),
        name: Some(configuration.name),
        tags: Some(configuration.tags),
    }
}

/// `Video`.
fn video(video: Video) -> types::Video {
    types::Video {
        width: i32::try_from(video.width).ok(),
        height: i32::try_from(video.height).ok(),
        framerate: Some(video.framerate),
        bitrate: i32::try_from(video.bitrate).ok(),
    }
}
