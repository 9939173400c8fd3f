//! What an answer lets a viewer do, as far as str0m is not asked.

use crate::rtp::{CAPTURE_TIME, NUMBERING};

/// Retransmission streams of one connection, at most.
const REPAIRS_MAX: usize = 64;

/// See above. Payload types and numbers of extensions are those of the offer, as an answer has to repeat them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Agreed {
    /// The extension that numbers packets, where feedback about these is agreed on.
    pub(crate) numbering: Option<u8>,
    /// The extension that says when a packet was captured.
    pub(crate) capture_time: Option<u8>,
    /// Payload types of which lost packets may be asked for.
    pub(crate) nacks: Vec<u8>,
    /// Streams of retransmissions, and whose they are.
    pub(crate) repairs: Vec<(u32, u32)>,
}

impl Agreed {
    /// Reads an answer; what cannot be read is not agreed on.
    pub(crate) fn read(answer: &str) -> Self {
        let mut agreed = Self::default();
        let mut has_feedback = false;
        for line in answer.lines() {
            let Some((name, value)) = line.strip_prefix("a=").and_then(|a| a.split_once(':'))
            else {
                continue;
            };
            let mut words = value.split_ascii_whitespace();
            match (name, words.next(), words.next(), words.next()) {
                ("extmap", Some(id), Some(uri), _) => {
                    // A direction may follow the number.
                    let id = id.split('/').next().and_then(|id| id.parse().ok());
                    match uri {
                        NUMBERING => agreed.numbering = id,
                        CAPTURE_TIME => agreed.capture_time = id,
                        _ => {}
                    }
                }
                ("rtcp-fb", _, Some("transport-cc"), _) => has_feedback = true,
                ("rtcp-fb", Some(payload), Some("nack"), None) => {
                    agreed.nacks.extend(payload.parse::<u8>());
                }
                ("ssrc-group", Some("FID"), Some(media), Some(repair)) => {
                    if let (Ok(media), Ok(repair)) = (media.parse(), repair.parse())
                        && agreed.repairs.len() < REPAIRS_MAX
                    {
                        agreed.repairs.push((repair, media));
                    }
                }
                _ => {}
            }
        }
        agreed.nacks.sort_unstable();
        agreed.nacks.dedup();
        agreed.numbering = agreed.numbering.filter(|_| has_feedback);
        agreed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_and_what_it_does_not_say_is_not_agreed_on() {
        let answer = format!(
            "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 108 109\r\na=extmap:3 {NUMBERING}\r\na=extmap:2/sendonly {CAPTURE_TIME}\r\n\
             a=rtcp-fb:108 nack\r\na=rtcp-fb:108 nack pli\r\na=rtcp-fb:111 nack pli\r\na=rtcp-fb:108 transport-cc\r\n\
             a=ssrc-group:FID 7 8\r\na=ssrc-group:FID x 9\r\n"
        );
        let expected = Agreed {
            numbering: Some(3),
            capture_time: Some(2),
            nacks: vec![108],
            repairs: vec![(8, 7)],
        };
        assert_eq!(Agreed::read(&answer), expected);
        let silent = Agreed::read(&answer.replace("transport-cc", "ccm fir"));
        assert_eq!(silent.numbering, None);
        assert_eq!(Agreed::read(""), Agreed::default());
    }
}
