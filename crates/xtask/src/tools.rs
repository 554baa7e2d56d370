//! What a fresh machine lacks: installed once, pinned, under the target directory.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::report::capture;
use crate::workspace::{Workspace, cargo};

/// The oldest Node.js that the CDK runs on.
const NODE: (u32, u32) = (20, 0);
/// The oldest Python that the local AWS runs on.
const PYTHON: (u32, u32) = (3, 10);
/// The licence and source checker.
const CARGO_DENY: &str = "0.20.2";

/// Finds and installs tools.
pub struct Tools<'a> {
    workspace: &'a Workspace,
}

/// A Python that can run the local AWS; everything else is where the repository and cargo have it.
pub struct LocalAws {
    python: PathBuf,
}

impl LocalAws {
    /// What the demo and the tests read.
    pub fn environment(&self) -> (&'static str, &Path) {
        ("EBS_BACKUP_PYTHON", &self.python)
    }
}

impl<'a> Tools<'a> {
    /// Tools for a workspace.
    pub fn new(workspace: &'a Workspace) -> Self {
        Self { workspace }
    }

    /// A Python that can run the EC2 that ours and the local AWS's are held against.
    pub fn moto(&self) -> Result<(&'static str, PathBuf)> {
        let bin = self.venv("moto", &self.workspace.root.join("crates/local-aws/server/moto-requirements.txt"))?;
        Ok(("EBS_BACKUP_MOTO_PYTHON", bin.join("python")))
    }

    /// The local AWS, the CDK and the binaries, all ready.
    pub fn local_aws(&self) -> Result<LocalAws> {
        let bin = self.venv("ministack", &self.workspace.root.join("crates/local-aws/server/requirements.txt"))?;
        self.npm()?;
        self.build()?;
        Ok(LocalAws { python: bin.join("python") })
    }

    /// Says so when nothing has been built yet.
    pub fn announce_first_build(&self) {
        if !self.workspace.target.join("debug").join("create-snapshots").exists() {
            println!(
                "The first build compiles the AWS SDK for EC2: about 5 minutes on 2 cores, up to 8 GB of memory; the checks compile it"
            );
            println!("once more in their own way. Later builds take seconds, as long as the target directory is kept.");
        }
    }

    /// Builds the whole workspace in the dev profile, which the demo and the tests share.
    pub fn build(&self) -> Result<()> {
        capture(self.workspace.cargo("build").arg("--quiet")).map(drop)
    }

    /// The `bin` folder of a Python environment that holds exactly what `requirements` pins by hash.
    pub fn venv(&self, name: &str, requirements: &Path) -> Result<PathBuf> {
        let python = self.python()?;
        let pinned = fs::read_to_string(requirements).with_context(|| requirements.display().to_string())?;
        let folder = self.workspace.tools().join(format!("{name}-{}", fingerprint(&pinned)));
        let bin = folder.join("bin");
        let ready = folder.join("ready");
        if !ready.exists() {
            _ = fs::remove_dir_all(&folder);
            capture(Command::new(python).args(["-m", "venv"]).arg(&folder))
                .context("making a Python environment (on Debian and Ubuntu: apt-get install python3-venv)")?;
            capture(
                Command::new(bin.join("python"))
                    .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r"])
                    .arg(requirements),
            )?;
            fs::write(&ready, &pinned)?;
        }
        Ok(bin)
    }

    /// The CDK app's packages, as its lock file pins them.
    pub fn npm(&self) -> Result<()> {
        check_version("node", &["node"], NODE, "https://nodejs.org or your system's packages")?;
        let infra = self.workspace.infra();
        let lock = fs::read_to_string(infra.join("package-lock.json"))?;
        let ready = infra.join("node_modules").join(".ebs-backup-lock");
        if fs::read_to_string(&ready).unwrap_or_default() != fingerprint(&lock) {
            capture(
                Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&infra),
            )?;
            fs::write(&ready, fingerprint(&lock))?;
        }
        Ok(())
    }

    /// cargo-deny, built once.
    pub fn cargo_deny(&self) -> Result<PathBuf> {
        let folder = self.workspace.tools().join(format!("cargo-deny-{CARGO_DENY}"));
        let program = folder.join("bin").join("cargo-deny");
        if !program.exists() {
            capture(
                Command::new(cargo())
                    .args(["install", "cargo-deny", "--quiet", "--locked", "--version", CARGO_DENY, "--root"])
                    .arg(&folder)
                    .env_remove("CARGO_TARGET_DIR"),
            )?;
        }
        Ok(program)
    }

    /// The Python to make environments with.
    fn python(&self) -> Result<PathBuf> {
        check_version("python", &["python3", "python"], PYTHON, "https://python.org or your system's packages")
    }
}

fn fingerprint(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// The first of `programs` that is there and at least of the version `oldest`.
fn check_version(what: &str, programs: &[&str], oldest: (u32, u32), from: &str) -> Result<PathBuf> {
    let mut found = Vec::new();
    for program in programs {
        let Ok(text) = capture(Command::new(program).arg("--version")) else { continue };
        match version(&text) {
            Some(version) if version >= oldest => return Ok(PathBuf::from(program)),
            _ => found.push(format!("{program} is {}", text.trim())),
        }
    }
    let found = if found.is_empty() { "none was found".to_owned() } else { found.join(", ") };
    bail!(
        "{what} {}.{} or newer is needed, and {found}. Get it from {from}, then run the command again.",
        oldest.0,
        oldest.1
    )
}

/// The first two numbers of a text such as `Python 3.11.7` or `v20.20.2`.
fn version(text: &str) -> Option<(u32, u32)> {
    let digits = text.trim().trim_start_matches(|c: char| !c.is_ascii_digit());
    let mut numbers = digits.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_the_tools_print_them() {
        assert_eq!(version("v20.20.2\n"), Some((20, 20)));
        assert_eq!(version("Python 3.11.7"), Some((3, 11)));
        assert_eq!(version("command not found"), None);
    }

    #[test]
    fn a_missing_tool_is_named_with_where_to_get_it() {
        let error = check_version("node", &["no-such-program"], (20, 0), "https://nodejs.org").unwrap_err().to_string();
        assert!(error.contains("node 20.0 or newer") && error.contains("nodejs.org"), "{error}");
    }
}
