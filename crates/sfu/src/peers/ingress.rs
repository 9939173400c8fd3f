//! Datagrams on their way in.

use std::net::SocketAddr;
use std::time::Instant;

use model::ConnectionId;

use super::Sfu;
use super::serve::guarded;
use crate::demux::{self, Class};
use crate::engine::{Engine, Panicked};
use crate::io::Datagram;
use crate::peer::Role;

/// Longest datagram that is looked at; str0m's buffers are of that size.
const DATAGRAM_BYTES_MAX: usize = 2_000;

impl Sfu {
    pub(super) fn datagram(&mut self, datagram: &Datagram<'_>, now: Instant) {
        let remote = (datagram.transport, datagram.source);
        let class = demux::classify(datagram.contents);
        let is_secured = matches!(class, Class::Handshake | Class::Media);
        let owner = match class {
            _ if datagram.contents.len() > DATAGRAM_BYTES_MAX => None,
            Class::Check { ufrag } => self.checked(datagram, ufrag, now),
            Class::Handshake | Class::Media => self.demux.of_remote(remote),
            Class::Unknown => None,
        };
        let (Some(connection), Some(destination)) = (owner, self.destination(datagram.source))
        else {
            self.counters.datagrams_unknown += 1;
            return;
        };
        // Checks keep the connection alive and are rare; they pass whatever else comes.
        let bytes = datagram.contents.len();
        if is_secured
            && let Some(peer) = self.peers.get_mut(&connection)
            && !match &mut peer.role {
                Role::Publisher(publisher) => publisher.admits(bytes, now),
                Role::Subscriber(feed) => feed.admits(bytes, now),
            }
        {
            self.counters.packets_dropped += 1;
            return;
        }
        if class == Class::Media && self.feedback(connection, datagram, now) {
            return;
        }
        self.drive(connection, now, |rtc, _, _| {
            Engine::receive(rtc, datagram, destination, now)
        });
    }

    /// Whose connectivity check it is; binds the address if it is authentic.
    fn checked(
        &mut self,
        datagram: &Datagram<'_>,
        ufrag: &str,
        now: Instant,
    ) -> Option<ConnectionId> {
        let connection = self.demux.of_ufrag(ufrag)?;
        let peer = self.peers.get_mut(&connection)?;
        let check = peer
            .engine
            .authentic_check(datagram.contents, &peer.remote)?;
        peer.heard = now;
        let remote = (datagram.transport, datagram.source);
        if peer.route.check(remote, check, now)
            && let Some(feed) = peer.feed_mut()
        {
            feed.set_path(Some(remote));
            self.choosing.insert(connection);
        }
        let oldest = peer.add_remote(remote, now);
        if let Some(oldest) = oldest {
            self.demux.unbind(oldest, connection);
        }
        if let Some(before) = self.demux.bind(remote, connection)
            && before != connection
            && let Some(before) = self.peers.get_mut(&before)
        {
            before.remove_remote(remote, now);
        }
        Some(connection)
    }

    /// What a subscriber's client sends beside ICE and DTLS: it is the feed's, and the connection never sees it. Says whether
    /// it was that.
    fn feedback(
        &mut self,
        connection: ConnectionId,
        datagram: &Datagram<'_>,
        now: Instant,
    ) -> bool {
        let Some(peer) = self.peers.get_mut(&connection) else {
            return false;
        };
        let Role::Subscriber(feed) = &mut peer.role else {
            return false;
        };
        let mut wishes = std::mem::take(&mut self.scratch.wishes);
        match guarded(|| feed.secured(datagram.contents, &mut wishes, now)) {
            Err(Panicked) => {
                self.panicked(connection, now);
                return true;
            }
            Ok(Ok(())) => {
                peer.heard = now;
                let remote = (datagram.transport, datagram.source);
                if peer.route.heard(remote, now) {
                    feed.set_path(Some(remote));
                    self.choosing.insert(connection);
                }
            }
            // Whoever forges the address could send it too: it ends nothing.
            Ok(Err(_)) => self.counters.packets_dropped += 1,
        }
        for wanted in wishes.key_frames.drain(..) {
            self.client_wants_key_frame(connection, wanted, now);
        }
        if !wishes.asked.is_empty() {
            self.resend(connection, &wishes.asked, now);
            wishes.asked.clear();
        }
        self.scratch.wishes = wishes;
        true
    }

    pub(super) fn unbind(&mut self, remote: demux::Remote, owner: ConnectionId, now: Instant) {
        self.demux.unbind(remote, owner);
        if let Some(peer) = self.peers.get_mut(&owner) {
            peer.remove_remote(remote, now);
        }
    }

    /// The candidate that stands for the socket a datagram from there came to.
    fn destination(&self, source: SocketAddr) -> Option<SocketAddr> {
        self.settings
            .addresses
            .iter()
            .find(|address| address.is_ipv4() == source.is_ipv4())
            .copied()
    }
}
