//! Publishers on more than one worker: a connection lives on one, and its packets go once to each other worker that has
//! subscribers for it. There a mirror stands for the publisher.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use model::ConnectionId;

use super::Sfu;
use super::inlet::Inlet;
use super::serve::{cached_start, guarded};
use crate::answer::Agreed;
use crate::engine::Panicked;
use crate::io::Output;
use crate::peer::{Peer, Role};
use crate::publish::Publisher;
use crate::relay::{Description, Relayed};

/// How often it is looked whether anybody wants a mirror. One that nobody wants twice in a row goes.
const LOOK: Duration = Duration::from_secs(2);
/// A mirror that panics is made anew, but not sooner after it was made than this: what it has broken on may come again.
const REMAKE_INTERVAL: Duration = Duration::from_secs(2);

/// A publisher whose connection another worker has.
#[derive(Debug)]
pub(super) struct Mirror {
    source: Publisher,
    begun: Instant,
    look_at: Instant,
    is_idle: bool,
}

/// Publishers without a connection on this worker.
#[derive(Debug, Default)]
pub(super) struct Apart {
    pub(super) mirrors: BTreeMap<ConnectionId, Mirror>,
    /// Those without a connection anywhere.
    pub(super) inlets: BTreeMap<ConnectionId, Inlet>,
}

impl Apart {
    fn source(&self, publisher: ConnectionId) -> Option<&Publisher> {
        let mirror = self.mirrors.get(&publisher).map(|mirror| &mirror.source);
        mirror.or_else(|| self.inlets.get(&publisher).map(|inlet| &inlet.source))
    }

    fn source_mut(&mut self, publisher: ConnectionId) -> Option<&mut Publisher> {
        match self.mirrors.get_mut(&publisher) {
            Some(mirror) => Some(&mut mirror.source),
            None => self
                .inlets
                .get_mut(&publisher)
                .map(|inlet| &mut inlet.source),
        }
    }
}

impl Mirror {
    /// When it wants to be looked at next.
    pub(super) fn due(&self, now: Instant) -> Instant {
        let source = self.source.due(now);
        source.map_or(self.look_at, |source| source.min(self.look_at))
    }
}

impl Sfu {
    /// Puts out what has come in since the last call for other workers, which [`Sfu::handle_timeout`] does too: whoever calls it
    /// before lets them begin while this worker serves its own subscribers.
    pub fn relay(&mut self) {
        let mut outputs = Vec::new();
        for publisher in &self.pending {
            let (peers, apart) = (&mut self.peers, &mut self.apart);
            let Some((source, _)) = own_source(peers, apart, *publisher) else {
                continue;
            };
            if source.relays.is_empty() {
                continue;
            }
            let parts: Vec<_> = Relayed::parts(source.take_unrelayed()).collect();
            for packets in parts {
                for &to in &source.relays {
                    self.counters.packets_relayed += u64::try_from(packets.len()).unwrap_or(0);
                    outputs.push(Output::Relay {
                        publisher: *publisher,
                        to,
                        packets: packets.clone(),
                    });
                }
            }
        }
        for output in outputs {
            self.put_out(output);
        }
    }

    pub(super) fn relay_open(&mut self, publisher: ConnectionId, to: usize, now: Instant) {
        // What waits goes to those that get it already; the new one gets it as a part of the start.
        self.relay();
        let own = own_source(&mut self.peers, &mut self.apart, publisher);
        let description = own.map(|(source, agreed)| {
            source.take_unrelayed();
            source.relays.insert(to);
            let layers = source.video().iter();
            let start = layers.filter_map(|layer| cached_start(source, layer.track, now));
            let start = start.flatten().collect();
            Description::new(source.describe(agreed, start))
        });
        self.put_out(Output::RelayOpened {
            publisher,
            to,
            description,
        });
    }

    pub(super) fn relay_close(&mut self, publisher: ConnectionId, to: usize) {
        let own = own_source(&mut self.peers, &mut self.apart, publisher);
        if let Some((source, _)) = own {
            source.relays.remove(&to);
        }
    }

    pub(super) fn mirror(
        &mut self,
        publisher: ConnectionId,
        description: Description,
        now: Instant,
    ) {
        let (peers, apart) = (&self.peers, &self.apart);
        if peers.contains_key(&publisher) || apart.source(publisher).is_some() {
            return;
        }
        self.timers.remove(publisher);
        self.broken.remove(&publisher);
        let settings = &self.settings;
        let Ok(source) = guarded(|| Publisher::mirror(description.into_inner(), settings)) else {
            self.mirror_panicked(publisher, now, now);
            return;
        };
        let mirror = Mirror {
            source,
            begun: now,
            look_at: now + LOOK,
            is_idle: false,
        };
        self.apart.mirrors.insert(publisher, mirror);
        for feed in self.wanting(publisher) {
            self.with_feed(feed, now, |sfu, peer| {
                let is_there = |id| source_of(&sfu.peers, &sfu.apart, id).is_some();
                let before: Vec<_> = peer.publishers().collect();
                peer.settle(is_there, now);
                sfu.rebound(feed, peer, &before);
            });
            self.choosing.insert(feed);
        }
        self.arm(publisher, now);
    }

    pub(super) fn relayed(&mut self, publisher: ConnectionId, packets: &Relayed, now: Instant) {
        let Some(mirror) = self.apart.mirrors.get_mut(&publisher) else {
            return;
        };
        let counters = &mut self.counters;
        let taken = guarded(|| {
            for packet in packets.packets() {
                mirror.source.take_relayed(packet, counters, now);
            }
        });
        if taken == Err(Panicked) {
            let begun = mirror.begun;
            self.mirror_panicked(publisher, begun, now);
        } else if !mirror.source.pending.is_empty() {
            self.pending.insert(publisher);
        }
    }

    /// The publisher has done nothing wrong and its viewers even less: its slots stay as they are until it is mirrored anew.
    fn mirror_panicked(&mut self, publisher: ConnectionId, begun: Instant, now: Instant) {
        tracing::error!(connection = %publisher, "mirror panicked");
        self.counters.panics += 1;
        self.apart.mirrors.remove(&publisher);
        self.pending.remove(&publisher);
        for feed in self.wanting(publisher) {
            self.with_feed(feed, now, |_, feed| feed.publisher_lost(publisher));
        }
        self.broken.insert(publisher);
        self.timers.set(publisher, begun + REMAKE_INTERVAL);
    }

    /// A mirror that has panicked may be made anew. Says whether there was one.
    pub(super) fn remake(&mut self, publisher: ConnectionId) -> bool {
        let was_broken = self.broken.remove(&publisher);
        if was_broken {
            self.put_out(if self.wanting(publisher).is_empty() {
                Output::MirrorIdle { publisher }
            } else {
                Output::MirrorLost { publisher }
            });
        }
        was_broken
    }

    pub(super) fn mirror_close(&mut self, publisher: ConnectionId, now: Instant) {
        self.apart.mirrors.remove(&publisher);
        self.broken.remove(&publisher);
        self.timers.remove(publisher);
        self.pending.remove(&publisher);
        // Whoever has no slot for it has waited for one in vain.
        for feed in self.wanting(publisher) {
            self.publisher_gone(feed, publisher, now);
        }
    }

    /// A mirror's deadline has come.
    pub(super) fn wake_mirror(&mut self, publisher: ConnectionId, now: Instant) {
        self.publisher_news(publisher, now);
        let Some(mirror) = self.apart.mirrors.get_mut(&publisher) else {
            return;
        };
        let tracks = mirror.source.take_key_frame_tracks(now);
        let is_wanted = !mirror.source.subscribers.is_empty();
        let (is_looked_at, was_idle) = (mirror.look_at <= now, mirror.is_idle);
        if !tracks.is_empty() {
            self.put_out(Output::KeyFrame { publisher, tracks });
        }
        if is_looked_at {
            let is_idle = !is_wanted && self.wanting(publisher).is_empty();
            if is_idle && was_idle {
                self.mirror_close(publisher, now);
                self.put_out(Output::MirrorIdle { publisher });
                return;
            }
            if let Some(mirror) = self.apart.mirrors.get_mut(&publisher) {
                mirror.is_idle = is_idle;
                mirror.look_at = now + LOOK;
            }
        }
        self.arm(publisher, now);
    }

    /// The feeds that want something of a publisher, whether they have a slot for it or not.
    pub(super) fn wanting(&self, publisher: ConnectionId) -> Vec<ConnectionId> {
        let feeds = self.peers.iter().filter(|(_, peer)| match &peer.role {
            Role::Subscriber(feed) => feed.wants_of(publisher),
            Role::Publisher(_) => false,
        });
        feeds.map(|(connection, _)| *connection).collect()
    }
}

/// The publisher of that name, wherever its connection is.
pub(super) fn source_of<'a>(
    peers: &'a BTreeMap<ConnectionId, Box<Peer>>,
    apart: &'a Apart,
    publisher: ConnectionId,
) -> Option<&'a Publisher> {
    match peers.get(&publisher) {
        Some(peer) => peer.publisher(),
        None => apart.source(publisher),
    }
}

/// The same, to be changed.
pub(super) fn source_mut<'a>(
    peers: &'a mut BTreeMap<ConnectionId, Box<Peer>>,
    apart: &'a mut Apart,
    publisher: ConnectionId,
) -> Option<&'a mut Publisher> {
    match peers.get_mut(&publisher) {
        Some(peer) => peer.publisher_mut(),
        None => apart.source_mut(publisher),
    }
}

/// The same, if it is this worker's own, with what was agreed on with it.
fn own_source<'a>(
    peers: &'a mut BTreeMap<ConnectionId, Box<Peer>>,
    apart: &'a mut Apart,
    publisher: ConnectionId,
) -> Option<(&'a mut Publisher, &'a [Agreed])> {
    let Some(peer) = peers.get_mut(&publisher) else {
        let inlet = apart.inlets.get_mut(&publisher)?;
        return Some((&mut inlet.source, &inlet.agreed));
    };
    match &mut peer.role {
        Role::Publisher(source) => Some((source, &peer.agreed)),
        Role::Subscriber(_) => None,
    }
}
