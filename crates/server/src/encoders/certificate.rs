//! The certificate of the RTMPS port: that of the operator's files, or one of our own making for `dev`.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use ingest::{Identity, IdentitySource};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

use crate::config::Config;

/// The files of a certificate of our own making, in the data folder.
const CERTIFICATE_FILE: &str = "rtmps-certificate.pem";
const KEY_FILE: &str = "rtmps-key.pem";

/// Where the certificate is. One of our own making is made at the first start and kept in the data folder.
pub(super) fn source(config: &Config) -> anyhow::Result<IdentitySource> {
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
    let host = config.public_url.as_ref().map(|url| url.host().to_owned());
    let hosts = hosts(config.rtmp.public_host.clone().or(host));
    let identity = match &config.data {
        None => make(hosts)?,
        Some(folder) => kept(folder, hosts).with_context(|| {
            let folder = folder.display();
            format!("the certificate of the RTMPS port in {folder}")
        })?,
    };
    Ok(IdentitySource::Memory(identity))
}

/// The names of this machine for itself, and the one that clients use.
fn hosts(public: Option<String>) -> Vec<String> {
    let public = public.map(|host| host.trim_matches(['[', ']']).to_owned());
    let mut hosts: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    hosts.extend(public.filter(|host| !["localhost", "127.0.0.1", "::1"].contains(&host.as_str())));
    hosts
}

/// The certificate in the folder; one that is not there, or of no use, is made anew.
fn kept(folder: &Path, hosts: Vec<String>) -> anyhow::Result<Identity> {
    let source = IdentitySource::Files {
        certificate: folder.join(CERTIFICATE_FILE),
        key: folder.join(KEY_FILE),
    };
    if let Ok(identity) = source.read()
        && identity.check().is_ok()
    {
        return Ok(identity);
    }
    let identity = make(hosts)?;
    write(&folder.join(KEY_FILE), &identity.key)?;
    write(&folder.join(CERTIFICATE_FILE), &identity.certificate)?;
    Ok(identity)
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

    #[test]
    fn a_draft_that_a_crash_has_left_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        for file in [KEY_FILE, CERTIFICATE_FILE] {
            let draft = format!("{}.draft", std::process::id());
            let draft = folder.path().join(file).with_extension(draft);
            std::fs::write(draft, "half of it").unwrap();
        }
        let made = kept(folder.path(), hosts(None)).unwrap();
        assert!(kept(folder.path(), hosts(None)).unwrap() == made);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
