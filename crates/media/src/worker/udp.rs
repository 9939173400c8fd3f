//! The UDP socket of a worker: batches in (recvmmsg, GRO), batches out (GSO).

use std::collections::VecDeque;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};

use mio::{Interest, Registry};
use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSockRef, UdpSocketState};
use sfu::Transmit;
use socket2::{Domain, Protocol, Socket, Type};

/// Kernel buffers asked for, each way: 10 ms of 3 Gbit/s. The kernel gives what `net.core.[rw]mem_max` allows.
pub(crate) const KERNEL_BUFFER_BYTES: usize = 4 << 20;
/// Batches taken per turn, so that a flood starves neither orders nor timers.
const BATCHES_PER_TURN: usize = 32;
/// Sends that wait while the socket takes no more; then new ones are dropped, which is what a network does.
const WAITING_MAX: usize = 512;
/// Longest UDP payload over IPv4, and so the longest GSO send.
const SEND_BYTES_MAX: usize = 65_507;
/// Longest datagram that travels in a batch: what WireGuard's 1,420 bytes leave over IPv6. One that is too long for the way
/// it takes costs its whole batch, and older kernels say EINVAL to it, which `quinn-udp` takes for a card without GSO.
const GSO_SEGMENT_BYTES_MAX: usize = 1_372;
/// A received buffer, which GRO may fill with several datagrams.
const RECEIVE_BYTES_MAX: usize = 65_536;

/// Binds without blocking.
pub(super) fn bind(address: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.set_recv_buffer_size(KERNEL_BUFFER_BYTES)?;
    socket.set_send_buffer_size(KERNEL_BUFFER_BYTES)?;
    Ok(socket.into())
}

/// How much of a send the socket has taken; what cannot be sent at all counts as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    All,
    InPart,
}

/// The socket with its buffers and its queue.
pub(super) struct Udp {
    socket: mio::net::UdpSocket,
    state: UdpSocketState,
    is_ipv6: bool,
    buffers: Box<[Vec<u8>; BATCH_SIZE]>,
    /// Whether there may be more to read; events are edge-triggered.
    pub(super) readable: bool,
    waiting: VecDeque<Transmit>,
    /// Sends dropped since the start.
    pub(super) dropped: u64,
}

impl Udp {
    /// Takes a bound socket over.
    pub(super) fn new(socket: std::net::UdpSocket, registry: &Registry) -> io::Result<Self> {
        let is_ipv6 = socket.local_addr()?.is_ipv6();
        let mut socket = mio::net::UdpSocket::from_std(socket);
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        registry.register(
            &mut socket,
            super::UDP,
            Interest::READABLE | Interest::WRITABLE,
        )?;
        Ok(Self {
            socket,
            state,
            is_ipv6,
            buffers: Box::new(std::array::from_fn(|_| vec![0; RECEIVE_BYTES_MAX])),
            readable: true,
            waiting: VecDeque::new(),
            dropped: 0,
        })
    }

    /// Yields what has come in, until the socket is empty or the budget is spent; `readable` tells which.
    pub(super) fn receive(&mut self, mut each: impl FnMut(SocketAddr, &[u8])) {
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        for _ in 0..BATCHES_PER_TURN {
            let mut slices = self
                .buffers
                .each_mut()
                .map(|buffer| IoSliceMut::new(buffer));
            let socket = UdpSockRef::from(&self.socket);
            let count = match self.state.recv(socket, &mut slices, &mut metas) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.readable = false;
                    return;
                }
                // What comes back for a send to a port that is closed by now.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => continue,
                Err(error) => {
                    tracing::warn!(%error, "cannot receive on the media port");
                    self.readable = false;
                    return;
                }
            };
            for (meta, buffer) in metas.iter().zip(self.buffers.iter()).take(count) {
                let source = canonical(meta.addr);
                let filled = buffer.get(..meta.len).unwrap_or_default();
                for datagram in filled.chunks(meta.stride.max(1)) {
                    each(source, datagram);
                }
            }
            // Whatever comes from now on is told anew.
            if count < BATCH_SIZE {
                self.readable = false;
                return;
            }
        }
    }

    /// Sends, or queues where the socket takes no more, or drops where the queue is full. A buffer that is not needed any more
    /// comes back.
    pub(super) fn send(&mut self, mut transmit: Transmit) -> Option<Vec<u8>> {
        if self.waiting.is_empty() && self.try_send(&mut transmit) == Sent::All {
            return Some(transmit.contents);
        }
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push_back(transmit);
            return None;
        }
        self.dropped += 1;
        Some(transmit.contents)
    }

    /// Sends what waits, as far as the socket takes it.
    pub(super) fn flush(&mut self) {
        while let Some(mut transmit) = self.waiting.pop_front() {
            if self.try_send(&mut transmit) == Sent::InPart {
                self.waiting.push_front(transmit);
                return;
            }
        }
    }

    /// Sends as much as the socket takes; what is left stays in the transmit.
    fn try_send(&self, transmit: &mut Transmit) -> Sent {
        let Some(destination) = self.reachable(transmit.destination) else {
            return Sent::All;
        };
        let segment = transmit.segment.filter(|segment| *segment > 0);
        let mut sent = 0;
        while let Some(rest) = transmit
            .contents
            .get(sent..)
            .filter(|rest| !rest.is_empty())
        {
            // Asked anew each time: a kernel or card that refuses GSO lowers it to one segment.
            let chunk_max =
                segment.map_or(rest.len(), |segment| self.segments_max(segment) * segment);
            let chunk = rest.get(..chunk_max).unwrap_or(rest);
            let message = quinn_udp::Transmit {
                destination,
                ecn: None,
                contents: chunk,
                segment_size: segment,
                src_ip: None,
            };
            let is_batch = segment.is_some_and(|segment| chunk.len() > segment);
            match self
                .state
                .try_send(UdpSockRef::from(&self.socket), &message)
            {
                Ok(()) => sent += chunk.len(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    transmit.contents.drain(..sent);
                    return Sent::InPart;
                }
                // Refused as a batch: the same bytes go again, one by one.
                Err(_) if is_batch && self.state.max_gso_segments() == 1 => {}
                // The peer's host may be unreachable at the moment; media is repaired or given up by its protocols.
                Err(error) => {
                    tracing::trace!(%error, "a datagram could not be sent");
                    sent += chunk.len();
                }
            }
        }
        Sent::All
    }

    /// How many datagrams of that size may go with one call.
    fn segments_max(&self, segment: usize) -> usize {
        if segment > GSO_SEGMENT_BYTES_MAX {
            return 1;
        }
        let segments = self.state.max_gso_segments().min(SEND_BYTES_MAX / segment);
        segments.max(1)
    }

    /// The destination in the family of the socket; `None` where it has none. Port 0 is none: the kernel's EINVAL would be
    /// taken for a refusal of GSO.
    fn reachable(&self, destination: SocketAddr) -> Option<SocketAddr> {
        if destination.port() == 0 {
            return None;
        }
        match (destination.ip(), self.is_ipv6) {
            (IpAddr::V4(v4), true) => Some(SocketAddr::new(
                v4.to_ipv6_mapped().into(),
                destination.port(),
            )),
            (IpAddr::V6(_), false) => None,
            (IpAddr::V4(_), false) | (IpAddr::V6(_), true) => Some(destination),
        }
    }
}

/// An address as `sfu` knows it: IPv4 that came through an IPv6 socket is IPv4.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mio::{Events, Poll};

    use super::*;

    fn socket(poll: &Poll, address: &str) -> (Udp, SocketAddr) {
        let socket = bind(address.parse().unwrap()).unwrap();
        let local = socket.local_addr().unwrap();
        (Udp::new(socket, poll.registry()).unwrap(), local)
    }

    #[test]
    fn a_batch_arrives_as_its_datagrams_whatever_its_size() {
        let poll = Poll::new().unwrap();
        let (mut sender, _) = socket(&poll, "127.0.0.1:0");
        let receiver = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        receiver
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        // 100 segments are more than one GSO send may hold (64); the last one is shorter.
        let contents: Vec<u8> = (0..100_u8)
            .flat_map(|number| [number; 1_000])
            .take(99_500)
            .collect();
        sender.send(Transmit {
            transport: sfu::Transport::Udp,
            destination: receiver.local_addr().unwrap(),
            contents: contents.clone(),
            segment: Some(1_000),
        });
        let mut buffer = [0; 2_000];
        for expected in contents.chunks(1_000) {
            let length = receiver.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], expected);
        }
    }

    #[test]
    fn segments_that_a_tunnel_cannot_carry_do_not_travel_as_a_batch() {
        let poll = Poll::new().unwrap();
        let (udp, _) = socket(&poll, "127.0.0.1:0");
        assert!(udp.segments_max(1_250) > 1);
        assert!(udp.segments_max(GSO_SEGMENT_BYTES_MAX) > 1);
        assert_eq!(udp.segments_max(GSO_SEGMENT_BYTES_MAX + 1), 1);
    }

    #[test]
    fn a_dual_stack_socket_speaks_ipv4_by_its_plain_address() {
        let mut poll = Poll::new().unwrap();
        let (mut both, local) = socket(&poll, "[::]:0");
        let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        client
            .send_to(b"there", ("127.0.0.1", local.port()))
            .unwrap();
        let mut seen = Vec::new();
        let mut events = Events::with_capacity(8);
        while seen.is_empty() {
            both.receive(|source, datagram| seen.push((source, datagram.to_vec())));
            poll.poll(&mut events, Some(Duration::from_millis(50)))
                .unwrap();
        }
        assert_eq!(seen, [(client.local_addr().unwrap(), b"there".to_vec())]);
        both.send(Transmit {
            transport: sfu::Transport::Udp,
            destination: client.local_addr().unwrap(),
            contents: b"back".to_vec(),
            segment: None,
        });
        let mut buffer = [0; 16];
        let length = client.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"back");
    }
}
