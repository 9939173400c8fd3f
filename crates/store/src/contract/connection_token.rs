//! Revoked connection tokens.

use model::{AccountId, ConnectionTokenId, Region, RevokedConnectionToken};

use super::at;
use crate::Store;

fn token(account: &str, region: &str, id: &str, seconds: i64) -> RevokedConnectionToken {
    RevokedConnectionToken {
        account: AccountId::parse(account).unwrap(),
        region: Region::parse(region).unwrap(),
        id: ConnectionTokenId::parse(id).unwrap(),
        at: at(seconds),
    }
}

async fn is_revoked(store: &dyn Store, token: &RevokedConnectionToken) -> bool {
    store
        .connection_token_is_revoked(&token.account, &token.region, &token.id)
        .await
        .unwrap()
}

pub(crate) async fn a_token_is_revoked_in_its_account_and_region(store: &dyn Store) {
    let mine = token("111122223333", "us-west-2", "token", 0);
    assert!(!is_revoked(store, &mine).await);
    for _ in 0..2 {
        store.connection_token_revoke(&mine).await.unwrap();
        assert!(is_revoked(store, &mine).await);
    }
    for other in [
        token("111122223333", "us-west-2", "Token", 0),
        token("111122223333", "eu-west-1", "token", 0),
        token("999988887777", "us-west-2", "token", 0),
    ] {
        assert!(!is_revoked(store, &other).await, "{other:?}");
    }
}

pub(crate) async fn revoked_tokens_are_forgotten_by_their_last_revocation(store: &dyn Store) {
    let tokens: Vec<_> = (0..5)
        .map(|seconds| token("111122223333", "us-west-2", &format!("t{seconds}"), seconds))
        .collect();
    for token in &tokens {
        store.connection_token_revoke(token).await.unwrap();
    }
    // The first one is revoked again, later and then earlier.
    for seconds in [9, 3] {
        let again = token("111122223333", "us-west-2", "t0", seconds);
        store.connection_token_revoke(&again).await.unwrap();
    }
    assert_eq!(store.connection_token_expire(at(3)).await.unwrap(), 2);
    assert_eq!(store.connection_token_expire(at(3)).await.unwrap(), 0);
    let mut left = Vec::new();
    for token in &tokens {
        if is_revoked(store, token).await {
            left.push(token.id.as_str());
        }
    }
    assert_eq!(left, ["t0", "t3", "t4"]);
    assert_eq!(store.connection_token_expire(at(10)).await.unwrap(), 3);
}
