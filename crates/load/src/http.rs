//! WHIP and WHEP requests (RFC 9725; draft-ietf-wish-whep) and calls of the control API.

use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};

use crate::clock;
use crate::options::{Bearer, Endpoint};

/// A server that answers at all answers within this.
const TIMEOUT: Duration = Duration::from_secs(15);
/// The longest answer that is read.
const ANSWER_BYTES_MAX: usize = 256 * 1_024;
const REDIRECTS_MAX: usize = 5;
/// A publisher that connects this moment is not there yet for everybody: such an offer is made again so often, so far apart.
const TRIES_MAX: usize = 50;
const TRY_AGAIN: Duration = Duration::from_millis(100);
/// So much of a refusal is repeated.
const REFUSAL_CHARS_MAX: usize = 200;

/// Why there is no answer, in words without the URL's query or any header.
pub(crate) type Fault = String;

/// A session that was made.
#[derive(Debug)]
pub(crate) struct Session {
    /// The answer's SDP.
    pub(crate) sdp: String,
    /// What to delete at the end.
    pub(crate) resource: Option<Url>,
    /// When the offer was made that was answered.
    pub(crate) asked: Instant,
    /// When the answer was there.
    pub(crate) answered: Instant,
}

/// A client that follows redirects by itself, because a POST and its token must be repeated as they were.
pub(crate) fn client() -> Result<Client, Fault> {
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(TIMEOUT)
        .tcp_nodelay(true)
        .build()
        .map_err(fault)
}

pub(crate) fn fault(error: reqwest::Error) -> Fault {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text += ": ";
        text += &cause.to_string();
        source = cause.source();
    }
    text
}

/// Offers SDP, where a publisher is awaited again and again for some seconds.
pub(crate) async fn offer(
    client: &Client,
    endpoint: &Endpoint,
    sdp: &str,
    is_patient: bool,
) -> Result<Session, Fault> {
    let mut tries = 0;
    loop {
        let asked = clock::now();
        let (url, response) = post(client, endpoint, sdp).await?;
        let status = response.status();
        let is_early = matches!(
            status,
            StatusCode::NOT_FOUND | StatusCode::CONFLICT | StatusCode::SERVICE_UNAVAILABLE
        );
        if is_patient && is_early && tries < TRIES_MAX {
            tries += 1;
            tokio::time::sleep(wait(&response)).await;
            continue;
        }
        // 201 by the standard; some answer with 200.
        let is_made = matches!(status, StatusCode::CREATED | StatusCode::OK);
        let resource = response
            .headers()
            .get(LOCATION)
            .and_then(|location| url.join(location.to_str().ok()?).ok())
            .filter(|resource| may_follow(&url, resource));
        let sdp = text(response).await?;
        if !is_made {
            return Err(refusal(status, &sdp));
        }
        return Ok(Session {
            sdp,
            resource,
            asked,
            answered: clock::now(),
        });
    }
}

/// How long to wait before the same is asked again: as told, within a second.
fn wait(response: &Response) -> Duration {
    let told = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|seconds| seconds.to_str().ok()?.parse().ok())
        .map_or(TRY_AGAIN, Duration::from_secs);
    told.min(TRY_AGAIN)
}

async fn post(client: &Client, endpoint: &Endpoint, sdp: &str) -> Result<(Url, Response), Fault> {
    let mut url: Url = endpoint
        .url
        .parse()
        .map_err(|_| "the URL cannot be read".to_owned())?;
    for _ in 0..=REDIRECTS_MAX {
        let request = client
            .post(url.clone())
            .header(CONTENT_TYPE, "application/sdp")
            .body(sdp.to_owned());
        let response = authorized(request, endpoint.bearer.as_ref())
            .send()
            .await
            .map_err(fault)?;
        let Some(next) = redirect(&url, &response)? else {
            return Ok((url, response));
        };
        url = next;
    }
    Err(format!("more than {REDIRECTS_MAX} redirects"))
}

/// Where an answer sends the same request, if it does.
fn redirect(from: &Url, response: &Response) -> Result<Option<Url>, Fault> {
    let is_redirect = matches!(
        response.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    if !is_redirect {
        return Ok(None);
    }
    let location = response.headers().get(LOCATION);
    let next = location
        .and_then(|location| from.join(location.to_str().ok()?).ok())
        .ok_or("a redirect to nowhere")?;
    if !may_follow(from, &next) {
        return Err("a redirect away from https, on which a token would be read".to_owned());
    }
    Ok(Some(next))
}

/// Whether a token that one URL was asked with may be shown to another: never in clear text where it was not.
fn may_follow(from: &Url, to: &Url) -> bool {
    to.scheme() == "https" || (to.scheme() == "http" && from.scheme() == "http")
}

fn authorized(request: RequestBuilder, bearer: Option<&Bearer>) -> RequestBuilder {
    match bearer {
        Some(Bearer(token)) => request.bearer_auth(token),
        None => request,
    }
}

/// A refusal in words, with the beginning of what was said.
pub(crate) fn refusal(status: StatusCode, text: &str) -> Fault {
    let text: String = text.chars().take(REFUSAL_CHARS_MAX).collect();
    format!("{status}: {text}")
}

/// The body, up to a bound.
pub(crate) async fn text(mut response: Response) -> Result<String, Fault> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(fault)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err("the answer is too long".to_owned());
        }
        body.extend_from_slice(&chunk);
    }
    String::from_utf8(body).map_err(|_| "the answer is no text".to_owned())
}

/// Ends a session. A server that has forgotten it already is right too.
pub(crate) async fn delete(client: &Client, resource: Url, bearer: Option<&Bearer>) {
    let request = client.request(Method::DELETE, resource);
    let _ = authorized(request, bearer).send().await;
}

#[cfg(test)]
mod tests;
