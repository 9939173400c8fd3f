//! A real connection over a network in memory: keys, what we seal for str0m, and what str0m seals for us.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use str0m::crypto::dtls::KeyingMaterial;
use str0m::media::{KeyframeRequestKind, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::Ssrc;
use str0m::{Candidate, Event, IceCreds, Input, Output, Rtc};

use super::*;
use crate::srtp::{Opener, Sealer, split};

const SSRC: u32 = 0x1234_5678;
const STEP: Duration = Duration::from_millis(10);

/// A client whose DTLS says that it has agreed on another profile, with as much of the exported keys as that has.
#[derive(Debug)]
struct Cutting(SrtpProfile);

impl DtlsProvider for Cutting {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        Keeping.generate_certificate()
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

struct End {
    rtc: Rtc,
    address: SocketAddr,
    events: Vec<Event>,
    due: Instant,
}

impl End {
    fn new(crypto: CryptoProvider, address: &str, now: Instant) -> Self {
        let address: SocketAddr = address.parse().unwrap();
        let mut rtc = Rtc::builder()
            .set_crypto_provider(Arc::new(crypto))
            .set_rtp_mode(true)
            .build(now);
        rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
        Self {
            rtc,
            address,
            events: Vec::new(),
            due: now,
        }
    }

    fn meet(&mut self, address: SocketAddr, ice: IceCreds, print: str0m::config::Fingerprint) {
        self.rtc
            .add_remote_candidate(Candidate::host(address, "udp").unwrap());
        self.rtc.direct_api().set_remote_ice_credentials(ice);
        self.rtc.direct_api().set_remote_fingerprint(print);
    }

    fn drain(&mut self) -> VecDeque<Vec<u8>> {
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

    fn receive(&mut self, from: SocketAddr, contents: &[u8], now: Instant) {
        let receive = Receive::new(Protocol::Udp, from, self.address, contents).unwrap();
        self.rtc.handle_input(Input::Receive(now, receive)).unwrap();
    }

    fn is_connected(&self) -> bool {
        let mut events = self.events.iter();
        events.any(|event| matches!(event, Event::Connected))
    }
}

/// A server whose keys are kept, and a client that receives.
struct Net {
    server: End,
    client: End,
    now: Instant,
    kept: Vec<Material>,
    /// RTP and RTCP of the client.
    secured: Vec<Vec<u8>>,
    /// RTP and RTCP of the server.
    leaked: usize,
}

impl Net {
    #[expect(clippy::disallowed_methods, reason = "where simulated time begins")]
    fn new(profile: Profile, server_is_active: bool) -> Self {
        let now = Instant::now();
        let base = str0m::crypto::from_feature_flags();
        let mut server = End::new(provider(&base), "192.0.2.1:7000", now);
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

    fn step(&mut self) {
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

    fn connect(&mut self) {
        for _ in 0..500 {
            self.step();
            if self.server.is_connected() && self.client.is_connected() {
                return;
            }
        }
        panic!("no connection after 5 s");
    }

    /// Connected, with our keys for the profile that the client believes in.
    fn connected(profile: Profile, server_is_active: bool) -> (Self, Sealer, Opener) {
        let mut net = Self::new(profile, server_is_active);
        net.connect();
        let [material] = &net.kept[..] else {
            panic!("keys once, and not {}", net.kept.len());
        };
        let (sealer, opener) = split(&material.cut(profile)).unwrap();
        (net, sealer, opener)
    }

    /// The server's datagram reaches the client; the index and payload of what it makes of it.
    fn deliver(&mut self, datagram: &[u8]) -> Option<(u64, Vec<u8>)> {
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

const PROFILES: [Profile; 3] = [
    Profile::Aes128CmSha1,
    Profile::AeadAes128Gcm,
    Profile::AeadAes256Gcm,
];

fn rtp(sequence: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 96, 0, 0, 0, 0, 0, 1];
    packet[2..4].copy_from_slice(&sequence.to_be_bytes());
    packet.extend_from_slice(&SSRC.to_be_bytes());
    packet.extend_from_slice(payload);
    packet
}

/// A VP8 packet that a picture begins with, numbered by its last bytes.
fn payload(index: u64) -> Vec<u8> {
    let mut payload = vec![0x10, 0, 0, 0];
    payload.extend_from_slice(&index.to_be_bytes());
    payload
}

#[test]
fn what_we_seal_reaches_a_client_across_two_roll_overs() {
    for (profile, server_is_active) in PROFILES.into_iter().zip([false, true, false]) {
        let (mut net, mut sealer, _) = Net::connected(profile, server_is_active);
        let mut indices = sealer.indices(SSRC).unwrap();
        let start = 60_000;
        for step in 0..9 {
            let index = start + step * 9_000;
            let ticket = indices.claim(index).unwrap();
            let mut packet = rtp(ticket.sequence(), &payload(index));
            sealer.seal_rtp(ticket, &mut packet, 0, 12).unwrap();
            let delivered = net.deliver(&packet);
            assert_eq!(delivered, Some((index, payload(index))), "{profile:?}");
        }
        assert_eq!(start + 8 * 9_000, 132_000, "beyond the second roll-over");
    }
}

#[test]
fn t41_what_is_changed_on_its_way_does_not_reach_a_client() {
    for profile in PROFILES {
        let (mut net, mut sealer, _) = Net::connected(profile, false);
        let mut indices = sealer.indices(SSRC).unwrap();
        let ticket = indices.claim(7).unwrap();
        let mut packet = rtp(7, &payload(7));
        sealer.seal_rtp(ticket, &mut packet, 0, 12).unwrap();
        for place in [1, 5, 12, packet.len() - 1] {
            let mut changed = packet.clone();
            changed[place] ^= 1;
            assert_eq!(net.deliver(&changed), None, "{profile:?} {place}");
        }
        assert_eq!(net.deliver(&packet), Some((7, payload(7))));
        assert_eq!(net.deliver(&packet), None, "a replay");
    }
}

#[test]
fn requests_of_a_client_are_opened() {
    for (profile, server_is_active) in PROFILES.into_iter().zip([true, false, true]) {
        let (mut net, mut sealer, mut opener) = Net::connected(profile, server_is_active);
        let mut indices = sealer.indices(SSRC).unwrap();
        let ticket = indices.claim(7).unwrap();
        let mut packet = rtp(7, &payload(7));
        sealer.seal_rtp(ticket, &mut packet, 0, 12).unwrap();
        net.deliver(&packet).unwrap();
        let mut api = net.client.rtc.direct_api();
        let stream = api.stream_rx(&Ssrc::from(SSRC)).unwrap();
        stream.request_keyframe(KeyframeRequestKind::Pli);
        for _ in 0..300 {
            net.step();
        }
        let mut plain = Vec::new();
        let mut kinds = Vec::new();
        for datagram in &net.secured {
            opener.open_rtcp(datagram, &mut plain).unwrap();
            let mut rest = &plain[..];
            while let [count, kind, high, low, ..] = *rest {
                kinds.push((count & 0x1f, kind));
                let words = usize::from(u16::from_be_bytes([high, low]));
                rest = &rest[4 * (words + 1)..];
            }
            let replayed = opener.open_rtcp(datagram, &mut plain);
            assert!(replayed.is_err());
        }
        assert!(kinds.contains(&(1, 206)), "{profile:?} {kinds:?}");
    }
}

#[test]
fn our_sender_report_reaches_a_client() {
    for profile in PROFILES {
        let (mut net, mut sealer, _) = Net::connected(profile, false);
        let mut report = vec![0x80, 200, 0, 6];
        report.extend_from_slice(&SSRC.to_be_bytes());
        report.extend_from_slice(&0xeeee_0000_8000_0000_u64.to_be_bytes());
        report.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 12]);
        sealer.seal_rtcp(&mut report, 0).unwrap();
        net.deliver(&report);
        let mut indices = sealer.indices(SSRC).unwrap();
        let mut packet = rtp(7, &payload(7));
        let ticket = indices.claim(7).unwrap();
        sealer.seal_rtp(ticket, &mut packet, 0, 12).unwrap();
        net.deliver(&packet).unwrap();
        let info = net.client.events.iter().find_map(|event| {
            let Event::RtpPacket(packet) = event else {
                return None;
            };
            packet.last_sender_info
        });
        assert_eq!(info.map(|info| *info.ssrc), Some(SSRC), "{profile:?}");
    }
}

#[test]
fn str0m_sends_nothing_secured_without_keys_and_stays_connected() {
    let (mut net, _, _) = Net::connected(Profile::AeadAes256Gcm, false);
    let mid = Mid::from("v");
    let mut api = net.server.rtc.direct_api();
    api.declare_media(mid, MediaKind::Video);
    api.declare_stream_tx(SSRC.into(), None, mid, None);
    for _ in 0..3_000 {
        net.step();
    }
    assert_eq!(net.leaked, 0);
    assert!(net.server.rtc.is_alive() && net.client.rtc.is_alive());
    assert_eq!(net.kept.len(), 1);
}

#[test]
fn a_client_with_another_certificate_than_its_offer_names_is_not_connected() {
    let mut net = Net::new(Profile::AeadAes256Gcm, false);
    let other = Net::new(Profile::AeadAes256Gcm, false);
    let mut other = other.client;
    let print = other.rtc.direct_api().local_dtls_fingerprint().clone();
    net.server.rtc.direct_api().set_remote_fingerprint(print);
    let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| net.connect()));
    assert!(tried.is_err());
    assert!(!net.server.is_connected());
    assert!(net.kept.is_empty() && take().is_none());
}
