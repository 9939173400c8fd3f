//! `cargo xtask tidy`: the house rules that a program can check.
//!
//! Files have a budget and a header, manifests take everything from the workspace, documents name every crate and dependency, and
//! a few words never stay behind.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use toml::Table;

use crate::packages::{self, Package};
use crate::{process, workspace};

/// Lines of a file outside of its tests: from here it is looked at again.
const LINES_WARN: usize = 600;
/// And from here it has to be cut.
const LINES_MAX: usize = 1_000;

/// What never stays in the tree, and why. Split so that this file does not hold them.
const BANNED: &[(&str, &str, &str)] = &[
    ("dbg", "!(", "left from debugging"),
    ("to", "do!(", "finish it or leave it out"),
    ("unimple", "mented!(", "finish it or leave it out"),
    ("FIX", "ME", "fix it or open an issue"),
    ("TO", "DO", "do it or open an issue"),
    ("/wo", "rk/", "a path of one machine"),
    ("/tmp/tar", "get", "a path of one machine"),
    (
        "index.cra",
        "tes.io",
        "a registry is configured outside of the tree",
    ),
    (
        "static.cra",
        "tes.io",
        "a registry is configured outside of the tree",
    ),
    (
        "pypi",
        ".org",
        "a registry is configured outside of the tree",
    ),
    (
        "pytho",
        "nhosted.org",
        "a registry is configured outside of the tree",
    ),
    (
        "registry.np",
        "mjs.org",
        "a registry is configured outside of the tree",
    ),
    (
        "--index",
        "-url",
        "a registry is configured outside of the tree",
    ),
];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &[
    "common", "core", "helpers", "manager", "misc", "shared", "utils", "util",
];

/// What was found.
#[derive(Default)]
struct Findings {
    warnings: Vec<String>,
    problems: Vec<String>,
}

impl Findings {
    fn problem(&mut self, place: impl std::fmt::Display, what: impl std::fmt::Display) {
        self.problems.push(format!("{place}: {what}"));
    }
}

/// Fails on any broken rule; prints what is only worth a look.
pub(crate) fn run() -> Result<()> {
    let mut findings = Findings::default();
    let files = tracked_files()?;
    let packages = packages::read()?;
    for file in &files {
        check_file(file, &files, &mut findings)?;
    }
    for package in &packages {
        check_package(package, &mut findings)?;
    }
    check_dependencies(&packages, &mut findings)?;
    for warning in &findings.warnings {
        println!("warning: {warning}");
    }
    if !findings.problems.is_empty() {
        bail!("not tidy:\n  {}", findings.problems.join("\n  "));
    }
    Ok(())
}

/// Every file that is or would be committed.
fn tracked_files() -> Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let listed = process::output(git.current_dir(workspace::root()))?;
    let names: BTreeSet<&str> = listed.split('\0').filter(|name| !name.is_empty()).collect();
    let exists = |name: &&str| workspace::root().join(name).is_file();
    Ok(names
        .into_iter()
        .filter(exists)
        .map(PathBuf::from)
        .collect())
}

fn check_file(file: &Path, files: &[PathBuf], findings: &mut Findings) -> Result<()> {
    let place = file.display();
    let bytes =
        fs::read(workspace::root().join(file)).with_context(|| format!("reading {place}"))?;
    // Pictures and the like have no words.
    let Ok(text) = String::from_utf8(bytes) else {
        return Ok(());
    };
    for word in banned_words(&text, is_lock(file)) {
        findings.problem(&place, word);
    }
    if file.extension().is_some_and(|extension| extension == "rs") {
        check_rust(file, &text, files, findings);
    }
    Ok(())
}

/// Lock files name where packages come from; that is their purpose.
fn is_lock(file: &Path) -> bool {
    file.file_name()
        .is_some_and(|name| name == "Cargo.lock" || name == "package-lock.json")
}

fn banned_words(text: &str, lock: bool) -> Vec<String> {
    let mut found = Vec::new();
    if lock {
        let mirrors = text
            .lines()
            .filter(|line| line.trim_start().starts_with("\"resolved\""));
        let public = ["https://registry.np", "mjs.org/"].concat();
        found.extend(
            mirrors
                .filter(|line| !line.contains(&public))
                .map(|line| format!("a mirror: {}", line.trim())),
        );
        return found;
    }
    for (start, end, why) in BANNED {
        let word = format!("{start}{end}");
        let whole = |at: usize| {
            let joins = |letter: Option<char>| {
                letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_')
            };
            let begins =
                !word.starts_with(char::is_alphanumeric) || !joins(text[..at].chars().next_back());
            let ends = !word.ends_with(char::is_alphanumeric)
                || !joins(text[at + word.len()..].chars().next());
            begins && ends
        };
        if let Some((at, _)) = text.match_indices(&word).find(|(at, _)| whole(*at)) {
            let line = text[..at].lines().count().max(1);
            found.push(format!("{line}: `{word}`: {why}"));
        }
    }
    found
}

fn check_rust(file: &Path, text: &str, files: &[PathBuf], findings: &mut Findings) {
    let place = file.display();
    let generated = text.starts_with("// @generated");
    let header = text.lines().find(|line| !line.starts_with("// @generated"));
    if !header.is_some_and(|line| line.starts_with("//!")) {
        findings.problem(&place, "begins without a `//!` header");
    }
    let lines = lines_outside_tests(file, text);
    if !generated && lines > LINES_MAX {
        findings.problem(&place, format!("{lines} lines, more than {LINES_MAX}"));
    } else if !generated && lines > LINES_WARN {
        findings
            .warnings
            .push(format!("{place}: {lines} lines, more than {LINES_WARN}"));
    }
    if let Some(name) = file
        .file_stem()
        .and_then(|stem| stem.to_str())
        .filter(|stem| EMPTY_NAMES.contains(stem))
    {
        findings.problem(
            &place,
            format!("`{name}` says nothing about what is inside"),
        );
    }
    if !is_declared(file, files) {
        findings.problem(&place, "is no module of any crate");
    }
}

fn lines_outside_tests(file: &Path, text: &str) -> usize {
    let of_tests = |part: &std::ffi::OsStr| part == "tests" || part == "tests.rs";
    if file.iter().any(of_tests) {
        return 0;
    }
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines
        .windows(2)
        .position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod "));
    tests.unwrap_or(lines.len())
}

/// Whether some file has a `mod` line for this one, or cargo finds it by its place.
fn is_declared(file: &Path, files: &[PathBuf]) -> bool {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let Some(folder) = file.parent() else {
        return true;
    };
    let cargo_finds = ["src/bin", "tests", "benches", "examples", "fuzz_targets"];
    if matches!(&*stem, "lib" | "main" | "build")
        || cargo_finds.iter().any(|place| folder.ends_with(place))
    {
        return true;
    }
    let (name, folder) = match (&*stem, folder.parent()) {
        ("mod", Some(above)) => (
            folder.file_name().unwrap_or_default().to_string_lossy(),
            above,
        ),
        _ => (stem, folder),
    };
    let mut parents: Vec<PathBuf> = ["mod.rs", "lib.rs", "main.rs"]
        .iter()
        .map(|parent| folder.join(parent))
        .collect();
    parents.push(folder.with_extension("rs"));
    let declares = |parent: &PathBuf| {
        let text = fs::read_to_string(workspace::root().join(parent)).unwrap_or_default();
        text.lines()
            .any(|line| line.trim_end().ends_with(&format!("mod {name};")))
    };
    parents
        .iter()
        .any(|parent| files.contains(parent) && declares(parent))
}

fn check_package(package: &Package, findings: &mut Findings) -> Result<()> {
    let folder = package.folder()?;
    let name = package.short();
    let manifest = read_manifest(&folder)?;
    if EMPTY_NAMES.contains(&name) {
        findings.problem(&folder, "the name says nothing about what is inside");
    }
    let lints = manifest
        .get("lints")
        .and_then(|lints| lints.get("workspace"));
    if lints.and_then(toml::Value::as_bool) != Some(true) {
        findings.problem(&folder, "takes no lints from the workspace");
    }
    for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for (dependency, how) in manifest
            .get(table)
            .and_then(toml::Value::as_table)
            .into_iter()
            .flatten()
        {
            let inherited = how.get("workspace").and_then(toml::Value::as_bool) == Some(true);
            if !inherited {
                findings.problem(
                    &folder,
                    format!("{dependency} is not taken from the workspace"),
                );
            }
        }
    }
    let product = folder.starts_with("crates/");
    let roots =
        ["src/lib.rs", "src/main.rs"].map(|root| workspace::root().join(&folder).join(root));
    for root in roots.iter().filter(|root| product && root.is_file()) {
        if !fs::read_to_string(root)?.contains("#![forbid(unsafe_code)]") {
            findings.problem(&folder, "does not forbid unsafe code");
        }
    }
    let architecture = workspace::root().join("ARCHITECTURE.md");
    if architecture.is_file() && !fs::read_to_string(architecture)?.contains(&folder) {
        findings.problem(&folder, "is not named in ARCHITECTURE.md");
    }
    Ok(())
}

/// Every dependency of the workspace is used, and accounted for in docs/dependencies.md; nothing else is.
fn check_dependencies(packages: &[Package], findings: &mut Findings) -> Result<()> {
    const DOCUMENT: &str = "docs/dependencies.md";
    let manifest = read_manifest("")?;
    let listed = manifest
        .get("workspace")
        .and_then(|workspace| workspace.get("dependencies"));
    let listed = listed
        .and_then(toml::Value::as_table)
        .context("the workspace lists its dependencies")?;
    let document = fs::read_to_string(workspace::root().join(DOCUMENT))?;
    let rows: BTreeSet<&str> = document.lines().filter_map(document_row).collect();
    let used = |name: &str| {
        let mut dependencies = packages.iter().flat_map(|package| &package.dependencies);
        dependencies.any(|dependency| dependency.name == name)
    };
    let foreign = listed.iter().filter(|(_, how)| how.get("path").is_none());
    let foreign: BTreeSet<&str> = foreign.map(|(name, _)| name.as_str()).collect();
    for name in &foreign {
        if !used(name) {
            findings.problem("Cargo.toml", format!("{name} is used by no crate"));
        }
        if !rows.contains(name) {
            findings.problem(DOCUMENT, format!("{name} has no row"));
        }
    }
    for name in rows.difference(&foreign) {
        findings.problem(DOCUMENT, format!("{name} is no dependency"));
    }
    Ok(())
}

/// The name in a row `| `name` | ...`.
fn document_row(line: &str) -> Option<&str> {
    line.strip_prefix("| `")?
        .split_once('`')
        .map(|(name, _)| name)
}

fn read_manifest(folder: &str) -> Result<Table> {
    let path = workspace::root().join(folder).join("Cargo.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    text.parse()
        .with_context(|| format!("reading {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn banned_words_are_found_as_words() {
        let word = ["TO", "DO"].concat();
        assert_eq!(
            banned_words(&format!("fine\nthis {word}: later"), false).len(),
            1
        );
        assert_eq!(
            banned_words(&format!("{word}S and MAS{word} and {word}_"), false),
            Vec::<String>::new()
        );
        assert_eq!(
            banned_words("network/ teamwork", false),
            Vec::<String>::new()
        );
        let mirror = "  \"resolved\": \"http://10.0.0.1/vite.tgz\",";
        assert_eq!(banned_words(mirror, true).len(), 1);
    }

    #[test]
    fn tests_do_not_count_as_lines() {
        let text =
            "//! A.\nfn a() {}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn b() {}\n}\n";
        assert_eq!(
            lines_outside_tests(Path::new("crates/a/src/lib.rs"), text),
            3
        );
        assert_eq!(
            lines_outside_tests(Path::new("crates/a/tests/b.rs"), text),
            0
        );
        let only_attribute = "#[cfg(test)]\nuse a::b;\nfn c() {}\n";
        assert_eq!(
            lines_outside_tests(Path::new("crates/a/src/lib.rs"), only_attribute),
            3
        );
    }

    #[test]
    fn a_row_of_the_document_names_its_dependency() {
        assert_eq!(document_row("| `serde` | JSON |"), Some("serde"));
        assert_eq!(document_row("| name | what for |"), None);
    }
}
