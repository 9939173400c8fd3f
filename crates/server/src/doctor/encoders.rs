//! The ports for encoders, and the certificate of RTMPS.

use std::net::TcpListener;

use ingest::{Identity, IdentityError, IdentitySource};
use jiff::{SignedDuration, Timestamp};

use super::Report;
use crate::clock;
use crate::config::{CertificateFiles, Config};

/// A certificate that ends within this time is worth a word; those that renew themselves do so a month before.
const SOON: SignedDuration = SignedDuration::from_hours(7 * 24);
const NAME: &str = "RTMPS certificate";

/// Looks at both.
pub(super) fn examine(config: &Config, report: &mut Report) {
    let rtmp = &config.rtmp;
    for (name, key, address) in [
        ("RTMP port", "rtmp.listen", rtmp.listen),
        ("RTMPS port", "rtmp.tls_listen", rtmp.tls_listen),
    ] {
        let Some(address) = address else {
            report.ok(name, "off");
            continue;
        };
        match TcpListener::bind(address) {
            Ok(_) => report.ok(name, format!("{address} is free")),
            Err(error) => {
                let remedy =
                    format!("stop what uses it, or set `{key}` to another one or to `off`");
                report.fail(name, format!("{address}: {error}"), remedy);
            }
        }
    }
    if let Some(files) = &rtmp.files {
        certificate(files, clock::system_clock()().wall, report);
    }
}

fn certificate(files: &CertificateFiles, now: Timestamp, report: &mut Report) {
    let identity = match read(files) {
        Ok(identity) => identity,
        Err(error) => {
            let remedy = "`rtmp.certificate` and `rtmp.key` must be PEM files of one certificate";
            return report.fail(NAME, error.to_string(), remedy);
        }
    };
    let Some(end) = identity.expires() else {
        return report.ok(NAME, "is there; when it ends cannot be read");
    };
    let remedy = "renew it; a server that runs takes the new files as they are";
    if end <= now {
        report.fail(NAME, format!("it has ended at {end}"), remedy);
    } else if end < now + SOON {
        report.warn(NAME, format!("it ends at {end}"), remedy);
    } else {
        report.ok(NAME, format!("valid until {end}"));
    }
}

fn read(files: &CertificateFiles) -> Result<Identity, IdentityError> {
    let source = IdentitySource::Files {
        certificate: files.certificate.clone(),
        key: files.key.clone(),
    };
    let identity = source.read()?;
    identity.check()?;
    Ok(identity)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    #[test]
    fn t64_a_certificate_that_has_ended_fails_and_one_that_ends_soon_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let files = CertificateFiles {
            certificate: folder.path().join("certificate.pem"),
            key: folder.path().join("key.pem"),
        };
        let mut parameters = CertificateParams::new(["localhost".to_owned()]).unwrap();
        parameters.not_after = rcgen::date_time_ymd(2030, 1, 8);
        let key = KeyPair::generate().unwrap();
        let made = parameters.self_signed(&key).unwrap();
        std::fs::write(&files.certificate, made.pem()).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        for (now, expected) in [
            ("2029-12-31T00:00:00Z", "ok  "),
            ("2030-01-02T00:00:00Z", "warning  "),
            ("2030-01-08T00:00:00Z", "failed  "),
        ] {
            let mut report = Report::default();
            certificate(&files, now.parse().unwrap(), &mut report);
            let table = report.table();
            assert!(table.starts_with(expected), "{table}");
        }
        let other = KeyPair::generate().unwrap();
        std::fs::write(&files.key, other.serialize_pem()).unwrap();
        let mut report = Report::default();
        certificate(&files, Timestamp::UNIX_EPOCH, &mut report);
        assert!(report.table().contains("not that of the certificate"));
    }
}
