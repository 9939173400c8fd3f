//! Reading values, within bounds.

use crate::cursor::Cursor;
use crate::{Fault, Limits};

use super::{Value, marker};

const SHORT: Fault = Fault::Amf("the message ends inside of a value");

/// Reads the values of one message. Bounds hold for all of its values together.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: Cursor<'a>,
    values: usize,
    limits: &'a Limits,
}

impl<'a> Reader<'a> {
    /// Over the whole body of a message.
    pub fn new(body: &'a [u8], limits: &'a Limits) -> Self {
        Self {
            rest: Cursor::new(body),
            values: 0,
            limits,
        }
    }

    /// The next value, or nothing at the end of the message.
    pub fn value(&mut self) -> Result<Option<Value>, Fault> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        self.nested(0).map(Some)
    }

    fn nested(&mut self, depth: usize) -> Result<Value, Fault> {
        self.values += 1;
        if self.values > self.limits.amf_values_max {
            return Err(Fault::AmfLimit {
                what: "values",
                max: self.limits.amf_values_max,
            });
        }
        Ok(match self.rest.u8().ok_or(SHORT)? {
            marker::NUMBER => Value::Number(self.rest.f64().ok_or(SHORT)?),
            marker::BOOLEAN => Value::Boolean(self.rest.u8().ok_or(SHORT)? != 0),
            marker::STRING => Value::String(self.short_string()?),
            marker::LONG_STRING | marker::XML => {
                let length = self.rest.u32().ok_or(SHORT)?;
                Value::String(self.text(usize::try_from(length).unwrap_or(usize::MAX))?)
            }
            marker::OBJECT => Value::Object(self.members(depth)?),
            marker::TYPED_OBJECT => {
                self.short_string()?;
                Value::Object(self.members(depth)?)
            }
            marker::ECMA_ARRAY => {
                // How many members it has is a hint that some encoders leave at zero.
                self.rest.u32().ok_or(SHORT)?;
                Value::EcmaArray(self.members(depth)?)
            }
            marker::STRICT_ARRAY => Value::StrictArray(self.list(depth)?),
            marker::DATE => {
                let milliseconds = self.rest.f64().ok_or(SHORT)?;
                // The time zone, which is reserved.
                self.rest.u16().ok_or(SHORT)?;
                Value::Date(milliseconds)
            }
            marker::NULL => Value::Null,
            marker::UNDEFINED | marker::UNSUPPORTED => Value::Undefined,
            marker::REFERENCE => return Err(Fault::Amf("a reference")),
            marker::OBJECT_END => return Err(Fault::Amf("the end of an object outside of one")),
            marker::AMF3 => return Err(Fault::Amf("a value of AMF3")),
            _ => return Err(Fault::Amf("a value of an unknown type")),
        })
    }

    fn enter(&self, depth: usize) -> Result<usize, Fault> {
        if depth >= self.limits.amf_depth_max {
            return Err(Fault::AmfLimit {
                what: "objects inside each other",
                max: self.limits.amf_depth_max,
            });
        }
        Ok(depth + 1)
    }

    fn members(&mut self, depth: usize) -> Result<Vec<(String, Value)>, Fault> {
        let depth = self.enter(depth)?;
        let mut members = Vec::new();
        loop {
            let name = self.short_string()?;
            if name.is_empty() && self.rest.peek() == Some(marker::OBJECT_END) {
                self.rest.u8();
                return Ok(members);
            }
            members.push((name, self.nested(depth)?));
        }
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Value>, Fault> {
        let depth = self.enter(depth)?;
        let count = self.rest.u32().ok_or(SHORT)?;
        // Grows by what is there: the count is only a claim.
        let mut list = Vec::new();
        for _ in 0..count {
            list.push(self.nested(depth)?);
        }
        Ok(list)
    }

    fn short_string(&mut self) -> Result<String, Fault> {
        let length = self.rest.u16().ok_or(SHORT)?;
        self.text(length.into())
    }

    fn text(&mut self, length: usize) -> Result<String, Fault> {
        if length > self.limits.amf_string_bytes_max {
            return Err(Fault::AmfLimit {
                what: "bytes of a string",
                max: self.limits.amf_string_bytes_max,
            });
        }
        let bytes = self.rest.take(length).ok_or(SHORT)?;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }
}
