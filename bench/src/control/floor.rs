//! What an ES384 signature alone costs: no server that signs a token for each call can be faster than this.

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};

use crate::clock;

/// Signatures that are timed.
const SIGNATURES: u32 = 2_000;

/// One signature over as many bytes as a token has, on the core of this process.
pub(super) fn signature() -> anyhow::Result<Duration> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING)?;
    let random = SystemRandom::new();
    let message = [0x61; 512];
    let began = clock::now();
    for _ in 0..SIGNATURES {
        std::hint::black_box(pair.sign(&random, &message)?);
    }
    Ok(began.elapsed() / SIGNATURES)
}
