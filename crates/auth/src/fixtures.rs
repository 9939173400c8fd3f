//! Tokens that other implementations have made, for tests.

use crate::public_key::PublicKey;

/// What fixtures/tokens.py has printed, by name.
pub(crate) fn fixture(name: &str) -> &'static str {
    let rows = include_str!("../fixtures/tokens.txt").lines();
    let mut rows = rows.filter_map(|row| row.split_once(' '));
    rows.find(|(row, _)| *row == name).unwrap().1
}

/// The public half of the fixtures' key.
pub(crate) fn fixture_key() -> PublicKey {
    PublicKey::from_pem(
        "-----BEGIN PUBLIC KEY-----\n\
        MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEybak2UbbcWPf1KzX0ZQ5gHt7qXAKgyu4\n\
        yD9QWsN99QohxP7Z3EGEnrm72PkCIUmV9pO1+MaxH+FVkdUuapivkkQDbHRlZGq+\n\
        qgWAzDzK6WiHb4KTF+5jyPtreqaVscRK\n\
        -----END PUBLIC KEY-----\n",
    )
    .unwrap()
}
