//! The form that all tokens share: a JWS in compact form (RFC 7515), signed by ES384 and nothing else.
//!
//! The key decides the algorithm; the header can only agree. Nothing that a header names is ever fetched or obeyed, but for
//! `kid`, which is looked up among the imported keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::PublicKeyArn;

use crate::fault::{Fault, SIGNATURE_LEN, TOKEN_LEN_MAX};
use crate::json::{self, Object};
use crate::key_pair::SigningKey;
use crate::public_key::PublicKey;

/// The algorithm of every token.
pub(crate) const ALGORITHM: &str = "ES384";

/// Header members that choose a key, a format or an algorithm (RFC 7515 section 4.1, RFC 7516, RFC 7518, RFC 7797). None is
/// ever obeyed.
const HEADER_FOREIGN: [&str; 18] = [
    "apu", "apv", "b64", "crit", "cty", "enc", "epk", "iv", "jku", "jwk", "p2c", "p2s", "tag",
    "x5c", "x5t", "x5t#S256", "x5u", "zip",
];

/// Whose signature a token says that it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signer {
    /// This server's: the header has no `kid`.
    Server,
    /// A customer's: the header's `kid`.
    PublicKey(PublicKeyArn),
}

/// A token of good form, whose signature has not been checked.
#[derive(Clone)]
pub(crate) struct Jws<'t> {
    pub(crate) signer: Signer,
    message: &'t str,
    payload: &'t str,
    signature: Vec<u8>,
}

/// What could be read of a token.
pub(crate) struct Read<'t> {
    /// The token, if its form holds.
    pub(crate) jws: Option<Jws<'t>>,
    /// Whom it names, even where its form does not hold.
    pub(crate) signer: Option<Signer>,
    /// The first two parts, still encoded, if there are three.
    pub(crate) header: Option<&'t str>,
    pub(crate) payload: Option<&'t str>,
}

/// Reads a token in one order: size, shape, header, signature. What is wrong is added to `faults`; the form holds if nothing
/// was.
pub(crate) fn read<'t>(token: &'t str, faults: &mut Vec<Fault>) -> Read<'t> {
    const NOTHING: Read<'static> = Read {
        jws: None,
        signer: None,
        header: None,
        payload: None,
    };
    if token.len() > TOKEN_LEN_MAX {
        faults.push(Fault::TooLong);
        return NOTHING;
    }
    let parts = token
        .rsplit_once('.')
        .and_then(|(message, signature)| Some((message, message.split_once('.')?, signature)))
        .filter(|(_, (_, payload), _)| !payload.contains('.'));
    let Some((message, (header, payload), signature)) = parts else {
        faults.push(Fault::Parts);
        return NOTHING;
    };
    let signer = match object(header, "header") {
        Ok(header) => signer(&header, faults),
        Err(fault) => {
            faults.push(fault);
            None
        }
    };
    let signature = decode(signature, "signature").and_then(|signature| {
        let is_fixed = signature.len() == SIGNATURE_LEN;
        is_fixed.then_some(signature).ok_or(Fault::SignatureForm)
    });
    let signature = signature.map_err(|fault| faults.push(fault)).ok();
    let jws = match (&signer, signature) {
        (Some(signer), Some(signature)) if faults.is_empty() => Some(Jws {
            signer: signer.clone(),
            message,
            payload,
            signature,
        }),
        (Some(_) | None, Some(_) | None) => None,
    };
    Read {
        jws,
        signer,
        header: Some(header),
        payload: Some(payload),
    }
}

/// Checks the header and says whom it names.
fn signer(header: &Object, faults: &mut Vec<Fault>) -> Option<Signer> {
    let text = |name| header.get(name).and_then(json::Json::as_text);
    if text("alg") != Some(ALGORITHM) {
        faults.push(Fault::Algorithm);
    }
    if text("typ") != Some("JWT") {
        faults.push(Fault::Type);
    }
    let foreign = HEADER_FOREIGN
        .iter()
        .filter(|member| header.contains_key(**member));
    faults.extend(foreign.map(|member| Fault::HeaderMember { member }));
    let Some(kid) = header.get("kid") else {
        return Some(Signer::Server);
    };
    let arn = kid.as_text().and_then(|kid| PublicKeyArn::parse(kid).ok());
    if arn.is_none() {
        faults.push(Fault::KeyId);
    }
    arn.map(Signer::PublicKey)
}

impl Jws<'_> {
    /// The payload, if the signature is that of the key.
    pub(crate) fn open(&self, key: &PublicKey) -> Result<Vec<u8>, Fault> {
        if !key.verifies(self.message.as_bytes(), &self.signature) {
            return Err(Fault::Signature);
        }
        decode(self.payload, "payload")
    }
}

/// A JSON object of one of the parts.
pub(crate) fn object(part: &str, name: &'static str) -> Result<Object, Fault> {
    parse(&decode(part, name)?, name)
}

/// The object that a decoded part says.
pub(crate) fn parse(bytes: &[u8], part: &'static str) -> Result<Object, Fault> {
    match json::parse(bytes) {
        Ok(json::Json::Object(object)) => Ok(object),
        Ok(
            json::Json::Null
            | json::Json::Bool(_)
            | json::Json::Integer(_)
            | json::Json::OtherNumber
            | json::Json::Text(_)
            | json::Json::List(_),
        )
        | Err(_) => Err(Fault::Json { part }),
    }
}

/// Base64url without padding and, so that a token has one spelling, without stray bits in the last character.
pub(crate) fn decode(text: &str, part: &'static str) -> Result<Vec<u8>, Fault> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| Fault::Base64 { part })
}

/// The header of a token of this server, or of one signed with the private half of an imported key.
pub(crate) fn header(signer: &Signer) -> String {
    match signer {
        Signer::Server => r#"{"alg":"ES384","typ":"JWT"}"#.to_owned(),
        // An ARN has no character that JSON would escape.
        Signer::PublicKey(arn) => format!(r#"{{"alg":"ES384","typ":"JWT","kid":"{arn}"}}"#),
    }
}

/// Signs.
pub(crate) fn sign(key: &SigningKey, header: &[u8], payload: &[u8]) -> String {
    let mut token = URL_SAFE_NO_PAD.encode(header);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut token);
    let signature = key.sign(token.as_bytes());
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    token
}
