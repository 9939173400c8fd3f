//! Two connections and a network in memory, for tests.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use str0m::crypto::dtls::KeyingMaterial;
use str0m::media::{MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::Extension;
use str0m::{Candidate, Event, IceCreds, Input, Output, Rtc};

use super::*;
use srtp::{Opener, Sealer, split};

pub(crate) const SSRC: u32 = 0x1234_5678;
/// The header extension that numbers packets.
pub(crate) const TRANSPORT_WIDE: u8 = 3;
const STEP: Duration = Duration::from_millis(10);

/// A client whose DTLS says that it has agreed on another profile, with as much of the exported keys as that has.
#[derive(Debug)]
struct Cutting(SrtpProfile);

impl DtlsProvider for Cutting {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        str0m::crypto::from_feature_flags()
            .dtls_provider
            .generate_certificate()
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let base = str0m::crypto::from_feature_flags().dtls_provider;
        let inner = base.new_dtls(certificate, now, version, mtu)?;
        Ok(Box::new(CuttingInstance(inner, self.0)))
    }
}

#[derive(Debug)]
struct CuttingInstance(Box<dyn DtlsInstance>, SrtpProfile);

impl DtlsInstance for CuttingInstance {
    fn set_active(&mut self, active: bool) {
        self.0.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.0.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        let output = self.0.poll_output(buf);
        if let DtlsOutput::KeyingMaterial(bytes, _) = &output {
            let cut = KeyingMaterial::new(&bytes[..self.1.keying_material_len()]);
            return DtlsOutput::KeyingMaterial(cut, self.1);
        }
        output
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.0.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.0.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.0.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.0.protocol_version()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.0.close()
    }
}

static COUNTER: Cutting = Cutting(SrtpProfile::AES128_CM_SHA1_80);
static GCM_128: Cutting = Cutting(SrtpProfile::AEAD_AES_128_GCM);
static GCM_256: Cutting = Cutting(SrtpProfile::AEAD_AES_256_GCM);

fn client_of(profile: Profile) -> CryptoProvider {
    CryptoProvider {
        dtls_provider: match profile {
            Profile::Aes128CmSha1 => &COUNTER,
            Profile::AeadAes128Gcm => &GCM_128,
            Profile::AeadAes256Gcm => &GCM_256,
        },
        ..str0m::crypto::from_feature_flags()
    }
}

pub(crate) struct End {
    pub(crate) rtc: Rtc,
    pub(crate) address: SocketAddr,
    pub(crate) events: Vec<Event>,
    pub(crate) due: Instant,
}

impl End {
    pub(crate) fn new(crypto: CryptoProvider, address: &str, now: Instant) -> Self {
        let address: SocketAddr = address.parse().unwrap();
        let mut rtc = Rtc::builder()
            .set_crypto_provider(Arc::new(crypto))
            .set_rtp_mode(true)
            .clear_extension_map()
            .set_extension(TRANSPORT_WIDE, Extension::TransportSequenceNumber)
            .build(now);
        rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
        Self {
            rtc,
            address,
            events: Vec::new(),
            due: now,
        }
    }

    pub(crate) fn meet(
        &mut self,
        address: SocketAddr,
        ice: IceCreds,
        print: str0m::config::Fingerprint,
    ) {
        self.rtc
            .add_remote_candidate(Candidate::host(address, "udp").unwrap());
        self.rtc.direct_api().set_remote_ice_credentials(ice);
        self.rtc.direct_api().set_remote_fingerprint(print);
    }

    pub(crate) fn drain(&mut self) -> VecDeque<Vec<u8>> {
        let mut sent = VecDeque::new();
        for _ in 0..1_000 {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(due) => {
                    self.due = due;
                    return sent;
                }
                Output::Transmit(datagram) => sent.push_back(datagram.contents.to_vec()),
                Output::Event(event) => self.events.push(event),
            }
        }
        panic!("it goes on and on");
    }

    pub(crate) fn receive(&mut self, from: SocketAddr, contents: &[u8], now: Instant) {
        let receive = Receive::new(Protocol::Udp, from, self.address, contents).unwrap();
        self.rtc.handle_input(Input::Receive(now, receive)).unwrap();
    }

    pub(crate) fn is_connected(&self) -> bool {
        let mut events = self.events.iter();
        events.any(|event| matches!(event, Event::Connected))
    }
}

/// A server whose keys are kept, and a client that receives.
pub(crate) struct Net {
    pub(crate) server: End,
    pub(crate) client: End,
    pub(crate) now: Instant,
    pub(crate) kept: Vec<Material>,
    /// RTP and RTCP of the client.
    pub(crate) secured: Vec<Vec<u8>>,
    /// RTP and RTCP of the server.
    pub(crate) leaked: usize,
}

impl Net {
    #[expect(clippy::disallowed_methods, reason = "where simulated time begins")]
    pub(crate) fn new(profile: Profile, server_is_active: bool) -> Self {
        let now = Instant::now();
        let base = str0m::crypto::from_feature_flags();
        let mut server = End::new(key_taking(&base), "192.0.2.1:7000", now);
        let mut client = End::new(client_of(profile), "192.0.2.2:7000", now);
        let credentials = |end: &mut End| {
            let api = end.rtc.direct_api();
            let print = api.local_dtls_fingerprint().clone();
            (end.address, api.local_ice_credentials(), print)
        };
        let (address, ice, print) = credentials(&mut client);
        server.meet(address, ice, print);
        let (address, ice, print) = credentials(&mut server);
        client.meet(address, ice, print);
        server.rtc.direct_api().set_ice_lite(true);
        client.rtc.direct_api().set_ice_controlling(true);
        let mut api = server.rtc.direct_api();
        api.start_dtls(server_is_active).unwrap();
        let mut api = client.rtc.direct_api();
        api.start_dtls(!server_is_active).unwrap();
        let mid = Mid::from("v");
        api.declare_media(mid, MediaKind::Video);
        api.expect_stream_rx(SSRC.into(), None, mid, None);
        Self {
            server,
            client,
            now,
            kept: Vec::new(),
            secured: Vec::new(),
            leaked: 0,
        }
    }

    pub(crate) fn step(&mut self) {
        self.now += STEP;
        let time = Input::Timeout(self.now);
        self.server.rtc.handle_input(time).unwrap();
        let time = Input::Timeout(self.now);
        self.client.rtc.handle_input(time).unwrap();
        for _ in 0..100 {
            let from_server = self.server.drain();
            self.kept.extend(take());
            let from_client = self.client.drain();
            assert!(take().is_none(), "the client's DTLS keeps nothing back");
            if from_server.is_empty() && from_client.is_empty() {
                return;
            }
            for datagram in from_server {
                self.leaked += usize::from(datagram[0] >> 6 == 2);
                let from = self.server.address;
                self.client.receive(from, &datagram, self.now);
            }
            for datagram in from_client {
                if datagram[0] >> 6 == 2 {
                    self.secured.push(datagram);
                } else {
                    let from = self.client.address;
                    self.server.receive(from, &datagram, self.now);
                }
            }
        }
        panic!("they talk and talk");
    }

    pub(crate) fn connect(&mut self) {
        for _ in 0..500 {
            self.step();
            if self.server.is_connected() && self.client.is_connected() {
                return;
            }
        }
        panic!("no connection after 5 s");
    }

    /// Connected, with our keys for the profile that the client believes in.
    pub(crate) fn connected(profile: Profile, server_is_active: bool) -> (Self, Sealer, Opener) {
        let mut net = Self::new(profile, server_is_active);
        net.connect();
        let [material] = &net.kept[..] else {
            panic!("keys once, and not {}", net.kept.len());
        };
        let (sealer, opener) = split(&material.cut(profile)).unwrap();
        (net, sealer, opener)
    }

    /// The server's datagram reaches the client; the index and payload of what it makes of it.
    pub(crate) fn deliver(&mut self, datagram: &[u8]) -> Option<(u64, Vec<u8>)> {
        let from = self.server.address;
        self.client.events.clear();
        self.client.receive(from, datagram, self.now);
        self.step();
        self.client.events.iter().find_map(|event| {
            let Event::RtpPacket(packet) = event else {
                return None;
            };
            Some((*packet.seq_no, packet.payload.to_vec()))
        })
    }
}

pub(crate) fn rtp(sequence: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 96, 0, 0, 0, 0, 0, 1];
    packet[2..4].copy_from_slice(&sequence.to_be_bytes());
    packet.extend_from_slice(&SSRC.to_be_bytes());
    packet.extend_from_slice(payload);
    packet
}

/// A VP8 packet that a picture begins with, numbered by its last bytes.
pub(crate) fn payload(index: u64) -> Vec<u8> {
    let mut payload = vec![0x10, 0, 0, 0];
    payload.extend_from_slice(&index.to_be_bytes());
    payload
}
