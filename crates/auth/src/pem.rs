//! PEM (RFC 7468): base64 between two lines that say what it is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Longest text that is looked at, in bytes. A P-384 key needs some 300; texts around a key are allowed.
pub(crate) const TEXT_LEN_MAX: usize = 8 << 10;

/// Characters of a line (RFC 7468 section 2).
const LINE_LEN: usize = 64;

/// Why a text has no block to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PemFault {
    /// Not exactly one block of that label.
    Block,
    /// What stands in it is not base64.
    Base64,
}

/// The bytes of the one block with this label. Text around it is passed over; lines may end in LF or CRLF.
pub(crate) fn decode(text: &str, label: &str) -> Result<Vec<u8>, PemFault> {
    let (begin, end) = (
        format!("-----BEGIN {label}-----"),
        format!("-----END {label}-----"),
    );
    let body = match text.split_once(&begin) {
        Some((_, rest)) if !rest.contains(&begin) => between_lines(rest, &end),
        Some(_) | None => None,
    };
    let body: String = body.ok_or(PemFault::Block)?.split(['\r', '\n']).collect();
    STANDARD.decode(body).map_err(|_| PemFault::Base64)
}

/// What stands between the end of this line and the line that begins with `end`, which is there once.
fn between_lines<'a>(text: &'a str, end: &str) -> Option<&'a str> {
    let text = text.strip_prefix('\r').unwrap_or(text).strip_prefix('\n')?;
    let (body, after) = text.split_once(end)?;
    (body.is_empty() || body.ends_with('\n'))
        .then_some(body)
        .filter(|_| !after.contains(end))
}

/// One block, with LF at the end of each line.
pub(crate) fn encode(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at_checked(LINE_LEN).unwrap_or((rest, ""));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}
