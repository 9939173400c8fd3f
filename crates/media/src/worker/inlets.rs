//! The way from those that feed publishers without a connection to their worker: one bounded line for all of a worker's, in which
//! each has its own bound, so that none takes the room of the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use model::ConnectionId;
use sfu::Relayed;

use super::inbox::Inbox;

/// Most parcels in the line: 30 publishers in a second, each with its audio and video.
const PARCELS_MAX: usize = 4_096;
/// Most packets of one publisher in the line: ten seconds of the highest bitrate come at once where they were held until the sound
/// came, at worst in packets of half the largest size.
const PACKETS_MAX: usize = 18_432;
/// Most parcels of one publisher in the line.
const PARCELS_EACH_MAX: usize = 512;
/// Parcels taken per turn.
const PARCELS_PER_TURN: usize = 256;

/// What waits of one publisher.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    packets: AtomicUsize,
    parcels: AtomicUsize,
}

#[derive(Debug)]
struct Parcel {
    connection: ConnectionId,
    packets: Relayed,
    waiting: Arc<Waiting>,
}

impl Drop for Parcel {
    fn drop(&mut self) {
        self.waiting
            .packets
            .fetch_sub(self.packets.len(), Ordering::Relaxed);
        self.waiting.parcels.fetch_sub(1, Ordering::Relaxed);
    }
}

/// There is no room in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// The end of the line that packets go into.
#[derive(Debug)]
pub(crate) struct Line {
    parcels: SyncSender<Parcel>,
    inbox: Arc<Inbox>,
    length: Arc<AtomicUsize>,
    dropped: AtomicU64,
}

/// The end that they come out of.
#[derive(Debug)]
pub(super) struct Tap {
    parcels: Receiver<Parcel>,
    length: Arc<AtomicUsize>,
}

/// The line to the worker with that inbox.
pub(super) fn line(inbox: Arc<Inbox>) -> (Line, Tap) {
    let (sender, receiver) = sync_channel(PARCELS_MAX);
    let length = Arc::new(AtomicUsize::new(0));
    let line = Line {
        parcels: sender,
        inbox,
        length: Arc::clone(&length),
        dropped: AtomicU64::new(0),
    };
    let tap = Tap {
        parcels: receiver,
        length,
    };
    (line, tap)
}

impl Line {
    /// Puts packets in and wakes the worker, or says that there is no room; never waits.
    pub(crate) fn put(
        &self,
        connection: ConnectionId,
        packets: Relayed,
        waiting: &Arc<Waiting>,
    ) -> Result<(), Full> {
        let count = packets.len();
        let before = waiting.packets.fetch_add(count, Ordering::Relaxed);
        let parcels = waiting.parcels.fetch_add(1, Ordering::Relaxed);
        // From here on its drop takes it off again.
        let parcel = Parcel {
            connection,
            packets,
            waiting: Arc::clone(waiting),
        };
        if before + count > PACKETS_MAX || parcels >= PARCELS_EACH_MAX {
            return Err(Full);
        }
        self.length.fetch_add(1, Ordering::Release);
        if self.parcels.try_send(parcel).is_err() {
            self.length.fetch_sub(1, Ordering::Relaxed);
            return Err(Full);
        }
        self.inbox.wake();
        Ok(())
    }

    /// Packets have been dropped.
    pub(crate) fn note_dropped(&self, packets: usize) {
        let packets = u64::try_from(packets).unwrap_or(0);
        self.dropped.fetch_add(packets, Ordering::Relaxed);
    }

    /// Packets dropped so far.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Tap {
    /// The packets that have come.
    pub(super) fn take(&self) -> Vec<(ConnectionId, Relayed)> {
        let parcels = std::iter::from_fn(|| self.parcels.try_recv().ok());
        let taken = parcels.take(PARCELS_PER_TURN);
        taken
            .map(|parcel| {
                self.length.fetch_sub(1, Ordering::Relaxed);
                (parcel.connection, parcel.packets.clone())
            })
            .collect()
    }

    /// Whether packets wait.
    pub(super) fn is_busy(&self) -> bool {
        self.length.load(Ordering::Acquire) > 0
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use mio::{Poll, Token, Waker};
    use model::limits;
    use sfu::Packetiser;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "where simulated time begins")]
    fn beginning() -> Instant {
        Instant::now()
    }

    #[test]
    fn ten_seconds_of_the_highest_bitrate_have_room_where_they_come_at_once() {
        let poll = Poll::new().unwrap();
        let inbox = Inbox::new(Waker::new(poll.registry(), Token(0)).unwrap());
        let (line, tap) = line(Arc::new(inbox));
        let waiting = Arc::new(Waiting::default());
        let (mut packetiser, now) = (Packetiser::new(1), beginning());
        let bytes = usize::try_from(limits::PUBLISH_BITRATE_BPS_MAX / 8 / 30).unwrap();
        let picture = [&[0x41, 0xe0][..], &vec![0xab; bytes - 2]].concat();
        for number in 0..300 {
            let at = Duration::from_secs(1) / 30 * number;
            packetiser.picture(0, &[&picture], false, at, now);
        }
        let mut count = 0;
        for packets in packetiser.take() {
            count += packets.len();
            line.put(ConnectionId(1), packets, &waiting).unwrap();
        }
        let mut taken = 0;
        while tap.is_busy() {
            taken += tap
                .take()
                .iter()
                .map(|(_, packets)| packets.len())
                .sum::<usize>();
        }
        assert_eq!(taken, count);
        // There is an end to it, and a slow worker makes room again.
        packetiser.picture(0, &[&picture], false, Duration::from_secs(10), now);
        let parcel = packetiser.take().next().unwrap();
        let put = || line.put(ConnectionId(1), parcel.clone(), &waiting);
        assert!((0..PARCELS_EACH_MAX).all(|_| put().is_ok()));
        assert_eq!(put(), Err(Full));
        tap.take();
        assert_eq!(put(), Ok(()));
    }
}
