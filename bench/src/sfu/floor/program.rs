//! The program under measurement.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};

use super::seal::Stream;

/// What a receiver sends to become one.
pub(super) const HELLO: &[u8] = b"receive";
/// Bytes of one GSO send: the largest UDP payload.
const SEND_BYTES_MAX: usize = 65_000;
/// Largest datagram that is read.
const DATAGRAM_MAX: usize = 2_000;
/// Both sockets' buffers.
const SOCKET_BUFFER: usize = 4 << 20;

struct Receiver {
    address: SocketAddr,
    stream: Stream,
}

/// Takes plain RTP on one port and forwards it to whoever said hello on it. It runs until it is killed.
pub(crate) fn run(address: IpAddr, ready: &Path) -> anyhow::Result<()> {
    let socket = std::net::UdpSocket::bind(SocketAddr::new(address, 0))?;
    let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
    // Smaller buffers work too, with more loss.
    let _ = state.set_send_buffer_size(UdpSockRef::from(&socket), SOCKET_BUFFER);
    let _ = state.set_recv_buffer_size(UdpSockRef::from(&socket), SOCKET_BUFFER);
    let facts = serde_json::json!({ "http": socket.local_addr()?.to_string() });
    let unfinished = ready.with_extension("new");
    std::fs::write(&unfinished, facts.to_string())?;
    std::fs::rename(&unfinished, ready)?;

    let mut socket = UdpSocket::from_std(socket);
    let mut poll = Poll::new()?;
    poll.registry()
        .register(&mut socket, Token(0), Interest::READABLE)?;
    let mut events = Events::with_capacity(4);
    let mut receivers: Vec<Receiver> = Vec::new();
    let mut inbox = Inbox::new(&state);
    let mut batch = Vec::new();
    let mut scratch = Vec::with_capacity(SEND_BYTES_MAX);
    loop {
        poll.poll(&mut events, Some(Duration::from_mins(1)))?;
        while inbox.read(&socket, &state, &mut batch, &mut receivers)? {}
        for receiver in &mut receivers {
            forward(&socket, &state, receiver, &batch, &mut scratch)?;
        }
        batch.clear();
    }
}

/// Seals a batch for one receiver and sends it, packets of equal size together.
fn forward(
    socket: &UdpSocket,
    state: &UdpSocketState,
    receiver: &mut Receiver,
    batch: &[Vec<u8>],
    scratch: &mut Vec<u8>,
) -> anyhow::Result<()> {
    let mut rest = batch;
    while let Some(first) = rest.first() {
        let most = state
            .max_gso_segments()
            .min(SEND_BYTES_MAX / (first.len() + 64));
        let run = rest
            .iter()
            .take(most.max(1))
            .take_while(|packet| packet.len() == first.len())
            .count();
        let (together, after) = rest.split_at(run);
        rest = after;
        scratch.clear();
        for packet in together {
            receiver.stream.seal(packet, scratch)?;
        }
        let transmit = Transmit {
            destination: receiver.address,
            ecn: None,
            contents: scratch,
            segment_size: (run > 1).then(|| scratch.len() / run),
            src_ip: None,
        };
        // A full socket buffer is loss like any other.
        let _ = state.try_send(UdpSockRef::from(socket), &transmit);
    }
    Ok(())
}

/// Buffers to read many datagrams at once.
struct Inbox {
    memory: Vec<u8>,
    each: usize,
}

impl Inbox {
    fn new(state: &UdpSocketState) -> Self {
        let each = DATAGRAM_MAX * state.gro_segments();
        Self {
            memory: vec![0; each * BATCH_SIZE],
            each,
        }
    }

    /// Reads once; `false` when there is nothing.
    fn read(
        &mut self,
        socket: &UdpSocket,
        state: &UdpSocketState,
        batch: &mut Vec<Vec<u8>>,
        receivers: &mut Vec<Receiver>,
    ) -> anyhow::Result<bool> {
        let mut meta = [RecvMeta::default(); BATCH_SIZE];
        let mut slices: Vec<_> = self
            .memory
            .chunks_mut(self.each)
            .map(std::io::IoSliceMut::new)
            .collect();
        let count = match state.recv(UdpSockRef::from(socket), &mut slices, &mut meta) {
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(false),
            // The answer to a packet for a receiver that is gone.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => return Ok(true),
            Err(error) => return Err(error.into()),
        };
        for (meta, slice) in meta.iter().zip(&slices).take(count) {
            let bytes = slice.get(..meta.len).context("what was read is there")?;
            for datagram in bytes.chunks(meta.stride.max(1)) {
                if datagram == HELLO {
                    receivers.push(Receiver {
                        address: meta.addr,
                        stream: Stream::new(receivers.len())?,
                    });
                } else {
                    batch.push(datagram.to_vec());
                }
            }
        }
        Ok(true)
    }
}
