//! ListPublicKeys: the public keys of the caller's account and region, oldest first, without the keys themselves.

use model::PublicKeyArn;
use wire::error::ListPublicKeysError;
use wire::input::ListPublicKeysInput;
use wire::output::ListPublicKeysOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller};
use crate::cursor::List;
use crate::error::Failure;
use crate::ops::Op;
use crate::shape;

pub(crate) struct ListPublicKeys;

impl Op for ListPublicKeys {
    type Input = ListPublicKeysInput;
    type Error = ListPublicKeysError;
    const OPERATION: Operation = Operation::ListPublicKeys;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        ListPublicKeysInput::parse(parts)
    }

    fn subject(_input: &Self::Input, caller: &Caller) -> Subject {
        Subject::kind(caller, PublicKeyArn::KIND)
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let (settings, caller) = (&call.app.settings, &call.caller);
        let list = List::new(Self::OPERATION, caller, &[]);
        let page = list.page(
            &settings.cursor_key,
            input.max_results,
            input.next_token.as_deref(),
        )?;
        let found = settings
            .store
            .public_key_list(&caller.key.account, &caller.region, &page)
            .await?;
        let output = ListPublicKeysOutput {
            public_keys: found
                .items
                .into_iter()
                .map(shape::public_key_summary)
                .collect(),
            next_token: list.next_token(&settings.cursor_key, found.next),
        };
        Ok(output.to_json())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::PublicKey;
    use serde_json::json;

    use super::*;
    use crate::tests::{ANA, World, golden, pem};

    #[tokio::test]
    async fn golden_list_public_keys() {
        let world = World::new().await;
        for (number, name) in ["first", ""].into_iter().enumerate() {
            let body = json!({ "publicKeyMaterial": pem(number), "name": name });
            world.call(ANA, "ImportPublicKey", body).await;
            world.advance(Duration::from_secs(1));
        }
        insta::assert_snapshot!(golden(&world, "POST", "/ListPublicKeys", json!({})).await);
    }

    #[tokio::test]
    async fn without_keys_the_list_is_empty() {
        let world = World::new().await;
        let page = world.call(ANA, "ListPublicKeys", json!({})).await;
        assert_eq!(page.json(), json!({ "publicKeys": [] }));
    }

    /// An account has three keys at most by the API, so the rest come from elsewhere.
    #[tokio::test]
    async fn a_page_has_fifty_keys_unless_asked_otherwise_and_summaries_only() {
        let world = World::new().await;
        for number in 0..51 {
            let key = PublicKey {
                arn: PublicKeyArn::parse(&format!(
                    "arn:aws:ivs:us-west-2:111111111111:public-key/key-{number:02}"
                ))
                .unwrap(),
                name: String::new(),
                material: "material".to_owned(),
                spki: vec![number],
                fingerprint: "00".to_owned(),
                tags: model::Tags::new(),
                created: world.now().wall,
            };
            world.store.public_key_insert(&key, 51).await.unwrap();
        }
        let page = world.call(ANA, "ListPublicKeys", json!({})).await.json();
        assert_eq!(page["publicKeys"].as_array().unwrap().len(), 50);
        assert!(page["nextToken"].is_string());
        let rest = json!({ "nextToken": page["nextToken"] });
        let rest = world.call(ANA, "ListPublicKeys", rest).await.json();
        let last = "arn:aws:ivs:us-west-2:111111111111:public-key/key-50";
        let last = json!({ "publicKeys": [{ "arn": last, "name": "", "tags": {} }] });
        assert_eq!(rest, last);
        for size in [0, 101] {
            let body = json!({ "maxResults": size });
            let answer = world.call(ANA, "ListPublicKeys", body).await;
            assert_eq!(answer.verdict(), (400, "ValidationException"), "{size}");
        }
    }
}
