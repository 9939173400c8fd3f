//! Opaque texts that clients hand back: a MAC binds each to what it was made for.
//!
//! What is sealed is authentic, not secret: it stands readable behind its MAC.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

use crate::mac;

/// Length of the secret, in bytes.
pub const KEY_LEN: usize = mac::KEY_LEN;

/// Longest text that is looked at: the API's limit of a `nextToken`.
const TEXT_LEN_MAX: usize = 1_024;

/// First byte of what is sealed. Its six upper bits spell an `A`, so that no text starts with `-`: the AWS CLI takes
/// the argument after `--next-token` for another option if it does.
const FORMAT: u8 = 0;

/// The text does not come from here, or was made for something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token is not valid for this request")]
pub struct BrokenSeal;

/// Seals `plain` for `context` (each part is bound with its length). The text is at most 1024 of `[a-zA-Z0-9_-]` for
/// up to 700 bytes of it, and starts with a letter.
pub fn seal(key: &[u8; KEY_LEN], context: &[&[u8]], plain: &[u8]) -> String {
    let mut bytes = vec![FORMAT];
    bytes.extend_from_slice(&mac_of(key, context, plain));
    bytes.extend_from_slice(plain);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Opens a text that was sealed for the same context.
pub fn open(key: &[u8; KEY_LEN], context: &[&[u8]], text: &str) -> Result<Vec<u8>, BrokenSeal> {
    if text.len() > TEXT_LEN_MAX {
        return Err(BrokenSeal);
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BrokenSeal)?;
    let (mac, plain) = bytes
        .strip_prefix(&[FORMAT])
        .and_then(|sealed| sealed.split_first_chunk::<{ mac::MAC_LEN }>())
        .ok_or(BrokenSeal)?;
    if mac_of(key, context, plain).ct_eq(mac).into() {
        Ok(plain.to_vec())
    } else {
        Err(BrokenSeal)
    }
}

fn mac_of(key: &[u8; KEY_LEN], context: &[&[u8]], plain: &[u8]) -> [u8; mac::MAC_LEN] {
    let mut parts = vec![plain];
    parts.extend_from_slice(context);
    mac::of(key, "seal", &parts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; KEY_LEN] = [9; KEY_LEN];
    const CONTEXT: [&[u8]; 3] = [b"ListStages", b"123456789012", b"us-west-2"];

    #[test]
    fn a_sealed_content_opens_in_its_own_context() {
        for content in [&b""[..], b"x", &[255; 700]] {
            let text = seal(&KEY, &CONTEXT, content);
            assert!(text.len() <= TEXT_LEN_MAX, "{}", text.len());
            let alphabet = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            assert!(text.bytes().all(alphabet), "{text}");
            assert_eq!(open(&KEY, &CONTEXT, &text).as_deref(), Ok(content));
        }
    }

    #[test]
    fn a_sealed_content_is_never_taken_for_an_option_of_a_command() {
        for after in 0..1_000_u32 {
            let text = seal(&KEY, &CONTEXT, &after.to_be_bytes());
            assert!(
                text.starts_with(|first: char| first.is_ascii_alphanumeric()),
                "{text}"
            );
        }
    }

    #[test]
    fn t13_a_seal_of_another_operation_account_filter_or_key_does_not_open() {
        let text = seal(&KEY, &CONTEXT, b"after stage 50");
        for context in [
            &[][..],
            &["ListStages"],
            &["ListParticipants", "123456789012", "us-west-2"],
            &["ListStages", "999999999999", "us-west-2"],
            &["ListStages", "123456789012", "us-west-2", ""],
            &["ListStages", "123456789012us-west-2", ""],
            &["ListStage", "s123456789012", "us-west-2"],
            &["123456789012", "ListStages", "us-west-2"],
        ] {
            let parts: Vec<&[u8]> = context.iter().map(|part: &&str| part.as_bytes()).collect();
            assert_eq!(open(&KEY, &parts, &text), Err(BrokenSeal), "{context:?}");
        }
        assert_eq!(open(&[8; KEY_LEN], &CONTEXT, &text), Err(BrokenSeal));
    }

    #[test]
    fn t13_every_changed_byte_is_noticed() {
        for content in [&b"after stage 50"[..], b"ab", b"a"] {
            let text = seal(&KEY, &CONTEXT, content);
            for at in 0..text.len() {
                for other in 0..128 {
                    let mut bytes = text.clone().into_bytes();
                    if bytes[at] == other {
                        continue;
                    }
                    bytes[at] = other;
                    let forged = String::from_utf8(bytes).unwrap();
                    assert_eq!(open(&KEY, &CONTEXT, &forged), Err(BrokenSeal), "{forged:?}");
                }
            }
        }
    }

    #[test]
    fn t13_cut_padded_and_oversized_texts_do_not_open() {
        let text = seal(&KEY, &CONTEXT, b"after stage 50");
        for forged in [
            String::new(),
            text[..text.len() - 1].to_owned(),
            text[1..].to_owned(),
            format!("{text}="),
            format!("{text}A"),
            format!(" {text}"),
            seal(&KEY, &CONTEXT, &[0; 800]),
            "A".repeat(1_000_000),
        ] {
            assert_eq!(
                open(&KEY, &CONTEXT, &forged),
                Err(BrokenSeal),
                "{}",
                forged.len()
            );
        }
    }

    proptest! {
        #[test]
        fn foreign_texts_never_open(text in ".{0,200}") {
            prop_assert_eq!(open(&KEY, &CONTEXT, &text), Err(BrokenSeal));
        }
    }
}
