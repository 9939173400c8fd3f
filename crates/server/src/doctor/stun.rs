//! One connectivity check of ICE (RFC 8445 section 7.2.4): a STUN request that only the peer of a session can answer, and the
//! answer. It proves that packets get to the server's worker and back; DTLS and media come after it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use aws_lc_rs::hmac;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use crate::clock;

/// RFC 8489 section 5.
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const HEADER_BYTES: usize = 20;
const REQUEST: u16 = 0x0001;
const SUCCESS: u16 = 0x0101;
const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const PRIORITY: u16 = 0x0024;
const FINGERPRINT: u16 = 0x8028;
const ICE_CONTROLLING: u16 = 0x802a;
/// What the checksum is mixed with (RFC 8489 section 14.7).
const FINGERPRINT_MASK: u32 = 0x5354_554e;

/// A lost request is sent again after this.
const REPEAT: Duration = Duration::from_millis(500);
const ATTEMPTS: usize = 6;
/// How long a TCP connection may take to open.
const CONNECT_PATIENCE: Duration = Duration::from_secs(3);

/// What both sides of a session know.
#[derive(Clone)]
pub(super) struct Credentials {
    /// `theirs:ours`.
    pub(super) username: String,
    /// The server's password.
    pub(super) password: String,
}

/// Why a candidate is not reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreached {
    #[error("no answer")]
    Silent,
    #[error("no connection")]
    Closed,
}

/// Checks by UDP. Yields the address that the server sees.
pub(super) async fn by_udp(
    candidate: SocketAddr,
    credentials: &Credentials,
) -> Result<SocketAddr, Unreached> {
    let any: IpAddr = if candidate.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    let socket = UdpSocket::bind((any, 0))
        .await
        .map_err(|_| Unreached::Closed)?;
    socket
        .connect(candidate)
        .await
        .map_err(|_| Unreached::Closed)?;
    let check = Check::new(credentials);
    let mut buffer = [0; 2_048];
    for _ in 0..ATTEMPTS {
        // A refusal by the other side comes back as an error of a later call; the next attempt may fare better.
        let _ = socket.send(&check.request).await;
        let answered = async {
            loop {
                let length = socket.recv(&mut buffer).await.ok()?;
                let found = buffer.get(..length).and_then(|bytes| check.answer(bytes));
                if found.is_some() {
                    return found;
                }
            }
        };
        if let Ok(Some(seen)) = tokio::time::timeout(REPEAT, answered).await {
            return Ok(seen);
        }
    }
    Err(Unreached::Silent)
}

/// Checks by TCP (RFC 6544), framed as RFC 4571 has it. Yields the address that the server sees.
pub(super) async fn by_tcp(
    candidate: SocketAddr,
    credentials: &Credentials,
) -> Result<SocketAddr, Unreached> {
    let opened = tokio::time::timeout(CONNECT_PATIENCE, TcpStream::connect(candidate)).await;
    let Ok(Ok(mut stream)) = opened else {
        return Err(Unreached::Closed);
    };
    let check = Check::new(credentials);
    let answered = async {
        let length = u16::try_from(check.request.len()).ok()?;
        stream.write_all(&length.to_be_bytes()).await.ok()?;
        stream.write_all(&check.request).await.ok()?;
        loop {
            let length = stream.read_u16().await.ok()?;
            let mut frame = vec![0; usize::from(length)];
            stream.read_exact(&mut frame).await.ok()?;
            if let Some(seen) = check.answer(&frame) {
                return Some(seen);
            }
        }
    };
    match tokio::time::timeout(CONNECT_PATIENCE, answered).await {
        Ok(Some(seen)) => Ok(seen),
        Ok(None) | Err(_) => Err(Unreached::Silent),
    }
}

/// A request and what its answer is known by.
struct Check {
    request: Vec<u8>,
    transaction: [u8; 12],
    key: hmac::Key,
}

impl Check {
    fn new(credentials: &Credentials) -> Self {
        let random = clock::system_random();
        let transaction = clock::random_bytes::<12>(&random);
        let key = hmac::Key::new(
            hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            credentials.password.as_bytes(),
        );
        let mut request = Vec::with_capacity(128);
        request.extend(REQUEST.to_be_bytes());
        request.extend([0, 0]);
        request.extend(COOKIE);
        request.extend(transaction);
        attribute(&mut request, USERNAME, credentials.username.as_bytes());
        // A host candidate's (RFC 8445 section 5.1.2.1).
        let priority = (126_u32 << 24) | (0xffff << 8) | 0xff;
        attribute(&mut request, PRIORITY, &priority.to_be_bytes());
        let tie_breaker = clock::random_bytes::<8>(&random);
        attribute(&mut request, ICE_CONTROLLING, &tie_breaker);
        seal(&mut request, &key);
        Self {
            request,
            transaction,
            key,
        }
    }

    /// The address in a success that answers this request and is made by who knows the password; anything else is not ours.
    fn answer(&self, bytes: &[u8]) -> Option<SocketAddr> {
        let (header, _) = bytes.split_at_checked(HEADER_BYTES)?;
        let is_ours = header.get(..2)? == SUCCESS.to_be_bytes()
            && header.get(4..8)? == COOKIE
            && header.get(8..)? == self.transaction;
        if !is_ours {
            return None;
        }
        let mut seen = None;
        let mut at = HEADER_BYTES;
        loop {
            let (head, rest) = bytes.get(at..)?.split_first_chunk::<4>()?;
            let [kind_high, kind_low, length_high, length_low] = *head;
            let kind = u16::from_be_bytes([kind_high, kind_low]);
            let length = usize::from(u16::from_be_bytes([length_high, length_low]));
            let value = rest.get(..length)?;
            match kind {
                XOR_MAPPED_ADDRESS => seen = self.address(value),
                MESSAGE_INTEGRITY => {
                    let mut signed = bytes.get(..at)?.to_vec();
                    set_length(&mut signed, at + 4 + length);
                    return hmac::verify(&self.key, &signed, value).ok().and(seen);
                }
                _ => {}
            }
            at += 4 + length.next_multiple_of(4);
        }
    }

    /// RFC 8489 section 14.2.
    fn address(&self, value: &[u8]) -> Option<SocketAddr> {
        let [_, family, port_high, port_low, rest @ ..] = value else {
            return None;
        };
        let [cookie_high, cookie_low, ..] = COOKIE;
        let port = u16::from_be_bytes([port_high ^ cookie_high, port_low ^ cookie_low]);
        let mask = COOKIE.iter().chain(&self.transaction);
        let bytes: Vec<u8> = rest
            .iter()
            .zip(mask)
            .map(|(byte, mask)| byte ^ mask)
            .collect();
        let ip = match family {
            1 => IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?),
            2 => IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?),
            _ => return None,
        };
        Some(SocketAddr::new(ip, port))
    }
}

fn attribute(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    message.extend(kind.to_be_bytes());
    message.extend(u16::try_from(value.len()).unwrap_or(0).to_be_bytes());
    message.extend(value);
    message.resize(message.len().next_multiple_of(4), 0);
    let length = message.len();
    set_length(message, length);
}

/// Writes the length that the header has when the message is `end` bytes long.
fn set_length(message: &mut [u8], end: usize) {
    let length = u16::try_from(end.saturating_sub(HEADER_BYTES)).unwrap_or(0);
    if let Some(field) = message.get_mut(2..4) {
        field.copy_from_slice(&length.to_be_bytes());
    }
}

/// Adds the integrity and the fingerprint. Both are computed with the length that the message has with them.
fn seal(message: &mut Vec<u8>, key: &hmac::Key) {
    let end = message.len() + 24;
    set_length(message, end);
    let tag = hmac::sign(key, message);
    attribute(message, MESSAGE_INTEGRITY, tag.as_ref());
    let end = message.len() + 8;
    set_length(message, end);
    let fingerprint = crc32(message) ^ FINGERPRINT_MASK;
    attribute(message, FINGERPRINT, &fingerprint.to_be_bytes());
}

/// CRC-32 of ISO 3309, bit by bit: it is for one message.
fn crc32(bytes: &[u8]) -> u32 {
    let crc = bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            let mask = if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
            (crc >> 1) ^ mask
        })
    });
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        Credentials {
            username: "theirs:ours".to_owned(),
            password: "the password of the server".to_owned(),
        }
    }

    /// What a server answers, with that key.
    fn success(check: &Check, password: &str) -> Vec<u8> {
        let mut answer = Vec::new();
        answer.extend(SUCCESS.to_be_bytes());
        answer.extend([0, 0]);
        answer.extend(COOKIE);
        answer.extend(check.transaction);
        // 192.0.2.1:32853, by the mask.
        let address = [0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43];
        attribute(&mut answer, XOR_MAPPED_ADDRESS, &address);
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
        seal(&mut answer, &key);
        answer
    }

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn an_answer_counts_if_it_is_sealed_by_who_knows_the_password() {
        let check = Check::new(&credentials());
        let good = success(&check, &credentials().password);
        assert_eq!(
            check.answer(&good),
            Some("192.0.2.1:32853".parse().unwrap())
        );
        assert_eq!(check.answer(&success(&check, "a guess")), None);
        assert_eq!(
            Check::new(&credentials()).answer(&good),
            None,
            "another request's"
        );
        assert_eq!(check.answer(&check.request), None, "no answer");
        for end in 0..good.len() - 8 {
            assert_eq!(check.answer(&good[..end]), None, "{end}");
        }
    }
}
