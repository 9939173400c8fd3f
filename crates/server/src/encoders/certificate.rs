//! The certificate of the RTMPS port: that of the operator's files, or one of our own making for `dev`.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use ingest::{Identity, IdentitySource};
use jiff::{SignedDuration, Timestamp};
use model::Now;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

use crate::config::Config;

/// The files of a certificate of our own making, in the data folder.
const CERTIFICATE_FILE: &str = "rtmps-certificate.pem";
const KEY_FILE: &str = "rtmps-key.pem";

/// One of our own making that ends within this time is made anew: encoders are told to trust it by its file, and a server may run
/// for long.
const REMAINS_MIN: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Where the certificate is. One of our own making is made at the first start, for the machine itself and the host that encoders are
/// told, and kept in the data folder for as long as it is of use.
pub(super) fn source(config: &Config, host: &str, now: Now) -> anyhow::Result<IdentitySource> {
    if let Some(files) = &config.rtmp.files {
        let source = IdentitySource::Files {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
        };
        let identity = source.read().context("the certificate of the RTMPS port")?;
        let fault = || {
            let (certificate, key) = (files.certificate.display(), files.key.display());
            format!("the certificate of the RTMPS port ({certificate}, {key})")
        };
        identity.check().with_context(fault)?;
        return Ok(source);
    }
    let hosts = hosts(config.rtmp.public_host.as_deref().unwrap_or(host));
    let identity = match &config.data {
        None => make(hosts)?,
        Some(folder) => kept(folder, hosts, now).with_context(|| {
            let folder = folder.display();
            format!("the certificate of the RTMPS port in {folder}")
        })?,
    };
    Ok(IdentitySource::Memory(identity))
}

/// The names of this machine for itself, and the one that clients use.
fn hosts(public: &str) -> Vec<String> {
    let public = public.trim_matches(['[', ']']).trim_end_matches('.');
    let mut hosts = vec!["localhost", "127.0.0.1", "::1"];
    if !hosts.contains(&public) {
        hosts.push(public);
    }
    hosts.into_iter().map(str::to_owned).collect()
}

/// The certificate in the folder; one that is not there, or of no use, is made anew.
fn kept(folder: &Path, hosts: Vec<String>, now: Now) -> anyhow::Result<Identity> {
    let source = IdentitySource::Files {
        certificate: folder.join(CERTIFICATE_FILE),
        key: folder.join(KEY_FILE),
    };
    let why = match source.read() {
        Err(_) => "none can be read".to_owned(),
        Ok(identity) => match lack(&identity, &hosts, now) {
            None => return Ok(identity),
            Some(lack) => lack,
        },
    };
    let made_for = hosts.join(", ");
    let identity = make(hosts)?;
    write(&folder.join(KEY_FILE), &identity.key)?;
    write(&folder.join(CERTIFICATE_FILE), &identity.certificate)?;
    let file = folder.join(CERTIFICATE_FILE).display().to_string();
    tracing::info!(
        why,
        hosts = made_for,
        file,
        "a certificate of RTMPS is made"
    );
    Ok(identity)
}

/// Why a certificate is of no use, or not for long.
fn lack(identity: &Identity, hosts: &[String], now: Now) -> Option<String> {
    if identity.check().is_err() {
        return Some("the files hold none that can be used".to_owned());
    }
    let is_over = |ends: Timestamp| now.wall.duration_until(ends) < REMAINS_MIN;
    if identity.expires().is_none_or(is_over) {
        return Some("that of the files ends soon".to_owned());
    }
    let missing = hosts.iter().find(|host| !identity.is_for(host))?;
    Some(format!("that of the files is not for {missing}"))
}

fn make(hosts: Vec<String>) -> anyhow::Result<Identity> {
    let mut parameters = CertificateParams::new(hosts).context("the host of the public URL")?;
    parameters.distinguished_name = DistinguishedName::new();
    parameters
        .distinguished_name
        .push(DnType::CommonName, "downstage dev");
    let key = KeyPair::generate().context("making a key")?;
    let certificate = parameters.self_signed(&key).context("signing")?;
    Ok(Identity {
        certificate: certificate.pem().into_bytes(),
        key: key.serialize_pem().into_bytes(),
    })
}

/// Writes a file that only its owner can read, also where another was there before.
fn write(path: &Path, text: &[u8]) -> anyhow::Result<()> {
    let draft = path.with_extension(format!("{}.draft", std::process::id()));
    // A process of the same number may have crashed here: in a container all have one number.
    let _ = std::fs::remove_file(&draft);
    let mut options = std::fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options
        .open(&draft)
        .and_then(|mut file| file.write_all(text))
        .and_then(|()| std::fs::rename(&draft, path));
    written.with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: &str = "127.0.0.1";

    #[expect(
        clippy::disallowed_methods,
        reason = "certificates are made for some real time"
    )]
    fn now() -> Now {
        Now {
            mono: std::time::Instant::now(),
            wall: Timestamp::now(),
        }
    }

    fn is_for(identity: &Identity, names: &[&str]) -> bool {
        names.iter().all(|host| identity.is_for(host))
    }

    #[test]
    fn a_certificate_is_kept_while_it_is_for_the_host_and_made_anew_for_another() {
        let folder = tempfile::tempdir().unwrap();
        let kept = |host| kept(folder.path(), hosts(host), now()).unwrap();
        let own = ["localhost", "127.0.0.1", "::1"];
        let first = kept(HOME);
        assert!(is_for(&first, &own) && !first.is_for("one.example"));
        assert!(kept("localhost") == first && kept("[::1]") == first);
        let mut before = first;
        for (host, name) in [
            ("one.example", "one.example"),
            ("192.0.2.7", "192.0.2.7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("two.example.", "two.example"),
        ] {
            let made = kept(host);
            assert!(made != before, "{host}");
            assert!(is_for(&made, &own) && made.is_for(name), "{host}");
            // Kept for the host, and for who has none.
            assert!(kept(host) == made && kept(HOME) == made, "{host}");
            before = made;
        }
        assert!(!before.is_for("one.example"));
        // No client looks for what is no name: that is no reason for a new one at each start.
        let odd = kept("no!name");
        assert!(kept("no!name") == odd);
    }

    #[test]
    fn a_certificate_that_ends_soon_or_cannot_be_used_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (
            folder.path().join(CERTIFICATE_FILE),
            folder.path().join(KEY_FILE),
        );
        let first = kept(folder.path(), hosts(HOME), now()).unwrap();
        let ends = first.expires().unwrap();
        for (left, is_kept) in [(31, true), (29, false)] {
            let later = Now {
                wall: ends - SignedDuration::from_hours(left * 24),
                ..now()
            };
            let lack = lack(&first, &hosts(HOME), later);
            assert_eq!(lack.is_none(), is_kept, "{left} days");
        }
        std::fs::write(&key, "no key").unwrap();
        let second = kept(folder.path(), hosts(HOME), now()).unwrap();
        assert!(second != first && std::fs::read(&key).unwrap() == second.key);
        std::fs::remove_file(&certificate).unwrap();
        let third = kept(folder.path(), hosts(HOME), now()).unwrap();
        assert!(third != second && std::fs::read(&certificate).unwrap() == third.certificate);
    }

    #[test]
    fn a_draft_that_a_crash_has_left_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        for file in [KEY_FILE, CERTIFICATE_FILE] {
            let draft = format!("{}.draft", std::process::id());
            let draft = folder.path().join(file).with_extension(draft);
            std::fs::write(draft, "half of it").unwrap();
        }
        let made = kept(folder.path(), hosts(HOME), now()).unwrap();
        assert!(kept(folder.path(), hosts(HOME), now()).unwrap() == made);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
