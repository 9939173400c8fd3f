//! What a client says of itself in `User-Agent`.
//!
//! It is untrusted text for people's eyes in participant records. Only well-known products are read, and only values of
//! the modelled alphabet and length are kept; whatever else a header says is dropped.

use http::HeaderMap;
use http::header::USER_AGENT;
use model::ClientInfo;

/// Characters of one value (API model).
const VALUE_CHARS_MAX: usize = 128;

/// Products in the order in which they give themselves away: browsers name those that they descend from as well.
const PRODUCTS: &[(&str, &str)] = &[
    ("OBS-Studio/", "OBS Studio"),
    ("EdgiOS/", "Edge"),
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Lavf/", "FFmpeg"),
    ("GStreamer/", "GStreamer"),
    ("libdatachannel/", "libdatachannel"),
];

/// Marks of systems, likewise most telling first.
const SYSTEMS: &[(&str, &str)] = &[
    ("Windows NT ", "Windows"),
    ("iPhone OS ", "iOS"),
    ("CPU OS ", "iPadOS"),
    ("Android ", "Android"),
    ("CrOS ", "ChromeOS"),
    ("Mac OS X ", "macOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
];

/// Reads the headers of a request.
pub(crate) fn from_headers(headers: &HeaderMap) -> ClientInfo {
    let agent = headers
        .get(USER_AGENT)
        .and_then(|value| value.to_str().ok());
    agent.map(from_user_agent).unwrap_or_default()
}

fn from_user_agent(agent: &str) -> ClientInfo {
    let (browser_name, browser_version) = product(agent);
    let (os_name, os_version) = system(agent);
    ClientInfo {
        os_name: os_name.to_owned(),
        os_version: fitting(os_version),
        browser_name: browser_name.to_owned(),
        browser_version: fitting(browser_version),
        ..ClientInfo::default()
    }
}

fn product(agent: &str) -> (&'static str, &str) {
    for (mark, name) in PRODUCTS {
        if let Some((_, rest)) = agent.split_once(mark) {
            return (name, version(rest));
        }
    }
    // Safari names itself last, and its version elsewhere.
    match agent.split_once("Version/") {
        Some((_, rest)) if agent.contains("Safari/") => ("Safari", version(rest)),
        _ => ("", ""),
    }
}

fn system(agent: &str) -> (&'static str, String) {
    for (mark, name) in SYSTEMS {
        if let Some((_, rest)) = agent.split_once(mark) {
            let text = if mark.ends_with(' ') {
                version(rest)
            } else {
                ""
            };
            return (name, text.replace('_', "."));
        }
    }
    ("", String::new())
}

/// Digits, dots and underscores up to whatever follows.
fn version(text: &str) -> &str {
    let is_part = |c: char| c.is_ascii_digit() || c == '.' || c == '_';
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

fn fitting(text: impl Into<String>) -> String {
    let text = text.into();
    if text.len() <= VALUE_CHARS_MAX {
        text
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_clients_are_recognised() {
        for (agent, expected) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
                ["Linux", "", "Chrome", "120.0.0.0"],
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 \
                 Safari/537.36 Edg/120.0.2210.91",
                ["Windows", "10.0", "Edge", "120.0.2210.91"],
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Version/17.2 Mobile/15E148 Safari/604.1",
                ["iOS", "17.2", "Safari", "17.2"],
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:121.0) Gecko/20100101 Firefox/121.0",
                ["macOS", "10.15", "Firefox", "121.0"],
            ),
            (
                "Mozilla/5.0 (OBS-Studio/30.0.2; Linux x86_64; en-US)",
                ["Linux", "", "OBS Studio", "30.0.2"],
            ),
            ("Lavf/62.12.100", ["", "", "FFmpeg", "62.12.100"]),
            ("curl/8.5.0", ["", "", "", ""]),
            ("", ["", "", "", ""]),
        ] {
            let info = from_user_agent(agent);
            let found = [
                &info.os_name,
                &info.os_version,
                &info.browser_name,
                &info.browser_version,
            ];
            assert_eq!(found.map(String::as_str), expected, "{agent}");
        }
    }

    #[test]
    fn hostile_text_leaves_nothing_behind() {
        let long = format!("Chrome/{}", "1.".repeat(5_000));
        for agent in [
            &long,
            "Chrome/<script>",
            "Firefox/\u{fffd}\u{202e}",
            "Windows NT '; DROP TABLE",
        ] {
            let info = from_user_agent(agent);
            for value in [&info.os_version, &info.browser_version] {
                assert!(value.is_empty(), "{agent:.40}: {value}");
            }
        }
    }
}
