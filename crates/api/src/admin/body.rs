//! Request bodies. Who sends one has shown the key, so there is no crowd to fear; one body at a time still has its limit.

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::problem::Problem;
use crate::pipeline::is_encoded;

/// A request body at most, in bytes: some ten thousand resources.
pub(super) const BYTES_MAX: usize = 8 * 1024 * 1024;

/// Reads a body of any declared type: who types `curl --data-binary` need not name one.
pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    if is_encoded(headers) {
        return Err(Problem::BodyEncoded);
    }
    match Limited::new(body, BYTES_MAX).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Problem::BodyTooLarge),
        Err(_) => Err(Problem::BodyBroken),
    }
}
