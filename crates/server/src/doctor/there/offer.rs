//! The offer that is made to a server, and what its answer says of ICE.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::SocketAddr;

use crate::clock;

/// An offer to publish video, which nobody will send.
pub(super) fn offer(ufrag: &str) -> String {
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

pub(super) fn hex<const N: usize>() -> String {
    let bytes = clock::random_bytes::<N>(&clock::system_random());
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Where packets may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    pub(super) is_tcp: bool,
    pub(super) address: SocketAddr,
}

/// What an answer says of ICE. Not `Debug`: the password lets others into the connection.
pub(super) struct Answer {
    pub(super) ufrag: String,
    pub(super) password: String,
    pub(super) candidates: BTreeSet<Candidate>,
}

impl Answer {
    pub(super) fn read(sdp: &str) -> Option<Self> {
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
        assert!(Answer::read("v=0\r\n").is_none());
    }
}
