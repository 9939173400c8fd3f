//! Real WebRTC clients: ICE, DTLS, SRTP and RTCP by str0m, a UDP socket each, all on one thread.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{RtpWrite, SeqNo};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

use crate::clock;
use crate::source::Source;

/// Largest datagram that is read.
const DATAGRAM_MAX: usize = 2_000;

/// One client: the publisher or a viewer.
struct Client {
    rtc: Rtc,
    socket: UdpSocket,
    address: SocketAddr,
    video: Mid,
    next: Option<SeqNo>,
    connected: bool,
    due: Instant,
}

/// What one client says to the server.
pub(crate) struct Offer {
    client: Client,
    pending: SdpPendingOffer,
    /// The SDP.
    pub(crate) sdp: String,
}

/// What has passed since the last reset.
#[derive(Default)]
pub(crate) struct Seen {
    /// Packets that the publisher sent.
    pub(crate) sent: u64,
    /// Packets that were decrypted.
    pub(crate) packets: u64,
    /// Packets that came with a time, in microseconds from their making, by value.
    pub(crate) ages: BTreeMap<u64, u64>,
}

impl Seen {
    /// Counts a packet's age.
    pub(crate) fn note(&mut self, age: Option<Duration>) {
        if let Some(age) = age {
            let micros = u64::try_from(age.as_micros()).unwrap_or(u64::MAX);
            *self.ages.entry(micros).or_default() += 1;
        }
    }

    /// The age below which the given share of the packets was.
    pub(crate) fn age(&self, share: f64) -> Duration {
        let total: u64 = self.ages.values().sum();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a rank"
        )]
        let rank = (total as f64 * share) as u64;
        let mut below = 0;
        for (age, count) in &self.ages {
            below += count;
            if below > rank {
                return Duration::from_micros(*age);
            }
        }
        Duration::ZERO
    }
}

/// All clients of one measurement.
pub(crate) struct Clients {
    poll: Poll,
    events: Events,
    all: Vec<Client>,
    /// What has passed.
    pub(crate) seen: Seen,
    source: Option<(usize, Source)>,
}

/// Makes an offer: to send one H.264 and one Opus track, or to receive them.
pub(crate) fn offer(publish: bool) -> anyhow::Result<Offer> {
    let now = clock::now();
    let socket = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let address = socket.local_addr()?;
    let mut rtc = RtcConfig::new()
        .clear_codecs()
        .enable_h264(true)
        .enable_opus(true, false)
        .set_rtp_mode(true)
        .build(now);
    rtc.add_local_candidate(Candidate::host(address, "udp")?);
    let direction = if publish {
        Direction::SendOnly
    } else {
        Direction::RecvOnly
    };
    let stream = publish.then(|| "bench".to_owned());
    let mut api = rtc.sdp_api();
    api.add_media(MediaKind::Audio, direction, stream.clone(), None, None);
    let video = api.add_media(MediaKind::Video, direction, stream, None, None);
    let (sdp, pending) = api.apply().context("an offer with media is a change")?;
    let client = Client {
        rtc,
        socket,
        address,
        video,
        next: None,
        connected: false,
        due: now,
    };
    Ok(Offer {
        client,
        pending,
        sdp: sdp.to_sdp_string(),
    })
}

impl Clients {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            all: Vec::new(),
            seen: Seen::default(),
            source: None,
        })
    }

    /// Takes a client whose offer was answered.
    pub(crate) fn add(&mut self, offer: Offer, answer: &str) -> anyhow::Result<usize> {
        let Offer {
            mut client,
            pending,
            ..
        } = offer;
        let answer = SdpAnswer::from_sdp_string(answer)?;
        client.rtc.sdp_api().accept_answer(pending, answer)?;
        let index = self.all.len();
        self.poll
            .registry()
            .register(&mut client.socket, Token(index), Interest::READABLE)?;
        self.all.push(client);
        self.drain(index, clock::now())?;
        Ok(index)
    }

    /// Lets a client send the source from here on.
    pub(crate) fn publish(&mut self, index: usize, source: Source) {
        self.source = Some((index, source));
    }

    /// How many are connected.
    pub(crate) fn connected(&self) -> usize {
        self.all.iter().filter(|client| client.connected).count()
    }

    /// Runs everybody until the time, or until `done`.
    pub(crate) fn run(
        &mut self,
        until: Instant,
        done: impl Fn(&Self) -> bool,
    ) -> anyhow::Result<()> {
        loop {
            let now = clock::now();
            if now >= until || done(self) {
                return Ok(());
            }
            self.send_due(now)?;
            for index in 0..self.all.len() {
                if self.all[index].due <= now {
                    self.all[index].rtc.handle_input(Input::Timeout(now))?;
                    self.drain(index, now)?;
                }
            }
            let mut wake = until.min(now + Duration::from_millis(5));
            if let Some((_, source)) = &self.source {
                wake = wake.min(source.due());
            }
            self.poll.poll(
                &mut self.events,
                Some(wake.saturating_duration_since(clock::now())),
            )?;
            let ready: Vec<usize> = self.events.iter().map(|event| event.token().0).collect();
            for index in ready {
                self.receive(index)?;
            }
        }
    }

    fn send_due(&mut self, now: Instant) -> anyhow::Result<()> {
        let Some((index, mut source)) = self.source.take() else {
            return Ok(());
        };
        while source.due() <= now {
            let time = source.time();
            let client = &mut self.all[index];
            let kind = client
                .rtc
                .media(client.video)
                .context("the publisher has video")?;
            let payload_type = *kind
                .remote_pts()
                .first()
                .context("a payload type was answered")?;
            for packet in source.packets(now) {
                let sequence = client.next.unwrap_or_else(|| SeqNo::from(1));
                client.next = Some(SeqNo::from(*sequence + 1));
                let mut api = client.rtc.direct_api();
                let stream = api
                    .stream_tx_by_mid(client.video, None)
                    .context("the publisher has a stream")?;
                let write = RtpWrite::new(payload_type, sequence, time, now, packet.payload)
                    .marker(packet.marker)
                    .nackable(true);
                stream.write_rtp(write);
                self.seen.sent += 1;
            }
            client.rtc.handle_input(Input::Timeout(now))?;
            self.drain(index, now)?;
        }
        self.source = Some((index, source));
        Ok(())
    }

    fn receive(&mut self, index: usize) -> anyhow::Result<()> {
        let mut buffer = [0; DATAGRAM_MAX];
        loop {
            let now = clock::now();
            let client = &mut self.all[index];
            let (length, source) = match client.socket.recv_from(&mut buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => continue,
                Err(error) => return Err(error.into()),
            };
            let Ok(contents) = buffer[..length].try_into() else {
                continue;
            };
            let receive = Receive {
                proto: Protocol::Udp,
                source,
                destination: client.address,
                contents,
            };
            client.rtc.handle_input(Input::Receive(now, receive))?;
            self.drain(index, now)?;
        }
        Ok(())
    }

    fn drain(&mut self, index: usize, now: Instant) -> anyhow::Result<()> {
        let client = &mut self.all[index];
        loop {
            match client.rtc.poll_output()? {
                Output::Timeout(due) => {
                    client.due = due;
                    return Ok(());
                }
                Output::Transmit(transmit) => {
                    // A full socket buffer is loss like any other.
                    let _ = client
                        .socket
                        .send_to(&transmit.contents, transmit.destination);
                }
                Output::Event(Event::Connected) => client.connected = true,
                Output::Event(Event::RtpPacket(packet)) => {
                    self.seen.packets += 1;
                    let age = self
                        .source
                        .as_ref()
                        .and_then(|(_, source)| source.age(&packet.payload, now));
                    self.seen.note(age);
                }
                Output::Event(_) => {}
            }
        }
    }
}
