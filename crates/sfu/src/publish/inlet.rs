//! A publisher without a connection.

use std::sync::Arc;
use std::time::Instant;

use super::Publisher;
use crate::answer::Agreed;
use crate::io::{Counters, Settings};
use crate::packet::Packet;

impl Publisher {
    /// One whose packets come made.
    pub(crate) fn inlet(agreed: &[Agreed], settings: &Settings) -> Self {
        Self {
            is_inlet: true,
            ..Self::new(agreed, settings)
        }
    }

    /// Takes a packet that a packetiser has made.
    pub(crate) fn take_made(
        &mut self,
        packet: &Arc<Packet>,
        counters: &mut Counters,
        now: Instant,
    ) {
        counters.packets_in += 1;
        counters.bytes_in += u64::try_from(packet.payload.len()).unwrap_or(0);
        self.take_relayed(packet, counters, now);
    }
}
