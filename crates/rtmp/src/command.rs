//! Commands: a name, a number that its answer repeats, and values.

use crate::amf0::{self, Value};
use crate::message::{Message, kind};
use crate::{Fault, Limits, Status};

/// A command, of which only the beginning has been read.
#[derive(Debug)]
pub(crate) struct Command<'a> {
    pub(crate) name: String,
    /// Repeated in the answer; zero asks for none.
    pub(crate) transaction: f64,
    values: amf0::Reader<'a>,
}

impl<'a> Command<'a> {
    /// Reads name and number.
    pub(crate) fn read(body: &'a [u8], limits: &'a Limits) -> Result<Self, Fault> {
        let mut values = amf0::Reader::new(body, limits);
        let Some(Value::String(name)) = values.value()? else {
            return Err(Fault::Amf("a command without a name"));
        };
        let transaction = values.value()?.as_ref().and_then(Value::as_f64);
        Ok(Self {
            name,
            transaction: transaction
                .filter(|number| number.is_finite())
                .unwrap_or(0.0),
            values,
        })
    }

    /// The next value, null where the command has ended.
    pub(crate) fn value(&mut self) -> Result<Value, Fault> {
        Ok(self.values.value()?.unwrap_or(Value::Null))
    }

    /// The next value, if it is a string; empty if not.
    pub(crate) fn string(&mut self) -> Result<String, Fault> {
        if let Value::String(text) = self.value()? {
            return Ok(text);
        }
        Ok(String::new())
    }
}

/// The AMF0 in a command or a piece of data. The types of AMF3 put one byte in front of it that says that AMF0 follows; some encoders
/// leave that out.
pub(crate) fn amf0_body(message: &Message) -> &[u8] {
    match (message.kind, message.body.split_first()) {
        (kind::COMMAND_AMF3 | kind::DATA_AMF3, Some((0, rest))) => rest,
        _ => &message.body,
    }
}

/// A message with these values.
pub(crate) fn message(kind: u8, stream: u32, values: &[Value]) -> Message {
    let mut body = Vec::new();
    for value in values {
        amf0::write(value, &mut body);
    }
    Message {
        kind,
        stream,
        timestamp: 0,
        body: body.into(),
    }
}

/// An `onStatus` on a message stream.
pub(crate) fn on_status(stream: u32, level: &str, code: &str, description: &str) -> Message {
    let values = [
        Value::string("onStatus"),
        Value::Number(0.0),
        Value::Null,
        information(level, code, description),
    ];
    message(kind::COMMAND, stream, &values)
}

/// The same for a status of ours.
pub(crate) fn status(stream: u32, status: &Status) -> Message {
    let level = if status.code.is_error() {
        "error"
    } else {
        "status"
    };
    on_status(stream, level, status.code.as_str(), &status.description)
}

/// What results and statuses say.
pub(crate) fn information(level: &str, code: &str, description: &str) -> Value {
    Value::object([
        ("level", Value::string(level)),
        ("code", Value::string(code)),
        ("description", Value::string(description)),
    ])
}
