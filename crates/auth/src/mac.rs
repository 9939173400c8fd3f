//! HMAC-SHA256 over several parts, each bound with its length, so that no two lists of parts read as the same bytes.

use aws_lc_rs::hmac;

/// Length of a secret, in bytes.
pub(crate) const KEY_LEN: usize = 32;

/// Length of a MAC, in bytes.
pub(crate) const MAC_LEN: usize = 32;

/// The MAC of the parts. `purpose` keeps apart the MACs that different modules make with one secret.
pub(crate) fn of(key: &[u8; KEY_LEN], purpose: &str, parts: &[&[u8]]) -> [u8; MAC_LEN] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let mut context = hmac::Context::with_key(&key);
    let all = std::iter::once(purpose.as_bytes()).chain(parts.iter().copied());
    for part in all {
        // A slice is never longer than isize::MAX bytes.
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(part);
    }
    let mut mac = [0; MAC_LEN];
    mac.copy_from_slice(context.sign().as_ref());
    mac
}
