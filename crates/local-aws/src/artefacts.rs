//! The functions' binaries, laid out as the CDK app wants them: `<dir>/<stem>/bootstrap`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The functions: folder = package = binary = name of the function without its prefix.
pub const STEMS: [&str; 14] = [
    "list-regions",
    "discover-volumes",
    "create-snapshots",
    "adopt-snapshots",
    "find-expired",
    "delete-snapshots",
    "notify",
    "replay-gate",
    "find-restore-points",
    "create-volumes",
    "check-volumes",
    "attach-volumes",
    "delete-test-volumes",
    "report-restore",
];

/// Those of the nightly run, and those of a restore.
#[must_use]
pub fn stems() -> (&'static [&'static str], &'static [&'static str]) {
    const OF_THE_RUN: usize = 8;
    STEMS.split_at(OF_THE_RUN)
}

/// The folder that cargo builds the running profile into: the one that this program runs from.
///
/// # Errors
/// When the program's own path cannot be told.
pub fn own_target_dir() -> Result<PathBuf> {
    let program = std::env::current_exe().context("the path of this program")?;
    let folder = program.parent().context("this program is in no folder")?;
    // A test runs from `deps/`, one below the binaries.
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    Ok(folder.to_owned())
}

/// Lays out the binaries of `built` (such as `target/debug`) under `into`, by hard link where that works.
///
/// # Errors
/// When a binary is missing; the message says how to build it.
pub fn lay_out(built: &Path, into: &Path) -> Result<()> {
    for stem in STEMS {
        let binary = built.join(stem);
        ensure!(binary.is_file(), "{} is missing: build it with `cargo build --workspace`", binary.display());
        let folder = into.join(stem);
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let bootstrap = folder.join("bootstrap");
        match std::fs::remove_file(&bootstrap) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        // A link costs nothing; another file system needs a copy.
        if std::fs::hard_link(&binary, &bootstrap).is_err() {
            std::fs::copy(&binary, &bootstrap).with_context(|| format!("cannot copy {}", binary.display()))?;
        }
    }
    Ok(())
}
