//! Where things are.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::report::capture;

/// The stems of the steps: package, binary and Lambda.
pub const STEPS: [&str; 14] = [
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

/// The workspace and its target directory.
pub struct Workspace {
    /// The folder of the top-level `Cargo.toml`.
    pub root: PathBuf,
    /// Cargo's target directory.
    pub target: PathBuf,
}

impl Workspace {
    /// Asks cargo.
    pub fn find() -> Result<Self> {
        let output = Command::new(cargo())
            .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
            .output()
            .context("cargo metadata")?;
        let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
        let path =
            |key: &str| metadata[key].as_str().map(PathBuf::from).with_context(|| format!("cargo metadata: {key}"));
        Ok(Self { root: path("workspace_root")?, target: path("target_directory")? })
    }

    /// A cargo command over the whole workspace.
    ///
    /// Always the whole: cargo unifies the features of what it builds together, and another selection of packages could
    /// mean another feature of something the SDK depends on, and minutes of compiling it once more.
    pub fn cargo(&self, subcommand: &str) -> Command {
        let mut command = Command::new(cargo());
        command.current_dir(&self.root).arg(subcommand).arg("--workspace").arg("--locked");
        command
    }

    /// One of the workspace's own binaries, as built in the dev profile.
    pub fn binary(&self, name: &str) -> Command {
        let mut command = Command::new(self.target.join("debug").join(name));
        command.current_dir(&self.root);
        command
    }

    /// A program of the profile `campaign`, built and ready to run.
    pub fn campaign(&self, program: &str) -> Result<Command> {
        const PROFILE: &str = "campaign";
        capture(self.cargo("build").args(["--quiet", "--profile", PROFILE, "--bin", program]))?;
        let mut command = Command::new(self.target.join(PROFILE).join(program));
        command.current_dir(&self.root);
        Ok(command)
    }

    /// The CDK app.
    pub fn infra(&self) -> PathBuf {
        self.root.join("infra")
    }

    /// Where pinned tools are kept.
    pub fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }
}

/// The cargo that runs us.
pub fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| Path::new("cargo").to_path_buf(), PathBuf::from)
}
