//! How the delay between packets sent one after the other changes.
//!
//! Packets that leave as one burst are one group, and so are packets that a link has held back and lets go together
//! (draft-ietf-rmcat-gcc-02 section 5.2). Between two groups, the difference of arrival times less the difference of sending
//! times is how much longer the second one was under way.

/// Packets sent within this time are one group, in microseconds (`burst_time`).
const GROUP_US: i64 = 5_000;
/// Packets that arrive within this time of one another belong together when they were sent further apart, in microseconds.
const BURST_GAP_US: i64 = 5_000;
/// Longest time over which such a burst arrives, in microseconds.
const BURST_US_MAX: i64 = 100_000;
/// A jump of the peer's clock beyond this, in microseconds, starts anew.
const JUMP_US_MAX: i64 = 3_000_000;
/// Where the peer's clock wraps: the reference time of transport-wide feedback has 24 bits of 64 ms
/// (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).
const WRAP_US: i64 = (1 << 24) * 64_000;

/// The peer's clock without wraps.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PeerClock {
    /// The last time as it was reported, and as it was understood.
    last: Option<(i64, i64)>,
}

impl PeerClock {
    /// Microseconds since the first report, and whether time has jumped so that what was measured before means nothing.
    pub(super) fn read(&mut self, raw: i64) -> (i64, bool) {
        let Some((last_raw, last)) = self.last else {
            self.last = Some((raw, 0));
            return (0, false);
        };
        let ahead = raw.wrapping_sub(last_raw).rem_euclid(WRAP_US);
        let step = if ahead > WRAP_US / 2 {
            ahead - WRAP_US
        } else {
            ahead
        };
        let has_jumped = step.abs() > JUMP_US_MAX;
        // Time stands still over a jump, so that it cannot be led out of range.
        let at = if has_jumped { last } else { last + step };
        self.last = Some((raw, at));
        (at, has_jumped)
    }
}

/// How much longer a group was under way than the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Variation {
    /// Microseconds, as the others.
    pub(super) delay: i64,
    /// Between sending the one and the other.
    pub(super) spacing: i64,
    /// When the later group was complete, on the peer's clock.
    pub(super) arrived: i64,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    first_sent: i64,
    last_sent: i64,
    first_arrived: i64,
    last_arrived: i64,
}

/// The last two groups.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Groups {
    before: Option<Group>,
    open: Option<Group>,
}

impl Groups {
    /// Takes a packet that has arrived; gives the variation when it begins a new group.
    pub(super) fn add(&mut self, sent: i64, arrived: i64) -> Option<Variation> {
        let new = Group {
            first_sent: sent,
            last_sent: sent,
            first_arrived: arrived,
            last_arrived: arrived,
        };
        let Some(open) = &mut self.open else {
            self.open = Some(new);
            return None;
        };
        if sent < open.first_sent {
            // Overtaken by a whole group: it says nothing about the present.
            return None;
        }
        let gap = arrived - open.last_arrived;
        let is_burst = gap <= BURST_GAP_US
            && gap < sent - open.last_sent
            && arrived - open.first_arrived < BURST_US_MAX;
        if sent - open.first_sent <= GROUP_US || is_burst {
            open.last_sent = open.last_sent.max(sent);
            open.last_arrived = open.last_arrived.max(arrived);
            return None;
        }
        let done = *open;
        *open = new;
        let before = self.before.replace(done)?;
        let spacing = done.last_sent - before.last_sent;
        Some(Variation {
            delay: done.last_arrived - before.last_arrived - spacing,
            spacing,
            arrived: done.last_arrived,
        })
    }
}
