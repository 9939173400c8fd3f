//! One line of time for everything of a stream.
//!
//! Stream time is the encoder's, and what it writes is not always one line: a clock may be set back to zero in the middle, or leap
//! ahead. Each *source* (the audio, or a track of video) is followed by itself, because audio and video come interleaved and do not
//! leap in the same message. Whoever leaps first draws a new line; the others join it when they leap.

use std::time::{Duration, Instant};

/// Media time of the first message, in milliseconds: room for a source that comes after it with earlier timestamps, and for the
/// delay of codecs.
const ORIGIN_MS: i64 = 1_000;
/// A source's timestamps step back by less than this where they are only unsteady, in milliseconds.
const BACK_MAX_MS: i64 = 1_000;
/// They step ahead of the clock by less than this where media was left out or comes in a burst, in milliseconds.
const AHEAD_MAX_MS: i64 = 3_000;
/// Sources lie on one line while they are within this, in milliseconds.
const APART_MAX_MS: i64 = 10_000;
/// Least step over a leap, in milliseconds: about one frame.
const STEP_MIN_MS: i64 = 20;

/// Which source a message is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Audio,
    /// A track of video by its number.
    Video(u8),
}

/// A place on the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Media time in milliseconds. Negative for what is too early to have a place.
    pub(super) at_ms: i64,
    /// The source has leapt: this message follows on the one before in the order of messages only.
    pub(super) is_leap: bool,
}

#[derive(Clone, Copy, Debug)]
struct Followed {
    source: Source,
    stream_ms: i64,
    at_ms: i64,
    seen: Instant,
    line: Line,
}

/// What to add to stream time for media time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Line {
    number: u32,
    offset_ms: i64,
}

/// The line, and where each source is on it.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    newest: Option<Line>,
    sources: Vec<Followed>,
}

impl Timeline {
    /// The place of a message with stream time `stream_ms` that came at `now`.
    pub(super) fn place(&mut self, source: Source, stream_ms: u64, now: Instant) -> Place {
        // Thirty million years.
        let stream_ms = i64::try_from(stream_ms)
            .unwrap_or(i64::MAX / 4)
            .min(i64::MAX / 4);
        let index = self
            .sources
            .iter()
            .position(|followed| followed.source == source);
        let before = index.and_then(|index| self.sources.get(index)).copied();
        let expected_ms =
            before.map(|before| before.at_ms + wall_ms(before.seen, now).max(STEP_MIN_MS));
        let is_leap = before.is_some_and(|before| {
            let step_ms = stream_ms - before.stream_ms;
            step_ms < -BACK_MAX_MS || step_ms > wall_ms(before.seen, now) + AHEAD_MAX_MS
        });
        let line = match before {
            Some(before) if !is_leap => before.line,
            _ => self.join(stream_ms, before.map(|before| before.line), expected_ms),
        };
        let at_ms = stream_ms + line.offset_ms;
        let followed = Followed {
            source,
            stream_ms,
            at_ms,
            seen: now,
            line,
        };
        match index.and_then(|index| self.sources.get_mut(index)) {
            Some(slot) => *slot = followed,
            None => self.sources.push(followed),
        }
        Place { at_ms, is_leap }
    }

    /// The newest line if this message can lie on it, else a new one on which it lies where it is expected.
    fn join(&mut self, stream_ms: i64, left: Option<Line>, expected_ms: Option<i64>) -> Line {
        let expected_ms = expected_ms
            .or_else(|| self.sources.iter().map(|followed| followed.at_ms).max())
            .unwrap_or(ORIGIN_MS);
        if let Some(newest) = self.newest.filter(|newest| Some(*newest) != left) {
            let apart_ms = (stream_ms + newest.offset_ms - expected_ms).abs();
            // A source that only begins may begin much later than the others.
            if apart_ms <= APART_MAX_MS {
                return newest;
            }
        }
        let line = Line {
            number: self.newest.map_or(0, |newest| newest.number + 1),
            offset_ms: expected_ms - stream_ms,
        };
        self.newest = Some(line);
        line
    }
}

fn wall_ms(since: Instant, now: Instant) -> i64 {
    let wall = now
        .saturating_duration_since(since)
        .min(Duration::from_secs(1 << 40));
    i64::try_from(wall.as_millis()).unwrap_or(i64::MAX / 4)
}
