//! `POST /_downstage/token`: what a token says, whether it would be let in at this moment, and if not, every reason.
//!
//! It answers for both kinds of tokens, whoever signed them. The token is a credential: it is in no log, and the answer
//! shows its claims only.

use std::sync::Arc;

use auth::explain::{Explanation, Inspection, Key, Kind, Known, Signature};
use auth::public_key::PublicKey;
use auth::token::Signer;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::StoreError;

use super::problem::Problem;
use super::{Admin, body, no_query};

pub(super) async fn serve(
    State(admin): State<Arc<Admin>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    no_query(query.as_deref())?;
    let text = body::read(&headers, body).await?;
    let token = token(&text).ok_or(Problem::NoToken)?;
    let explanation = explain(&admin, token.trim()).await?;
    Ok(super::json(
        StatusCode::OK,
        print(&explanation).to_string() + "\n",
    ))
}

/// The one member of the body.
fn token(text: &[u8]) -> Option<String> {
    let Ok(Value::Object(members)) = serde_json::from_slice(text) else {
        return None;
    };
    let mut members = members.into_iter();
    match (members.next(), members.next()) {
        (Some((name, Value::String(token))), None) if name == "token" => Some(token),
        _ => None,
    }
}

/// Looks up whatever the token names.
async fn explain(admin: &Admin, token: &str) -> Result<Explanation, Problem> {
    let settings = &admin.app.settings;
    let store = &settings.store;
    let inspection = Inspection::read(token);
    let imported = match inspection.signer() {
        Some(Signer::PublicKey(arn)) => store.public_key_get(arn).await?,
        Some(Signer::Server) | None => None,
    };
    let imported = imported.map(|key| PublicKey::from_spki(&key.spki));
    let imported = imported
        .transpose()
        .map_err(|_| StoreError::Corrupt { what: "public key" })?;
    let key = match (inspection.signer(), &imported) {
        (None, _) => Key::Unknown,
        (Some(Signer::Server), _) => Key::Server(&settings.token_key),
        (Some(Signer::PublicKey(_)), Some(key)) => Key::Public(key),
        (Some(Signer::PublicKey(_)), None) => Key::NotFound,
    };
    let mut known = Known {
        now: (settings.clock)().wall,
        skew: admin.token_skew,
        key,
        stage_exists: None,
        is_banned: None,
        is_revoked: None,
    };
    if let Some(stage) = inspection.stage() {
        let mut all = store.stage_all().await?.into_iter();
        let banned = all.find(|(arn, _)| *arn == stage).map(|(_, ids)| ids);
        known.stage_exists = Some(banned.is_some());
        if let (Some(banned), Some(participant)) = (&banned, inspection.participant()) {
            known.is_banned = Some(banned.contains(&participant));
        }
    }
    if let Some((key, id)) = inspection.connection() {
        let revoked = store.connection_token_is_revoked(&key.account, &key.region, &id);
        known.is_revoked = Some(revoked.await?);
    }
    Ok(inspection.explain(&known))
}

fn print(explanation: &Explanation) -> Value {
    let accepted = explanation.faults.is_empty() && explanation.signature == Signature::Verified;
    let reasons = explanation.faults.iter();
    let reasons =
        reasons.map(|fault| json!({ "code": fault.code(), "message": fault.to_string() }));
    let reasons: Vec<Value> = reasons.collect();
    let kind = match explanation.kind {
        Kind::Participant => "PARTICIPANT",
        Kind::Connection => "CONNECTION",
    };
    let signature = match explanation.signature {
        Signature::Verified => "VERIFIED",
        Signature::Refused => "REFUSED",
        Signature::NotChecked => "NOT_CHECKED",
    };
    let (signer, key) = match &explanation.signer {
        None => (None, None),
        Some(Signer::Server) => (Some("SERVER".into()), None),
        Some(Signer::PublicKey(arn)) => (Some("PUBLIC_KEY".into()), Some(arn.to_string().into())),
    };
    let time = |time: Timestamp| Value::from(time.to_string());
    let members = [
        ("kind", Some(kind.into())),
        ("signer", signer),
        ("publicKeyArn", key),
        ("signature", Some(signature.into())),
        ("header", explanation.header.clone().map(Value::Object)),
        ("claims", explanation.claims.clone().map(Value::Object)),
        ("issuedAt", explanation.issued.map(time)),
        ("expiresAt", explanation.expires.map(time)),
        ("accepted", Some(accepted.into())),
        ("reasons", Some(Value::Array(reasons))),
    ];
    let members = members.into_iter();
    members
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}
