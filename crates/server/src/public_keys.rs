//! How `media` finds the keys that customers have imported: it may not know the store.

use std::sync::Arc;

use auth::public_key::PublicKey;
use media::{KeysUnavailable, PublicKeys};
use model::PublicKeyArn;
use store::{SharedStore, Store};

/// Asks the store anew each time: a key that was remembered here would outlive its deletion.
pub(crate) fn of(store: SharedStore) -> PublicKeys {
    Arc::new(move |arn| {
        let store = Arc::clone(&store);
        Box::pin(async move { find(&*store, &arn).await })
    })
}

async fn find(store: &dyn Store, arn: &PublicKeyArn) -> Result<Option<PublicKey>, KeysUnavailable> {
    let found = store.public_key_get(arn).await.map_err(|error| {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(error, "cannot look up a public key");
        KeysUnavailable
    })?;
    let Some(found) = found else {
        return Ok(None);
    };
    let key = PublicKey::from_spki(&found.spki).map_err(|error| {
        let error = &error as &dyn std::error::Error;
        tracing::error!(error, "the store holds a public key that is none");
        KeysUnavailable
    })?;
    Ok(Some(key))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use auth::key_pair;
    use jiff::Timestamp;
    use store::{Latency, Sqlite};

    use super::*;

    fn stored(id: &str, spki: &[u8]) -> model::PublicKey {
        let arn = format!("arn:aws:ivs:us-west-2:123456789012:public-key/{id}");
        model::PublicKey {
            arn: PublicKeyArn::parse(&arn).unwrap(),
            name: String::new(),
            material: String::new(),
            spki: spki.to_vec(),
            fingerprint: String::new(),
            tags: BTreeMap::new(),
            created: Timestamp::UNIX_EPOCH,
        }
    }

    #[tokio::test]
    async fn a_key_is_found_from_its_import_to_its_deletion_while_the_store_answers() {
        let store = Arc::new(Sqlite::open_memory(Arc::new(Latency::new())).await.unwrap());
        let find = of(Arc::clone(&store) as SharedStore);
        let pair = key_pair::generate();
        let key = stored("good", pair.public().spki());
        assert_eq!(find(key.arn.clone()).await, Ok(None));
        store.public_key_insert(&key, 3).await.unwrap();
        let found = find(key.arn.clone()).await.unwrap();
        assert_eq!(found.as_ref(), Some(pair.public()));
        store.public_key_delete(&key.arn).await.unwrap();
        assert_eq!(find(key.arn.clone()).await, Ok(None));

        let bad = stored("bad", b"none");
        store.public_key_insert(&bad, 3).await.unwrap();
        assert_eq!(find(bad.arn.clone()).await, Err(KeysUnavailable));
        store.close().await;
        assert_eq!(find(key.arn).await, Err(KeysUnavailable));
    }
}
