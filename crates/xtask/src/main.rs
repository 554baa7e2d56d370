//! The developer's commands. `cargo xtask demo` shows the product at work on this machine; `cargo xtask test` proves it.
//!
//! Whatever a command needs besides Rust, Node.js and Python it installs by itself, pinned, into the target directory.

mod package;
mod report;
mod tools;
mod verify;
mod workspace;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::report::Report;
use crate::tools::Tools;
use crate::workspace::Workspace;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The developer's commands of EBS Backup", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show four nights, a failed region and its replay, on a local AWS. Needs no account and no Docker.
    Demo {
        /// Leave the local AWS running and print how to look around.
        #[arg(long)]
        keep: bool,
    },
    /// Everything that must hold: the checks, the Rust tests, the CDK tests, the tests on the local AWS.
    Test,
    /// The quick part of `test`: formatting, lints, documentation, licences, spelling, types.
    Check,
    /// Make the Lambda zips for deployment, linked against the runtime's glibc.
    Package {
        /// Which architectures; arm64 needs `rustup target add aarch64-unknown-linux-gnu`.
        #[arg(long, value_delimiter = ',', default_value = "x86_64")]
        arch: Vec<package::Architecture>,
    },
    /// Play nights that go wrong, each from a seed, over a simulated EC2, and hold what they leave behind against the invariants.
    Faults {
        /// What `faults --help` lists: --schedules N, --seed S, --show.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Play a policy on a virtual clock and show what survives, or judge given moments: a policy, before it is deployed.
    Simulate {
        /// What `cargo xtask simulate -- --help` lists: --policy FILE, --days N, --every 1h, --miss 3%, --seed S, --svg FILE,
        /// --points FILE, --now T, --output json.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Play the largest nights in virtual time, and hold them against the limits of AWS.
    Scale,
    /// Hold our steps against the scripts people use, over the same simulated EC2: about 20 minutes, and the packaging before it.
    Bench {
        /// Where the numbers and the picture go.
        #[arg(long, default_value = "target/bench")]
        out: PathBuf,
        /// A tenth of everything, to see whether it works.
        #[arg(long)]
        quick: bool,
    },
    /// Rewrite what is generated from the code: the schemas of the inputs, the list of EC2 differences, the CDK
    /// template's snapshot, the mails that the documentation shows.
    Generate,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let tools = Tools::new(&workspace);
    match command {
        Command::Demo { keep } => demo(&workspace, &tools, keep),
        Command::Test => Ok(verify::test(&workspace, &tools)),
        Command::Check => Ok(verify::check(&workspace, &tools)),
        Command::Package { arch } => package::package(&workspace, &tools, &arch).map(|()| ExitCode::SUCCESS),
        Command::Faults { arguments } => campaign(&workspace, &tools, "faults", &arguments),
        Command::Simulate { arguments } => simulate(&workspace, &arguments),
        Command::Scale => campaign(&workspace, &tools, "scale", &[]),
        Command::Bench { out, quick } => bench(&workspace, &tools, &out, quick),
        Command::Generate => verify::generate(&workspace, &tools).map(|()| ExitCode::SUCCESS),
    }
}

/// Builds a program of the fault campaign, optimised, and runs it.
fn campaign(workspace: &Workspace, tools: &Tools, program: &str, arguments: &[String]) -> Result<ExitCode> {
    tools.announce_first_build();
    let status = workspace.campaign(program)?.args(arguments).status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Plays a policy. On its own, and not with the whole workspace, as it needs no SDK; in the folder it was called from, whose
/// files it is given.
fn simulate(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode> {
    let mut simulate = std::process::Command::new(workspace::cargo());
    simulate.args(["run", "--quiet", "--locked", "--package", "simulate", "--manifest-path"]);
    let status = simulate.arg(workspace.root.join("Cargo.toml")).arg("--").args(arguments).status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Packages the functions, as they are shipped, and runs the benchmark over them.
fn bench(workspace: &Workspace, tools: &Tools, out: &Path, quick: bool) -> Result<ExitCode> {
    let architecture = package::Architecture::X86_64;
    package::package(workspace, tools, &[architecture])?;
    let peers = tools.venv("bench", &workspace.root.join("bench/peers/requirements.txt"))?;
    let mut bench = workspace.campaign("bench")?;
    bench.arg("--binaries").arg(architecture.binaries(workspace)).arg("--zips").arg(architecture.folder(workspace));
    bench.arg("--python").arg(peers.join("python")).arg("--out").arg(std::path::absolute(out)?);
    if quick {
        bench.arg("--quick");
    }
    let status = bench.status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn demo(workspace: &Workspace, tools: &Tools, keep: bool) -> Result<ExitCode> {
    tools.announce_first_build();
    let mut report = Report::new("Setting up");
    let local = report.step("local AWS, CDK and binaries", || tools.local_aws());
    let Some(local) = local else { return Ok(report.close()) };
    let mut demo = workspace.binary("demo");
    demo.envs([local.environment()]);
    if keep {
        demo.arg("--keep");
    }
    let status = demo.status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
