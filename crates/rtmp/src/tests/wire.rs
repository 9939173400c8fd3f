//! An encoder by hand: bytes as they stand on the wire.

use crate::amf0::{self, Value};
use crate::server::{Event, Session};
use crate::{Fault, Limits};

/// Chance, which is always the same.
pub(super) fn random() -> [u8; crate::HANDSHAKE_RANDOM_BYTES] {
    std::array::from_fn(|at| u8::try_from(at % 251).unwrap())
}

/// A session of a server, with what it has said so far.
pub(super) struct Served {
    pub(super) session: Session,
    pub(super) events: Vec<Event>,
    pub(super) said: Vec<u8>,
}

impl Served {
    pub(super) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(super) fn with(limits: Limits) -> Self {
        Self {
            session: Session::new(limits, random()),
            events: Vec::new(),
            said: Vec::new(),
        }
    }

    /// Through with the handshake.
    pub(super) fn shaken() -> Self {
        Self::shaken_with(Limits::default())
    }

    pub(super) fn shaken_with(limits: Limits) -> Self {
        let mut served = Self::with(limits);
        let mut hello = vec![3];
        hello.extend([0; 2 * 1_536]);
        served.receive(&hello).unwrap();
        assert_eq!(served.said.len(), 1 + 2 * 1_536);
        served.said.clear();
        served
    }

    /// Through with `connect` and `createStream`.
    pub(super) fn connected() -> Self {
        let mut served = Self::shaken();
        let app = Value::object([("app", Value::string("app"))]);
        served
            .invoke(0, &["connect".into(), 1.0.into(), app])
            .unwrap();
        served
            .invoke(0, &["createStream".into(), 2.0.into(), Value::Null])
            .unwrap();
        served
    }

    /// Through with `publish`, accepted.
    pub(super) fn publishing() -> Self {
        let mut served = Self::connected();
        served.publish("key").unwrap();
        assert!(matches!(served.events.pop(), Some(Event::Publish(_))));
        served.session.accept();
        served.drain();
        served.said.clear();
        assert!(served.session.is_publishing());
        served
    }

    pub(super) fn publish(&mut self, name: &str) -> Result<(), Fault> {
        let values = [
            "publish".into(),
            3.0.into(),
            Value::Null,
            name.into(),
            "live".into(),
        ];
        self.invoke(1, &values)
    }

    pub(super) fn receive(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let done = self.session.receive(bytes);
        self.drain();
        done
    }

    pub(super) fn drain(&mut self) {
        self.events
            .extend(std::iter::from_fn(|| self.session.poll_event()));
        self.said
            .extend(std::iter::from_fn(|| self.session.poll_transmit()).flatten());
    }

    /// A command on chunk stream 3, in one chunk of 128 bytes after the other.
    pub(super) fn invoke(&mut self, stream: u32, values: &[Value]) -> Result<(), Fault> {
        self.receive(&message(3, 0, 20, stream, &amf(values)))
    }

    /// Whether the server has said these bytes somewhere.
    pub(super) fn has_said(&self, text: &str) -> bool {
        self.said
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::string(text)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

pub(super) fn amf(values: &[Value]) -> Vec<u8> {
    let mut body = Vec::new();
    for value in values {
        amf0::write(value, &mut body);
    }
    body
}

/// A basic header below 64, and the message header of format 0.
pub(super) fn header(id: u8, time: u32, length: usize, kind: u8, stream: u32) -> Vec<u8> {
    let length = u32::try_from(length).unwrap().to_be_bytes();
    let mut bytes = vec![id];
    bytes.extend(&time.min(0xff_ffff).to_be_bytes()[1..]);
    bytes.extend(&length[1..]);
    bytes.push(kind);
    bytes.extend(stream.to_le_bytes());
    if time >= 0xff_ffff {
        bytes.extend(time.to_be_bytes());
    }
    bytes
}

/// A whole message from format 0, in chunks of 128 bytes.
pub(super) fn message(id: u8, time: u32, kind: u8, stream: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = header(id, time, body.len(), kind, stream);
    for (number, chunk) in body.chunks(128).enumerate() {
        if number > 0 {
            bytes.push(0xc0 | id);
        }
        bytes.extend(chunk);
    }
    bytes
}
