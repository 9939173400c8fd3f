//! Requests to the server that is examined: plain ones, and signed ones of the control API.

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use auth::sigv4::{self, Unsigned};
use axum::body::Body;
use http::{Method, Request, StatusCode, header};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use model::Region;
use serde_json::Value;

use crate::clock;
use crate::config::Signer;
use crate::http_client::ServerUrl;

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The control API, with a key.
pub(super) struct Api<'a> {
    server: &'a ServerUrl,
    key: &'a str,
    secret: &'a sigv4::Secret,
    region: Region,
}

impl<'a> Api<'a> {
    pub(super) fn of(server: &'a ServerUrl, signer: &'a Signer) -> anyhow::Result<Self> {
        let (key, access) = signer
            .access_keys
            .first_key_value()
            .context("there is no access key")?;
        let region = match signer.regions.first() {
            Some(region) => region.clone(),
            None => Region::parse("us-east-1")?,
        };
        Ok(Self {
            server,
            key,
            secret: &access.secret,
            region,
        })
    }

    pub(super) async fn call(&self, operation: &str, input: &Value) -> anyhow::Result<Value> {
        let body = input.to_string();
        let unsigned = Unsigned {
            method: &Method::POST,
            url: &format!("http://{}/{operation}", self.server.authority()),
            body: body.as_bytes(),
        };
        let now = clock::system_clock()().wall;
        let signed = sigv4::sign(&unsigned, self.key, self.secret, &self.region, now)?;
        let mut request =
            Request::post(format!("/{operation}")).header(header::CONTENT_TYPE, "application/json");
        for (name, value) in signed {
            request = request.header(name, value);
        }
        let answer = send(self.server, request.body(Body::from(body))?).await?;
        if !answer.status.is_success() {
            bail!("{operation}: answered {}: {}", answer.status, answer.code());
        }
        if answer.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&answer.body).context("the answer is not JSON")
    }
}

/// What came back.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) location: Option<String>,
    pub(super) date: Option<Timestamp>,
    error: Option<String>,
    pub(super) body: String,
}

impl Reply {
    /// What the server says is wrong, in its own short word.
    pub(super) fn code(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        let code = body["code"].as_str().map(str::to_owned);
        code.or_else(|| self.error.clone())
            .unwrap_or_else(|| "without a word".to_owned())
    }
}

/// Sends a request, and gives up after a while.
pub(super) async fn send(server: &ServerUrl, request: Request<Body>) -> anyhow::Result<Reply> {
    let sent = tokio::time::timeout(PATIENCE, server.send(request)).await;
    let (head, body) = sent.map_err(|_| anyhow!("no answer within {} s", PATIENCE.as_secs()))??;
    let text = |name: &str| {
        let value = head.headers.get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    Ok(Reply {
        status: head.status,
        location: text("location"),
        date: text("date").and_then(|date| {
            let parsed = rfc2822::DateTimeParser::new().parse_timestamp(&date);
            parsed.ok()
        }),
        error: text("x-amzn-errortype"),
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}
