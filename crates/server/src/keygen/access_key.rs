//! A new random access key, for callers of the control API.

use model::AccountId;

use crate::clock::Random;

/// AWS's access key ids have 20 characters; ours begin with letters that no AWS key begins with.
const ID_PREFIX: &str = "DSAK";
const ID_RANDOM_CHARS: usize = 16;
/// AWS's secret access keys have 40 characters; with 32 kinds of the first and 64 of the others these are 239 bits.
const SECRET_CHARS: usize = 40;

const ID_ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// No `+`, `/` or `:`, so that the secret survives shells, URLs and `ID:SECRET:ACCOUNT`. The first character is one of an
/// id's: commands take an argument that begins with `-` for an option.
const SECRET_ALPHABET: &[u8; 64] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// An entry for the configuration file.
pub(crate) fn generate(account: &AccountId, random: &Random) -> String {
    let id = text::<ID_RANDOM_CHARS>(ID_ALPHABET, random);
    let first = text::<1>(ID_ALPHABET, random);
    let others = text::<{ SECRET_CHARS - 1 }>(SECRET_ALPHABET, random);
    format!(
        "[[access_keys]]\nid = \"{ID_PREFIX}{id}\"\nsecret = \"{first}{others}\"\naccount = \"{account}\"\n"
    )
}

/// `N` characters. The alphabets' lengths divide 256, so that each character is as likely as any other.
fn text<const N: usize>(alphabet: &[u8], random: &Random) -> String {
    crate::clock::random_bytes::<N>(random)
        .iter()
        .map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()]))
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::clock::system_random;
    use crate::config::{Config, Mode, Settings};

    use super::*;

    #[test]
    fn serve_takes_a_generated_key_as_it_is_printed() {
        let entry = generate(&AccountId::parse("123456789012").unwrap(), &system_random());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("downstage.toml");
        std::fs::write(
            &file,
            format!("media.external_ip = [\"203.0.113.7\"]\n\n{entry}"),
        )
        .unwrap();
        let config = Config::load(Mode::Serve, Settings::default(), Some(&file)).unwrap();
        let id = config.access_keys.keys().next().unwrap();
        assert!(id.starts_with("DSAK") && id.len() == 20, "{id}");
    }

    #[test]
    fn a_secret_is_never_taken_for_an_option_of_a_command() {
        let account = AccountId::parse("123456789012").unwrap();
        let random = system_random();
        for _ in 0..1_000 {
            let entry = generate(&account, &random);
            let secret = entry.split("secret = \"").nth(1).unwrap();
            assert_eq!(secret.find('"'), Some(SECRET_CHARS));
            assert!(secret.starts_with(|first: char| first.is_ascii_alphanumeric()));
        }
    }

    #[test]
    fn no_two_keys_are_equal() {
        let account = AccountId::parse("123456789012").unwrap();
        let random = system_random();
        assert_ne!(generate(&account, &random), generate(&account, &random));
    }
}
