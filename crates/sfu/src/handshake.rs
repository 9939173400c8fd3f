//! A connection with a real client, for tests: keys that are kept back, and packets that are sealed and opened with them.

use std::time::Instant;

use srtp::handshake::{key_taking, take};
use srtp::{Material, Profile};
use str0m::config::CryptoProvider;
use str0m::crypto::CryptoError;
use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
    SrtpProfile,
};

pub(crate) mod net;
mod tests;
