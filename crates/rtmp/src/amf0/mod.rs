//! AMF0, the notation of commands and metadata: values, a bounded reader, a writer.

mod read;
mod write;

pub use read::Reader;
pub use write::write;

/// A value. References are not taken, so that there are no loops; values of AMF3 inside of AMF0 are not taken either.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Any number.
    Number(f64),
    /// Yes or no.
    Boolean(bool),
    /// A string, short or long, or an XML document. What is no UTF-8 is replaced.
    String(String),
    /// Members in their order; a class name is left out.
    Object(Vec<(String, Self)>),
    /// An associative array: an object that announces how many members it has.
    EcmaArray(Vec<(String, Self)>),
    /// A list.
    StrictArray(Vec<Self>),
    /// Milliseconds since 1970.
    Date(f64),
    /// Null.
    Null,
    /// Undefined, or unsupported.
    Undefined,
}

impl Value {
    /// A string of its own.
    pub fn string(text: impl Into<String>) -> Self {
        Self::String(text.into())
    }

    /// An object with these members.
    pub fn object<const N: usize>(members: [(&str, Self); N]) -> Self {
        Self::Object(members.map(|(name, value)| (name.to_owned(), value)).into())
    }

    /// The member of an object or associative array; the last one, if there are several.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let (Self::Object(members) | Self::EcmaArray(members)) = self else {
            return None;
        };
        members
            .iter()
            .rev()
            .find(|(member, _)| member == name)
            .map(|(_, value)| value)
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// A number.
    pub fn as_f64(&self) -> Option<f64> {
        if let Self::Number(number) = self {
            Some(*number)
        } else {
            None
        }
    }
}

/// The first byte of each value.
mod marker {
    pub(super) const NUMBER: u8 = 0x00;
    pub(super) const BOOLEAN: u8 = 0x01;
    pub(super) const STRING: u8 = 0x02;
    pub(super) const OBJECT: u8 = 0x03;
    pub(super) const NULL: u8 = 0x05;
    pub(super) const UNDEFINED: u8 = 0x06;
    pub(super) const REFERENCE: u8 = 0x07;
    pub(super) const ECMA_ARRAY: u8 = 0x08;
    pub(super) const OBJECT_END: u8 = 0x09;
    pub(super) const STRICT_ARRAY: u8 = 0x0a;
    pub(super) const DATE: u8 = 0x0b;
    pub(super) const LONG_STRING: u8 = 0x0c;
    pub(super) const UNSUPPORTED: u8 = 0x0d;
    pub(super) const XML: u8 = 0x0f;
    pub(super) const TYPED_OBJECT: u8 = 0x10;
    pub(super) const AMF3: u8 = 0x11;
}
