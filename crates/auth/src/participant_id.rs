//! Participant ids that prove their own origin.
//!
//! `CreateParticipantToken` stores nothing. So that `DisconnectParticipant` can still tell an id that this server minted
//! for a stage from an invented one, a minted id is twelve random alphanumerics and twelve of a MAC over them and the
//! stage's ARN.

use model::{ParticipantId, StageArn};
use subtle::ConstantTimeEq;

use crate::mac;

/// Length of the secret, in bytes.
pub const KEY_LEN: usize = mac::KEY_LEN;

/// Length of each half of an id. Twelve alphanumerics are 71 bits: ids of one stage do not collide, and a proof is not
/// guessed through an API of a few requests per second.
const HALF: usize = 12;

const ALPHANUMERIC: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A new id for the stage.
pub fn mint(key: &[u8; KEY_LEN], stage: &StageArn, random: [u8; 12]) -> ParticipantId {
    let name = alphanumeric(&random);
    let proof = proof(key, stage, &name);
    ParticipantId::parse(&format!("{name}{proof}")).expect("24 alphanumerics are a participant id")
}

/// Whether this server minted the id for the stage.
pub fn is_minted(key: &[u8; KEY_LEN], stage: &StageArn, id: &ParticipantId) -> bool {
    // A participant id is ASCII, so every cut is between characters.
    let Some((name, given)) = id.as_str().split_at_checked(HALF) else {
        return false;
    };
    proof(key, stage, name)
        .as_bytes()
        .ct_eq(given.as_bytes())
        .into()
}

fn proof(key: &[u8; KEY_LEN], stage: &StageArn, name: &str) -> String {
    let parts = [stage.to_string().into_bytes(), name.as_bytes().to_vec()];
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    let mac = mac::of(key, "participant id", &parts);
    alphanumeric(mac.first_chunk::<HALF>().expect("a MAC has 32 bytes"))
}

/// `byte % 62` is biased by 0.02 bits a character, which the length pays for.
fn alphanumeric(bytes: &[u8; HALF]) -> String {
    bytes
        .iter()
        .filter_map(|byte| ALPHANUMERIC.get(usize::from(*byte) % ALPHANUMERIC.len()))
        .map(|byte| char::from(*byte))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; KEY_LEN] = [7; KEY_LEN];

    fn stage(id: &str) -> StageArn {
        StageArn::parse(&format!("arn:aws:ivs:us-west-2:123456789012:stage/{id}")).unwrap()
    }

    #[test]
    fn a_minted_id_is_24_alphanumerics_that_only_its_key_and_stage_accept() {
        let id = mint(&KEY, &stage("abcd"), [3; 12]);
        assert_eq!(id.as_str().len(), 24);
        assert!(id.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert!(is_minted(&KEY, &stage("abcd"), &id));
        assert!(!is_minted(&KEY, &stage("abce"), &id));
        assert!(!is_minted(&[8; KEY_LEN], &stage("abcd"), &id));
    }

    #[test]
    fn ids_stay_valid_from_one_build_to_the_next() {
        // Computed with Python's hmac: blocks of 8-byte big-endian length and bytes.
        assert_eq!(
            mint(&KEY, &stage("abcd"), [3; 12]).as_str(),
            "333333333333j1bQ2xRziwsu"
        );
    }

    #[test]
    fn every_changed_byte_of_an_id_is_noticed() {
        let id = mint(
            &KEY,
            &stage("abcd"),
            *b"\x00\x01\x02\x03\x04\x05\xfa\xfb\xfc\xfd\xfe\xff",
        );
        for at in 0..id.as_str().len() {
            for other in [b'0', b'z', b'-', b'_'] {
                let mut bytes = id.as_str().as_bytes().to_vec();
                if bytes[at] == other {
                    continue;
                }
                bytes[at] = other;
                let forged = ParticipantId::parse(std::str::from_utf8(&bytes).unwrap()).unwrap();
                assert!(!is_minted(&KEY, &stage("abcd"), &forged), "{forged}");
            }
        }
    }

    #[test]
    fn ids_of_another_length_are_not_minted() {
        let id = mint(&KEY, &stage("abcd"), [3; 12]).to_string();
        for other in [
            &id[..23],
            &id[..12],
            &id[..1],
            &format!("{id}0"),
            &format!("{id}{id}"),
        ] {
            let other = ParticipantId::parse(other).unwrap();
            assert!(!is_minted(&KEY, &stage("abcd"), &other), "{other}");
        }
    }

    proptest! {
        #[test]
        fn invented_ids_are_refused(text in "[a-zA-Z0-9_-]{1,64}") {
            prop_assert!(!is_minted(&KEY, &stage("abcd"), &ParticipantId::parse(&text).unwrap()));
        }
    }
}
