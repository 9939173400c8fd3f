//! AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2.1): whether what follows is AAC-LC in one or two channels.

use super::bits::Bits;

/// Sampling frequencies by their index (table 1.18).
const SAMPLE_RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];
/// The index behind which the frequency itself stands, in 24 bits.
const RATE_EXPLICIT: u32 = 15;

/// Audio object types (table 1.17).
const LC: u32 = 2;
const SBR: u32 = 5;
const PS: u32 = 29;
const ESCAPE: u32 = 31;

/// What announces an extension behind the configuration, in 11 bits (section 1.6.2.1).
const SYNC_EXTENSION: u32 = 0x2b7;
const SYNC_PS: u32 = 0x548;

/// How a stream of AAC-LC is to be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Config {
    /// Hertz, 7,350 to 96,000.
    pub(super) sample_rate: u32,
    /// 1 or 2.
    pub(super) channels: u8,
}

/// Why a configuration is not taken. The text ends a sentence that begins with "the audio".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ConfigFault {
    #[error("has a configuration that is cut off or malformed")]
    Malformed,
    #[error("is {0}, and only AAC-LC is taken")]
    NotLc(String),
    #[error("has {0}, and only one or two are taken")]
    Channels(String),
    #[error("has frames of 960 samples, and only 1,024 are taken")]
    ShortFrames,
}

impl Config {
    /// Reads a configuration. HE-AAC is found however it is signalled: as object type, or as an extension behind AAC-LC.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, ConfigFault> {
        let mut bits = Bits::new(bytes);
        let object_type = object_type(&mut bits)?;
        let sample_rate = sample_rate(&mut bits)?;
        let channels = take(&mut bits, 4)?;
        if object_type != LC {
            return Err(ConfigFault::NotLc(name(object_type)));
        }
        // GASpecificConfig (section 4.4.1): frame length, core coder, extension.
        let is_short = take(&mut bits, 1)? == 1;
        let depends_on_core = take(&mut bits, 1)? == 1;
        let is_extended = take(&mut bits, 1)? == 1;
        if is_short {
            return Err(ConfigFault::ShortFrames);
        }
        // Neither is of AAC-LC.
        if depends_on_core || is_extended {
            return Err(ConfigFault::Malformed);
        }
        let channels = match channels {
            1 => 1,
            2 => 2,
            0 => {
                return Err(ConfigFault::Channels(
                    "channels that a program config element lays out".to_owned(),
                ));
            }
            7 => return Err(ConfigFault::Channels("8 channels".to_owned())),
            count @ 3..=6 => return Err(ConfigFault::Channels(format!("{count} channels"))),
            _ => return Err(ConfigFault::Malformed),
        };
        if let Some(extension) = extension(&mut bits) {
            return Err(ConfigFault::NotLc(name(extension)));
        }
        Ok(Self {
            sample_rate,
            channels,
        })
    }
}

impl Config {
    /// Frames that may come in a second: a quarter more than are played, because clocks are not alike.
    pub(super) fn frames_per_second_max(self) -> u64 {
        (u64::from(self.sample_rate) * 5 / 4).div_ceil(1_024)
    }
}

fn take(bits: &mut Bits<'_>, count: usize) -> Result<u32, ConfigFault> {
    bits.take(count).ok_or(ConfigFault::Malformed)
}

fn object_type(bits: &mut Bits<'_>) -> Result<u32, ConfigFault> {
    match take(bits, 5)? {
        ESCAPE => Ok(32 + take(bits, 6)?),
        object_type => Ok(object_type),
    }
}

fn sample_rate(bits: &mut Bits<'_>) -> Result<u32, ConfigFault> {
    let rate = match take(bits, 4)? {
        RATE_EXPLICIT => take(bits, 24)?,
        index => usize::try_from(index)
            .ok()
            .and_then(|index| SAMPLE_RATES.get(index))
            .copied()
            .ok_or(ConfigFault::Malformed)?,
    };
    // The decoder's tables are those of the frequencies that have an index.
    if SAMPLE_RATES.contains(&rate) {
        Ok(rate)
    } else {
        Err(ConfigFault::Malformed)
    }
}

/// The extension that stands behind the configuration, where one does and it is switched on. Encoders of AAC-LC write one that is
/// switched off.
fn extension(bits: &mut Bits<'_>) -> Option<u32> {
    if bits.take(11)? != SYNC_EXTENSION {
        return None;
    }
    let extension = object_type(bits).ok()?;
    if extension != SBR || !bits.flag()? {
        return None;
    }
    let has_ps =
        sample_rate(bits).is_ok() && bits.take(11) == Some(SYNC_PS) && bits.flag() == Some(true);
    Some(if has_ps { PS } else { SBR })
}

fn name(object_type: u32) -> String {
    match object_type {
        1 => "AAC Main".to_owned(),
        3 => "AAC-SSR".to_owned(),
        4 => "AAC-LTP".to_owned(),
        SBR => "HE-AAC (with SBR)".to_owned(),
        PS => "HE-AAC v2 (with SBR and PS)".to_owned(),
        23 => "AAC-LD".to_owned(),
        39 => "AAC-ELD".to_owned(),
        42 => "xHE-AAC".to_owned(),
        other => format!("MPEG-4 audio of type {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(hex: &str) -> Result<Config, String> {
        let bytes: Vec<u8> = hex
            .split_whitespace()
            .map(|byte| u8::from_str_radix(byte, 16).unwrap())
            .collect();
        Config::read(&bytes).map_err(|fault| fault.to_string())
    }

    #[test]
    fn configurations_of_aac_lc_are_read() {
        let of = |sample_rate, channels| {
            Ok(Config {
                sample_rate,
                channels,
            })
        };
        // 44.1 kHz stereo, 48 kHz stereo, 48 kHz mono, 22.05 kHz mono, as encoders write them.
        assert_eq!(read("12 10"), of(44_100, 2));
        assert_eq!(read("11 90"), of(48_000, 2));
        assert_eq!(read("11 88"), of(48_000, 1));
        assert_eq!(read("13 88"), of(22_050, 1));
        // With the extension that says: no SBR.
        assert_eq!(read("12 10 56 e5 00"), of(44_100, 2));
        assert_eq!(read("11 90 56 e5 00"), of(48_000, 2));
        // The frequency in 24 bits: 48,000.
        assert_eq!(read("17 80 5d c0 10"), of(48_000, 2));
    }

    #[test]
    fn r23_he_aac_is_refused_however_it_is_signalled() {
        // Object type 5 (hierarchical), 29, and the extension behind AAC-LC, with and without PS.
        assert_eq!(
            read("2b 92 08 00").unwrap_err(),
            "is HE-AAC (with SBR), and only AAC-LC is taken"
        );
        assert_eq!(
            read("eb 8a 08 00").unwrap_err(),
            "is HE-AAC v2 (with SBR and PS), and only AAC-LC is taken"
        );
        assert_eq!(
            read("13 90 56 e5 a0").unwrap_err(),
            "is HE-AAC (with SBR), and only AAC-LC is taken"
        );
        assert_eq!(
            read("13 88 56 e5 a5 48 80").unwrap_err(),
            "is HE-AAC v2 (with SBR and PS), and only AAC-LC is taken"
        );
    }

    #[test]
    fn other_audio_object_types_are_refused_by_name() {
        assert_eq!(
            read("0a 10").unwrap_err(),
            "is AAC Main, and only AAC-LC is taken"
        );
        assert_eq!(
            read("f8 e8 50 00").unwrap_err(),
            "is AAC-ELD, and only AAC-LC is taken"
        );
        assert_eq!(
            read("11 94").unwrap_err(),
            "has frames of 960 samples, and only 1,024 are taken"
        );
    }

    #[test]
    fn more_than_two_channels_are_refused() {
        assert_eq!(
            read("11 b0").unwrap_err(),
            "has 6 channels, and only one or two are taken"
        );
        assert_eq!(
            read("11 b8").unwrap_err(),
            "has 8 channels, and only one or two are taken"
        );
        assert!(
            read("11 80")
                .unwrap_err()
                .contains("program config element")
        );
    }

    #[test]
    fn malformed_configurations_are_refused() {
        for malformed in [
            "",
            "12",
            "17 80 5d",
            "16 90",
            "11 c8",
            "11 92",
            "11 91",
            "17 80 00 00 10",
        ] {
            assert_eq!(
                read(malformed).unwrap_err(),
                "has a configuration that is cut off or malformed",
                "{malformed}"
            );
        }
    }
}
