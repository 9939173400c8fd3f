//! An encoder with a real socket.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use rtmp::client::{Event, Session, Target};
use rtmp::flv::{Audio, Video};
use rtmp::{HANDSHAKE_RANDOM_BYTES, Limits, StreamName};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::scene::PATIENCE;

/// 160x96, as x264 writes it for the baseline profile.
const SPS: &[u8] = &[
    0x67, 0x42, 0xc0, 0x0a, 0xd9, 0x02, 0x8d, 0xb0, 0x11, 0, 0, 3, 0, 1, 0, 0, 3, 0, 0x14, 0x0f,
    0x12, 0x26, 0x48,
];
const PPS: &[u8] = &[0x68, 0xcb, 0x83, 0xcb, 0x20];
const IDR: &[u8] = &[0x65, 0x88, 0x84, 0x1d, 0xf1, 0x08, 0x8a, 0xc1];
const P_SLICE: &[u8] = &[0x41, 0x9a, 0x24, 0x6c, 0x45, 0xff];
/// AAC-LC, 48 kHz, stereo; and a frame of silence.
const AAC_CONFIG: &[u8] = &[0x11, 0x90];
const AAC_SILENCE: &[u8] = &[0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c];
/// Frames of a tone of that kind, in ADTS.
const TONE: &[u8] = include_bytes!("../../fixtures/tone-48000-stereo.aac");
/// Milliseconds of an AAC frame, about.
const AAC_MS: u64 = 21;

pub(crate) struct Encoder<S> {
    pub(crate) socket: S,
    session: Session,
    at_ms: u64,
}

pub(crate) fn target(app: &str, key: &str) -> Target {
    Target {
        app: app.to_owned(),
        tc_url: format!("rtmp://localhost/{app}"),
        name: StreamName::new(key),
        encoder: "encoder of a test".to_owned(),
    }
}

impl Encoder<TcpStream> {
    pub(crate) async fn connect(server: SocketAddr, key: &str) -> Self {
        Self::connect_to(server, target("app", key)).await
    }

    pub(crate) async fn connect_to(server: SocketAddr, target: Target) -> Self {
        Self::new(TcpStream::connect(server).await.unwrap(), target)
    }

    /// One that is let in.
    pub(crate) async fn published(server: SocketAddr, key: &str) -> Self {
        let mut encoder = Self::connect(server, key).await;
        assert_eq!(encoder.event().await, Some(Event::Published));
        encoder
    }
}

/// A TLS client that trusts that certificate.
pub(crate) async fn tls(
    server: SocketAddr,
    name: &str,
    certificate: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(certificate).unwrap();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(server).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

impl<S: AsyncRead + AsyncWrite + Unpin> Encoder<S> {
    pub(crate) fn new(socket: S, target: Target) -> Self {
        Self {
            socket,
            session: Session::new(Limits::default(), [5; HANDSHAKE_RANDOM_BYTES], target),
            at_ms: 0,
        }
    }

    /// The next thing that the server says; `None` when it has closed.
    pub(crate) async fn event(&mut self) -> Option<Event> {
        timeout(PATIENCE, async {
            let mut buffer = vec![0; 4_096];
            loop {
                if let Some(event) = self.session.poll_event() {
                    return Some(event);
                }
                self.flush().await;
                let count = self.socket.read(&mut buffer).await.unwrap_or(0);
                if count == 0 {
                    return None;
                }
                self.session.receive(&buffer[..count]).unwrap();
            }
        })
        .await
        .expect("the server says something in time")
    }

    /// The reason with which the server refuses or ends the stream, and then closes.
    pub(crate) async fn reason(&mut self) -> String {
        loop {
            match self.event().await.expect("there is a reason") {
                Event::Published => {}
                Event::Refused { description, .. } | Event::Status { description, .. } => {
                    assert_eq!(self.event().await, None, "the connection is closed");
                    return description;
                }
            }
        }
    }

    /// Writes what waits. A server that has closed is noticed when it is read from.
    pub(crate) async fn flush(&mut self) {
        while let Some(bytes) = self.session.poll_transmit() {
            let _ = self.socket.write_all(&bytes).await;
        }
        let _ = self.socket.flush().await;
    }

    /// Both configurations.
    pub(crate) async fn begin(&mut self) {
        self.begin_audio();
        self.begin_video();
        self.flush().await;
    }

    pub(crate) fn begin_audio(&mut self) {
        let config = Audio::AacConfig(Bytes::from_static(AAC_CONFIG));
        self.session.send_audio(self.at_ms, &config);
    }

    pub(crate) fn begin_video(&mut self) {
        let record = [&[1, 0x42, 0xc0, 0x0a, 0xff, 0xe1, 0, 23][..], SPS];
        let record = [record.concat(), [&[1, 0, 5], PPS].concat()].concat();
        let config = Video::AvcConfig {
            track: 0,
            record: record.into(),
        };
        self.session.send_video(self.at_ms, &config);
    }

    pub(crate) fn audio(&mut self) {
        let frame = Audio::Aac(Bytes::from_static(AAC_SILENCE));
        self.session.send_audio(self.at_ms, &frame);
    }

    /// So many frames of a tone, with pictures.
    pub(crate) async fn tone(&mut self, frames: usize) {
        let tone = tone();
        for frame in tone.iter().skip(4).take(12).cycle().take(frames) {
            let frame = Audio::Aac(frame.clone());
            self.session.send_audio(self.at_ms, &frame);
            self.picture(false);
            self.pass();
        }
        self.flush().await;
    }

    pub(crate) fn picture(&mut self, is_key: bool) {
        let slice = if is_key { IDR } else { P_SLICE };
        let length = u32::try_from(slice.len()).unwrap().to_be_bytes();
        let picture = Video::Avc {
            track: 0,
            composition_ms: 0,
            is_key,
            nals: [&length[..], slice].concat().into(),
        };
        self.session.send_video(self.at_ms, &picture);
    }

    /// Video of a codec that is not taken.
    pub(crate) fn other_video(&mut self) {
        let codec = rtmp::flv::VideoCodec::FourCc(*b"hvc1");
        let video = Video::Other { track: 0, codec };
        self.session.send_video(self.at_ms, &video);
    }

    pub(crate) fn pass(&mut self) {
        self.at_ms += AAC_MS;
    }

    /// A key frame with some sound and pictures after it.
    pub(crate) async fn group(&mut self) {
        for number in 0..6 {
            self.audio();
            self.picture(number == 0);
            self.pass();
        }
        self.flush().await;
    }

    /// Ends its stream as encoders do.
    pub(crate) async fn end(&mut self) {
        self.session.end();
        self.flush().await;
    }
}

fn tone() -> Vec<Bytes> {
    const HEADER: usize = 7;
    let mut rest = TONE;
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let bits = u32::from_be_bytes([0, rest[3] & 3, rest[4], rest[5]]);
        let (frame, after) = rest.split_at(usize::try_from(bits >> 5).unwrap());
        frames.push(Bytes::from_static(&frame[HEADER..]));
        rest = after;
    }
    frames
}
