//! The largest nights on the command line; `cargo xtask scale` builds and runs it.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use comfy_table::{CellAlignment, Table, presets};
use faults::scale::{self, Outcome, Shape};

/// Plays the largest nights in virtual time, and holds them against the limits of AWS.
#[derive(Parser)]
struct Arguments {
    /// Also write what was measured as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

const NIGHTS: [Shape; 3] = [
    Shape { regions: 1, volumes: 5_000, expired: 5_000 },
    Shape { regions: 1, volumes: 100_000, expired: 100_000 },
    Shape { regions: 31, volumes: 10_000, expired: 10_000 },
];

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let outcomes = NIGHTS.into_iter().map(scale::play).collect::<Result<Vec<Outcome>>>()?;
    println!("{}", table(&outcomes));
    if let Some(path) = arguments.json {
        std::fs::write(path, serde_json::to_string_pretty(&outcomes)? + "\n")?;
    }
    let mut code = ExitCode::SUCCESS;
    for outcome in &outcomes {
        if let Err(reason) = outcome.check() {
            println!("{:?}: {reason}", outcome.shape);
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

/// A row: what it shows, and of a night.
type Row<'a> = (&'a str, &'a dyn Fn(&Outcome) -> String);

fn table(outcomes: &[Outcome]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    let head = outcomes
        .iter()
        .map(|o| format!("{} × {} volumes, {} expired", o.shape.regions, o.shape.volumes, o.shape.expired));
    table.set_header(std::iter::once(String::new()).chain(head));
    let longest = |outcome: &Outcome, stem: &str| outcome.longest_seconds.get(stem).copied().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "counts of calls are far below 2^52")]
    let rows: [Row<'_>; 15] = [
        ("duration", &|o| hours(o.seconds)),
        ("what EC2's refill allows", &|o| hours(o.bound_seconds)),
        ("ratio to it", &|o| format!("{:.3}", o.seconds / o.bound_seconds)),
        ("ratio to our share of it", &|o| format!("{:.3}", o.seconds / o.share_bound_seconds)),
        ("calls to EC2", &|o| o.calls.to_string()),
        ("ratio to the least number", &|o| format!("{:.3}", o.calls as f64 / o.least_calls as f64)),
        ("throttled", &|o| o.throttled.to_string()),
        ("most events of an execution", &|o| o.events.to_string()),
        ("largest payload, KiB", &|o| format!("{:.1}", o.payload_bytes as f64 / 1_024.0)),
        ("longest create-snapshots, s", &|o| format!("{:.0}", longest(o, "create-snapshots"))),
        ("longest find-expired, s", &|o| format!("{:.0}", longest(o, "find-expired"))),
        ("longest delete-snapshots, s", &|o| format!("{:.0}", longest(o, "delete-snapshots"))),
        ("kept as the newest completed", &|o| o.kept_as_newest.to_string()),
        ("wrong volumes, wrong deletions", &|o| format!("{}, {}", o.volumes_wrong, o.deletions_wrong)),
        ("played in, s", &|o| format!("{:.0}", o.played_in_seconds)),
    ];
    for (name, value) in rows {
        table.add_row(std::iter::once(name.to_owned()).chain(outcomes.iter().map(value)));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn hours(seconds: f64) -> String {
    let minutes = std::time::Duration::from_secs_f64(seconds).as_secs() / 60;
    if minutes < 60 { format!("{seconds:.0} s") } else { format!("{} h {:02} min", minutes / 60, minutes % 60) }
}
