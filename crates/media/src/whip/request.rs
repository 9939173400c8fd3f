//! What every request to a WHIP resource is checked for.

use std::time::Duration;

use axum::body::Body;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, Request, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::plane::Plane;
use crate::problem::Problem;

/// Longest body. A browser's offer with every codec and many candidates has 10 KiB.
const BODY_BYTES_MAX: usize = 64 << 10;
/// How long a body may take to arrive.
const BODY_PATIENCE: Duration = Duration::from_secs(10);

/// The token that the request presents, if it may try one. Comes before all that costs anything.
pub(super) fn token<'a, B>(plane: &Plane, request: &'a Request<B>) -> Result<&'a str, Problem> {
    plane.may_try(request.extensions())?;
    bearer(request.headers())
}

/// The token of `Authorization: Bearer …` (RFC 6750, section 2.1). A token in the URL is not looked at: URLs get logged.
pub(super) fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let missing = || Problem::token_missing("the request has no bearer token");
    let value = single(headers, &AUTHORIZATION)
        .map_err(|Repeated| {
            Problem::token_missing("the request has several Authorization headers")
        })?
        .ok_or_else(missing)?;
    let (scheme, token) = value.split_once(' ').ok_or_else(missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(missing());
    }
    let token = token.trim();
    if token.is_empty() {
        Err(missing())
    } else {
        Ok(token)
    }
}

/// A header that may stand once is there more often, or is not text.
pub(super) struct Repeated;

/// The value of a header that may stand once.
pub(super) fn single<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a str>, Repeated> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| Repeated),
        (Some(_), Some(_)) => Err(Repeated),
    }
}

/// Refuses a client that would not understand the answer.
pub(super) fn accepts(headers: &HeaderMap, media_type: &str) -> Result<(), Problem> {
    let mut ranges = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|range| range.split(';').next().unwrap_or_default().trim())
        .peekable();
    let takes = |range: &str| {
        range.eq_ignore_ascii_case(media_type) || ["*/*", "application/*"].contains(&range)
    };
    if ranges.peek().is_none() || ranges.any(takes) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::NOT_ACCEPTABLE,
        "NOT_ACCEPTABLE",
        format!("the answer is {media_type}"),
    ))
}

/// The body, as text of the media type, within its limits.
pub(super) async fn text(request: Request<Body>, media_type: &str) -> Result<String, Problem> {
    let unsupported = |message: String| {
        Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UNSUPPORTED_MEDIA_TYPE",
            message,
        )
    };
    let sent = single(request.headers(), &CONTENT_TYPE).unwrap_or_default();
    let essence = sent
        .and_then(|value| value.split(';').next())
        .unwrap_or_default();
    if !essence.trim().eq_ignore_ascii_case(media_type) {
        return Err(unsupported(format!("the body must be {media_type}")));
    }
    if request.headers().contains_key(CONTENT_ENCODING) {
        return Err(unsupported("the body must not be encoded".to_owned()));
    }
    let body = Limited::new(request.into_body(), BODY_BYTES_MAX).collect();
    let collected = tokio::time::timeout(BODY_PATIENCE, body).await;
    let bytes = match collected {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "BODY_TOO_LARGE",
                format!("the body may have at most {BODY_BYTES_MAX} bytes"),
            ));
        }
        Ok(Err(_)) => return Err(body_malformed("the body did not arrive")),
        Err(_) => {
            return Err(Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "BODY_TOO_SLOW",
                "the body took too long",
            ));
        }
    };
    String::from_utf8(bytes.into()).map_err(|_| body_malformed("the body is not UTF-8"))
}

fn body_malformed(message: &'static str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "BODY_MALFORMED", message)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(name: &HeaderName, values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn only_one_bearer_token_in_the_header_counts() {
        for (values, token) in [
            (&["Bearer abc"][..], Some("abc")),
            (&["bearer  abc "], Some("abc")),
            (&[], None),
            (&["Bearer"], None),
            (&["Bearer "], None),
            (&["Basic abc"], None),
            (&["Bearer a", "Bearer b"], None),
        ] {
            let headers = headers(&AUTHORIZATION, values);
            assert_eq!(bearer(&headers).ok(), token, "{values:?}");
        }
    }

    #[test]
    fn a_client_that_takes_sdp_is_one_that_says_so_or_says_nothing() {
        for (values, ok) in [
            (&[][..], true),
            (&["application/sdp"], true),
            (&["text/html, application/SDP;q=0.5"], true),
            (&["*/*"], true),
            (&["text/html", "application/*"], true),
            (&["text/html"], false),
        ] {
            let headers = headers(&ACCEPT, values);
            assert_eq!(
                accepts(&headers, "application/sdp").is_ok(),
                ok,
                "{values:?}"
            );
        }
    }
}
