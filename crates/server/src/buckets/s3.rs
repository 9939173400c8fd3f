//! Buckets of a server that speaks S3, and what its refusals mean.
//!
//! Of an answer only its status and S3's error code are told on: the body of a refusal repeats the request's access key and its
//! signature.

use anyhow::Context as _;
use api::BucketFault;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::client::{HttpClient, HttpConnector, HttpError, ReqwestConnector};
use object_store::{ClientOptions, ObjectStoreExt as _, RetryConfig};

use super::PROBE;
use crate::config::{self, BucketName};

/// S3's codes for "there is no such bucket".
const ABSENT: [&str; 2] = ["NoSuchBucket", "InvalidBucketName"];
/// S3's codes for credentials that it does not take, wherever they are used.
const CREDENTIALS: [&str; 7] = [
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSecurity",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
];
/// A bucket that is most likely nobody's.
const NOBODYS: &str = "downstage-doctor-looks-for-nothing";
/// Longest error code that is told on.
const CODE_CHARS_MAX: usize = 64;

/// A server that speaks S3. All its buckets share one pool of connections.
pub(super) struct S3 {
    server: config::S3,
    connected: Connected,
}

/// The pool, for builders that ask for one.
#[derive(Clone, Debug)]
struct Connected(HttpClient);

impl HttpConnector for Connected {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(self.0.clone())
    }
}

impl S3 {
    /// Prepares a client; nothing is asked of the server yet.
    pub(super) fn open(server: &config::S3) -> anyhow::Result<Self> {
        let options = ClientOptions::new().with_allow_http(server.allow_http);
        let client = ReqwestConnector::default()
            .connect(&options)
            .context("cannot start the client of the object store")?;
        Ok(Self {
            server: server.clone(),
            connected: Connected(client),
        })
    }

    /// The objects of a bucket, whether it is there or not. Requests are not repeated: who asks decides.
    pub(super) fn bucket(&self, name: &BucketName) -> Result<AmazonS3, BucketFault> {
        let without_repeats = RetryConfig {
            max_retries: 0,
            ..RetryConfig::default()
        };
        AmazonS3Builder::new()
            .with_endpoint(&self.server.endpoint)
            .with_region(&self.server.region)
            .with_access_key_id(&self.server.access_key_id)
            .with_secret_access_key(self.server.secret_access_key.expose())
            .with_bucket_name(name.as_str())
            .with_allow_http(self.server.allow_http)
            // Not every server that speaks S3 deletes by the list.
            .with_disable_bulk_delete(true)
            .with_retry(without_repeats)
            .with_http_connector(self.connected.clone())
            .build()
            .map_err(|error| BucketFault::Unavailable(error.into()))
    }

    /// Whether the server takes our credentials: asked for an object that is not there, it says so.
    pub(super) async fn reach(&self) -> Result<String, String> {
        let name: BucketName = NOBODYS.parse().expect("it is the name of a bucket");
        let bucket = self.bucket(&name).map_err(|fault| fault.to_string())?;
        let Err(error) = bucket.get(&object_store::path::Path::from(PROBE)).await else {
            return Ok("answers".to_owned());
        };
        let answer = Answer::of(&error);
        match (answer.status, answer.code.as_deref()) {
            (Some(404), Some("NoSuchBucket" | "NoSuchKey")) | (Some(403), Some("AccessDenied")) => {
                Ok("answers and knows the access key".to_owned())
            }
            _ => Err(answer.words(&error)),
        }
    }
}

/// What it means that an object cannot be put: without a fault, that there is no bucket.
pub(super) fn judge(error: &object_store::Error) -> Result<(), BucketFault> {
    let answer = Answer::of(error);
    let has = |codes: &[&str]| {
        answer
            .code
            .as_deref()
            .is_some_and(|code| codes.contains(&code))
    };
    if has(&ABSENT) {
        return Ok(());
    }
    let words = answer.words(error).into();
    if answer.status == Some(403) && !has(&CREDENTIALS) {
        return Err(BucketFault::Denied(words));
    }
    Err(BucketFault::Unavailable(words))
}

/// What may be told of an answer.
struct Answer {
    status: Option<u16>,
    code: Option<String>,
}

impl Answer {
    /// The library tells status and body in words only.
    fn of(error: &object_store::Error) -> Self {
        let text = error.to_string();
        let status = text
            .split_once("status code: ")
            .and_then(|(_, rest)| rest.get(..3)?.parse().ok());
        let code = text
            .split_once("<Code>")
            .and_then(|(_, rest)| Some(rest.split_once("</Code>")?.0))
            .filter(|code| {
                code.len() <= CODE_CHARS_MAX
                    && code.bytes().all(|byte| byte.is_ascii_alphanumeric())
            });
        Self {
            status,
            code: code.map(str::to_owned),
        }
    }

    fn words(&self, error: &object_store::Error) -> String {
        match (self.status, &self.code) {
            (Some(status), Some(code)) => format!("status {status}, {code}"),
            (Some(status), None) => format!("status {status}, which is no answer of S3"),
            (None, _) => no_status(error),
        }
    }
}

/// Why there was no answer: the innermost cause of a connection that failed.
fn no_status(error: &object_store::Error) -> String {
    let mut is_connection = false;
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        is_connection |= source.is::<HttpError>();
        cause = source;
    }
    if is_connection {
        return cause.to_string();
    }
    "an answer that cannot be read: is there an S3 server at the endpoint, and is the region right?"
        .to_owned()
}
