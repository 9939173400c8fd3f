//! `cargo xtask graph`: who may import whom, checked on the manifests.
//!
//! Pure crates decide and never act, so they list nothing that could act. Shells exchange values that the pure crates define and
//! never import each other. `server` wires them; nobody imports it.

use anyhow::{Result, bail};

use crate::packages::{self, Package};

/// What a crate may import of this workspace.
struct Row {
    name: &'static str,
    may_import: &'static [&'static str],
    /// No runtime, socket, clock or randomness among its dependencies.
    pure: bool,
}

const PURE: &[&str] = &["auth", "model", "rtmp", "sfu", "srtp", "stage", "wire"];

const TABLE: &[Row] = &[
    Row {
        name: "model",
        may_import: &[],
        pure: true,
    },
    Row {
        name: "wire",
        may_import: &[],
        pure: true,
    },
    Row {
        name: "auth",
        may_import: &["model"],
        pure: true,
    },
    Row {
        name: "stage",
        may_import: &["model"],
        pure: true,
    },
    Row {
        name: "rtmp",
        may_import: &[],
        pure: true,
    },
    Row {
        name: "srtp",
        may_import: &[],
        pure: true,
    },
    Row {
        name: "sfu",
        may_import: &["model", "srtp"],
        pure: true,
    },
    Row {
        name: "store",
        may_import: &["model"],
        pure: false,
    },
    Row {
        name: "api",
        may_import: &["wire", "auth", "store", "stage", "model"],
        pure: false,
    },
    Row {
        name: "media",
        may_import: &["sfu", "stage", "auth", "model"],
        pure: false,
    },
    Row {
        name: "ingest",
        may_import: &["rtmp", "stage", "sfu", "auth", "model"],
        pure: false,
    },
    Row {
        name: "record",
        may_import: &["sfu", "store", "model"],
        pure: false,
    },
    Row {
        name: "compose",
        may_import: &["sfu", "store", "model"],
        pure: false,
    },
    // A client of servers: it knows their protocols, not their types.
    Row {
        name: "load",
        may_import: &["rtmp", "srtp"],
        pure: false,
    },
    Row {
        name: "server",
        may_import: &[
            "api", "auth", "compose", "ingest", "load", "media", "model", "record", "sfu", "stage",
            "store", "wire",
        ],
        pure: false,
    },
    // Simulation drives the decisions themselves; the others speak to the binary as its users do.
    Row {
        name: "sim",
        may_import: PURE,
        pure: false,
    },
    Row {
        name: "conformance",
        may_import: &[],
        pure: false,
    },
    Row {
        name: "bench",
        may_import: &["ingest", "load", "rtmp", "sfu"],
        pure: false,
    },
    Row {
        name: "xtask",
        may_import: &[],
        pure: false,
    },
];

/// What acts, or knows the time or chance, and so never stands in a pure crate. `rand_chacha` is arithmetic on a given seed.
const IMPURE: &[&str] = &[
    "async-std",
    "axum",
    "fastrand",
    "getrandom",
    "hyper",
    "hyper-util",
    "if-addrs",
    "mio",
    "object_store",
    "quinn-udp",
    "rand",
    "reqwest",
    "smol",
    "socket2",
    "sqlx",
    "tokio",
    "tokio-rustls",
    "tokio-tungstenite",
    "tokio-util",
    "tower-http",
    "ureq",
    "uuid",
];

/// Libraries behind one crate each, so that replacing one is a change in one place. Tests and measurements may use them.
const BEHIND: &[(&str, &[&str])] = &[
    (
        "anyhow",
        &["server", "bench", "conformance", "sim", "xtask"],
    ),
    ("aws-sigv4", &["auth", "bench", "load"]),
    ("dimpl", &["srtp"]),
    ("object_store", &["record", "server"]),
    ("sqlx", &["store"]),
    ("str0m", &["srtp", "sfu", "bench", "load"]),
];

/// Fails on any import that the table does not have.
pub(crate) fn run() -> Result<()> {
    let packages = packages::read()?;
    let problems: Vec<String> = packages
        .iter()
        .flat_map(|package| problems(package, &packages))
        .collect();
    if !problems.is_empty() {
        bail!(
            "imports against the table of xtask/src/graph.rs:\n  {}",
            problems.join("\n  ")
        );
    }
    Ok(())
}

fn problems(package: &Package, packages: &[Package]) -> Vec<String> {
    let name = package.short();
    let Some(row) = TABLE.iter().find(|row| row.name == name) else {
        return vec![format!("{name} has no row in the table")];
    };
    let mut problems = Vec::new();
    for dependency in &package.dependencies {
        let other = packages::short(&dependency.name);
        let dev = dependency.kind.as_deref() == Some("dev");
        if packages
            .iter()
            .any(|package| package.name == dependency.name)
        {
            // A test may look further down, but what it looks at must itself be pure.
            let allowed = row.may_import.contains(&other)
                || (dev && (PURE.contains(&other) || other == name));
            if !allowed {
                problems.push(format!("{name} imports {other}"));
            }
            continue;
        }
        if row.pure && !dev && IMPURE.contains(&other) {
            problems.push(format!("{name} is pure and lists {other}"));
        }
        let behind = BEHIND
            .iter()
            .any(|(library, owners)| *library == other && !owners.contains(&name));
        if behind && !dev {
            problems.push(format!(
                "{name} lists {other}, which stands behind another crate"
            ));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, dependency: &str, kind: Option<&str>) -> usize {
        let package = |name: &str, dependencies: serde_json::Value| {
            let json = serde_json::json!({ "name": name, "dependencies": dependencies, "manifest_path": "" });
            serde_json::from_value::<Package>(json).unwrap()
        };
        let none = serde_json::json!([]);
        let others = [
            "api", "auth", "media", "model", "server", "sfu", "stage", "store", "wire",
        ];
        let mut packages: Vec<_> = others
            .iter()
            .map(|other| package(&format!("downstage-{other}"), none.clone()))
            .collect();
        packages.push(package(
            name,
            serde_json::json!([{ "name": dependency, "kind": kind }]),
        ));
        problems(packages.last().unwrap(), &packages).len()
    }

    #[test]
    fn only_imports_of_the_table_pass() {
        let table = [
            ("downstage-stage", "downstage-model", None, 0),
            ("downstage-stage", "downstage-auth", None, 1),
            ("downstage-model", "downstage-stage", None, 1),
            ("downstage-wire", "downstage-model", None, 1),
            ("downstage-api", "downstage-media", None, 1),
            ("downstage-api", "downstage-media", Some("dev"), 1),
            ("downstage-media", "downstage-store", None, 1),
            ("downstage-media", "downstage-server", Some("dev"), 1),
            ("downstage-auth", "tokio", None, 1),
            ("downstage-auth", "tokio", Some("dev"), 0),
            ("downstage-stage", "rand", None, 1),
            ("downstage-media", "str0m", None, 1),
            ("downstage-media", "str0m", Some("dev"), 0),
            ("downstage-sfu", "str0m", None, 0),
            ("downstage-store", "anyhow", None, 1),
            ("downstage-unheard", "serde", None, 1),
        ];
        for (name, dependency, kind, expected) in table {
            assert_eq!(
                check(name, dependency, kind),
                expected,
                "{name} {dependency} {kind:?}"
            );
        }
    }
}
