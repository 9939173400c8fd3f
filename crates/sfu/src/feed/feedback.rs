//! What a client reports: loss, arrival times, packets and key frames that it asks for.

use std::time::Instant;

use model::ConnectionId;
use srtp::SrtpError;

use super::Feed;
use super::stream::{Origin, Place};
use crate::packet::Track;
use crate::rtcp::{self, Message};

/// Most packets that one datagram may ask for; a client that misses more needs a key frame.
pub(super) const ASKED_MAX: usize = 512;
/// Most packets that one datagram may tell of: twice as many as are waiting to be told of. A few bytes announce 65,535.
const TOLD_MAX: usize = 8_192;

/// A packet that a client has asked for again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(super) slot: usize,
    pub(super) origin: Origin,
    pub(super) shifts: Place,
}

impl Asked {
    /// Whose packet it was.
    pub(crate) fn publisher(&self) -> ConnectionId {
        self.origin.publisher
    }

    /// Which of its packets: track, epoch and sequence number.
    pub(crate) fn packet(&self) -> (Track, u32, u64) {
        (self.origin.track, self.origin.epoch, self.origin.sequence)
    }
}

/// What follows from a client's feedback.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    pub(crate) asked: Vec<Asked>,
    pub(crate) key_frames: Vec<(ConnectionId, Track)>,
}

impl Feed {
    /// Takes a datagram of the client's that is not for ICE or DTLS. Only RTCP is expected; what does not authenticate changes
    /// nothing.
    pub(crate) fn secured(
        &mut self,
        datagram: &[u8],
        wishes: &mut Wishes,
        now: Instant,
    ) -> Result<(), SrtpError> {
        #[cfg(test)]
        assert!(!self.panics_next, "injected");
        self.wire.open(datagram)?;
        let plain = std::mem::take(&mut self.wire.plain);
        let mut told_left = TOLD_MAX;
        for message in rtcp::read(&plain) {
            self.message(message, wishes, &mut told_left, now);
        }
        self.wire.plain = plain;
        Ok(())
    }

    fn message(
        &mut self,
        message: Message<'_>,
        wishes: &mut Wishes,
        told_left: &mut usize,
        now: Instant,
    ) {
        match message {
            Message::Nack {
                media_ssrc,
                numbers,
            } => self.asked(media_ssrc, numbers, wishes),
            Message::Pli { media_ssrc } => self.key_frame_wanted(media_ssrc, wishes),
            Message::Fir { ssrcs } => {
                for ssrc in ssrcs {
                    self.key_frame_wanted(ssrc, wishes);
                }
            }
            Message::Report {
                ssrc,
                fraction_lost,
                last_sr,
                delay,
            } => {
                let Some(slot) = self.slots.iter_mut().find(|slot| slot.ssrc == ssrc) else {
                    return;
                };
                slot.is_known = true;
                let round_trip = self.wire.round_trip(last_sr, delay, now);
                self.wire.estimator.report(fraction_lost, round_trip, now);
            }
            Message::Remb { bps } => {
                self.wire.has_bound = true;
                self.wire.estimator.remb(bps, now);
            }
            Message::Transport(feedback) => {
                if self.wire.has_transport_feedback() {
                    let untold = self.wire.untold(&feedback);
                    let arrivals = untold.chain(feedback.arrivals()).map_while(|arrival| {
                        *told_left = told_left.checked_sub(1)?;
                        Some(arrival)
                    });
                    self.wire.estimator.feedback(arrivals, now);
                }
            }
        }
    }

    fn asked(&self, ssrc: u32, numbers: impl Iterator<Item = u16>, wishes: &mut Wishes) {
        let Some((place, slot)) = self
            .slots
            .iter()
            .enumerate()
            .find(|(_, slot)| slot.ssrc == ssrc)
        else {
            return;
        };
        for number in numbers {
            if wishes.asked.len() >= ASKED_MAX {
                return;
            }
            if let Some((origin, shifts)) = slot.stream.origin(number) {
                wishes.asked.push(Asked {
                    slot: place,
                    origin,
                    shifts,
                });
            }
        }
    }

    fn key_frame_wanted(&self, ssrc: u32, wishes: &mut Wishes) {
        let sending = self
            .slots
            .iter()
            .find(|slot| slot.ssrc == ssrc)
            .and_then(|slot| slot.stream.sending());
        if let Some((publisher, track)) = sending
            && track != Track::AUDIO
            && !wishes.key_frames.contains(&(publisher, track))
        {
            wishes.key_frames.push((publisher, track));
        }
    }
}
