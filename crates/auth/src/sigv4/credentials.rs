//! The parts of a request that carry its credentials, read strictly: one `Authorization` of the documented form and one
//! `X-Amz-Date`.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use jiff::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;

use super::{DATE, SignatureError, SignedRequest, incomplete, invalid, query};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Longest access key id, in characters (IAM's own limit).
const ACCESS_KEY_LEN_MAX: usize = 128;

/// The `Authorization` header, taken apart.
#[derive(Debug)]
pub(super) struct Authorization<'a> {
    pub(super) access_key: &'a str,
    /// `YYYYMMDD`, not yet compared with the request's time.
    pub(super) day: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    /// Lower-case names, in order, each once.
    pub(super) signed_headers: Vec<&'a str>,
    /// 64 lower-case hexadecimal digits.
    pub(super) signature: &'a str,
}

/// `X-Amz-Date`.
#[derive(Debug)]
pub(super) struct Date<'a> {
    pub(super) text: &'a str,
    pub(super) time: Timestamp,
}

/// The value of a header that may stand in a request once.
pub(super) fn only<'a>(
    headers: &'a HeaderMap,
    name: &'static str,
) -> Result<Option<&'a str>, SignatureError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(invalid("a header of the credentials stands twice"));
    }
    value
        .to_str()
        .map(Some)
        .map_err(|_| incomplete("a header of the credentials"))
}

/// The credentials of the request, which must stand in its headers and nowhere else.
pub(super) fn authorization<'a>(
    request: &SignedRequest<'a>,
) -> Result<Authorization<'a>, SignatureError> {
    if query::has_credentials(request.query) {
        return Err(incomplete("credentials in the query are not accepted"));
    }
    let text = only(request.headers, AUTHORIZATION.as_str())?.ok_or(SignatureError::Missing)?;
    for once in ["host", "x-amz-security-token"] {
        only(request.headers, once)?;
    }
    parse(text)
}

fn parse(text: &str) -> Result<Authorization<'_>, SignatureError> {
    let (algorithm, parts) = text.split_once(' ').ok_or(incomplete("the algorithm"))?;
    if algorithm != ALGORITHM {
        return Err(incomplete("the algorithm"));
    }
    let (mut credential, mut signed_headers, mut signature) = (None, None, None);
    for part in parts.split(',') {
        let (name, value) = part
            .trim_matches(' ')
            .split_once('=')
            .ok_or(incomplete("a part"))?;
        let place = match name {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut signed_headers,
            "Signature" => &mut signature,
            _ => return Err(incomplete("an unknown part")),
        };
        if place.replace(value).is_some() {
            return Err(incomplete("a part stands twice"));
        }
    }
    let credential = credential.ok_or(incomplete("Credential"))?;
    let signature = signature.ok_or(incomplete("Signature"))?;
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if signature.len() != 64 || !signature.bytes().all(is_hex) {
        return Err(incomplete("Signature"));
    }
    let signed_headers = header_names(signed_headers.ok_or(incomplete("SignedHeaders"))?)?;

    let mut scope = credential.split('/');
    let (Some(access_key), Some(day), Some(region), Some(service), Some(end), None) = (
        scope.next(),
        scope.next(),
        scope.next(),
        scope.next(),
        scope.next(),
        scope.next(),
    ) else {
        return Err(incomplete("Credential"));
    };
    let is_access_key = (1..=ACCESS_KEY_LEN_MAX).contains(&access_key.len())
        && access_key.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_access_key || end != "aws4_request" {
        return Err(incomplete("Credential"));
    }
    Ok(Authorization {
        access_key,
        day,
        region,
        service,
        signed_headers,
        signature,
    })
}

/// The names of `SignedHeaders`: lower case and in order, as every signer writes them, and so each once.
fn header_names(text: &str) -> Result<Vec<&str>, SignatureError> {
    let names: Vec<&str> = text.split(';').collect();
    let is_name = |name: &&str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase())
    };
    if names.iter().all(is_name) && names.is_sorted_by(|a, b| a < b) {
        Ok(names)
    } else {
        Err(incomplete("SignedHeaders"))
    }
}

/// Reads `X-Amz-Date`, exactly `YYYYMMDDTHHMMSSZ`. A `Date` header does not stand in for it.
pub(super) fn date(headers: &HeaderMap) -> Result<Date<'_>, SignatureError> {
    let text = only(headers, DATE)?.ok_or(incomplete("X-Amz-Date"))?;
    let time = parse_date(text).ok_or(incomplete("X-Amz-Date"))?;
    Ok(Date { text, time })
}

fn parse_date(text: &str) -> Option<Timestamp> {
    let (day, time) = text.strip_suffix('Z')?.split_once('T')?;
    if day.len() != 8 || time.len() != 6 {
        return None;
    }
    let number = |text: Option<&str>| -> Option<i16> {
        let text = text?;
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            text.parse().ok()
        } else {
            None
        }
    };
    let two =
        |text: &str, at: usize| -> Option<i8> { number(text.get(at..at + 2))?.try_into().ok() };
    let date = civil::Date::new(number(day.get(..4))?, two(day, 4)?, two(day, 6)?).ok()?;
    let time = civil::Time::new(two(time, 0)?, two(time, 2)?, two(time, 4)?, 0).ok()?;
    let zoned = date.to_datetime(time).to_zoned(TimeZone::UTC).ok()?;
    Some(zoned.timestamp())
}
