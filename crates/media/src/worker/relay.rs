//! The way from worker to worker: a bounded line of packets for each pair, and orders beside it.
//!
//! A worker that is slow to take packets loses them, and holds nobody up. Orders do not get lost: there is a small number of them
//! for each publisher.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use model::{ConnectionId, Now};
use sfu::{Description, Input, Offer, Output, Relayed, Sfu, Tracks, Want};

use super::inbox::{Inbox, Order};

/// Most parcels in a line.
const PARCELS_MAX: usize = 1_024;
/// Most packets in a line: some 10 MB, and what 20 publishers of 5 Mbit/s send in four fifths of a second.
const PACKETS_MAX: usize = 8_192;
/// Parcels taken from each line per turn.
const PARCELS_PER_TURN: usize = 256;

/// Some packets of one publisher.
pub(super) type Parcel = (ConnectionId, Relayed);

/// The end of a line that packets go into.
#[derive(Debug)]
struct Line<T> {
    parcels: SyncSender<(T, usize)>,
    packets: Arc<AtomicUsize>,
}

/// The end of a line that they come out of.
#[derive(Debug)]
struct Tap<T> {
    parcels: Receiver<(T, usize)>,
    packets: Arc<AtomicUsize>,
}

/// A line.
fn line<T>() -> (Line<T>, Tap<T>) {
    let (sender, receiver) = sync_channel(PARCELS_MAX);
    let packets = Arc::new(AtomicUsize::new(0));
    let line = Line {
        parcels: sender,
        packets: Arc::clone(&packets),
    };
    let tap = Tap {
        parcels: receiver,
        packets,
    };
    (line, tap)
}

impl<T> Line<T> {
    /// Puts a parcel of so many packets in, or says that there is no room; never waits.
    fn put(&self, parcel: T, packets: usize) -> Result<(), Full> {
        // One thread alone puts in, so that there is never less room than was seen.
        if self.packets.load(Ordering::Relaxed) + packets > PACKETS_MAX {
            return Err(Full);
        }
        self.packets.fetch_add(packets, Ordering::Relaxed);
        self.parcels.try_send((parcel, packets)).map_err(|_| {
            self.packets.fetch_sub(packets, Ordering::Relaxed);
            Full
        })
    }
}

impl<T> Tap<T> {
    /// The next parcel.
    fn take(&self) -> Option<T> {
        let (parcel, packets) = self.parcels.try_recv().ok()?;
        self.packets.fetch_sub(packets, Ordering::Relaxed);
        Some(parcel)
    }

    fn is_empty(&self) -> bool {
        self.packets.load(Ordering::Relaxed) == 0
    }
}

/// There is no room in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Full;

/// What a worker knows of the others.
#[derive(Debug, Default)]
pub(crate) struct Neighbours {
    own: usize,
    /// By the number of the worker; one's own too.
    inboxes: Vec<Arc<Inbox>>,
    /// By the number of the worker; none to oneself.
    lines: Vec<Option<Line<Parcel>>>,
    taps: Vec<Tap<Parcel>>,
}

/// Joins each worker to each other.
pub(crate) fn join(inboxes: &[Arc<Inbox>]) -> Vec<Neighbours> {
    let mut all: Vec<_> = (0..inboxes.len())
        .map(|own| Neighbours {
            own,
            inboxes: inboxes.to_vec(),
            lines: Vec::new(),
            taps: Vec::new(),
        })
        .collect();
    for from in 0..all.len() {
        for to in 0..all.len() {
            let (line, tap) = if from == to { None } else { Some(line()) }.unzip();
            if let Some(neighbours) = all.get_mut(from) {
                neighbours.lines.push(line);
            }
            if let Some(neighbours) = all.get_mut(to) {
                neighbours.taps.extend(tap);
            }
        }
    }
    all
}

/// What workers tell each other, beside packets.
#[derive(Debug)]
pub(crate) enum Across {
    /// Give a publisher's packets.
    Open {
        /// Whose.
        publisher: ConnectionId,
        /// Who asks.
        to: usize,
    },
    /// A publisher's packets come.
    Opened {
        /// Whose.
        publisher: ConnectionId,
        /// Who answers.
        from: usize,
        /// What there is to know of it; `None` if it is not there.
        description: Option<Description>,
    },
    /// Give no more of a publisher's packets.
    Close {
        /// Whose.
        publisher: ConnectionId,
        /// Who had asked.
        to: usize,
    },
    /// A publisher whose packets came is gone.
    Gone {
        /// Which.
        publisher: ConnectionId,
    },
    /// Key frames of a publisher are needed.
    KeyFrame {
        /// Whose.
        publisher: ConnectionId,
        /// Of which encodings.
        tracks: Tracks,
    },
}

/// A subscriber that waits until its publisher is mirrored.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) connection: ConnectionId,
    pub(super) offer: Offer,
}

/// A publisher of another worker.
#[derive(Debug)]
struct Mirrored {
    home: usize,
    /// Whether its worker has answered.
    is_open: bool,
    waiting: Vec<Waiting>,
}

/// What of this worker is on others, and what of others is here.
#[derive(Debug)]
pub(super) struct Relays {
    neighbours: Neighbours,
    mirrored: BTreeMap<ConnectionId, Mirrored>,
    /// Our publishers that others have.
    given: BTreeSet<(ConnectionId, usize)>,
    /// Workers with news in their lines.
    to_wake: BTreeSet<usize>,
    /// What had no room in a line, and needs a key frame.
    lost: Vec<(ConnectionId, Tracks)>,
    /// Packets that had no room in a line.
    pub(super) dropped: u64,
}

impl Relays {
    pub(super) fn new(neighbours: Neighbours) -> Self {
        Self {
            neighbours,
            mirrored: BTreeMap::new(),
            given: BTreeSet::new(),
            to_wake: BTreeSet::new(),
            lost: Vec::new(),
            dropped: 0,
        }
    }

    /// Whether packets wait here.
    pub(super) fn is_busy(&self) -> bool {
        self.neighbours.taps.iter().any(|tap| !tap.is_empty())
    }

    /// The packets that have come from others.
    pub(super) fn take(&self) -> Vec<Parcel> {
        let taps = self.neighbours.taps.iter();
        taps.flat_map(|tap| std::iter::from_fn(|| tap.take()).take(PARCELS_PER_TURN))
            .collect()
    }

    /// Sees to it that a publisher is mirrored here. Says whether it is, or need not be.
    pub(super) fn need(&mut self, publisher: ConnectionId, home: usize) -> bool {
        let own = self.neighbours.own;
        if home == own {
            return true;
        }
        if let Some(mirrored) = self.mirrored.get(&publisher) {
            return mirrored.is_open;
        }
        let mirrored = Mirrored {
            home,
            is_open: false,
            waiting: Vec::new(),
        };
        self.mirrored.insert(publisher, mirrored);
        self.order(home, Across::Open { publisher, to: own });
        false
    }

    /// A subscriber waits until its publisher is mirrored; [`Relays::need`] has said that it is not yet.
    pub(super) fn wait(&mut self, publisher: ConnectionId, waiting: Waiting) {
        if let Some(mirrored) = self.mirrored.get_mut(&publisher) {
            mirrored.waiting.push(waiting);
        }
    }

    /// The same for all publishers that a feed wants and whose home is told.
    pub(super) fn need_all(&mut self, wants: &[Want], homes: &BTreeMap<ConnectionId, usize>) {
        for want in wants {
            if let Some(home) = homes.get(&want.publisher) {
                self.need(want.publisher, *home);
            }
        }
    }

    /// A subscriber is gone; if it has waited, so does nobody for its answer.
    pub(super) fn leave<T>(
        &mut self,
        connection: ConnectionId,
        answers: &mut BTreeMap<ConnectionId, T>,
    ) {
        for mirrored in self.mirrored.values_mut() {
            mirrored.waiting.retain(|waiting| {
                let is_it = waiting.connection == connection;
                if is_it {
                    answers.remove(&connection);
                }
                !is_it
            });
        }
    }

    /// Does what another worker says.
    pub(super) fn obey(&mut self, across: Across, sfu: &mut Sfu, now: Now) {
        let input = match across {
            Across::Open { publisher, to } => Input::RelayOpen { publisher, to },
            Across::Opened {
                publisher,
                from,
                description,
            } => return self.opened(publisher, from, description, sfu, now),
            Across::Close { publisher, to } => {
                self.given.remove(&(publisher, to));
                Input::RelayClose { publisher, to }
            }
            Across::Gone { publisher } => {
                self.mirrored.remove(&publisher);
                Input::MirrorClose { publisher }
            }
            Across::KeyFrame { publisher, tracks } => Input::KeyFrameWanted { publisher, tracks },
        };
        sfu.handle(input, now);
    }

    /// Another worker gives a publisher's packets, or has no such publisher: whoever waits for it finds it now, or not.
    fn opened(
        &mut self,
        publisher: ConnectionId,
        home: usize,
        description: Option<Description>,
        sfu: &mut Sfu,
        now: Now,
    ) {
        let Some(mirrored) = self.mirrored.get_mut(&publisher) else {
            // What asked is gone with the forwarding unit of that time.
            if description.is_some() {
                let to = self.neighbours.own;
                self.order(home, Across::Close { publisher, to });
            }
            return;
        };
        mirrored.is_open = true;
        let waiting = std::mem::take(&mut mirrored.waiting);
        if let Some(description) = description {
            let input = Input::Mirror {
                publisher,
                description,
            };
            sfu.handle(input, now);
        } else {
            self.mirrored.remove(&publisher);
            // There may be one, by an answer to what was asked before this worker started over.
            sfu.handle(Input::MirrorClose { publisher }, now);
        }
        for Waiting { connection, offer } in waiting {
            let input = Input::Subscribe {
                connection,
                publisher,
                offer,
            };
            sfu.handle(input, now);
        }
    }

    /// Carries out what the forwarding unit wants of other workers.
    pub(super) fn carry_out(&mut self, output: Output) {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "all others are the worker's own affair"
        )]
        match output {
            Output::RelayOpened {
                publisher,
                to,
                description,
            } => self.answer(publisher, to, description),
            Output::Relay {
                publisher,
                to,
                packets,
            } => self.send(publisher, to, packets),
            Output::RelayClosed { publisher, to } => {
                self.given.remove(&(publisher, to));
                self.order(to, Across::Gone { publisher });
            }
            Output::KeyFrame { publisher, tracks } => self.key_frame(publisher, tracks),
            Output::MirrorLost { publisher } => {
                // Subscribers that come in between wait for it.
                if let Some(mirrored) = self.mirrored.get_mut(&publisher) {
                    mirrored.is_open = false;
                    let (home, to) = (mirrored.home, self.neighbours.own);
                    self.order(home, Across::Close { publisher, to });
                    self.order(home, Across::Open { publisher, to });
                }
            }
            Output::MirrorIdle { publisher } => {
                if let Some(mirrored) = self.mirrored.remove(&publisher) {
                    let to = self.neighbours.own;
                    self.order(mirrored.home, Across::Close { publisher, to });
                }
            }
            _ => {}
        }
    }

    /// A mirrored publisher is to make a key frame. It is asked again while one is needed, so that the order may get lost.
    fn key_frame(&self, publisher: ConnectionId, tracks: Tracks) {
        let mirrored = self.mirrored.get(&publisher);
        let inbox = mirrored.and_then(|mirrored| self.neighbours.inboxes.get(mirrored.home));
        if let Some(inbox) = inbox {
            let _ = inbox.try_push(Order::Across(Across::KeyFrame { publisher, tracks }));
        }
    }

    /// Answers another worker that has asked for one of our publishers.
    fn answer(&mut self, publisher: ConnectionId, to: usize, description: Option<Description>) {
        if description.is_some() {
            self.given.insert((publisher, to));
        }
        let from = self.neighbours.own;
        self.order(
            to,
            Across::Opened {
                publisher,
                from,
                description,
            },
        );
    }

    /// Packets for another worker.
    fn send(&mut self, publisher: ConnectionId, to: usize, packets: Relayed) {
        let Some(Some(line)) = self.neighbours.lines.get(to) else {
            return;
        };
        let (count, videos) = (packets.len(), packets.videos());
        if line.put((publisher, packets), count) == Ok(()) {
            self.to_wake.insert(to);
            return;
        }
        self.dropped += u64::try_from(count).unwrap_or(0);
        if !videos.is_empty() {
            self.lost.push((publisher, videos));
        }
    }

    /// Wakes the workers that have got something.
    pub(super) fn wake(&mut self) {
        while let Some(to) = self.to_wake.pop_first() {
            if let Some(inbox) = self.neighbours.inboxes.get(to) {
                inbox.wake();
            }
        }
    }

    /// Of what packets have been lost since it was asked for last.
    pub(super) fn take_lost(&mut self) -> Vec<(ConnectionId, Tracks)> {
        std::mem::take(&mut self.lost)
    }

    /// The forwarding unit is given up, with all that it had of others and others of it.
    pub(super) fn start_over(&mut self) {
        while let Some((publisher, mirrored)) = self.mirrored.pop_first() {
            let to = self.neighbours.own;
            self.order(mirrored.home, Across::Close { publisher, to });
        }
        while let Some((publisher, to)) = self.given.pop_first() {
            self.order(to, Across::Gone { publisher });
        }
    }

    fn order(&self, to: usize, across: Across) {
        if let Some(inbox) = self.neighbours.inboxes.get(to) {
            inbox.push(Order::Across(across));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_does_not_take_its_packets_loses_them_and_holds_nobody_up() {
        let (line, tap) = line();
        let taken = PACKETS_MAX / 40;
        for number in 0..taken {
            assert_eq!(line.put(number, 40), Ok(()));
        }
        for number in 0..1_000 {
            assert_eq!(line.put(number, 40), Err(Full));
        }
        assert_eq!(tap.take(), Some(0));
        assert_eq!(line.put(taken, 40), Ok(()));
        let rest: Vec<_> = std::iter::from_fn(|| tap.take()).collect();
        assert_eq!(rest, (1..=taken).collect::<Vec<_>>());
        assert!(tap.is_empty());
    }

    #[test]
    fn few_packets_at_a_time_fill_a_line_too() {
        let (line, tap) = line();
        for _ in 0..PARCELS_MAX {
            assert_eq!(line.put((), 1), Ok(()));
        }
        assert_eq!(line.put((), 1), Err(Full));
        assert_eq!(std::iter::from_fn(|| tap.take()).count(), PARCELS_MAX);
        assert_eq!(line.put((), 1), Ok(()));
    }

    #[test]
    fn what_is_put_into_a_line_whose_worker_has_ended_is_lost() {
        let (line, tap) = line();
        drop(tap);
        assert_eq!(line.put((), 1), Err(Full));
        assert_eq!(line.packets.load(Ordering::Relaxed), 0);
    }
}
