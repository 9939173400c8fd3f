//! Requests that must not verify. Rows T1 to T9 of the threat table.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use http::header::{HeaderName, HeaderValue};
use jiff::SignedDuration;
use proptest::prelude::*;
use tracing::span;

use super::{ACCESS_KEY, Request, SECRET};
use crate::sigv4::{Secret, SignatureError};

use SignatureError::{Incomplete, Invalid, Missing, UnrecognizedClient};

fn post() -> Request {
    Request::botocore_named("CreateParticipantToken with a session token")
}

fn untag() -> Request {
    Request::botocore_named("UntagResource with two keys")
}

fn is_incomplete(result: &Result<super::Signer, SignatureError>) -> bool {
    matches!(result, Err(Incomplete { .. }))
}

fn is_invalid(result: &Result<super::Signer, SignatureError>) -> bool {
    matches!(result, Err(Invalid { .. }))
}

#[test]
fn t1_requests_without_credentials_are_missing_them() {
    let mut request = post();
    request.headers.remove("authorization");
    assert_eq!(request.verify(), Err(Missing));
}

#[test]
fn t1_other_schemes_and_broken_authorizations_are_incomplete() {
    let scope = "AKIDEXAMPLE/20260301/us-west-2/ivs/aws4_request";
    let names = "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token";
    let signature = "7a583d25d3b4119ce933d414475053aead36f5d270933dd7100f515c03559cd4";
    let algorithm = "AWS4-HMAC-SHA256";
    let good = format!("{algorithm} Credential={scope}, {names}, Signature={signature}");
    assert!(post().with("authorization", &good).verify().is_ok());
    for bad in [
        "",
        "Basic dGVzdDp0ZXN0",
        "Bearer eyJhbGciOiJub25lIn0.e30.",
        algorithm,
        &good.replace(algorithm, "AWS4-ECDSA-P256-SHA256"),
        &good.replace(algorithm, "AWS3-HMAC-SHA256"),
        &good.replace(algorithm, "aws4-hmac-sha256"),
        &good.replace(algorithm, "AWS4-HMAC-SHA256-PAYLOAD"),
        &good.replace(&format!("Credential={scope}, "), ""),
        &good.replace(&format!("{names}, "), ""),
        &good.replace(&format!(", Signature={signature}"), ""),
        &format!("{good}, Signature={signature}"),
        &format!("{good}, Credential={scope}"),
        &format!("{good}, Extra=1"),
        &format!("{good},"),
        &good.replace(signature, ""),
        &good.replace(signature, &signature[1..]),
        &good.replace(signature, &signature.to_uppercase()),
        &good.replace(signature, &format!("{signature}0")),
        &good.replace("AKIDEXAMPLE/", "/"),
        &good.replace("AKIDEXAMPLE/", &format!("{}/", "A".repeat(129))),
        &good.replace("AKIDEXAMPLE/", ""),
        &good.replace("AKIDEXAMPLE/", "AKID/EXAMPLE/"),
        &good.replace("/aws4_request", ""),
        &good.replace("aws4_request", "aws4_Request"),
        &good.replace("aws4_request", "aws4_request/x"),
        &good.replace(names, "SignedHeaders="),
        &good.replace("host;", "Host;"),
        &good.replace("host;", "host;host;"),
        &good.replace("host;x-amz-date", "x-amz-date;host"),
        &good.replace("host;", "host;;"),
    ] {
        let result = post().with("authorization", bad).verify();
        assert!(is_incomplete(&result), "{bad}: {result:?}");
    }
}

/// T2: every other value of every byte of the signature; every byte of the other signed parts.
#[test]
fn t2_a_changed_byte_is_noticed_wherever_it_stands() {
    for original in [post(), untag()] {
        assert!(original.verify().is_ok());
        let authorization = original.header("authorization").to_owned();
        let start = authorization.find("Signature=").unwrap() + "Signature=".len();
        for at in start..authorization.len() {
            for other in "0123456789abcdef"
                .chars()
                .filter(|c| !authorization[at..].starts_with(*c))
            {
                let mut changed = authorization.clone();
                changed.replace_range(at..=at, other.encode_utf8(&mut [0; 4]));
                let result = original.clone().with("authorization", &changed).verify();
                assert_eq!(
                    result,
                    Err(Invalid {
                        what: "the signature"
                    }),
                    "{changed}"
                );
            }
        }
        for method in [Method::GET, Method::PUT, Method::HEAD, Method::OPTIONS] {
            let changed = Request {
                method,
                ..original.clone()
            };
            assert!(is_invalid(&changed.verify()), "{:?}", changed.method);
        }
        for path in changes(&original.path) {
            let changed = Request {
                path,
                ..original.clone()
            };
            assert!(is_invalid(&changed.verify()), "{}", changed.path);
        }
        for query in changes(&original.query) {
            let changed = Request {
                query,
                ..original.clone()
            };
            let result = changed.verify();
            assert!(is_invalid(&result), "{}: {result:?}", changed.query);
        }
        for name in ["content-type", "host", "x-amz-security-token"] {
            if !original.headers.contains_key(name) {
                continue;
            }
            for value in changes(original.header(name)) {
                let result = original.clone().with(name, &value).verify();
                assert!(is_invalid(&result), "{name}: {value}: {result:?}");
            }
        }
        for at in 0..original.body.len() {
            for bit in 0..8 {
                let mut changed = original.clone();
                changed.body[at] ^= 1 << bit;
                assert!(is_invalid(&changed.verify()), "body byte {at}");
            }
        }
    }
}

/// The text with each of its characters replaced, removed and doubled, but for changes of a hexadecimal digit's case.
fn changes(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    for at in 0..text.len() {
        let (head, tail) = (&text[..at], &text[at + 1..]);
        let old = &text[at..=at];
        all.push(format!("{head}{tail}"));
        // A second slash is the same canonical path; routing reads the raw one and does not know it.
        if old != "/" {
            all.push(format!("{head}{old}{old}{tail}"));
        }
        all.extend(
            ["x", "0", "%", "/", "A", "~", ":"]
                .iter()
                .filter(|new| **new != old)
                .map(|new| format!("{head}{new}{tail}")),
        );
    }
    all
}

#[test]
fn t2_every_request_of_the_suite_fails_under_another_secret() {
    for request in Request::suite().into_iter().chain(Request::botocore()) {
        if request.verify().is_err() {
            continue;
        }
        let result = request.verify_with(&|_| Some(Secret::new(format!("{SECRET}x"))));
        assert_eq!(
            result,
            Err(Invalid {
                what: "the signature"
            }),
            "{}",
            request.name
        );
    }
}

/// T2, T61: aws-sigv4 traces the canonical request; no subscriber may see it.
#[test]
fn t2_nothing_of_a_request_reaches_a_log_at_any_level() {
    #[derive(Clone, Default)]
    struct Counter(Arc<AtomicUsize>);
    impl tracing::Subscriber for Counter {
        fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            self.0.fetch_add(1, Ordering::SeqCst);
            span::Id::from_u64(1)
        }
        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
        fn event(&self, _: &tracing::Event<'_>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
        fn enter(&self, _: &span::Id) {}
        fn exit(&self, _: &span::Id) {}
    }
    let seen = Counter::default();
    tracing::subscriber::with_default(seen.clone(), || {
        // tracing asks a subscriber about a place in the code once; other tests may have been there first.
        let _ = post().sign("us-west-2", &[]);
        tracing::callsite::rebuild_interest_cache();
        let _ = post().sign("us-west-2", &[]);
        assert!(
            seen.0.swap(0, Ordering::SeqCst) > 0,
            "the signer by itself is heard"
        );
        assert!(post().verify().is_ok());
        assert!(post().with("host", "elsewhere").verify().is_err());
        assert_eq!(seen.0.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn t3_the_stated_hash_must_be_that_of_the_body() {
    let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let with = |value: &str| {
        untag()
            .with("x-amz-content-sha256", value)
            .sign("us-west-2", &[])
    };
    assert!(with(hash).verify().is_ok());
    for bad in [
        "UNSIGNED-PAYLOAD",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "",
        &hash.to_uppercase(),
        &hash.replace('e', "f"),
    ] {
        assert_eq!(
            with(bad).verify(),
            Err(Invalid {
                what: "the hash of the body"
            }),
            "{bad}"
        );
    }
    let mut changed = with(hash);
    changed.body = b"x".to_vec();
    assert!(is_invalid(&changed.verify()));
}

#[test]
fn t4_the_date_may_be_300_seconds_off_and_no_more() {
    for (ms, accepted) in [
        (0, true),
        (299_000, true),
        (300_000, true),
        (300_001, false),
        (301_000, false),
        (86_400_000, false),
    ] {
        for ms in [ms, -ms] {
            let mut request = post();
            request.now += SignedDuration::from_millis(ms);
            let expected = if accepted {
                None
            } else {
                Some(Invalid {
                    what: "the signature's time",
                })
            };
            assert_eq!(request.verify().err(), expected, "{ms} ms");
        }
    }
}

#[test]
fn t4_dates_of_another_form_are_incomplete() {
    let mut request = post();
    request.headers.remove("x-amz-date");
    let result = request
        .with("date", "Sun, 01 Mar 2026 12:00:00 GMT")
        .verify();
    assert!(is_incomplete(&result), "{result:?}");
    for bad in [
        "",
        "20260301T120000",
        "20260301120000Z",
        "20260301T120000z",
        "2026-03-01T12:00:00Z",
        "20260301T1200000Z",
        "20260301T12000Z",
        "20260231T120000Z",
        "20261301T120000Z",
        "20260301T240000Z",
        "20260301T126000Z",
        "20260301T120060Z",
        "+0260301T120000Z",
        "-0260301T120000Z",
        "2026030 T120000Z",
        "99999999T999999Z",
        "00000000T000000Z",
        "Sun, 01 Mar 2026 12:00:00 GMT",
    ] {
        let result = post().with("x-amz-date", bad).verify();
        assert!(is_incomplete(&result), "{bad}: {result:?}");
    }
}

#[test]
fn t4_the_scope_must_name_the_day_of_the_date() {
    let authorization = post()
        .header("authorization")
        .replace("20260301", "20260228");
    let result = post().with("authorization", &authorization).verify();
    assert_eq!(
        result,
        Err(Invalid {
            what: "the credential scope's date"
        })
    );
}

#[test]
fn t6_other_services_and_malformed_regions_are_refused() {
    for service in ["ivsrealtime", "s3", "IVS", "ivs-realtime"] {
        let mut request = post();
        request.service = service.to_owned().leak();
        let mut request = request.sign("us-west-2", &[]);
        request.service = "ivs";
        assert_eq!(
            request.verify(),
            Err(Invalid {
                what: "the credential scope's service"
            })
        );
    }
    for region in [
        "US",
        "us_west",
        "",
        "*",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ] {
        let result = post().sign(region, &[]).verify();
        assert_eq!(
            result,
            Err(Invalid {
                what: "the credential scope's region"
            }),
            "{region}"
        );
    }
}

#[test]
fn t7_host_and_every_x_amz_header_must_be_signed() {
    for name in [
        "host",
        "x-amz-security-token",
        "x-amz-target",
        "x-amz-content-sha256",
        "x-amz-meta-x",
    ] {
        let mut request = post();
        if !request.headers.contains_key(name) {
            request = request.with(name, "1");
        }
        let result = request.sign("us-west-2", &[name]).verify();
        assert_eq!(
            result,
            Err(Invalid {
                what: "a header that must be signed is not"
            }),
            "{name}"
        );
    }
    let result = post().sign("us-west-2", &["x-amz-date"]).verify();
    assert!(is_invalid(&result), "{result:?}");
    let mut request = post();
    request.headers.remove("host");
    assert!(is_incomplete(&request.verify()));
    let mut request = post();
    request.headers.remove("content-type");
    assert_eq!(
        request.verify(),
        Err(Invalid {
            what: "a signed header is not in the request"
        })
    );
}

#[test]
fn t7_headers_of_the_credentials_stand_once() {
    for name in [
        "authorization",
        "x-amz-date",
        "x-amz-security-token",
        "host",
    ] {
        let mut request = post();
        let again = request.headers[name].clone();
        request.headers.append(name, again);
        assert!(is_invalid(&request.verify()), "{name}");
    }
}

#[test]
fn t7_credentials_in_the_query_are_refused_with_and_without_a_header() {
    for query in [
        "X-Amz-Algorithm=AWS4-HMAC-SHA256",
        "X-Amz-Signature=00",
        "x-amz-credential=a",
        "a=b&X-Amz-Security-Token=x",
        "%58-Amz-Signature=00",
        "X-Amz-Expires",
    ] {
        let mut request = post();
        request.query = query.to_owned();
        let mut request = request.sign("us-west-2", &[]);
        assert!(is_incomplete(&request.verify()), "{query}");
        request.headers.remove("authorization");
        assert!(is_incomplete(&request.verify()), "{query}");
    }
}

#[test]
fn t8_queries_with_two_readings_are_refused() {
    for query in ["a+b", "%", "%4", "%zz", "a=%ff", "&", "a&", "a&&b", "a#b"] {
        let mut request = untag();
        request.query = query.to_owned();
        assert_eq!(
            request.verify(),
            Err(Invalid { what: "the query" }),
            "{query}"
        );
    }
}

#[test]
fn t8_paths_that_are_no_paths_are_refused() {
    for path in [
        "",
        "tags",
        "http://127.0.0.1/x",
        "*",
        "/a#b",
        "/a?b",
        "/\u{7f} \n",
    ] {
        let mut request = untag();
        request.path = path.to_owned();
        assert!(is_invalid(&request.verify()), "{path:?}");
    }
}

/// T8: an escape in the path is signed as it stands, so another spelling of the same path has another signature.
#[test]
fn t8_other_spellings_of_an_escaped_path_do_not_verify() {
    for (from, to) in [
        ("%3A", ":"),
        ("%3A", "%3a"),
        ("%2F", "/"),
        ("%2F", "%252F"),
        ("t", "%74"),
    ] {
        let mut request = untag();
        request.path = request.path.replacen(from, to, 1);
        assert!(is_invalid(&request.verify()), "{}", request.path);
    }
}

#[test]
fn t9_an_unknown_access_key_is_signed_for_like_a_known_one() {
    let asked = RefCell::new(Vec::new());
    let nobody = |access_key: &str| {
        asked.borrow_mut().push(access_key.to_owned());
        None
    };
    assert_eq!(post().verify_with(&nobody), Err(UnrecognizedClient));
    assert_eq!(
        post().with("host", "elsewhere").verify_with(&nobody),
        Err(UnrecognizedClient)
    );
    assert_eq!(*asked.borrow(), [ACCESS_KEY, ACCESS_KEY]);
    // The stand-in secret is no way in: what it signs is refused as well.
    let stand_in = post().verify_with(&|_| Some(Secret::new("no such access key".to_owned())));
    assert_eq!(
        stand_in,
        Err(Invalid {
            what: "the signature"
        })
    );
}

#[test]
fn a_request_with_too_many_headers_is_refused() {
    let mut request = post();
    for at in 0..300 {
        let name = HeaderName::from_bytes(format!("x-{at}").as_bytes()).unwrap();
        request.headers.append(name, HeaderValue::from_static("1"));
    }
    assert_eq!(
        request.verify(),
        Err(Invalid {
            what: "the number of headers"
        })
    );
}

proptest! {
    #[test]
    fn no_request_panics(
        path in "(/[ -~é]{0,40}|[ -~]{0,10})",
        query in "[ -~é]{0,60}",
        authorization in "(AWS4-HMAC-SHA256 )?(Credential=[a-zA-Z0-9/_]{0,40}, ?)?(SignedHeaders=[a-z;-]{0,30}, ?)?(Signature=[0-9a-f]{0,64})?",
        date in "[0-9TZ]{0,17}",
        header in proptest::collection::vec(any::<u8>(), 0..40),
        body in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut request = Request { path, query, body, ..post() };
        request = request.with("authorization", &authorization).with("x-amz-date", &date);
        if let Ok(value) = HeaderValue::from_bytes(&header) {
            request.headers.insert("x-amz-target", value);
        }
        prop_assert!(request.verify().is_err());
    }

    /// A well-formed head reaches the signer with any path, query and header value.
    #[test]
    fn no_request_panics_in_the_signer(path in "/[!-~é/.]{0,60}", query in "([!-*,-~é]{1,30}&?){0,4}", value in "[ -~]{0,40}") {
        let request = Request { path, query, ..post() };
        let result = request.with("content-type", &value).verify();
        prop_assert!(is_invalid(&result) || is_incomplete(&result));
    }
}
