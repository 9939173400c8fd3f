//! What a subscriber is told about its streams (RFC 3550 sections 6.4.1, 6.5 and 6.6).

use super::kind;

/// Sender reports of one packet, so that it fits into a datagram with a name of 16 bytes.
pub(crate) const REPORTS_MAX: usize = 20;
/// Most sources of one description or goodbye.
const SOURCES_MAX: usize = 31;
/// The item of a description that holds the canonical name.
const CNAME: u8 = 1;

/// How far one stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SenderReport {
    pub(crate) ssrc: u32,
    /// Now, as an NTP timestamp: seconds since 1900 above, 1/2^32 s below.
    pub(crate) ntp: u64,
    /// The same moment on the stream's own clock.
    pub(crate) rtp: u32,
    /// Packets sent, modulo 2^32.
    pub(crate) packets: u32,
    /// Bytes of payload sent, modulo 2^32.
    pub(crate) octets: u32,
}

/// A name as it serves as CNAME: longer by what makes its length a multiple of four. Then two zero bytes end it in a report, and there
/// are parsers that expect just two (aiortc drops a whole compound packet with any other number).
pub(crate) fn cname(name: &str) -> String {
    let length = name.len().next_multiple_of(4);
    format!("{name:-<length$}")
}

/// Appends a compound packet: a report for each stream, and the name that they share, cut at 255 bytes.
///
/// Nothing without streams. More than [`REPORTS_MAX`] are for several packets.
pub(crate) fn sender_report(out: &mut Vec<u8>, reports: &[SenderReport], cname: &str) {
    for report in reports {
        header(out, 0, kind::SENDER_REPORT, 6);
        out.extend_from_slice(&report.ssrc.to_be_bytes());
        out.extend_from_slice(&report.ntp.to_be_bytes());
        out.extend_from_slice(&report.rtp.to_be_bytes());
        out.extend_from_slice(&report.packets.to_be_bytes());
        out.extend_from_slice(&report.octets.to_be_bytes());
    }
    let cname = cname.as_bytes();
    let cname = cname.get(..255).unwrap_or(cname);
    // Each chunk ends with one zero byte at least, at a boundary of words.
    let chunk = (4 + 2 + cname.len() + 1).next_multiple_of(4);
    for reports in reports.chunks(SOURCES_MAX) {
        let words = reports.len() * chunk / 4;
        header(out, reports.len(), kind::DESCRIPTION, words);
        for report in reports {
            let end = out.len() + chunk;
            out.extend_from_slice(&report.ssrc.to_be_bytes());
            out.push(CNAME);
            out.push(u8::try_from(cname.len()).unwrap_or(u8::MAX));
            out.extend_from_slice(cname);
            out.resize(end, 0);
        }
    }
}

/// Appends a compound packet that ends these streams: an empty report, and a goodbye. Nothing without streams.
pub(crate) fn goodbye(out: &mut Vec<u8>, ssrcs: &[u32]) {
    let Some(first) = ssrcs.first() else {
        return;
    };
    header(out, 0, kind::RECEIVER_REPORT, 1);
    out.extend_from_slice(&first.to_be_bytes());
    for ssrcs in ssrcs.chunks(SOURCES_MAX) {
        header(out, ssrcs.len(), kind::GOODBYE, ssrcs.len());
        for ssrc in ssrcs {
            out.extend_from_slice(&ssrc.to_be_bytes());
        }
    }
}

/// `count` is at most 31, and `words` is what follows the header.
fn header(out: &mut Vec<u8>, count: usize, kind: u8, words: usize) {
    let count = u8::try_from(count).unwrap_or_default() & 0x1f;
    let words = u16::try_from(words).unwrap_or(u16::MAX);
    out.extend_from_slice(&[0x80 | count, kind]);
    out.extend_from_slice(&words.to_be_bytes());
}
