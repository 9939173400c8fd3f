//! Keeps the SRTP keys of a connection away from str0m, so that there is one writer to its streams: us.
//!
//! str0m is given another DTLS than its own: one that hands everything through but the keying material. Without keys str0m
//! neither seals nor opens anything. What was kept back waits in a place of this thread; who drives a connection looks
//! there by [`take`] after each turn, before it drives the next.

use std::cell::RefCell;
use std::time::Instant;

use str0m::config::CryptoProvider;
use str0m::crypto::CryptoError;
use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
    SrtpProfile,
};

use crate::srtp::{Material, Profile};

thread_local! {
    static KEPT: RefCell<Option<Material>> = const { RefCell::new(None) };
}

/// The keys that the turn just made has brought.
///
/// The peer's certificate was shown to str0m before, and the connection is to be used only if str0m has found it to be the
/// one of the offer: `Event::Connected` says so.
pub(crate) fn take() -> Option<Material> {
    KEPT.with(RefCell::take)
}

/// What `base` has, but for DTLS: the default one, which keeps the keys back.
pub(crate) fn provider(base: &CryptoProvider) -> CryptoProvider {
    CryptoProvider {
        dtls_provider: &Keeping,
        ..base.clone()
    }
}

#[derive(Debug)]
struct Keeping;

impl DtlsProvider for Keeping {
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
        let inner = str0m::crypto::from_feature_flags().dtls_provider.new_dtls(
            certificate,
            now,
            version,
            mtu,
        )?;
        Ok(Box::new(KeepingInstance {
            inner,
            has_shown_certificate: false,
        }))
    }
}

#[derive(Debug)]
struct KeepingInstance {
    inner: Box<dyn DtlsInstance>,
    has_shown_certificate: bool,
}

impl DtlsInstance for KeepingInstance {
    fn set_active(&mut self, active: bool) {
        self.inner.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.inner.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        let output = self.inner.poll_output(buf);
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

#[cfg(test)]
pub(crate) mod net;
#[cfg(test)]
mod tests;
