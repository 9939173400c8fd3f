//! Writing values.

use super::{Value, marker};

/// Appends a value. Names of members are cut at 65,535 bytes, which is all that their length can say.
pub fn write(value: &Value, to: &mut Vec<u8>) {
    match value {
        Value::Number(number) => {
            to.push(marker::NUMBER);
            to.extend(number.to_be_bytes());
        }
        Value::Boolean(is) => to.extend([marker::BOOLEAN, u8::from(*is)]),
        Value::String(text) => string(text, to),
        Value::Object(object) => {
            to.push(marker::OBJECT);
            members(object, to);
        }
        Value::EcmaArray(array) => {
            to.push(marker::ECMA_ARRAY);
            to.extend(count(array.len()).to_be_bytes());
            members(array, to);
        }
        Value::StrictArray(list) => {
            to.push(marker::STRICT_ARRAY);
            to.extend(count(list.len()).to_be_bytes());
            for value in list {
                write(value, to);
            }
        }
        Value::Date(milliseconds) => {
            to.push(marker::DATE);
            to.extend(milliseconds.to_be_bytes());
            to.extend([0, 0]);
        }
        Value::Null => to.push(marker::NULL),
        Value::Undefined => to.push(marker::UNDEFINED),
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn string(text: &str, to: &mut Vec<u8>) {
    if let Ok(length) = u16::try_from(text.len()) {
        to.push(marker::STRING);
        to.extend(length.to_be_bytes());
    } else {
        to.push(marker::LONG_STRING);
        to.extend(count(text.len()).to_be_bytes());
    }
    to.extend(text.as_bytes());
}

fn members(members: &[(String, Value)], to: &mut Vec<u8>) {
    for (name, value) in members {
        let length = u16::try_from(name.len()).unwrap_or(u16::MAX);
        to.extend(length.to_be_bytes());
        to.extend(name.as_bytes().iter().take(length.into()));
        write(value, to);
    }
    to.extend([0, 0, marker::OBJECT_END]);
}
