//! Public keys.

use super::{NAUGHTY, public_key_in};
use crate::{Store, StoreError};
use model::PublicKey;

fn public_key(id: &str) -> PublicKey {
    public_key_in("111122223333", "us-west-2", id)
}

pub(crate) async fn t14_a_public_key_reads_back_as_it_was_written(store: &dyn Store) {
    for (number, text) in NAUGHTY.iter().enumerate() {
        let mut written = public_key(&format!("naughty{number}"));
        written.name = (*text).to_owned();
        written.material = format!("-----BEGIN PUBLIC KEY-----\n{text}\n");
        written.spki = format!("{number} {text}").into_bytes();
        written.spki.extend([0, 255]);
        written.fingerprint = (*text).to_owned();
        written.tags.insert(format!("key {text}"), (*text).into());
        store.public_key_insert(&written, 1_000).await.unwrap();
        let read = store.public_key_get(&written.arn).await.unwrap();
        assert_eq!(read.as_ref(), Some(&written), "{text:?}");
    }
}

pub(crate) async fn a_key_is_imported_once_in_an_account_and_region(store: &dyn Store) {
    let first = public_key("first");
    store.public_key_insert(&first, 10).await.unwrap();
    let same = |account: &str, region: &str, id: &str| PublicKey {
        spki: first.spki.clone(),
        ..public_key_in(account, region, id)
    };
    let second = same("111122223333", "us-west-2", "second");
    // That it is there already is said even where there is no room for another one.
    for quota in [10, 1] {
        let refused = store.public_key_insert(&second, quota).await;
        assert!(matches!(refused, Err(StoreError::AlreadyExists)));
    }
    assert_eq!(store.public_key_get(&second.arn).await.unwrap(), None);
    for (account, region) in [("111122223333", "eu-west-1"), ("999988887777", "us-west-2")] {
        let elsewhere = same(account, region, "second");
        store.public_key_insert(&elsewhere, 10).await.unwrap();
    }
    store.public_key_delete(&first.arn).await.unwrap();
    store.public_key_insert(&second, 10).await.unwrap();
}
