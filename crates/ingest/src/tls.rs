//! TLS of the RTMPS port: one certificate for whatever name a client asks for, replaced when its files change.

mod validity;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use rustls::client::verify_server_name;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription, InvalidMessage, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// How often the files are read again. They are small.
const RELOAD_INTERVAL: Duration = Duration::from_secs(2);
/// Bytes of each file; a chain of ten certificates takes some 20 kB.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A certificate with its key, as PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The chain, its own certificate first.
    pub certificate: Vec<u8>,
    /// The private key.
    pub key: Vec<u8>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(..)")
    }
}

/// Where the certificate is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentitySource {
    /// Here, for the whole life of the server.
    Memory(Identity),
    /// In two files, which are read again when they change.
    Files {
        /// PEM of the chain.
        certificate: PathBuf,
        /// PEM of the private key.
        key: PathBuf,
    },
}

/// Why there is no certificate. Never shows what is in a file.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is no certificate in the chain.
    #[error("no certificate in PEM form is there")]
    NoCertificate,
    /// There is no private key.
    #[error("no private key in PEM form is there")]
    NoKey,
    /// The key is of a kind that is not known.
    #[error("the private key cannot be used")]
    Key,
    /// The key belongs to another certificate.
    #[error("the private key is not that of the certificate")]
    Mismatch,
}

/// Why a handshake has failed, in words for who has set up the encoder.
pub(crate) fn handshake_fault(error: &io::Error) -> &'static str {
    let source = error.get_ref().and_then(|source| source.downcast_ref());
    match source {
        Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            "what came is not TLS: this port takes RTMPS, and plain RTMP has a port of its own"
        }
        Some(rustls::Error::PeerIncompatible(_)) => {
            "the client does not speak TLS 1.2 or newer, or no cipher that is known here"
        }
        Some(rustls::Error::AlertReceived(
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::DecryptError,
        )) => {
            "the client does not trust the certificate: it has ended, is for another name, or of nobody whom the client knows"
        }
        _ => "the TLS handshake has failed",
    }
}

impl IdentitySource {
    /// Reads it now. What can be served with it is checked, how long it is valid is not.
    pub fn read(&self) -> Result<Identity, IdentityError> {
        match self {
            Self::Memory(identity) => Ok(identity.clone()),
            Self::Files { certificate, key } => Ok(Identity {
                certificate: read(certificate)?,
                key: read(key)?,
            }),
        }
    }
}

impl Identity {
    /// Whether a server can use it.
    pub fn check(&self) -> Result<(), IdentityError> {
        self.certified().map(drop)
    }

    /// When its own certificate ends; `None` where that cannot be read.
    pub fn expires(&self) -> Option<Timestamp> {
        let own = CertificateDer::from_pem_slice(&self.certificate).ok()?;
        validity::not_after(&own)
    }

    /// Whether it is for that host, by name or by address. A text that is neither is passed over: no client can look for it.
    pub fn is_for(&self, host: &str) -> bool {
        let Ok(name) = ServerName::try_from(host) else {
            return true;
        };
        CertificateDer::from_pem_slice(&self.certificate).is_ok_and(|own| {
            let own = ParsedCertificate::try_from(&own);
            own.is_ok_and(|own| verify_server_name(&own, &name).is_ok())
        })
    }

    fn certified(&self) -> Result<CertifiedKey, IdentityError> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<_, _>>()
            .map_err(|_| IdentityError::NoCertificate)?;
        if chain.is_empty() {
            return Err(IdentityError::NoCertificate);
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| IdentityError::NoKey)?;
        let key = aws_lc_rs::sign::any_supported_type(&key).map_err(|_| IdentityError::Key)?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
                Ok(certified)
            }
            Err(_) => Err(IdentityError::Mismatch),
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, IdentityError> {
    let fault = |source| IdentityError::Read {
        path: path.to_owned(),
        source,
    };
    let length = std::fs::metadata(path).map_err(fault)?.len();
    if length > FILE_BYTES_MAX {
        return Err(fault(io::Error::other("the file is too large")));
    }
    std::fs::read(path).map_err(fault)
}

/// TLS with the certificate of the moment.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    source: IdentitySource,
    current: Arc<Current>,
    config: Arc<ServerConfig>,
}

/// The certificate that newcomers are shown.
struct Current(RwLock<Arc<CertifiedKey>>);

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Current(..)")
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current))
    }
}

impl Tls {
    /// TLS 1.2 and 1.3 with that certificate.
    pub(crate) fn new(source: IdentitySource) -> Result<(Self, Identity), IdentityError> {
        let identity = source.read()?;
        let current = Arc::new(Current(RwLock::new(Arc::new(identity.certified()?))));
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| IdentityError::Key)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        // librtmp with GnuTLS takes a ticket of TLS 1.3 for the end of the connection, and encoders resume no session.
        config.send_tls13_tickets = 0;
        let tls = Self {
            source,
            current,
            config: Arc::new(config),
        };
        Ok((tls, identity))
    }

    /// Takes TLS connections.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }

    /// Reads the files again and again. Files that do not belong together yet, or cannot be read, leave all as it was.
    pub(crate) async fn reload(self, mut newest: Identity) {
        if matches!(self.source, IdentitySource::Memory(_)) {
            return std::future::pending().await;
        }
        let mut is_told = false;
        loop {
            tokio::time::sleep(RELOAD_INTERVAL).await;
            let source = self.source.clone();
            let Ok(read) = tokio::task::spawn_blocking(move || source.read()).await else {
                continue;
            };
            let outcome = read.and_then(|identity| {
                if identity == newest {
                    return Ok(false);
                }
                let certified = identity.certified()?;
                newest = identity;
                self.replace(certified);
                Ok(true)
            });
            match outcome {
                Ok(is_new) => {
                    is_told = false;
                    if is_new {
                        tracing::info!("the certificate of RTMPS is replaced");
                    }
                }
                Err(error) if !is_told => {
                    is_told = true;
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(
                        error,
                        "the certificate of RTMPS stays: its files do not hold one"
                    );
                }
                Err(_) => {}
            }
        }
    }

    fn replace(&self, certified: CertifiedKey) {
        let mut current = self
            .current
            .0
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(certified);
    }
}
