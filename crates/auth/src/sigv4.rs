//! AWS Signature Version 4, verified over the bytes that came in.
//!
//! The request is signed again with `aws-sigv4`, over exactly the headers that its client says it signed, and the two
//! signatures are compared. Only the header form over the real body is accepted: credentials in the query, unsigned
//! and streamed payloads are not.
//!
//! What is canonical is AWS's rule for services other than S3: the path's dot segments and double slashes are removed,
//! and its escapes are encoded once more (`%3A` is signed as `%253A`). Routing must read the raw path.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

mod credentials;
mod query;
mod sign;
#[cfg(test)]
mod tests;

use aws_credential_types::Credentials;
use aws_lc_rs::digest;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningParams, SigningSettings};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use http::HeaderMap;
use http::header::HOST;
use jiff::{SignedDuration, Timestamp};
use model::Region;
use subtle::ConstantTimeEq;
use tracing::dispatcher::{self, Dispatch};

use credentials::Authorization;

pub use sign::{SignError, Unsigned, sign};

/// The service of the credential scope: the model's `signingName`, not its `endpointPrefix`.
const SERVICE: &str = "ivs";

/// How far `x-amz-date` may be from this server's clock, inclusive; AWS allows five minutes.
const SKEW_MAX: SignedDuration = SignedDuration::from_mins(5);

/// Longest path and query, in bytes. Encoded for signing they grow at most threefold, and `http::Uri` ends at 65,534.
const TARGET_LEN_MAX: usize = 20_000;

/// Most header lines of a request; HTTP servers stop near 100.
const HEADERS_MAX: usize = 256;

const DATE: &str = "x-amz-date";
const CONTENT_SHA256: &str = "x-amz-content-sha256";

/// A request as it came over the wire.
#[derive(Clone, Copy, Debug)]
pub struct SignedRequest<'a> {
    /// The method.
    pub method: &'a http::Method,
    /// The path as sent, still percent-encoded.
    pub path: &'a str,
    /// The query as sent, without `?`; empty if none.
    pub query: &'a str,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The body as sent.
    pub body: &'a [u8],
}

/// An access key's secret. Its `Debug` shows nothing.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(secret: String) -> Self {
        Self(secret)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Who signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The access key id of the credential.
    pub access_key: String,
    /// The region of the credential scope.
    pub region: Region,
}

/// Why a request is refused, by the words of `x-amzn-ErrorType`; all are 403.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No credentials at all.
    #[error("the request has no authentication token")]
    Missing,
    /// A part of the credentials is missing or cannot be read; `what` names it.
    #[error("the request's signature is incomplete: {what}")]
    Incomplete {
        /// Which part.
        what: &'static str,
    },
    /// The access key is not known.
    #[error("the security token included in the request is invalid")]
    UnrecognizedClient,
    /// The signature does not match, is too old, or is for something else.
    #[error("the request signature does not match: {what}")]
    Invalid {
        /// What does not match; never the expected value.
        what: &'static str,
    },
}

/// Verifies a request. `secret_of` gives the secret of an access key id, or `None` for an unknown one (which costs the same time).
pub fn verify(
    request: &SignedRequest<'_>,
    secret_of: &dyn Fn(&str) -> Option<Secret>,
    now: Timestamp,
) -> Result<Signer, SignatureError> {
    verify_for(SERVICE, request, secret_of, now)
}

fn verify_for(
    service: &str,
    request: &SignedRequest<'_>,
    secret_of: &dyn Fn(&str) -> Option<Secret>,
    now: Timestamp,
) -> Result<Signer, SignatureError> {
    check_target(request)?;
    let authorization = credentials::authorization(request)?;
    if authorization.service != service {
        return Err(invalid("the credential scope's service"));
    }
    let region = Region::parse(authorization.region)
        .map_err(|_| invalid("the credential scope's region"))?;
    let date = credentials::date(request.headers)?;
    if date.text.split_once('T').map(|(day, _)| day) != Some(authorization.day) {
        return Err(invalid("the credential scope's date"));
    }
    if now.duration_since(date.time).abs() > SKEW_MAX {
        return Err(invalid("the signature's time"));
    }
    let headers = signed_headers(request.headers, &authorization)?;
    let body_hash = body_hash(request)?;

    let secret = secret_of(authorization.access_key);
    // An unknown key is signed for too, so that time does not tell it from a known one.
    let known = secret.is_some();
    let secret = secret.unwrap_or_else(|| Secret::new("no such access key".to_owned()));
    let resigned = Resigned {
        service,
        headers,
        body_hash,
        time: date.time,
        secret,
        authorization: &authorization,
    };
    let expected = resigned.signature(request)?;
    let equal: bool = expected
        .as_bytes()
        .ct_eq(authorization.signature.as_bytes())
        .into();
    match (known, equal) {
        (false, _) => Err(SignatureError::UnrecognizedClient),
        (true, false) => Err(invalid("the signature")),
        (true, true) => Ok(Signer {
            access_key: authorization.access_key.to_owned(),
            region,
        }),
    }
}

const fn invalid(what: &'static str) -> SignatureError {
    SignatureError::Invalid { what }
}

const fn incomplete(what: &'static str) -> SignatureError {
    SignatureError::Incomplete { what }
}

/// Refuses targets and head sizes that the signer cannot take, or that two readers could read differently.
fn check_target(request: &SignedRequest<'_>) -> Result<(), SignatureError> {
    if request.path.len().saturating_add(request.query.len()) > TARGET_LEN_MAX {
        return Err(invalid("the length of the path and query"));
    }
    if request.headers.len() > HEADERS_MAX {
        return Err(invalid("the number of headers"));
    }
    if !request.path.starts_with('/') || request.path.contains(['?', '#']) {
        return Err(invalid("the path"));
    }
    query::check(request.query)
}

/// The header lines that the client signed, checked for the ones that it must have signed.
fn signed_headers<'a>(
    headers: &'a HeaderMap,
    authorization: &Authorization<'_>,
) -> Result<Vec<(&'a str, &'a str)>, SignatureError> {
    let is_signed = |name: &str| authorization.signed_headers.contains(&name);
    if !headers.contains_key(HOST) {
        return Err(incomplete("the Host header"));
    }
    for name in headers.keys().map(http::HeaderName::as_str) {
        if (name == "host" || name.starts_with("x-amz-")) && !is_signed(name) {
            return Err(invalid("a header that must be signed is not"));
        }
    }
    for name in &authorization.signed_headers {
        if !headers.contains_key(*name) {
            return Err(invalid("a signed header is not in the request"));
        }
    }
    let mut signed = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        if is_signed(name.as_str()) {
            let value = value
                .to_str()
                .map_err(|_| invalid("the bytes of a signed header"))?;
            signed.push((name.as_str(), value));
        }
    }
    Ok(signed)
}

/// SHA-256 of the body in hexadecimal; if the client states one, it must be this.
fn body_hash(request: &SignedRequest<'_>) -> Result<String, SignatureError> {
    use std::fmt::Write as _;

    let hash = digest::digest(&digest::SHA256, request.body);
    let hash = hash
        .as_ref()
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
    let Some(stated) = credentials::only(request.headers, CONTENT_SHA256)? else {
        return Ok(hash);
    };
    // UNSIGNED-PAYLOAD and the STREAMING forms end here: they are not the hash of anything.
    if stated == hash {
        Ok(hash)
    } else {
        Err(invalid("the hash of the body"))
    }
}

/// All that the second signature is made of.
struct Resigned<'a> {
    service: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    body_hash: String,
    time: Timestamp,
    secret: Secret,
    authorization: &'a Authorization<'a>,
}

impl Resigned<'_> {
    fn signature(self, request: &SignedRequest<'_>) -> Result<String, SignatureError> {
        let target = if request.query.is_empty() {
            request.path.to_owned()
        } else {
            format!("{}?{}", request.path, request.query)
        };
        let signable = SignableRequest::new(
            request.method.as_str(),
            target,
            self.headers.into_iter(),
            SignableBody::Precomputed(self.body_hash),
        )
        .map_err(|_| invalid("the path"))?;

        let mut settings = SigningSettings::default();
        // The client's own list of signed headers counts; `signed_headers` has applied it.
        settings.excluded_headers = None;
        let identity: Identity = Credentials::new(
            self.authorization.access_key,
            self.secret.0,
            None,
            None,
            "downstage",
        )
        .into();
        let params: SigningParams<'_> = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.authorization.region)
            .name(self.service)
            .time(self.time.into())
            .settings(settings)
            .build()
            .map_err(|_| incomplete("the credential"))?
            .into();
        // aws-sigv4 traces canonical requests and security tokens; neither may reach a log at any level.
        let signed = dispatcher::with_default(&Dispatch::none(), || {
            aws_sigv4::http_request::sign(signable, &params)
        });
        let (_instructions, signature) = signed
            .map_err(|_| invalid("the signed headers"))?
            .into_parts();
        Ok(signature)
    }
}
