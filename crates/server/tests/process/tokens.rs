//! Keys and tokens of customers: made, imported, used and explained, all by the command line.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::http;
use crate::server::{Server, command};
use crate::signing::call;

fn run(folder: &Path, words: &[&str]) -> Output {
    command().args(words).current_dir(folder).output().unwrap()
}

/// What a command prints that must succeed.
fn printed(folder: &Path, words: &[&str]) -> String {
    let output = run(folder, words);
    assert!(output.status.success(), "{words:?}: {output:?}");
    assert!(output.stderr.is_empty(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A server with a stage, and a key pair `key` in the folder that is imported.
struct Studio {
    folder: tempfile::TempDir,
    server: Server,
    stage: String,
    kid: String,
}

impl Studio {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::dev(folder.path(), &[]);
        printed(
            folder.path(),
            &["keygen", "participant-key", "--out", "key"],
        );
        let material = fs::read_to_string(folder.path().join("key.pub.pem")).unwrap();
        let kid = field(
            call(
                server.http,
                "ImportPublicKey",
                &json!({ "publicKeyMaterial": material }),
            ),
            "/publicKey/arn",
        );
        let stage = field(call(server.http, "CreateStage", &json!({})), "/stage/arn");
        Self {
            folder,
            server,
            stage,
            kid,
        }
    }

    fn url(&self) -> String {
        format!("http://{}", self.server.http)
    }

    fn mint(&self, words: &[&str]) -> String {
        let url = self.url();
        let start = [
            "token", "mint", "--key", "key.pem", "--kid", &self.kid, "--server", &url,
        ];
        let token = printed(self.folder.path(), &[&start, words].concat());
        token.strip_suffix('\n').unwrap().to_owned()
    }

    /// The exit code of `token explain` and what it prints.
    fn explain(&self, token: &str, words: &[&str]) -> (Option<i32>, String) {
        let output = run(
            self.folder.path(),
            &[&["token", "explain", token], words].concat(),
        );
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    }

    /// What WHIP answers a publisher with this token whose offer is empty: 400 once the token is good.
    fn publish(&self, token: &str) -> u16 {
        let headers = [
            ("Authorization", &*format!("Bearer {token}")),
            ("Content-Type", "application/sdp"),
        ];
        http::send(self.server.http, "POST", "/whip", &headers, "v=0\r\n").status
    }
}

fn field((status, output): (u16, Value), pointer: &str) -> String {
    assert_eq!(status, 200, "{output}");
    output
        .pointer(pointer)
        .unwrap()
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn a_key_pair_is_made_once_and_its_public_half_is_imported_as_printed() {
    let folder = tempfile::tempdir().unwrap();
    let told = printed(
        folder.path(),
        &["keygen", "participant-key", "--out", "key"],
    );
    assert!(
        told.contains(
            "aws ivs-realtime import-public-key --public-key-material file://key.pub.pem\n"
        ),
        "{told}"
    );
    let private = fs::metadata(folder.path().join("key.pem")).unwrap();
    assert_eq!(private.permissions().mode() & 0o777, 0o600);
    let again = run(
        folder.path(),
        &["keygen", "participant-key", "--out", "key"],
    );
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    let both = printed(folder.path(), &["keygen", "participant-key", "--out", "-"]);
    assert!(both.contains("BEGIN PRIVATE KEY") && both.contains("BEGIN PUBLIC KEY"));
}

#[test]
fn keygen_without_more_words_is_an_access_key() {
    let folder = tempfile::tempdir().unwrap();
    for words in [
        &["keygen", "--account", "123456789012"][..],
        &["keygen", "access-key", "--account", "123456789012"],
    ] {
        let entry = printed(folder.path(), words);
        assert!(entry.starts_with("[[access_keys]]\nid = \"DSAK"), "{entry}");
        assert!(entry.ends_with("account = \"123456789012\"\n"), "{entry}");
    }
}

#[test]
fn a_token_is_explained_without_a_server_as_far_as_that_goes() {
    let studio = Studio::new();
    let token = studio.mint(&["--stage", &studio.stage, "--jti", "ana-1"]);
    let (code, text) = studio.explain(&token, &["--public-key", "key.pub.pem"]);
    assert_eq!(code, Some(0), "{text}");
    for line in [
        "kind         participant token",
        &format!("signed by    {}", studio.kid),
        "participant  \"ana-1\"",
        "signature    verified with the given key",
        "would be let in, as far as can be told without the server",
        "not checked: whether the key is imported and has not been deleted",
        "not checked: whether the stage exists",
    ] {
        assert!(text.lines().any(|seen| seen == line), "{line:?} in\n{text}");
    }

    // Another key; a signature that was tampered with; and nothing to check it with.
    printed(
        studio.folder.path(),
        &["keygen", "participant-key", "--out", "other"],
    );
    let (code, text) = studio.explain(&token, &["--public-key", "other.pub.pem"]);
    assert_eq!(code, Some(1));
    assert!(
        text.contains("would be refused because the signature is not"),
        "{text}"
    );
    let (code, text) = studio.explain(&token, &[]);
    assert_eq!(code, Some(0));
    assert!(
        text.contains("not checked: the signature (--public-key"),
        "{text}"
    );
    let (code, text) = studio.explain("nothing.like.it", &[]);
    assert_eq!(code, Some(1));
    assert!(
        text.contains("would be refused because the header is not"),
        "{text}"
    );
}

#[test]
fn a_connection_token_is_made_and_told_from_a_participant_token() {
    let studio = Studio::new();
    let token = studio.mint(&["--connection", "--jti", "c-1", "--duration", "28d"]);
    let (code, text) = studio.explain(&token, &["--public-key", "key.pub.pem"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.starts_with("kind         connection token\n"),
        "{text}"
    );
    assert!(
        text.contains("not checked: whether the token has been revoked\n"),
        "{text}"
    );
    assert_eq!(studio.publish(&token), 401);
}

#[test]
fn a_token_may_come_by_standard_input_and_a_key_too() {
    let studio = Studio::new();
    let key = fs::read(studio.folder.path().join("key.pem")).unwrap();
    let url = studio.url();
    let mint = [
        "token",
        "mint",
        "--key",
        "-",
        "--kid",
        &studio.kid,
        "--stage",
        &studio.stage,
        "--server",
        &url,
    ];
    let token = piped(studio.folder.path(), &mint, &key);
    let text = piped(studio.folder.path(), &["token", "decode"], token.as_bytes());
    assert!(
        text.contains(&format!("stage        \"{}\"\n", studio.stage)),
        "{text}"
    );
    let text = piped(
        studio.folder.path(),
        &["token", "explain", "--public-key", "key.pub.pem"],
        token.as_bytes(),
    );
    assert!(
        text.contains("signature    verified with the given key\n"),
        "{text}"
    );
}

/// What a command prints that must succeed with this on its standard input.
fn piped(folder: &Path, words: &[&str], input: &[u8]) -> String {
    let mut child = command()
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_token_of_ones_own_opens_the_stage_until_its_key_is_deleted() {
    let studio = Studio::new();
    let token = studio.mint(&[
        "--stage",
        &studio.stage,
        "--user-id",
        "ana",
        "--capability",
        "publish",
    ]);
    assert_eq!(studio.publish(&token), 400);
    let (status, _) = call(
        studio.server.http,
        "DeletePublicKey",
        &json!({ "arn": studio.kid }),
    );
    assert_eq!(status, 200);
    assert_eq!(studio.publish(&token), 401);
}

#[test]
fn a_server_says_whether_a_token_would_be_let_in_and_every_reason_why_not() {
    let studio = Studio::new();
    let url = studio.url();
    let ask = |token: &str| studio.explain(token, &["--server", &url]);
    let token = studio.mint(&["--stage", &studio.stage]);
    let (code, text) = ask(&token);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.ends_with("signature    verified by the server\n\nwould be let in\n"),
        "{text}"
    );

    let connection = studio.mint(&["--connection", "--jti", "c-1"]);
    assert_eq!(ask(&connection).0, Some(0));
    call(
        studio.server.http,
        "RevokeConnectionToken",
        &json!({ "tokenId": "c-1" }),
    );
    let (code, text) = ask(&connection);
    assert_eq!(code, Some(1));
    assert!(
        text.contains("would be refused because the connection token has been revoked"),
        "{text}"
    );

    call(
        studio.server.http,
        "DeleteStage",
        &json!({ "arn": studio.stage }),
    );
    call(
        studio.server.http,
        "DeletePublicKey",
        &json!({ "arn": studio.kid }),
    );
    let (code, text) = ask(&token);
    assert_eq!(code, Some(1));
    let reasons: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("would be refused because "))
        .collect();
    assert_eq!(reasons.len(), 2, "{text}");
    assert!(
        reasons[0].contains("key") && reasons[1].contains("stage"),
        "{text}"
    );
}

#[test]
fn a_server_is_not_asked_without_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::dev(
        folder.path(),
        &["--admin-key", "0123456789abcdef0123456789abcdef"],
    );
    let url = format!("http://{}", server.http);
    fs::write(
        folder.path().join("key"),
        "0123456789abcdef0123456789abcdef\n",
    )
    .unwrap();
    let ask = |words: &[&str]| {
        let output = run(
            folder.path(),
            &[&["token", "explain", "a.b.c", "--server", &url], words].concat(),
        );
        String::from_utf8(output.stderr).unwrap() + &String::from_utf8(output.stdout).unwrap()
    };
    assert!(ask(&[]).contains("the server has another key"));
    let text = ask(&["--admin-key-file", "key"]);
    assert!(text.contains("would be refused because"), "{text}");
    assert!(ask(&["--admin-key-file", "absent"]).contains("--admin-key-file: cannot read absent"));
}
