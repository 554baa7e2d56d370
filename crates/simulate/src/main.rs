//! `cargo xtask simulate`.

use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use clap::{Parser, ValueEnum};
use contract::Span;
use serde_json::json;
use simulate::{Nights, calendar, judge, picture, play, points, policy_file};

/// Plays a policy on a virtual clock, through the code that judges real snapshots, and shows what survives. Or, with
/// --points, gives the verdicts on snapshots started at given moments.
#[derive(Parser)]
#[command(name = "simulate")]
struct Arguments {
    /// A policy as in accounts.json: `{"retention": {"keepDaily": 7}}` is enough
    #[arg(long)]
    policy: PathBuf,
    /// How many days to play
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..=10_000), conflicts_with = "points")]
    days: u32,
    /// The time from one run to the next, such as 24h or 1h
    #[arg(long, default_value = "24h", conflicts_with = "points")]
    every: Span,
    /// The share of runs that do not happen
    #[arg(long, default_value = "0%", value_parser = per_cent, conflicts_with = "points")]
    miss: f64,
    /// Which runs those are
    #[arg(long, default_value_t = 1, conflicts_with = "points")]
    seed: u64,
    /// Draw it as well, into this SVG file
    #[arg(long, conflicts_with = "points")]
    svg: Option<PathBuf>,
    /// Moments, one a line, as RFC 3339 writes them: the verdict on each instead
    #[arg(long)]
    points: Option<PathBuf>,
    /// The moment of the last run, or that the verdicts are of [default: now]
    #[arg(long)]
    now: Option<DateTime<Utc>>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

fn per_cent(text: &str) -> Result<f64> {
    let number = text.strip_suffix('%').unwrap_or(text).trim();
    let Ok(number) = number.parse::<f64>() else { bail!("a share such as 3%") };
    ensure!((0.0..100.0).contains(&number), "from 0% to less than 100%");
    Ok(number / 100.0)
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let policy = policy_file::read(&arguments.policy)?;
    let now = arguments.now.unwrap_or_else(|| Utc::now().trunc_subsecs(0));
    if let Some(file) = &arguments.points {
        let verdicts = judge(&policy, &points::read(file)?, now)?;
        match arguments.output {
            Output::Json => println!("{:#}", json!({ "now": now, "points": verdicts })),
            Output::Text => verdicts.iter().for_each(|point| {
                let word = format!("{:?}", point.verdict).to_lowercase();
                println!("{word:<6}  {}", calendar::described(&policy, point));
            }),
        }
        return Ok(());
    }
    let every = (now - arguments.every.before(now)).max(TimeDelta::hours(1));
    let nights = Nights { last: now, days: arguments.days, every, missed: arguments.miss, seed: arguments.seed };
    let outcome = play(&policy, nights)?;
    match arguments.output {
        Output::Json => println!("{:#}", serde_json::to_value(&outcome)?),
        Output::Text => print!("{}", calendar::render(&policy, &outcome)),
    }
    if let Some(file) = &arguments.svg {
        picture::draw(&policy, &outcome, file)?;
    }
    Ok(())
}
