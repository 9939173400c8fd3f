//! Reading the configuration file: strict, and with errors that name the place and never show a value.

use std::path::Path;

use clap::{Args, Command};

use super::{AccessKeyPlace, Settings};

/// What is wrong with a configuration file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {what}")]
pub(crate) struct FileError {
    /// Line, from 1.
    pub(crate) line: usize,
    /// Column in characters, from 1.
    pub(crate) column: usize,
    /// What is wrong there.
    pub(crate) what: String,
}

/// Reads a file's text; `folder` is where relative paths in it count from.
pub(crate) fn parse(text: &str, folder: &Path) -> Result<Settings, FileError> {
    let mut settings: Settings = toml::from_str(text).map_err(|error| explain(text, &error))?;
    for key in settings.access_keys.iter_mut().flatten() {
        key.place = AccessKeyPlace::Folder(folder.to_owned());
    }
    let files = [
        &mut settings.admin.key_file,
        &mut settings.object_store.secret_access_key_file,
        &mut settings.rtmp.certificate,
        &mut settings.rtmp.key,
    ];
    for file in files.into_iter().flatten() {
        *file = folder.join(&*file);
    }
    Ok(settings)
}

/// Turns the parser's error into ours. Its own display quotes the line, which may hold a secret.
fn explain(text: &str, error: &toml::de::Error) -> FileError {
    let start = error.span().map_or(0, |span| span.start);
    let before = text.get(..start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    let what = match unknown_field(error.message()) {
        Some((field, siblings)) => match nearest(field, &siblings) {
            Some(known) => format!("there is no key `{field}` here; did you mean `{known}`?"),
            None => format!("there is no key `{field}` here"),
        },
        None => without_values(error.message()),
    };
    FileError { line, column, what }
}

/// Takes serde's "unknown field `x`, expected one of `a`, `b`" apart.
fn unknown_field(message: &str) -> Option<(&str, Vec<&str>)> {
    let rest = message.strip_prefix("unknown field `")?;
    let (field, rest) = rest.split_once('`')?;
    let siblings = rest.split('`').skip(1).step_by(2).collect();
    Some((field, siblings))
}

/// The key that was probably meant: one of the same table, or one of another table by its last word.
fn nearest(field: &str, siblings: &[&str]) -> Option<String> {
    let all = Settings::augment_args(Command::new("keys"));
    let elsewhere = all
        .get_arguments()
        .map(|argument| argument.get_id().as_str().to_owned());
    siblings
        .iter()
        .map(|&name| name.to_owned())
        .chain(elsewhere)
        .map(|name| {
            let word = name.rsplit('.').next().unwrap_or(&name);
            (distance(field, word).min(distance(field, &name)), name)
        })
        .filter(|(distance, _)| *distance <= field.chars().count().div_ceil(2).min(4))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Levenshtein distance in characters.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = i;
        let mut before = i + 1;
        for (b, above) in right.iter().zip(row.iter_mut().skip(1)) {
            let cost = (diagonal + usize::from(a != *b))
                .min(*above + 1)
                .min(before + 1);
            diagonal = *above;
            *above = cost;
            before = cost;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

/// Cuts the value out of a message, quoted or not (`invalid type: string "…", expected …`, `invalid value: integer `…`, …`);
/// what kind of thing it is stays. A secret that was written without quotes is a number to the parser.
fn without_values(message: &str) -> String {
    for what in ["invalid type: ", "invalid value: "] {
        // The value may hold anything, so the expectation is what comes last.
        if let Some(rest) = message.strip_prefix(what)
            && let Some((value, expected)) = rest.rsplit_once(", expected ")
        {
            let kind = value.split(['`', '"']).next().unwrap_or("").trim_end();
            return format!("{what}{kind}, expected {expected}");
        }
    }
    let mut parts = message.split('"');
    let first = parts.next().unwrap_or("").trim_end();
    match parts.next_back() {
        Some(last) => format!("{first}{last}"),
        None => first.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_name_their_place_and_the_nearest_key_and_never_a_value() {
        let cases = [
            (
                "htp = \"127.0.0.1:1\"",
                "1:1: there is no key `htp` here; did you mean `http`?",
            ),
            (
                "\n[media]\nlisten = \"0.0.0.0:1\"\n  worker = 2",
                "4:3: there is no key `worker` here; did you mean `workers`?",
            ),
            (
                "workers = 2",
                "1:1: there is no key `workers` here; did you mean `media.workers`?",
            ),
            (
                "stages_max = 1000",
                "1:1: there is no key `stages_max` here; did you mean `quotas.stages`?",
            ),
            ("zzzzzzzzzz = 1", "1:1: there is no key `zzzzzzzzzz` here"),
            (
                "[[access_keys]]\nid = \"a\"\nsecrt = \"hunter2\"",
                "3:1: there is no key `secrt` here; did you mean `secret`?",
            ),
            (
                "access_keys = \"hunter2\"",
                "1:15: invalid type: string, expected a sequence",
            ),
            (
                "session_grace = \"3 minutes\"",
                "1:17: expected a duration such as 500ms, 10s, 3m, 12h or 60d",
            ),
            (
                "session_grace = 180",
                "1:17: invalid type: integer, expected a string",
            ),
            (
                "[[access_keys]]\nid = \"a\"\nsecret = 1234567890123",
                "3:10: invalid type: integer, expected a string",
            ),
            (
                "[[access_keys]]\nid = \"a\"\nsecret = 1234567890123.25",
                "3:10: invalid type: floating point, expected a string",
            ),
            (
                "[[access_keys]]\nid = \"a\"\nsecret = true",
                "3:10: invalid type: boolean, expected a string",
            ),
            (
                "quotas.stages = \"hunter2, expected hunter2 `\"",
                "1:17: invalid type: string, expected u32",
            ),
            ("http = \"localhost\"", "1:8: invalid socket address syntax"),
            (
                "[log]\nlevel = \"loud\"",
                "2:9: unknown variant `loud`, expected one of `error`, `warn`, `info`, `debug`, `trace`",
            ),
            (
                "media.external_ip = [\"here\"]",
                "1:21: expected an IP address or `auto`",
            ),
            (
                "quotas.stages = -1",
                "1:17: invalid value: integer, expected u32",
            ),
        ];
        for (text, expected) in cases {
            let error = parse(text, Path::new(".")).unwrap_err().to_string();
            assert_eq!(error, expected, "{text}");
            assert!(!error.contains("hunter2") && !error.contains("1234567890123"));
        }
    }

    #[test]
    fn files_with_secrets_count_from_the_configuration_file() {
        let text =
            "admin.key_file = \"key\"\nobject_store.secret_access_key_file = \"/run/secret\"";
        let settings = parse(text, Path::new("/etc/downstage")).unwrap();
        assert_eq!(
            settings.admin.key_file.unwrap(),
            Path::new("/etc/downstage/key")
        );
        assert_eq!(
            settings.object_store.secret_access_key_file.unwrap(),
            Path::new("/run/secret")
        );
    }

    #[test]
    fn distances_count_single_edits() {
        for (left, right, expected) in [("", "", 0), ("a", "", 1), ("kitten", "sitting", 3)] {
            assert_eq!(distance(left, right), expected);
            assert_eq!(distance(right, left), expected);
        }
    }
}
