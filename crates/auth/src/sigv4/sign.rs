//! Signing: what makes this program a client of its own API.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningParams, SigningSettings};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use jiff::Timestamp;
use model::Region;
use tracing::dispatcher::{self, Dispatch};

use super::{SERVICE, Secret};

/// A request that is to be signed. It has no headers yet but `Host` and `Content-Type: application/json`.
#[derive(Clone, Copy, Debug)]
pub struct Unsigned<'a> {
    /// The method.
    pub method: &'a http::Method,
    /// The whole URL.
    pub url: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// The request cannot be signed: its URL is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request cannot be signed")]
pub struct SignError;

/// The headers that sign a request, to be sent with it as they are.
pub fn sign(
    request: &Unsigned<'_>,
    access_key: &str,
    secret: &Secret,
    region: &Region,
    now: Timestamp,
) -> Result<Vec<(String, String)>, SignError> {
    let headers = [("content-type", "application/json")];
    let signable = SignableRequest::new(
        request.method.as_str(),
        request.url,
        headers.into_iter(),
        SignableBody::Bytes(request.body),
    )
    .map_err(|_| SignError)?;
    let identity: Identity =
        Credentials::new(access_key, secret.0.as_str(), None, None, "downstage").into();
    let params: SigningParams<'_> = v4::SigningParams::builder()
        .identity(&identity)
        .region(region.as_str())
        .name(SERVICE)
        .time(SystemTime::from(now))
        .settings(SigningSettings::default())
        .build()
        .map_err(|_| SignError)?
        .into();
    // aws-sigv4 traces canonical requests, which may not reach a log at any level.
    let signed = dispatcher::with_default(&Dispatch::none(), || {
        aws_sigv4::http_request::sign(signable, &params)
    });
    let (instructions, _signature) = signed.map_err(|_| SignError)?.into_parts();
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Ok(instructions.headers().map(owned).collect())
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, Method};

    use super::*;
    use crate::sigv4::{SignedRequest, verify};

    #[test]
    fn what_is_signed_here_is_verified_here() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let secret = Secret::new("0123456789abcdef".to_owned());
        let region = Region::parse("us-east-1").unwrap();
        let unsigned = Unsigned {
            method: &Method::POST,
            url: "http://127.0.0.1:7400/CreateStage",
            body: b"{}",
        };
        let mut headers = HeaderMap::new();
        headers.insert("host", "127.0.0.1:7400".parse().unwrap());
        headers.insert("content-type", "application/json".parse().unwrap());
        for (name, value) in sign(&unsigned, "AKID", &secret, &region, now).unwrap() {
            let name = HeaderName::try_from(name).unwrap();
            headers.insert(name, value.parse().unwrap());
        }
        let request = |body| SignedRequest {
            method: &Method::POST,
            path: "/CreateStage",
            query: "",
            headers: &headers,
            body,
        };
        let secret_of = |_: &str| Some(secret.clone());
        let signer = verify(&request(b"{}"), &secret_of, now).unwrap();
        assert_eq!(
            (signer.access_key.as_str(), signer.region),
            ("AKID", region)
        );
        assert!(verify(&request(b"{ }"), &secret_of, now).is_err());
    }
}
