//! The floor program's source and receivers.

use std::io::{ErrorKind, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::ensure;
use load::{Generator, Histogram, Source, Wall};
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};

use super::program::HELLO;
use super::seal::Stream;
use crate::clock;
use crate::process::Process;
use crate::sfu::outcome::Outcome;
use crate::sfu::scenario::Flow;

/// What is read at once: with GRO several datagrams.
const BUFFER_BYTES: usize = 65_536;
/// Buffers filled by one system call with GRO.
const BATCH: usize = 4;

/// Who receives.
pub(in crate::sfu) struct Receivers {
    pub(in crate::sfu) count: usize,
    pub(in crate::sfu) address: IpAddr,
    /// Several datagrams at once.
    pub(in crate::sfu) gro: bool,
}

struct Receiver {
    socket: UdpSocket,
    gro: Option<UdpSocketState>,
    stream: Stream,
}

/// What has passed since counting began.
#[derive(Default)]
struct Seen {
    sent: u64,
    packets: u64,
    ages: Histogram,
}

struct Load {
    poll: Poll,
    events: Events,
    receivers: Vec<Receiver>,
    source: Generator,
    wall: Wall,
    sender: std::net::UdpSocket,
    buffers: Vec<Vec<u8>>,
    sequence: u16,
    seen: Seen,
}

/// Measures the floor with so many receivers.
pub(in crate::sfu) fn measure(
    flow: &Flow,
    core: u32,
    receivers: &Receivers,
    source: &Source,
) -> anyhow::Result<Outcome> {
    let (viewers, address) = (receivers.count, receivers.address);
    let folder = tempfile::tempdir()?;
    let ready = folder.path().join("ready.json");
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["floor", "--address", &address.to_string(), "--ready-file"])
        .arg(&ready);
    let mut process = Process::start(&command, core)?;
    let server: SocketAddr = process.wait_for_facts(&ready)?.parse()?;
    let resident = process.resident()?;

    let mut load = Load::new(server, receivers, source)?;
    load.run(clock::now() + flow.warm_up)?;
    load.seen = Seen::default();
    let (before, busy) = (process.cpu()?, crate::process::cpu(std::process::id())?);
    load.run(clock::now() + flow.duration)?;
    let cpu = process.cpu()?.saturating_sub(before);
    let busy = crate::process::cpu(std::process::id())?.saturating_sub(busy);
    let seen = &load.seen;
    ensure!(seen.packets > 0, "packets arrive");
    Ok(Outcome {
        delivered: seen.packets,
        expected: seen.sent * viewers as u64,
        seconds: flow.duration.as_secs_f64(),
        cpu,
        load_cpu: busy,
        p50_ms: seen.ages.latency().p50,
        p99_ms: seen.ages.latency().p99,
        bytes_per_viewer: process.resident()?.saturating_sub(resident) / viewers as u64,
        srtp: Some("AEAD_AES_256_GCM".to_owned()),
        viewers,
        connected: viewers,
        ..Outcome::default()
    })
}

impl Load {
    fn new(server: SocketAddr, wanted: &Receivers, source: &Source) -> anyhow::Result<Self> {
        let poll = Poll::new()?;
        let mut receivers = Vec::with_capacity(wanted.count);
        for number in 0..wanted.count {
            let mut socket = UdpSocket::bind(SocketAddr::new(server.ip(), 0))?;
            poll.registry()
                .register(&mut socket, Token(number), Interest::READABLE)?;
            // The program counts receivers in the order of their greetings, and loopback keeps it.
            socket.send_to(HELLO, server)?;
            let gro = wanted
                .gro
                .then(|| UdpSocketState::new(UdpSockRef::from(&socket)))
                .transpose()?;
            receivers.push(Receiver {
                socket,
                gro,
                stream: Stream::new(number)?,
            });
        }
        let sender = std::net::UdpSocket::bind(SocketAddr::new(server.ip(), 0))?;
        sender.connect(server)?;
        Ok(Self {
            poll,
            events: Events::with_capacity(1024),
            receivers,
            source: Generator::new(source, 0, clock::now()),
            wall: Wall::start(),
            sender,
            buffers: vec![vec![0; BUFFER_BYTES]; BATCH],
            sequence: 0,
            seen: Seen::default(),
        })
    }

    fn run(&mut self, until: Instant) -> anyhow::Result<()> {
        loop {
            let now = clock::now();
            if now >= until {
                return Ok(());
            }
            self.send_due(now);
            let wake = self.source.due().map_or(until, |due| due.min(until));
            let wait = wake.saturating_duration_since(clock::now());
            self.poll
                .poll(&mut self.events, Some(wait.max(Duration::from_micros(50))))?;
            let ready: Vec<usize> = self.events.iter().map(|event| event.token().0).collect();
            for number in ready {
                self.receive(number)?;
            }
        }
    }

    fn send_due(&mut self, now: Instant) {
        let mut due = Vec::new();
        self.source.take(now, self.wall.at(now), &mut due);
        for packet in due {
            let mut datagram = vec![0x80, if packet.marker { 0xe0 } else { 0x60 }];
            datagram.extend(self.sequence.to_be_bytes());
            datagram.extend(packet.timestamp.to_be_bytes());
            datagram.extend(1_u32.to_be_bytes());
            datagram.extend(packet.payload);
            self.sequence = self.sequence.wrapping_add(1);
            self.seen.sent += 1;
            // What the server does not take is lost.
            let _ = self.sender.send(&datagram);
        }
    }

    fn receive(&mut self, number: usize) -> anyhow::Result<()> {
        let Some(receiver) = self.receivers.get_mut(number) else {
            return Ok(());
        };
        loop {
            let mut metas = [RecvMeta::default(); BATCH];
            let count = match receiver.read(&mut self.buffers, &mut metas) {
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => continue,
                Err(error) => return Err(error.into()),
            };
            for (meta, buffer) in metas.iter().zip(&mut self.buffers).take(count) {
                for datagram in buffer[..meta.len].chunks_mut(meta.stride.max(1)) {
                    let Some(payload) = receiver.stream.open(datagram) else {
                        continue;
                    };
                    self.seen.packets += 1;
                    let age = load::age(payload, self.wall.at(clock::now()));
                    if let Some(age) = age {
                        self.seen.ages.add(age);
                    }
                }
            }
        }
    }
}

impl Receiver {
    fn read(
        &self,
        buffers: &mut [Vec<u8>],
        metas: &mut [RecvMeta; BATCH],
    ) -> std::io::Result<usize> {
        if let Some(gro) = &self.gro {
            let mut slices: Vec<_> = buffers.iter_mut().map(|one| IoSliceMut::new(one)).collect();
            return gro.recv(UdpSockRef::from(&self.socket), &mut slices, metas);
        }
        let (length, _) = self.socket.recv_from(&mut buffers[0])?;
        (metas[0].len, metas[0].stride) = (length, length);
        Ok(1)
    }
}
