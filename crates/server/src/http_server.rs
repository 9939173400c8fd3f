//! The HTTP listener: connections with limits, a front door that refuses what is not plain HTTP/1.1, and a drain.
//!
//! Limits hold before anything of a request is believed: time for the head, size of the head, time for the body, number
//! of connections. Sizes of bodies are the routes' own. HTTP/2 is absent on purpose: no client of the API needs it without
//! TLS, and a proxy in front speaks it where browsers do.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Request, StatusCode, Version, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt as _;
use tower_http::timeout::DeadlineBody;

/// From the first byte of a connection, or the end of the last reply, to the end of a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// From the head to the last byte of the body. The largest is an SDP offer.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// A request's head: a participant token and its company take 4 KiB.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Header fields of a request; SDKs send some twenty.
const HEADERS_MAX: usize = 100;
/// The read buffer of a connection.
const BUFFER_BYTES_MAX: usize = 64 * 1024;
/// Connections that speak HTTP at a time. Upgraded ones count no more: the events sockets have a limit of their own.
const CONNECTIONS_MAX: usize = 8_192;
/// How long requests that are being answered may take when the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);
/// Pause after a failed accept: it fails for want of file descriptors, and they come back when connections end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `draining` turns true, then lets requests that are under way end.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    mut draining: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = drain_begins(&mut draining) => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection(stream, peer, router.clone(), draining.clone()));
                }
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
    drop(listener);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(DRAIN_TIMEOUT, all_ended).await;
    connections.shutdown().await;
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    mut draining: watch::Receiver<bool>,
) {
    // Only latency is lost where it fails.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(router.clone(), request, peer));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(HEADERS_MAX)
        .max_header_size(HEAD_BYTES_MAX)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = drain_begins(&mut draining) => {
            connection.as_mut().graceful_shutdown();
            connection.as_mut().await
        }
    };
    if let Err(error) = ended
        && !error.is_timeout()
    {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "a connection ended badly"
        );
    }
}

async fn drain_begins(draining: &mut watch::Receiver<bool>) {
    // An error means that nobody can begin it any more: the process is ending.
    let _ = draining.wait_for(|draining| *draining).await;
}

async fn answer(
    router: Router,
    request: Request<Incoming>,
    peer: SocketAddr,
) -> Result<Response, Infallible> {
    if let Some(fault) = fault(&request) {
        let mut response = (StatusCode::BAD_REQUEST, fault).into_response();
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
        return Ok(response);
    }
    let is_chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
    let mut request = request.map(|body| Body::new(DeadlineBody::new(BODY_TIMEOUT, body)));
    request.extensions_mut().insert(ConnectInfo(peer));
    let mut response = router.oneshot(request).await?;
    if is_chunked {
        // A Content-Length beside it has been taken away unseen. RFC 9112 section 6.1: nothing that follows such a request
        // on its connection may be believed.
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// What makes a request unfit for any route: two readers could see two different requests in it.
fn fault<B>(request: &Request<B>) -> Option<&'static str> {
    if request.uri().authority().is_some() || request.uri().scheme().is_some() {
        return Some("the request target must be a path\n");
    }
    let hosts = request.headers().get_all(header::HOST).iter().count();
    let may_lack_host = request.version() == Version::HTTP_10;
    if hosts > 1 || (hosts == 0 && !may_lack_host) {
        return Some("the request must have one Host header\n");
    }
    None
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use axum::routing::{get, post};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::Instant;

    use super::*;

    #[test]
    fn t19_requests_with_two_or_no_authorities_are_refused() {
        let request = |uri: &str, hosts: &[&str]| {
            let mut builder = Request::builder().uri(uri);
            for host in hosts {
                builder = builder.header(header::HOST, *host);
            }
            builder.body(()).unwrap()
        };
        assert_eq!(fault(&request("/whip", &["a"])), None);
        assert!(fault(&request("/whip", &[])).is_some());
        assert!(fault(&request("/whip", &["a", "b"])).is_some());
        assert!(fault(&request("http://b/whip", &["a"])).is_some());
        assert!(fault(&request("b:443", &["a"])).is_some());
    }

    /// Serves two routes for the length of a test.
    async fn started() -> (SocketAddr, watch::Sender<bool>, JoinSet<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/quick", get(async || "quick")).route(
            "/read",
            post(async |body: Result<Bytes, _>| body.map(|_| "read")),
        );
        let (draining, is_draining) = watch::channel(false);
        let mut server = JoinSet::new();
        server.spawn(serve(listener, router, is_draining));
        (address, draining, server)
    }

    /// Sends bytes and gives what comes back until the server closes, and how long that took.
    async fn exchange(server: SocketAddr, bytes: &str) -> (String, Duration) {
        let began = Instant::now();
        let mut stream = TcpStream::connect(server).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.unwrap();
        (reply, began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn t18_a_head_that_does_not_end_costs_its_sender_the_connection_and_nobody_else() {
        let (server, _draining, _tasks) = started().await;
        let slow = exchange(server, "GET /quick HTTP/1.1\r\nHost: a\r\nX-Slow: ");
        let quick = exchange(
            server,
            "GET /quick HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        );
        let ((_, slow), (reply, _)) = tokio::join!(slow, quick);
        assert!(reply.ends_with("quick"), "{reply:?}");
        assert!(
            slow <= HEAD_TIMEOUT + Duration::from_millis(100),
            "{slow:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn t18_an_idle_connection_does_not_stay_for_ever() {
        let (server, _draining, _tasks) = started().await;
        let (reply, took) = exchange(server, "GET /quick HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert!(reply.ends_with("quick"), "{reply:?}");
        assert!(
            took <= HEAD_TIMEOUT + Duration::from_millis(100),
            "{took:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn t18_a_body_that_does_not_end_is_given_up() {
        let (server, _draining, _tasks) = started().await;
        let head = "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nslow";
        let (reply, took) = exchange(server, head).await;
        assert!(reply.starts_with("HTTP/1.1 4"), "{reply:?}");
        assert!(
            took <= BODY_TIMEOUT + HEAD_TIMEOUT + Duration::from_millis(100),
            "{took:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_drain_ends_idle_connections_and_refuses_new_ones() {
        let (server, draining, mut tasks) = started().await;
        let mut idle = TcpStream::connect(server).await.unwrap();
        idle.write_all(b"GET /quick HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        let mut reply = [0; 512];
        assert_ne!(idle.read(&mut reply).await.unwrap(), 0);

        draining.send(true).unwrap();
        assert_eq!(idle.read(&mut reply).await.unwrap(), 0);
        tasks.join_next().await.unwrap().unwrap();
        assert!(TcpStream::connect(server).await.is_err());
    }
}
