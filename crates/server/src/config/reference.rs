//! Prints the settings for people: the sample file and the reference page. Both come from the field comments of
//! [`Settings`] and from the defaults that the program itself reads, so they cannot disagree with it.

use std::fmt::Write as _;

use clap::{Arg, Args, Command};
use toml::{Table, Value};

use super::{DEV_DEFAULTS, SERVE_DEFAULTS, Settings};

const SAMPLE_HEAD: &str = "\
# Configuration of `downstage serve --config downstage.toml`. Printed by `downstage config sample`.
#
# A key that is commented out has no default. Everything here can also be set by a flag or in the environment; a flag
# wins over the environment, and that over this file.
";

const SAMPLE_ACCESS_KEYS: &str = r#"#
# `serve` starts only with a key of your own. `downstage keygen` prints an entry to paste here.
# [[access_keys]]
# id = ""
# secret = ""
# account = "123456789012"
# policy_file = "reader.json"
"#;

const SAMPLE_ICE_SERVERS: &str = r#"#
# [[ice_servers]]
# urls = ["turn:turn.example.com:3478?transport=udp", "turns:turn.example.com:443?transport=tcp"]
# secret = ""
# lifetime = "24h"
"#;

const REFERENCE_HEAD: &str = "\
# Configuration

Every key of `downstage.toml`, with its environment variable and its flag. A flag wins over the environment, the
environment over the file, the file over the default. Durations are written `500ms`, `10s`, `3m`, `12h`, `60d`. An
unknown key is an error. This page is printed by `downstage config reference`, the [sample file](downstage.sample.toml)
by `downstage config sample`.
";

const REFERENCE_TABLES: &str = "
## Tables of the file

Each access key is a table:

```toml
[[access_keys]]
id = \"…\"                     # 3 to 128 letters, digits and `_`
secret = \"…\"                 # 16 characters at least
account = \"123456789012\"     # the account whose stages it works on
policy_file = \"reader.json\"  # optional: what the key may do, as an IAM policy; relative to this file
```

`downstage keygen` prints one. Without a policy a key may do everything in its account. `serve` refuses to start without
a key, with the public key of `dev`, and with secrets that can be guessed.

Each ICE server is a table too:

```toml
[[ice_servers]]
urls = [\"stun:stun.example.com\"]

[[ice_servers]]
urls = [\"turn:turn.example.com:3478?transport=udp\", \"turns:turn.example.com:443?transport=tcp\"]
secret = \"…\"                 # 16 characters at least, shared with the relay
lifetime = \"24h\"             # optional: how long credentials are good for, 1m to 30d

[[ice_servers]]
urls = [\"turn:relay.example.com\"]
username = \"…\"               # or one user name and one password for everybody
credential = \"…\"
```

With `secret` each participant gets a user name, `expiry:participant`, and its HMAC-SHA1 as password, which relays check that share
the secret (coturn: `use-auth-secret` and `static-auth-secret`). Prefer it: a fixed password is in the hands of every
participant for good. There is no relay in this server. Most networks need none, because the media ports take TCP too.
At most 8 servers with 8 URLs each; a STUN server takes no credentials, and a relay must have them.

## Behind a proxy

The HTTP port speaks plain HTTP. Put a proxy that ends TLS in front of it and set `public_url` to the address that clients
use; browsers give cameras to `https` pages and to `localhost` only. The proxy must pass WebSocket upgrades on `/events`,
leave the path as it is (`%2F` included) and keep `Host`, which SDKs sign. Media does not pass through the proxy: clients
reach the media ports themselves, by UDP or TCP.
";

/// The sample of a configuration file.
pub(crate) fn sample() -> String {
    let defaults = Defaults::read();
    let mut text = SAMPLE_HEAD.to_owned();
    let mut section = String::new();
    for key in keys() {
        let id = key.get_id().as_str();
        let (table, name) = id.rsplit_once('.').unwrap_or(("", id));
        if table != section && !table.is_empty() {
            table.clone_into(&mut section);
            let _ = write!(text, "\n[{table}]\n");
        }
        text.push('\n');
        for line in wrap(&help(&key), 110) {
            let _ = writeln!(text, "# {line}");
        }
        let flag = key.get_long().unwrap_or_default();
        let env = key.get_env().unwrap_or_default().to_string_lossy();
        let _ = writeln!(text, "# --{flag}, {env}");
        match defaults.serve(id) {
            Some(value) => {
                let _ = writeln!(text, "{name} = {value}");
            }
            None if id == "access_keys" => text.push_str(SAMPLE_ACCESS_KEYS),
            None if id == "ice_servers" => text.push_str(SAMPLE_ICE_SERVERS),
            None => {
                let _ = writeln!(text, "# {name} = {}", example(id));
            }
        }
    }
    text
}

/// The reference page.
pub(crate) fn reference() -> String {
    let defaults = Defaults::read();
    let mut text = REFERENCE_HEAD.to_owned();
    for key in keys() {
        let id = key.get_id().as_str();
        let flag = key.get_long().unwrap_or_default();
        let env = key.get_env().unwrap_or_default().to_string_lossy();
        let _ = write!(text, "\n## `{id}`\n\n");
        for line in wrap(&help(&key), 120) {
            let _ = writeln!(text, "{line}");
        }
        let _ = write!(text, "\nEnvironment `{env}`, flag `--{flag}`. ");
        let shown = |value: Option<String>| {
            value.map_or_else(|| "none".to_owned(), |value| format!("`{value}`"))
        };
        let (serve, dev) = (defaults.serve(id), defaults.dev(id));
        let _ = match id {
            "access_keys" => writeln!(
                text,
                "Default: none; in `dev` the key `test` with the secret `test`."
            ),
            _ if serve == dev => writeln!(text, "Default: {}.", shown(serve)),
            _ => writeln!(text, "Default: {}; in `dev` {}.", shown(serve), shown(dev)),
        };
    }
    text.push_str(REFERENCE_TABLES);
    text
}

/// Every key, those without a table first, as a TOML file needs it; `access_keys` and `ice_servers` are tables themselves and come last.
fn keys() -> Vec<Arg> {
    let command = Settings::augment_args(Command::new("keys"));
    let mut keys: Vec<Arg> = command.get_arguments().cloned().collect();
    keys.sort_by_key(|key| match key.get_id().as_str() {
        "access_keys" | "ice_servers" => 2,
        id => u8::from(id.contains('.')),
    });
    keys
}

fn help(key: &Arg) -> String {
    let help = key.get_long_help().or_else(|| key.get_help());
    let text = help.map(ToString::to_string).unwrap_or_default();
    // clap takes the full stop away where it is the last of one paragraph.
    if text.ends_with('.') {
        text
    } else {
        text + "."
    }
}

/// A value to show where there is no default.
fn example(id: &str) -> &'static str {
    match id {
        "public_url" => "\"https://stage.example.com\"",
        "ready_file" => "\"/run/downstage/ready.json\"",
        "seed" => "\"/etc/downstage/seed.json\"",
        "admin.key_file" => "\"/run/secrets/downstage-admin\"",
        "object_store.folder" => "\"/srv/recordings\"",
        "object_store.endpoint" => "\"https://s3.us-west-2.amazonaws.com\"",
        "object_store.region" => "\"us-west-2\"",
        "object_store.secret_access_key_file" => "\"/run/secrets/object-store\"",
        "object_store.allow_http" => "true",
        "media.workers" => "4",
        "rtmp.certificate" => "\"/etc/downstage/certificate.pem\"",
        "rtmp.key" => "\"/etc/downstage/key.pem\"",
        "rtmp.public_host" => "\"stage.example.com\"",
        "rtmp.public_port" => "1935",
        "rtmp.tls_public_port" => "443",
        "media.external_ip" => "[\"auto\"]",
        _ => "\"\"",
    }
}

struct Defaults {
    serve: Table,
    dev: Table,
}

impl Defaults {
    fn read() -> Self {
        let table = |text: &str| text.parse().expect("the defaults are TOML");
        Self {
            serve: table(SERVE_DEFAULTS),
            dev: table(DEV_DEFAULTS),
        }
    }

    fn serve(&self, id: &str) -> Option<String> {
        lookup(&self.serve, id).map(ToString::to_string)
    }

    fn dev(&self, id: &str) -> Option<String> {
        lookup(&self.dev, id)
            .map(ToString::to_string)
            .or_else(|| self.serve(id))
    }
}

fn lookup<'a>(table: &'a Table, id: &str) -> Option<&'a Value> {
    match id.split_once('.') {
        Some((section, name)) => table.get(section)?.as_table()?.get(name),
        None => table.get(id),
    }
}

/// Breaks a text into lines of at most `width` characters.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::file;
    use super::*;

    const REGENERATE: &str = "print it anew with `downstage config`";

    #[test]
    fn the_committed_sample_and_reference_are_what_the_program_prints() {
        assert_eq!(
            include_str!("../../../../docs/downstage.sample.toml"),
            sample(),
            "{REGENERATE} sample"
        );
        assert_eq!(
            include_str!("../../../../docs/config.md"),
            reference(),
            "{REGENERATE} reference"
        );
    }

    #[test]
    fn the_sample_loads_as_the_defaults() {
        let loaded = file::parse(&sample(), Path::new(".")).unwrap();
        let defaults = file::parse(SERVE_DEFAULTS, Path::new(".")).unwrap();
        assert_eq!(format!("{loaded:?}"), format!("{defaults:?}"));
    }

    #[test]
    fn the_sample_shows_every_key_also_those_that_are_commented_out() {
        let all: String = sample()
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(key) if key.contains(" = ") || key.starts_with("[[") => key,
                _ => line,
            })
            .fold(String::new(), |text, line| text + line + "\n");
        let table: Table = all.parse().unwrap();
        for key in keys() {
            let id = key.get_id().as_str();
            assert!(lookup(&table, id).is_some(), "{id}");
        }
    }

    #[test]
    fn every_key_has_a_flag_and_an_environment_variable() {
        for key in keys() {
            let env = key.get_env().unwrap().to_str().unwrap();
            assert!(env.starts_with("DOWNSTAGE_"), "{env}");
            assert!(!key.get_long().unwrap().contains('_'));
            assert!(!help(&key).is_empty());
        }
    }
}
