//! Datagrams on their way in.

use std::net::SocketAddr;
use std::time::Instant;

use model::ConnectionId;

use super::Sfu;
use crate::demux::{self, Class};
use crate::engine::Engine;
use crate::io::Datagram;
use crate::peer::Peer;

/// Longest datagram that is looked at; str0m's buffers are of that size.
const DATAGRAM_BYTES_MAX: usize = 2_000;

impl Sfu {
    pub(super) fn datagram(&mut self, datagram: &Datagram<'_>, now: Instant) {
        let remote = (datagram.transport, datagram.source);
        let class = demux::classify(datagram.contents);
        let is_secured = matches!(class, Class::Secured);
        let owner = match class {
            _ if datagram.contents.len() > DATAGRAM_BYTES_MAX => None,
            Class::Check { ufrag } => self.checked(datagram, ufrag, now),
            Class::Secured => self.demux.of_remote(remote),
            Class::Unknown => None,
        };
        let (Some(connection), Some(destination)) = (owner, self.destination(datagram.source))
        else {
            self.counters.datagrams_unknown += 1;
            return;
        };
        // Checks keep the connection alive and are rare; they pass whatever else comes.
        let source = self.peers.get_mut(&connection).and_then(Peer::publisher);
        if is_secured
            && let Some(publisher) = source
            && !publisher.admits(datagram.contents.len(), now)
        {
            self.counters.packets_dropped += 1;
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
        if !peer
            .engine
            .is_authentic_check(datagram.contents, &peer.remote)
        {
            return None;
        }
        peer.heard = now;
        let remote = (datagram.transport, datagram.source);
        let oldest = peer.add_remote(remote);
        if let Some(oldest) = oldest {
            self.demux.unbind(oldest, connection);
        }
        if let Some(before) = self.demux.bind(remote, connection)
            && before != connection
            && let Some(before) = self.peers.get_mut(&before)
        {
            before.remotes.retain(|at| *at != remote);
        }
        Some(connection)
    }

    pub(super) fn unbind(&mut self, remote: demux::Remote, owner: ConnectionId) {
        self.demux.unbind(remote, owner);
        if let Some(peer) = self.peers.get_mut(&owner) {
            peer.remotes.retain(|at| *at != remote);
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
