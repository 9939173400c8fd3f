//! Datagrams on their way out, equal-sized ones for one destination joined into one send.

use std::collections::VecDeque;
use std::net::SocketAddr;

use str0m::net::{Protocol, Transmit as Datagram};

use crate::io::{Output, Transmit, Transport};

/// Most datagrams in one send (Linux: `UDP_MAX_SEGMENTS`).
const SEGMENTS_MAX: usize = 64;
/// Most bytes in one send: what an IPv4 datagram may carry, less some room.
const BYTES_MAX: usize = 65_000;
/// Buffers that are kept for the next sends. Each is free again before the next feed's turn, but where the socket was full; what a
/// rush has left over is given back.
const SPARE_MAX: usize = 64;
/// A buffer that has grown beyond this is not kept.
const SPARE_BYTES_MAX: usize = 128 << 10;
/// Room of a new buffer: a picture of some packets.
const BUFFER_BYTES: usize = 16 << 10;

/// What leaves a worker, in order, and the buffers that it leaves in.
///
/// Segmentation offload wants all datagrams of a send to be of one size, only the last may be shorter; so a shorter one ends
/// the send and a longer one begins the next.
#[derive(Debug, Default)]
pub(crate) struct Egress {
    pub(crate) outputs: VecDeque<Output>,
    open: Option<Transmit>,
    segment: usize,
    segments: usize,
    spare: Vec<Vec<u8>>,
}

impl Egress {
    /// Writes one datagram by `write`, which appends it to the buffer that it is given; nothing appended is nothing sent.
    pub(crate) fn datagram(
        &mut self,
        transport: Transport,
        destination: SocketAddr,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        if !self.is_open_for(transport, destination) {
            self.flush();
        }
        let open = self.open.get_or_insert_with(|| Transmit {
            transport,
            destination,
            contents: self
                .spare
                .pop()
                .unwrap_or_else(|| Vec::with_capacity(BUFFER_BYTES)),
            segment: None,
        });
        let start = open.contents.len();
        write(&mut open.contents);
        let bytes = open.contents.len().saturating_sub(start);
        if start == 0 {
            self.segment = bytes;
            self.segments = 1;
            if bytes == 0 {
                self.discard();
            }
        } else if bytes > 0 && bytes <= self.segment && open.contents.len() <= BYTES_MAX {
            open.segment = Some(self.segment);
            self.segments += 1;
            if bytes < self.segment {
                self.flush();
            }
        } else if bytes > 0 {
            self.begin_with_tail(start);
        }
    }

    /// A datagram that does not fit the send that is open begins the next one.
    fn begin_with_tail(&mut self, start: usize) {
        let Some(open) = &mut self.open else { return };
        let mut contents = self.spare.pop().unwrap_or_default();
        contents.extend_from_slice(open.contents.get(start..).unwrap_or_default());
        open.contents.truncate(start);
        let next = Transmit {
            transport: open.transport,
            destination: open.destination,
            contents,
            segment: None,
        };
        self.flush();
        self.segment = next.contents.len();
        self.segments = 1;
        self.open = Some(next);
    }

    /// What a connection wants sent.
    pub(crate) fn push(&mut self, datagram: Datagram) {
        let transport = match datagram.proto {
            Protocol::Udp => Transport::Udp,
            Protocol::Tcp | Protocol::SslTcp | Protocol::Tls => Transport::Tcp,
        };
        let contents: Vec<u8> = datagram.contents.into();
        self.datagram(transport, datagram.destination, |out| {
            out.extend_from_slice(&contents);
        });
    }

    /// Ends the send that is open: what comes next goes to another peer.
    pub(crate) fn flush(&mut self) {
        if let Some(transmit) = self.open.take() {
            self.outputs.push_back(Output::Transmit(transmit));
        }
    }

    /// Takes a buffer back that has been sent.
    pub(crate) fn reuse(&mut self, mut buffer: Vec<u8>) {
        if self.spare.len() < SPARE_MAX && buffer.capacity() <= SPARE_BYTES_MAX {
            buffer.clear();
            self.spare.push(buffer);
        }
    }

    /// Gives up the send that is open.
    pub(crate) fn discard(&mut self) {
        if let Some(transmit) = self.open.take() {
            self.reuse(transmit.contents);
        }
    }

    /// TCP has no segments, so each of its datagrams is a send of its own.
    fn is_open_for(&self, transport: Transport, destination: SocketAddr) -> bool {
        self.open.as_ref().is_none_or(|open| {
            transport == Transport::Udp
                && open.transport == transport
                && open.destination == destination
                && self.segments < SEGMENTS_MAX
        })
    }
}
