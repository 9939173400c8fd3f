//! The answer to a subscriber's offer (RFC 9429 section 5.3), printed from what was agreed on and nothing else.

use std::iter;

use super::slot::Slot;
use crate::answer::{push, push_redundant};
use crate::codec::{Codec, Kind, Payload};
use crate::offer::{Credentials, Section};
use crate::rtcp;

/// What an answer says about us.
#[derive(Debug)]
pub(crate) struct Local<'a> {
    pub(crate) credentials: &'a Credentials,
    /// SHA-256 of our certificate, as `a=fingerprint` writes it.
    pub(crate) fingerprint: &'a str,
    /// Whether we begin the DTLS handshake.
    pub(crate) is_active: bool,
    /// Our candidates, as `candidate:` attributes.
    pub(crate) candidates: &'a [String],
    /// Names the session, and the source of all streams.
    pub(crate) name: &'a str,
    /// Counts the answers of a session (RFC 8866 section 5.2).
    pub(crate) version: u64,
}

/// Prints the answer; each section is of the same place in the offer as its slot. `stream` names the MediaStream of a slot.
pub(crate) fn print(
    sections: &[Section],
    slots: &[Slot],
    local: &Local<'_>,
    stream: impl Fn(usize) -> String,
) -> String {
    let mut sdp = String::with_capacity(1_024 + sections.len() * 1_024);
    push(
        &mut sdp,
        format_args!(
            "v=0\r\no=- {} {} IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE",
            session_id(local.name),
            local.version
        ),
    );
    for section in sections {
        push(&mut sdp, format_args!(" {}", section.mid));
    }
    sdp.push_str("\r\na=extmap-allow-mixed\r\na=ice-lite\r\na=msid-semantic:WMS");
    let mut names: Vec<_> = (0..sections.len()).map(&stream).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        push(&mut sdp, format_args!(" {name}"));
    }
    sdp.push_str("\r\n");
    for (place, (section, slot)) in sections.iter().zip(slots).enumerate() {
        push_section(&mut sdp, section, slot, local, &stream(place));
    }
    sdp
}

fn push_section(sdp: &mut String, section: &Section, slot: &Slot, local: &Local<'_>, stream: &str) {
    let medium = match section.kind {
        Kind::Audio => "audio",
        Kind::Video => "video",
    };
    push(sdp, format_args!("m={medium} 9 UDP/TLS/RTP/SAVPF"));
    for payload in &slot.payloads {
        for number in payload.numbers() {
            push(sdp, format_args!(" {number}"));
        }
    }
    let setup = if local.is_active { "active" } else { "passive" };
    push(
        sdp,
        format_args!(
            "\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=ice-options:trickle\r\n\
             a=fingerprint:sha-256 {}\r\na=setup:{setup}\r\na=mid:{}\r\n",
            local.credentials.ufrag, local.credentials.password, local.fingerprint, section.mid
        ),
    );
    for (id, uri) in &section.extensions {
        push(sdp, format_args!("a=extmap:{id} {uri}\r\n"));
    }
    push(
        sdp,
        format_args!("a=sendonly\r\na=msid:{stream} {medium}\r\na=rtcp-mux\r\na=rtcp-mux-only\r\n"),
    );
    if section.has_reduced_size {
        sdp.push_str("a=rtcp-rsize\r\n");
    }
    for payload in &slot.payloads {
        push_payload(sdp, payload);
    }
    if slot.has_rtx() {
        push(
            sdp,
            format_args!("a=ssrc-group:FID {} {}\r\n", slot.ssrc, slot.rtx_ssrc),
        );
    }
    let cname = rtcp::cname(local.name);
    for ssrc in iter::once(slot.ssrc).chain(slot.has_rtx().then_some(slot.rtx_ssrc)) {
        push(
            sdp,
            format_args!("a=ssrc:{ssrc} cname:{cname}\r\na=ssrc:{ssrc} msid:{stream} {medium}\r\n"),
        );
    }
    for candidate in local.candidates {
        push(sdp, format_args!("a={candidate}\r\n"));
    }
    sdp.push_str("a=end-of-candidates\r\n");
}

fn push_payload(sdp: &mut String, payload: &Payload) {
    let number = payload.number;
    push(
        sdp,
        format_args!("a=rtpmap:{number} {}\r\n", payload.codec.encoding()),
    );
    for name in &payload.feedback {
        push(sdp, format_args!("a=rtcp-fb:{number} {name}\r\n"));
    }
    match payload.codec {
        // RFC 7587 section 7: what we send, FEC, and stereo where the client plays it.
        Codec::Opus => {
            let is_stereo = payload.params().stereo == Some(true);
            let stereo = if is_stereo { ";sprop-stereo=1" } else { "" };
            push(
                sdp,
                format_args!("a=fmtp:{number} minptime=10;useinbandfec=1{stereo}\r\n"),
            );
        }
        Codec::H264 | Codec::Vp8 if payload.format.is_empty() => {}
        Codec::H264 | Codec::Vp8 => {
            push(sdp, format_args!("a=fmtp:{number} {}\r\n", payload.format));
        }
    }
    push_redundant(sdp, payload);
    if let Some(rtx) = payload.rtx {
        push(
            sdp,
            format_args!(
                "a=rtpmap:{rtx} rtx/{}\r\na=fmtp:{rtx} apt={number}\r\n",
                payload.codec.clock_rate()
            ),
        );
    }
}

/// A number that stands for the name (RFC 8866 section 5.2 wants digits).
fn session_id(name: &str) -> u64 {
    name.bytes().fold(1, |id: u64, byte| {
        id.wrapping_mul(31).wrapping_add(u64::from(byte)) & 0x3fff_ffff_ffff_ffff
    })
}
