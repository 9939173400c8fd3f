//! `[object_store]`: where recordings go. A folder of this machine, or a server that speaks S3.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use http::Uri;
use model::Region;
use serde::Deserialize;

use super::Redacted;
use super::resolve::{ConfigError, invalid};
use super::values::from_text;

/// What MinIO and most servers besides AWS take a request for.
const REGION_DEFAULT: &str = "us-east-1";
/// An access key id or a secret is never longer.
const CREDENTIAL_CHARS_MAX: usize = 256;

/// `[object_store]`.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ObjectStoreSettings {
    /// Folder in which each bucket is a folder. Unset, it is `objects` in the data folder. Not for S3.
    #[arg(
        id = "object_store.folder",
        long = "object-store-folder",
        env = "DOWNSTAGE_OBJECT_STORE_FOLDER",
        value_name = "FOLDER"
    )]
    pub(crate) folder: Option<PathBuf>,

    /// Buckets that are made at the start where they are not there yet. Not for S3, where buckets are made with its own tools.
    #[arg(
        id = "object_store.buckets",
        long = "object-store-buckets",
        env = "DOWNSTAGE_OBJECT_STORE_BUCKETS",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub(crate) buckets: Option<Vec<BucketName>>,

    /// Address of an S3 server, which then takes the place of the folder, e.g. `https://s3.us-west-2.amazonaws.com` or that of a
    /// MinIO. Buckets are asked for by path.
    #[arg(
        id = "object_store.endpoint",
        long = "object-store-endpoint",
        env = "DOWNSTAGE_OBJECT_STORE_ENDPOINT",
        value_name = "URL"
    )]
    pub(crate) endpoint: Option<String>,

    /// Region for which requests to the S3 server are signed. Unset, `us-east-1`.
    #[arg(
        id = "object_store.region",
        long = "object-store-region",
        env = "DOWNSTAGE_OBJECT_STORE_REGION",
        value_name = "REGION"
    )]
    pub(crate) region: Option<String>,

    /// Id of the access key that signs requests to the S3 server. It needs `s3:PutObject` on the buckets, and `s3:DeleteObject` to
    /// take its probe away again.
    #[arg(
        id = "object_store.access_key_id",
        long = "object-store-access-key-id",
        env = "DOWNSTAGE_OBJECT_STORE_ACCESS_KEY_ID",
        value_name = "ID"
    )]
    pub(crate) access_key_id: Option<String>,

    /// Secret of that access key.
    #[arg(
        id = "object_store.secret_access_key",
        long = "object-store-secret-access-key",
        env = "DOWNSTAGE_OBJECT_STORE_SECRET_ACCESS_KEY",
        value_name = "SECRET",
        hide_env_values = true
    )]
    pub(crate) secret_access_key: Option<Redacted>,

    /// A file that holds the secret instead, with or without a newline at its end. In the configuration file, relative to
    /// that file.
    #[arg(
        id = "object_store.secret_access_key_file",
        long = "object-store-secret-access-key-file",
        env = "DOWNSTAGE_OBJECT_STORE_SECRET_ACCESS_KEY_FILE",
        value_name = "FILE"
    )]
    pub(crate) secret_access_key_file: Option<PathBuf>,

    /// Whether the S3 server may be spoken to without TLS, as `http://…`: recordings then travel in clear text. Unset, it may not.
    #[arg(
        id = "object_store.allow_http",
        long = "object-store-allow-http",
        env = "DOWNSTAGE_OBJECT_STORE_ALLOW_HTTP",
        value_name = "BOOL",
        num_args = 0..=1,
        default_missing_value = "true"
    )]
    pub(crate) allow_http: Option<bool>,
}

/// Where recordings go.
#[derive(Clone, Debug)]
pub(crate) enum ObjectStore {
    /// Into memory; nothing outlives the process.
    Memory {
        /// The buckets that there are.
        buckets: Vec<BucketName>,
    },
    /// Into a folder.
    Folder {
        /// Which.
        folder: PathBuf,
        /// Buckets to make.
        buckets: Vec<BucketName>,
    },
    /// To a server that speaks S3.
    S3(S3),
}

/// A server that speaks S3.
#[derive(Clone, Debug)]
pub(crate) struct S3 {
    /// `http(s)://host[:port][/path]`.
    pub(crate) endpoint: String,
    /// For which requests are signed.
    pub(crate) region: String,
    /// Who signs.
    pub(crate) access_key_id: String,
    /// And with what.
    pub(crate) secret_access_key: Redacted,
    /// Whether the endpoint is spoken to in clear text.
    pub(crate) allow_http: bool,
}

/// The name of a bucket by the rules of S3: 3 to 63 of `[a-z0-9.-]`, a letter or digit at both ends, no two dots in a row. So it
/// is one step of a path, never `..`, and never hidden.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BucketName(String);

/// Why a text does not name a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a bucket name: 3 to 63 of a-z, 0-9, `.` and `-`, with a letter or digit at both ends"
)]
pub(crate) struct BucketNameError;

impl BucketName {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BucketName {
    type Err = BucketNameError;

    fn from_str(text: &str) -> Result<Self, BucketNameError> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = text.as_bytes();
        let is_name = (3..=63).contains(&bytes.len())
            && bytes
                .iter()
                .all(|&byte| is_plain(byte) || matches!(byte, b'.' | b'-'))
            && bytes.first().copied().is_some_and(is_plain)
            && bytes.last().copied().is_some_and(is_plain)
            && !text.contains("..");
        if is_name {
            Ok(Self(text.to_owned()))
        } else {
            Err(BucketNameError)
        }
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for BucketName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

impl ObjectStoreSettings {
    /// This layer over another. One that says where the secret is says all about it, and one that names an S3 server
    /// takes no buckets from below: those are of a folder.
    pub(super) fn over(self, under: Self) -> Self {
        let has_secret = self.secret_access_key.is_some() || self.secret_access_key_file.is_some();
        let (secret_access_key, secret_access_key_file) = if has_secret {
            (self.secret_access_key, self.secret_access_key_file)
        } else {
            (under.secret_access_key, under.secret_access_key_file)
        };
        let buckets_below = under.buckets.filter(|_| self.endpoint.is_none());
        Self {
            folder: self.folder.or(under.folder),
            buckets: self.buckets.or(buckets_below),
            endpoint: self.endpoint.or(under.endpoint),
            region: self.region.or(under.region),
            access_key_id: self.access_key_id.or(under.access_key_id),
            secret_access_key,
            secret_access_key_file,
            allow_http: self.allow_http.or(under.allow_http),
        }
    }

    /// What is asked for; `data` is the data folder, if there is one.
    pub(super) fn check(self, data: Option<&Path>) -> Result<ObjectStore, ConfigError> {
        let Some(endpoint) = &self.endpoint else {
            return self.check_local(data);
        };
        let endpoint = check_endpoint(endpoint, self.allow_http.unwrap_or_default())?;
        for (key, is_set) in [
            ("object_store.folder", self.folder.is_some()),
            ("object_store.buckets", self.buckets.is_some()),
        ] {
            if is_set {
                let what = "not with object_store.endpoint: an S3 server has buckets of its own, \
                            made with its own tools";
                return Err(invalid(key, what));
            }
        }
        let region = self.region.as_deref().unwrap_or(REGION_DEFAULT);
        if Region::parse(region).is_err() {
            let what = "must be the name of a region, such as us-west-2";
            return Err(invalid("object_store.region", what));
        }
        let key = "object_store.access_key_id";
        let Some(access_key_id) = self.access_key_id else {
            return Err(invalid(key, "needed with object_store.endpoint"));
        };
        check_credential(key, &access_key_id)?;
        let secret_access_key = secret(self.secret_access_key, self.secret_access_key_file)?;
        Ok(ObjectStore::S3(S3 {
            endpoint,
            region: region.to_owned(),
            access_key_id,
            secret_access_key,
            allow_http: self.allow_http.unwrap_or_default(),
        }))
    }

    fn check_local(self, data: Option<&Path>) -> Result<ObjectStore, ConfigError> {
        for (key, is_set) in [
            ("region", self.region.is_some()),
            ("access_key_id", self.access_key_id.is_some()),
            ("secret_access_key", self.secret_access_key.is_some()),
            (
                "secret_access_key_file",
                self.secret_access_key_file.is_some(),
            ),
            ("allow_http", self.allow_http.is_some()),
        ] {
            if is_set {
                let what = format!("needed, because object_store.{key} is set");
                return Err(invalid("object_store.endpoint", what));
            }
        }
        let buckets = self.buckets.unwrap_or_default();
        let folder = self.folder.or_else(|| Some(data?.join("objects")));
        Ok(match folder {
            Some(folder) => ObjectStore::Folder { folder, buckets },
            None => ObjectStore::Memory { buckets },
        })
    }
}

/// The endpoint without a slash at its end.
fn check_endpoint(text: &str, allow_http: bool) -> Result<String, ConfigError> {
    let key = "object_store.endpoint";
    let fault = || {
        invalid(
            key,
            "must be http://HOST or https://HOST, without user or query",
        )
    };
    let uri: Uri = text.parse().map_err(|_| fault())?;
    let is_host = |host: &str| !host.is_empty();
    if !uri.host().is_some_and(is_host) || text.contains(['@', '?', '#']) {
        return Err(fault());
    }
    match uri.scheme_str() {
        Some("https") => {}
        Some("http") if allow_http => {}
        Some("http") => {
            let what = "recordings would travel in clear text: use https://, or allow it with \
                        object_store.allow_http";
            return Err(invalid(key, what));
        }
        _ => return Err(fault()),
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn secret(text: Option<Redacted>, file: Option<PathBuf>) -> Result<Redacted, ConfigError> {
    let (key, secret) = match (text, file) {
        (Some(_), Some(_)) => {
            let what = "the secret is in object_store.secret_access_key already; set one of them";
            return Err(invalid("object_store.secret_access_key_file", what));
        }
        (Some(secret), None) => ("object_store.secret_access_key", secret),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(&path)
                .map_err(|source| ConfigError::Read { path, source })?;
            let secret = Redacted::new(text.trim_end());
            ("object_store.secret_access_key_file", secret)
        }
        (None, None) => {
            let what = "needed with object_store.endpoint, or a file that holds it";
            return Err(invalid("object_store.secret_access_key", what));
        }
    };
    check_credential(key, secret.expose())?;
    Ok(secret)
}

fn check_credential(key: &str, text: &str) -> Result<(), ConfigError> {
    let is_credential = (1..=CREDENTIAL_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_credential {
        return Ok(());
    }
    let what = format!("must be 1 to {CREDENTIAL_CHARS_MAX} visible ASCII characters");
    Err(invalid(key, what))
}

#[cfg(test)]
mod tests {
    use super::super::{Mode, Settings};
    use super::*;

    const S3: &str = "endpoint = \"https://s3.example.com/\"\naccess_key_id = \"AKID\"\n\
                      secret_access_key = \"hunter2\"\n";

    fn settings(text: &str) -> ObjectStoreSettings {
        toml::from_str(text).unwrap()
    }

    fn check(mode: Mode, data: Option<&str>, text: &str) -> Result<ObjectStore, String> {
        let settings = settings(text).over(Settings::defaults(mode).object_store);
        let checked = settings.check(data.map(Path::new));
        checked.map_err(|error| error.to_string())
    }

    fn names(buckets: &[BucketName]) -> Vec<&str> {
        buckets.iter().map(BucketName::as_str).collect()
    }

    #[test]
    fn buckets_are_folders_of_the_data_unless_another_folder_is_named() {
        for (mode, data, text, expected, expected_buckets) in [
            (
                Mode::Dev,
                Some("data"),
                "",
                Some("data/objects"),
                vec!["recordings"],
            ),
            (Mode::Serve, Some("data"), "", Some("data/objects"), vec![]),
            (Mode::Dev, None, "", None, vec!["recordings"]),
            (
                Mode::Dev,
                None,
                "folder = \"f\"\nbuckets = []",
                Some("f"),
                vec![],
            ),
            (
                Mode::Serve,
                Some("data"),
                "folder = \"f\"\nbuckets = [\"one\", \"b-2.x\"]",
                Some("f"),
                vec!["one", "b-2.x"],
            ),
        ] {
            let (folder, buckets) = match check(mode, data, text).unwrap() {
                ObjectStore::Memory { buckets } => (None, buckets),
                ObjectStore::Folder { folder, buckets } => (Some(folder), buckets),
                ObjectStore::S3(s3) => panic!("{s3:?}"),
            };
            assert_eq!(folder, expected.map(PathBuf::from), "{text}");
            assert_eq!(names(&buckets), expected_buckets, "{text}");
        }
    }

    #[test]
    fn an_endpoint_takes_the_place_of_the_folder_and_of_its_buckets() {
        for mode in [Mode::Dev, Mode::Serve] {
            let store = check(mode, Some("data"), S3).unwrap();
            assert!(!format!("{store:?}").contains("hunter2"));
            let ObjectStore::S3(s3) = store else {
                panic!("{store:?}")
            };
            assert_eq!(s3.endpoint, "https://s3.example.com");
            assert_eq!((s3.region.as_str(), s3.allow_http), ("us-east-1", false));
            assert_eq!(s3.access_key_id, "AKID");
            assert_eq!(s3.secret_access_key.expose(), "hunter2");
        }
        let clear = "endpoint = \"http://[::1]:9000\"\nallow_http = true\nregion = \"eu-west-1\"\n\
                     access_key_id = \"AKID\"\nsecret_access_key = \"hunter2\"";
        assert!(matches!(
            check(Mode::Serve, None, clear).unwrap(),
            ObjectStore::S3(S3 { allow_http: true, region, .. }) if region == "eu-west-1"
        ));
    }

    #[test]
    fn what_does_not_hold_together_is_refused_by_key_and_without_the_secret() {
        let with = |line: &str| format!("{S3}{line}");
        let endpoint = |url: &str| {
            format!(
                "endpoint = \"{url}\"\naccess_key_id = \"AKID\"\nsecret_access_key = \"hunter2\""
            )
        };
        let cases = [
            (with("folder = \"f\""), "object_store.folder: not with"),
            (with("buckets = [\"one\"]"), "object_store.buckets: not with"),
            (with("region = \"EU\""), "object_store.region: must be"),
            (
                with("secret_access_key_file = \"f\""),
                "object_store.secret_access_key_file: the secret is in",
            ),
            (endpoint("http://s3.example.com"), "object_store.endpoint: recordings would"),
            (endpoint("s3.example.com"), "object_store.endpoint: must be"),
            (endpoint("ftp://s3.example.com"), "object_store.endpoint: must be"),
            (endpoint("https://a:hunter2@s3.example.com"), "object_store.endpoint: must be"),
            (endpoint("https://s3.example.com?x=hunter2"), "object_store.endpoint: must be"),
            (
                "endpoint = \"https://s3.example.com\"".to_owned(),
                "object_store.access_key_id: needed",
            ),
            (
                "endpoint = \"https://s3.example.com\"\naccess_key_id = \"AKID\"".to_owned(),
                "object_store.secret_access_key: needed",
            ),
            (
                "endpoint = \"https://s3.example.com\"\naccess_key_id = \"AKID\"\nsecret_access_key = \"\""
                    .to_owned(),
                "object_store.secret_access_key: must be 1 to 256",
            ),
            (
                "endpoint = \"https://s3.example.com\"\naccess_key_id = \"A D\"".to_owned(),
                "object_store.access_key_id: must be 1 to 256",
            ),
            (
                "secret_access_key = \"hunter2\"".to_owned(),
                "object_store.endpoint: needed, because object_store.secret_access_key is set",
            ),
            (
                "allow_http = false".to_owned(),
                "object_store.endpoint: needed, because object_store.allow_http is set",
            ),
        ];
        for (text, expected) in cases {
            let error = check(Mode::Serve, Some("data"), &text).unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn the_secret_may_stand_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "hunter2\n").unwrap();
        let text = format!(
            "endpoint = \"https://s3.example.com\"\naccess_key_id = \"AKID\"\n\
             secret_access_key_file = {path:?}"
        );
        let ObjectStore::S3(s3) = check(Mode::Serve, None, &text).unwrap() else {
            panic!("{text}")
        };
        assert_eq!(s3.secret_access_key.expose(), "hunter2");
        // A layer that names a file hides the secret below.
        let over = settings("secret_access_key_file = \"f\"").over(settings(S3));
        assert!(over.secret_access_key.is_none() && over.secret_access_key_file.is_some());
        std::fs::remove_file(&path).unwrap();
        assert!(
            check(Mode::Serve, None, &text)
                .unwrap_err()
                .starts_with("cannot read")
        );
    }

    #[test]
    fn a_bucket_name_is_one_plain_step_of_a_path() {
        for name in ["abc", "my-bucket", "a.b.c", "0-9", &"x".repeat(63)] {
            assert!(name.parse::<BucketName>().is_ok(), "{name}");
        }
        for name in [
            "",
            "ab",
            "..",
            "...",
            ".ab",
            "ab.",
            "-ab",
            "ab-",
            "a..b",
            "a/b",
            "../x",
            "A-b",
            "a_b",
            "a b",
            "a\0b",
            "a\\b",
            "äbc",
            "%2e",
            &"x".repeat(64),
        ] {
            assert!(name.parse::<BucketName>().is_err(), "{name}");
        }
    }
}
