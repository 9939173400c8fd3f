//! Replies and the headers that every one of them carries.
//!
//! The seven security headers are members of every exception of the model and of some outputs; their values are those of
//! the worked examples in the AWS CLI's documentation, `max-age` with its colon included. (`Strict-Transport-Security` with a colon is
//! not valid and so binds no browser to a scheme, which suits a server that people run on their own host names.)

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;

use crate::calls::Outcome;

const SECURITY_HEADERS: [(HeaderName, HeaderValue); 7] = [
    (
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    ),
    (
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(
            "Access-Control-Allow-Origin,Access-Control-Expose-Headers,Cache-Control,Content-Length,\
             Content-Security-Policy,Content-Type,date,Strict-Transport-Security,x-amz-apigw-id,\
             x-amzn-errormessage,x-amzn-errortype,x-amzn-requestid,x-amzn-trace-id,\
             X-Content-Type-Options,X-Frame-Options",
        ),
    ),
    (
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-store, no-cache"),
    ),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'self'; upgrade-insecure-requests;"),
    ),
    (
        header::STRICT_TRANSPORT_SECURITY,
        HeaderValue::from_static("max-age:47304000; includeSubDomains"),
    ),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
];

/// What a browser may send after a preflight: what the AWS SDK for JavaScript signs and adds.
const PREFLIGHT_HEADERS: [(HeaderName, HeaderValue); 3] = [
    (
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET,POST,DELETE,OPTIONS"),
    ),
    (
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static(
            "authorization,content-type,x-amz-date,x-amz-security-token,x-amz-content-sha256,\
             x-amz-user-agent,x-amzn-trace-id,amz-sdk-invocation-id,amz-sdk-request",
        ),
    ),
    (
        header::ACCESS_CONTROL_MAX_AGE,
        HeaderValue::from_static("86400"),
    ),
];

const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// The answer to one request, before the headers that all share.
#[derive(Debug)]
pub(crate) struct Reply {
    status: u16,
    error_type: Option<&'static str>,
    retry_after_seconds: Option<u32>,
    preflight: bool,
    body: Vec<u8>,
    /// How the call is counted.
    pub(crate) outcome: Outcome,
}

impl Reply {
    /// Success. The body is the printed output, empty for an operation whose output has no members.
    pub(crate) fn ok(body: Vec<u8>) -> Self {
        Self {
            status: 200,
            error_type: None,
            retry_after_seconds: None,
            preflight: false,
            body,
            outcome: Outcome::Ok,
        }
    }

    /// An error. Called by the error map only.
    pub(crate) fn error(
        status: u16,
        name: &'static str,
        body: &serde_json::Value,
        outcome: Outcome,
    ) -> Self {
        Self {
            status,
            error_type: Some(name),
            retry_after_seconds: None,
            preflight: false,
            body: body.to_string().into_bytes(),
            outcome,
        }
    }

    /// The answer to a browser that asks whether it may call.
    pub(crate) fn preflight() -> Self {
        Self {
            status: 204,
            preflight: true,
            ..Self::ok(Vec::new())
        }
    }

    /// Tells the caller when to come again.
    pub(crate) fn retry_after(self, seconds: u32) -> Self {
        Self {
            retry_after_seconds: Some(seconds),
            ..self
        }
    }

    /// The status code.
    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    /// The reply as it goes over the wire.
    pub(crate) fn into_response(self, ids: &RequestIds) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.extend(SECURITY_HEADERS);
        if self.preflight {
            headers.extend(PREFLIGHT_HEADERS);
        }
        if !self.body.is_empty() {
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            );
        }
        if let Some(name) = self.error_type {
            headers.insert(ERROR_TYPE, HeaderValue::from_static(name));
        }
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        ids.write(headers);
        *response.body_mut() = Body::from(self.body);
        response
    }
}

/// The names of one request.
#[derive(Debug)]
pub(crate) struct RequestIds {
    /// `x-amzn-RequestId`: a version 4 UUID.
    pub(crate) request: String,
    /// `x-amzn-Trace-Id`: `Root=1-<time>-<96 random bits>`.
    trace: String,
}

impl RequestIds {
    /// Ids from 28 random bytes.
    pub(crate) fn new(random: [u8; 28], now: Timestamp) -> Self {
        let (uuid, trace) = random.split_at(16);
        let mut bits = uuid
            .iter()
            .fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
        // Version and variant of RFC 9562, section 5.4.
        bits = bits & !(0xf << 76) | (0x4 << 76);
        bits = bits & !(0x3 << 62) | (0x2 << 62);
        let hex = format!("{bits:032x}");
        let request = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)]
            .map(|(from, to)| &hex[from..to])
            .join("-");
        let seconds = u32::try_from(now.as_second()).unwrap_or_default();
        let trace = trace
            .iter()
            .fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
        Self {
            request,
            trace: format!("Root=1-{seconds:08x}-{trace:024x}"),
        }
    }

    fn write(&self, headers: &mut HeaderMap) {
        for (name, value) in [(REQUEST_ID, &self.request), (TRACE_ID, &self.trace)] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_have_the_shape_of_a_version_4_uuid_and_of_a_trace_root() {
        for (byte, uuid, trace) in [
            (
                0x00,
                "00000000-0000-4000-8000-000000000000",
                "Root=1-65000000-000000000000000000000000",
            ),
            (
                0xff,
                "ffffffff-ffff-4fff-bfff-ffffffffffff",
                "Root=1-65000000-ffffffffffffffffffffffff",
            ),
        ] {
            let now = Timestamp::from_second(0x6500_0000).unwrap();
            let ids = RequestIds::new([byte; 28], now);
            assert_eq!((ids.request.as_str(), ids.trace.as_str()), (uuid, trace));
        }
    }
}
