//! What an ES384 signature alone costs: no server that signs a token for each call can be faster than this.

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};

use crate::process;

/// Signatures that are timed.
const SIGNATURES: u32 = 2_000;

/// CPU time of one signature over as many bytes as a token has: like that of a call, it does not count who else has the core.
pub(super) fn signature() -> anyhow::Result<Duration> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING)?;
    let random = SystemRandom::new();
    let message = [0x61; 512];
    let process = std::process::id();
    let before = process::cpu(process)?;
    for _ in 0..SIGNATURES {
        std::hint::black_box(pair.sign(&random, &message)?);
    }
    Ok(process::cpu(process)?.saturating_sub(before) / SIGNATURES)
}
