//! One time line for all that a source sends: its media times, made continuous, and where they are on our clock.
//!
//! Audio and video go through the same line, so that whatever is moved is moved for both.

use std::time::{Duration, Instant};

use crate::packet::Track;

/// Nanoseconds. They go for 292 years either way.
type Nanos = i64;

/// Audio, and the encodings of the video.
const TRACKS: usize = 1 + Track::LAYERS_MAX;
const SECOND: Nanos = 1_000_000_000;
/// Where a line begins, so that there is room for what comes first and belongs before it: sound that took longer than pictures.
const START: Nanos = SECOND;
/// Media that is further behind what came last of its track is of another time line.
const BEHIND_MAX: Nanos = SECOND / 2;
/// The same for media that is further ahead than time has passed.
const AHEAD_MAX: Nanos = 2 * SECOND;
/// How long after a jump media of the time line before it may still come.
const STRAGGLING: Nanos = 2 * SECOND;
/// Over which time the least delay is looked for.
const WINDOW: Nanos = 4 * SECOND;
/// How far the line is moved after each window: 1,000 ppm, more than any clock is off.
const MOVE_MAX: Nanos = WINDOW / 1_000;
/// A whole window that is later than this is no drift: the line is moved at once.
const LATE_MAX: Nanos = SECOND / 2;

/// Where one piece of media is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// Media time, without jumps; the source began at one second.
    pub(super) media: Duration,
    /// When it was captured, on our clock, as far as that can be known: as if the fastest way took no time.
    pub(super) captured: Instant,
}

/// The line of one source.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Line(Option<State>);

#[derive(Clone, Copy, Debug)]
struct State {
    /// When the first piece came; all else on our clock counts from here.
    zero: Instant,
    /// Added to the source's times.
    rebase: Nanos,
    /// The newest media time of each track, and when it came: tracks need not come in step.
    newest: [Option<(Nanos, Nanos)>; TRACKS],
    /// What was added before the last jump, and when that was.
    before: Option<(Nanos, Nanos)>,
    /// Added to media times to get ours.
    offset: Nanos,
    /// The least delay of this window, and when it began.
    least: Option<Nanos>,
    window: Nanos,
}

impl Line {
    /// Where the media of a track is that has just come and that the source dates `at`.
    pub(super) fn place(&mut self, track: Track, at: Duration, now: Instant) -> Moment {
        let at = nanos(at);
        let state = self.0.get_or_insert_with(|| State {
            zero: now,
            rebase: START.saturating_sub(at),
            newest: [None; TRACKS],
            before: None,
            offset: -START,
            least: None,
            window: 0,
        });
        let came = nanos(now.saturating_duration_since(state.zero));
        let media = state.media(track, at, came);
        let captured = state.captured(media, came);
        Moment {
            media: duration(media),
            captured: state.instant(captured),
        }
    }
}

impl State {
    fn media(&mut self, track: Track, at: Nanos, came: Nanos) -> Nanos {
        let place = track.place().map_or(0, |place| place + 1);
        let Some(newest) = self.newest.get_mut(place) else {
            return at.saturating_add(self.rebase);
        };
        let media = at.saturating_add(self.rebase);
        let (before, since) = newest.unwrap_or((media, came));
        let elapsed = came.saturating_sub(since).max(0);
        let follows = |media: Nanos| {
            let step = media.saturating_sub(before);
            step >= -BEHIND_MAX && step <= elapsed.saturating_add(AHEAD_MAX)
        };
        let older = self
            .before
            .filter(|(_, when)| came.saturating_sub(*when) <= STRAGGLING)
            .map(|(rebase, _)| at.saturating_add(rebase));
        let media = if follows(media) {
            media
        } else if let Some(older) = older.filter(|older| follows(*older)) {
            older
        } else {
            self.before = Some((self.rebase, came));
            let media = before.saturating_add(elapsed);
            self.rebase = media.saturating_sub(at);
            media
        };
        if newest.is_none() || media > before {
            *newest = Some((media, came));
        }
        media
    }

    fn captured(&mut self, media: Nanos, came: Nanos) -> Nanos {
        let late = came.saturating_sub(media.saturating_add(self.offset));
        if late < 0 {
            // Nothing comes before it was captured.
            self.offset = self.offset.saturating_add(late);
        }
        let late = late.max(0);
        let least = *self
            .least
            .insert(self.least.map_or(late, |least| least.min(late)));
        if came.saturating_sub(self.window) >= WINDOW {
            let by = if least > LATE_MAX {
                least
            } else {
                least.min(MOVE_MAX)
            };
            self.offset = self.offset.saturating_add(by);
            self.least = None;
            self.window = came;
        }
        media.saturating_add(self.offset)
    }

    fn instant(&self, nanos: Nanos) -> Instant {
        let since = Duration::from_nanos(nanos.unsigned_abs());
        let instant = if nanos < 0 {
            self.zero.checked_sub(since)
        } else {
            self.zero.checked_add(since)
        };
        instant.unwrap_or(self.zero)
    }
}

fn nanos(duration: Duration) -> Nanos {
    Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX)
}

/// What is below zero is zero.
fn duration(nanos: Nanos) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}
