//! The receiving end of a viewer's connection, once DTLS has given its keys: packets are opened where they lie, and answered with
//! NACK, transport feedback and receiver reports, as a player's library does.
//!
//! str0m does this for publishers; for viewers its general path costs several times what a server pays for a packet. It
//! keeps ICE and DTLS of both.

mod arrivals;
mod rtcp;
mod stream;

use std::time::{Duration, Instant};

use srtp::{Material, MediaOpener, Opener, Profile, Sealer, SrtpError};

use crate::agreed::Agreed;
use crate::peer::{H264_RTX, OPUS};
use crate::rtp::Head;
use arrivals::Arrivals;
use stream::Stream;

/// Who reports: a viewer sends nothing else, as libwebrtc's receivers.
const SENDER: u32 = 1;
/// How often transport feedback is sent while packets come.
const ARRIVALS_INTERVAL: Duration = Duration::from_millis(100);
/// How often reports are.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// Streams of one connection, at most; more are a server at fault.
pub(crate) const STREAMS_MAX: usize = 64;
/// Clock rates of Opus and of all video.
const AUDIO_CLOCK: u64 = 48_000;
const VIDEO_CLOCK: u64 = 90_000;

/// A packet that is new.
#[derive(Debug)]
pub(crate) struct Packet<'a> {
    pub(crate) ssrc: u32,
    /// Without wraps.
    pub(crate) sequence: u64,
    pub(crate) is_video: bool,
    pub(crate) marker: bool,
    /// It came by a stream of retransmissions.
    pub(crate) is_repair: bool,
    /// Without padding; empty if it is nothing else.
    pub(crate) payload: &'a [u8],
    /// When its content was captured, since the Unix epoch, if its header says it.
    pub(crate) captured: Option<Duration>,
}

/// See above.
pub(crate) struct Receiver {
    media: MediaOpener,
    reports: Opener,
    sealer: Sealer,
    agreed: Agreed,
    start: Instant,
    streams: Vec<Stream>,
    arrivals: Arrivals,
    /// When something is to be sent.
    due: Instant,
    arrivals_due: Instant,
    report_due: Instant,
    out: Vec<u8>,
    plain: Vec<u8>,
    numbers: Vec<u16>,
    /// Messages sent so far.
    pub(crate) nacks: u64,
    pub(crate) plis: u64,
}

impl Receiver {
    /// Begins with the keys of a handshake.
    pub(crate) fn new(
        material: &Material,
        agreed: Agreed,
        now: Instant,
    ) -> Result<Self, SrtpError> {
        let (sealer, reports) = srtp::split(material)?;
        Ok(Self {
            media: srtp::media(material)?,
            reports,
            sealer,
            agreed,
            start: now,
            streams: Vec::new(),
            arrivals: Arrivals::new(now),
            due: now + ARRIVALS_INTERVAL,
            arrivals_due: now,
            report_due: now + REPORT_INTERVAL,
            out: Vec::new(),
            plain: Vec::new(),
            numbers: Vec::new(),
            nacks: 0,
            plis: 0,
        })
    }

    /// How packets are protected.
    pub(crate) fn profile(&self) -> Profile {
        self.media.profile()
    }

    /// Opens a packet; `None` if it is not authentic, not new, or of no stream.
    pub(crate) fn media<'a>(
        &mut self,
        datagram: &'a mut [u8],
        head: &Head,
        now: Instant,
    ) -> Option<Packet<'a>> {
        let opened = self.media.open(datagram, head.length).ok()?;
        let plain: &'a [u8] = datagram.get(..opened.end)?;
        self.note_arrival(head, plain, now);
        let payload = plain.get(head.length..)?;
        let padding = payload.last().filter(|_| head.has_padding);
        let length = payload
            .len()
            .checked_sub(padding.copied().unwrap_or(0).into())?;
        let payload = payload.get(..length)?;
        let captured = self.captured(head, plain);
        if head.payload_type == H264_RTX {
            let (original, payload) = payload.split_first_chunk::<2>()?;
            let stream = self.repaired_by(head.ssrc)?;
            let sequence = stream.take_again(u16::from_be_bytes(*original))?;
            return Some(Packet {
                ssrc: stream.ssrc,
                sequence,
                is_video: true,
                marker: head.marker,
                is_repair: true,
                payload,
                captured,
            });
        }
        let passed = now.saturating_duration_since(self.start);
        let stream = self.stream(head, opened.index)?;
        let is_new = stream.take(opened.index, head.timestamp, passed);
        if let Some(due) = stream.due(now) {
            self.due = self.due.min(due);
        }
        is_new.then_some(Packet {
            ssrc: head.ssrc,
            sequence: opened.index,
            is_video: head.payload_type != OPUS,
            marker: head.marker,
            is_repair: false,
            payload,
            captured,
        })
    }

    fn note_arrival(&mut self, head: &Head, plain: &[u8], now: Instant) {
        let number = self
            .agreed
            .numbering
            .and_then(|id| head.extension(plain, id))
            .and_then(<[u8]>::first_chunk);
        if let Some(number) = number {
            if self.arrivals.is_empty() {
                self.arrivals_due = self.arrivals_due.max(now);
                self.due = self.due.min(self.arrivals_due);
            }
            self.arrivals.note(u16::from_be_bytes(*number), now);
        }
    }

    /// The time of `abs-capture-time`, from 1900 to 1970.
    fn captured(&self, head: &Head, plain: &[u8]) -> Option<Duration> {
        // 70 years, 17 of them with a day more.
        const UNIX_EPOCH: Duration = Duration::from_hours((70 * 365 + 17) * 24);
        let id = self.agreed.capture_time?;
        let time = u64::from_be_bytes(*head.extension(plain, id)?.first_chunk()?);
        let nanos = ((time & 0xffff_ffff) * 1_000_000_000) >> 32;
        let since_1900 = Duration::from_secs(time >> 32) + Duration::from_nanos(nanos);
        since_1900.checked_sub(UNIX_EPOCH)
    }

    /// The stream that a stream of retransmissions is for: as the answer says, or the only one there is.
    fn repaired_by(&mut self, repair: u32) -> Option<&mut Stream> {
        let repairs = &self.agreed.repairs;
        let said = repairs.iter().find(|(ssrc, _)| *ssrc == repair);
        let said = said.map(|(_, media)| *media);
        let nacks = &self.agreed.nacks;
        let mut streams = self.streams.iter_mut().filter(|stream| match said {
            Some(media) => stream.ssrc == media,
            None => nacks.contains(&stream.payload_type),
        });
        let stream = streams.next()?;
        (said.is_some() || streams.next().is_none()).then_some(stream)
    }

    fn stream(&mut self, head: &Head, first: u64) -> Option<&mut Stream> {
        let known = self.streams.iter().position(|one| one.ssrc == head.ssrc);
        if let Some(place) = known {
            return self.streams.get_mut(place);
        }
        if self.streams.len() >= STREAMS_MAX {
            return None;
        }
        let clock_rate = if head.payload_type == OPUS {
            AUDIO_CLOCK
        } else {
            VIDEO_CLOCK
        };
        let is_nacked = self.agreed.nacks.contains(&head.payload_type);
        let stream = Stream::new(head.ssrc, head.payload_type, clock_rate, is_nacked, first);
        self.streams.push(stream);
        self.streams.last_mut()
    }

    /// Takes reports of the server; what is not authentic goes by.
    pub(crate) fn report(&mut self, datagram: &[u8], now: Instant) {
        if self.reports.open_rtcp(datagram, &mut self.plain).is_err() {
            return;
        }
        for (ssrc, time) in rtcp::sender_reports(&self.plain) {
            if let Some(stream) = self.streams.iter_mut().find(|one| one.ssrc == ssrc) {
                stream.sender_report(time, now);
            }
        }
    }

    /// Asks for a key frame of a stream.
    pub(crate) fn request_key_frame(&mut self, ssrc: u32, send: &mut dyn FnMut(&[u8])) {
        rtcp::picture_loss(&mut self.out, ssrc);
        self.plis += 1;
        self.flush(send);
    }

    /// When [`Self::answer`] has something to send.
    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// Sends what is due.
    pub(crate) fn answer(&mut self, now: Instant, send: &mut dyn FnMut(&[u8])) {
        if now < self.due {
            return;
        }
        if now >= self.report_due {
            self.report_due = now + REPORT_INTERVAL;
            let blocks: Vec<_> = self
                .streams
                .iter_mut()
                .map(|stream| stream.block(now))
                .collect();
            for blocks in blocks.chunks(rtcp::BLOCKS_MAX) {
                rtcp::report(&mut self.out, blocks);
                self.flush(send);
            }
        }
        let mut due = self.report_due;
        for stream in &mut self.streams {
            if stream.due(now).is_none() {
                continue;
            }
            stream.ask(now, &mut self.numbers);
            if !self.numbers.is_empty() {
                rtcp::nack(&mut self.out, stream.ssrc, &self.numbers);
                self.nacks += 1;
            }
            due = stream.due(now).map_or(due, |again| due.min(again));
        }
        self.flush(send);
        if now >= self.arrivals_due && !self.arrivals.is_empty() {
            self.arrivals_due = now + ARRIVALS_INTERVAL;
            let ssrc = self.streams.first().map_or(0, |stream| stream.ssrc);
            while !self.arrivals.is_empty() {
                self.arrivals.tell(&mut self.out, ssrc);
                self.flush(send);
            }
        } else if !self.arrivals.is_empty() {
            due = due.min(self.arrivals_due);
        }
        self.due = due;
    }

    /// Seals and sends what was written.
    fn flush(&mut self, send: &mut dyn FnMut(&[u8])) {
        if self.out.is_empty() {
            return;
        }
        if self.sealer.seal_rtcp(&mut self.out, 0).is_ok() {
            send(&self.out);
        }
        self.out.clear();
    }
}

#[cfg(test)]
mod tests;
