//! Datagrams on their way out, equal-sized ones for one destination joined into one send.

use std::collections::VecDeque;

use str0m::net::{Protocol, Transmit as Datagram};

use crate::io::{Output, Transmit, Transport};

/// Most datagrams in one send (Linux: `UDP_MAX_SEGMENTS`).
const SEGMENTS_MAX: usize = 64;
/// Most bytes in one send: what an IPv4 datagram may carry, less some room.
const BYTES_MAX: usize = 65_000;

/// One peer's datagrams of one drain.
///
/// Segmentation offload wants all datagrams of a send to be of one size, only the last may be shorter; so a shorter one ends
/// the send and a longer one begins the next.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    open: Option<Transmit>,
    segment: usize,
    segments: usize,
}

impl Batch {
    pub(crate) fn push(&mut self, datagram: Datagram, outputs: &mut VecDeque<Output>) {
        let transport = match datagram.proto {
            Protocol::Udp => Transport::Udp,
            Protocol::Tcp | Protocol::SslTcp | Protocol::Tls => Transport::Tcp,
        };
        let contents: Vec<u8> = datagram.contents.into();
        if let Some(open) = &mut self.open
            && transport == Transport::Udp
            && open.transport == transport
            && open.destination == datagram.destination
            && contents.len() <= self.segment
            && self.segments < SEGMENTS_MAX
            && open.contents.len() + contents.len() <= BYTES_MAX
        {
            let is_last = contents.len() < self.segment;
            open.contents.extend_from_slice(&contents);
            open.segment = Some(self.segment);
            self.segments += 1;
            if is_last {
                self.flush(outputs);
            }
            return;
        }
        self.flush(outputs);
        self.segment = contents.len();
        self.segments = 1;
        self.open = Some(Transmit {
            transport,
            destination: datagram.destination,
            contents,
            segment: None,
        });
    }

    pub(crate) fn flush(&mut self, outputs: &mut VecDeque<Output>) {
        if let Some(transmit) = self.open.take() {
            outputs.push_back(Output::Transmit(transmit));
        }
    }
}
