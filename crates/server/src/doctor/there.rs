//! A running server, as its clients meet it.
//!
//! A server answers no check that it cannot authenticate, so the only honest way to learn whether its media ports are reached is
//! a session: a stage of our own, a token for it, an offer to publish, and one ICE check to each candidate of the answer. What
//! that proves: the control API, the token, the way to publish, and the way of packets to the worker and back, from where this
//! runs. What it does not: DTLS and media, and the same from anywhere else.

mod client;
mod offer;

use std::collections::BTreeSet;

use anyhow::{Context as _, bail};
use axum::body::Body;
use http::{Request, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use client::{Api, send};
use offer::{Answer, Candidate, hex, offer};

use super::Report;
use super::place::Place;
use super::stun::{self, Credentials};
use crate::clock;
use crate::config::Signer;
use crate::http_client::ServerUrl;

/// By how much the clocks may differ before somebody should look, and before no signature is good any more.
const SKEW_WARNED: SignedDuration = SignedDuration::from_secs(10);
const SKEW_MAX: SignedDuration = SignedDuration::from_mins(5);

/// Asks the server for all that a client needs, and checks what it offers.
pub(super) async fn examine(server: &ServerUrl, signer: &Signer, report: &mut Report) {
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
    let api = match Api::of(server, signer) {
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

#[cfg(test)]
mod tests {
    use super::*;

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
