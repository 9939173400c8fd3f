//! What has been sent and not yet been reported on.

use std::collections::VecDeque;

use super::probe::ProbeCluster;

/// Most packets remembered: 40 Mbit/s of full packets for one second, 32 KB. What is older is forgotten.
const PACKETS_MAX: usize = 4_096;
/// How long a packet is remembered that nothing was heard of, in microseconds: longer than the queues of home routers are.
const WAITING_US_MAX: u32 = 2_000_000;
/// How long a packet is remembered that was reported as lost, in microseconds: one that was merely overtaken is reported again.
const LOST_US_MAX: u32 = 500_000;
/// Most numbers that are skipped without starting anew.
const SKIPPED_MAX: u16 = 64;

/// What is known of one packet; its sequence number is its place.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Low bits of the time, in microseconds; they are unique for 71 minutes.
    sent_us: u32,
    bytes: u16,
    cluster: Option<ProbeCluster>,
    state: State,
}

// There is one for each packet in flight to each viewer.
const _: () = assert!(size_of::<Entry>() <= 8);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The number was not sent.
    Unused,
    Waiting,
    Lost,
    Arrived,
}

/// A packet of which something has been heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settled {
    /// Microseconds of our clock.
    pub(super) sent_us: i64,
    pub(super) bytes: u16,
    pub(super) cluster: Option<ProbeCluster>,
    /// It had been reported as lost before.
    pub(super) was_lost: bool,
}

/// The packets in flight, in the order of their transport-wide sequence numbers.
#[derive(Debug, Default)]
pub(super) struct History {
    entries: VecDeque<Entry>,
    /// Number of the first entry.
    first: u16,
    newest_us: i64,
}

impl History {
    /// Notes a packet. Numbers are expected to follow one another.
    pub(super) fn sent(
        &mut self,
        sequence: u16,
        bytes: u16,
        cluster: Option<ProbeCluster>,
        now_us: i64,
    ) {
        self.newest_us = self.newest_us.max(now_us);
        self.forget();
        let skipped = sequence.wrapping_sub(self.end());
        if self.entries.is_empty() || skipped > SKIPPED_MAX {
            self.entries.clear();
            self.first = sequence;
        }
        let sent_us = low(now_us);
        while self.end() != sequence {
            self.push(Entry {
                sent_us,
                bytes: 0,
                cluster: None,
                state: State::Unused,
            });
        }
        self.push(Entry {
            sent_us,
            bytes,
            cluster,
            state: State::Waiting,
        });
    }

    /// Notes what is reported of a packet. `None` if that is nothing new, or the number is unknown.
    pub(super) fn settle(&mut self, sequence: u16, has_arrived: bool) -> Option<Settled> {
        let place = usize::from(sequence.wrapping_sub(self.first));
        let entry = self.entries.get_mut(place)?;
        let was_lost = entry.state == State::Lost;
        match (entry.state, has_arrived) {
            (State::Waiting | State::Lost, true) => entry.state = State::Arrived,
            (State::Waiting, false) => entry.state = State::Lost,
            (State::Lost, false) | (State::Unused | State::Arrived, _) => return None,
        }
        let age = low(self.newest_us).wrapping_sub(entry.sent_us);
        Some(Settled {
            sent_us: self.newest_us - i64::from(age),
            bytes: entry.bytes,
            cluster: entry.cluster,
            was_lost,
        })
    }

    /// The number after the last one; wraps.
    fn end(&self) -> u16 {
        let length = u16::try_from(self.entries.len()).unwrap_or(u16::MAX);
        self.first.wrapping_add(length)
    }

    fn push(&mut self, entry: Entry) {
        if self.entries.len() >= PACKETS_MAX {
            self.entries.pop_front();
            self.first = self.first.wrapping_add(1);
        }
        self.entries.push_back(entry);
    }

    /// Drops what nothing more is expected of.
    fn forget(&mut self) {
        let now = low(self.newest_us);
        while let Some(entry) = self.entries.front() {
            let age = now.wrapping_sub(entry.sent_us);
            let is_done = match entry.state {
                State::Unused | State::Arrived => true,
                State::Lost => age > LOST_US_MAX,
                State::Waiting => age > WAITING_US_MAX,
            };
            if !is_done {
                break;
            }
            self.entries.pop_front();
            self.first = self.first.wrapping_add(1);
        }
    }

    #[cfg(test)]
    pub(super) fn bytes_of_memory(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the low bits are what is kept"
)]
fn low(us: i64) -> u32 {
    us as u32
}
