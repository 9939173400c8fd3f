//! Percent-decoding (RFC 3986 section 2.1), strict: a `%` without two hex digits is an error, and so is what is not UTF-8.

/// Decodes once. `+` stands for itself: only HTML forms mean a space by it.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = hex(bytes.next()?)?;
            let low = hex(bytes.next()?)?;
            decoded.push(high << 4 | low);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn decoding_is_done_once_and_strictly() {
        let table = [
            ("plain+", Some("plain+")),
            ("a%2Fb%3a", Some("a/b:")),
            ("%253A", Some("%3A")),
            ("%e2%82%ac", Some("\u{20ac}")),
            ("%", None),
            ("%4", None),
            ("%zz", None),
            ("%+1", None),
            ("%ff", None),
            ("%c0%af", None),
            ("%ed%a0%80", None),
        ];
        for (text, expected) in table {
            assert_eq!(decode(text).as_deref(), expected, "{text}");
        }
    }
}
