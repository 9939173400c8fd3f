//! One encoding of one kind of key is read; what else stands in a `PUBLIC KEY` block says why it is none.

use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;

/// `openssl ecparam -name secp384r1 -genkey -noout | openssl ec -pubout`.
const BODY: &str = "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEybak2UbbcWPf1KzX0ZQ5gHt7qXAKgyu4\n\
    yD9QWsN99QohxP7Z3EGEnrm72PkCIUmV9pO1+MaxH+FVkdUuapivkkQDbHRlZGq+\n\
    qgWAzDzK6WiHb4KTF+5jyPtreqaVscRK";

/// The same key, `-conv_form compressed`.
const COMPRESSED: &str = "MEYwEAYHKoZIzj0CAQYFK4EEACIDMgACybak2UbbcWPf1KzX0ZQ5gHt7qXAKgyu4\n\
    yD9QWsN99QohxP7Z3EGEnrm72PkCIUmV";

/// The same key, `-param_enc explicit` (the class of CVE-2020-0601).
const EXPLICIT: &str = "MIIBzDCCAWQGByqGSM49AgEwggFXAgEBMDwGByqGSM49AQECMQD/////////////\n\
    /////////////////////////////v////8AAAAAAAAAAP////8wewQw////////\n\
    //////////////////////////////////7/////AAAAAAAAAAD////8BDCzMS+n\n\
    4j7n5JiOBWvj+C0ZGB2cbv6BQRIDFAiPUBOHWsZWOY2KLtGdKoXI7dPsKu8DFQCj\n\
    NZJqoxmieh0AiWpnc6SCes2scwRhBKqHyiK+iwU3jrHHHvMgrXRuHTtii6ebmFn3\n\
    QeCCVCo4VQLyXb9VKWw6VF44cnYKtzYX3kqWJixvXZ6Yv5KS3Cn49B29KJoUfOna\n\
    MRO18LjACmCxzh1+gZ16Qx18kOoOXwIxAP//////////////////////////////\n\
    /8djTYH0Ny3fWBoNskiwp3rs7BlqzMUpcwIBAQNiAATJtqTZRttxY9/UrNfRlDmA\n\
    e3upcAqDK7jIP1Baw331CiHE/tncQYSeubvY+QIhSZX2k7X4xrEf4VWR1S5qmK+S\n\
    RANsdGVkar6qBYDMPMrpaIdvgpMX7mPI+2t6ppWxxEo=";

const P256: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEQRM4ceQulfRaKuh8Sa7qwZDbj9O+\n\
    5u9m8ZSlXhhmN/GtSfqPhXa8UAGLZW+kesdk12wr4YI81AR+w11+83vfhA==";

const P521: &str = "MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQANfiAoKlybrsn2zRt6YHdUgBMSSLD\n\
    p1Ql23LH7qwfxN9uQaaYkrKaS9JXvXVM8jiR9I9mteuWtgz2erZfoim/YMAAZBxw\n\
    HIeynn83IfofmoL0rqDkdq9jUCjOUhoD5UHTzSidB8ZxeBGY6GkvBwHDlN8r7Pg6\n\
    IaypLKIe4aWW3+nf5nU=";

const SECP256K1: &str = "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEbuufIUpZd62NlHiVapUMawBb57WuGxyJ\n\
    0/Vv69xU4Dx9JUSJcncbb1cypTm1TViYyjhaTV/OGH0f6xkOtkjQ9Q==";

const ED25519: &str = "MCowBQYDK2VwAyEAjYRZlUIVspFDRhdAE1yqIxiK705PyiGEzr9f8uX5KdE=";

const RSA_2048: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAs000gYu5fsmw7ZXzbFx4\n\
    Ll/C+SklTl1MLvZHbLDMedC4BZsdEgBRJKPoHU+kQwW6J1atXG4Bag2bKByTbx/f\n\
    BpSEpEwulrTgh0Nq1/9+EruKnArJ9SyErVImSSnI0Pv32GJoPCkXuJLGO5KxHeZk\n\
    T2OHLTfUYUvNw0NRBcJmozajD7xlErFi7MvuKc+dQ705UUUHnzCvGgCGZA2WKrGq\n\
    7RrNRnJQbr3hEU8q+GraBcLQ0zgDARQa1YIkyadudMNf9wtwoinKn82a+Bp4jYOb\n\
    PlxarUZTUN2c3sydwVmpre6C2TOsUqDijdUP1hIdebgL2zJUOnT3369BAmrQ/OEo\n\
    MwIDAQAB";

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

fn pem(body: &str) -> String {
    format!("{BEGIN}\n{body}\n{END}\n")
}

fn der() -> Vec<u8> {
    STANDARD.decode(BODY.replace('\n', "")).unwrap()
}

fn fault(text: &str) -> PublicKeyError {
    PublicKey::from_pem(text).unwrap_err()
}

#[test]
fn a_p384_key_is_read_whatever_its_lines_end_in_and_whatever_stands_around_it() {
    let texts = [
        pem(BODY),
        pem(BODY).replace('\n', "\r\n"),
        pem(BODY).trim_end().to_owned(),
        pem(&BODY.replace('\n', "")),
        format!("a key of ours: {}the end", pem(BODY)),
        format!("lines\nbefore\n{}after\n", pem(BODY)),
        pem(&format!("\n{BODY}\n\r\n")),
    ];
    for text in texts {
        let key = PublicKey::from_pem(&text).unwrap();
        assert_eq!(key.spki(), der(), "{text}");
        assert_eq!(key, PublicKey::from_spki(&der()).unwrap());
        assert_eq!(key.pem(), pem(BODY));
    }
}

/// The digest is that of `openssl ec -pubin -outform DER | md5sum`.
#[test]
fn a_fingerprint_is_the_md5_of_the_der_in_sixteen_parts() {
    let key = PublicKey::from_pem(&pem(BODY)).unwrap();
    let expected = "41:62:d6:ff:c5:22:9c:13:3d:ce:69:5a:b8:b6:3a:3c";
    assert_eq!(key.fingerprint(), expected);
    assert_eq!(format!("{key:?}"), format!("PublicKey({expected:?})"));
}

#[test]
fn other_curves_and_algorithms_are_told_apart() {
    for (body, expected) in [
        (P256, PublicKeyError::Curve),
        (P521, PublicKeyError::Curve),
        (SECP256K1, PublicKeyError::Curve),
        (EXPLICIT, PublicKeyError::Curve),
        (RSA_2048, PublicKeyError::Algorithm),
        (ED25519, PublicKeyError::Algorithm),
        (COMPRESSED, PublicKeyError::Point),
    ] {
        assert_eq!(fault(&pem(body)), expected, "{body}");
    }
}

#[test]
fn points_off_the_curve_at_infinity_or_in_hybrid_form_are_refused() {
    let mut off = der();
    *off.last_mut().unwrap() ^= 1;
    let mut hybrid = der();
    hybrid[23] = 0x06;
    let mut zero = der();
    zero[24..].fill(0);
    let mut beyond = der();
    beyond[24..].fill(0xff);
    let infinity = b"\x30\x16\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x02\x00\x00";
    for bad in [off, hybrid, zero, beyond, infinity.to_vec()] {
        assert_eq!(PublicKey::from_spki(&bad), Err(PublicKeyError::Point));
    }
}

#[test]
fn der_that_is_cut_followed_by_more_or_spelt_otherwise_is_refused() {
    let good = der();
    for length in 0..good.len() {
        assert_eq!(
            PublicKey::from_spki(&good[..length]),
            Err(PublicKeyError::Encoding),
            "{length}"
        );
    }
    let trailing = [&good[..], &[0]].concat();
    // The outer length in long form, which BER allows; an indefinite length; unused bits in the bit string.
    let long = [&[0x30, 0x81, 0x76], &good[2..]].concat();
    let indefinite = [&[0x30, 0x80], &good[2..], &[0, 0]].concat();
    let mut unused = good.clone();
    unused[22] = 1;
    for bad in [trailing, long, indefinite, unused] {
        assert_eq!(PublicKey::from_spki(&bad), Err(PublicKeyError::Encoding));
    }
    // Another element after the curve, within the algorithm.
    let mut more = good;
    more[1] += 2;
    more[3] += 2;
    more.splice(20..20, [0x05, 0x00]);
    assert_eq!(PublicKey::from_spki(&more), Err(PublicKeyError::Curve));
}

#[test]
fn texts_without_exactly_one_block_are_refused() {
    let texts = [
        String::new(),
        BODY.to_owned(),
        format!("{BEGIN}\n{BODY}\n"),
        format!("{BODY}\n{END}"),
        format!("{BEGIN}{BODY}\n{END}"),
        format!("{BEGIN}\n{BODY}{END}"),
        format!("{END}\n{BODY}\n{BEGIN}"),
        pem(BODY).repeat(2),
        format!(
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n{}",
            pem(BODY)
        ),
        pem(BODY).replace("PUBLIC KEY", "EC PUBLIC KEY"),
        pem(BODY).replace("PUBLIC", "public"),
        pem(BODY).replace('\n', "\r"),
    ];
    for text in texts {
        assert_eq!(fault(&text), PublicKeyError::Block, "{text}");
    }
}

#[test]
fn blocks_that_are_not_base64_are_refused() {
    for body in [
        "not base64!",
        "AAA",
        "AAA=AAA=",
        "AAB=",
        "Proc-Type: 4,ENCRYPTED\n\nAAAA",
        &BODY.replace('+', "-"),
        &BODY.replace('\n', " \n"),
    ] {
        assert_eq!(fault(&pem(body)), PublicKeyError::Base64, "{body}");
    }
    assert_eq!(fault(&pem("")), PublicKeyError::Encoding);
    assert_eq!(fault(&pem("AAAA")), PublicKeyError::Encoding);
}

#[test]
fn private_keys_are_refused_whatever_stands_beside_them() {
    for kind in ["PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"] {
        let private = format!("-----BEGIN {kind}-----\nAAAA\n-----END {kind}-----\n");
        assert_eq!(fault(&private), PublicKeyError::Private);
        assert_eq!(
            fault(&format!("{}{private}", pem(BODY))),
            PublicKeyError::Private
        );
    }
    let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let disguised = pem(&STANDARD.encode(pair.to_pkcs8v1().unwrap()));
    assert_eq!(fault(&disguised), PublicKeyError::Encoding);
}

#[test]
fn texts_over_the_bound_are_refused_unread() {
    let longest = format!(
        "{}{}",
        pem(BODY),
        " ".repeat(TEXT_LEN_MAX - pem(BODY).len())
    );
    assert!(PublicKey::from_pem(&longest).is_ok());
    assert_eq!(fault(&format!("{longest} ")), PublicKeyError::TooLong);
}

#[test]
fn an_error_repeats_nothing_of_the_text() {
    for text in ["canary", &pem("canary!"), &pem("Y2FuYXJ5")] {
        let error = fault(text);
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
}

#[test]
fn generated_keys_of_the_crypto_library_are_read() {
    use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
    for _ in 0..64 {
        let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
        let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        assert_eq!(
            PublicKey::from_spki(der.as_ref()).unwrap().spki(),
            der.as_ref()
        );
    }
}

proptest! {
    #[test]
    fn hostile_texts_and_bytes_never_panic(
        text in "\\PC{0,300}",
        body in proptest::collection::vec(any::<u8>(), 0..200),
        at in 0..120_usize,
        byte in any::<u8>(),
    ) {
        prop_assert!(PublicKey::from_pem(&text).is_err());
        prop_assert!(PublicKey::from_pem(&pem(&STANDARD.encode(&body))).is_err());
        let mut changed = der();
        changed[at] = byte;
        // What is read prints as it was: no two encodings of one key.
        if let Ok(key) = PublicKey::from_spki(&changed) {
            prop_assert_eq!(key.spki(), &changed[..]);
        }
    }
}
