//! A running server, as its clients meet it.
//!
//! A server answers no check that it cannot authenticate, so the only honest way to learn whether its media ports are reached is
//! a session: a stage of our own, a token for it, an offer to publish, and one ICE check to each candidate of the answer. What
//! that proves: the control API, the token, the way to publish, and the way of packets to the worker and back, from where this
//! runs. What it does not: DTLS and media, and the same from anywhere else.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use auth::sigv4::{self, Unsigned};
use axum::body::Body;
use http::{Method, Request, StatusCode, header};
use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use model::Region;
use serde_json::{Value, json};

use super::Report;
use super::place::Place;
use super::stun::{self, Credentials};
use crate::clock;
use crate::config::Config;
use crate::http_client::ServerUrl;

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// By how much the clocks may differ before somebody should look, and before no signature is good any more.
const SKEW_WARNED: SignedDuration = SignedDuration::from_secs(10);
const SKEW_MAX: SignedDuration = SignedDuration::from_mins(5);

/// Asks the server for all that a client needs, and checks what it offers.
pub(super) async fn examine(server: &ServerUrl, config: &Config, report: &mut Report) {
    let alive = Request::get("/readyz").body(Body::empty());
    let ready = match alive {
        Ok(request) => send(server, request).await,
        Err(error) => Err(error.into()),
    };
    match ready {
        Ok(answer) if answer.status == StatusCode::OK => {
            report.ok("server", format!("{} is ready", server.authority()));
            clocks(answer.date, report);
        }
        Ok(answer) => {
            let detail = format!("{} answered {}", server.authority(), answer.status);
            return report.fail("server", detail, "look at its log");
        }
        Err(error) => {
            let detail = format!("{}: {error:#}", server.authority());
            let remedy = "see that it runs, and that its HTTP port is reached from here";
            return report.fail("server", detail, remedy);
        }
    }
    let api = match Api::of(server, config) {
        Ok(api) => api,
        Err(error) => {
            let remedy = "name a key by --access-key, DOWNSTAGE_ACCESS_KEYS or --config";
            return report.fail("control API", format!("{error:#}"), remedy);
        }
    };
    let input = json!({
        "name": "downstage-doctor",
        "participantTokenConfigurations": [{ "capabilities": ["PUBLISH"], "duration": 5 }],
    });
    let stage = match api.call("CreateStage", &input).await {
        Ok(stage) => stage,
        Err(error) => {
            let remedy = "the key must be one of the server's, and may need CreateStage and DeleteStage in its policy";
            return report.fail("control API", format!("{error:#}"), remedy);
        }
    };
    report.ok("control API", "made a stage and a token");
    endpoints(&stage, report);
    session(server, &stage, report).await;
    let input = json!({ "arn": stage["stage"]["arn"] });
    if let Err(error) = api.call("DeleteStage", &input).await {
        let remedy = "delete the stage downstage-doctor by hand";
        report.warn("clean-up", format!("{error:#}"), remedy);
    }
}

fn clocks(date: Option<Timestamp>, report: &mut Report) {
    let name = "clocks";
    let Some(date) = date else {
        return report.ok(name, "the server does not tell its time");
    };
    let apart = clock::system_clock()().wall.duration_since(date).abs();
    let detail = format!("{} s apart", apart.as_secs());
    let remedy = "keep both right by NTP: signatures are good for five minutes";
    if apart > SKEW_MAX {
        report.fail(name, detail, remedy);
    } else if apart > SKEW_WARNED {
        report.warn(name, detail, remedy);
    } else {
        report.ok(name, detail);
    }
}

/// Whether what the server tells its clients can be used from here.
fn endpoints(stage: &Value, report: &mut Report) {
    let whip = stage["stage"]["endpoints"]["whip"]
        .as_str()
        .unwrap_or_default();
    let detail = format!("clients publish to {whip}");
    let host = whip.strip_prefix("http://").map(|rest| {
        let end = rest.rfind(['/', ':']).unwrap_or(rest.len());
        rest.get(..end).unwrap_or(rest)
    });
    let is_local =
        |host: &str| ServerUrl::parse(&format!("http://{host}")).is_ok_and(|url| url.is_loopback());
    match host {
        Some(host) if !is_local(host.split(':').next().unwrap_or(host)) => {
            let remedy = "tokens travel in clear text, and browsers give no camera: put a proxy with TLS in front and set \
                          `public_url` to its https address";
            report.warn("public URL", detail, remedy);
        }
        Some(_) | None => report.ok("public URL", detail),
    }
}

/// Opens a session, checks its candidates and ends it.
async fn session(server: &ServerUrl, stage: &Value, report: &mut Report) {
    let token = stage["participantTokens"][0]["token"]
        .as_str()
        .unwrap_or_default();
    let ufrag = hex::<4>();
    let opened = open(server, token, &offer(&ufrag)).await;
    let (answer, location) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            let remedy = "look at the server's log";
            return report.fail("WHIP", format!("{error:#}"), remedy);
        }
    };
    report.ok("WHIP", "an offer was answered");
    match Answer::read(&answer) {
        None => report.fail(
            "candidates",
            "the answer has no ICE credentials",
            "is this a downstage server?",
        ),
        Some(answer) => {
            let credentials = Credentials {
                username: format!("{}:{ufrag}", answer.ufrag),
                password: answer.password,
            };
            candidates(&answer.candidates, &credentials, report).await;
        }
    }
    let delete = Request::delete(&location).header(header::AUTHORIZATION, bearer(token));
    if let Ok(request) = delete.body(Body::empty()) {
        // The stage is deleted next, which ends the session too.
        let _ = send(server, request).await;
    }
}

async fn candidates(
    candidates: &BTreeSet<Candidate>,
    credentials: &Credentials,
    report: &mut Report,
) {
    if candidates.is_empty() {
        let remedy = "set `media.external_ip` to the address that clients reach";
        report.fail("candidates", "the answer has none", remedy);
    }
    let mut reached = 0;
    let mut unreached = Vec::new();
    for candidate in candidates {
        let address = candidate.address;
        let (way, outcome) = if candidate.is_tcp {
            ("TCP", stun::by_tcp(address, credentials).await)
        } else {
            ("UDP", stun::by_udp(address, credentials).await)
        };
        let place = Place::of(address.ip());
        match outcome {
            Ok(seen) => {
                reached += 1;
                let detail = format!("{address} ({place}): reached, seen as {seen}");
                report.ok(format!("candidate {way}"), detail);
            }
            Err(error) => unreached.push((way, format!("{address} ({place}): {error}"))),
        }
    }
    for (way, detail) in unreached {
        let remedy = "see that firewalls and NAT pass this port on, and that `media.external_ip` is the address that clients \
                      reach";
        if reached > 0 {
            report.warn(format!("candidate {way}"), detail, remedy);
        } else {
            report.fail(format!("candidate {way}"), detail, remedy);
        }
    }
}

async fn open(server: &ServerUrl, token: &str, offer: &str) -> anyhow::Result<(String, String)> {
    let request = Request::post("/whip")
        .header(header::AUTHORIZATION, bearer(token))
        .header(header::CONTENT_TYPE, "application/sdp")
        .body(Body::from(offer.to_owned()))?;
    let answer = send(server, request).await?;
    if answer.status != StatusCode::CREATED {
        bail!("answered {}: {}", answer.status, answer.code());
    }
    let location = answer.location.context("there is no Location")?;
    // Its path on the server that is examined, whatever the public URL is.
    let location = location.parse::<http::Uri>()?.path().to_owned();
    Ok((answer.body, location))
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// An offer to publish video, which nobody will send.
fn offer(ufrag: &str) -> String {
    let fingerprint: Vec<String> = clock::random_bytes::<32>(&clock::system_random())
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    let fingerprint = fingerprint.join(":");
    let lines = [
        "v=0".to_owned(),
        "o=- 1 1 IN IP4 127.0.0.1".to_owned(),
        "s=-".to_owned(),
        "t=0 0".to_owned(),
        "a=group:BUNDLE 0".to_owned(),
        "m=video 9 UDP/TLS/RTP/SAVPF 96".to_owned(),
        "c=IN IP4 0.0.0.0".to_owned(),
        "a=mid:0".to_owned(),
        "a=sendonly".to_owned(),
        "a=rtcp-mux".to_owned(),
        format!("a=ice-ufrag:{ufrag}"),
        format!("a=ice-pwd:{}", hex::<16>()),
        format!("a=fingerprint:sha-256 {fingerprint}"),
        "a=setup:actpass".to_owned(),
        "a=msid:doctor video".to_owned(),
        "a=rtpmap:96 H264/90000".to_owned(),
        "a=fmtp:96 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
            .to_owned(),
    ];
    lines
        .iter()
        .fold(String::new(), |text, line| text + line + "\r\n")
}

fn hex<const N: usize>() -> String {
    let bytes = clock::random_bytes::<N>(&clock::system_random());
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Where packets may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    is_tcp: bool,
    address: SocketAddr,
}

/// What an answer says of ICE.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    ufrag: String,
    password: String,
    candidates: BTreeSet<Candidate>,
}

impl Answer {
    fn read(sdp: &str) -> Option<Self> {
        let first = |prefix: &str| {
            let mut lines = sdp.lines().filter_map(|line| line.strip_prefix(prefix));
            lines.next().map(str::to_owned)
        };
        let candidates = sdp.lines().filter_map(|line| {
            let mut words = line.strip_prefix("a=candidate:")?.split(' ').skip(2);
            let is_tcp = words.next()?.eq_ignore_ascii_case("tcp");
            let address = words.nth(1)?.parse().ok()?;
            let port = words.next()?.parse().ok()?;
            let address = SocketAddr::new(address, port);
            Some(Candidate { is_tcp, address })
        });
        Some(Self {
            ufrag: first("a=ice-ufrag:")?,
            password: first("a=ice-pwd:")?,
            candidates: candidates.collect(),
        })
    }
}

/// The control API, with a key.
struct Api<'a> {
    server: &'a ServerUrl,
    key: &'a str,
    secret: &'a sigv4::Secret,
    region: Region,
}

impl<'a> Api<'a> {
    fn of(server: &'a ServerUrl, config: &'a Config) -> anyhow::Result<Self> {
        let (key, access) = config
            .access_keys
            .first_key_value()
            .context("there is no access key")?;
        let region = match config.regions.first() {
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

    async fn call(&self, operation: &str, input: &Value) -> anyhow::Result<Value> {
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
struct Reply {
    status: StatusCode,
    location: Option<String>,
    date: Option<Timestamp>,
    error: Option<String>,
    body: String,
}

impl Reply {
    /// What the server says is wrong, in its own short word.
    fn code(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        let code = body["code"].as_str().map(str::to_owned);
        code.or_else(|| self.error.clone())
            .unwrap_or_else(|| "without a word".to_owned())
    }
}

async fn send(server: &ServerUrl, request: Request<Body>) -> anyhow::Result<Reply> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_tells_each_candidate_once() {
        let sdp = "v=0\r\na=ice-ufrag:abcd\r\na=ice-pwd:secret\r\n\
                   a=candidate:1 1 udp 2130706175 192.0.2.1 7401 typ host\r\n\
                   a=candidate:2 1 tcp 1671430143 192.0.2.1 7401 typ host tcptype passive\r\n\
                   m=video\r\na=candidate:1 1 UDP 2130706175 192.0.2.1 7401 typ host\r\n\
                   a=candidate:1 1 udp 2130706175 name.local 7401 typ host\r\na=candidate:1\r\n";
        let answer = Answer::read(sdp).unwrap();
        assert_eq!(
            (answer.ufrag.as_str(), answer.password.as_str()),
            ("abcd", "secret")
        );
        let address = "192.0.2.1:7401".parse().unwrap();
        let candidate = |is_tcp| Candidate { is_tcp, address };
        assert_eq!(
            answer.candidates,
            BTreeSet::from([candidate(false), candidate(true)])
        );
        assert_eq!(Answer::read("v=0\r\n"), None);
    }

    #[test]
    fn the_public_url_is_good_for_this_machine_or_has_tls() {
        for (whip, is_ok) in [
            ("http://127.0.0.1:7400/whip", true),
            ("http://localhost:7400/whip", true),
            ("https://stage.example.com/whip", true),
            ("http://stage.example.com/whip", false),
            ("http://192.0.2.1:7400/whip", false),
        ] {
            let mut report = Report::default();
            endpoints(
                &json!({ "stage": { "endpoints": { "whip": whip } } }),
                &mut report,
            );
            assert_eq!(
                report.checks[0].status == super::super::Status::Ok,
                is_ok,
                "{whip}"
            );
        }
    }
}
