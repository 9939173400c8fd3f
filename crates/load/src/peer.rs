//! One WebRTC connection: str0m's state machine and a UDP socket. A viewer's media goes by the state machine.

use std::io::{ErrorKind, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};
use srtp::handshake;
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::config::{CryptoProvider, DtlsCert};
use str0m::media::{Direction, MediaKind, Mid, Simulcast, SimulcastLayer};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{Extension, ExtensionMap};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

use crate::agreed::Agreed;
use crate::http::Fault;
use crate::receive::{Packet, Receiver};
use crate::rtp::Head;

/// Kernel buffers asked for: half a second of a meeting of twelve, by the kernel's own way to count. The kernel gives what `net.core.[rw]mem_max` allows.
const KERNEL_BUFFER_BYTES: usize = 4 << 20;
/// A received buffer, which GRO may fill with several datagrams.
const RECEIVE_BYTES_MAX: usize = 65_536;
/// Buffers filled by one system call with GRO.
const RECEIVE_BATCH: usize = 4;
/// Datagrams taken from one socket before the others have their turn.
const DATAGRAMS_PER_TURN: usize = 256;

/// Payload types offered: Constrained Baseline in packetization mode 1 with its retransmissions, and Opus.
const H264: u8 = 108;
pub(crate) const H264_RTX: u8 = 109;
pub(crate) const OPUS: u8 = 111;
const CONSTRAINED_BASELINE_31: u32 = 0x42_e0_1f;

/// RIDs of simulcast, lowest layer first, as libwebrtc-based clients name them.
pub(crate) const RIDS: [&str; 3] = ["q", "h", "f"];

/// What is offered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role {
    /// To send video, in so many layers, and audio.
    Publisher { layers: usize },
    /// To receive so many streams of each.
    Viewer { video: usize, audio: usize },
}

/// See above.
pub(crate) struct Peer {
    pub(crate) rtc: Rtc,
    socket: UdpSocket,
    gro: Option<UdpSocketState>,
    address: SocketAddr,
    pending: Option<SdpPendingOffer>,
    agreed: Agreed,
    /// A viewer's media, once there are keys.
    pub(crate) receiver: Option<Box<Receiver>>,
    /// Where a viewer's media comes from, and its feedback goes.
    remote: Option<SocketAddr>,
    /// A publisher's media.
    pub(crate) audio: Option<Mid>,
    pub(crate) video: Option<Mid>,
    /// When the state machine wants to be woken.
    pub(crate) due: Instant,
    pub(crate) is_connected: bool,
    pub(crate) is_closed: bool,
}

/// Room for what is received, shared by all.
pub(crate) struct Buffers(Vec<Vec<u8>>);

impl Buffers {
    pub(crate) fn new() -> Self {
        Self(vec![vec![0; RECEIVE_BYTES_MAX]; RECEIVE_BATCH])
    }
}

/// The DTLS of publishers, whose SRTP is str0m's, and of viewers, whose SRTP is ours.
pub(crate) struct Crypto {
    publishers: Arc<CryptoProvider>,
    viewers: Arc<CryptoProvider>,
    /// One certificate for all: what it proves differs by connection anyway, and making them is no part of a load.
    certificate: Option<DtlsCert>,
}

impl Crypto {
    pub(crate) fn new() -> Self {
        let base = str0m::crypto::from_feature_flags();
        Self {
            publishers: Arc::new(handshake::plain(&base)),
            viewers: Arc::new(handshake::key_taking(&base)),
            certificate: base.dtls_provider.generate_certificate(),
        }
    }
}

fn config(crypto: &Crypto, role: Role) -> RtcConfig {
    let mut extensions = ExtensionMap::empty();
    for (id, extension) in [
        (1, Extension::AudioLevel),
        (2, Extension::AbsoluteCaptureTime),
        (3, Extension::TransportSequenceNumber),
        (4, Extension::RtpMid),
        (10, Extension::RtpStreamId),
        (11, Extension::RepairedRtpStreamId),
    ] {
        extensions.set(id, extension);
    }
    let provider = match role {
        Role::Publisher { .. } => &crypto.publishers,
        Role::Viewer { .. } => &crypto.viewers,
    };
    let mut config = RtcConfig::new()
        .set_crypto_provider(Arc::clone(provider))
        .set_rtp_mode(true)
        .clear_codecs()
        .set_extension_map(extensions)
        .enable_opus(true, false);
    config.codec_config().add_h264(
        H264.into(),
        Some(H264_RTX.into()),
        true,
        CONSTRAINED_BASELINE_31,
    );
    if let Some(certificate) = &crypto.certificate {
        config = config.set_dtls_cert(certificate.clone());
    }
    config
}

/// A socket whose number of buffers the kernel grants does not matter for ICE and DTLS.
fn bind(address: IpAddr) -> std::io::Result<std::net::UdpSocket> {
    let address = SocketAddr::new(address, 0);
    let socket = std::net::UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    let options = socket2::SockRef::from(&socket);
    options.set_recv_buffer_size(KERNEL_BUFFER_BYTES)?;
    options.set_send_buffer_size(KERNEL_BUFFER_BYTES)?;
    Ok(socket)
}

/// The address from which this machine reaches another; nothing is sent.
pub(crate) fn local_address(of: &str) -> Option<IpAddr> {
    let url: reqwest::Url = of.parse().ok()?;
    let target = url.socket_addrs(|| None).ok()?.first().copied()?;
    let any = match target.ip() {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = std::net::UdpSocket::bind((any, 0)).ok()?;
    socket.connect(target).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

impl Peer {
    /// Makes a peer and its offer.
    pub(crate) fn offer(
        role: Role,
        bound_to: IpAddr,
        gro: bool,
        crypto: &Crypto,
        now: Instant,
    ) -> Result<(Self, String), Fault> {
        let socket = bind(bound_to).map_err(|error| format!("no socket: {error}"))?;
        let gro = gro
            .then(|| UdpSocketState::new(UdpSockRef::from(&socket)))
            .transpose()
            .map_err(|error| format!("no GRO: {error}"))?;
        let address = socket
            .local_addr()
            .map_err(|error| format!("no address: {error}"))?;
        let mut rtc = config(crypto, role).build(now);
        let candidate = Candidate::host(address, "udp").map_err(|error| error.to_string())?;
        rtc.add_local_candidate(candidate);
        let mut api = rtc.sdp_api();
        let (audio, video) = match role {
            Role::Publisher { layers } => {
                let stream = Some("load".to_owned());
                let simulcast = (layers > 1).then(|| Simulcast {
                    send: RIDS
                        .iter()
                        .take(layers)
                        .map(|rid| SimulcastLayer::new(rid))
                        .collect(),
                    recv: Vec::new(),
                });
                let direction = Direction::SendOnly;
                let audio = api.add_media(MediaKind::Audio, direction, stream.clone(), None, None);
                // Offered without layers too: a WHIP offer to IVS must contain video.
                let video = api.add_media(MediaKind::Video, direction, stream, None, simulcast);
                (Some(audio), Some(video))
            }
            Role::Viewer { video, audio } => {
                for (kind, count) in [(MediaKind::Audio, audio), (MediaKind::Video, video)] {
                    for _ in 0..count {
                        api.add_media(kind, Direction::RecvOnly, None, None, None);
                    }
                }
                (None, None)
            }
        };
        let (sdp, pending) = api.apply().ok_or("an offer without media")?;
        let peer = Self {
            rtc,
            socket: UdpSocket::from_std(socket),
            gro,
            address,
            pending: Some(pending),
            agreed: Agreed::default(),
            receiver: None,
            remote: None,
            audio,
            video,
            due: now,
            is_connected: false,
            is_closed: false,
        };
        Ok((peer, sdp.to_sdp_string()))
    }

    /// Takes the answer, and events from the socket from here on.
    pub(crate) fn accept(
        &mut self,
        answer: &str,
        registry: &Registry,
        token: Token,
    ) -> Result<(), Fault> {
        let pending = self.pending.take().ok_or("answered twice")?;
        self.agreed = Agreed::read(answer);
        let answer = SdpAnswer::from_sdp_string(answer)
            .map_err(|error| format!("the answer cannot be read: {error}"))?;
        self.rtc
            .sdp_api()
            .accept_answer(pending, answer)
            .map_err(|error| format!("the answer cannot be taken: {error}"))?;
        registry
            .register(&mut self.socket, token, Interest::READABLE)
            .map_err(|error| format!("no events of a socket: {error}"))
    }

    /// Lets time pass.
    pub(crate) fn timeout(&mut self, now: Instant, on: &mut dyn FnMut(Event)) {
        if self.rtc.handle_input(Input::Timeout(now)).is_err() {
            self.is_closed = true;
        }
        self.drain(on);
        self.take_keys(now);
    }

    /// Takes a datagram.
    pub(crate) fn take(
        &mut self,
        source: SocketAddr,
        datagram: &[u8],
        now: Instant,
        on: &mut dyn FnMut(Event),
    ) {
        let Ok(contents) = datagram.try_into() else {
            return;
        };
        let receive = Receive {
            proto: Protocol::Udp,
            source,
            destination: self.address,
            contents,
        };
        if self.rtc.handle_input(Input::Receive(now, receive)).is_err() {
            self.is_closed = true;
        }
        self.drain(on);
        self.take_keys(now);
    }

    /// Keys that a handshake has made belong to the connection that was driven.
    fn take_keys(&mut self, now: Instant) {
        let Some(material) = handshake::take() else {
            return;
        };
        let agreed = std::mem::take(&mut self.agreed);
        match Receiver::new(&material, agreed, now) {
            Ok(receiver) => self.receiver = Some(Box::new(receiver)),
            Err(_) => self.is_closed = true,
        }
    }

    /// Takes an RTP packet of a viewer.
    pub(crate) fn media<'a>(
        &mut self,
        source: SocketAddr,
        datagram: &'a mut [u8],
        head: &Head,
        now: Instant,
    ) -> Option<Packet<'a>> {
        let packet = self.receiver.as_mut()?.media(datagram, head, now)?;
        self.remote = Some(source);
        Some(packet)
    }

    /// Takes reports of a server to a viewer.
    pub(crate) fn report(&mut self, datagram: &[u8], now: Instant) {
        if let Some(receiver) = &mut self.receiver {
            receiver.report(datagram, now);
        }
    }

    /// Sends a viewer's feedback that is due.
    pub(crate) fn answer(&mut self, now: Instant) {
        if let (Some(receiver), Some(remote)) = (&mut self.receiver, self.remote) {
            // A full socket buffer is loss like any other.
            receiver.answer(now, &mut |datagram| {
                drop(self.socket.send_to(datagram, remote));
            });
        }
    }

    /// Asks for a key frame of a viewer's stream.
    pub(crate) fn request_key_frame(&mut self, ssrc: u32) {
        if let (Some(receiver), Some(remote)) = (&mut self.receiver, self.remote) {
            receiver.request_key_frame(ssrc, &mut |datagram| {
                drop(self.socket.send_to(datagram, remote));
            });
        }
    }

    /// When something wants to be done.
    pub(crate) fn due(&self) -> Instant {
        let feedback = self.receiver.as_ref().filter(|_| self.remote.is_some());
        feedback.map_or(self.due, |receiver| self.due.min(receiver.due()))
    }

    /// Where it is bound.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Sends what is to be sent and tells events.
    pub(crate) fn drain(&mut self, on: &mut dyn FnMut(Event)) {
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(due)) => {
                    self.due = due;
                    return;
                }
                Ok(Output::Transmit(transmit)) => {
                    // A full socket buffer is loss like any other.
                    let _ = self
                        .socket
                        .send_to(&transmit.contents, transmit.destination);
                }
                Ok(Output::Event(event)) => {
                    self.is_connected |= matches!(event, Event::Connected);
                    self.is_closed |= matches!(event, Event::Closed);
                    on(event);
                }
                Err(_) => {
                    self.is_closed = true;
                    return;
                }
            }
        }
    }

    /// Reads the socket until it is empty or others must have their turn; says whether there may be more.
    pub(crate) fn read(
        &mut self,
        buffers: &mut Buffers,
        each: &mut dyn FnMut(&mut Self, SocketAddr, &mut [u8]),
    ) -> bool {
        let mut taken = 0;
        while taken < DATAGRAMS_PER_TURN {
            let mut metas = [RecvMeta::default(); RECEIVE_BATCH];
            let count = match self.receive(buffers, &mut metas) {
                Ok(count) => count,
                // What comes back for a send to a port that is closed by now.
                Err(ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset) => 0,
                Err(_) => return false,
            };
            for (meta, buffer) in metas.iter().zip(&mut buffers.0).take(count) {
                let filled = buffer.get_mut(..meta.len).unwrap_or_default();
                for datagram in filled.chunks_mut(meta.stride.max(1)) {
                    taken += 1;
                    each(self, meta.addr, datagram);
                }
            }
            taken += 1;
        }
        true
    }

    fn receive(
        &self,
        buffers: &mut Buffers,
        metas: &mut [RecvMeta; RECEIVE_BATCH],
    ) -> Result<usize, ErrorKind> {
        if let Some(gro) = &self.gro {
            let room = buffers.0.iter_mut().map(|buffer| IoSliceMut::new(buffer));
            let mut slices: Vec<IoSliceMut<'_>> = room.collect();
            return gro
                .recv(UdpSockRef::from(&self.socket), &mut slices, metas)
                .map_err(|error| error.kind());
        }
        let ([meta, ..], Some(buffer)) = (metas, buffers.0.first_mut()) else {
            return Err(ErrorKind::WouldBlock);
        };
        let (length, source) = self
            .socket
            .recv_from(buffer)
            .map_err(|error| error.kind())?;
        (meta.len, meta.stride, meta.addr) = (length, length, source);
        Ok(1)
    }
}
