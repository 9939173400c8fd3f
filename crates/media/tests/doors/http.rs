//! A plain HTTP/1.1 client: one request, one connection, every header as given.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self
            .headers
            .iter()
            .filter(|(header, _)| header.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} is repeated");
        value
    }

    /// Every value of a header that may stand more than once.
    pub(crate) fn headers_of(&self, name: &str) -> Vec<&str> {
        let values = self
            .headers
            .iter()
            .filter(|(header, _)| header.eq_ignore_ascii_case(name));
        values.map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    /// The path of `Location`.
    pub(crate) fn session(&self) -> String {
        let location = self.header("location").expect("a Location");
        let path = location.strip_prefix("http://media.test");
        path.unwrap_or_else(|| panic!("not under the public URL: {location}"))
            .to_owned()
    }
}

pub(crate) struct Request {
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn sdp(self, body: &str) -> Self {
        self.header("Content-Type", "application/sdp").body(body)
    }

    pub(crate) fn fragment(self, body: &str) -> Self {
        self.header("Content-Type", "application/trickle-ice-sdpfrag")
            .body(body)
    }

    pub(crate) fn body(self, body: &str) -> Self {
        self.bytes(body.as_bytes())
    }

    pub(crate) fn bytes(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }

    /// Sends the request that often over one connection, and gives each status.
    pub(crate) async fn send_often(self, server: SocketAddr, times: usize) -> Vec<u16> {
        let stream = TcpStream::connect(server).await.unwrap();
        let (mut reader, mut writer) = stream.into_split();
        let request = format!(
            "{} {} HTTP/1.1\r\nHost: media.test\r\n\r\n",
            self.method, self.path
        );
        let last = format!(
            "GET {} HTTP/1.1\r\nHost: media.test\r\nConnection: close\r\n\r\n",
            self.path
        );
        let write = async {
            let all = request.repeat(times) + &last;
            writer.write_all(all.as_bytes()).await.unwrap();
        };
        let mut text = String::new();
        let ((), read) = tokio::join!(write, reader.read_to_string(&mut text));
        read.unwrap();
        let replies = text.split("HTTP/1.1 ").skip(1).take(times);
        replies.map(|reply| reply[..3].parse().unwrap()).collect()
    }

    /// Writes the request and gives the connection.
    pub(crate) async fn begin(&self, server: SocketAddr) -> TcpStream {
        let mut stream = TcpStream::connect(server).await.unwrap();
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: media.test\r\nConnection: close\r\n",
            self.method, self.path
        );
        for (name, value) in &self.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head.extend(["Content-Length: ", &self.body.len().to_string(), "\r\n\r\n"]);
        stream.write_all(head.as_bytes()).await.unwrap();
        // A server that has seen enough may close before it has read all.
        let _ = stream.write_all(&self.body).await;
        stream
    }

    pub(crate) async fn send(self, server: SocketAddr) -> Reply {
        let mut stream = self.begin(server).await;
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes).await;
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").expect("a reply");
        let mut lines = head.lines();
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1))
            .unwrap()
            .parse()
            .unwrap();
        let headers = lines
            .map(|line| {
                let (name, value) = line.split_once(':').unwrap();
                (name.to_owned(), value.trim().to_owned())
            })
            .collect();
        Reply {
            status,
            headers,
            body: body.to_owned(),
        }
    }
}
