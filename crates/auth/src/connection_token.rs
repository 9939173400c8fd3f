//! Connection tokens: ES384 JWTs that open one transport for several stages of an account and region. Customers sign them,
//! with the private half of an imported key; each stage still needs a participant token of its own.
//!
//! They are read in two steps like participant tokens: [`Unverified::read`] says which key to look up,
//! [`Unverified::verify_with`] gives what the token allows. One kind never passes for the other: a participant token names a
//! stage, and a connection token must not.
//!
//! What is absent: the transport itself, and the list of revoked tokens (the caller looks one up by `ConnectionGrant::token`).

use std::time::Duration;

use jiff::Timestamp;
use model::limits::CONNECTION_TOKEN_LIFE_MAX;
use model::{AccountId, ConnectionTokenId, PublicKeyArn, Region};
use serde::Serialize;

use crate::claims::{Claims, Life, VERSION};
use crate::fault::Fault;
use crate::json::Object;
use crate::jws::{self, Jws, Signer};
use crate::key_pair::SigningKey;
use crate::public_key::PublicKey;
use crate::token::{TokenError, first};

const LIFE: Life = Life {
    secs_max: CONNECTION_TOKEN_LIFE_MAX.as_secs().cast_signed(),
    rule: "after iat, and at most four weeks after it",
};

/// What makes a participant token one. A text that is both would be one credential with two meanings.
const FOREIGN: [&str; 4] = ["capabilities", "resource", "topic", "whip_url"];

/// The content of a connection token whose signature and claims hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionGrant {
    /// Whose stages may be joined over the connection.
    pub account: AccountId,
    /// Where they must be.
    pub region: Region,
    /// The token (claim `jti`), by which it can be revoked.
    pub token: ConnectionTokenId,
    /// When it ends (claim `exp`). It counts when a connection opens.
    pub expires: Timestamp,
}

impl ConnectionGrant {
    /// Whether the token has ended.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires <= now
    }
}

/// What a new connection token says. Account and region are those of the key that signs it.
#[derive(Clone, Debug)]
pub struct ConnectionTokenRequest<'a> {
    /// Its name (`jti`), by which it can be revoked.
    pub token: &'a ConnectionTokenId,
    /// `events_url` claim.
    pub events_url: &'a str,
    /// `iat`, cut to whole seconds.
    pub issued: Timestamp,
    /// `exp` - `iat`, at most four weeks.
    pub life: Duration,
}

/// A connection token of good form that nobody has verified.
pub struct Unverified<'t> {
    jws: Jws<'t>,
    key: PublicKeyArn,
}

impl std::fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Unverified").field(&self.key).finish()
    }
}

impl<'t> Unverified<'t> {
    /// Reads size, shape and header, which must name a key.
    pub fn read(token: &'t str) -> Result<Self, TokenError> {
        let mut faults = Vec::new();
        let read = jws::read(token, &mut faults);
        first(&faults)?;
        let jws = read.jws.ok_or(TokenError::Signature)?;
        match &jws.signer {
            Signer::Server => Err(Fault::KeyIdMissing.into()),
            Signer::PublicKey(key) => {
                let key = key.clone();
                Ok(Self { jws, key })
            }
        }
    }

    /// The key to look up.
    pub fn key(&self) -> &PublicKeyArn {
        &self.key
    }

    /// Verifies signature and claims with the key that [`Unverified::key`] names. Expiry is not judged
    /// ([`ConnectionGrant::has_expired`]); `iat` may lie up to `skew` in the future.
    pub fn verify_with(
        &self,
        key: &PublicKey,
        now: Timestamp,
        skew: Duration,
    ) -> Result<ConnectionGrant, TokenError> {
        let payload = self.jws.open(key)?;
        let object = jws::parse(&payload, "payload")?;
        let mut faults = Vec::new();
        let grant = read(&object, &self.jws.signer, now, skew, &mut faults);
        first(&faults)?;
        // Without a fault the grant is whole.
        grant.ok_or(TokenError::Signature)
    }
}

/// Reads and checks the claims of a token that names this signer. Claims that are not known are passed over. The grant is
/// whole only where no fault was added.
pub(crate) fn read(
    object: &Object,
    signer: &Signer,
    now: Timestamp,
    skew: Duration,
    faults: &mut Vec<Fault>,
) -> Option<ConnectionGrant> {
    let mut claims = Claims::new(object, faults);
    for claim in FOREIGN {
        claims.foreign(claim);
    }
    claims.version();
    let expires = claims.times(now, skew, &LIFE);
    let token = claims.parsed(
        "jti",
        "1 to 64 of a-z, A-Z, 0-9, - and _",
        ConnectionTokenId::parse,
    );
    let account = claims.parsed("account_id", "twelve digits", AccountId::parse);
    let region = claims.parsed("region", "the name of a region", Region::parse);
    claims.text("events_url");
    if let Signer::PublicKey(key) = signer {
        if account
            .as_ref()
            .is_some_and(|account| *account != key.account)
        {
            claims.fault("account_id", "the account of the key (kid)");
        }
        if region.as_ref().is_some_and(|region| *region != key.region) {
            claims.fault("region", "the region of the key (kid)");
        }
    }
    Some(ConnectionGrant {
        account: account?,
        region: region?,
        token: token?,
        expires: expires?,
    })
}

#[derive(Serialize)]
struct Printed<'a> {
    exp: i64,
    iat: i64,
    jti: &'a str,
    account_id: &'a str,
    region: &'a str,
    events_url: &'a str,
    version: &'static str,
}

impl SigningKey {
    /// Signs a connection token. `kid` is the ARN under which the public half has been imported.
    pub fn sign_connection_token(
        &self,
        kid: &PublicKeyArn,
        request: &ConnectionTokenRequest<'_>,
    ) -> String {
        let iat = request.issued.as_second();
        let life = i64::try_from(request.life.as_secs()).unwrap_or(i64::MAX);
        let printed = Printed {
            exp: iat.saturating_add(life),
            iat,
            jti: request.token.as_str(),
            account_id: kid.account.as_str(),
            region: kid.region.as_str(),
            events_url: request.events_url,
            version: VERSION,
        };
        let payload = serde_json::to_vec(&printed).expect("texts and integers always print");
        let header = jws::header(&Signer::PublicKey(kid.clone()));
        jws::sign(self, header.as_bytes(), &payload)
    }
}

#[cfg(test)]
mod tests;
