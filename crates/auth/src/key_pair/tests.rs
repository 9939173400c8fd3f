//! Pairs that are made here, and those of OpenSSL, are read and sign; everything else says why not.

use proptest::prelude::*;

use super::*;

/// `openssl ecparam -name secp384r1 -genkey`, and the same key through `openssl pkcs8 -topk8 -nocrypt`. Of no use but here.
const OPENSSL_SEC1: &str = "-----BEGIN EC PARAMETERS-----\n\
    BgUrgQQAIg==\n\
    -----END EC PARAMETERS-----\n\
    -----BEGIN EC PRIVATE KEY-----\n\
    MIGkAgEBBDDEPhjXMplmw7kKqdSlJehDETk5fkPmS/Mj72zUU/xRaw6MVvBQkofU\n\
    wZs03WAxo2ugBwYFK4EEACKhZANiAATJtqTZRttxY9/UrNfRlDmAe3upcAqDK7jI\n\
    P1Baw331CiHE/tncQYSeubvY+QIhSZX2k7X4xrEf4VWR1S5qmK+SRANsdGVkar6q\n\
    BYDMPMrpaIdvgpMX7mPI+2t6ppWxxEo=\n\
    -----END EC PRIVATE KEY-----\n";
const OPENSSL_PKCS8: &str = "-----BEGIN PRIVATE KEY-----\n\
    MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDDEPhjXMplmw7kKqdSl\n\
    JehDETk5fkPmS/Mj72zUU/xRaw6MVvBQkofUwZs03WAxo2uhZANiAATJtqTZRttx\n\
    Y9/UrNfRlDmAe3upcAqDK7jIP1Baw331CiHE/tncQYSeubvY+QIhSZX2k7X4xrEf\n\
    4VWR1S5qmK+SRANsdGVkar6qBYDMPMrpaIdvgpMX7mPI+2t6ppWxxEo=\n\
    -----END PRIVATE KEY-----\n";
/// `openssl genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-256`.
const P256: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgSGJYC7w2ldt3xxQg\n\
    YVuVNIhxx1ElwHl5XmBoY/ByOSqhRANCAASw8hlOjphd8JHiQIOjL+KQgZgCXG7I\n\
    247UoVa69C6r6WjbD+Xt0CCgZJfgepuSSeOcX5dlWOdjyRm0L3F6CzHb";

fn signs(key: &SigningKey) -> bool {
    key.public()
        .verifies(b"message", key.sign(b"message").as_ref())
}

#[test]
fn a_new_pair_signs_and_its_halves_belong_together() {
    let pair = generate();
    let key = SigningKey::from_pem(&pair.private_pem()).unwrap();
    assert!(signs(&key));
    assert_eq!(key.public(), pair.public());
    assert_eq!(
        PublicKey::from_pem(&pair.public_pem()).as_ref(),
        Ok(pair.public())
    );
    assert_ne!(generate().public(), pair.public());
    assert!(pair.private_pem().lines().all(|line| line.len() <= 64));
}

#[test]
fn keys_of_openssl_are_read_in_both_forms() {
    for text in [
        OPENSSL_SEC1,
        OPENSSL_PKCS8,
        &OPENSSL_SEC1.replace('\n', "\r\n"),
        &OPENSSL_PKCS8.replace('\n', "\r\n"),
    ] {
        let key = SigningKey::from_pem(text).unwrap();
        assert!(signs(&key));
        let expected = "41:62:d6:ff:c5:22:9c:13:3d:ce:69:5a:b8:b6:3a:3c";
        assert_eq!(key.public().fingerprint(), expected);
    }
}

#[test]
fn what_is_not_a_private_key_on_p384_says_so() {
    let pair = generate();
    let block =
        |body: &str| format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    for (text, expected) in [
        (String::new(), SigningKeyError::Block),
        (pair.private_pem().repeat(2), SigningKeyError::Block),
        (OPENSSL_SEC1.repeat(2), SigningKeyError::Block),
        (pair.public_pem(), SigningKeyError::Public),
        (
            pair.private_pem().replace("PRIVATE", "ENCRYPTED PRIVATE"),
            SigningKeyError::Encrypted,
        ),
        (block("?"), SigningKeyError::Base64),
        (block("AAAA"), SigningKeyError::Key),
        (block(P256), SigningKeyError::Key),
        (" ".repeat(TEXT_LEN_MAX + 1), SigningKeyError::TooLong),
    ] {
        assert_eq!(SigningKey::from_pem(&text).unwrap_err(), expected);
    }
}

#[test]
fn nothing_private_is_shown() {
    let pair = generate();
    let key = SigningKey::from_pem(&pair.private_pem()).unwrap();
    let fingerprint = pair.public().fingerprint();
    assert_eq!(
        format!("{pair:?}"),
        format!("KeyPair(PublicKey({fingerprint:?}))")
    );
    assert_eq!(
        format!("{key:?}"),
        format!("SigningKey(PublicKey({fingerprint:?}))")
    );
    for text in [
        "canary",
        "-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----",
    ] {
        let error = SigningKey::from_pem(text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
}

proptest! {
    #[test]
    fn hostile_texts_never_panic(text in "\\PC{0,300}", at in 0..300_usize, byte in "[ -~\n]") {
        prop_assert!(SigningKey::from_pem(&text).is_err());
        for good in [OPENSSL_PKCS8, OPENSSL_SEC1] {
            let mut changed = good.to_owned();
            changed.replace_range(at..=at, &byte);
            // A changed key may still be one, but then it is whole.
            if let Ok(key) = SigningKey::from_pem(&changed) {
                prop_assert!(signs(&key));
            }
        }
    }
}
