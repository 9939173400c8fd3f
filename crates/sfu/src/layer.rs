//! The encodings of a publisher's video: what each measures, which are there, and which is above which.

use std::time::{Duration, Instant};

use crate::io::{Layer, LayerLabel};
use crate::meter::Meter;
use crate::packet::Track;
use crate::payload::Size;

/// Over which time bitrate and frame rate are averaged; long enough for a key frame each second.
const WINDOW: Duration = Duration::from_secs(2);
/// How often figures are taken anew.
const REFRESH: Duration = Duration::from_millis(100);
/// A layer of which nothing has come for this long is not there, if others have begun [`PICTURES_MISSED`] pictures since: a still
/// screen or an ended camera says nothing about a layer.
const QUIET: Duration = Duration::from_millis(700);
const PICTURES_MISSED: u64 = 3;
/// How often a change is told: of what there is, and of figures alone.
const TELL: Duration = Duration::from_millis(500);
const TELL_FIGURES: Duration = Duration::from_secs(5);

/// One encoding, as it arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VideoLayer {
    pub(crate) track: Track,
    pub(crate) label: LayerLabel,
    /// Pixels; 0 before the first key frame.
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) frames_per_second: u32,
    pub(crate) bitrate_bps: u64,
    /// Whether packets of it come.
    pub(crate) is_live: bool,
    /// Whether its bitrate is that of a whole window.
    pub(crate) is_measured: bool,
}

impl VideoLayer {
    fn area(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// As it is told outside.
    pub(crate) fn told(&self) -> Layer {
        Layer {
            label: self.label.clone(),
            width: self.width,
            height: self.height,
            frames_per_second: self.frames_per_second,
            bitrate_bps: self.bitrate_bps,
        }
    }

    /// Whether this one belongs above the other though it stands below. Sizes decide where both are known, else the bitrate by a
    /// clear margin while both come, so that two that are alike do not change places all the time.
    fn outranks(&self, other: &Self) -> bool {
        let (own, others) = (self.area(), other.area());
        if own != others && own > 0 && others > 0 {
            return own > others;
        }
        let can_be_told = [self, other]
            .iter()
            .all(|layer| layer.is_live && layer.is_measured);
        can_be_told && self.bitrate_bps > other.bitrate_bps.saturating_mul(5) / 4
    }

    /// Whether what a viewer sees of it differs, figures aside.
    fn is_other(&self, before: &Self) -> bool {
        (self.track, self.width, self.height, self.is_live)
            != (before.track, before.width, before.height, before.is_live)
    }

    /// Whether its figures differ by a third.
    fn measures_other(&self, before: &Self) -> bool {
        let differs = |now: u64, before: u64| now.abs_diff(before) * 3 > before;
        self.is_live
            && (differs(self.bitrate_bps, before.bitrate_bps)
                || differs(
                    self.frames_per_second.into(),
                    before.frames_per_second.into(),
                ))
    }
}

/// All encodings of one video.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layers {
    /// Lowest first.
    ranked: Vec<VideoLayer>,
    /// In the order of the offer.
    measured: Vec<Measured>,
    refreshed: Option<Instant>,
    told: Vec<VideoLayer>,
    told_at: Option<Instant>,
}

#[derive(Clone, Debug)]
struct Measured {
    size: Size,
    bytes: Meter,
    pictures: Meter,
    /// Pictures begun so far.
    begun: u64,
    timestamp: Option<u32>,
    heard: Option<Instant>,
    /// What each encoding had begun when a packet of this one came last.
    others: [u64; Track::LAYERS_MAX],
}

impl Layers {
    /// Encodings by these names, in the order of the offer.
    pub(crate) fn new(labels: impl IntoIterator<Item = LayerLabel>) -> Self {
        let ranked: Vec<_> = labels
            .into_iter()
            .enumerate()
            .filter_map(|(place, label)| {
                Some(VideoLayer {
                    track: Track::video(place)?,
                    label,
                    width: 0,
                    height: 0,
                    frames_per_second: 0,
                    bitrate_bps: 0,
                    is_live: false,
                    is_measured: false,
                })
            })
            .collect();
        let measured = || Measured {
            size: Size::default(),
            bytes: Meter::new(WINDOW),
            pictures: Meter::new(WINDOW),
            begun: 0,
            timestamp: None,
            heard: None,
            others: [0; Track::LAYERS_MAX],
        };
        Self {
            measured: ranked.iter().map(|_| measured()).collect(),
            told: ranked.clone(),
            ranked,
            refreshed: None,
            told_at: None,
        }
    }

    /// All encodings, lowest first.
    pub(crate) fn ranked(&self) -> &[VideoLayer] {
        &self.ranked
    }

    /// Counts one packet.
    pub(crate) fn add(&mut self, track: Track, packet: Counted, now: Instant) {
        let Some(place) = track.place() else { return };
        let begun = self.begun();
        let Some(measured) = self.measured.get_mut(place) else {
            return;
        };
        let is_news = measured.add(packet, begun, now);
        let is_due = self
            .refreshed
            .is_none_or(|at| now.saturating_duration_since(at) >= REFRESH);
        if is_news || is_due {
            self.refresh(now);
        }
    }

    /// The encoding goes on from another source, whose timestamps have nothing to do with those before.
    pub(crate) fn restart(&mut self, track: Track) {
        let place = track.place();
        if let Some(measured) = place.and_then(|place| self.measured.get_mut(place)) {
            measured.timestamp = None;
        }
    }

    /// A change since it was asked for last that is worth telling.
    pub(crate) fn changed(&mut self, now: Instant) -> bool {
        let since = self
            .told_at
            .map_or(Duration::MAX, |at| now.saturating_duration_since(at));
        let differs = |test: fn(&VideoLayer, &VideoLayer) -> bool| {
            let mut pairs = self.ranked.iter().zip(&self.told);
            pairs.any(|(now, before)| test(now, before))
        };
        let has_changed = (since >= TELL && differs(VideoLayer::is_other))
            || (since >= TELL_FIGURES && differs(VideoLayer::measures_other));
        if has_changed {
            self.told_at = Some(now);
            self.told.clone_from(&self.ranked);
        }
        has_changed
    }

    /// When [`Layers::changed`] may have something to tell that it held back.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        let mut pairs = self.ranked.iter().zip(&self.told);
        let is_waiting = pairs.any(|(now, before)| now.is_other(before));
        is_waiting.then(|| self.told_at.map_or(now, |at| (at + TELL).max(now)))
    }

    fn begun(&self) -> [u64; Track::LAYERS_MAX] {
        let mut begun = [0; Track::LAYERS_MAX];
        for (to, measured) in begun.iter_mut().zip(&self.measured) {
            *to = measured.begun;
        }
        begun
    }

    fn refresh(&mut self, now: Instant) {
        self.refreshed = Some(now);
        let begun = self.begun();
        for layer in &mut self.ranked {
            let place = layer.track.place();
            if let Some(measured) = place.and_then(|place| self.measured.get(place)) {
                layer.width = measured.size.width;
                layer.height = measured.size.height;
                layer.bitrate_bps = measured.bytes.average(now);
                layer.frames_per_second = measured.frames_per_second(now);
                layer.is_live = measured.is_live(&begun, now);
                layer.is_measured = measured.bytes.is_full(now);
            }
        }
        // Few enough for the plainest of orders, in which equal ones stay.
        for _ in 1..self.ranked.len() {
            for at in 1..self.ranked.len() {
                let pair = self.ranked.get(at - 1).zip(self.ranked.get(at));
                if pair.is_some_and(|(below, above)| below.outranks(above)) {
                    self.ranked.swap(at - 1, at);
                }
            }
        }
    }
}

/// What a packet counts for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    pub(crate) bytes: usize,
    pub(crate) timestamp: u32,
    pub(crate) size: Option<Size>,
}

impl Measured {
    /// Whether the packet changes what there is.
    fn add(&mut self, packet: Counted, mut begun: [u64; Track::LAYERS_MAX], now: Instant) -> bool {
        self.bytes.add(packet.bytes, now);
        // Late packets belong to pictures that were counted. Half the range is ahead (RFC 3550 section 5.1).
        let is_later = self
            .timestamp
            .is_none_or(|newest| packet.timestamp.wrapping_sub(newest).cast_signed() > 0);
        if is_later {
            self.timestamp = Some(packet.timestamp);
            self.pictures.add(1, now);
            self.begun += 1;
        }
        let was_live = self.is_live(&begun, now);
        std::mem::swap(&mut self.others, &mut begun);
        self.heard = Some(now);
        let size = packet.size.unwrap_or(self.size);
        let has_new_size = size != self.size;
        self.size = size;
        has_new_size || !was_live
    }

    fn is_live(&self, begun: &[u64; Track::LAYERS_MAX], now: Instant) -> bool {
        let Some(heard) = self.heard else {
            return false;
        };
        let mut others = begun.iter().zip(&self.others);
        now.saturating_duration_since(heard) < QUIET
            || !others.any(|(now, then)| now.saturating_sub(*then) >= PICTURES_MISSED)
    }

    fn frames_per_second(&self, now: Instant) -> u32 {
        let rounded = (self.pictures.average(now) + 4) / 8;
        u32::try_from(rounded).unwrap_or(u32::MAX)
    }
}
