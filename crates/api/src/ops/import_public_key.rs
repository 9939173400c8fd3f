//! ImportPublicKey: takes the public half of a key with which the customer signs tokens.
//!
//! The same key is imported once per account and region, however its text is laid out.

use auth::public_key::PublicKey;
use model::{PublicKeyArn, ResourceId, limits};
use store::StoreError;
use wire::error::ImportPublicKeyError;
use wire::input::ImportPublicKeyInput;
use wire::output::ImportPublicKeyOutput;
use wire::{Invalid, Operation, RequestParts};

use crate::access::Subject;
use crate::app::{Call, Caller};
use crate::constraints::{Breach, check_tags};
use crate::error::{Duplicate, Failure};
use crate::ops::Op;
use crate::shape;

pub(crate) struct ImportPublicKey;

impl Op for ImportPublicKey {
    type Input = ImportPublicKeyInput;
    type Error = ImportPublicKeyError;
    const OPERATION: Operation = Operation::ImportPublicKey;

    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid> {
        ImportPublicKeyInput::parse(parts)
    }

    fn subject(input: &Self::Input, caller: &Caller) -> Subject {
        Subject::kind(caller, PublicKeyArn::KIND)
            .made_with_tags(input.tags.clone().unwrap_or_default())
    }

    async fn run(call: &Call, input: Self::Input) -> Result<Vec<u8>, Failure<Self::Error>> {
        let key = new(call, input)?;
        let store = &call.app.settings.store;
        match store.public_key_insert(&key, limits::PUBLIC_KEYS_MAX).await {
            Err(StoreError::AlreadyExists) => return Err(Duplicate::PublicKey.into()),
            inserted => inserted?,
        }
        let output = ImportPublicKeyOutput {
            public_key: Some(shape::public_key(key)),
        };
        Ok(output.to_json())
    }
}

/// The key that is brought, with an id of its own.
pub(crate) fn new(
    call: &Call,
    input: ImportPublicKeyInput,
) -> Result<model::PublicKey, Failure<ImportPublicKeyError>> {
    let tags = input.tags.unwrap_or_default();
    check_tags(&tags)?;
    let read = PublicKey::from_pem(&input.public_key_material).map_err(Breach::PublicKey)?;
    Ok(model::PublicKey {
        arn: PublicKeyArn {
            region: call.caller.region.clone(),
            account: call.caller.key.account.clone(),
            id: ResourceId::from_random(call.app.random()),
        },
        name: input.name.unwrap_or_default(),
        material: input.public_key_material,
        spki: read.spki().to_vec(),
        fingerprint: read.fingerprint(),
        tags,
        created: call.now.wall,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::tests::{ANA, ANA_ABROAD, BEN, P256, World, block, golden, pem};

    const CONFLICT: (u16, &str) = (409, "ConflictException");

    async fn import(world: &World, material: &str) -> (u16, Value) {
        let body = json!({ "publicKeyMaterial": material });
        let answer = world.call(ANA, "ImportPublicKey", body).await;
        (answer.status, answer.json())
    }

    #[tokio::test]
    async fn golden_import_public_key() {
        let world = World::new().await;
        let body = json!({
            "publicKeyMaterial": pem(0),
            "name": "signer",
            "tags": { "team": "media" },
        });
        insta::assert_snapshot!(golden(&world, "POST", "/ImportPublicKey", body).await);
    }

    #[tokio::test]
    async fn golden_import_public_key_for_the_second_time() {
        let world = World::new().await;
        world.public_key(ANA, 0).await;
        let body = json!({ "publicKeyMaterial": pem(0) });
        insta::assert_snapshot!(golden(&world, "POST", "/ImportPublicKey", body).await);
    }

    #[tokio::test]
    async fn golden_import_public_key_past_the_quota() {
        let world = World::new().await;
        for number in 0..3 {
            world.public_key(ANA, number).await;
        }
        let body = json!({ "publicKeyMaterial": pem(3) });
        insta::assert_snapshot!(golden(&world, "POST", "/ImportPublicKey", body).await);
    }

    #[tokio::test]
    async fn a_key_without_wishes_has_an_empty_name_and_no_tags() {
        let world = World::new().await;
        let (status, made) = import(&world, &pem(0)).await;
        assert_eq!(status, 200);
        let key = made["publicKey"].as_object().unwrap();
        let members: Vec<_> = key.keys().collect();
        let all = ["arn", "fingerprint", "name", "publicKeyMaterial", "tags"];
        assert_eq!(members, all);
        assert_eq!(key["name"], "");
        assert_eq!(key["tags"], json!({}));
        assert_eq!(key["fingerprint"].as_str().unwrap().split(':').count(), 16);
    }

    #[tokio::test]
    async fn the_text_is_kept_to_the_last_newline() {
        let world = World::new().await;
        for (number, material) in [
            pem(0).trim_end().to_owned(),
            pem(1).replace('\n', "\r\n"),
            format!("mine: {}", pem(2)),
        ]
        .into_iter()
        .enumerate()
        {
            let (status, made) = import(&world, &material).await;
            assert_eq!(status, 200, "{number}");
            let body = json!({ "arn": made["publicKey"]["arn"] });
            let read = world.call(ANA, "GetPublicKey", body).await.json();
            assert_eq!(read["publicKey"]["publicKeyMaterial"], material);
            assert_eq!(read, made);
        }
    }

    #[tokio::test]
    async fn the_same_key_conflicts_in_its_account_and_region_only() {
        let world = World::new().await;
        world.public_key(ANA, 0).await;
        for same in [
            pem(0),
            pem(0).trim_end().to_owned(),
            pem(0).replace('\n', "\r\n"),
        ] {
            let body =
                json!({ "publicKeyMaterial": same, "name": "another", "tags": { "a": "b" } });
            let answer = world.call(ANA, "ImportPublicKey", body).await;
            assert_eq!(answer.verdict(), CONFLICT, "{same:?}");
        }
        for who in [BEN, ANA_ABROAD] {
            world.public_key(who, 0).await;
        }
        let page = world.call(ANA, "ListPublicKeys", json!({})).await.json();
        assert_eq!(page["publicKeys"].as_array().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn an_account_has_three_keys_in_a_region() {
        let world = World::new().await;
        for number in 0..3 {
            world.public_key(ANA, number).await;
        }
        let (status, answer) = import(&world, &pem(3)).await;
        assert_eq!(status, 402, "{answer}");
        // What is there already is told before what there is no room for.
        assert_eq!(import(&world, &pem(0)).await.0, 409);
        for who in [BEN, ANA_ABROAD] {
            world.public_key(who, 3).await;
        }
    }

    #[tokio::test]
    async fn t32_what_is_no_p384_public_key_is_refused_and_says_what_is_wanted() {
        let world = World::new().await;
        for (material, said) in [
            (block("PUBLIC KEY", P256), "P-384"),
            (format!("{}{}", pem(0), pem(1)), "pattern"),
            (
                format!("{}-----BEGIN CERTIFICATE-----", pem(0)),
                "one PEM block",
            ),
            (pem(0).replace("PUBLIC", "PRIVATE"), "pattern"),
            (
                format!("{} -----BEGIN PRIVATE KEY-----", pem(0)),
                "private key",
            ),
            (block("PUBLIC KEY", "AAAA"), "SubjectPublicKeyInfo"),
            (block("PUBLIC KEY", "MHYw"), "SubjectPublicKeyInfo"),
            (pem(0).replace("S/a3", "S/a4"), "P-384"),
            (format!("{}{}", " ".repeat(10_000), pem(0)), "8192"),
            (pem(0).replace('\n', ""), "pattern"),
            (String::new(), "pattern"),
        ] {
            let (status, answer) = import(&world, &material).await;
            assert_eq!(status, 400, "{material}");
            assert_eq!(answer["__type"], "ValidationException");
            let message = answer["exceptionMessage"].as_str().unwrap();
            assert!(message.contains("publicKeyMaterial"), "{message}");
            assert!(message.contains(said), "{message}");
            assert!(!message.contains("MHY"), "{message}");
        }
        for body in [
            json!({}),
            json!({ "publicKeyMaterial": 1 }),
            json!({ "publicKeyMaterial": null }),
            json!({ "publicKeyMaterial": pem(0), "name": "no spaces" }),
            json!({ "publicKeyMaterial": pem(0), "tags": { "aws:x": "" } }),
        ] {
            let answer = world.call(ANA, "ImportPublicKey", body.clone()).await;
            assert_eq!(answer.verdict(), (400, "ValidationException"), "{body}");
        }
        let page = world.call(ANA, "ListPublicKeys", json!({})).await;
        assert_eq!(page.json(), json!({ "publicKeys": [] }));
    }
}
