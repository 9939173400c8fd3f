//! The page at `/`: static files from `js/page/dist`, which are part of the binary.

use axum::extract::Path;
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "../../js/page/dist"]
#[allow_missing = true]
struct Files;

/// Scripts, styles and media of our own only. Connections go anywhere, because a token names the server it is for.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self' http: https: ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>downstage</title>\
<p>The server runs; this page is not part of this build. To build it: \
<code>cd js/page &amp;&amp; npm ci &amp;&amp; npm run build</code>, then build the server again.</p></html>\n";

/// `GET /`.
pub(crate) async fn index(headers: HeaderMap) -> Response {
    match Files::get("index.html") {
        Some(file) => serve(file, "text/html; charset=utf-8", &headers),
        None => with_headers(Html(NOT_BUILT).into_response()),
    }
}

/// `GET /assets/…`.
pub(crate) async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    let content_type = match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    match Files::get(&format!("assets/{path}")) {
        Some(file) => serve(file, content_type, &headers),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn serve(file: EmbeddedFile, content_type: &'static str, headers: &HeaderMap) -> Response {
    let hash = file.metadata.sha256_hash();
    let etag = format!(
        "\"{:x}\"",
        u128::from_be_bytes(std::array::from_fn(|at| hash[at]))
    );
    let is_known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|known| known.split(',').any(|one| one.trim() == etag));
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, content_type)], file.data).into_response()
    };
    let etag = HeaderValue::from_str(&etag).expect("quoted hexadecimal is a header value");
    response.headers_mut().insert(header::ETAG, etag);
    with_headers(response)
}

fn with_headers(mut response: Response) -> Response {
    const HEADERS: [(HeaderName, &str); 5] = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(self), microphone=(self)",
        ),
    ];
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}
