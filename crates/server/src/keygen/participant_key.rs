//! A new key pair for signing tokens: the private half as PKCS#8 and the public half as SubjectPublicKeyInfo, both in PEM.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use auth::key_pair::KeyPair;

/// In the place of a name: standard output.
const STANDARD_OUTPUT: &str = "-";
/// Read and write for the owner, nothing for anybody else.
const PRIVATE_MODE: u32 = 0o600;
const PUBLIC_MODE: u32 = 0o644;

/// Writes the pair to `NAME.pem` and `NAME.pub.pem`, neither of which may exist, and tells how to go on. The name `-` asks for
/// both halves as text instead.
pub(crate) fn save(pair: &KeyPair, name: &str) -> anyhow::Result<String> {
    if name == STANDARD_OUTPUT {
        return Ok(pair.private_pem() + &pair.public_pem());
    }
    if name.is_empty() || name.ends_with('/') {
        bail!("--out: a file name without its ending, or -");
    }
    let (private, public) = (
        PathBuf::from(format!("{name}.pem")),
        PathBuf::from(format!("{name}.pub.pem")),
    );
    if fs::symlink_metadata(&public).is_ok() {
        bail!("{} exists already", public.display());
    }
    create(&private, PRIVATE_MODE, &pair.private_pem())?;
    if let Err(error) = create(&public, PUBLIC_MODE, &pair.public_pem()) {
        // Half a pair is of no use, and nobody has seen it.
        let _ = fs::remove_file(&private);
        return Err(error);
    }
    Ok(format!(
        "{} signs tokens: keep it secret. {} is its public half, to be imported:\n\n\
         aws ivs-realtime import-public-key --public-key-material {}\n",
        private.display(),
        public.display(),
        quoted(&format!("file://{}", public.display()))
    ))
}

/// Writes a file that does not exist yet, down to the disk: a key that was shown to be imported must not be lost.
fn create(path: &Path, mode: u32, text: &str) -> anyhow::Result<()> {
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .with_context(|| format!("cannot create {}", path.display()))?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// A word of a shell's command line.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-:".contains(letter);
    if word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use auth::key_pair::{self, SigningKey};
    use auth::public_key::PublicKey;

    use super::*;

    #[test]
    fn a_pair_is_written_once_and_only_its_owner_reads_the_private_half() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("studio");
        let name = name.to_str().unwrap();
        let pair = key_pair::generate();
        let told = save(&pair, name).unwrap();
        assert!(told.contains(&format!("file://{name}.pub.pem")), "{told}");
        assert!(!told.contains("PRIVATE"), "{told}");

        let read = |ending: &str| fs::read_to_string(format!("{name}{ending}")).unwrap();
        let private = SigningKey::from_pem(&read(".pem")).unwrap();
        let public = PublicKey::from_pem(&read(".pub.pem")).unwrap();
        assert_eq!(*private.public(), public);
        let mode = fs::metadata(format!("{name}.pem")).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);

        let error = save(&key_pair::generate(), name).unwrap_err();
        assert!(error.to_string().contains("exists already"), "{error}");
        assert_eq!(read(".pub.pem"), public.pem());
    }

    #[test]
    fn neither_half_is_left_where_the_other_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        for (there, absent) in [("a.pem", "a.pub.pem"), ("b.pub.pem", "b.pem")] {
            fs::write(folder.path().join(there), "somebody's").unwrap();
            let name = folder.path().join(&there[..1]);
            assert!(save(&key_pair::generate(), name.to_str().unwrap()).is_err());
            assert_eq!(
                fs::read_to_string(folder.path().join(there)).unwrap(),
                "somebody's"
            );
            assert!(!folder.path().join(absent).exists());
        }
        assert!(save(&key_pair::generate(), "").is_err());
    }

    #[test]
    fn both_halves_are_printed_if_asked() {
        let pair = key_pair::generate();
        let text = save(&pair, "-").unwrap();
        assert!(text.starts_with("-----BEGIN PRIVATE KEY-----\n"));
        assert!(text.ends_with("-----END PUBLIC KEY-----\n"));
    }

    #[test]
    fn a_name_with_spaces_survives_the_shell() {
        assert_eq!(quoted("file:///a/b.pub.pem"), "file:///a/b.pub.pem");
        assert_eq!(quoted("file://it's mine"), r"'file://it'\''s mine'");
    }
}
