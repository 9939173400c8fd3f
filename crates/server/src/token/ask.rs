//! The question to a server's administration: would this token be let in?

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use axum::body::{Body, Bytes};
use http::{Request, StatusCode, header};
use serde::Deserialize;

use crate::config::Redacted;
use crate::http_client::ServerUrl;

const PATH: &str = "/_downstage/token";
/// A local server answers in milliseconds; this is for one that hangs.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What it says of a token.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    /// What became of the signature.
    pub(super) signature: Signature,
    /// Whether the token would be let in now.
    pub(super) accepted: bool,
    /// Why not.
    pub(super) reasons: Vec<Reason>,
}

/// Whether a signature is that of the key which the token names.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Signature {
    Verified,
    Refused,
    NotChecked,
}

/// One reason why a token is refused.
#[derive(Debug, Deserialize)]
pub(super) struct Reason {
    /// In words.
    pub(super) message: String,
}

/// Asks.
pub(super) fn ask(server: &ServerUrl, key: &Redacted, token: &str) -> anyhow::Result<Answer> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let (status, body) = runtime
        .block_on(async { tokio::time::timeout(TIMEOUT, exchange(server, key, token)).await })
        .unwrap_or_else(|_| Err(anyhow!("no answer within {} s", TIMEOUT.as_secs())))
        .with_context(|| format!("--server: cannot ask {}", server.authority()))?;
    match status {
        StatusCode::OK => serde_json::from_slice(&body).context("--server: not a downstage server"),
        StatusCode::UNAUTHORIZED => bail!("--admin-key-file: the server has another key"),
        // The API's own answer to a path that it does not have; and that of `dev` under a name.
        StatusCode::FORBIDDEN => bail!(
            "--server: it has no administration at this address: that needs `admin.key` there, for `dev` as soon as \
             it is not asked at localhost or an IP address"
        ),
        status => bail!("--server: answered {status}"),
    }
}

async fn exchange(
    server: &ServerUrl,
    key: &Redacted,
    token: &str,
) -> anyhow::Result<(StatusCode, Bytes)> {
    let request = Request::post(PATH)
        .header(header::AUTHORIZATION, format!("Bearer {}", key.expose()))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(
            serde_json::json!({ "token": token }).to_string(),
        ))
        .context("the key has characters that no HTTP header can carry")?;
    let (head, body) = server.send(request).await?;
    Ok((head.status, body))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// What comes of asking a server that gives this answer and leaves the connection open, in words.
    fn answered(status: &str, body: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let reply = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = String::new();
            while !request.ends_with(r#"{"token":"a.b.c"}"#) {
                let mut chunk = [0; 4_096];
                let count = stream.read(&mut chunk).unwrap();
                request.push_str(std::str::from_utf8(&chunk[..count]).unwrap());
            }
            stream.write_all(reply.as_bytes()).unwrap();
            // The client closes.
            assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
            request
        });
        let Ok(key) = "hunter2".parse();
        let answer = ask(&ServerUrl::parse(&url).unwrap(), &key, "a.b.c");
        let request = server.join().unwrap();
        assert!(request.starts_with("POST /_downstage/token HTTP/1.1\r\n"));
        assert!(request.contains("authorization: Bearer hunter2\r\n"));
        match answer {
            Ok(answer) => format!("{answer:?}"),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn the_answer_is_read_and_the_connection_closed() {
        let body = r#"{"kind":"PARTICIPANT","signature":"NOT_CHECKED","accepted":false,"reasons":[{"code":"X","message":"y"}]}"#;
        assert_eq!(
            answered("200 OK", body),
            r#"Answer { signature: NotChecked, accepted: false, reasons: [Reason { message: "y" }] }"#
        );
    }

    #[test]
    fn what_is_no_answer_is_told_apart_and_the_key_is_never_shown() {
        for (status, body, expected) in [
            ("401 Unauthorized", "", "the server has another key"),
            ("403 Forbidden", "{}", "it has no administration"),
            ("503 Service Unavailable", "", "answered 503"),
            ("200 OK", "hello", "not a downstage server"),
        ] {
            let error = answered(status, body);
            assert!(error.contains(expected), "{status}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
