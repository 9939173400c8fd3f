//! Published examples: RFC 3711 appendix B, RFC 7714 sections 16 and 17, and the packets of libsrtp's own tests.

use super::super::cipher::Cipher;
use super::super::derive::{Derivation, Label, Part};
use super::super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .map(|digit| u8::try_from(digit).unwrap())
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

const MASTER_KEY: &str = "E1F97A0D3E018BE0D64FA32C06DE4139";
const MASTER_SALT: &str = "0EC675AD498AFEEBB6960B3AABE6";

const GALLIA_HEADER: &str = "8040f17b 8041f8d3 5501a0b2";
const GALLIA: &str = "47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 \
     73207472 6573";
const GALLIA_128: &str = "f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b \
     36de3adf 8833 899d7f27 beb16a91 52cf765e e4390cce";
const GALLIA_256: &str = "32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f \
     1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13";
const GALLIA_SALT: &str = "51756964 2070726f 2071756f";

const LUNA: &str = "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 \
     deadbeef deadbeef deadbeef deadbeef deadbeef";
const LUNA_128: &str = "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d \
     c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4";
const LUNA_256: &str = "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 \
     a2eaa5c1 110555be 8415f658 c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4";

fn counting(length: u8) -> Vec<u8> {
    (0..length).collect()
}

fn gcm(key: &[u8]) -> Cipher {
    Cipher::gcm(key, hex(GALLIA_SALT).try_into().unwrap())
}

#[test]
fn session_keys_are_those_of_rfc_3711_b_3() {
    let derivation = Derivation::new(&hex(MASTER_KEY), &hex(MASTER_SALT)).unwrap();
    let key = derivation.secret::<16>(Label::Rtp, Part::Encryption);
    let salt = derivation.secret::<14>(Label::Rtp, Part::Salt);
    let tags = derivation.secret::<94>(Label::Rtp, Part::Authentication);
    assert_eq!(key.unwrap().0[..], hex("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(salt.unwrap().0[..], hex("30CBBC08863D8C85D49DB34A9AE1"));
    assert_eq!(
        tags.unwrap().0[..],
        hex(
            "CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA48F0A0ACF3C34E2359E6CDBCE \
             E049646C43D9327AD175578EF7227098 6371C10C9A369AC2F94A8C5FBCDDDC25 \
             6D6E919A48B610EF17C2041E47403576 6B68642C59BBFC2F34DB60DBDFB2"
        )
    );
}

#[test]
fn the_key_stream_is_that_of_rfc_3711_b_2() {
    let key = hex("2B7E151628AED2A6ABF7158809CF4F3C");
    let salt = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD");
    let Cipher::Counter(counter) = Cipher::counter(&key, salt.try_into().unwrap()) else {
        panic!();
    };
    let mut stream = vec![0; 0xff02 * 16];
    counter.apply(0, 0, &mut stream).unwrap();
    assert_eq!(
        stream[..48],
        hex(
            "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB \
             41E95B3BB0A2E8DD477901E4FCA894C0"
        )
    );
    assert_eq!(
        stream[0xfeff * 16..],
        hex(
            "EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE \
             6A2CC3787889374FBEB4C81B17BA6C44"
        )
    );
}

#[test]
fn rtp_is_sealed_as_in_rfc_7714_16() {
    for (key, profile, expected) in [
        (counting(16), Profile::AeadAes128Gcm, GALLIA_128),
        (counting(32), Profile::AeadAes256Gcm, GALLIA_256),
    ] {
        let mut sealer = Sealer::new(profile, gcm(&key), gcm(&key));
        let ticket = sealer.indices(0x5501_a0b2).unwrap().claim(0xf17b).unwrap();
        let mut packet = hex(GALLIA_HEADER);
        packet.extend(hex(GALLIA));
        sealer.seal_rtp(ticket, &mut packet, 0, 12).unwrap();
        assert_eq!(packet[..12], hex(GALLIA_HEADER));
        assert_eq!(packet[12..], hex(expected), "{profile:?}");
    }
}

#[test]
fn rtcp_is_sealed_and_opened_as_in_rfc_7714_17() {
    for (key, profile, expected) in [
        (counting(16), Profile::AeadAes128Gcm, LUNA_128),
        (counting(32), Profile::AeadAes256Gcm, LUNA_256),
    ] {
        let mut sealer = Sealer::new(profile, gcm(&key), gcm(&key));
        sealer.set_rtcp_index(0x5d4);
        let mut packet = hex(LUNA);
        sealer.seal_rtcp(&mut packet, 0).unwrap();
        assert_eq!(packet, hex(expected), "{profile:?}");
        let mut plain = Vec::new();
        let mut opener = Opener::new(profile, gcm(&key));
        opener.open_rtcp(&packet, &mut plain).unwrap();
        assert_eq!(plain, hex(LUNA));
    }
}

/// `srtp_validate` of libsrtp's `test/srtp_driver.c`.
#[test]
fn counter_mode_packets_are_those_of_libsrtp() {
    let keys = [
        hex(MASTER_KEY),
        hex(MASTER_KEY),
        hex(MASTER_SALT),
        hex(MASTER_SALT),
    ];
    let material = Material::new(&keys.concat(), Profile::Aes128CmSha1, true);
    let (mut sealer, mut opener) = split(&material).unwrap();

    let ticket = sealer.indices(0xcafe_babe).unwrap().claim(0x1234).unwrap();
    let mut packet = hex("800f1234 decafbad cafebabe abababab abababab abababab abababab");
    sealer.seal_rtp(ticket, &mut packet, 0, 12).unwrap();
    assert_eq!(
        packet,
        hex(
            "800f1234 decafbad cafebabe 4e55dc4c e79978d8 8ca4d215 949d2402 b78d6acc 99ea179b \
             8dbb"
        )
    );

    let plain = hex("81c8000b cafebabe abababab abababab abababab abababab");
    let expected = hex(
        "81c8000b cafebabe 7128035b e487b9bd bef89041 f977a5a8 80000001 993e08cd \
         54d6c123 0798",
    );
    let mut packet = plain.clone();
    sealer.seal_rtcp(&mut packet, 0).unwrap();
    assert_eq!(packet, expected);
    let mut back = Vec::new();
    opener.open_rtcp(&expected, &mut back).unwrap();
    assert_eq!(back, plain);
}
