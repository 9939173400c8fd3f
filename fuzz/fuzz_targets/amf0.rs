//! What is read of any bytes is written and read again as it was.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rtmp::Limits;
use rtmp::amf0::{Reader, Value, write};

fn read(body: &[u8]) -> Vec<Value> {
    // What is no UTF-8 is replaced by something longer.
    let limits = Limits {
        amf_string_bytes_max: 4 * Limits::default().amf_string_bytes_max,
        ..Limits::default()
    };
    let mut reader = Reader::new(body, &limits);
    let mut values = Vec::new();
    while let Ok(Some(value)) = reader.value() {
        values.push(value);
    }
    values
}

fn written(values: &[Value]) -> Vec<u8> {
    let mut body = Vec::new();
    for value in values {
        write(value, &mut body);
    }
    body
}

fuzz_target!(|data: &[u8]| {
    // In bytes, because a number that is none does not equal itself.
    let once = written(&read(data));
    assert_eq!(written(&read(&once)), once);
});
