//! Tokens made and refused, by the command line's own words.

use auth::key_pair;
use clap::Parser;
use jiff::SignedDuration;

use super::*;
use crate::clock::system_random;

const KID: &str = "arn:aws:ivs:us-west-2:123456789012:public-key/abcdABCDefgh";
const STAGE: &str = "arn:aws:ivs:us-west-2:123456789012:stage/stageSTAGEab";

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    args: MintArgs,
}

/// A command line after a key, and when it is run.
struct Desk {
    folder: tempfile::TempDir,
    key: SigningKey,
    now: Timestamp,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pair = key_pair::generate();
        std::fs::write(folder.path().join("key.pem"), pair.private_pem()).unwrap();
        let key = SigningKey::from_pem(&pair.private_pem()).unwrap();
        let now = "2026-01-01T12:00:00.9Z".parse().unwrap();
        Self { folder, key, now }
    }

    fn mint(&self, words: &[&str]) -> Result<String, String> {
        let key = self.folder.path().join("key.pem");
        let start = ["mint", "--key", key.to_str().unwrap(), "--kid", KID];
        let line =
            Line::try_parse_from(start.iter().chain(words)).map_err(|error| error.to_string())?;
        mint(&line.args, self.now, &system_random()).map_err(|error| format!("{error:#}"))
    }

    fn participant(&self, words: &[&str]) -> Result<String, String> {
        let start = ["--stage", STAGE, "--server", "http://127.0.0.1:7400"];
        self.mint(&[&start, words].concat())
    }

    fn grant(&self, token: &str) -> model::Grant {
        let read = Unverified::read(token).unwrap();
        read.verify_with(self.key.public(), self.now, Duration::ZERO)
            .unwrap()
    }
}

#[test]
fn a_participant_token_says_what_the_command_line_says() {
    let desk = Desk::new();
    let words = [
        "--jti",
        "ana-1",
        "--user-id",
        "ana",
        "--attribute",
        "seat=1=2",
        "--attribute",
        "=",
        "--capability",
        "PUBLISH",
        "--duration",
        "1h30m",
    ];
    let grant = desk.grant(&desk.participant(&words).unwrap());
    assert_eq!(grant.stage.to_string(), STAGE);
    assert_eq!(grant.participant.as_str(), "ana-1");
    assert_eq!(grant.user_id, "ana");
    assert_eq!(grant.attributes["seat"], "1=2");
    assert_eq!(grant.attributes[""], "");
    assert!(grant.capabilities.publish && !grant.capabilities.subscribe);
    let life = grant.expires.duration_since(desk.now);
    assert_eq!(life, SignedDuration::from_millis(90 * 60 * 1_000 - 900));
}

#[test]
fn what_is_left_out_is_a_new_id_both_capabilities_and_twelve_hours() {
    let desk = Desk::new();
    let (one, other) = (
        desk.participant(&[]).unwrap(),
        desk.participant(&[]).unwrap(),
    );
    let (one, other) = (desk.grant(&one), desk.grant(&other));
    assert_ne!(one.participant, other.participant);
    assert_eq!(one.participant.as_str().len(), ID_CHARS);
    assert!(one.capabilities.publish && one.capabilities.subscribe);
    assert!(one.user_id.is_empty() && one.attributes.is_empty());
    assert_eq!(
        one.expires.duration_since(desk.now).as_secs(),
        12 * 3_600 - 1
    );
}

#[test]
fn the_addresses_are_those_of_the_server_unless_given() {
    let desk = Desk::new();
    let claims = |words: &[&str]| {
        let token = desk.mint(&[&["--stage", STAGE], words].concat()).unwrap();
        let known = crate::token::unknown(desk.now);
        let explained = auth::explain::Inspection::read(&token).explain(&known);
        let claims = explained.claims.unwrap();
        [claims["events_url"].clone(), claims["whip_url"].clone()]
    };
    let server = ["--server", "https://stage.example.com"];
    let own = [
        "--events-url",
        "wss://e.example",
        "--whip-url",
        "https://w.example",
    ];
    let both = [&server[..], &own[..2]].concat();
    for (words, expected) in [
        (
            &server[..],
            [
                "wss://stage.example.com/events",
                "https://stage.example.com/whip",
            ],
        ),
        (&own, ["wss://e.example", "https://w.example"]),
        (&both, ["wss://e.example", "https://stage.example.com/whip"]),
    ] {
        assert_eq!(claims(words), expected);
    }
}

#[test]
fn a_connection_token_is_for_the_account_and_region_of_the_key() {
    let desk = Desk::new();
    let token = desk
        .mint(&[
            "--connection",
            "--jti",
            "c-1",
            "--duration",
            "28d",
            "--events-url",
            "wss://e.example",
        ])
        .unwrap();
    let read = connection_token::Unverified::read(&token).unwrap();
    let grant = read
        .verify_with(desk.key.public(), desk.now, Duration::ZERO)
        .unwrap();
    assert_eq!(
        (
            grant.account.as_str(),
            grant.region.as_str(),
            grant.token.as_str()
        ),
        ("123456789012", "us-west-2", "c-1")
    );
}

#[test]
fn what_the_server_would_refuse_is_not_made_and_the_option_and_its_bound_are_named() {
    let desk = Desk::new();
    let long = "x".repeat(129);
    let attribute = format!("k={}", "v".repeat(1_024));
    let server = ["--server", "http://127.0.0.1:7400"];
    for (words, expected) in [
        (&["--duration", "14d1s"][..], "--duration: at most 14 days"),
        (&["--duration", "999ms"], "--duration: at least one second"),
        (&["--user-id", &long], "--user-id: at most 128 characters"),
        (
            &["--attribute", &attribute],
            "--attribute: keys and values may have 1024 bytes",
        ),
        (
            &["--attribute", "k=1", "--attribute", "k=2"],
            "--attribute: one key is given twice",
        ),
        (&["--attribute", "k"], "must be KEY=VALUE"),
        (&["--jti", &long[..65]], "1 to 64"),
        (&["--jti", "a.b"], "1 to 64"),
        (&["--jti", ""], "--participant-id"),
        (&["--capability", "dance"], "--capability"),
        (&["--connection"], "--stage"),
    ] {
        let error = desk.participant(words).unwrap_err();
        assert!(error.contains(expected), "{words:?}: {error}");
    }
    let foreign = STAGE.replace("us-west-2", "eu-west-1");
    for (words, expected) in [
        (
            &["--stage", foreign.as_str()][..],
            "--kid: the key and the stage",
        ),
        (&["--stage", "stage"], "--stage"),
        (&[], "--stage"),
        (
            &["--connection", "--duration", "28d1s"],
            "--duration: at most 28 days",
        ),
        (&["--connection", "--jti", ""], "--jti"),
        (&["--connection", "--user-id", "ana"], "--user-id"),
    ] {
        let error = desk.mint(&[words, &server].concat()).unwrap_err();
        assert!(error.contains(expected), "{words:?}: {error}");
    }
    let error = desk.mint(&["--stage", STAGE]).unwrap_err();
    assert!(error.contains("--events-url or --server"), "{error}");
}

#[test]
fn a_key_that_cannot_sign_is_refused_and_never_shown() {
    let desk = Desk::new();
    let public = desk.key.public().pem();
    let path = desk.folder.path().join("key.pem");
    for (text, expected) in [
        (public.as_str(), "--key: the text holds a public key"),
        ("hunter2", "--key: the text must hold exactly one PEM block"),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = desk.participant(&[]).unwrap_err();
        assert!(
            error.contains(expected) && !error.contains("hunter2"),
            "{error}"
        );
    }
    std::fs::remove_file(&path).unwrap();
    let error = desk.participant(&[]).unwrap_err();
    assert!(error.contains("--key: cannot read"), "{error}");
}
