//! The load: requests signed once and sent again and again over kept connections, so that the client costs next to nothing.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, ensure};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::clock;

/// Longest head of an answer, in bytes.
const HEAD_MAX: usize = 16 * 1024;

/// The bytes of a signed POST. A signature holds for five minutes, longer than any measurement.
pub(crate) fn request(
    address: SocketAddr,
    region: &str,
    path: &str,
    body: &str,
) -> anyhow::Result<Vec<u8>> {
    let identity = Credentials::new("test", "test", None, None, "bench").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("ivs")
        .time(wall())
        .settings(SigningSettings::default())
        .build()?
        .into();
    let host = address.to_string();
    let headers = [
        ("host", host.as_str()),
        ("content-type", "application/json"),
    ];
    let uri = format!("http://{host}{path}");
    let signable = SignableRequest::new(
        "POST",
        uri.as_str(),
        headers.into_iter(),
        SignableBody::Bytes(body.as_bytes()),
    )?;
    let (instructions, _) = sign(signable, &params)?.into_parts();
    let mut bytes = format!("POST {path} HTTP/1.1\r\n");
    for (name, value) in headers.into_iter().chain(instructions.headers()) {
        write!(bytes, "{name}: {value}\r\n")?;
    }
    write!(bytes, "content-length: {}\r\n\r\n{body}", body.len())?;
    Ok(bytes.into_bytes())
}

#[expect(clippy::disallowed_methods, reason = "a signature carries the time")]
fn wall() -> SystemTime {
    SystemTime::now()
}

/// What a run of calls took.
pub(super) struct Ran {
    /// All of them together.
    pub(super) wall: Duration,
    /// Each of them, sorted.
    pub(super) latencies: Vec<Duration>,
}

impl Ran {
    /// The time below which the share of the calls took.
    pub(super) fn at(&self, per_mille: usize) -> Duration {
        let rank = self.latencies.len() * per_mille / 1_000;
        self.latencies
            .get(rank.min(self.latencies.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    }
}

/// Sends `requests` in turn, `calls` in all, over `at_once` connections. Every answer must be a 200.
pub(super) async fn run(
    address: SocketAddr,
    requests: &[Vec<u8>],
    calls: usize,
    at_once: usize,
) -> anyhow::Result<Ran> {
    let share = calls / at_once;
    let began = clock::now();
    let all = (0..at_once).map(|at| {
        let turn = requests.iter().cycle().skip(at * share % requests.len());
        work(address, turn.take(share))
    });
    let mut latencies = Vec::with_capacity(calls);
    for done in futures_util::future::join_all(all).await {
        latencies.extend(done?);
    }
    let wall = began.elapsed();
    latencies.sort();
    Ok(Ran { wall, latencies })
}

/// Sends requests one after the other, over one connection as long as the server keeps it.
async fn work(
    address: SocketAddr,
    requests: impl Iterator<Item = &Vec<u8>>,
) -> anyhow::Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    let mut buffer = Vec::with_capacity(HEAD_MAX);
    let mut kept = None;
    for request in requests {
        let began = clock::now();
        let mut stream = match kept.take() {
            Some(stream) => stream,
            None => connect(address).await?,
        };
        stream.write_all(request).await?;
        if answer(&mut stream, &mut buffer).await? == After::Keep {
            kept = Some(stream);
        }
        latencies.push(began.elapsed());
    }
    Ok(latencies)
}

async fn connect(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// What becomes of a connection after an answer.
#[derive(PartialEq)]
enum After {
    Keep,
    Close,
}

/// Reads one answer to its end.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<After> {
    buffer.clear();
    let head = loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        ensure!(buffer.len() < HEAD_MAX, "an answer's head is too long");
        ensure!(
            stream.read_buf(buffer).await? > 0,
            "the server closed a connection"
        );
    };
    let text = String::from_utf8_lossy(&buffer[..head]).to_lowercase();
    ensure!(
        text.starts_with("http/1.1 200"),
        "an answer is no 200: {}",
        String::from_utf8_lossy(buffer)
    );
    let length: usize = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .context("an answer has a length")?
        .trim()
        .parse()?;
    while buffer.len() < head + length {
        ensure!(
            stream.read_buf(buffer).await? > 0,
            "the server closed a connection"
        );
    }
    let closes = text.lines().any(|line| line == "connection: close");
    Ok(if closes { After::Close } else { After::Keep })
}

/// Sends one request and gives the JSON of its answer; null where that has no body.
pub(crate) async fn call(address: SocketAddr, request: &[u8]) -> anyhow::Result<serde_json::Value> {
    let mut stream = connect(address).await?;
    stream.write_all(request).await?;
    let mut buffer = Vec::new();
    answer(&mut stream, &mut buffer).await?;
    let body = buffer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map_or(&[][..], |end| &buffer[end + 4..]);
    if body.is_empty() {
        return Ok(serde_json::Value::Null);
    }
    Ok(serde_json::from_slice(body)?)
}
