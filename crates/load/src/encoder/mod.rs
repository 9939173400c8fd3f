//! A publisher by RTMP or RTMPS: what it sends, in real time, and what the server says to it.

mod socket;
mod sound;
mod source;
#[cfg(test)]
mod tests;

use std::io::{self, Read as _, Write as _};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes};
use mio::{Registry, Token};
use rtmp::client::{Event, Session, Target};
use rtmp::{HANDSHAKE_RANDOM_BYTES, Limits, StreamName};

use socket::Socket;
pub(crate) use socket::Tls;
pub use source::EncoderSource;

use crate::clock::Wall;
use crate::options::{RtmpUrl, Source};
use crate::report::Sent;

/// What a server that does not read leaves here, at most: some ten seconds of media.
const WAITING_BYTES_MAX: usize = 4 << 20;
/// What is read of what a server says at once.
const READ_BYTES: usize = 4 * 1_024;

/// See above.
pub(crate) struct Encoder {
    session: Session,
    socket: Socket,
    source: EncoderSource,
    /// How long after the server's consent the first message leaves.
    head_start: Duration,
    began: Option<Instant>,
    out: Bytes,
    pub(crate) sent: Sent,
    pub(crate) fault: Option<String>,
}

impl Encoder {
    /// Connects and begins to ask. Media flows from the server's consent on, `head_start` later.
    pub(crate) fn connect(
        url: &RtmpUrl,
        tls: &Tls,
        bind: Option<IpAddr>,
        at: (&Registry, Token),
        (source, number, head_start): (&Source, usize, Duration),
    ) -> Result<Self, String> {
        let socket = Socket::connect(url, tls, bind, at);
        let socket = socket.map_err(|error| format!("cannot connect to {url:?}: {error}"))?;
        let target = Target {
            app: url.app.clone(),
            tc_url: url.tc_url(),
            name: StreamName::new(url.key.clone().unwrap_or_default()),
            encoder: "downstage load".to_owned(),
        };
        // Chance is of no use here: what is random in the handshake is there to be told apart, and proves nothing.
        let random = [0x5a; HANDSHAKE_RANDOM_BYTES];
        let mut encoder = Self {
            session: Session::new(Limits::default(), random, target),
            socket,
            source: EncoderSource::new(source, number),
            head_start,
            began: None,
            out: Bytes::new(),
            sent: Sent::default(),
            fault: None,
        };
        encoder.write();
        Ok(encoder)
    }

    /// Whether the server takes media.
    pub(crate) fn is_publishing(&self) -> bool {
        self.began.is_some() && self.fault.is_none()
    }

    /// When the next message leaves.
    pub(crate) fn due(&self) -> Option<Instant> {
        let began = self.began.filter(|_| self.fault.is_none())?;
        Some(began + self.source.due())
    }

    /// Takes what the socket has, and gives it what waits.
    pub(crate) fn turn(&mut self, now: Instant) {
        let mut buffer = [0; READ_BYTES];
        while self.fault.is_none() {
            match self.socket.read(&mut buffer) {
                Ok(0) => self.fail("the server has closed the connection".to_owned()),
                Ok(count) => {
                    let came = buffer.get(..count).unwrap_or_default();
                    if let Err(fault) = self.session.receive(came) {
                        self.fail(format!("the server breaks the protocol: {fault}"));
                    }
                    self.told(now);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.fail(format!("the connection is broken: {error}")),
            }
        }
        self.write();
    }

    fn told(&mut self, now: Instant) {
        while let Some(event) = self.session.poll_event() {
            match event {
                Event::Published => {
                    self.source.begin(&mut self.session);
                    self.began = Some(now + self.head_start);
                }
                Event::Refused { code, description } => {
                    self.fail(format!("{code}: {description}"));
                }
                // The end of a stream comes with its reason.
                Event::Status { code, description } if code.contains("Unpublish") => {
                    self.fail(format!("{code}: {description}"));
                }
                Event::Status { .. } => {}
            }
        }
    }

    /// The first reason stays.
    fn fail(&mut self, why: String) {
        self.fault.get_or_insert(why);
    }

    /// Sends what is due.
    pub(crate) fn send(&mut self, now: Instant, wall: &Wall) {
        while self.due().is_some_and(|due| due <= now) {
            let sent = self.source.send(&mut self.session, wall.at(now));
            self.sent.add(&sent);
        }
        self.write();
    }

    fn write(&mut self) {
        while self.fault.is_none() {
            if self.out.is_empty() {
                match self.session.poll_transmit() {
                    Some(out) => self.out = out,
                    None => break,
                }
            }
            match self.socket.write(&self.out) {
                Ok(0) => self.fail("the connection takes nothing".to_owned()),
                Ok(count) => self.out.advance(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return self.wait(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.fail(format!("the connection is broken: {error}")),
            }
        }
        // What TLS has sealed and the kernel did not take goes with what follows.
        let _ = self.socket.flush();
    }

    /// The server is slow: what it is told next waits behind what it has not taken.
    fn wait(&mut self) {
        if let Some(more) = self.session.poll_transmit() {
            self.out = [&*self.out, &*more].concat().into();
        }
        if self.out.len() > WAITING_BYTES_MAX {
            self.fail(format!(
                "the server has not read for more than {WAITING_BYTES_MAX} bytes"
            ));
        }
    }

    /// Sends no more.
    pub(crate) fn stop(&mut self) {
        self.began = None;
    }

    /// Ends the stream as encoders do.
    pub(crate) fn close(&mut self) {
        self.session.end();
        self.write();
        self.socket.close();
    }
}
