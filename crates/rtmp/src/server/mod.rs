//! The side of the server.

mod connect;
mod invoke;
mod publish;

use std::collections::VecDeque;
use std::fmt;

use bytes::Bytes;

use crate::command;
use crate::handshake;
use crate::link::Link;
use crate::message::{Control, Message, kind};
use crate::time::Clock;
use crate::{Fault, HANDSHAKE_RANDOM_BYTES, Limits, Metadata, Status, StreamName, flv};

use connect::Connect;
use publish::Publishing;

/// One connection of an encoder.
///
/// A turn: [`Self::receive`] what the socket gave, then [`Self::poll_event`] and [`Self::poll_transmit`] until both give nothing.
/// Events are as large as what was received: a shell that reads 64 KiB at once holds few.
pub struct Session {
    phase: Phase,
    link: Link,
    connect: Option<Connect>,
    /// Message streams that were created, from 1 on.
    streams: u32,
    publishing: Publishing,
    clock: Clock,
    events: VecDeque<Event>,
    /// What broke while no bytes were taken; told with the next.
    fault: Option<Fault>,
}

enum Phase {
    Handshake(handshake::Server),
    Running,
    /// Refused or ended by us: what still comes is not looked at.
    Over,
}

/// What an encoder has done.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// It wants to publish: [`Session::accept`] or [`Session::refuse`] is due. Comes once in a session unless the stream was ended by its publisher.
    Publish(Publish),
    /// It says what its stream is; only after [`Session::accept`].
    Metadata(Metadata),
    /// Audio of one track; only after [`Session::accept`].
    Audio {
        /// Media time in milliseconds.
        at_ms: u64,
        /// What came.
        audio: flv::Audio,
    },
    /// Video of one track; only after [`Session::accept`].
    Video {
        /// Media time (of decoding) in milliseconds.
        at_ms: u64,
        /// What came.
        video: flv::Video,
    },
    /// It has ended its stream (`FCUnpublish`, `deleteStream`, `closeStream`). Another publish can follow on the same connection.
    Ended,
}

/// A wish to publish. Its `Debug` hides `app` too, as that is where a mistyped URL has the key.
#[derive(Clone, PartialEq, Eq)]
pub struct Publish {
    /// The first part of the path of `app`: without query and slashes, as `app`. Not to be logged when it is anything else than what
    /// is expected.
    pub app: String,
    /// The rest of the path of `app`, where there is one: encoders that have no field for a stream key are given it in the URL.
    pub app_rest: StreamName,
    /// The name in `publish`.
    pub name: StreamName,
    /// What the encoder calls itself; printable, at most 128 characters.
    pub encoder: String,
    /// The host of `tcUrl` with its port, where it was sent; printable, at most 255 characters.
    pub host: Option<String>,
}

impl fmt::Debug for Publish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publish")
            .field("encoder", &self.encoder)
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

/// What has come and what is to be said may hold the key.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("is_shaken", &self.is_shaken())
            .field("is_publishing", &self.is_publishing())
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// A connection that was just taken. `random` goes into the handshake and is no secret.
    pub fn new(limits: Limits, random: [u8; HANDSHAKE_RANDOM_BYTES]) -> Self {
        Self {
            phase: Phase::Handshake(handshake::Server::new(Box::new(random))),
            link: Link::new(limits),
            connect: None,
            streams: 0,
            publishing: Publishing::No,
            clock: Clock::default(),
            events: VecDeque::new(),
            fault: None,
        }
    }

    /// Takes what the socket gave, all of it. After a fault nothing more is taken; what was understood before it can still be polled.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if matches!(self.phase, Phase::Over) {
            return Ok(());
        }
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        self.link.count(bytes.len());
        self.take(bytes)
            .inspect_err(|fault| self.fault = Some(fault.clone()))
    }

    fn take(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        if let Phase::Handshake(handshake) = &mut self.phase {
            if !handshake.receive(&mut bytes, &mut self.link.out)? {
                return Ok(());
            }
            self.phase = Phase::Running;
        }
        while let Some(message) = self.link.next(&mut bytes)? {
            self.message(message)?;
            self.link.check_out()?;
        }
        self.link.acknowledge();
        Ok(())
    }

    fn message(&mut self, message: Message) -> Result<(), Fault> {
        match message.kind {
            kind::COMMAND | kind::COMMAND_AMF3 => {
                self.invoke(message.stream, command::amf0_body(&message))
            }
            kind::AUDIO | kind::VIDEO | kind::AGGREGATE | kind::DATA | kind::DATA_AMF3 => {
                self.media(message)
            }
            // Shared objects are no part of publishing.
            kind::SHARED_OBJECT | kind::SHARED_OBJECT_AMF3 => Ok(()),
            unknown => Err(Fault::MessageType(unknown)),
        }
    }

    /// What the encoder has done next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// All bytes that wait for the socket.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        self.link.poll_transmit()
    }

    /// Lets the pending publish begin. What the encoder has sent in the meantime is looked at now; a fault in it is told by the next
    /// [`Self::receive`].
    pub fn accept(&mut self) {
        if self.fault.is_some() {
            return;
        }
        let (stream, name, held) = match std::mem::take(&mut self.publishing) {
            Publishing::Pending { stream, name, held } => (stream, name, held),
            // It has ended its stream before it was answered.
            other @ (Publishing::No | Publishing::Live { .. } | Publishing::Past) => {
                self.publishing = other;
                return;
            }
        };
        self.link.control(Control::StreamBegin(stream));
        let code = "NetStream.Publish.Start";
        let status = command::on_status(stream, "status", code, "Publishing.");
        self.link.send(invoke::STATUS_STREAM, &status);
        self.publishing = Publishing::Live { stream, name };
        for message in held.messages {
            if let Err(fault) = self.media(message) {
                self.fault = Some(fault);
                return;
            }
        }
    }

    /// Answers the pending publish with an error; the connection is to be closed after what is to be transmitted.
    pub fn refuse(&mut self, status: &Status) {
        self.end(status);
    }

    /// Tells the publisher why its stream ends; the connection is to be closed after what is to be transmitted. What still comes is
    /// not looked at. Says whether there is a publisher that is told.
    pub fn end(&mut self, status: &Status) -> bool {
        let stream = self.publishing.stream();
        if let Some(stream) = stream {
            let status = command::status(stream, status);
            self.link.send(invoke::STATUS_STREAM, &status);
        }
        self.publishing = Publishing::Past;
        self.events.clear();
        self.phase = Phase::Over;
        stream.is_some()
    }

    /// Whether an accepted stream is running.
    pub fn is_publishing(&self) -> bool {
        matches!(self.publishing, Publishing::Live { .. })
    }

    /// Whether the handshake is over.
    pub fn is_shaken(&self) -> bool {
        !matches!(self.phase, Phase::Handshake(_))
    }
}
