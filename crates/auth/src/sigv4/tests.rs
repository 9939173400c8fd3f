//! What is accepted: AWS's own test suite, and requests that botocore and aws-sigv4 signed. What is refused: each of them
//! with one thing changed.

mod refusals;

use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use jiff::Timestamp;

use super::{Secret, SignatureError, SignedRequest, Signer, verify_for};

const ACCESS_KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const SUITE: &str = include_str!("tests/aws-suite.txt");
const BOTOCORE: &str = include_str!("tests/botocore.txt");
const BOTOCORE_TIME: &str = "2026-03-01T12:00:00Z";

/// A request that a test may change.
#[derive(Clone, Debug)]
struct Request {
    name: String,
    method: Method,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Vec<u8>,
    service: &'static str,
    now: Timestamp,
}

impl Request {
    /// Reads one request in HTTP/1.1's form.
    fn read(name: &str, text: &str, service: &'static str, now: &str) -> Self {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let start: Vec<&str> = lines.next().unwrap().split(' ').collect();
        let (path, query) = start[1].split_once('?').unwrap_or((start[1], ""));
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(':').unwrap();
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value.trim()).unwrap());
        }
        Self {
            name: name.to_owned(),
            method: start[0].parse().unwrap(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            body: body.strip_suffix('\n').unwrap_or(body).as_bytes().to_vec(),
            service,
            now: now.parse().unwrap(),
        }
    }

    fn read_all(text: &str, service: &'static str, now: &str) -> Vec<Self> {
        let (_about, all) = text.split_once("=== ").unwrap();
        let each = all.split("\n=== ").map(|one| {
            let (name, request) = one.split_once('\n').unwrap();
            Self::read(name, request, service, now)
        });
        each.collect()
    }

    fn suite() -> Vec<Self> {
        Self::read_all(SUITE, "service", "2015-08-30T12:36:00Z")
    }

    fn botocore() -> Vec<Self> {
        Self::read_all(BOTOCORE, "ivs", BOTOCORE_TIME)
    }

    fn botocore_named(name: &str) -> Self {
        Self::botocore()
            .into_iter()
            .find(|request| request.name == name)
            .unwrap()
    }

    /// Sets one header, in place of all of its values.
    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers
            .insert(name, HeaderValue::from_str(value).unwrap());
        self
    }

    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    fn verify(&self) -> Result<Signer, SignatureError> {
        self.verify_with(&|access_key| {
            (access_key == ACCESS_KEY).then(|| Secret::new(SECRET.to_owned()))
        })
    }

    fn verify_with(
        &self,
        secret_of: &dyn Fn(&str) -> Option<Secret>,
    ) -> Result<Signer, SignatureError> {
        let request = SignedRequest {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            body: &self.body,
        };
        verify_for(self.service, &request, secret_of, self.now)
    }

    /// Signs again as AWS's SDK for Rust does, with all headers that are there.
    fn sign(mut self, region: &str, excluded: &[&'static str]) -> Self {
        use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};

        self.headers.remove("authorization");
        self.headers.remove("x-amz-date");
        let mut settings = SigningSettings::default();
        settings
            .excluded_headers
            .get_or_insert_default()
            .extend(excluded.iter().map(|name| (*name).into()));
        let identity =
            aws_credential_types::Credentials::new(ACCESS_KEY, SECRET, None, None, "test").into();
        let params = aws_sigv4::sign::v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(self.service)
            .time(self.now.into())
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let target = format!("http://{}{}?{}", self.header("host"), self.path, self.query);
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        let request = SignableRequest::new(
            self.method.as_str(),
            target,
            headers,
            SignableBody::Bytes(&self.body),
        )
        .unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        let (headers, _) = instructions.into_parts();
        for header in headers {
            self = self.with(header.name().to_owned().leak(), header.value());
        }
        self
    }
}

/// T8: path and query cases among them.
#[test]
fn aws_test_suite_is_accepted_but_for_the_unsigned_security_token() {
    let requests = Request::suite();
    assert_eq!(requests.len(), 29);
    for request in requests {
        let expected = if request.name == "post-sts-header-after" {
            Err(SignatureError::Invalid {
                what: "a header that must be signed is not",
            })
        } else {
            Ok("us-east-1")
        };
        let result = request.verify();
        let region = result
            .as_ref()
            .map(|signer| signer.region.as_str())
            .map_err(|error| *error);
        assert_eq!(region, expected, "{}", request.name);
    }
}

#[test]
fn requests_of_botocore_are_accepted_with_their_encoded_arns_and_tag_keys() {
    let requests = Request::botocore();
    assert_eq!(requests.len(), 8);
    for request in requests {
        let signer = request
            .verify()
            .unwrap_or_else(|error| panic!("{}: {error}", request.name));
        assert_eq!(signer.access_key, ACCESS_KEY);
        assert_eq!(signer.region.as_str(), "us-west-2");
    }
}

#[test]
fn other_header_lists_and_regions_of_sdks_are_accepted() {
    let base = Request::botocore_named("UntagResource with two keys");
    for (headers, excluded) in [
        (
            &[
                ("x-amz-user-agent", "aws-sdk-rust/1.3.9  os/linux"),
                ("content-type", "application/json"),
            ][..],
            &[][..],
        ),
        (
            &[
                ("x-amz-user-agent", "aws-sdk-js/3.1058.0"),
                ("amz-sdk-request", "attempt=2; max=3"),
                ("content-length", "0"),
            ],
            &["connection"],
        ),
        (
            &[
                ("x-amz-security-token", "FwoGZXIvYXdzEBY+/=="),
                ("accept", "*/*"),
            ],
            &["accept", "amz-sdk-request"],
        ),
        (
            &[(
                "x-amz-content-sha256",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            )],
            &[],
        ),
    ] {
        for region in ["us-west-2", "eu-central-1", "local", "mars-1"] {
            let mut request = base.clone();
            for (name, value) in headers {
                request = request.with(name, value);
            }
            let signer = request.sign(region, excluded).verify();
            assert_eq!(signer.unwrap().region.as_str(), region, "{headers:?}");
        }
    }
}

/// `/tags/{resourceArn}` with the ARN as it stands is signed like any other path.
#[test]
fn an_arn_in_the_path_without_escapes_is_accepted() {
    let mut request = Request::botocore_named("ListTagsForResource");
    request.path = "/tags/arn:aws:ivs:us-west-2:123456789012:stage/abcdABCDefgh".to_owned();
    assert!(request.sign("us-west-2", &[]).verify().is_ok());
}

/// The largest target stays within what the signer can encode; one byte more is refused before it.
#[test]
fn targets_up_to_the_limit_are_verified_and_longer_ones_refused() {
    let mut request = Request::botocore_named("ListTagsForResource");
    let room = super::TARGET_LEN_MAX - request.path.len();
    request.query = "(".repeat(room);
    assert!(request.clone().sign("us-west-2", &[]).verify().is_ok());
    request.query = "a&".repeat(room / 2) + "a";
    let result = request.verify();
    assert!(
        matches!(result, Err(SignatureError::Invalid { .. })),
        "{result:?}"
    );
    request.query = "(".repeat(room + 1);
    let what = "the length of the path and query";
    assert_eq!(request.verify(), Err(SignatureError::Invalid { what }));
}

#[test]
fn secrets_are_not_in_debug_output() {
    assert_eq!(
        format!("{:?}", Secret::new(SECRET.to_owned())),
        "Secret(..)"
    );
}
