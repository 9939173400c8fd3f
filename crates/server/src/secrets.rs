//! The secrets of an installation: made at the first start, kept by the store.

use anyhow::{Context as _, anyhow};
use auth::token::TokenKey;
use store::Store;

use crate::clock::{Random, random_bytes};

/// What signs and seals.
pub(crate) struct Secrets {
    /// Signs participant tokens.
    pub(crate) token: TokenKey,
    /// Marks participant ids that this server minted.
    pub(crate) participant: [u8; auth::participant_id::KEY_LEN],
    /// Seals page cursors.
    pub(crate) cursor: [u8; auth::seal::KEY_LEN],
}

/// Reads the secrets, and makes those that are not there yet.
pub(crate) async fn load(store: &dyn Store, random: &Random) -> anyhow::Result<Secrets> {
    let der = store
        .secret_get_or_insert("token-key", &TokenKey::generate_pkcs8())
        .await
        .context("reading the token key")?;
    Ok(Secrets {
        token: TokenKey::from_pkcs8(&der).context("reading the token key")?,
        participant: symmetric(store, random, "participant-key").await?,
        cursor: symmetric(store, random, "cursor-key").await?,
    })
}

async fn symmetric<const N: usize>(
    store: &dyn Store,
    random: &Random,
    name: &str,
) -> anyhow::Result<[u8; N]> {
    let bytes = store
        .secret_get_or_insert(name, &random_bytes::<N>(random))
        .await
        .with_context(|| format!("reading the secret {name}"))?;
    bytes
        .try_into()
        .map_err(|_| anyhow!("the stored secret {name} does not have {N} bytes"))
}
