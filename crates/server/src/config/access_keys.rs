//! `[[access_keys]]`: who may call the API, and with which policy.

use std::collections::BTreeMap;
use std::path::Path;

use api::AccessKey;
use auth::policy::Policy;
use auth::sigv4::Secret;
use model::AccountId;

use super::resolve::{ConfigError, invalid, long_enough};
use super::{AccessKeyEntry, AccessKeyPlace, Mode};

/// At least one, each with an id of its own. Policy files are read here.
pub(super) fn check(
    mode: Mode,
    entries: Vec<AccessKeyEntry>,
) -> Result<BTreeMap<String, AccessKey>, ConfigError> {
    if entries.is_empty() {
        let what = "serve needs at least one access key; `downstage keygen` makes one";
        return Err(invalid("access_keys", what));
    }
    let mut keys = BTreeMap::new();
    for (at, entry) in entries.into_iter().enumerate() {
        let key = |field: &str| format!("access_keys[{at}].{field}");
        let id_is_valid = (3..=128).contains(&entry.id.len())
            && entry
                .id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !id_is_valid {
            return Err(invalid(
                key("id"),
                "must be 3 to 128 letters, digits and `_`",
            ));
        }
        if mode == Mode::Serve {
            if entry.id == "test" || entry.secret.expose() == "test" {
                return Err(invalid(
                    key("id"),
                    "the key of `downstage dev` is public; serve refuses it",
                ));
            }
            long_enough(&key("secret"), &entry.secret)?;
        }
        let account = AccountId::parse(&entry.account)
            .map_err(|_| invalid(key("account"), "must be twelve digits"))?;
        let policy = match &entry.policy_file {
            None => Policy::allow_all(),
            Some(file) => policy(&match &entry.place {
                AccessKeyPlace::Text => file.clone(),
                AccessKeyPlace::Folder(folder) => folder.join(file),
            })?,
        };
        let secret = Secret::new(entry.secret.expose().to_owned());
        if keys
            .insert(
                entry.id,
                AccessKey {
                    account,
                    secret,
                    policy,
                },
            )
            .is_some()
        {
            return Err(invalid(key("id"), "another access key has the same id"));
        }
    }
    Ok(keys)
}

fn policy(path: &Path) -> Result<Policy, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    Policy::parse(&text).map_err(|source| ConfigError::Policy {
        path: path.to_owned(),
        source,
    })
}
