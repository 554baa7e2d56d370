//! The fault campaign on the command line; `cargo xtask faults` builds and runs it.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::Result;
use clap::Parser;
use faults::campaign;

/// Plays schedules of nights that go wrong, each from a seed of its own, and holds what is left against the invariants.
#[derive(Parser)]
struct Arguments {
    /// How many schedules.
    #[arg(long, default_value_t = 500)]
    schedules: u64,
    /// The first one's seed; the others count up from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print what the schedule of `--seed` is, and all that happened.
    #[arg(long)]
    show: bool,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    if arguments.show {
        return show(arguments.seed);
    }
    let (next, calls, bad) = (AtomicU64::new(0), AtomicU64::new(0), Mutex::new(Vec::new()));
    let began = Instant::now();
    let work = || -> Result<()> {
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= arguments.schedules {
                return Ok(());
            }
            let seed = arguments.seed + n;
            let (played, faults) = campaign::play(seed)?;
            calls.fetch_add(played.sim.calls() as u64, Ordering::Relaxed);
            if !faults.is_empty() {
                for fault in &faults {
                    println!("seed {seed}: {}: {}", fault.rule, fault.what);
                }
                if let Ok(mut bad) = bad.lock() {
                    bad.push(seed);
                }
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow::anyhow!("a schedule panicked"))?)
    })?;
    let bad = bad.into_inner().unwrap_or_default();
    println!(
        "{} schedules, {} calls to EC2, in {:.1} s; {} with something that must not be",
        arguments.schedules,
        calls.into_inner(),
        began.elapsed().as_secs_f64(),
        bad.len()
    );
    if let Some(seed) = bad.iter().min() {
        println!("Look at one: cargo xtask faults --seed {seed} --show");
    }
    Ok(if bad.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(seed: u64) -> Result<ExitCode> {
    let (played, faults) = campaign::play(seed)?;
    println!("{}", serde_json::to_string_pretty(&played.schedule)?);
    for entry in played.sim.journal() {
        let refused = entry.refused.as_deref().unwrap_or(if entry.answered { "" } else { "no answer" });
        println!(
            "{:>6} {} {} {} {} {} {}",
            entry.number,
            entry.at.format("%d %H:%M:%S%.3f"),
            entry.region,
            entry.action,
            entry.resource,
            entry.effect.map(|effect| format!("{effect:?}")).unwrap_or_default(),
            refused
        );
    }
    for (n, run) in played.nights.iter().enumerate().flat_map(|(n, runs)| runs.iter().map(move |run| (n, run))) {
        println!("night {n}: {} to {}: {:?}", run.began, run.ended_at, run.ended.as_ref().map(|_| "green"));
        for report in &run.reports {
            println!("{}", serde_json::to_string(report)?);
        }
    }
    for fault in &faults {
        println!("{}: {}", fault.rule, fault.what);
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
