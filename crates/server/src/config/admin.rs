//! `[admin]`: the key of the administration.

use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;

use super::resolve::{ConfigError, invalid, long_enough};
use super::{Mode, Redacted};

/// The keys of `dev`, which everybody knows: that of the administration, and both halves of the access key. It is too short for `serve`.
pub(crate) const DEV_KEY: &str = "test";

/// `[admin]`.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AdminSettings {
    /// The secret that opens the administration under `/_downstage/` (reset, seed, export, explain a token), sent as
    /// `Authorization: Bearer …`; 16 characters at least. Without one the administration does not exist.
    #[arg(
        id = "admin.key",
        long = "admin-key",
        env = "DOWNSTAGE_ADMIN_KEY",
        value_name = "SECRET",
        hide_env_values = true
    )]
    pub(crate) key: Option<Redacted>,

    /// A file that holds the secret instead, with or without a newline at its end. In the configuration file, relative to
    /// that file.
    #[arg(
        id = "admin.key_file",
        long = "admin-key-file",
        env = "DOWNSTAGE_ADMIN_KEY_FILE",
        value_name = "FILE"
    )]
    pub(crate) key_file: Option<PathBuf>,
}

impl AdminSettings {
    /// This layer over another. One that says where the key is says all about it.
    pub(crate) fn over(self, under: Self) -> Self {
        if self.key.is_some() || self.key_file.is_some() {
            self
        } else {
            under
        }
    }

    /// The key, if there is to be an administration.
    pub(crate) fn check(self, mode: Mode) -> Result<Option<Redacted>, ConfigError> {
        let (name, key) = match (self.key, self.key_file) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                let what = "the key is in admin.key already; set one of them";
                return Err(invalid("admin.key_file", what));
            }
            (Some(key), None) => ("admin.key", key),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(&path)
                    .map_err(|source| ConfigError::Read { path, source })?;
                ("admin.key_file", Redacted::new(text.trim_end()))
            }
        };
        let text = key.expose();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let what = "must be visible ASCII characters without spaces, which a header can carry";
            return Err(invalid(name, what));
        }
        if mode == Mode::Serve {
            long_enough(name, &key)?;
        }
        Ok(Some(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(key: Option<&str>, file: Option<&std::path::Path>) -> AdminSettings {
        AdminSettings {
            key: key.map(Redacted::new),
            key_file: file.map(PathBuf::from),
        }
    }

    fn check(mode: Mode, settings: AdminSettings) -> Result<Option<String>, String> {
        let key = settings.check(mode).map_err(|error| error.to_string())?;
        Ok(key.map(|key| key.expose().to_owned()))
    }

    #[test]
    fn t21_serve_takes_no_key_that_is_public_or_short_and_needs_none() {
        assert_eq!(check(Mode::Serve, settings(None, None)), Ok(None));
        for (key, what) in [
            ("test", "at least 16 characters"),
            ("fifteen-letters", "at least 16 characters"),
            ("", "visible ASCII"),
            ("sixteen letters!", "visible ASCII"),
            ("sixteen-letters\u{e9}", "visible ASCII"),
        ] {
            let error = check(Mode::Serve, settings(Some(key), None)).unwrap_err();
            assert!(error.contains(what), "{error}");
            assert!(key.is_empty() || !error.contains(key), "{error}");
        }
        let key = "sixteen-letters!";
        assert_eq!(
            check(Mode::Serve, settings(Some(key), None))
                .unwrap()
                .unwrap(),
            key
        );
        assert_eq!(
            check(Mode::Dev, settings(Some("test"), None))
                .unwrap()
                .unwrap(),
            "test"
        );
    }

    #[test]
    fn a_key_may_stand_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "a-key-from-a-file\n").unwrap();
        let read = check(Mode::Serve, settings(None, Some(&path)));
        assert_eq!(read.unwrap().unwrap(), "a-key-from-a-file");
        let both = check(Mode::Serve, settings(Some("sixteen-letters!"), Some(&path)));
        assert!(both.unwrap_err().starts_with("admin.key_file"));
        std::fs::write(&path, "").unwrap();
        assert!(check(Mode::Serve, settings(None, Some(&path))).is_err());
        std::fs::remove_file(&path).unwrap();
        assert!(check(Mode::Serve, settings(None, Some(&path))).is_err());
    }

    #[test]
    fn a_layer_that_names_a_file_hides_the_key_below() {
        let file = settings(None, Some(std::path::Path::new("key")));
        let over = file.over(settings(Some("test"), None));
        assert!(over.key.is_none() && over.key_file.is_some());
        let nothing = settings(None, None).over(settings(Some("test"), None));
        assert!(nothing.key.is_some());
    }
}
