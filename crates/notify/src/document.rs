//! The report for machines: one JSON document, the same for a queue, a function or an HTTPS endpoint.
//!
//! A reader holds on to `schemaVersion`: within one version fields are added, never changed or taken away.

use chrono::{DateTime, Utc};
use contract::job::JobPolicy;
use contract::prices::{PRICES_AS_OF, PRICES_REGION};
use contract::tally::{SnapshotCounts, VolumeCounts};
use contract::text::json_len;
use contract::{ExecutionInput, Region, RunId, Tally};
use serde::Serialize;

use crate::evaluate::RegionOutcome;
use crate::report::{Report, json};

/// The version of [`Document`].
pub const SCHEMA_VERSION: u32 = 1;

/// The document.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document<'a> {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// `OK`, `INCOMPLETE` (volumes failed) or `FAILED` (regions failed).
    pub status: &'static str,
    /// Whose run.
    pub account: Account<'a>,
    /// Which run.
    pub run: Run<'a>,
    /// The sums over all regions.
    pub totals: Totals,
    /// Every region in which something was to do, in the order of their names.
    pub regions: Vec<RegionEntry<'a>>,
    /// The regions in which nothing was to do.
    pub idle_regions: Vec<&'a Region>,
    /// Volumes that are cheaper or better as another type, if there are any; the first of each region are in its tally.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<AdviceTotals>,
    /// Regions whose `tally` is `null` because it did not fit; failed regions are the last to lose theirs.
    pub tallies_left_out: usize,
    /// What to start an execution with that does only the failed and the incomplete regions again.
    pub replay_input: Option<ExecutionInput>,
}

/// Whose run.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Account<'a> {
    /// The account's number.
    pub id: &'a str,
    /// What people call it.
    pub name: &'a str,
}

/// Which run.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run<'a> {
    /// Its id.
    pub run_id: &'a RunId,
    /// When its execution started.
    pub started_at: DateTime<Utc>,
    /// Whether nothing was to be written.
    pub dry_run: bool,
    /// How often it was redriven.
    pub replay: u32,
    /// Its policy.
    pub policy: &'a JobPolicy,
    /// Its execution.
    pub execution_arn: &'a str,
    /// Where the console shows it.
    pub console_url: Option<&'a str>,
}

/// The sums over all regions.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Regions that were asked for.
    pub regions: u64,
    /// Of these, failed.
    pub regions_failed: u64,
    /// Of these, with volumes that failed.
    pub regions_incomplete: u64,
    /// Of these, with a purge that the guard held.
    pub purges_held: u64,
    /// What became of the volumes.
    pub volumes: VolumeCounts,
    /// What became of the snapshots.
    pub snapshots: SnapshotCounts,
}

/// Volumes of all regions that are cheaper or better as another type, at list prices.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AdviceTotals {
    /// How many.
    pub volumes: u64,
    /// What they save together in a month, in US cents.
    pub saves_cents: u64,
    /// The month of which the prices are.
    pub prices_as_of: &'static str,
    /// The region whose prices they are.
    pub prices_region: &'static str,
}

/// One region.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegionEntry<'a> {
    /// Its code.
    pub region: &'a Region,
    /// `OK`, `INCOMPLETE` or `FAILED`.
    pub status: &'static str,
    /// Why it failed: the error name.
    pub error: Option<&'a str>,
    /// Why it failed: what was said.
    pub message: Option<&'a str>,
    /// What became of its volumes.
    pub volumes: VolumeCounts,
    /// What became of its snapshots.
    pub snapshots: SnapshotCounts,
    /// What to start an execution with that lets its held purge pass.
    pub approve_input: Option<ExecutionInput>,
    /// All that it reported.
    pub tally: Option<&'a Tally>,
}

/// The JSON text of the document, in at most `room` bytes when it is put into JSON once more. Every region is in it;
/// tallies are, as far as there is room.
#[must_use]
pub fn render(report: &Report<'_>, room: usize) -> String {
    let mut document = whole(report);
    let order = report.evaluation.by_weight();
    let with_tallies = tallies_that_fit(&document, &order, room);
    document.tallies_left_out = order.len() - with_tallies;
    for left_out in order.iter().skip(with_tallies) {
        let entry = document.regions.iter_mut().find(|entry| entry.region == left_out.region());
        entry.into_iter().for_each(|entry| entry.tally = None);
    }
    json(&document)
}

/// How many of the tallies of `order` fit, the heaviest first. The first that does not fit ends it, so that a failed
/// region never gives way to a healthy one.
fn tallies_that_fit(document: &Document<'_>, order: &[&RegionOutcome], room: usize) -> usize {
    let costs: Vec<usize> = order.iter().map(|region| json_len(&json(&region.tally))).collect();
    let mut used = json_len(&json(document)) - costs.iter().sum::<usize>() + order.len() * "null".len();
    let fits = costs.iter().take_while(|cost| {
        used += **cost;
        used <= room
    });
    fits.count()
}

fn whole<'a>(report: &'a Report<'_>) -> Document<'a> {
    let evaluation = report.evaluation;
    let (run, totals) = (&evaluation.run, evaluation.totals());
    let busy = evaluation.regions.iter().filter(|region| !region.idle());
    let idle = evaluation.regions.iter().filter(|region| region.idle());
    Document {
        schema_version: SCHEMA_VERSION,
        status: evaluation.status().word(),
        account: Account { id: report.account_id, name: &report.account_name },
        run: Run {
            run_id: &run.run_id,
            started_at: run.started_at,
            dry_run: run.dry_run,
            replay: run.replay,
            policy: &run.policy,
            execution_arn: report.execution_arn,
            console_url: report.link.as_deref(),
        },
        totals: Totals {
            regions: totals.regions,
            regions_failed: totals.regions_failed,
            regions_incomplete: totals.regions_incomplete,
            purges_held: totals.purges_held,
            volumes: totals.volumes,
            snapshots: totals.snapshots,
        },
        regions: busy.map(entry).collect(),
        idle_regions: idle.map(RegionOutcome::region).collect(),
        advice: (totals.advised > 0).then_some(AdviceTotals {
            volumes: totals.advised,
            saves_cents: totals.saves_cents,
            prices_as_of: PRICES_AS_OF,
            prices_region: PRICES_REGION,
        }),
        // As wide as it can become, so that the number itself never makes the document too large.
        tallies_left_out: evaluation.regions.len(),
        replay_input: evaluation.replay_input(),
    }
}

fn entry(region: &RegionOutcome) -> RegionEntry<'_> {
    let failure = region.failure();
    RegionEntry {
        region: region.region(),
        status: region.standing.status().word(),
        error: failure.map(|failure| failure.error.as_str()),
        message: failure.map(|failure| failure.message.as_str()),
        volumes: region.tally.volumes,
        snapshots: region.tally.snapshots,
        approve_input: region.approval(),
        tally: Some(&region.tally),
    }
}
