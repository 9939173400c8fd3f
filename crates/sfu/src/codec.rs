//! The codecs that are taken, as an m-section offers them.

use str0m::format::FormatParams;

use crate::sdp::MediaSection;

/// A medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Audio,
    Video,
}

/// A codec that is forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    Opus,
    H264,
    Vp8,
}

impl Codec {
    /// Ticks of the RTP clock in a second (RFC 7587 section 4.1, RFC 6184 section 8.2.1, RFC 7741 section 6.1).
    pub(crate) fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::H264 | Self::Vp8 => 90_000,
        }
    }

    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Opus => Kind::Audio,
            Self::H264 | Self::Vp8 => Kind::Video,
        }
    }

    /// As `a=rtpmap` writes it.
    pub(crate) fn encoding(self) -> &'static str {
        match self {
            Self::Opus => "opus/48000/2",
            Self::H264 => "H264/90000",
            Self::Vp8 => "VP8/90000",
        }
    }

    fn parse(encoding: &str) -> Option<Self> {
        [Self::Opus, Self::H264, Self::Vp8]
            .into_iter()
            .find(|codec| codec.encoding().eq_ignore_ascii_case(encoding))
    }
}

/// Transport-wide congestion feedback, as `a=rtcp-fb` names it.
pub(crate) const TRANSPORT_CC: &str = "transport-cc";
/// A receiver's estimate of its bandwidth (draft-alvestrand-rmcat-remb-03).
pub(crate) const REMB: &str = "goog-remb";
/// The feedback that is used (RFC 4585, RFC 5104).
const FEEDBACK: [&str; 5] = [TRANSPORT_CC, "ccm fir", "nack", "nack pli", REMB];

/// Redundant audio (RFC 2198), as `a=rtpmap` writes it where it repeats Opus.
pub(crate) const REDUNDANT: &str = "red/48000/2";

/// The payload type that repeats what another one carries (RFC 2198).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Redundant {
    pub(crate) number: u8,
    /// Whether the offer names it before the one that it repeats: browsers send what an answer names first.
    pub(crate) is_preferred: bool,
}

/// One payload type of an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) codec: Codec,
    pub(crate) number: u8,
    /// The payload type of its retransmissions (RFC 4588).
    pub(crate) rtx: Option<u8>,
    /// Opus only: the payload type that repeats it.
    pub(crate) redundant: Option<Redundant>,
    /// The `a=fmtp` parameters as offered.
    pub(crate) format: String,
    /// The `a=rtcp-fb` values of it that are used.
    pub(crate) feedback: Vec<&'static str>,
}

impl Payload {
    pub(crate) fn params(&self) -> FormatParams {
        FormatParams::parse_line(&self.format)
    }

    /// Its numbers on an m-line, in the order of the offer: media with and without redundancy, then retransmissions.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u8> {
        let redundant = self.redundant;
        let is = |is_preferred: bool| {
            let redundant = redundant.filter(|redundant| redundant.is_preferred == is_preferred);
            redundant.map(|redundant| redundant.number)
        };
        let before = is(true).into_iter();
        before.chain([self.number]).chain(is(false)).chain(self.rtx)
    }

    /// Whether lost packets may be asked for, and come again as they were (RFC 4585 section 6.2.1 without RFC 4588).
    pub(crate) fn is_repaired_plainly(&self) -> bool {
        self.rtx.is_none() && self.feedback.contains(&"nack")
    }

    /// H.264 only: packetization mode (RFC 6184 section 6.2), 0 unless said.
    fn packetization_mode(&self) -> u8 {
        self.params().packetization_mode.unwrap_or(0)
    }

    /// Whether every packetisation of the codec is understood: publishers split and join NAL units, which mode 0 forbids.
    pub(crate) fn can_carry_any(&self) -> bool {
        self.codec != Codec::H264 || self.packetization_mode() == 1
    }

    /// H.264 only: `profile_idc` and the constraint flags. The default is Baseline at level 1 (RFC 6184 section 8.1).
    fn profile(&self) -> u32 {
        self.params().profile_level_id.unwrap_or(0x0042_000a) >> 8
    }

    /// H.264 only: how near the profile is to Constrained Baseline, which every decoder has and ingest is meant to be.
    fn distance_from_baseline(&self) -> u8 {
        let (idc, constraints) = (self.profile() >> 8, self.profile() & 0xff);
        match (idc, constraints & 0x40) {
            (0x42, 0x40) => 0,
            (0x42, _) => 1,
            _ => 2,
        }
    }
}

/// Reads the payload types of a section that are taken. The error names the part that is wrong.
pub(crate) fn payloads(section: &MediaSection<'_>) -> Result<Vec<Payload>, &'static str> {
    let numbers = numbers(section)?;
    let attributes = &section.attributes;
    let mut maps = Vec::new();
    for value in attributes.all("rtpmap") {
        let (number, encoding) = value.split_once(' ').ok_or("rtpmap")?;
        maps.push((number_of(number)?, encoding.trim()));
    }
    let mut formats = Vec::new();
    for value in attributes.all("fmtp") {
        let (number, format) = value.split_once(' ').ok_or("fmtp")?;
        formats.push((number_of(number)?, format.trim()));
    }
    let format_of = |number: u8| {
        formats
            .iter()
            .find(|(at, _)| *at == number)
            .map_or("", |(_, format)| *format)
    };
    let feedback = |number: u8, wanted: &str| {
        attributes.all("rtcp-fb").any(|value| {
            value.split_once(' ').is_some_and(|(at, what)| {
                what.trim() == wanted && (at == "*" || at == number.to_string())
            })
        })
    };
    let rtx_of = |number: u8| {
        let apt = format!("apt={number}");
        maps.iter()
            .find(|(at, encoding)| {
                encoding.to_ascii_lowercase().starts_with("rtx/")
                    && numbers.contains(at)
                    && format_of(*at).split(';').any(|word| word.trim() == apt)
            })
            .map(|(at, _)| *at)
    };
    let place = |number: u8| numbers.iter().position(|at| *at == number);
    let redundant_of = |number: u8| {
        let repeats = |at: u8| {
            let mut words = format_of(at).split('/');
            words.clone().count() > 1 && words.all(|word| word.parse() == Ok(number))
        };
        let (at, _) = maps.iter().find(|(at, encoding)| {
            encoding.eq_ignore_ascii_case(REDUNDANT) && numbers.contains(at) && repeats(*at)
        })?;
        Some(Redundant {
            number: *at,
            is_preferred: place(*at) < place(number),
        })
    };
    Ok(numbers
        .iter()
        .filter_map(|&number| {
            let (_, encoding) = maps.iter().find(|(at, _)| *at == number)?;
            let codec = Codec::parse(encoding)?;
            Some(Payload {
                codec,
                number,
                rtx: rtx_of(number),
                redundant: redundant_of(number).filter(|_| codec == Codec::Opus),
                format: format_of(number).to_owned(),
                feedback: FEEDBACK
                    .into_iter()
                    .filter(|wanted| feedback(number, wanted))
                    .collect(),
            })
        })
        .collect())
}

/// The payload types of the m-line that can be told from RTCP on one port (RFC 5761 section 4: not 64 to 95).
fn numbers(section: &MediaSection<'_>) -> Result<Vec<u8>, &'static str> {
    let mut numbers = Vec::with_capacity(section.formats.len());
    for format in &section.formats {
        let number = number_of(format)?;
        if numbers.contains(&number) {
            return Err("payload type twice");
        }
        numbers.push(number);
    }
    numbers.retain(|number| !(64..=95).contains(number));
    Ok(numbers)
}

fn number_of(text: &str) -> Result<u8, &'static str> {
    match text.parse() {
        Ok(number @ 0..=127) => Ok(number),
        Ok(_) | Err(_) => Err("payload type"),
    }
}

/// What a publisher may send, best first: Opus; H.264 with packetization mode 1 and Constrained Baseline leading; VP8.
pub(crate) fn for_publisher(offered: &[Payload]) -> Vec<Payload> {
    let mut taken: Vec<Payload> = Vec::new();
    for payload in offered {
        // Two payload types with one meaning would both be answered with the first one's number.
        let known = taken.iter().any(|other| {
            other.codec == payload.codec
                && (payload.codec != Codec::H264 || other.params() == payload.params())
        });
        if !known {
            taken.push(payload.clone());
        }
    }
    taken.sort_by_key(|payload| match payload.codec {
        Codec::Opus => (0, false, 0),
        Codec::H264 => (
            1,
            payload.packetization_mode() != 1,
            payload.distance_from_baseline(),
        ),
        Codec::Vp8 => (2, false, 0),
    });
    taken.truncate(8);
    taken
}

/// The payload type that carries the publisher's `sent` to a subscriber: the same codec; for H.264 packetization mode 1 and
/// the same profile, or one with other constraints, or else the one that is nearest to Constrained Baseline: a client that offers
/// nothing else often decodes more, and gets the packets.
pub(crate) fn for_subscriber(offered: &[Payload], sent: &Payload) -> Option<Payload> {
    offered
        .iter()
        .filter(|payload| payload.codec == sent.codec && payload.can_carry_any())
        .min_by_key(|payload| {
            let is_h264 = payload.codec == Codec::H264;
            let (offered, sent) = (payload.profile(), sent.profile());
            (
                is_h264 && offered >> 8 != sent >> 8,
                is_h264 && offered != sent,
                payload.distance_from_baseline(),
            )
        })
        .cloned()
}

/// Whether a subscriber can get anything with what it offers.
pub(crate) fn can_receive(offered: &[Payload]) -> bool {
    offered.iter().any(Payload::can_carry_any)
}
