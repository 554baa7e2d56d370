//! What was measured.

use std::fmt;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use faults::scale::Outcome;
use serde::Serialize;

use crate::fleet::Fleet;

/// Everything.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What was to back up.
    pub fleet: Fleet,
    /// The least number of calls that it can be done with.
    pub least_calls: u64,
    /// Seconds that our share of EC2's buckets allows: the creates, then the deletes.
    pub share_bound_seconds: f64,
    /// Ours first.
    pub contenders: Vec<Contender>,
    /// Starts.
    pub init: Vec<Init>,
    /// Memory.
    pub memory: Vec<Memory>,
    /// Sizes of the zips, in bytes.
    pub zips: Vec<(String, u64)>,
    /// What it costs.
    pub money: Money,
}

/// One way to do it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Contender {
    /// Its name.
    pub name: String,
    /// Wall time.
    pub seconds: f64,
    /// Calls to EC2.
    pub calls: u64,
    /// Of these, throttled.
    pub throttled: u64,
    /// What failed for good, as it says itself.
    pub failures: u64,
    /// Snapshots made, by EC2's journal.
    pub created: u64,
    /// Snapshots deleted, by EC2's journal.
    pub deleted: u64,
    /// The most memory of its (largest) process.
    pub peak_bytes: u64,
    /// What else is to say.
    pub note: String,
}

/// How a program starts: medians.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Init {
    /// Which.
    pub program: String,
    /// How often it was started.
    pub starts: usize,
    /// From the start of the process to its first request to the Runtime API.
    pub milliseconds: f64,
    /// What it has had resident by then.
    pub peak_bytes: u64,
}

impl Init {
    /// The medians of some starts.
    pub fn median(program: &str, mut starts: Vec<(Duration, u64)>) -> Self {
        let middle = starts.len() / 2;
        starts.sort_by_key(|(init, _)| *init);
        let init = starts.get(middle).map(|(init, _)| *init).unwrap_or_default();
        starts.sort_by_key(|(_, bytes)| *bytes);
        let peak_bytes = starts.get(middle).map(|(_, bytes)| *bytes).unwrap_or_default();
        Self {
            program: program.to_owned(),
            starts: starts.len(),
            milliseconds: init.as_secs_f64() * 1_000.0,
            peak_bytes,
        }
    }
}

/// The most memory of a step.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Memory {
    /// What it had to do with.
    pub with: String,
    /// The step.
    pub step: String,
    /// The most that was ever resident.
    pub bytes: u64,
}

/// What a month of nights costs, at public prices.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Money {
    /// Volumes.
    pub volumes: usize,
    /// Regions that they are in.
    pub regions: usize,
    /// State transitions of a night.
    pub transitions: u64,
    /// Lambda invocations of a night.
    pub invocations: u64,
    /// Memory times time of a night.
    pub gib_seconds: f64,
    /// US dollars a month, without any free tier.
    pub dollars_a_month: f64,
}

/// Nights of a month, on average.
const NIGHTS: f64 = 30.44;
/// US dollars for a state transition of a Standard workflow (AWS Step Functions pricing, us-east-1, November 2026).
const DOLLARS_PER_TRANSITION: f64 = 25e-6;
/// US dollars for an invocation, and for a GiB-second on x86 (AWS Lambda pricing, us-east-1, November 2026).
const DOLLARS_PER_INVOCATION: f64 = 0.2e-6;
const DOLLARS_PER_GIB_SECOND: f64 = 16.6667e-6;

impl Money {
    /// What a month of such nights costs.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub fn of(night: &Outcome) -> Self {
        let dollars = night.transitions as f64 * DOLLARS_PER_TRANSITION
            + night.invocations as f64 * DOLLARS_PER_INVOCATION
            + night.gib_seconds * DOLLARS_PER_GIB_SECOND;
        Self {
            volumes: night.shape.regions * night.shape.volumes,
            regions: night.shape.regions,
            transitions: night.transitions,
            invocations: night.invocations,
            gib_seconds: night.gib_seconds,
            dollars_a_month: dollars * NIGHTS,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes and counts are far below 2^52")]
fn megabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}

fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header(head);
    table.add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

impl fmt::Display for Report {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fleet { regions, volumes, expired, latency_ms, .. } = self.fleet;
        writeln!(f, "{regions} regions × {volumes} volumes, {expired} expired each; {latency_ms} ms a call")?;
        let ours = self.contenders.first().map_or(1.0, |ours| ours.seconds);
        let rows = self.contenders.iter().map(|c| {
            vec![
                c.name.clone(),
                format!("{:.1}", c.seconds),
                format!("{:.1}", c.seconds / ours),
                c.calls.to_string(),
                format!("{:.3}", c.calls as f64 / self.least_calls as f64),
                c.throttled.to_string(),
                c.failures.to_string(),
                c.created.to_string(),
                c.deleted.to_string(),
                megabytes(c.peak_bytes),
            ]
        });
        let head = ["", "seconds", "× ours", "calls", "× least", "throttled", "failures", "made", "deleted", "peak MB"];
        writeln!(f, "{}", table(&head, rows))?;
        writeln!(
            f,
            "Our share of EC2's buckets allows {:.1} s: we take {:.3} times as long.\n",
            self.share_bound_seconds,
            ours / self.share_bound_seconds
        )?;
        let python = self.init.last().map_or(1.0, |python| python.milliseconds);
        let rows = self.init.iter().map(|init| {
            vec![
                init.program.clone(),
                format!("{:.1}", init.milliseconds),
                format!("1/{:.0}", python / init.milliseconds),
                megabytes(init.peak_bytes),
            ]
        });
        writeln!(f, "{}", table(&["from exec to the first request", "ms", "of Python", "MB"], rows))?;
        let rows =
            self.memory.iter().map(|memory| vec![format!("{}: {}", memory.with, memory.step), megabytes(memory.bytes)]);
        writeln!(f, "{}", table(&["most memory", "MB"], rows))?;
        let rows = self.zips.iter().map(|(stem, bytes)| vec![stem.clone(), megabytes(*bytes)]);
        writeln!(f, "{}", table(&["zip", "MB"], rows))?;
        let Money { volumes, regions, transitions, invocations, gib_seconds, dollars_a_month } = &self.money;
        writeln!(
            f,
            "A night of {volumes} volumes in {regions} regions: {transitions} transitions, {invocations} invocations, {gib_seconds:.0} GiB-seconds; \
             ${dollars_a_month:.2} a month."
        )
    }
}
