//! The bounds of a load.

use std::time::Duration;

use super::{
    CONNECTIONS_MAX, DURATION_MAX, Impairment, LAYERS_MAX, Options, PUBLISHERS_MAX, RtmpUrl,
    Source, Target, VIEWERS_MAX, Watching,
};

/// Longest delay on the way to a viewer.
const DELAY_MAX: Duration = Duration::from_secs(5);
/// Sections of an offer for slots, at most.
const FEED_SECTIONS_MAX: usize = 32;

/// Options that no load can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// A number is too small or too large.
    #[error("{member} must be {min} to {max}")]
    OutOfBounds {
        /// Which.
        member: &'static str,
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// Something that must be there is not.
    #[error("{0} must be given")]
    Empty(&'static str),
}

impl Options {
    /// Whether all is within its bounds.
    pub fn check(&self) -> Result<(), OptionsError> {
        count("publishers", self.publishers, 1, PUBLISHERS_MAX)?;
        count("viewers", self.viewers_in_all(), 0, VIEWERS_MAX)?;
        count(
            "viewers times publishers",
            self.viewers_in_all().saturating_mul(self.publishers),
            0,
            CONNECTIONS_MAX,
        )?;
        count("joins at once", self.joins.at_once, 1, 256)?;
        self.source.check()?;
        self.impairment.check()?;
        let storm = self.storm.map_or(Duration::ZERO, |storm| storm.within);
        for time in [self.warm_up.saturating_add(self.duration), storm] {
            at_most("seconds", time, DURATION_MAX, 1_000)?;
        }
        self.check_target()
    }

    fn check_target(&self) -> Result<(), OptionsError> {
        if let Some(rtmp) = &self.rtmp {
            let has_keys = rtmp.urls.iter().all(RtmpUrl::has_key);
            match &self.target {
                Target::Stage { .. } => count("RTMP URLs of a stage", rtmp.urls.len(), 1, 1)?,
                Target::Doors { .. } if rtmp.urls.is_empty() || !has_keys => {
                    return Err(OptionsError::Empty("RTMP URLs with stream keys"));
                }
                Target::Doors { .. } => {}
            }
        }
        match &self.target {
            Target::Stage { watching, .. } => {
                let media = self.source.media();
                let slots = match watching {
                    Watching::Whep => PUBLISHERS_MAX,
                    Watching::StageV1 => FEED_SECTIONS_MAX / media,
                };
                count("publishers by stage.v1", self.publishers, 1, slots)
            }
            Target::Doors { whip, .. } if whip.is_empty() && self.rtmp.is_none() => {
                Err(OptionsError::Empty("WHIP URLs"))
            }
            Target::Doors { whep, .. } if whep.is_empty() && self.viewers_in_all() > 0 => {
                Err(OptionsError::Empty("WHEP URLs"))
            }
            Target::Doors { .. } => Ok(()),
        }
    }
}

impl Source {
    /// Of how many media it is, at least one.
    fn media(&self) -> usize {
        (usize::from(self.audio) + usize::from(!self.layers.is_empty())).max(1)
    }

    fn check(&self) -> Result<(), OptionsError> {
        count("layers", self.layers.len(), 0, LAYERS_MAX)?;
        count("payload bytes", self.payload_bytes, 100, 1_200)?;
        let frames = usize::try_from(self.frames_per_second).unwrap_or(usize::MAX);
        count("frames per second", frames, 1, 120)?;
        for layer in &self.layers {
            let kbps = usize::try_from(layer.bitrate_bps / 1_000).unwrap_or(usize::MAX);
            count("kbit/s of a layer", kbps, 10, 50_000)?;
            count("width", layer.width.into(), 16, 8_192)?;
            count("height", layer.height.into(), 16, 8_192)?;
        }
        if self.layers.is_empty() && !self.audio {
            return Err(OptionsError::Empty("video layers or audio"));
        }
        Ok(())
    }
}

impl Impairment {
    fn check(&self) -> Result<(), OptionsError> {
        for percent in [self.loss_percent, self.reorder_percent] {
            if !(0.0..=100.0).contains(&percent) {
                return Err(OptionsError::OutOfBounds {
                    member: "percent",
                    min: 0,
                    max: 100,
                });
            }
        }
        for time in [self.delay, self.jitter, self.reorder_delay] {
            at_most("milliseconds of delay", time, DELAY_MAX, 1)?;
        }
        Ok(())
    }
}

fn count(member: &'static str, value: usize, min: usize, max: usize) -> Result<(), OptionsError> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(OptionsError::OutOfBounds {
        member,
        min: min as u64,
        max: max as u64,
    })
}

/// In units of so many milliseconds.
fn at_most(
    member: &'static str,
    time: Duration,
    max: Duration,
    unit: u128,
) -> Result<(), OptionsError> {
    if time <= max {
        return Ok(());
    }
    Err(OptionsError::OutOfBounds {
        member,
        min: 0,
        max: u64::try_from(max.as_millis() / unit).unwrap_or(u64::MAX),
    })
}
