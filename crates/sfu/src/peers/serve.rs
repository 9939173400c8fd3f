//! Publishers' media on its way to feeds.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use model::ConnectionId;

use super::{Sfu, relay};
use crate::engine::Panicked;
use crate::feed::{Asked, Awaited};
use crate::io::{Output, Want};
use crate::packet::{Packet, Track};
use crate::peer::Role;
use crate::publish::Publisher;

/// A key frame that has come already is sent to a feed that begins if no more packets than this have come since: more would
/// arrive at once, and late.
const CACHED_PACKETS_MAX: usize = 96;

/// One round of forwarding.
#[derive(Debug, Default)]
pub(super) struct Round {
    bursts: Vec<(ConnectionId, Vec<Arc<Packet>>)>,
    /// Feeds, and which of the bursts are for them; those of one feed stand together.
    pairs: Vec<(ConnectionId, usize)>,
    /// The first pair that is not served yet.
    next: usize,
    /// Rounds so far: who comes first changes with each.
    number: usize,
}

impl Round {
    /// All bursts are there: puts feeds in their order.
    fn begin(&mut self) {
        if self.bursts.len() > 1 {
            self.pairs.sort_unstable();
        }
        self.number = self.number.wrapping_add(1);
        let mut first = self.number.checked_rem(self.pairs.len()).unwrap_or(0);
        // A feed is not cut in two.
        while let (Some(this), Some(before)) = (
            self.pairs.get(first),
            first
                .checked_sub(1)
                .and_then(|before| self.pairs.get(before)),
        ) && this.0 == before.0
        {
            first -= 1;
        }
        self.pairs.rotate_left(first);
        self.next = 0;
    }
}

impl Sfu {
    /// Collects what has come in, and who gets it.
    pub(super) fn begin_round(&mut self) {
        for publisher in std::mem::take(&mut self.pending) {
            let (peers, apart) = (&mut self.peers, &mut self.apart);
            let Some(source) = relay::source_mut(peers, apart, publisher) else {
                continue;
            };
            let burst = self.round.bursts.len();
            let feeds = source.subscribers.iter().map(|feed| (*feed, burst));
            self.round.pairs.extend(feeds);
            self.round.bursts.push((publisher, source.take_pending()));
        }
        self.round.begin();
    }

    /// Forwards to one feed all packets of all publishers that it gets, so that they leave together. `false` if all are served.
    pub(super) fn serve_next(&mut self, now: Instant) -> bool {
        let Some(&(connection, _)) = self.round.pairs.get(self.round.next) else {
            return false;
        };
        let mut feed = self
            .peers
            .get_mut(&connection)
            .and_then(|peer| peer.feed_mut());
        let (egress, counters) = (&mut self.egress, &mut self.counters);
        let forwarded = guarded(|| {
            while let Some((_, burst)) = self
                .round
                .pairs
                .get(self.round.next)
                .filter(|(next, _)| *next == connection)
            {
                // Before a panic could have it done again.
                self.round.next += 1;
                if let (Some(feed), Some((publisher, packets))) =
                    (&mut feed, self.round.bursts.get(*burst))
                {
                    feed.forward(*publisher, packets, egress, counters, now);
                }
            }
            feed.is_some_and(|feed| feed.choice_is_due(now))
        });
        match forwarded {
            Ok(false) => {}
            Ok(true) => {
                self.choosing.insert(connection);
            }
            Err(Panicked) => self.panicked(connection, now),
        }
        self.egress.flush();
        true
    }

    /// All feeds are served.
    pub(super) fn end_round(&mut self, now: Instant) {
        self.round.pairs.clear();
        let mut bursts = std::mem::take(&mut self.round.bursts);
        for (publisher, mut packets) in bursts.drain(..) {
            packets.clear();
            if let Some(source) = self.source(publisher) {
                source.pending = packets;
            }
            self.publisher_news(publisher, now);
        }
        self.round.bursts = bursts;
    }

    /// What a publisher's media has told that others want to know.
    pub(super) fn publisher_news(&mut self, connection: ConnectionId, now: Instant) {
        let (peers, apart) = (&mut self.peers, &mut self.apart);
        let Some(source) = relay::source_mut(peers, apart, connection) else {
            return;
        };
        if source.layers_changed(now) {
            for feed in &source.subscribers {
                self.choosing.insert(*feed);
            }
        }
        if let Some((is_speaking, level)) = source.voice_change(now) {
            self.put_out(Output::Voice {
                connection,
                is_speaking,
                level,
            });
        }
    }

    /// Takes what a feed wants.
    pub(super) fn want(&mut self, connection: ConnectionId, wants: Vec<Want>, now: Instant) {
        self.with_feed(connection, now, |sfu, feed| {
            let is_there = |id| relay::source_of(&sfu.peers, &sfu.apart, id).is_some();
            let before: Vec<_> = feed.publishers().collect();
            feed.want(wants, is_there, now);
            sfu.rebound(connection, feed, &before);
        });
        self.choosing.insert(connection);
    }

    /// Carries out that other slots carry other publishers.
    pub(super) fn rebound(
        &mut self,
        connection: ConnectionId,
        feed: &mut crate::feed::Feed,
        before: &[ConnectionId],
    ) {
        for publisher in before {
            if !feed.publishers().any(|now| now == *publisher)
                && let Some(source) = self.source(*publisher)
            {
                source.subscribers.remove(&connection);
            }
        }
        for publisher in feed.publishers().collect::<Vec<_>>() {
            if let Some(source) = self.source(publisher) {
                source.subscribers.insert(connection);
            }
        }
        self.tell_bindings(connection, feed);
    }

    fn tell_bindings(&mut self, connection: ConnectionId, feed: &mut crate::feed::Feed) {
        if !feed.is_pool() {
            return;
        }
        if let Some(bindings) = feed.take_bindings() {
            self.put_out(Output::Bound {
                connection,
                bindings,
            });
        }
        if let Some((audio, video)) = feed.take_need() {
            self.put_out(Output::Need {
                connection,
                audio,
                video,
            });
        }
    }

    /// A publisher that a feed gets is gone.
    pub(super) fn publisher_gone(
        &mut self,
        connection: ConnectionId,
        publisher: ConnectionId,
        now: Instant,
    ) {
        self.with_feed(connection, now, |sfu, feed| {
            feed.publisher_gone(publisher, now);
            sfu.tell_bindings(connection, feed);
        });
    }

    /// Chooses the layers of a feed, and begins or asks for what it is to get.
    pub(super) fn choose(&mut self, connection: ConnectionId, now: Instant) {
        let mut awaited = Vec::new();
        self.with_feed(connection, now, |sfu, feed| {
            if !feed.is_open() {
                return;
            }
            if feed.waits_for_slot() {
                let is_there = |id| relay::source_of(&sfu.peers, &sfu.apart, id).is_some();
                let before: Vec<_> = feed.publishers().collect();
                feed.settle(is_there, now);
                sfu.rebound(connection, feed, &before);
            }
            let (peers, apart) = (&sfu.peers, &sfu.apart);
            let find = |id| relay::source_of(peers, apart, id);
            let chosen = feed.choose(find, &mut sfu.counters, now);
            for layers in chosen.layers {
                sfu.put_out(Output::Layers { connection, layers });
            }
            if let Some(quality) = chosen.quality {
                sfu.put_out(Output::Quality {
                    connection,
                    quality,
                });
            }
            sfu.tell_bindings(connection, feed);
            awaited = chosen.awaited;
            for awaited in &awaited {
                sfu.begin(feed, *awaited, now);
            }
        });
        for awaited in awaited {
            self.arm(awaited.publisher, now);
        }
        self.arm(connection, now);
    }

    /// Begins with a key frame that is there, or asks for one.
    fn begin(&mut self, feed: &mut crate::feed::Feed, awaited: Awaited, now: Instant) {
        let Some(source) = self.source(awaited.publisher) else {
            return;
        };
        if source.is_inlet() {
            // Nobody can be asked. What is sent now goes on until the next key frame, unless there is no bandwidth for it.
            if awaited.is_blank || awaited.is_pressed {
                feed.begin_kept(awaited.publisher, awaited.track, source, now);
                self.send_kept(feed, now);
            }
            return;
        }
        let cached = awaited
            .is_blank
            .then(|| cached_start(source, awaited.track, now))
            .flatten();
        if let Some(packets) = cached {
            feed.forward(
                awaited.publisher,
                &packets,
                &mut self.egress,
                &mut self.counters,
                now,
            );
            self.egress.flush();
        } else if awaited.is_blank {
            source.wait_key_frame(awaited.track);
        } else {
            source.want_key_frame(awaited.track);
        }
    }

    /// A client wants a key frame to go on with.
    pub(super) fn key_frame_wanted(&mut self, publisher: ConnectionId, track: Track, now: Instant) {
        if let Some(source) = self.source(publisher) {
            source.want_key_frame(track);
            self.arm(publisher, now);
        }
    }

    /// The same of a client that is known: there may be nobody to ask, and then it gets the newest key frame anew.
    pub(super) fn client_wants_key_frame(
        &mut self,
        connection: ConnectionId,
        (publisher, track): (ConnectionId, Track),
        now: Instant,
    ) {
        if !self
            .source(publisher)
            .is_some_and(|source| source.is_inlet())
        {
            self.key_frame_wanted(publisher, track, now);
            return;
        }
        self.with_feed(connection, now, |sfu, feed| {
            let source = sfu.source(publisher);
            if source.is_some_and(|source| feed.begin_anew(publisher, track, source, now)) {
                sfu.choosing.insert(connection);
            }
        });
        self.arm(connection, now);
    }

    /// Sends a feed what is due of what is kept of inlets.
    pub(super) fn catch_up(&mut self, connection: ConnectionId, now: Instant) {
        self.with_feed(connection, now, |sfu, feed| sfu.send_kept(feed, now));
    }

    fn send_kept(&mut self, feed: &mut crate::feed::Feed, now: Instant) {
        let (peers, apart) = (&self.peers, &self.apart);
        let find = |id| relay::source_of(peers, apart, id);
        feed.catch_up(find, &mut self.egress, &mut self.counters, now);
        self.egress.flush();
    }

    /// Sends again what a client has asked for.
    pub(super) fn resend(&mut self, connection: ConnectionId, asked: &[Asked], now: Instant) {
        self.with_feed(connection, now, |sfu, feed| {
            for asked in asked {
                let (track, epoch, sequence) = asked.packet();
                let packet = relay::source_of(&sfu.peers, &sfu.apart, asked.publisher())
                    .and_then(|source| source.ring(track))
                    .and_then(|ring| ring.get(epoch, sequence));
                feed.resend(*asked, packet, &mut sfu.egress, &mut sfu.counters, now);
            }
            sfu.egress.flush();
        });
    }

    pub(super) fn source(&mut self, publisher: ConnectionId) -> Option<&mut Publisher> {
        relay::source_mut(&mut self.peers, &mut self.apart, publisher)
    }

    /// Takes a feed's peer out while it looks at others, and puts it back.
    pub(super) fn with_feed(
        &mut self,
        connection: ConnectionId,
        now: Instant,
        act: impl FnOnce(&mut Self, &mut crate::feed::Feed),
    ) {
        let Some(mut peer) = self.peers.remove(&connection) else {
            return;
        };
        let done = match &mut peer.role {
            Role::Subscriber(feed) => guarded(|| act(self, feed)),
            Role::Publisher(_) => Ok(()),
        };
        self.peers.insert(connection, peer);
        if done == Err(Panicked) {
            self.panicked(connection, now);
        }
    }
}

/// Keeps a panic in what belongs to one feed from going further.
pub(super) fn guarded<T>(act: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(act)).map_err(|_| Panicked)
}

/// What a feed can begin with at once: the newest key frame and all that has come since.
pub(super) fn cached_start(
    source: &Publisher,
    track: Track,
    now: Instant,
) -> Option<Vec<Arc<Packet>>> {
    let ring = source.ring(track)?;
    let (epoch, sequence) = ring.start(now)?;
    if source.is_inlet() {
        return Some(ring.after(epoch, sequence).cloned().collect());
    }
    let mut packets: Vec<_> = ring
        .after(epoch, sequence)
        .take(CACHED_PACKETS_MAX + 1)
        .cloned()
        .collect();
    // By itself a picture parameter set begins nothing, nor what the rest of the picture has overtaken.
    if let Some(first) = packets.first_mut().filter(|first| !first.is_start) {
        *first = Arc::new(Packet {
            is_start: true,
            ..Packet::clone(first)
        });
    }
    (packets.len() <= CACHED_PACKETS_MAX).then_some(packets)
}
