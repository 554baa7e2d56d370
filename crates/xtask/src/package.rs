//! `package`: the Lambda zips for deployment.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::report::{Report, capture};
use crate::tools::Tools;
use crate::workspace::{STEPS, Workspace};

/// The architectures of Lambda.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Architecture {
    /// Intel and AMD.
    #[value(name = "x86_64")]
    X86_64,
    /// Graviton.
    #[value(name = "arm64")]
    Arm64,
}

impl Architecture {
    /// Lambda's and the CDK's word for it.
    fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }

    /// Rust's word for it.
    fn target(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }

    /// Where the zips are, `<step>/bootstrap.zip`.
    pub fn folder(self, workspace: &Workspace) -> PathBuf {
        workspace.root.join("target").join("lambda").join(self.name())
    }

    /// Where the binaries are that the zips are made of.
    pub fn binaries(self, workspace: &Workspace) -> PathBuf {
        workspace.target.join(self.target()).join("release")
    }
}

/// Makes the zips of the given architectures, and prints their sizes.
pub fn package(workspace: &Workspace, tools: &Tools<'_>, architectures: &[Architecture]) -> Result<()> {
    let mut report = Report::new("Packaging");
    let bin = report.step("cargo-lambda", || {
        tools.venv("cargo-lambda", &workspace.root.join("crates/xtask/requirements/cargo-lambda.txt"))
    });
    let Some(bin) = bin else { bail!("cargo-lambda could not be installed") };
    for architecture in architectures {
        let name = format!("release build for {}", architecture.name());
        report.step(&name, || build(workspace, &bin, *architecture));
    }
    for architecture in architectures {
        print_sizes(&architecture.folder(workspace))?;
    }
    match report.close() {
        code if code == std::process::ExitCode::SUCCESS => Ok(()),
        _ => bail!("not everything could be packaged"),
    }
}

fn build(workspace: &Workspace, bin: &Path, architecture: Architecture) -> Result<()> {
    let sysroot = capture(Command::new("rustc").args(["--print", "sysroot"]))?;
    let libraries = Path::new(sysroot.trim()).join("lib/rustlib").join(architecture.target());
    if !libraries.exists() {
        let target = architecture.target();
        bail!("the Rust target {target} is not installed: rustup target add {target}");
    }
    // cargo-lambda finds its linker, zig, through the Python that comes first on the path.
    let path = std::env::join_paths(
        std::iter::once(bin.to_path_buf()).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    )?;
    let mut command = Command::new(bin.join("cargo-lambda"));
    command.current_dir(&workspace.root).env("PATH", path).args([
        "lambda",
        "build",
        "--release",
        "--locked",
        "--output-format",
        "zip",
    ]);
    command.args(["--target", architecture.target()]).arg("--lambda-dir").arg(architecture.folder(workspace));
    for step in STEPS {
        command.args(["--package", step]);
    }
    capture(&mut command).map(drop)
}

fn print_sizes(folder: &Path) -> Result<()> {
    println!();
    for step in STEPS {
        let zip = folder.join(step).join("bootstrap.zip");
        let size = fs::metadata(&zip).with_context(|| zip.display().to_string())?.len();
        println!("  {:>8.2} MB  {}", size as f64 / 1e6, zip.display());
    }
    Ok(())
}
