//! Publishers without a connection: what they send comes in as packets that are made already.

use std::time::Instant;

use model::{ConnectionId, ErrorCode};

use super::Sfu;
use super::relay::Apart;
use super::serve::guarded;
use crate::answer::Agreed;
use crate::engine::Panicked;
use crate::inlet::InletDescription;
use crate::io::{Output, PeerFault};
use crate::publish::Publisher;
use crate::relay::Relayed;

/// A publisher without a connection.
#[derive(Debug)]
pub(super) struct Inlet {
    pub(super) source: Publisher,
    pub(super) agreed: Vec<Agreed>,
}

impl Apart {
    /// When an inlet wants to be looked at next.
    pub(super) fn inlet_due(&self, connection: ConnectionId, now: Instant) -> Option<Instant> {
        self.inlets.get(&connection)?.source.due(now)
    }
}

impl Sfu {
    pub(super) fn inlet(
        &mut self,
        connection: ConnectionId,
        description: &InletDescription,
        now: Instant,
    ) {
        if super::relay::source_of(&self.peers, &self.apart, connection).is_some()
            || self.peers.contains_key(&connection)
        {
            return;
        }
        let agreed = description.agreed();
        let source = Publisher::inlet(&agreed, &self.settings);
        self.apart
            .inlets
            .insert(connection, Inlet { source, agreed });
        self.arm(connection, now);
    }

    pub(super) fn inlet_packets(
        &mut self,
        connection: ConnectionId,
        packets: &Relayed,
        now: Instant,
    ) {
        let Some(inlet) = self.apart.inlets.get_mut(&connection) else {
            return;
        };
        let counters = &mut self.counters;
        let taken = guarded(|| {
            for packet in packets.packets() {
                inlet.source.take_made(packet, counters, now);
            }
        });
        if taken == Err(Panicked) {
            tracing::error!(%connection, "inlet panicked");
            self.counters.panics += 1;
            self.inlet_close(connection, now);
            let fault = PeerFault::Fault(ErrorCode::InternalServerException);
            self.put_out(Output::Closed { connection, fault });
            return;
        }
        if !inlet.source.pending.is_empty() {
            self.pending.insert(connection);
        }
        self.arm(connection, now);
    }

    /// Forgets an inlet; says whether there was one.
    pub(super) fn inlet_close(&mut self, connection: ConnectionId, now: Instant) -> bool {
        let Some(mut inlet) = self.apart.inlets.remove(&connection) else {
            return false;
        };
        self.timers.remove(connection);
        self.pending.remove(&connection);
        self.source_gone(connection, &mut inlet.source, now);
        true
    }
}
