//! DeletePublicKey: ends the use of a public key for good. Tokens that it verifies open nothing from here on, because every
//! join looks the key up; who has joined already stays.
//!
//! The model declares a ConflictException; nothing that a key is used for keeps it from being deleted.

use model::PublicKeyArn;
use wire::error::DeletePublicKeyError;
use wire::input::DeletePublicKeyInput;
use wire::output::DeletePublicKeyOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller, is_there};
use crate::error::{Absent, Failure};
use crate::ops::Op;

pub(crate) struct DeletePublicKey;

impl Op for DeletePublicKey {
    type Input = DeletePublicKeyInput;
    type Error = DeletePublicKeyError;
    const OPERATION: Operation = Operation::DeletePublicKey;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        DeletePublicKeyInput::parse(parts)
    }

    fn subject(input: &Self::Input, _caller: &Caller) -> Subject {
        Subject::arn(&input.arn)
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let arn = call.own_arn(&input.arn, PublicKeyArn::parse, Absent::PublicKey)?;
        let deleted = call.app.settings.store.public_key_delete(&arn).await;
        is_there(deleted, Absent::PublicKey)?;
        Ok(DeletePublicKeyOutput {}.to_json())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tests::{ANA, World, golden, pem};

    #[tokio::test]
    async fn golden_delete_public_key() {
        let world = World::new().await;
        let arn = world.public_key(ANA, 0).await;
        let body = json!({ "arn": arn });
        insta::assert_snapshot!(golden(&world, "POST", "/DeletePublicKey", body).await);
    }

    #[tokio::test]
    async fn a_deleted_key_is_gone_for_good_and_may_be_imported_anew() {
        let world = World::new().await;
        let arn = world.public_key(ANA, 0).await;
        let body = json!({ "arn": arn });
        let answer = world.call(ANA, "DeletePublicKey", body.clone()).await;
        assert_eq!(answer.status, 200);
        assert!(answer.bytes.is_empty());
        for operation in ["DeletePublicKey", "GetPublicKey"] {
            let answer = world.call(ANA, operation, body.clone()).await;
            let gone = (404, "ResourceNotFoundException");
            assert_eq!(answer.verdict(), gone, "{operation}");
            let message = "the public key does not exist";
            assert_eq!(answer.json()["exceptionMessage"], message, "{operation}");
        }
        let page = world.call(ANA, "ListPublicKeys", json!({})).await;
        assert_eq!(page.json(), json!({ "publicKeys": [] }));
        let body = json!({ "publicKeyMaterial": pem(0) });
        let again = world.call(ANA, "ImportPublicKey", body).await.json();
        assert_ne!(again["publicKey"]["arn"], arn);
    }

    #[tokio::test]
    async fn a_deleted_key_makes_room_for_another() {
        let world = World::new().await;
        let mut arn = String::new();
        for number in 0..3 {
            arn = world.public_key(ANA, number).await;
        }
        let more = json!({ "publicKeyMaterial": pem(3) });
        let answer = world.call(ANA, "ImportPublicKey", more.clone()).await;
        assert_eq!(answer.status, 402);
        world
            .call(ANA, "DeletePublicKey", json!({ "arn": arn }))
            .await;
        let answer = world.call(ANA, "ImportPublicKey", more).await;
        assert_eq!(answer.status, 200);
    }
}
