//! The side of an encoder, for `downstage load`, tests and measurements.

use std::collections::VecDeque;
use std::fmt;

use bytes::Bytes;

use crate::amf0::Value;
use crate::command::{self, Command};
use crate::handshake::{self, Scheme};
use crate::link::{Link, WINDOW};
use crate::message::{Control, Message, kind};
use crate::{Fault, HANDSHAKE_RANDOM_BYTES, Limits, Metadata, StreamName, flv};

/// Chunk streams, as FFmpeg uses them.
const COMMAND_STREAM: u32 = 3;
const AUDIO_STREAM: u32 = 4;
const VIDEO_STREAM: u32 = 6;
const DATA_STREAM: u32 = 8;
/// Bytes of our chunks.
const CHUNK_SIZE: u32 = 65_536;

/// Numbers of our commands, by which their answers are known.
const CONNECT: f64 = 1.0;
const RELEASE_STREAM: f64 = 2.0;
const FC_PUBLISH: f64 = 3.0;
const CREATE_STREAM: f64 = 4.0;
const PUBLISH: f64 = 5.0;
const FC_UNPUBLISH: f64 = 6.0;
const DELETE_STREAM: f64 = 7.0;

/// Where to publish. `Debug` hides all of it but the encoder, as URLs have keys too.
#[derive(Clone)]
pub struct Target {
    /// `app` of `connect`, as `app`.
    pub app: String,
    /// `tcUrl` of `connect`, as `rtmp://host:1935/app`; left out if empty.
    pub tc_url: String,
    /// The stream key.
    pub name: StreamName,
    /// `flashVer` of `connect`.
    pub encoder: String,
}

/// One connection to a server.
pub struct Session {
    target: Target,
    handshake: Option<handshake::Client>,
    link: Link,
    /// The message stream, once it is created.
    stream: u32,
    is_publishing: bool,
    events: VecDeque<Event>,
}

/// What the server has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The publish has begun: media can be sent.
    Published,
    /// An error, to `connect` or `publish` or later.
    Refused {
        /// As `NetStream.Publish.Denied`.
        code: String,
        /// The server's sentence.
        description: String,
    },
    /// Any other status.
    Status {
        /// As `NetStream.Unpublish.Success`.
        code: String,
        /// The server's sentence.
        description: String,
    },
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("encoder", &self.encoder)
            .finish_non_exhaustive()
    }
}

/// What is to be said may hold the key.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("is_publishing", &self.is_publishing)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Begins: the handshake waits in [`Self::poll_transmit`].
    pub fn new(limits: Limits, random: [u8; HANDSHAKE_RANDOM_BYTES], target: Target) -> Self {
        let mut link = Link::new(limits);
        let handshake = handshake::Client::new(&random, &mut link.out);
        Self::with(link, handshake, target)
    }

    /// Begins with a signed handshake, as FFmpeg and Flash do, and asks the same of the server.
    pub fn signed(
        limits: Limits,
        random: [u8; HANDSHAKE_RANDOM_BYTES],
        target: Target,
        scheme: Scheme,
    ) -> Self {
        let mut link = Link::new(limits);
        let handshake = handshake::Client::signed(scheme, &random, &mut link.out);
        Self::with(link, handshake, target)
    }

    fn with(link: Link, handshake: handshake::Client, target: Target) -> Self {
        Self {
            target,
            handshake: Some(handshake),
            link,
            stream: 0,
            is_publishing: false,
            events: VecDeque::new(),
        }
    }

    /// Takes what the socket gave, all of it.
    pub fn receive(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        self.link.count(bytes.len());
        if let Some(handshake) = &mut self.handshake {
            if !handshake.receive(&mut bytes, &mut self.link.out)? {
                return Ok(());
            }
            self.handshake = None;
            self.connect();
        }
        while let Some(message) = self.link.next(&mut bytes)? {
            if matches!(message.kind, kind::COMMAND | kind::COMMAND_AMF3) {
                self.answered(&message)?;
            }
        }
        self.link.acknowledge();
        Ok(())
    }

    fn connect(&mut self) {
        self.link.control(Control::ChunkSize(CHUNK_SIZE));
        let mut object = vec![
            ("app", Value::string(&*self.target.app)),
            ("type", Value::string("nonprivate")),
            ("flashVer", Value::string(&*self.target.encoder)),
            (
                "fourCcList",
                Value::StrictArray(vec![Value::string("avc1")]),
            ),
            ("capsEx", Value::Number(2.0)),
        ];
        if !self.target.tc_url.is_empty() {
            object.push(("tcUrl", Value::string(&*self.target.tc_url)));
        }
        let object = object.into_iter();
        let object = object.map(|(name, value)| (name.to_owned(), value));
        self.invoke("connect", CONNECT, [Value::Object(object.collect())]);
    }

    fn invoke<const N: usize>(&mut self, name: &str, transaction: f64, values: [Value; N]) {
        let mut all = vec![Value::string(name), Value::Number(transaction)];
        all.extend(values);
        let stream = if name == "publish" { self.stream } else { 0 };
        let message = command::message(kind::COMMAND, stream, &all);
        self.link.send(COMMAND_STREAM, &message);
    }

    fn answered(&mut self, message: &Message) -> Result<(), Fault> {
        let limits = self.link.limits().clone();
        let mut command = Command::read(command::amf0_body(message), &limits)?;
        let first = command.value()?;
        let second = command.value()?;
        let information = if second == Value::Null { first } else { second };
        match &*command.name {
            "_result" if command.transaction == CONNECT => {
                self.link.control(Control::Window(WINDOW));
                let name = Value::string(self.target.name.expose());
                self.invoke("releaseStream", RELEASE_STREAM, [Value::Null, name.clone()]);
                self.invoke("FCPublish", FC_PUBLISH, [Value::Null, name]);
                self.invoke("createStream", CREATE_STREAM, [Value::Null]);
            }
            "_result" if command.transaction == CREATE_STREAM => {
                self.stream = (1..=u32::from(u16::MAX))
                    .find(|id| information == Value::Number((*id).into()))
                    .ok_or(Fault::Amf("the number of a stream is none"))?;
                let name = Value::string(self.target.name.expose());
                self.invoke(
                    "publish",
                    PUBLISH,
                    [Value::Null, name, Value::string("live")],
                );
            }
            "_error" if [CONNECT, CREATE_STREAM, PUBLISH].contains(&command.transaction) => {
                self.status(&information, true);
            }
            "onStatus" => self.status(&information, false),
            _ => {}
        }
        Ok(())
    }

    fn status(&mut self, information: &Value, is_error: bool) {
        let text = |name| {
            let text = information.get(name).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let (code, description) = (text("code"), text("description"));
        self.events
            .push_back(if is_error || text("level") == "error" {
                self.is_publishing = false;
                Event::Refused { code, description }
            } else if code == "NetStream.Publish.Start" {
                self.is_publishing = true;
                Event::Published
            } else {
                Event::Status { code, description }
            });
    }

    /// What the server has said next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// All bytes that wait for the socket.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        self.link.poll_transmit()
    }

    /// Says what the stream is. Like all media, nothing is sent unless [`Self::is_publishing`].
    pub fn send_metadata(&mut self, metadata: &Metadata) {
        let values = [
            Value::string("@setDataFrame"),
            Value::string("onMetaData"),
            metadata.object(),
        ];
        let message = command::message(kind::DATA, self.stream, &values);
        self.send(DATA_STREAM, 0, message.kind, message.body);
    }

    /// Sends audio; `at_ms` is media time, of which the wire carries the lower 32 bits.
    pub fn send_audio(&mut self, at_ms: u64, audio: &flv::Audio) {
        self.send(AUDIO_STREAM, at_ms, kind::AUDIO, audio.body());
    }

    /// Sends video; `at_ms` is media time of decoding.
    pub fn send_video(&mut self, at_ms: u64, video: &flv::Video) {
        self.send(VIDEO_STREAM, at_ms, kind::VIDEO, video.body());
    }

    fn send(&mut self, chunk_stream: u32, at_ms: u64, kind: u8, body: Bytes) {
        if self.is_publishing {
            let [.., a, b, c, d] = at_ms.to_be_bytes();
            let message = Message {
                kind,
                stream: self.stream,
                timestamp: u32::from_be_bytes([a, b, c, d]),
                body,
            };
            self.link.send(chunk_stream, &message);
        }
    }

    /// Ends the stream as encoders do: `FCUnpublish` and `deleteStream`.
    pub fn end(&mut self) {
        if self.is_publishing {
            let name = Value::string(self.target.name.expose());
            self.invoke("FCUnpublish", FC_UNPUBLISH, [Value::Null, name]);
            let stream = Value::Number(self.stream.into());
            self.invoke("deleteStream", DELETE_STREAM, [Value::Null, stream]);
            self.is_publishing = false;
        }
    }

    /// Whether media can be sent.
    pub fn is_publishing(&self) -> bool {
        self.is_publishing
    }
}
