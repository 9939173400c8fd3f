//! The DTLS that str0m is given, in two ways.
//!
//! [`key_taking`] keeps the SRTP keys of a connection away from str0m, so that there is one writer to its streams: us. It hands
//! everything through but the keying material. Without keys str0m neither seals nor opens anything. What was kept back
//! waits in a place of this thread; who drives a connection looks there by [`take`] after each turn, before it drives the next.
//! [`plain`] hands everything through.
//!
//! Both make one configuration for all connections. str0m's own provider makes one for each, and with it the library tries all its
//! ciphers and curves, which costs more than a handshake.

use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use dimpl::{Config, Dtls};
use str0m::config::CryptoProvider;
use str0m::crypto::CryptoError;
use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
    SrtpProfile,
};

use crate::{Material, Profile};

thread_local! {
    static KEPT: RefCell<Option<Material>> = const { RefCell::new(None) };
}

/// The keys that the turn just made has brought.
///
/// The peer's certificate was shown to str0m before, and the connection is to be used only if str0m has found it to be the
/// one of the offer: `Event::Connected` says so.
pub fn take() -> Option<Material> {
    KEPT.with(RefCell::take)
}

/// What `base` has, but for a DTLS that keeps the keys back.
pub fn key_taking(base: &CryptoProvider) -> CryptoProvider {
    CryptoProvider {
        dtls_provider: &Provider { takes_keys: true },
        ..base.clone()
    }
}

/// What `base` has, with a DTLS that is configured once.
pub fn plain(base: &CryptoProvider) -> CryptoProvider {
    CryptoProvider {
        dtls_provider: &Provider { takes_keys: false },
        ..base.clone()
    }
}

#[derive(Debug)]
struct Provider {
    takes_keys: bool,
}

impl DtlsProvider for Provider {
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
        let certificate = dimpl::DtlsCertificate {
            certificate: certificate.certificate.clone(),
            private_key: certificate.private_key.clone(),
        };
        let config = configured(mtu)?;
        let inner = match version {
            DtlsVersion::Dtls12 => Dtls::new_12(config, certificate, now),
            DtlsVersion::Dtls13 => Dtls::new_13(config, certificate, now),
            DtlsVersion::Auto => Dtls::new_auto(config, certificate, now),
            _ => return Err(CryptoError::Other(format!("DTLS {version} is not known"))),
        };
        Ok(Box::new(Instance {
            inner,
            takes_keys: self.takes_keys,
            has_shown_certificate: false,
        }))
    }
}

/// The configuration for records of that size; the one that was asked for first is kept.
fn configured(mtu: Option<usize>) -> Result<Arc<Config>, CryptoError> {
    static KEPT: OnceLock<(Option<usize>, Arc<Config>)> = OnceLock::new();
    if let Some((kept, config)) = KEPT.get()
        && *kept == mtu
    {
        return Ok(Arc::clone(config));
    }
    // ICE has shown that the peer is where it says, before the first record: a cookie would show it once more.
    let mut builder = Config::builder()
        .with_crypto_provider(dimpl::crypto::aws_lc_rs::default_provider())
        .use_server_cookie(false);
    if let Some(mtu) = mtu {
        builder = builder.mtu(mtu);
    }
    let config = builder.build();
    let config = Arc::new(config.map_err(|error| CryptoError::Other(error.to_string()))?);
    KEPT.get_or_init(|| (mtu, Arc::clone(&config)));
    Ok(config)
}

struct Instance {
    inner: Dtls,
    takes_keys: bool,
    has_shown_certificate: bool,
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("takes_keys", &self.takes_keys)
            .finish_non_exhaustive()
    }
}

impl DtlsInstance for Instance {
    fn set_active(&mut self, active: bool) {
        self.inner.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.inner.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        let output = self.inner.poll_output(buf);
        if !self.takes_keys {
            return output;
        }
        if let DtlsOutput::PeerCert(_) = &output {
            self.has_shown_certificate = true;
        }
        let DtlsOutput::KeyingMaterial(bytes, profile) = &output else {
            return output;
        };
        // Without a certificate there was nothing that str0m could compare with the offer.
        let profile = known(*profile).filter(|_| self.has_shown_certificate);
        let kept = profile.map(|profile| Material::new(bytes, profile, self.is_active()));
        KEPT.with(|place| place.replace(kept));
        // Keys come with the end of the handshake, so that this is true; str0m takes note of it once.
        DtlsOutput::Connected
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.inner.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.inner.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.inner.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.inner.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.inner.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.inner.close()
    }
}

fn known(profile: SrtpProfile) -> Option<Profile> {
    match profile {
        SrtpProfile::AES128_CM_SHA1_80 => Some(Profile::Aes128CmSha1),
        SrtpProfile::AEAD_AES_128_GCM => Some(Profile::AeadAes128Gcm),
        SrtpProfile::AEAD_AES_256_GCM => Some(Profile::AeadAes256Gcm),
        _ => None,
    }
}
