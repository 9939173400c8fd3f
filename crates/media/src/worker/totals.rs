//! What a worker has counted, readable from other threads.

use std::sync::atomic::{AtomicU64, Ordering};

use sfu::Counters;

/// Written by one worker, read by anybody. The numbers are independent of each other, so relaxed order is enough.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    /// TCP connections at the moment.
    pub(crate) tcp_connections: AtomicU64,
    /// Sends dropped because a socket's queue was full.
    pub(crate) transmits_dropped: AtomicU64,
    /// RTP packets dropped because another worker was slow to take them.
    pub(crate) relays_dropped: AtomicU64,
    packets_in: AtomicU64,
    bytes_in: AtomicU64,
    packets_out: AtomicU64,
    bytes_out: AtomicU64,
    datagrams_unknown: AtomicU64,
    packets_dropped: AtomicU64,
    key_frame_requests: AtomicU64,
    packets_retransmitted: AtomicU64,
    retransmissions_refused: AtomicU64,
    layer_switches: AtomicU64,
    pauses: AtomicU64,
    packets_relayed: AtomicU64,
    panics: AtomicU64,
}

impl Totals {
    /// Publishes what the forwarding unit counts.
    pub(crate) fn store(&self, counters: &Counters) {
        for (total, count) in [
            (&self.packets_in, counters.packets_in),
            (&self.bytes_in, counters.bytes_in),
            (&self.packets_out, counters.packets_out),
            (&self.bytes_out, counters.bytes_out),
            (&self.datagrams_unknown, counters.datagrams_unknown),
            (&self.packets_dropped, counters.packets_dropped),
            (&self.key_frame_requests, counters.key_frame_requests),
            (&self.packets_retransmitted, counters.packets_retransmitted),
            (
                &self.retransmissions_refused,
                counters.retransmissions_refused,
            ),
            (&self.layer_switches, counters.layer_switches),
            (&self.pauses, counters.pauses),
            (&self.packets_relayed, counters.packets_relayed),
            (&self.panics, counters.panics),
        ] {
            total.store(count, Ordering::Relaxed);
        }
    }

    /// Reads it back.
    pub(crate) fn counters(&self) -> Counters {
        let read = |total: &AtomicU64| total.load(Ordering::Relaxed);
        Counters {
            packets_in: read(&self.packets_in),
            bytes_in: read(&self.bytes_in),
            packets_out: read(&self.packets_out),
            bytes_out: read(&self.bytes_out),
            datagrams_unknown: read(&self.datagrams_unknown),
            packets_dropped: read(&self.packets_dropped),
            key_frame_requests: read(&self.key_frame_requests),
            packets_retransmitted: read(&self.packets_retransmitted),
            retransmissions_refused: read(&self.retransmissions_refused),
            layer_switches: read(&self.layer_switches),
            pauses: read(&self.pauses),
            packets_relayed: read(&self.packets_relayed),
            panics: read(&self.panics),
        }
    }
}

/// Adds counters up.
pub(crate) fn sum(all: impl Iterator<Item = Counters>) -> Counters {
    all.fold(Counters::default(), |sum, next| Counters {
        packets_in: sum.packets_in + next.packets_in,
        bytes_in: sum.bytes_in + next.bytes_in,
        packets_out: sum.packets_out + next.packets_out,
        bytes_out: sum.bytes_out + next.bytes_out,
        datagrams_unknown: sum.datagrams_unknown + next.datagrams_unknown,
        packets_dropped: sum.packets_dropped + next.packets_dropped,
        key_frame_requests: sum.key_frame_requests + next.key_frame_requests,
        packets_retransmitted: sum.packets_retransmitted + next.packets_retransmitted,
        retransmissions_refused: sum.retransmissions_refused + next.retransmissions_refused,
        layer_switches: sum.layer_switches + next.layer_switches,
        pauses: sum.pauses + next.pauses,
        packets_relayed: sum.packets_relayed + next.packets_relayed,
        panics: sum.panics + next.panics,
    })
}
