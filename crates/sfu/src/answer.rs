//! What is printed: the offer as the WebRTC stack gets to see it, the answer as the client gets to see it, and the fragment
//! that answers an ICE restart.

use std::fmt::Write as _;

use crate::codec::{self, Codec, Kind, Payload, Redundant};
use crate::io::LayerLabel;
use crate::offer::{Credentials, Section, Setup, Terms};
use crate::simulcast;

/// One section of the offer with the payload types that were chosen for it.
#[derive(Clone, Debug)]
pub(crate) struct Agreed {
    pub(crate) section: Section,
    /// Best first; never empty.
    pub(crate) payloads: Vec<Payload>,
}

/// Prints an offer anew, from what was understood of it.
///
/// Remote candidates are left out: an ICE-lite agent sends no checks, and learns where a peer is from the peer's own checks.
pub(crate) fn normalised_offer(
    terms: &Terms,
    credentials: &Credentials,
    agreed: &[Agreed],
) -> String {
    let mut sdp = String::from("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE");
    for Agreed { section, .. } in agreed {
        push(&mut sdp, format_args!(" {}", section.mid));
    }
    sdp.push_str("\r\na=extmap-allow-mixed\r\n");
    let setup = match terms.setup {
        Setup::ActPass => "actpass",
        Setup::Active => "active",
        Setup::Passive => "passive",
    };
    for Agreed { section, payloads } in agreed {
        sdp.push_str(match section.kind {
            Kind::Audio => "m=audio 9 UDP/TLS/RTP/SAVPF",
            Kind::Video => "m=video 9 UDP/TLS/RTP/SAVPF",
        });
        for number in payloads.iter().flat_map(Payload::numbers) {
            push(&mut sdp, format_args!(" {number}"));
        }
        push(
            &mut sdp,
            format_args!(
                "\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=fingerprint:sha-256 {}\r\n\
                 a=setup:{setup}\r\na=mid:{}\r\n",
                credentials.ufrag, credentials.password, terms.fingerprint, section.mid
            ),
        );
        for (id, uri) in &section.extensions {
            push(&mut sdp, format_args!("a=extmap:{id} {uri}\r\n"));
        }
        push(&mut sdp, format_args!("a=sendonly\r\na=rtcp-mux\r\n"));
        for payload in payloads {
            push_payload(&mut sdp, payload);
        }
        if !section.layers.is_empty() {
            push_layers(&mut sdp, section, "send", |label| {
                simulcast::rid(label).to_string()
            });
        } else if let Some(source) = section.source {
            let ssrc = source.ssrc;
            if let Some(rtx) = source.rtx {
                push(
                    &mut sdp,
                    format_args!("a=ssrc-group:FID {ssrc} {rtx}\r\na=ssrc:{rtx} cname:-\r\n"),
                );
            }
            push(&mut sdp, format_args!("a=ssrc:{ssrc} cname:-\r\n"));
        }
    }
    sdp
}

/// `a=rid` and `a=simulcast`, with the names as they are to be written.
fn push_layers(
    sdp: &mut String,
    section: &Section,
    way: &str,
    name: impl Fn(&LayerLabel) -> String,
) {
    let names: Vec<_> = section.layers.iter().map(name).collect();
    for name in &names {
        push(sdp, format_args!("a=rid:{name} {way}\r\n"));
    }
    push(
        sdp,
        format_args!("a=simulcast:{way} {}\r\n", names.join(";")),
    );
}

fn push_payload(sdp: &mut String, payload: &Payload) {
    let number = payload.number;
    let encoding = payload.codec.encoding();
    push(sdp, format_args!("a=rtpmap:{number} {encoding}\r\n"));
    for name in used_feedback(payload) {
        push(sdp, format_args!("a=rtcp-fb:{number} {name}\r\n"));
    }
    if !payload.format.is_empty() {
        push(sdp, format_args!("a=fmtp:{number} {}\r\n", payload.format));
    }
    push_redundant(sdp, payload);
    if let Some(rtx) = payload.rtx {
        push(
            sdp,
            format_args!("a=rtpmap:{rtx} rtx/90000\r\na=fmtp:{rtx} apt={number}\r\n"),
        );
    }
}

/// Redundant audio repeats one payload type; how many times is the sender's (RFC 2198 section 5).
pub(crate) fn push_redundant(sdp: &mut String, payload: &Payload) {
    if let Some(Redundant { number, .. }) = payload.redundant {
        let (encoding, of) = (codec::REDUNDANT, payload.number);
        push(
            sdp,
            format_args!("a=rtpmap:{number} {encoding}\r\na=fmtp:{number} {of}/{of}\r\n"),
        );
    }
}

/// Completes the stack's answer to a publisher: candidates in every section (some stacks read only their own), layers by the
/// names that were offered, `rtcp-mux-only` (RFC 9725 section 4.4.1), and Opus parameters that let it send stereo.
pub(crate) fn completed(answer: &str, agreed: &[Agreed], candidates: &[String]) -> String {
    let mut sdp = String::with_capacity(answer.len() + 1_024);
    let mut sections = agreed.iter();
    let mut current: Option<&Agreed> = None;
    for line in answer.lines() {
        if line.starts_with("m=") {
            push_candidates(&mut sdp, current, candidates);
            current = sections.next();
        }
        push_line(&mut sdp, line, current);
    }
    push_candidates(&mut sdp, current, candidates);
    sdp
}

fn push_line(sdp: &mut String, line: &str, current: Option<&Agreed>) {
    // A receiver announces no sources and no MediaStream; layers are printed with the names as they were offered, candidates at
    // the end of each section.
    const ABSENT: [&str; 6] = [
        "a=candidate:",
        "a=end-of-candidates",
        "a=msid",
        "a=ssrc:",
        "a=ssrc-group:",
        "a=rid:",
    ];
    if ABSENT.iter().any(|start| line.starts_with(start)) {
        return;
    }
    if line.starts_with("m=") {
        push_media(sdp, line, current);
    } else if line.starts_with("o=") {
        // Whose stack answers is nobody's concern; the session id stays.
        let rest = line
            .split_once(' ')
            .map_or("1 1 IN IP4 0.0.0.0", |(_, rest)| rest);
        push(sdp, format_args!("o=- {rest}\r\n"));
    } else if let Some(feedback) = line.strip_prefix("a=rtcp-fb:") {
        if is_agreed(feedback, current) {
            push(sdp, format_args!("{line}\r\n"));
        }
    } else if line.starts_with("a=simulcast:") {
        if let Some(Agreed { section, .. }) = current
            && !section.layers.is_empty()
        {
            push_layers(sdp, section, "recv", |label| label.as_str().to_owned());
        }
    } else if line == "a=rtcp-mux" {
        sdp.push_str("a=rtcp-mux\r\na=rtcp-mux-only\r\n");
    } else if let Some(number) = opus_format(line, current) {
        push(
            sdp,
            format_args!("a=fmtp:{number} {}\r\n", opus_answer(current)),
        );
    } else {
        push(sdp, format_args!("{line}\r\n"));
    }
}

/// The m-line with the stack's payload types in the order of the offer. The stack puts redundant audio first, and whoever is
/// answered so sends it, at twice the bitrate, though it may not have meant to.
fn push_media(sdp: &mut String, line: &str, current: Option<&Agreed>) {
    let words: Vec<_> = line.split(' ').collect();
    let (head, formats) = words.split_at(words.len().min(3));
    let mut formats = formats.to_vec();
    let offered: Vec<_> = current
        .into_iter()
        .flat_map(|agreed| &agreed.payloads)
        .flat_map(Payload::numbers)
        .map(|number| number.to_string())
        .collect();
    formats.sort_by_key(|format| offered.iter().position(|number| number == format));
    let words: Vec<_> = head.iter().chain(&formats).copied().collect();
    push(sdp, format_args!("{}\r\n", words.join(" ")));
}

/// Whether feedback was offered (RFC 4585 section 4.2: an answer adds none) and is used.
fn is_agreed(feedback: &str, current: Option<&Agreed>) -> bool {
    let Some(((number, name), agreed)) = feedback.split_once(' ').zip(current) else {
        return false;
    };
    agreed
        .payloads
        .iter()
        .filter(|payload| payload.number.to_string() == number)
        .any(|payload| used_feedback(payload).any(|used| used == name))
}

/// Publishers get transport-wide feedback, and no estimate of ours.
fn used_feedback(payload: &Payload) -> impl Iterator<Item = &'static str> {
    let is_used = |name: &&'static str| *name != codec::REMB;
    payload.feedback.iter().copied().filter(is_used)
}

/// The payload type of a line that gives Opus parameters.
fn opus_format(line: &str, current: Option<&Agreed>) -> Option<u8> {
    let number: u8 = line
        .strip_prefix("a=fmtp:")?
        .split(' ')
        .next()?
        .parse()
        .ok()?;
    current?
        .payloads
        .iter()
        .any(|payload| payload.codec == Codec::Opus && payload.number == number)
        .then_some(number)
}

/// What we accept of Opus (RFC 7587 section 7): FEC, and stereo where it is offered.
fn opus_answer(current: Option<&Agreed>) -> &'static str {
    let params = current
        .and_then(|agreed| agreed.payloads.first())
        .map(Payload::params)
        .unwrap_or_default();
    if params.stereo == Some(true) || params.sprop_stereo == Some(true) {
        "minptime=10;useinbandfec=1;stereo=1"
    } else {
        "minptime=10;useinbandfec=1"
    }
}

fn push_candidates(sdp: &mut String, current: Option<&Agreed>, candidates: &[String]) {
    if current.is_none() {
        return;
    }
    for candidate in candidates {
        push(sdp, format_args!("a={candidate}\r\n"));
    }
    sdp.push_str("a=end-of-candidates\r\n");
}

/// The reply to an ICE restart (RFC 9725 section 4.3.3, RFC 8840 section 9): our new credentials and the candidates, with
/// the ICE options of the answer. Each section comes with its first payload type.
pub(crate) fn restart_fragment<'a>(
    credentials: &Credentials,
    sections: impl Iterator<Item = (&'a Section, u8)> + Clone,
    candidates: &[String],
) -> String {
    let mut fragment = String::from("a=ice-lite\r\na=ice-options:trickle\r\na=group:BUNDLE");
    for (section, _) in sections.clone() {
        push(&mut fragment, format_args!(" {}", section.mid));
    }
    fragment.push_str("\r\n");
    for (section, number) in sections {
        let medium = match section.kind {
            Kind::Audio => "audio",
            Kind::Video => "video",
        };
        push(
            &mut fragment,
            format_args!(
                "m={medium} 9 UDP/TLS/RTP/SAVPF {number}\r\na=mid:{}\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\n",
                section.mid, credentials.ufrag, credentials.password
            ),
        );
        for candidate in candidates {
            push(&mut fragment, format_args!("a={candidate}\r\n"));
        }
        fragment.push_str("a=end-of-candidates\r\n");
    }
    fragment
}

/// Appends what is formatted.
pub(crate) fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments)
        .expect("writing to a String cannot fail");
}
