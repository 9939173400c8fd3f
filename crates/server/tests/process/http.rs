//! A bare HTTP client over a socket: what is tested is what is on the wire.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What an events socket that is let in hears first.
const FIRST_STATE: &str = "STAGE_STATE";

pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// Sends bytes and reads until the server closes.
pub(crate) fn exchange(server: SocketAddr, request: &[u8]) -> String {
    let mut stream = connect(server);
    stream.write_all(request).unwrap();
    let mut reply = Vec::new();
    // A server that refuses may reset what it does not read; what it said before counts.
    let _ = stream.read_to_end(&mut reply);
    String::from_utf8_lossy(&reply).into_owned()
}

pub(crate) fn connect(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
}

pub(crate) fn send(
    server: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Response {
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        request.extend([*name, ": ", *value, "\r\n"]);
    }
    request += "\r\n";
    request += body;
    let reply = exchange(server, request.as_bytes());
    let (head, body) = reply
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no reply to {method} {path}: {reply:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Response {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

pub(crate) fn get(server: SocketAddr, path: &str) -> Response {
    send(server, "GET", path, &[], "")
}

/// Opens an events socket, which must be let in.
pub(crate) fn join(server: SocketAddr, arn: &str, token: &str) -> TcpStream {
    let (socket, seen) = knock(server, arn, token);
    assert!(seen.contains(FIRST_STATE), "not let in: {seen}");
    socket
}

/// Whether an events socket is let in.
pub(crate) fn is_let_in(server: SocketAddr, arn: &str, token: &str) -> bool {
    knock(server, arn, token).1.contains(FIRST_STATE)
}

/// Opens an events socket and reads until it is let in, told why not, or closed.
fn knock(server: SocketAddr, arn: &str, token: &str) -> (TcpStream, String) {
    let topic = arn.rsplit('/').next().unwrap();
    let mut socket = connect(server);
    let request = format!(
        "GET /events/{topic} HTTP/1.1\r\nHost: {server}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: {token}\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).unwrap();
    let mut seen = String::new();
    while !seen.contains(FIRST_STATE) && !seen.contains("JOIN_ERROR") {
        let mut chunk = [0; 4096];
        let count = socket.read(&mut chunk).unwrap();
        if count == 0 {
            break;
        }
        seen += &String::from_utf8_lossy(&chunk[..count]);
    }
    (socket, seen)
}
