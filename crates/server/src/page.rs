//! What browsers load from here: the console at `/` from `js/console/dist`, and the client library under `/client/` from
//! `js/client/dist`. Both are part of the binary.
//!
//! The console is for this origin only. The library is for pages of any origin: it is a public file, and it knows nothing.

use std::net::IpAddr;

use axum::extract::Path;
use axum::response::{Html, IntoResponse, Response};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use rust_embed::{EmbeddedFile, RustEmbed};
use serde_json::{Value, json};

use crate::config::{Config, DEV_KEY, Mode, Redacted};
use crate::endpoints::PublicUrl;

#[derive(RustEmbed)]
#[folder = "../../js/console/dist"]
#[allow_missing = true]
struct Console;

#[derive(RustEmbed)]
#[folder = "../../js/client/dist"]
#[allow_missing = true]
struct Client;

/// The files of the library that pages load; its types are for the compiler, and come by npm.
const CLIENT_FILES: [&str; 2] = ["downstage-client.js", "downstage-client.global.js"];

/// Scripts, styles and media of our own only. Connections go anywhere, because a token names the server it is for.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self' http: https: ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>downstage</title>\
<p>The server runs; the console is not part of this build. To build it: \
<code>cd js/console &amp;&amp; npm ci &amp;&amp; npm run build</code>, then build the server again.</p></html>\n";

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// Region for which the console of `dev` signs; that of the banner.
const DEV_REGION: &str = "us-east-1";

/// `GET /`.
pub(crate) async fn index(headers: HeaderMap) -> Response {
    guarded(match Console::get("index.html") {
        Some(file) => serve(file, "text/html; charset=utf-8", &headers),
        None => Html(NOT_BUILT).into_response(),
    })
}

/// `GET /assets/…`.
pub(crate) async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    let content_type = match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("js") => JAVASCRIPT,
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    match Console::get(&format!("assets/{path}")) {
        Some(file) => guarded(serve(file, content_type, &headers)),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// `GET /client/…`: for pages of any origin, isolated ones included.
pub(crate) async fn client(Path(file): Path<String>, headers: HeaderMap) -> Response {
    const HEADERS: [(HeaderName, &str); 4] = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "cross-origin",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    let name = CLIENT_FILES.iter().find(|name| **name == file);
    let Some(file) = name.and_then(|name| Client::get(name)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    with_headers(serve(file, JAVASCRIPT, &headers), &HEADERS)
}

/// What the console is told of its server, keys of `dev` included.
pub(crate) struct ConsoleFacts {
    facts: Value,
    /// `Host` of the public URL.
    authority: String,
}

impl ConsoleFacts {
    pub(crate) fn new(config: &Config, url: &PublicUrl) -> Self {
        let is_admin_key_public = config.admin_key.as_ref().map(Redacted::expose) == Some(DEV_KEY);
        let dev = (config.mode == Mode::Dev && config.has_public_access_key).then(|| {
            let mut keys = json!({
                "accessKeyId": DEV_KEY, "secretAccessKey": DEV_KEY, "region": DEV_REGION,
            });
            if is_admin_key_public {
                keys["adminKey"] = DEV_KEY.into();
            }
            keys
        });
        Self {
            facts: json!({ "version": env!("CARGO_PKG_VERSION"), "dev": dev, "rtmp": null }),
            authority: url.authority().to_owned(),
        }
    }

    /// Tells where the ports for RTMP and RTMPS are that are open, as stage endpoints say it: `rtmp://host:port/app/`. The console
    /// warns of a certificate that nobody but this server vouches for.
    pub(crate) fn with_rtmp(
        mut self,
        rtmp: Option<&str>,
        rtmps: Option<&str>,
        is_self_signed: bool,
    ) -> Self {
        let mut open = serde_json::Map::new();
        for (name, server) in [("rtmp", rtmp), ("rtmps", rtmps)] {
            open.extend(server.map(|server| (name.to_owned(), server.into())));
        }
        if rtmps.is_some() {
            open.insert("isSelfSigned".to_owned(), is_self_signed.into());
        }
        if !open.is_empty() {
            self.facts["rtmp"] = open.into();
        }
        self
    }

    /// `GET /console.json`: only to who asks for this machine, or for the public URL. A page that made a name of its own point
    /// here cannot hide that name.
    pub(crate) fn answer(&self, headers: &HeaderMap) -> Response {
        const HEADERS: [(HeaderName, &str); 4] = [
            (header::CONTENT_TYPE, "application/json"),
            (header::CACHE_CONTROL, "no-store"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (
                HeaderName::from_static("cross-origin-resource-policy"),
                "same-origin",
            ),
        ];
        if !self.is_ours(headers) {
            return StatusCode::FORBIDDEN.into_response();
        }
        with_headers(format!("{}\n", self.facts).into_response(), &HEADERS)
    }

    fn is_ours(&self, headers: &HeaderMap) -> bool {
        let Some(named) = headers.get(header::HOST) else {
            return false;
        };
        if named
            .as_bytes()
            .eq_ignore_ascii_case(self.authority.as_bytes())
        {
            return true;
        }
        let Ok(named) = Authority::try_from(named.as_bytes()) else {
            return false;
        };
        let host = named.host();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost")
            || address
                .parse::<IpAddr>()
                .is_ok_and(|address| address.to_canonical().is_loopback())
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
    response
}

/// With the headers of the console's own files.
fn guarded(response: Response) -> Response {
    const HEADERS: [(HeaderName, &str); 5] = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(self), microphone=(self), display-capture=(self)",
        ),
    ];
    with_headers(response, &HEADERS)
}

fn with_headers(mut response: Response, headers: &[(HeaderName, &'static str)]) -> Response {
    for (name, value) in headers {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    #[test]
    fn t22_the_console_is_told_keys_by_this_machine_or_the_public_url_only() {
        let facts = facts(&[
            "dev",
            "--ephemeral",
            "--public-url",
            "https://stage.example",
        ]);
        for (host, is_ours) in [
            ("localhost:7400", true),
            ("LOCALHOST", true),
            ("127.0.0.1:7400", true),
            ("[::1]:7400", true),
            ("stage.example", true),
            ("Stage.Example", true),
            ("stage.example:8443", false),
            ("192.0.2.1:7400", false),
            ("evil.example", false),
            ("localhost.evil.example", false),
            ("evil.example@127.0.0.1.evil.example", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]);
            let answer = facts.answer(&headers);
            assert_eq!(answer.status() == StatusCode::OK, is_ours, "{host}");
            assert!(!answer.headers().contains_key("access-control-allow-origin"));
        }
        let nameless = facts.answer(&HeaderMap::new());
        assert_eq!(nameless.status(), StatusCode::FORBIDDEN);
    }

    #[test]
    fn only_keys_that_everybody_knows_are_told() {
        let dev = facts(&["dev", "--ephemeral"]).facts;
        assert_eq!(
            dev["dev"],
            json!({ "accessKeyId": "test", "secretAccessKey": "test", "region": "us-east-1", "adminKey": "test" })
        );
        let own = [
            "dev",
            "--ephemeral",
            "--access-key",
            "mine:mysecret:123456789012",
        ];
        assert_eq!(facts(&own).facts["dev"], Value::Null);
        let own = [
            "dev",
            "--ephemeral",
            "--access-key",
            "test:mysecret:123456789012",
        ];
        assert_eq!(facts(&own).facts["dev"], Value::Null);
        let own = ["dev", "--ephemeral", "--admin-key", "a-key-of-my-own-0"];
        assert_eq!(facts(&own).facts["dev"].get("adminKey"), None);
    }

    #[test]
    fn ports_for_rtmp_are_told_where_they_are_open() {
        let told = |rtmp, rtmps, is_self_signed| {
            let facts = facts(&["dev", "--ephemeral"]);
            facts.with_rtmp(rtmp, rtmps, is_self_signed).facts["rtmp"].clone()
        };
        let (rtmp, rtmps) = ("rtmp://localhost:1935/app/", "rtmps://localhost:1936/app/");
        assert_eq!(told(None, None, true), Value::Null);
        assert_eq!(told(Some(rtmp), None, true), json!({ "rtmp": rtmp }));
        assert_eq!(
            told(Some(rtmp), Some(rtmps), true),
            json!({ "rtmp": rtmp, "rtmps": rtmps, "isSelfSigned": true })
        );
        assert_eq!(
            told(None, Some(rtmps), false),
            json!({ "rtmps": rtmps, "isSelfSigned": false })
        );
    }

    fn facts(arguments: &[&str]) -> ConsoleFacts {
        let cli = Cli::try_parse_from(["downstage"].iter().chain(arguments)).unwrap();
        let Command::Dev { settings } = cli.command else {
            panic!("no other command is asked for");
        };
        let config = Config::load(Mode::Dev, *settings, None).unwrap();
        let address = "127.0.0.1:7400".parse().unwrap();
        let url = config
            .public_url
            .clone()
            .unwrap_or_else(|| PublicUrl::of_address(address));
        ConsoleFacts::new(&config, &url)
    }
}
