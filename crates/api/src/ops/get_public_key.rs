//! GetPublicKey: one public key, as it was imported.

use model::PublicKeyArn;
use wire::error::GetPublicKeyError;
use wire::input::GetPublicKeyInput;
use wire::output::GetPublicKeyOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller};
use crate::error::{Absent, Failure};
use crate::ops::Op;
use crate::shape;

pub(crate) struct GetPublicKey;

impl Op for GetPublicKey {
    type Input = GetPublicKeyInput;
    type Error = GetPublicKeyError;
    const OPERATION: Operation = Operation::GetPublicKey;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        GetPublicKeyInput::parse(parts)
    }

    fn subject(input: &Self::Input, _caller: &Caller) -> Subject {
        Subject::arn(&input.arn)
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let arn = call.own_arn(&input.arn, PublicKeyArn::parse, Absent::PublicKey)?;
        let key = call.app.settings.store.public_key_get(&arn).await?;
        let output = GetPublicKeyOutput {
            public_key: Some(shape::public_key(key.ok_or(Absent::PublicKey)?)),
        };
        Ok(output.to_json())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tests::{ANA, World, golden, pem};

    #[tokio::test]
    async fn golden_get_public_key() {
        let world = World::new().await;
        let arn = world.public_key(ANA, 0).await;
        let body = json!({ "arn": arn });
        insta::assert_snapshot!(golden(&world, "POST", "/GetPublicKey", body).await);
    }

    #[tokio::test]
    async fn golden_get_public_key_that_does_not_exist() {
        let world = World::new().await;
        let body = json!({ "arn": "arn:aws:ivs:us-west-2:111111111111:public-key/abcdABCDefgh" });
        insta::assert_snapshot!(golden(&world, "POST", "/GetPublicKey", body).await);
    }

    #[tokio::test]
    async fn what_was_imported_is_read_back_whole() {
        let world = World::new().await;
        let body = json!({ "publicKeyMaterial": pem(0), "name": "mine", "tags": { "k": "v" } });
        let made = world.call(ANA, "ImportPublicKey", body).await.json();
        let body = json!({ "arn": made["publicKey"]["arn"] });
        let read = world.call(ANA, "GetPublicKey", body).await.json();
        assert_eq!(read, made);
    }
}
