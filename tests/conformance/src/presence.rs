//! Being on a stage without media: an events socket, opened by hand.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::Server;

/// How long a read may take before the server counts as silent.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// A participant that is connected while this exists.
#[derive(Debug)]
pub struct Presence {
    _socket: TcpStream,
}

impl Presence {
    /// Joins the stage of this ARN. When it returns, the first snapshot of the stage has come.
    pub fn join(server: &Server, stage_arn: &str, token: &str) -> anyhow::Result<Self> {
        let (_, topic) = stage_arn.rsplit_once('/').context("an ARN has an id")?;
        let mut socket = TcpStream::connect(server.address())?;
        socket.set_read_timeout(Some(SILENCE_MAX))?;
        let request = format!(
            "GET /events/{topic} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: {token}\r\n\r\n",
            server.address(),
        );
        socket.write_all(request.as_bytes())?;
        let mut seen = String::new();
        while !seen.contains("STAGE_STATE") {
            let mut chunk = [0; 4096];
            let count = socket.read(&mut chunk)?;
            ensure!(count > 0, "the socket was closed: {seen}");
            seen.push_str(&String::from_utf8_lossy(
                chunk.get(..count).unwrap_or_default(),
            ));
        }
        Ok(Self { _socket: socket })
    }
}
