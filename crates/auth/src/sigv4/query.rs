//! A query that has one reading only.
//!
//! Canonicalisation decodes and encodes the query again, so texts that decode alike have one signature. Whatever a
//! lenient decoder could read in two ways (`+`, broken escapes, bytes that are no UTF-8, empty pairs) is refused; AWS's
//! clients never send it.

use super::{SignatureError, invalid};

/// Refuses a query with more than one reading.
pub(super) fn check(query: &str) -> Result<(), SignatureError> {
    if query.is_empty() {
        return Ok(());
    }
    let is_clear =
        |pair: &str| !pair.is_empty() && !pair.contains(['+', '#']) && decode(pair).is_some();
    if query.split('&').all(is_clear) {
        Ok(())
    } else {
        Err(invalid("the query"))
    }
}

/// Whether the query carries any part of a signature. No operation has a parameter of such a name.
pub(super) fn has_credentials(query: &str) -> bool {
    query.split('&').any(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        let name = decode(name).unwrap_or_default();
        let start = name.get(..6).unwrap_or_default();
        start.eq_ignore_ascii_case("x-amz-")
    })
}

/// Decodes percent escapes; `None` if one is broken or the bytes are no UTF-8.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let (high, low) = (hex(rest.next()?)?, hex(rest.next()?)?);
            bytes.push(high << 4 | low);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    u8::try_from(char::from(digit).to_digit(16)?).ok()
}
