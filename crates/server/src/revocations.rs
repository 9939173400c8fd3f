//! How `media` learns of revoked connection tokens: by asking the store when a connection opens, and from the API while it is open.

use std::sync::Arc;

use media::{Command, KeysUnavailable, Media, RevokedTokens};
use model::RevokedConnectionToken;
use store::SharedStore;

/// Asks the store anew each time.
pub(crate) fn of(store: SharedStore) -> RevokedTokens {
    Arc::new(move |account, region, token| {
        let store = Arc::clone(&store);
        Box::pin(async move {
            let found = store.connection_token_is_revoked(&account, &region, &token);
            found.await.map_err(|error| {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "cannot look up a connection token");
                KeysUnavailable
            })
        })
    })
}

/// Tells `media` of each revocation that the store has.
pub(crate) fn tell(media: Media) -> api::Revoked {
    Arc::new(move |token: &RevokedConnectionToken| {
        media.command(Command::RevokeConnectionToken {
            account: token.account.clone(),
            region: token.region.clone(),
            token: token.id.clone(),
        });
    })
}
