//! The whole story on one machine: a fleet, four nights, a region that goes away and comes back, and data that comes back.
//!
//! It asserts what it shows, and ends with an error when anything is not as it should be.

mod fleet;
mod nights;
mod restores;
mod show;
mod story;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

/// Shows EBS Backup at work, on a local AWS that starts and ends with it.
#[derive(Debug, Parser)]
#[command(name = "demo")]
pub struct Options {
    /// A Python in which `crates/local-aws/server/requirements.txt` is installed; else `EBS_BACKUP_PYTHON`.
    #[arg(long)]
    python: Option<PathBuf>,
    /// The folder of the CDK app, after `npm ci`; else `EBS_BACKUP_INFRA`, else the repository's.
    #[arg(long)]
    cdk_dir: Option<PathBuf>,
    /// The functions, `<dir>/<stem>/bootstrap`; else `EBS_BACKUP_LAMBDAS`, else those built beside this program.
    #[arg(long)]
    lambda_dir: Option<PathBuf>,
    /// Leave the local AWS up at the end, and tell how to look around.
    #[arg(long)]
    keep: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    // When told to stop, the story is dropped where it is, and with it the server and all that it started.
    let told = tokio::select! {
        told = story::tell(&options) => told,
        stopped = told_to_stop() => Err(stopped),
    };
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\n{} {error:#}", show::red("✗"));
            ExitCode::FAILURE
        }
    }
}

async fn told_to_stop() -> anyhow::Error {
    let mut terminate = match signal(SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(error) => return error.into(),
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => anyhow::anyhow!("interrupted"),
        _ = terminate.recv() => anyhow::anyhow!("terminated"),
    }
}
