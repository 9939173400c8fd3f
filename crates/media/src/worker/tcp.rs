//! ICE over TCP (RFC 6544), for clients whose network lets no UDP through.
//!
//! We only listen. A connection is worth something once `sfu` has answered on it, which it does for authentic ICE checks
//! alone; until then it lives [`UNPROVEN_MAX`]. Nothing blocks: a client that does not read is dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use auth::allowance;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, Socket, Type};

use super::framing::{self, Decoder};
use super::udp::canonical;
use super::{FIRST_CONNECTION, LISTENER};

/// Connections to one worker.
const CONNECTIONS_MAX: usize = 4_096;
/// Connections of one peer address: an office behind one NAT, each viewer with a connection per publisher.
pub(super) const CONNECTIONS_PER_ADDRESS_MAX: usize = 256;
/// How long a connection may stay without an answered ICE check.
const UNPROVEN_MAX: Duration = Duration::from_secs(10);
/// How long a proven connection may stay silent. ICE consent checks come every 5 s (RFC 7675, section 5.1).
const SILENT_MAX: Duration = Duration::from_secs(30);
/// What may wait for a client that reads slowly: half a second of the highest publish bitrate.
const UNSENT_BYTES_MAX: usize = 512 << 10;
/// What is read from one connection in one turn.
const READ_BYTES_PER_TURN: usize = 64 << 10;
/// What is accepted in one turn.
const ACCEPTS_PER_TURN: usize = 64;
/// How often deadlines are looked at.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// Connections that the kernel completes before we accept them.
const BACKLOG: i32 = 256;

/// Binds without blocking.
pub(super) fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

struct Connection {
    stream: TcpStream,
    remote: SocketAddr,
    decoder: Decoder,
    unsent: Vec<u8>,
    proven: bool,
    /// When it was opened, or was last heard of once proven.
    since: Instant,
}

/// The listener and its connections.
pub(super) struct Tcp {
    listener: TcpListener,
    acceptable: bool,
    connections: BTreeMap<usize, Connection>,
    by_remote: BTreeMap<SocketAddr, usize>,
    /// Connections that may have more to read; events are edge-triggered.
    readable: BTreeSet<usize>,
    per_address: BTreeMap<IpAddr, usize>,
    next: usize,
    /// Connections that ended and that `sfu` has not heard of.
    closed: Vec<SocketAddr>,
    sweep_at: Option<Instant>,
}

impl Tcp {
    /// Takes a bound listener over.
    pub(super) fn new(listener: std::net::TcpListener, registry: &Registry) -> io::Result<Self> {
        let mut listener = TcpListener::from_std(listener);
        registry.register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            listener,
            acceptable: true,
            connections: BTreeMap::new(),
            by_remote: BTreeMap::new(),
            readable: BTreeSet::new(),
            per_address: BTreeMap::new(),
            next: FIRST_CONNECTION,
            closed: Vec::new(),
            sweep_at: None,
        })
    }

    /// Connections at the moment.
    pub(super) fn len(&self) -> usize {
        self.connections.len()
    }

    /// Somebody may be at the listener.
    pub(super) fn listener_ready(&mut self) {
        self.acceptable = true;
    }

    /// A connection may have become readable or writable.
    pub(super) fn connection_ready(&mut self, token: Token, readable: bool, writable: bool) {
        let Some(connection) = self.connections.get_mut(&token.0) else {
            return;
        };
        if readable {
            self.readable.insert(token.0);
        }
        if writable && connection.flush().is_err() {
            self.remove(token.0);
        }
    }

    /// Whether there is work that no event will announce.
    pub(super) fn is_busy(&self) -> bool {
        self.acceptable || !self.closed.is_empty() || !self.readable.is_empty()
    }

    /// When deadlines are to be looked at next.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.sweep_at
    }

    /// Connections that ended since the last call.
    pub(super) fn take_closed(&mut self) -> Vec<SocketAddr> {
        std::mem::take(&mut self.closed)
    }

    /// Takes new connections in, within the caps.
    pub(super) fn accept(&mut self, registry: &Registry, now: Instant) {
        if !self.acceptable {
            return;
        }
        for _ in 0..ACCEPTS_PER_TURN {
            match self.listener.accept() {
                Ok((stream, remote)) => self.admit(stream, canonical(remote), registry, now),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.acceptable = false;
                    return;
                }
                // The client went while it waited.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    // Out of file descriptors, most likely. No event comes for those that wait: the sweep tries again.
                    tracing::warn!(%error, "cannot accept on the media port");
                    self.acceptable = false;
                    self.sweep_at.get_or_insert(now + SWEEP_INTERVAL);
                    return;
                }
            }
        }
    }

    fn admit(
        &mut self,
        mut stream: TcpStream,
        remote: SocketAddr,
        registry: &Registry,
        now: Instant,
    ) {
        let subject = allowance::subject(remote.ip());
        let from_there = self.per_address.get(&subject).copied().unwrap_or(0);
        if self.connections.len() >= CONNECTIONS_MAX || from_there >= CONNECTIONS_PER_ADDRESS_MAX {
            tracing::debug!("a TCP connection is over the cap");
            return;
        }
        let token = self.next;
        let interest = Interest::READABLE | Interest::WRITABLE;
        let ready = stream
            .set_nodelay(true)
            .and_then(|()| registry.register(&mut stream, Token(token), interest));
        if let Err(error) = ready {
            tracing::debug!(%error, "a TCP connection cannot be used");
            return;
        }
        self.next += 1;
        self.per_address.insert(subject, from_there + 1);
        self.by_remote.insert(remote, token);
        let connection = Connection {
            stream,
            remote,
            decoder: Decoder::default(),
            unsent: Vec::new(),
            proven: false,
            since: now,
        };
        self.connections.insert(token, connection);
        self.readable.insert(token);
        self.sweep_at.get_or_insert(now + SWEEP_INTERVAL);
    }

    /// Yields what has come in, connection by connection, each within its budget.
    pub(super) fn receive(&mut self, now: Instant, mut each: impl FnMut(SocketAddr, &[u8])) {
        for token in std::mem::take(&mut self.readable) {
            let Some(connection) = self.connections.get_mut(&token) else {
                continue;
            };
            match connection.receive(now, &mut each) {
                Ok(Drained::Yes) => {}
                Ok(Drained::No) => {
                    self.readable.insert(token);
                }
                Err(Gone) => self.remove(token),
            }
        }
    }

    /// Sends a datagram, or queues it where the client reads slowly, or drops the client where it reads too slowly.
    pub(super) fn send(&mut self, destination: SocketAddr, datagram: &[u8]) {
        let Some(token) = self.by_remote.get(&destination).copied() else {
            return;
        };
        let Some(connection) = self.connections.get_mut(&token) else {
            return;
        };
        connection.proven = true;
        if connection.send(datagram).is_err() {
            self.remove(token);
        }
    }

    /// Drops connections that are over their time.
    pub(super) fn sweep(&mut self, now: Instant) {
        if self.sweep_at.is_none_or(|at| now < at) {
            return;
        }
        let late: Vec<usize> = self
            .connections
            .iter()
            .filter(|(_, connection)| now >= connection.deadline())
            .map(|(token, _)| *token)
            .collect();
        for token in late {
            self.remove(token);
        }
        self.acceptable = true;
        self.sweep_at = (!self.connections.is_empty()).then(|| now + SWEEP_INTERVAL);
    }

    fn remove(&mut self, token: usize) {
        // Dropping the stream closes it, which takes it out of the poll as well.
        let Some(connection) = self.connections.remove(&token) else {
            return;
        };
        // A newer connection may have come from the same port by now; what `sfu` knows of that address is the newer one's.
        if self.by_remote.get(&connection.remote) == Some(&token) {
            self.by_remote.remove(&connection.remote);
            self.closed.push(connection.remote);
        }
        let subject = allowance::subject(connection.remote.ip());
        if let Some(count) = self.per_address.get_mut(&subject) {
            *count -= 1;
            if *count == 0 {
                self.per_address.remove(&subject);
            }
        }
    }
}

/// A connection is at its end, by the client's doing or by ours.
struct Gone;

/// Whether a read has taken all there was.
enum Drained {
    Yes,
    No,
}

impl Connection {
    fn deadline(&self) -> Instant {
        self.since
            + if self.proven {
                SILENT_MAX
            } else {
                UNPROVEN_MAX
            }
    }

    fn receive(
        &mut self,
        now: Instant,
        each: &mut impl FnMut(SocketAddr, &[u8]),
    ) -> Result<Drained, Gone> {
        let mut buffer = [0; 16 << 10];
        for _ in 0..READ_BYTES_PER_TURN / buffer.len() {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(Gone),
                Ok(length) => {
                    if self.proven {
                        self.since = now;
                    }
                    let bytes = buffer.get(..length).unwrap_or_default();
                    let remote = self.remote;
                    let framed = self.decoder.push(bytes, |frame| each(remote, frame));
                    framed.map_err(|framing::FrameTooLong| Gone)?;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Drained::Yes),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone),
            }
        }
        Ok(Drained::No)
    }

    fn send(&mut self, datagram: &[u8]) -> Result<(), Gone> {
        let header = framing::header(datagram).ok_or(Gone)?;
        if self.unsent.len() + header.len() + datagram.len() > UNSENT_BYTES_MAX {
            tracing::debug!("a TCP client reads too slowly");
            return Err(Gone);
        }
        let was_idle = self.unsent.is_empty();
        self.unsent.extend_from_slice(&header);
        self.unsent.extend_from_slice(datagram);
        // Where something waited already, the socket is full and its next event flushes.
        if was_idle { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Gone> {
        let mut written = 0;
        while let Some(rest) = self.unsent.get(written..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(0) => return Err(Gone),
                Ok(length) => written += length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone),
            }
        }
        self.unsent.drain(..written);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpStream as Client;

    use mio::{Events, Poll};

    use super::*;

    struct Bench {
        poll: Poll,
        tcp: Tcp,
        local: SocketAddr,
        now: Instant,
    }

    impl Bench {
        fn new() -> Self {
            let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
            let local = listener.local_addr().unwrap();
            let poll = Poll::new().unwrap();
            let tcp = Tcp::new(listener, poll.registry()).unwrap();
            #[expect(
                clippy::disallowed_methods,
                reason = "a test needs some instant to start from"
            )]
            let now = Instant::now();
            Self {
                poll,
                tcp,
                local,
                now,
            }
        }

        /// Connects and waits until the listener has taken it in or turned it away.
        fn connect(&mut self) -> Client {
            let client = Client::connect(self.local).unwrap();
            self.turn();
            client
        }

        fn turn(&mut self) -> Vec<Vec<u8>> {
            let mut events = Events::with_capacity(64);
            self.poll
                .poll(&mut events, Some(Duration::from_millis(20)))
                .unwrap();
            for event in &events {
                match event.token() {
                    LISTENER => self.tcp.listener_ready(),
                    token => {
                        let writable = event.is_writable();
                        self.tcp
                            .connection_ready(token, event.is_readable(), writable);
                    }
                }
            }
            self.tcp.accept(self.poll.registry(), self.now);
            let mut frames = Vec::new();
            self.tcp
                .receive(self.now, |_, frame| frames.push(frame.to_vec()));
            frames
        }

        fn until(&mut self, mut done: impl FnMut(&mut Self) -> bool) {
            for _ in 0..500 {
                if done(self) {
                    return;
                }
                self.turn();
            }
            panic!("it did not happen");
        }
    }

    #[test]
    fn a_connection_that_proves_nothing_is_dropped_at_its_deadline_and_a_proven_one_stays() {
        let mut bench = Bench::new();
        let idle = bench.connect();
        let proven = bench.connect();
        bench.until(|bench| bench.tcp.len() == 2);
        bench.tcp.send(proven.local_addr().unwrap(), b"answer");
        bench.tcp.sweep(bench.now + Duration::from_millis(9_999));
        assert_eq!(bench.tcp.len(), 2);
        bench.tcp.sweep(bench.now + UNPROVEN_MAX + SWEEP_INTERVAL);
        assert_eq!(bench.tcp.take_closed(), [idle.local_addr().unwrap()]);
        bench.tcp.sweep(bench.now + SILENT_MAX + 2 * SWEEP_INTERVAL);
        assert_eq!(bench.tcp.take_closed(), [proven.local_addr().unwrap()]);
    }

    #[test]
    fn one_address_cannot_take_every_connection() {
        let mut bench = Bench::new();
        let count = CONNECTIONS_PER_ADDRESS_MAX + 8;
        let clients: Vec<Client> = (0..count).map(|_| bench.connect()).collect();
        bench.until(|bench| bench.tcp.len() == CONNECTIONS_PER_ADDRESS_MAX);
        for _ in 0..10 {
            bench.turn();
        }
        assert_eq!(bench.tcp.len(), CONNECTIONS_PER_ADDRESS_MAX);
        drop(clients);
        bench.until(|bench| bench.tcp.len() == 0);
        assert!(bench.tcp.per_address.is_empty());
    }

    #[test]
    fn a_client_that_comes_back_from_its_old_port_is_not_taken_for_the_one_that_went() {
        let mut bench = Bench::new();
        let client = bench.connect();
        bench.until(|bench| bench.tcp.len() == 1);
        let remote = client.local_addr().unwrap();
        let other = bench.connect();
        bench.until(|bench| bench.tcp.len() == 2);
        // The kernel lets a port be used again after a reset, which may be accepted before the reset is read.
        let (old, new) = (FIRST_CONNECTION, FIRST_CONNECTION + 1);
        bench.tcp.by_remote.remove(&other.local_addr().unwrap());
        bench.tcp.connections.get_mut(&new).unwrap().remote = remote;
        bench.tcp.by_remote.insert(remote, new);

        bench.tcp.remove(old);
        assert_eq!(bench.tcp.take_closed(), []);
        bench.tcp.send(remote, b"answer");
        assert!(bench.tcp.connections[&new].proven);
        bench.tcp.remove(new);
        assert_eq!(bench.tcp.take_closed(), [remote]);
    }

    // T45
    #[test]
    fn a_client_that_does_not_read_is_dropped_and_never_waited_for() {
        let mut bench = Bench::new();
        let client = bench.connect();
        bench.until(|bench| bench.tcp.len() == 1);
        let remote = client.local_addr().unwrap();
        let datagram = [0; 1_200];
        // The kernel's own buffers take some megabytes before ours fills.
        for _ in 0..100_000 {
            bench.tcp.send(remote, &datagram);
            if bench.tcp.len() == 0 {
                break;
            }
        }
        assert_eq!(bench.tcp.take_closed(), [remote]);
    }

    #[test]
    fn frames_arrive_and_nonsense_ends_the_connection() {
        let mut bench = Bench::new();
        let mut client = bench.connect();
        client.write_all(b"\x00\x02hi").unwrap();
        let mut seen = Vec::new();
        for _ in 0..500 {
            seen.extend(bench.turn());
            if !seen.is_empty() {
                break;
            }
        }
        assert_eq!(seen, [b"hi".to_vec()]);
        client.write_all(b"GET / HTTP/1.1\r\n").unwrap();
        bench.until(|bench| bench.tcp.len() == 0);
    }
}
