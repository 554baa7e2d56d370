//! A night by our steps and by the scripts people use, side by side over the simulated EC2; `cargo xtask bench` builds all
//! that is needed and runs it.

mod drawing;
mod fleet;
mod ours;
mod peers;
mod report;
mod runtime_api;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::Utc;
use clap::Parser;
use contract::Pace;
use contract::limits::VOLUMES_PER_PAGE;
use ec2_sim::journal::Effect;
use ec2_sim::{Server, Sim};
use faults::scale::{self, Shape};

use crate::fleet::Fleet;
use crate::ours::Processes;
use crate::report::{Contender, Init, Memory, Money, Report};
use crate::runtime_api::Function;

/// Holds our steps against the scripts people use.
#[derive(Parser)]
struct Arguments {
    /// The folder with our binaries, as they are shipped.
    #[arg(long)]
    binaries: PathBuf,
    /// The folder with the zips, `<step>/bootstrap.zip`.
    #[arg(long)]
    zips: PathBuf,
    /// A Python with `peers/requirements.txt` installed.
    #[arg(long)]
    python: PathBuf,
    /// Where `bench.json` and `bench.svg` go.
    #[arg(long)]
    out: PathBuf,
    /// A tenth of everything, to see whether it works.
    #[arg(long)]
    quick: bool,
}

/// Runs of each program whose start is measured.
const STARTS: usize = 25;
/// Volumes of the page with which memory is measured.
const PAGE: usize = VOLUMES_PER_PAGE.unsigned_abs() as usize;
/// The small company whose bill is drawn up.
const SMALL: Shape = Shape { regions: 31, volumes: 4, expired: 4 };

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let tokio = tokio::task::LocalSet::new();
    tokio.run_until(bench(&arguments)).await
}

async fn bench(arguments: &Arguments) -> Result<ExitCode> {
    let (regions, volumes) = if arguments.quick { (4, 20) } else { (31, 200) };
    let fleet = Fleet { regions, volumes, expired: volumes, latency_ms: 50.0, throttling: true };
    say("our night");
    let ours = ours(&arguments.binaries, fleet).await?;
    say("a thread per region");
    let threads = peer(arguments, fleet, "boto3, a thread per region", "thread_per_region.py").await?;
    say("one after another, and Cloud Custodian beside it: both wait for EC2 most of the time");
    let (one_by_one, custodian) = tokio::try_join!(
        peer(arguments, fleet, "boto3, one after another", "one_by_one.py"),
        peer(arguments, fleet, "Cloud Custodian", "custodian.py"),
    )?;
    say("starts");
    let init = inits(arguments).await?;
    say("memory");
    let memory = memory(arguments).await?;
    say("a month");
    // Off this runtime: it has one of its own, whose time is not real.
    let month = std::thread::spawn(|| scale::play(SMALL));
    let month = month.join().map_err(|_| anyhow::anyhow!("the small night panicked"))??;
    let report = Report {
        fleet,
        least_calls: scale::least_calls(Shape { regions, volumes, expired: volumes }),
        share_bound_seconds: [("CreateSnapshot", fleet.volumes), ("DeleteSnapshot", fleet.expired)]
            .map(|(action, calls)| scale::bound(calls, action, scale::share(Pace::default())))
            .iter()
            .sum(),
        contenders: vec![ours, one_by_one, threads, custodian],
        init,
        memory,
        zips: zips(&arguments.zips)?,
        money: Money::of(&month),
    };
    println!("{report}");
    std::fs::create_dir_all(&arguments.out)?;
    std::fs::write(arguments.out.join("bench.json"), serde_json::to_string_pretty(&report)? + "\n")?;
    drawing::draw(&report, &arguments.out.join("bench.svg"))?;
    Ok(ExitCode::SUCCESS)
}

fn say(what: &str) {
    eprintln!("  {what} …");
}

async fn ours(binaries: &Path, fleet: Fleet) -> Result<Contender> {
    let sim = fleet.ec2(Utc::now());
    let night = ours::night(binaries, &sim, &fleet.regions()).await?;
    let peak = night.peaks.values().copied().max().unwrap_or_default();
    let note = format!("{} processes; the largest is counted", night.processes);
    Ok(counted("EBS Backup", night.took, peak, &sim, 0, note))
}

async fn peer(arguments: &Arguments, fleet: Fleet, name: &str, program: &str) -> Result<Contender> {
    let sim = fleet.ec2(Utc::now());
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(program);
    let regions = fleet.regions();
    let mut by_name = Vec::new();
    if program.ends_with("custodian.py") {
        regions.iter().for_each(|region| by_name.extend(["--region", region.as_str()]));
    }
    let script = peers::script(&arguments.python, &program, &by_name, &sim).await?;
    let failures = script.says["failures"].as_u64().unwrap_or_default();
    Ok(counted(name, script.took, script.peak, &sim, failures, script.says["failure_codes"].to_string()))
}

fn counted(name: &str, took: Duration, peak_bytes: u64, sim: &Arc<Sim>, failures: u64, note: String) -> Contender {
    sim.read_journal(|journal| {
        let made = journal.iter().filter(|entry| matches!(entry.effect, Some(Effect::Created { .. })));
        let deleted = journal.iter().filter(|entry| matches!(entry.effect, Some(Effect::Deleted { .. })));
        let throttled = journal.iter().filter(|entry| entry.refused.as_deref() == Some("RequestLimitExceeded"));
        Contender {
            name: name.to_owned(),
            seconds: took.as_secs_f64(),
            calls: journal.len() as u64,
            throttled: throttled.count() as u64,
            failures,
            created: made.count() as u64,
            deleted: deleted.count() as u64,
            peak_bytes,
            note,
        }
    })
}

/// The medians of how long our binaries and Python take to their first request, and of what they then have in memory.
async fn inits(arguments: &Arguments) -> Result<Vec<Init>> {
    let fleet = Fleet { regions: 1, volumes: 1, expired: 0, latency_ms: 0.0, throttling: false };
    let sim = fleet.ec2(Utc::now());
    let server = Server::start(Arc::clone(&sim), 0).await?;
    let processes = Processes::new(&arguments.binaries, &server, &fleet.regions()).await?;
    let mut inits = Vec::new();
    let starts = if arguments.quick { 5 } else { STARTS };
    for stem in faults::deployed::sizes().keys() {
        let mut of_stem = Vec::new();
        for _ in 0..starts {
            of_stem.push(started(&processes.start(stem).await?)?);
        }
        inits.push(Init::median(stem, of_stem));
    }
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/python_init.py");
    let program = program.display().to_string();
    let environment =
        [("AWS_ACCESS_KEY_ID", fleet::ACCOUNT), ("AWS_SECRET_ACCESS_KEY", "secret"), ("AWS_REGION", "eu-central-1")];
    let mut of_python = Vec::new();
    for _ in 0..starts {
        let arguments_of_python = ["-B", program.as_str()];
        let python = Function::start(&arguments.python, &arguments_of_python, &environment, Duration::from_secs(60));
        of_python.push(started(&python.await?)?);
    }
    inits.push(Init::median("Python, boto3, a client", of_python));
    Ok(inits)
}

fn started(function: &Function) -> Result<(Duration, u64)> {
    Ok((function.init, function.peak_memory().context("the process is gone")?))
}

/// The most memory of each step: with a page of 500 volumes, and with the largest region.
async fn memory(arguments: &Arguments) -> Result<Vec<Memory>> {
    let mut measured = Vec::new();
    let large = if arguments.quick { 2_000 } else { 100_000 };
    let fleet = Fleet { regions: 1, volumes: PAGE, expired: PAGE, latency_ms: 0.0, throttling: false };
    let sim = fleet.ec2(Utc::now());
    let night = ours::night(&arguments.binaries, &sim, &fleet.regions()).await?;
    let with = format!("{PAGE} volumes, {PAGE} expired");
    measured.extend(night.peaks.into_iter().map(|(step, bytes)| Memory { with: with.clone(), step, bytes }));
    // Nothing is deleted here: only the plan over all of it is looked at.
    let fleet = Fleet { regions: 1, volumes: large, expired: 2 * large, latency_ms: 0.0, throttling: false };
    let sim = fleet.ec2(Utc::now());
    let bytes = ours::one_plan(&arguments.binaries, &sim, &fleet.regions()).await?;
    let with = format!("{large} volumes, {} snapshots", 2 * large);
    measured.push(Memory { with, step: "find-expired".to_owned(), bytes });
    Ok(measured)
}

fn zips(folder: &Path) -> Result<Vec<(String, u64)>> {
    let size = |stem: &String| -> Result<(String, u64)> {
        let zip = folder.join(stem).join("bootstrap.zip");
        let bytes = std::fs::metadata(&zip).with_context(|| zip.display().to_string())?.len();
        Ok((stem.clone(), bytes))
    };
    faults::deployed::sizes().keys().map(size).collect()
}
