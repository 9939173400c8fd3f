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

#[cfg(test)]
mod tests {
    use std::error::Error as _;
    use std::sync::{Arc, Mutex};

    use api::Buckets as _;
    use axum::extract::Request;
    use axum::http::header::{AUTHORIZATION, ETAG};
    use axum::http::{Method, StatusCode};
    use axum::response::IntoResponse;
    use tokio::net::TcpListener;
    use tokio::task::JoinSet;

    use super::super::{Buckets, reach};
    use super::*;
    use crate::config::Redacted;

    /// What S3 repeats in a refusal.
    const REPEATED: &str =
        "<AWSAccessKeyId>AKID</AWSAccessKeyId><SignatureProvided>c0ffee</SignatureProvided>";

    /// An S3 server that says what it is told to, by the name of the bucket, and notes what it was asked.
    struct Server {
        config: config::S3,
        asked: Arc<Mutex<Vec<String>>>,
        _task: JoinSet<()>,
    }

    impl Server {
        async fn start() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let asked = Arc::new(Mutex::new(Vec::new()));
            let noted = Arc::clone(&asked);
            let router = axum::Router::new().fallback(move |request: Request| {
                let asked = Arc::clone(&noted);
                async move { answer(&request, &asked) }
            });
            let mut task = JoinSet::new();
            task.spawn(async move { axum::serve(listener, router).await.unwrap() });
            Self {
                config: config(port),
                asked,
                _task: task,
            }
        }

        fn buckets(&self) -> Buckets {
            open(&self.config)
        }
    }

    fn config(port: u16) -> config::S3 {
        config::S3 {
            endpoint: format!("http://127.0.0.1:{port}"),
            region: "us-east-1".to_owned(),
            access_key_id: "AKID".to_owned(),
            secret_access_key: Redacted::new("hunter2"),
            allow_http: true,
        }
    }

    fn open(server: &config::S3) -> Buckets {
        Buckets::open(&config::ObjectStore::S3(server.clone())).unwrap()
    }

    fn answer(request: &Request, asked: &Mutex<Vec<String>>) -> impl IntoResponse + use<> {
        let etag = [(ETAG, "\"d41d8cd98f00b204e9800998ecf8427e\"")];
        let (status, body) = status_and_body(request, asked);
        (status, etag, body)
    }

    fn status_and_body(request: &Request, asked: &Mutex<Vec<String>>) -> (StatusCode, String) {
        let signed = request.headers()[AUTHORIZATION].to_str().unwrap();
        assert!(signed.starts_with("AWS4-HMAC-SHA256 Credential=AKID/"));
        assert!(signed.contains("/us-east-1/s3/aws4_request"));
        let path = request.uri().path();
        let line = format!("{} {path}", request.method());
        asked.lock().unwrap().push(line);
        let bucket = path.split('/').nth(1).unwrap_or_default();
        let refusal = |status, code: &str| {
            let body = format!("<Error><Code>{code}</Code>{REPEATED}</Error>");
            (StatusCode::from_u16(status).unwrap(), body)
        };
        match bucket {
            "recordings" => (StatusCode::OK, String::new()),
            "undeletable" if request.method() == Method::PUT => (StatusCode::OK, String::new()),
            "undeletable" | "foreign" => refusal(403, "AccessDenied"),
            "absent" | NOBODYS => refusal(404, "NoSuchBucket"),
            "misnamed" => refusal(400, "InvalidBucketName"),
            "unsigned" => refusal(403, "SignatureDoesNotMatch"),
            "unknown-key" => refusal(403, "InvalidAccessKeyId"),
            "unauthenticated" => refusal(401, "AccessDenied"),
            "busy" => refusal(503, "SlowDown"),
            "elsewhere" => refusal(301, "PermanentRedirect"),
            "a-web-page" => (StatusCode::NOT_FOUND, format!("<html>{REPEATED}</html>")),
            "a-long-code" => refusal(404, &"x".repeat(CODE_CHARS_MAX + 1)),
            "an-odd-code" => refusal(404, "a\nb"),
            other => panic!("nobody asks for {other}"),
        }
    }

    /// A verdict in words, with all that the log would have.
    async fn verdict(buckets: &Buckets, name: &str) -> String {
        match buckets.exists(name).await {
            Ok(is_there) => format!("{is_there}"),
            Err(fault) => {
                let source = fault.source().unwrap();
                assert!(source.source().is_none());
                match fault {
                    BucketFault::Denied(_) => format!("denied: {source}"),
                    BucketFault::Unavailable(_) => format!("unavailable: {source}"),
                }
            }
        }
    }

    #[tokio::test]
    async fn a_bucket_is_there_if_it_takes_an_object() {
        let server = Server::start().await;
        assert_eq!(verdict(&server.buckets(), "recordings").await, "true");
        let probe = "/recordings/.downstage-write-check";
        assert_eq!(
            *server.asked.lock().unwrap(),
            [format!("PUT {probe}"), format!("DELETE {probe}")]
        );
        // What cannot be taken away stays where it is.
        assert_eq!(verdict(&server.buckets(), "undeletable").await, "true");
    }

    #[tokio::test]
    async fn a_refusal_is_told_by_status_and_code_and_whoever_can_act_on_it() {
        let server = Server::start().await;
        let buckets = server.buckets();
        for (bucket, expected) in [
            ("absent", "false"),
            ("misnamed", "false"),
            ("foreign", "denied: status 403, AccessDenied"),
            ("unsigned", "unavailable: status 403, SignatureDoesNotMatch"),
            ("unknown-key", "unavailable: status 403, InvalidAccessKeyId"),
            ("unauthenticated", "unavailable: status 401, AccessDenied"),
            ("busy", "unavailable: status 503, SlowDown"),
            (
                "elsewhere",
                "unavailable: an answer that cannot be read: is there an S3 server at the endpoint, and is the region right?",
            ),
            (
                "a-web-page",
                "unavailable: status 404, which is no answer of S3",
            ),
            (
                "a-long-code",
                "unavailable: status 404, which is no answer of S3",
            ),
            (
                "an-odd-code",
                "unavailable: status 404, which is no answer of S3",
            ),
        ] {
            assert_eq!(verdict(&buckets, bucket).await, expected, "{bucket}");
        }
        // Nothing was asked twice.
        assert_eq!(server.asked.lock().unwrap().len(), 11);
    }

    #[tokio::test]
    async fn names_that_no_bucket_has_are_not_asked_for() {
        let server = Server::start().await;
        for name in [
            "..",
            "...",
            "a..b",
            "../recordings",
            "recordings/x",
            "x?acl",
        ] {
            assert_eq!(verdict(&server.buckets(), name).await, "false", "{name}");
        }
        assert_eq!(server.asked.lock().unwrap().len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_hangs_is_waited_for_five_seconds() {
        // Nobody accepts: the system takes the connection and the request, and no answer comes.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = config(listener.local_addr().unwrap().port());
        let began = tokio::time::Instant::now();
        assert_eq!(
            verdict(&open(&server), "recordings").await,
            "unavailable: no answer within 5 seconds"
        );
        assert_eq!(began.elapsed().as_secs(), 5);
        let endpoint = &server.endpoint;
        let reached = reach(&server).await;
        assert_eq!(
            reached,
            Err(format!("{endpoint}: no answer within 5 seconds"))
        );
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_told_by_the_innermost_cause() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = config(listener.local_addr().unwrap().port());
        drop(listener);
        let said = verdict(&open(&server), "recordings").await;
        assert!(
            said.starts_with("unavailable: Connection refused"),
            "{said}"
        );
    }

    #[tokio::test]
    async fn the_operator_learns_whether_the_server_knows_the_key() {
        let server = Server::start().await;
        let endpoint = &server.config.endpoint;
        let reached = reach(&server.config).await;
        assert_eq!(
            reached,
            Ok(format!("{endpoint} answers and knows the access key"))
        );
        assert_eq!(
            *server.asked.lock().unwrap(),
            [format!("GET /{NOBODYS}/.downstage-write-check")]
        );
    }

    #[test]
    fn the_secret_is_not_in_what_can_be_printed_of_the_client() {
        let s3 = S3::open(&config(9)).unwrap();
        let bucket = s3.bucket(&"recordings".parse().unwrap()).unwrap();
        let text = format!("{:?} {bucket:?} {bucket}", s3.server);
        assert!(!text.contains("hunter2"), "{text}");
    }
}
