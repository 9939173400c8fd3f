//! Video: one track of H.264, its parameter sets, and what it must not have.

use std::time::Duration;

use bytes::Bytes;
use model::ErrorCode;
use sfu::avc;

use super::avcc::{self, Malformed, Record};
use super::timeline::Place;
use super::{Limits, Unit, Violation};

/// Profiles that viewers can decode: Baseline, Main, Extended and High, all of 8 bits and 4:2:0 (ITU-T H.264 annex A).
const PROFILES: [u8; 4] = [66, 77, 88, 100];
/// Presentation may be this far from decoding, in milliseconds: more is no reordering, but a mistake.
const COMPOSITION_MS_MAX: i64 = 10_000;
/// Milliseconds between key frames at most, as the service asks of encoders (IVS user guide, "Stream Ingest").
const KEY_INTERVAL_MS_USUAL: i64 = 2_000;
/// Composition times are rounded to milliseconds, each by itself.
const ROUNDING_MS: i64 = 1;
/// NAL units without a picture that are kept for the next one.
const CARRIED_MAX: usize = 64;
/// The same, in bytes: delimiters, parameter sets and messages to viewers are small.
const CARRIED_BYTES_MAX: usize = 64 * 1_024;

/// One picture, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) nals: Vec<Bytes>,
    pub(super) is_key: bool,
    pub(super) at: Duration,
}

impl Picture {
    pub(super) fn into_unit(self, layer: usize) -> Unit {
        Unit::Picture {
            layer,
            nals: self.nals,
            is_key: self.is_key,
            at: self.at,
        }
    }
}

/// One track.
#[derive(Debug)]
pub(super) struct Track {
    number: u8,
    record: Bytes,
    length_bytes: usize,
    sets: Sets,
    /// The largest picture that its sequence parameter sets allow.
    largest: Option<avc::Sps>,
    /// Pictures are of no use until a key frame comes.
    awaits_key: bool,
    /// NAL units that came without a picture; they are of the next one.
    carried: Vec<Bytes>,
    order: Option<Order>,
    /// Media time of the newest picture, in milliseconds.
    presented_ms: i64,
    key_ms: Option<i64>,
    key_interval_ms: u32,
    pictures: u64,
    dropped: u64,
}

/// Which kinds of parameter sets have come.
#[derive(Clone, Copy, Debug, Default)]
struct Sets {
    sequence: bool,
    picture: bool,
}

/// The newest time of decoding, and the latest of presentation.
#[derive(Clone, Copy, Debug)]
struct Order {
    decoded_ms: i64,
    latest_ms: i64,
}

impl Track {
    pub(super) fn new(number: u8) -> Self {
        Self {
            number,
            record: Bytes::new(),
            // What encoders write; pictures without a record are of no use in any case.
            length_bytes: 4,
            sets: Sets::default(),
            largest: None,
            awaits_key: true,
            carried: Vec::new(),
            order: None,
            presented_ms: i64::MIN,
            key_ms: None,
            key_interval_ms: 0,
            pictures: 0,
            dropped: 0,
        }
    }

    /// Takes a configuration record. Gives its parameter sets if it is another one than before: pictures wait for a key frame then.
    pub(super) fn configure(
        &mut self,
        record: &Bytes,
        limits: &Limits,
    ) -> Result<Option<Record>, Violation> {
        // Encoders repeat it.
        if self.record == *record {
            return Ok(None);
        }
        let read = Record::read(record.clone()).map_err(malformed)?;
        self.largest = None;
        for sps in &read.sps {
            self.take_sequence_set(sps, limits)?;
        }
        for pps in &read.pps {
            if avc::unit(pps) != Ok(avc::Unit::Pps) {
                return Err(malformed(Malformed::Record));
            }
        }
        self.sets = Sets {
            sequence: !read.sps.is_empty(),
            picture: !read.pps.is_empty(),
        };
        self.length_bytes = read.length_bytes;
        self.record = record.clone();
        self.await_key();
        Ok(Some(read))
    }

    /// Takes what came as one picture. Gives nothing where there is none in it, or none that could be decoded.
    pub(super) fn picture(
        &mut self,
        place: Place,
        composition_ms: i32,
        bytes: Bytes,
        limits: &Limits,
    ) -> Result<Option<Picture>, Violation> {
        if self.record.is_empty() {
            self.dropped += u64::from(!bytes.is_empty());
            return Ok(None);
        }
        let nals = avcc::nals(bytes, self.length_bytes).map_err(malformed)?;
        let mut has_slice = false;
        let mut is_idr = false;
        for nal in &nals {
            match avc::unit(nal) {
                Ok(avc::Unit::Slice { is_b: true, .. }) => return Err(self.b_frame()),
                Ok(avc::Unit::Slice { is_idr: idr, .. }) => {
                    has_slice = true;
                    is_idr |= idr;
                }
                Ok(avc::Unit::Sps) => {
                    self.take_sequence_set(nal, limits)?;
                    self.sets.sequence = true;
                }
                Ok(avc::Unit::Pps) => self.sets.picture = true,
                Ok(
                    avc::Unit::Sei | avc::Unit::Delimiter | avc::Unit::Filler | avc::Unit::Other(_),
                ) => {}
                Err(avc::Malformed) => {
                    return Err(Violation::new(
                        ErrorCode::InvalidInput,
                        "the video has a NAL unit that is malformed",
                    ));
                }
            }
        }
        if !has_slice {
            self.carry(&nals);
            return Ok(None);
        }
        let presented_ms = self.present(place, i64::from(composition_ms))?;
        self.pictures += 1;
        let is_key = is_idr && self.sets.sequence && self.sets.picture;
        if self.awaits_key && !is_key {
            self.dropped += 1;
            self.carried.clear();
            return Ok(None);
        }
        // What is too early to have a place has no viewer either.
        let Ok(at_ms) = u64::try_from(presented_ms) else {
            self.dropped += 1;
            return Ok(None);
        };
        self.awaits_key = false;
        if is_key {
            self.note_key(presented_ms);
        }
        let nals = if self.carried.is_empty() {
            nals
        } else {
            let mut all = std::mem::take(&mut self.carried);
            all.extend(nals);
            all
        };
        Ok(Some(Picture {
            nals,
            is_key,
            at: Duration::from_millis(at_ms),
        }))
    }

    /// Keeps NAL units for the next picture, without the message that they came in; what is too much is left out.
    fn carry(&mut self, nals: &[Bytes]) {
        let mut bytes: usize = self.carried.iter().map(Bytes::len).sum();
        for nal in nals {
            bytes += nal.len();
            if self.carried.len() >= CARRIED_MAX || bytes > CARRIED_BYTES_MAX {
                return;
            }
            self.carried.push(Bytes::copy_from_slice(nal));
        }
    }

    /// What came before is lost: nothing is given until the next key frame.
    pub(super) fn await_key(&mut self) {
        self.awaits_key = true;
        self.carried.clear();
    }

    /// Whether a key frame has come, and a decoder can have begun.
    pub(super) fn has_begun(&self) -> bool {
        !self.awaits_key
    }

    pub(super) fn number(&self) -> u8 {
        self.number
    }

    pub(super) fn largest(&self) -> Option<avc::Sps> {
        self.largest
    }

    /// From key frame to key frame, and from the newest one on where no other has come for longer than is usual: of an encoder that
    /// sends one and no other, nothing would be known at all.
    pub(super) fn key_interval_ms(&self) -> u32 {
        let open_ms = self.key_ms.map_or(0, |key_ms| self.presented_ms - key_ms);
        if open_ms <= KEY_INTERVAL_MS_USUAL {
            return self.key_interval_ms;
        }
        let open_ms = u32::try_from(open_ms).unwrap_or(u32::MAX);
        self.key_interval_ms.max(open_ms)
    }

    pub(super) fn pictures(&self) -> u64 {
        self.pictures
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    fn take_sequence_set(&mut self, nal: &[u8], limits: &Limits) -> Result<(), Violation> {
        let sps = avc::sps(nal).map_err(|avc::Malformed| malformed(Malformed::Record))?;
        let [profile, ..] = sps.profile_level;
        if !PROFILES.contains(&profile) {
            let what = format!(
                "the video is H.264 {}, and only Baseline, Main and High are taken (8 bits, 4:2:0)",
                profile_name(profile)
            );
            return Err(Violation::new(ErrorCode::InvalidVideoCodec, what));
        }
        if sps.pixels() > u64::from(limits.pixels_max) {
            let what = format!(
                "the video is {} x {} = {} pixels, and {} are the most (1280 x 720)",
                sps.width,
                sps.height,
                sps.pixels(),
                limits.pixels_max
            );
            return Err(Violation::new(ErrorCode::ResolutionExceeded, what));
        }
        if self
            .largest
            .is_none_or(|largest| largest.pixels() <= sps.pixels())
        {
            self.largest = Some(sps);
        }
        Ok(())
    }

    /// When a picture is shown, in milliseconds of media time: later than every one before it, or it is a B-frame.
    fn present(&mut self, place: Place, composition_ms: i64) -> Result<i64, Violation> {
        if composition_ms.abs() > COMPOSITION_MS_MAX {
            let what = format!(
                "the video is presented {composition_ms} ms after its decoding, and {COMPOSITION_MS_MAX} ms are the most"
            );
            return Err(Violation::new(ErrorCode::InvalidInput, what));
        }
        let presented_ms = place.at_ms + composition_ms;
        // Timestamps that step back say nothing about an order.
        let before = self
            .order
            .filter(|before| !place.is_leap && place.at_ms >= before.decoded_ms);
        if before.is_some_and(|before| presented_ms < before.latest_ms - ROUNDING_MS) {
            return Err(self.b_frame());
        }
        self.order = Some(Order {
            decoded_ms: place.at_ms,
            latest_ms: before.map_or(presented_ms, |before| before.latest_ms.max(presented_ms)),
        });
        // Two pictures at one time would be one for a viewer.
        self.presented_ms = presented_ms.max(self.presented_ms.saturating_add(1));
        Ok(self.presented_ms)
    }

    fn note_key(&mut self, presented_ms: i64) {
        if let Some(before_ms) = self.key_ms {
            self.key_interval_ms = u32::try_from(presented_ms - before_ms).unwrap_or_default();
        }
        self.key_ms = Some(presented_ms);
    }

    fn b_frame(&self) -> Violation {
        let track = match self.number {
            0 => String::new(),
            number => format!(" in track {number}"),
        };
        let what = format!(
            "the video has B-frames{track}, which no viewer can be sent; set the number of B-frames to 0"
        );
        Violation::new(ErrorCode::BFramePresent, what)
    }
}

fn malformed(fault: Malformed) -> Violation {
    Violation::new(ErrorCode::InvalidInput, format!("the video {fault}"))
}

fn profile_name(profile: u8) -> String {
    match profile {
        110 => "High 10".to_owned(),
        122 => "High 4:2:2".to_owned(),
        244 => "High 4:4:4 Predictive".to_owned(),
        other => format!("of profile {other}"),
    }
}
