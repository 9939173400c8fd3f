//! How connections end, over pipes and on a clock that tests move.

use std::future::pending;
use std::sync::Arc;

use bytes::Bytes;
use rtmp::{HANDSHAKE_RANDOM_BYTES, Limits, StatusCode, StreamName, client};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio_rustls::TlsConnector;

use super::*;
use crate::tls::{Identity, IdentitySource, Tls};

/// A pipe holds as much as the buffers of a socket.
const PIPE_BYTES: usize = 64 * 1024;

/// An encoder on its side of the pipe.
struct Encoder<S> {
    socket: S,
    session: client::Session,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Encoder<S> {
    fn new(socket: S) -> Self {
        let target = client::Target {
            app: "app".to_owned(),
            tc_url: "rtmp://localhost/app".to_owned(),
            name: StreamName::new("key"),
            encoder: "encoder of a test".to_owned(),
        };
        let random = [5; HANDSHAKE_RANDOM_BYTES];
        Self {
            socket,
            session: client::Session::new(Limits::default(), random, target),
        }
    }

    /// One picture, as far as its size goes.
    async fn picture(&mut self) -> io::Result<()> {
        let video = rtmp::flv::Video::Avc {
            track: 0,
            composition_ms: 0,
            is_key: false,
            nals: Bytes::from_static(&[0; 4_000]),
        };
        self.session.send_video(0, &video);
        self.write().await
    }

    async fn write(&mut self) -> io::Result<()> {
        while let Some(bytes) = self.session.poll_transmit() {
            self.socket.write_all(&bytes).await?;
        }
        self.socket.flush().await
    }

    /// The next thing that the server says; `None` when it has closed in good order.
    async fn event(&mut self) -> io::Result<Option<client::Event>> {
        let mut buffer = vec![0; 4_096];
        loop {
            if let Some(event) = self.session.poll_event() {
                return Ok(Some(event));
            }
            self.write().await?;
            match self.socket.read(&mut buffer).await? {
                0 => return Ok(None),
                count => self.session.receive(&buffer[..count]).unwrap(),
            }
        }
    }

    /// Publishes for as long as it is let.
    async fn publish(mut self) -> Self {
        let event = self.event().await.unwrap();
        assert_eq!(event, Some(client::Event::Published));
        self
    }
}

fn wire<S: AsyncRead + AsyncWrite + Unpin>(socket: S) -> Wire<S> {
    let session = Session::new(Limits::default(), [7; HANDSHAKE_RANDOM_BYTES]);
    Wire::new(socket, session)
}

/// Lets somebody publish.
async fn admitted<S: AsyncRead + AsyncWrite + Unpin>(socket: S) -> Wire<S> {
    let mut wire = wire(socket);
    loop {
        if let Some(Event::Publish(_)) = wire.poll_event() {
            wire.accept();
            std::future::poll_fn(|context| wire.poll_write(context))
                .await
                .unwrap();
            return wire;
        }
        assert!(matches!(wire.turn().await, Turn::Read(_)));
    }
}

/// Closes for a reason.
async fn cut<S: AsyncRead + AsyncWrite + Unpin>(
    mut wire: Wire<S>,
    hurry: impl Future<Output = ()> + Send,
) {
    let status = Status::new(StatusCode::Failed, "CODE: a sentence");
    wire.close(&status, hurry).await;
}

/// Both sides of a stream that runs.
async fn running() -> (Wire<DuplexStream>, Encoder<DuplexStream>) {
    let (here, there) = duplex(PIPE_BYTES);
    tokio::join!(admitted(here), Encoder::new(there).publish())
}

/// Has nothing to write for that long; then it writes, and listens.
async fn busy<S: AsyncRead + AsyncWrite + Unpin>(encoder: &mut Encoder<S>, time: Duration) {
    sleep(time).await;
    encoder.picture().await.expect("the connection is there");
    let Ok(Some(client::Event::Refused { description, .. })) = encoder.event().await else {
        panic!("the reason is there");
    };
    assert_eq!(description, "CODE: a sentence");
    assert_eq!(encoder.event().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn an_encoder_that_is_busy_for_seconds_hears_why_it_is_cut_off() {
    let (wire, mut encoder) = running().await;
    let began = Instant::now();
    let encoding = async {
        busy(&mut encoder, Duration::from_secs(4)).await;
        drop(encoder);
    };
    tokio::join!(cut(wire, pending()), encoding);
    // It has gone, and nobody waits for it.
    assert_eq!(began.elapsed(), Duration::from_secs(4));
}

#[tokio::test(start_paused = true)]
async fn an_encoder_that_is_busy_for_seconds_hears_it_through_tls_too_and_the_end_of_that() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let identity = Identity {
        certificate: made.cert.pem().into_bytes(),
        key: made.signing_key.serialize_pem().into_bytes(),
    };
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(&identity.certificate).unwrap();
    roots.add(certificate).unwrap();
    let (tls, _) = Tls::new(IdentitySource::Memory(identity)).unwrap();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        let (here, there) = duplex(PIPE_BYTES);
        let name = ServerName::try_from("localhost").unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let (here, there) =
            tokio::join!(tls.acceptor().accept(here), connector.connect(name, there));
        let encoder = Encoder::new(there.unwrap());
        let (wire, mut encoder) = tokio::join!(admitted(here.unwrap()), encoder.publish());
        let encoding = async {
            // Without a `close_notify` the end would be an error.
            busy(&mut encoder, Duration::from_secs(4)).await;
            drop(encoder);
        };
        tokio::join!(cut(wire, pending()), encoding);
    }
}

#[tokio::test(start_paused = true)]
async fn t49_who_is_cut_off_and_does_not_go_is_left_alone_after_some_seconds() {
    let (wire, mut encoder) = running().await;
    let began = Instant::now();
    let trickle = async {
        while encoder.socket.write_all(&[0]).await.is_ok() {
            sleep(Duration::from_millis(300)).await;
        }
    };
    let close = async {
        cut(wire, pending()).await;
        began.elapsed()
    };
    let ((), took) = tokio::join!(trickle, close);
    assert_eq!(took, FAREWELL);
}

#[tokio::test(start_paused = true)]
async fn t49_who_is_cut_off_and_sends_on_is_heard_so_far_and_no_further() {
    let (wire, mut encoder) = running().await;
    let began = Instant::now();
    let flood = async {
        let mut sent = 0;
        while encoder.socket.write_all(&[0; 4_096]).await.is_ok() {
            sent += 4_096;
        }
        sent
    };
    let (sent, ()) = tokio::join!(flood, cut(wire, pending()));
    assert!((FAREWELL_BYTES_MAX..FAREWELL_BYTES_MAX + 2 * PIPE_BYTES).contains(&sent));
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn t49_who_has_not_asked_to_publish_or_takes_nothing_is_not_waited_for_long() {
    let (here, _there) = duplex(PIPE_BYTES);
    let began = Instant::now();
    cut(wire(here), pending()).await;
    assert_eq!(began.elapsed(), SHORT_FAREWELL);

    let (here, there) = duplex(4);
    let mut stuck = wire(here);
    stuck
        .session
        .receive(&[&[3][..], &[0; 1_536]].concat())
        .unwrap();
    let began = Instant::now();
    cut(stuck, pending()).await;
    assert_eq!(began.elapsed(), SHORT_FAREWELL);
    drop(there);
}

#[tokio::test(start_paused = true)]
async fn when_the_doors_close_farewells_are_short() {
    let (wire, encoder) = running().await;
    let began = Instant::now();
    cut(wire, sleep(Duration::from_secs(2))).await;
    assert_eq!(began.elapsed(), Duration::from_secs(2) + SHORT_FAREWELL);
    drop(encoder);
}
