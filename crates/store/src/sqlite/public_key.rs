//! Public keys.

use model::{PublicKey, PublicKeyArn};
use sqlx::{FromRow, SqliteConnection, query};

use super::fault;
use super::resource::{self, Resource};
use super::row::{arn_of, for_arn, json, nanoseconds, parse_json, timestamp};
use crate::StoreError;
use crate::page::{Key, List};

#[derive(FromRow)]
pub(super) struct Row {
    account: String,
    region: String,
    id: String,
    name: String,
    material: String,
    spki: Vec<u8>,
    fingerprint: String,
    tags: String,
    created: i64,
}

impl Resource for Row {
    type Model = PublicKey;
    const KINDS: &'static str = "public keys";
    const SQL: resource::Sql = resource::sql!(
        "public_key",
        "account, region, id, name, material, spki, fingerprint, tags, created"
    );
    const LIST: List = List::PublicKeys;

    fn key(&self) -> Key {
        Key {
            number: self.created,
            id: self.id.clone(),
        }
    }

    fn model(self) -> Result<PublicKey, StoreError> {
        Ok(PublicKey {
            arn: arn_of!(self, PublicKeyArn, ResourceId),
            name: self.name,
            material: self.material,
            spki: self.spki,
            fingerprint: self.fingerprint,
            tags: parse_json(&self.tags, "tags")?,
            created: timestamp(self.created),
        })
    }
}

/// Adds a public key.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    key: PublicKey,
    quota: u32,
) -> Result<(), StoreError> {
    let added = add(connection, &key).await?;
    Row::admit(connection, added, &key.arn.account, &key.arn.region, quota).await
}

/// Adds a public key unless its ARN is there, and says whether it was added. `AlreadyExists` if the key itself is there.
pub(super) async fn add(
    connection: &mut SqliteConnection,
    key: &PublicKey,
) -> Result<bool, StoreError> {
    let inserted = for_arn!(
        query(
            "INSERT INTO public_key (account, region, id, name, material, spki, fingerprint, tags, created) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (account, region, id) DO NOTHING",
        ),
        key.arn
    )
    .bind(&key.name)
    .bind(&key.material)
    .bind(&key.spki)
    .bind(&key.fingerprint)
    .bind(json(&key.tags))
    .bind(nanoseconds(key.created))
    .execute(connection)
    .await;
    match inserted {
        Ok(done) => Ok(done.rows_affected() == 1),
        Err(error) if fault::is_duplicate(&error) => Err(StoreError::AlreadyExists),
        Err(error) => Err(error.into()),
    }
}
