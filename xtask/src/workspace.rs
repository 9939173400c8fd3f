//! Where things are in the checkout, and how files of it are written or compared.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// The checkout's root: the parent of this crate's folder.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest
        .parent()
        .expect("xtask/ lies in the workspace root")
        .to_path_buf()
}

/// Where build products go, the same folder that cargo uses.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// A file that a generator wants to exist with this text.
pub(crate) struct Wanted {
    /// Relative to the root.
    pub(crate) path: PathBuf,
    /// All of it.
    pub(crate) text: String,
}

/// Writes the files, or with `check` fails if one of them differs. Files in `folder` that are not wanted are removed or
/// reported, so that a shape that left the model leaves no file behind.
pub(crate) fn settle(
    folder: Option<&str>,
    wanted: &[Wanted],
    check: bool,
    how: &str,
) -> Result<()> {
    let root = root();
    let mut stale = Vec::new();
    if let Some(folder) = folder {
        for path in files(&root.join(folder))? {
            let path = path
                .strip_prefix(&root)
                .context("listed below the root")?
                .to_path_buf();
            if !wanted.iter().any(|file| file.path == path) {
                stale.push(path);
            }
        }
    }
    let mut differing: Vec<String> = Vec::new();
    for file in wanted {
        let full = root.join(&file.path);
        if fs::read_to_string(&full).ok().as_deref() == Some(file.text.as_str()) {
            continue;
        }
        differing.push(file.path.display().to_string());
        if !check {
            fs::create_dir_all(full.parent().context("a file has a folder")?)?;
            fs::write(&full, &file.text).with_context(|| format!("writing {}", full.display()))?;
        }
    }
    for path in stale {
        differing.push(path.display().to_string());
        if !check {
            fs::remove_file(root.join(path))?;
        }
    }
    if check && !differing.is_empty() {
        bail!("out of date, run `{how}`: {}", differing.join(", "));
    }
    Ok(())
}

/// Every file below a folder, in order; none if the folder does not exist.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if folder.is_dir() {
        for entry in
            fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))?
        {
            let path = entry?.path();
            if path.is_dir() {
                found.extend(files(&path)?);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
