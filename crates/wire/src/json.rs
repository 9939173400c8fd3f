//! JSON as the service reads and prints it.
//!
//! Reading is strict: UTF-8 only, a member given twice is an error, and nesting has a limit, all of it before any member is looked
//! at. serde_json's own value type keeps the last of two equal names and nests to 128, hence a small type here.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserializer, Serialize, Serializer};

use crate::failure::Invalid;

/// How deep objects and arrays may nest. The deepest input of the model needs 6.
const DEPTH_MAX: usize = 32;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Integer(i64),
    /// A number with a fraction or an exponent, or one that does not fit in `i64`.
    Decimal(f64),
    String(String),
    Array(Vec<Self>),
    Object(BTreeMap<String, Self>),
}

impl Json {
    /// A number without a fraction: to JSON `5.0` is the integer 5. What `i64` cannot hold saturates.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole, and the cast saturates"
    )]
    pub(crate) fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Decimal(number) => (number.fract() == 0.0).then_some(*number as i64),
            Self::Null | Self::Bool(_) | Self::String(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }

    /// Any number.
    #[expect(clippy::cast_precision_loss, reason = "bounds lie far below 2^53")]
    pub(crate) fn as_decimal(&self) -> Option<f64> {
        match self {
            Self::Integer(number) => Some(*number as f64),
            Self::Decimal(number) => Some(*number),
            Self::Null | Self::Bool(_) | Self::String(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }
}

/// Reads a request body. No body at all counts as `{}`.
pub(crate) fn read_object(body: &[u8]) -> Result<BTreeMap<String, Json>, Invalid> {
    let refused = |message: String| Invalid {
        at: String::new(),
        message,
    };
    if body.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = ValueAt { depth: 0 }
        .deserialize(&mut deserializer)
        .and_then(|value| {
            deserializer.end()?;
            Ok(value)
        });
    // serde_json's messages say what and where and quote nothing of the text, and ours below do neither.
    let unreadable = |error| {
        refused(format!(
            "The request body could not be read as JSON: {error}"
        ))
    };
    let Json::Object(members) = value.map_err(unreadable)? else {
        return Err(refused("The request body must be a JSON object".to_owned()));
    };
    Ok(members)
}

/// A value that stands inside `depth` objects and arrays.
#[derive(Clone, Copy)]
struct ValueAt {
    depth: usize,
}

impl ValueAt {
    fn below<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth < DEPTH_MAX {
            Ok(Self {
                depth: self.depth + 1,
            })
        } else {
            Err(E::custom("nested too deeply"))
        }
    }
}

impl<'de> DeserializeSeed<'de> for ValueAt {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueAt {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Integer(value))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "above i64 no member has a use for the exact value"
    )]
    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(i64::try_from(value).map_or(Json::Decimal(value as f64), Json::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Decimal(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let below = self.below()?;
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(below)? {
            values.push(value);
        }
        Ok(Json::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let below = self.below()?;
        let mut values = BTreeMap::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(below)?;
            if values.insert(name, value).is_some() {
                return Err(A::Error::custom("a member is given twice"));
            }
        }
        Ok(Json::Object(values))
    }
}

/// Prints the body of a reply.
pub(crate) fn body<T: Serialize>(output: &T) -> Vec<u8> {
    serde_json::to_vec(output).expect("outputs have string keys and no serializer of theirs fails")
}

/// The body of a reply whose output has no body members: none at all.
pub(crate) fn no_body<T>(_: &T) -> Vec<u8> {
    Vec::new()
}

/// ISO 8601 in whole seconds, the form of the service's published samples: `2023-11-01T06:25:37Z`.
pub(crate) fn time<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&time.strftime("%Y-%m-%dT%H:%M:%SZ"))
}

#[expect(clippy::ref_option, reason = "serde passes the field by reference")]
pub(crate) fn time_optional<S: Serializer>(
    value: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => time(value, serializer),
        None => serializer.serialize_none(),
    }
}

/// A whole number without a fraction: `30`, as in the service's published samples.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes the field by reference"
)]
pub(crate) fn number<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    /// 2^53: up to here every whole `f64` is exact.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
        return serializer.serialize_i64(*value as i64);
    }
    serializer.serialize_f64(*value)
}

#[expect(clippy::ref_option, reason = "serde passes the field by reference")]
pub(crate) fn number_optional<S: Serializer>(
    value: &Option<f64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => number(value, serializer),
        None => serializer.serialize_none(),
    }
}
