//! A TCP connection of an encoder, with TLS where it is RTMPS.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use rustls_platform_verifier::BuilderVerifierExt as _;
use socket2::{Domain, Type};

use crate::options::RtmpUrl;

/// How long one connection may take: others wait meanwhile.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// See above. Reading and writing never wait.
pub(super) enum Socket {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Socket {
    /// Connects, and waits for it.
    pub(super) fn connect(
        url: &RtmpUrl,
        tls: &Tls,
        bind: Option<IpAddr>,
        (registry, token): (&Registry, Token),
    ) -> io::Result<Self> {
        let mut addresses = format!("{}:{}", url.host, url.port).to_socket_addrs()?;
        let address = addresses
            .next()
            .ok_or_else(|| io::Error::other("the host has no address"))?;
        let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        if let Some(bind) = bind {
            socket.bind(&SocketAddr::new(bind, 0).into())?;
        }
        socket.connect_timeout(&address.into(), CONNECT_MAX)?;
        socket.set_tcp_nodelay(true)?;
        socket.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(socket.into());
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        if !url.is_tls {
            return Ok(Self::Plain(stream));
        }
        let host = url.host.trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(host).map_err(io::Error::other)?;
        let connection =
            ClientConnection::new(Arc::clone(&tls.0), name).map_err(io::Error::other)?;
        Ok(Self::Tls(Box::new(StreamOwned::new(connection, stream))))
    }

    /// Says that nothing more comes.
    pub(super) fn close(&mut self) {
        let stream = match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => {
                stream.conn.send_close_notify();
                // A server that has gone hears nothing.
                let _ = stream.flush();
                &stream.sock
            }
        };
        let _ = stream.shutdown(std::net::Shutdown::Write);
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// How servers prove who they are.
#[derive(Clone)]
pub(crate) struct Tls(Arc<ClientConfig>);

impl Tls {
    /// By a certificate that this machine trusts, or by any.
    pub(crate) fn new(any_certificate: bool) -> Result<Self, rustls::Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let config = if any_certificate {
            config
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        } else {
            config.with_platform_verifier()?
        };
        Ok(Self(Arc::new(config.with_no_client_auth())))
    }
}

/// Takes any certificate, as somebody who loads a server of his own may want. Signatures are still checked.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
