//! The workspace's packages as cargo sees them.

use std::process::Command;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::{process, workspace};

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// A package of the workspace.
#[derive(Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) dependencies: Vec<Dependency>,
    manifest_path: String,
}

/// A line of its `[dependencies]` or `[dev-dependencies]`.
#[derive(Deserialize)]
pub(crate) struct Dependency {
    /// The package's name, not the alias.
    pub(crate) name: String,
    /// `None` for normal ones, else `dev` or `build`.
    pub(crate) kind: Option<String>,
}

impl Package {
    /// The name by which the layout calls it: `wire` for `downstage-wire`.
    pub(crate) fn short(&self) -> &str {
        short(&self.name)
    }

    /// The package's folder relative to the root, such as `crates/wire`.
    pub(crate) fn folder(&self) -> Result<String> {
        let manifest = std::path::Path::new(&self.manifest_path);
        let folder = manifest.parent().context("a manifest has a folder")?;
        Ok(folder
            .strip_prefix(workspace::root())?
            .display()
            .to_string())
    }
}

/// `wire` for `downstage-wire`; other names as they are.
pub(crate) fn short(name: &str) -> &str {
    name.strip_prefix("downstage-").unwrap_or(name)
}

/// Every package of the workspace, in order of name.
pub(crate) fn read() -> Result<Vec<Package>> {
    let mut command = Command::new("cargo");
    command.args(["metadata", "--no-deps", "--locked", "--format-version", "1"]);
    let text = process::output(command.current_dir(workspace::root()))?;
    let metadata: Metadata = serde_json::from_str(&text).context("reading cargo's metadata")?;
    let mut packages = metadata.packages;
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(packages)
}
