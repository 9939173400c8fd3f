//! Configurations that hold together, and those that do not.

use super::*;

const KEY: &str =
    "[[access_keys]]\nid = \"AKID\"\nsecret = \"0123456789abcdef\"\naccount = \"123456789012\"\n";

fn load(mode: Mode, file: &str) -> Result<Config, String> {
    let settings = file::parse(file, Path::new(".")).map_err(|error| error.to_string())?;
    Config::check(mode, settings.over(Settings::defaults(mode))).map_err(|error| error.to_string())
}

fn serve(top: &str, rest: &str) -> Result<Config, String> {
    load(
        Mode::Serve,
        &format!("{top}\nmedia.external_ip = [\"203.0.113.7\"]\n{rest}\n{KEY}"),
    )
}

#[test]
fn serve_with_a_key_and_an_address_is_enough() {
    let config = serve("", "").unwrap();
    assert_eq!(config.http.to_string(), "127.0.0.1:7400");
    assert_eq!(config.retention, Duration::from_hours(60 * 24));
    assert!(config.rates);
    assert_eq!(config.regions.len(), 7);
    assert_eq!(config.metrics_access, MetricsAccess::Loopback);
    assert_eq!(config.external_addresses, [IpAddr::from([203, 0, 113, 7])]);
}

#[test]
fn dev_needs_nothing() {
    let config = load(Mode::Dev, "").unwrap();
    assert_eq!(config.media_workers, 1);
    assert!(!config.rates);
    assert!(config.regions.is_empty());
    assert_eq!(config.access_keys["test"].account.as_str(), "000000000000");
}

#[test]
fn values_that_cannot_be_are_refused_by_key() {
    let cases = [
        (
            "session_grace = \"25h\"",
            "session_grace: must lie between 0s and 86400s",
        ),
        (
            "liveness_timeout = \"0s\"",
            "liveness_timeout: must lie between 1s and 3600s",
        ),
        (
            "media.workers = 0",
            "media.workers: must lie between 1 and 256",
        ),
        (
            "media.stage_viewers_per_worker = 0",
            "media.stage_viewers_per_worker: must lie between 1 and 100000",
        ),
        ("quotas.stages = 0", "quotas.stages: must be at least 1"),
        (
            "regions = [\"us-east-1\", \"US EAST\"]",
            "regions: must be regions such as us-east-1",
        ),
        (
            "metrics.token = \"short\"",
            "metrics.token: must have at least 16 characters",
        ),
        (
            "public_url = \"stage.example.com\"",
            "public_url: must be http://HOST or https://HOST, without path or query",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(serve(text, "").unwrap_err(), expected, "{text}");
    }
}

#[test]
fn t21_serve_refuses_to_start_without_a_key_of_its_own() {
    let head =
        "media.external_ip = [\"203.0.113.7\"]\n[[access_keys]]\naccount = \"123456789012\"\n";
    let cases = [
        (
            "media.external_ip = [\"203.0.113.7\"]".to_owned(),
            "access_keys: serve needs",
        ),
        (
            format!("{head}id = \"test\"\nsecret = \"0123456789abcdef\""),
            "access_keys[0].id: the key of",
        ),
        (
            format!("{head}id = \"AKID\"\nsecret = \"test\""),
            "access_keys[0].id: the key of",
        ),
        (
            format!("{head}id = \"AKID\"\nsecret = \"0123456789abcde\""),
            "access_keys[0].secret: must have",
        ),
        (
            format!("{head}id = \"a b\"\nsecret = \"0123456789abcdef\""),
            "access_keys[0].id: must be",
        ),
    ];
    for (text, expected) in cases {
        let error = load(Mode::Serve, &text).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
    let twice = format!("media.external_ip = [\"203.0.113.7\"]\n{KEY}{KEY}");
    let error = load(Mode::Serve, &twice).unwrap_err();
    assert_eq!(
        error,
        "access_keys[1].id: another access key has the same id"
    );
}

#[test]
fn dev_listens_on_loopback_only() {
    for text in [
        "http = \"0.0.0.0:7400\"",
        "media.listen = \"192.0.2.1:7401\"",
        "rtmp.listen = \"0.0.0.0:1935\"",
        "rtmp.tls_listen = \"[::]:1936\"",
    ] {
        let error = load(Mode::Dev, text).unwrap_err();
        assert!(error.contains("dev serves this machine only"), "{error}");
    }
}

#[test]
fn candidates_need_an_address_that_can_be_reached() {
    let error = load(Mode::Serve, KEY).unwrap_err();
    assert!(error.starts_with("media.external_ip: needed"), "{error}");
    let error = load(
        Mode::Serve,
        &format!("media.external_ip = [\"0.0.0.0\"]\n{KEY}"),
    )
    .unwrap_err();
    assert!(
        error.starts_with("media.external_ip: an unspecified address"),
        "{error}"
    );
    assert!(
        load(
            Mode::Serve,
            &format!("media.listen = \"192.0.2.1:1\"\n{KEY}")
        )
        .is_ok()
    );
}

#[test]
fn a_client_needs_a_key_and_no_addresses() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("downstage.toml");
    let load = |text: &str| {
        std::fs::write(&file, text).unwrap();
        Signer::load(Mode::Serve, Settings::default(), Some(&file))
    };
    let signer = load(KEY).unwrap();
    assert_eq!(signer.access_keys.keys().collect::<Vec<_>>(), ["AKID"]);
    assert_eq!(signer.regions.len(), 7);
    let error = load("").unwrap_err().to_string();
    assert!(error.starts_with("access_keys: serve needs"), "{error}");
}

#[test]
fn policy_files_count_from_the_configuration_file_and_are_read_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("downstage.toml");
    let text =
        format!("media.external_ip = [\"203.0.113.7\"]\n{KEY}policy_file = \"reader.json\"\n");
    std::fs::write(&file, text).unwrap();
    let load = || Config::load(Mode::Serve, Settings::default(), Some(&file));

    let error = load().unwrap_err();
    assert!(matches!(&error, ConfigError::Read { path, .. } if path.ends_with("reader.json")));

    std::fs::write(folder.path().join("reader.json"), "{\"Version\": 1}").unwrap();
    assert!(matches!(load().unwrap_err(), ConfigError::Policy { .. }));

    let policy = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ivs:Get*", "Resource": "*"}]}"#;
    std::fs::write(folder.path().join("reader.json"), policy).unwrap();
    assert!(load().is_ok());
}
