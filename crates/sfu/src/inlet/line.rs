//! One time line for all that a source sends: its media times, made continuous, and where they are on our clock.
//!
//! Audio and video go through the same line, so that whatever is moved is moved for both.

use std::time::{Duration, Instant};

/// Nanoseconds. They go for 292 years either way.
type Nanos = i64;

const SECOND: Nanos = 1_000_000_000;
/// Where a line begins, so that there is room for what comes first and belongs before it: sound that took longer than pictures.
const START: Nanos = BEHIND_MAX;
/// Media that is further behind what came last is of another time line: audio and video of one source are interleaved closer.
const BEHIND_MAX: Nanos = SECOND;
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
    /// The newest media time, and when it came.
    newest: Nanos,
    came: Nanos,
    /// What was added before the last jump, the newest media time then, and when that was.
    before: Option<(Nanos, Nanos, Nanos)>,
    /// Added to media times to get ours.
    offset: Nanos,
    /// The least delay of this window, and when it began.
    least: Option<Nanos>,
    window: Nanos,
}

impl Line {
    /// Where the media of the source's time `at` is that has just come.
    pub(super) fn place(&mut self, at: Duration, now: Instant) -> Moment {
        let at = nanos(at);
        let state = self.0.get_or_insert_with(|| State {
            zero: now,
            rebase: START.saturating_sub(at),
            newest: START,
            came: 0,
            before: None,
            offset: -START,
            least: None,
            window: 0,
        });
        let came = nanos(now.saturating_duration_since(state.zero));
        let media = state.media(at, came);
        let captured = state.captured(media, came);
        Moment {
            media: duration(media),
            captured: state.instant(captured),
        }
    }
}

impl State {
    fn media(&mut self, at: Nanos, came: Nanos) -> Nanos {
        let media = at.saturating_add(self.rebase);
        let step = media.saturating_sub(self.newest);
        let elapsed = came.saturating_sub(self.came).max(0);
        if step >= -BEHIND_MAX && step <= elapsed.saturating_add(AHEAD_MAX) {
            if step > 0 {
                (self.newest, self.came) = (media, came);
            }
            return media.max(0);
        }
        if let Some((rebase, newest, when)) = self.before
            && came.saturating_sub(when) <= STRAGGLING
        {
            let media = at.saturating_add(rebase);
            if media.saturating_sub(newest).saturating_abs() <= BEHIND_MAX {
                return media.max(0);
            }
        }
        self.before = Some((self.rebase, self.newest, came));
        self.newest = self.newest.saturating_add(elapsed);
        self.came = came;
        self.rebase = self.newest.saturating_sub(at);
        self.newest
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
