//! SDP offers, checked before anybody acts on them.
//!
//! An offer is read into [`Terms`]: only what is understood and used. What the WebRTC stack gets to see is printed from
//! those (`answer`), so nothing else that a client writes reaches its parser.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use model::ErrorCode;

use crate::codec::{self, Codec, Kind, Payload};
use crate::io::LayerLabel;
use crate::sdp::{self, Description, MediaSection};
use crate::simulcast;

#[cfg(test)]
mod tests;

/// Which way the media of an offer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to us (WHIP).
    Publish,
    /// From us to the client (WHEP).
    Subscribe,
    /// From us to the client, many tracks at a time.
    Feed,
}

/// What is wrong with an offer as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// Not SDP, or not an offer for WebRTC; `what` names the part.
    #[error("the SDP offer is malformed: {what}")]
    Malformed {
        /// Which part.
        what: &'static str,
    },
    /// Well-formed, and not what this service takes; `what` says what.
    #[error("the SDP offer is not acceptable: {what}")]
    Unacceptable {
        /// What.
        what: &'static str,
    },
}

/// An offer that has been read and found sound.
#[derive(Clone)]
pub struct Offer {
    sdp: String,
    fault: Option<ErrorCode>,
    direction: Direction,
    terms: Terms,
}

impl fmt::Debug for Offer {
    /// Leaves the SDP out: its ICE password lets others into the connection.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offer")
            .field("direction", &self.direction)
            .field("fault", &self.fault)
            .field("terms", &self.terms)
            .finish_non_exhaustive()
    }
}

impl Offer {
    /// Reads an offer. An offer whose only fault is a missing codec is sound: see [`Offer::fault`].
    pub fn parse(sdp: &str, direction: Direction) -> Result<Self, OfferError> {
        let description = sdp::read(sdp).map_err(malformed)?;
        let terms = Terms::read(&description, direction)?;
        Ok(Self {
            sdp: sdp.to_owned(),
            fault: fault(&terms, direction),
            direction,
            terms,
        })
    }

    /// The codec that is missing, if one is: it is for `stage` to refuse that, so that the refusal becomes an event.
    pub fn fault(&self) -> Option<ErrorCode> {
        self.fault
    }

    /// The text.
    pub fn sdp(&self) -> &str {
        &self.sdp
    }

    pub(crate) fn direction(&self) -> Direction {
        self.direction
    }

    pub(crate) fn terms(&self) -> &Terms {
        &self.terms
    }
}

/// What an offer says, as far as it matters here.
#[derive(Clone)]
pub(crate) struct Terms {
    pub(crate) credentials: Credentials,
    /// SHA-256 of the peer's certificate, as `a=fingerprint` writes it.
    pub(crate) fingerprint: String,
    pub(crate) setup: Setup,
    pub(crate) sections: Vec<Section>,
}

impl fmt::Debug for Terms {
    /// Leaves out who the peer is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terms")
            .field("setup", &self.setup)
            .field("sections", &self.sections)
            .finish_non_exhaustive()
    }
}

/// The peer's DTLS role (RFC 8842).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setup {
    ActPass,
    Active,
    Passive,
}

/// ICE user name fragment and password (RFC 8839 section 5.4).
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) ufrag: String,
    pub(crate) password: String,
}

impl fmt::Debug for Credentials {
    /// Shows nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// One m-section.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) kind: Kind,
    pub(crate) mid: String,
    pub(crate) payloads: Vec<Payload>,
    /// Header extensions that are used here, by their id.
    pub(crate) extensions: Vec<(u8, &'static str)>,
    /// The sender's SSRC and that of its retransmissions, if announced.
    pub(crate) source: Option<Source>,
    /// A publisher's simulcast encodings, in the order of the offer; none without simulcast.
    pub(crate) layers: Vec<LayerLabel>,
    /// Whether RTCP may be of reduced size (RFC 5506).
    pub(crate) has_reduced_size: bool,
}

/// Announced SSRCs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) ssrc: u32,
    pub(crate) rtx: Option<u32>,
}

/// Transport-wide sequence numbers (draft-holmer-rmcat-transport-wide-cc-extensions-01).
pub(crate) const TRANSPORT_CC: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// The section that a packet belongs to (RFC 9143 section 15).
pub(crate) const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
/// Voice activity and level (RFC 6464).
pub(crate) const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
/// Coordination of video orientation (3GPP TS 26.114 section 7.4.5).
pub(crate) const ORIENTATION: &str = "urn:3gpp:video-orientation";
/// Least and most playout delay (webrtc.org experiments).
pub(crate) const PLAYOUT_DELAY: &str = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";
/// Absolute capture time (webrtc.org experiments).
pub(crate) const CAPTURE_TIME: &str =
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time";
/// The encoding that a packet belongs to, and the one that a retransmission repairs (RFC 8852 section 4).
pub(crate) const STREAM_ID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
pub(crate) const REPAIRED_STREAM_ID: &str =
    "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";

/// The header extensions that are read or passed on.
const EXTENSIONS: [&str; 8] = [
    MID,
    AUDIO_LEVEL,
    ORIENTATION,
    PLAYOUT_DELAY,
    TRANSPORT_CC,
    CAPTURE_TIME,
    STREAM_ID,
    REPAIRED_STREAM_ID,
];

/// Longest mid: the `mid` header extension of a one-byte header carries 16 bytes (RFC 8285 section 4.2).
const MID_BYTES_MAX: usize = 16;

fn malformed(what: &'static str) -> OfferError {
    OfferError::Malformed { what }
}

fn unacceptable(what: &'static str) -> OfferError {
    OfferError::Unacceptable { what }
}

impl Terms {
    fn read(description: &Description<'_>, direction: Direction) -> Result<Self, OfferError> {
        let Some(first) = description.sections.first() else {
            return Err(malformed("no m-line"));
        };
        let common = |name: &str| {
            first
                .attributes
                .first(name)
                .or_else(|| description.session.first(name))
        };
        let credentials = Credentials::read(common("ice-ufrag"), common("ice-pwd"))
            .ok_or_else(|| malformed("ICE credentials"))?;
        if description.session.has("ice-lite") {
            return Err(unacceptable("both sides ICE-lite"));
        }
        let fingerprint = fingerprint(description, first)?;
        let setup = match common("setup") {
            Some("actpass") | None => Setup::ActPass,
            Some("active") => Setup::Active,
            Some("passive") => Setup::Passive,
            Some(_) => return Err(malformed("setup")),
        };
        let mut sections = Vec::with_capacity(description.sections.len());
        for section in &description.sections {
            sections.push(Section::read(section, direction)?);
        }
        check_together(&sections, direction)?;
        check_bundle(description, &sections)?;
        if direction == Direction::Publish {
            check_streams(description)?;
        }
        Ok(Self {
            credentials,
            fingerprint,
            setup,
            sections,
        })
    }
}

impl Credentials {
    /// Lengths and alphabet are those of RFC 8839 section 5.4.
    pub(crate) fn read(ufrag: Option<&str>, password: Option<&str>) -> Option<Self> {
        let is_sound = |text: &str, least: usize| {
            (least..=256).contains(&text.len())
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
        };
        let (ufrag, password) = (ufrag?, password?);
        (is_sound(ufrag, 4) && is_sound(password, 22)).then(|| Self {
            ufrag: ufrag.to_owned(),
            password: password.to_owned(),
        })
    }
}

/// The SHA-256 fingerprint. Weaker hashes are not taken (RFC 8122 section 5).
fn fingerprint(
    description: &Description<'_>,
    first: &MediaSection<'_>,
) -> Result<String, OfferError> {
    let mut any = false;
    for value in first
        .attributes
        .all("fingerprint")
        .chain(description.session.all("fingerprint"))
    {
        any = true;
        let (hash, digits) = value
            .split_once(' ')
            .ok_or_else(|| malformed("fingerprint"))?;
        if !hash.eq_ignore_ascii_case("sha-256") {
            continue;
        }
        let pairs: Vec<_> = digits.trim().split(':').collect();
        let is_sound = pairs.len() == 32
            && pairs
                .iter()
                .all(|pair| pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit()));
        return if is_sound {
            Ok(pairs.join(":").to_ascii_uppercase())
        } else {
            Err(malformed("fingerprint"))
        };
    }
    Err(if any {
        unacceptable("no SHA-256 fingerprint")
    } else {
        malformed("fingerprint")
    })
}

impl Section {
    fn read(section: &MediaSection<'_>, direction: Direction) -> Result<Self, OfferError> {
        let kind = match section.media {
            "audio" => Kind::Audio,
            "video" => Kind::Video,
            _ => return Err(unacceptable("only audio and video are taken")),
        };
        if section.protocol != "UDP/TLS/RTP/SAVPF" {
            return Err(unacceptable("only UDP/TLS/RTP/SAVPF is taken"));
        }
        let attributes = &section.attributes;
        if section.port == 0 && !attributes.has("bundle-only") {
            return Err(unacceptable("an m-line is disabled"));
        }
        let mid = attributes.first("mid").ok_or_else(|| malformed("mid"))?;
        let is_token = |byte: u8| byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]".contains(&byte);
        if mid.is_empty() || !mid.bytes().all(is_token) {
            return Err(malformed("mid"));
        }
        if mid.len() > MID_BYTES_MAX {
            return Err(unacceptable("mid too long"));
        }
        check_direction(section, direction)?;
        if !attributes.has("rtcp-mux") {
            return Err(unacceptable("rtcp-mux is required"));
        }
        let payloads = codec::payloads(section).map_err(malformed)?;
        let payloads = payloads
            .into_iter()
            .filter(|payload| payload.codec.kind() == kind)
            .collect();
        let layers = if direction == Direction::Publish && kind == Kind::Video {
            simulcast::layers(section).map_err(malformed)?
        } else {
            Vec::new()
        };
        let mut extensions = extensions(section).map_err(malformed)?;
        // Without layers nothing is to be called by a name of one, and a browser sends one encoding only.
        extensions.retain(|(_, uri)| {
            !layers.is_empty() || ![STREAM_ID, REPAIRED_STREAM_ID].contains(uri)
        });
        Ok(Self {
            kind,
            mid: mid.to_owned(),
            payloads,
            extensions,
            source: source(section).map_err(malformed)?,
            layers,
            has_reduced_size: attributes.has("rtcp-rsize"),
        })
    }

    /// The id of a header extension.
    pub(crate) fn extension(&self, uri: &str) -> Option<u8> {
        let known = self.extensions.iter().find(|(_, name)| *name == uri)?;
        Some(known.0)
    }
}

fn check_direction(section: &MediaSection<'_>, direction: Direction) -> Result<(), OfferError> {
    let attributes = &section.attributes;
    let flags = ["sendrecv", "sendonly", "recvonly", "inactive"];
    let offered: Vec<_> = flags
        .into_iter()
        .filter(|flag| attributes.has(flag))
        .collect();
    let offered = match offered.as_slice() {
        // RFC 8866 section 6.7: sendrecv is the default.
        [] => "sendrecv",
        [one] => one,
        _ => return Err(malformed("direction")),
    };
    match (direction, offered) {
        (_, "sendrecv")
        | (Direction::Publish, "sendonly")
        | (Direction::Subscribe | Direction::Feed, "recvonly") => Ok(()),
        (Direction::Publish, _) => Err(unacceptable("a publisher has to send")),
        (Direction::Subscribe | Direction::Feed, _) => {
            Err(unacceptable("a subscriber has to receive"))
        }
    }
}

/// The known extensions whose ids fit a one-byte header (RFC 8285 section 4.2: 1 to 14).
fn extensions(section: &MediaSection<'_>) -> Result<Vec<(u8, &'static str)>, &'static str> {
    let mut known: Vec<(u8, &'static str)> = Vec::new();
    for value in section.attributes.all("extmap") {
        let mut words = value.split(' ');
        let id = words.next().and_then(|id| id.split('/').next());
        let (Some(id), Some(uri)) = (id, words.next()) else {
            return Err("extmap");
        };
        let id: u16 = id.parse().map_err(|_| "extmap")?;
        let uri = EXTENSIONS.into_iter().find(|known| *known == uri);
        if let (Ok(id @ 1..=14), Some(uri)) = (u8::try_from(id), uri)
            && !known.iter().any(|(at, name)| *at == id || *name == uri)
        {
            known.push((id, uri));
        }
    }
    Ok(known)
}

/// The section's first announced SSRC, and its partner in an `FID` group (RFC 5576).
fn source(section: &MediaSection<'_>) -> Result<Option<Source>, &'static str> {
    let mut pairs = Vec::new();
    for value in section.attributes.all("ssrc-group") {
        let mut words = value.split_ascii_whitespace();
        if words.next() == Some("FID") {
            let mut ssrc = || words.next().and_then(|word| word.parse::<u32>().ok());
            let (Some(main), Some(rtx)) = (ssrc(), ssrc()) else {
                return Err("ssrc-group");
            };
            pairs.push((main, rtx));
        }
    }
    let mut first = None;
    for value in section.attributes.all("ssrc") {
        let ssrc = value.split(' ').next().and_then(|word| word.parse().ok());
        let ssrc: u32 = ssrc.ok_or("ssrc")?;
        if first.is_none() && !pairs.iter().any(|(_, rtx)| *rtx == ssrc) {
            first = Some(ssrc);
        }
    }
    Ok(first.map(|ssrc| Source {
        ssrc,
        rtx: pairs
            .iter()
            .find(|(main, rtx)| *main == ssrc && *rtx != ssrc)
            .map(|(_, rtx)| *rtx),
    }))
}

/// At most one section of a kind but for feeds (RFC 9725 section 4.4.3), no name twice, and no number with two meanings.
fn check_together(sections: &[Section], direction: Direction) -> Result<(), OfferError> {
    let mut mids = BTreeSet::new();
    let mut meanings = BTreeMap::new();
    let mut ssrcs = BTreeSet::new();
    for section in sections {
        if !mids.insert(&section.mid) {
            return Err(malformed("mid twice"));
        }
        let mut numbers = BTreeSet::new();
        for payload in &section.payloads {
            let main = (payload.codec.encoding(), payload.format.as_str(), None);
            let rtx = ("rtx/90000", "", Some(payload.number));
            let red = (codec::REDUNDANT, "", Some(payload.number));
            let redundant = payload.redundant.map(|redundant| (redundant.number, red));
            for (number, meaning) in std::iter::once((payload.number, main))
                .chain(payload.rtx.map(|number| (number, rtx)))
                .chain(redundant)
            {
                // Sections of one bundle may share numbers that mean the same (RFC 9143 section 9.1).
                let is_same = *meanings.entry(number).or_insert(meaning) == meaning;
                if !numbers.insert(number) || !is_same {
                    return Err(malformed("payload type twice"));
                }
            }
        }
        if let Some(source) = section.source
            && (!ssrcs.insert(source.ssrc) || source.rtx.is_some_and(|rtx| !ssrcs.insert(rtx)))
        {
            return Err(malformed("SSRC twice"));
        }
    }
    for kind in [Kind::Audio, Kind::Video] {
        let of_kind = sections.iter().filter(|section| section.kind == kind);
        if direction != Direction::Feed && of_kind.count() > 1 {
            return Err(unacceptable("more than one track of a kind"));
        }
    }
    Ok(())
}

/// Everything travels in one bundle (RFC 9725 section 4.4.1).
fn check_bundle(description: &Description<'_>, sections: &[Section]) -> Result<(), OfferError> {
    let bundled: BTreeSet<_> = description
        .session
        .all("group")
        .filter_map(|value| value.strip_prefix("BUNDLE"))
        .flat_map(|mids| mids.split_ascii_whitespace())
        .collect();
    let all = sections
        .iter()
        .all(|section| bundled.contains(section.mid.as_str()));
    // A single section has nothing to be bundled with.
    if all || (sections.len() == 1 && bundled.is_empty()) {
        Ok(())
    } else {
        Err(unacceptable("all m-lines have to be bundled"))
    }
}

/// A publisher sends at most one MediaStream (RFC 9725 section 4.4.3); `-` is none.
fn check_streams(description: &Description<'_>) -> Result<(), OfferError> {
    let mut streams = BTreeSet::new();
    for section in &description.sections {
        let by_ssrc = section
            .attributes
            .all("ssrc")
            .filter_map(|value| value.split_once(" msid:"))
            .map(|(_, msid)| msid);
        for msid in section.attributes.all("msid").chain(by_ssrc) {
            let stream = msid.split_ascii_whitespace().next().unwrap_or("-");
            if stream != "-" {
                streams.insert(stream);
            }
        }
    }
    if streams.len() > 1 {
        return Err(unacceptable("more than one MediaStream"));
    }
    Ok(())
}

/// The codec that is missing. Publishing needs H.264 on offer even for audio alone.
fn fault(terms: &Terms, direction: Direction) -> Option<ErrorCode> {
    let has = |section: &Section, codec: Codec| {
        section
            .payloads
            .iter()
            .any(|payload| payload.codec == codec)
    };
    let mut of_video = terms
        .sections
        .iter()
        .filter(|section| section.kind == Kind::Video);
    let video_is_missing = match direction {
        Direction::Publish => !of_video.any(|video| has(video, Codec::H264)),
        Direction::Subscribe | Direction::Feed => {
            !of_video.all(|video| codec::can_receive(&video.payloads))
        }
    };
    let audio_is_missing = terms
        .sections
        .iter()
        .any(|section| section.kind == Kind::Audio && !has(section, Codec::Opus));
    if video_is_missing {
        Some(ErrorCode::InvalidVideoCodec)
    } else if audio_is_missing {
        Some(ErrorCode::InvalidAudioCodec)
    } else {
        None
    }
}
