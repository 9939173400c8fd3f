//! RevokeConnectionToken: nobody may use a connection token any more. It is named by its `jti`, which the service never saw
//! when the customer signed it, so any id is one that can be revoked, and again is fine. Who is connected with it is disconnected.

use model::{ConnectionTokenId, RevokedConnectionToken};
use wire::error::RevokeConnectionTokenError;
use wire::input::RevokeConnectionTokenInput;
use wire::output::RevokeConnectionTokenOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller};
use crate::constraints::Breach;
use crate::error::Failure;
use crate::ops::Op;

pub(crate) struct RevokeConnectionToken;

impl Op for RevokeConnectionToken {
    type Input = RevokeConnectionTokenInput;
    type Error = RevokeConnectionTokenError;
    const OPERATION: Operation = Operation::RevokeConnectionToken;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        RevokeConnectionTokenInput::parse(parts)
    }

    /// A connection token has no ARN.
    fn subject(_input: &Self::Input, _caller: &Caller) -> Subject {
        Subject::arn("*")
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let id = ConnectionTokenId::parse(&input.token_id).map_err(|_| Breach::TokenId)?;
        let token = RevokedConnectionToken {
            account: call.caller.key.account.clone(),
            region: call.caller.region.clone(),
            id,
            at: call.now.wall,
        };
        let store = &call.app.settings.store;
        store.connection_token_revoke(&token).await?;
        (call.app.settings.revoked)(&token);
        Ok(RevokeConnectionTokenOutput {}.to_json())
    }
}

#[cfg(test)]
mod tests {
    use model::{AccountId, Region};
    use serde_json::json;

    use super::*;
    use crate::tests::{ANA, World, golden, policy};

    async fn is_revoked(world: &World, account: &str, region: &str, id: &str) -> bool {
        let account = AccountId::parse(account).unwrap();
        let region = Region::parse(region).unwrap();
        let id = ConnectionTokenId::parse(id).unwrap();
        world
            .store
            .connection_token_is_revoked(&account, &region, &id)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn golden_revoke_connection_token() {
        let world = World::new().await;
        let body = json!({ "tokenId": "c-1_A" });
        insta::assert_snapshot!(golden(&world, "POST", "/RevokeConnectionToken", body).await);
    }

    #[tokio::test]
    async fn any_id_is_revoked_once_and_for_all_in_its_account_and_region() {
        let world = World::new().await;
        for _ in 0..2 {
            let body = json!({ "tokenId": "never-seen" });
            let answer = world.call(ANA, "RevokeConnectionToken", body).await;
            assert_eq!(answer.status, 200);
            assert!(answer.bytes.is_empty());
        }
        let told = world.revoked.lock().unwrap().clone();
        assert_eq!(told, ["never-seen", "never-seen"], "media hears of it");
        for (account, region, id, expected) in [
            ("111111111111", "us-west-2", "never-seen", true),
            ("111111111111", "us-west-2", "Never-seen", false),
            ("111111111111", "eu-west-1", "never-seen", false),
            ("222222222222", "us-west-2", "never-seen", false),
        ] {
            let found = is_revoked(&world, account, region, id).await;
            assert_eq!(found, expected, "{account} {region} {id}");
        }
    }

    #[tokio::test]
    async fn ids_are_of_the_modelled_alphabet_and_length() {
        let world = World::new().await;
        for (id, status) in [
            (json!("a"), 200),
            (json!("x".repeat(64)), 200),
            (json!("x".repeat(65)), 400),
            (json!(""), 400),
            (json!("a b"), 400),
            (json!("a\n"), 400),
            (json!("é"), 400),
            (json!(1), 400),
            (json!(null), 400),
        ] {
            let body = json!({ "tokenId": id });
            let answer = world.call(ANA, "RevokeConnectionToken", body).await;
            assert_eq!(answer.status, status, "{id}");
        }
        let answer = world.call(ANA, "RevokeConnectionToken", json!({})).await;
        assert_eq!(answer.verdict(), (400, "ValidationException"));
    }

    #[tokio::test]
    async fn the_right_to_revoke_is_about_no_resource_in_particular() {
        for (resource, status) in [
            ("*", 200),
            ("arn:aws:ivs:us-west-2:111111111111:public-key/*", 403),
        ] {
            let world = World::with(|settings| {
                let statement = json!({
                    "Effect": "Allow",
                    "Action": "ivs:RevokeConnectionToken",
                    "Resource": resource,
                });
                settings.access_keys.get_mut(ANA.key).unwrap().policy = policy(&statement);
            })
            .await;
            let body = json!({ "tokenId": "a" });
            let answer = world.call(ANA, "RevokeConnectionToken", body).await;
            assert_eq!(answer.status, status, "{resource}");
        }
    }
}
