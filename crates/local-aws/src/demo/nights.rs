//! A night: the execution, followed region by region.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use contract::errors::REGIONS_FAILED;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use local_aws::run::{Outcome, Phase, RegionProgress, Run};

use crate::show;

/// A night takes seconds; this is for a machine that is busy with other things.
const NIGHT_WITHIN: Duration = Duration::from_secs(300);

/// How one pass of a run ended.
#[derive(Debug)]
pub struct Pass {
    /// The execution.
    pub outcome: Outcome,
    /// The regions of the pass.
    pub regions: Vec<RegionProgress>,
}

impl Pass {
    /// The regions that did not go to their end.
    pub fn failed(&self) -> Vec<&str> {
        let failed = self.regions.iter().filter(|region| region.phase != Phase::Succeeded);
        failed.map(|region| region.region.as_str()).collect()
    }

    /// The sum of a count over the regions.
    pub fn total(&self, count: impl Fn(&RegionProgress) -> u64) -> u64 {
        self.regions.iter().map(count).sum()
    }
}

/// Follows a run to its end, with a line per region that lives while it works, and then a table.
pub async fn follow(run: &Run) -> Result<Pass> {
    let mut live = Live::default();
    let mut regions = Vec::new();
    let outcome = run
        .follow(NIGHT_WITHIN, |seen| {
            live.show(seen);
            seen.clone_into(&mut regions);
        })
        .await;
    live.clear();
    let pass = Pass { outcome: outcome?, regions };
    show_table(&pass);
    Ok(pass)
}

fn show_table(pass: &Pass) {
    let rows: Vec<_> =
        pass.regions.iter().map(|region| (show::mark(region.phase == Phase::Succeeded), row(region))).collect();
    show::table(&["region", "volumes", "made", "there already", "deleted", "kept", ""], 1, &rows);
    let verdict = if pass.outcome.succeeded() { show::green("green") } else { show::red("red") };
    let error = pass.outcome.error.as_deref().map(|error| format!(" ({error})")).unwrap_or_default();
    let took = show::dim(&format!("in {}", show::seconds(pass.outcome.took)));
    show::line(&format!("{} {verdict}{error} {took}", show::dim("execution")));
    // That regions failed is in the table; anything else is not.
    if !pass.outcome.succeeded() && !pass.outcome.failed_with(REGIONS_FAILED) {
        show::quote(pass.outcome.cause.as_deref().unwrap_or_default(), usize::MAX);
    }
}

fn row(region: &RegionProgress) -> Vec<String> {
    let (volumes, snapshots) = (region.tally.volumes, region.tally.snapshots);
    let mut cells = vec![region.region.clone()];
    let counts = [volumes.discovered, volumes.created, volumes.existing, snapshots.deleted, snapshots.kept];
    cells.extend(counts.iter().map(|count| if *count == 0 { "·".to_owned() } else { count.to_string() }));
    cells.push(region.error.clone().unwrap_or_default());
    cells
}

/// The regions while they work. It draws nothing where there is no terminal: the table tells it all.
#[derive(Default)]
struct Live {
    bars: MultiProgress,
    of: BTreeMap<String, ProgressBar>,
}

impl Live {
    fn show(&mut self, regions: &[RegionProgress]) {
        for region in regions {
            let bar = self.of.entry(region.region.clone()).or_insert_with(|| {
                let bar = self.bars.add(ProgressBar::new_spinner());
                if let Ok(style) = ProgressStyle::with_template("  {spinner:.green} {prefix:16} {msg}") {
                    bar.set_style(style);
                }
                bar.set_prefix(region.region.clone());
                bar.enable_steady_tick(Duration::from_millis(100));
                bar
            });
            bar.set_message(doing(region));
            if region.is_over() && !bar.is_finished() {
                bar.finish();
            }
        }
    }

    fn clear(&self) {
        for bar in self.of.values() {
            bar.finish_and_clear();
        }
    }
}

fn doing(region: &RegionProgress) -> String {
    let (volumes, snapshots) = (region.tally.volumes, region.tally.snapshots);
    match region.phase {
        Phase::Discovering => format!("looking for volumes: {}", volumes.discovered),
        Phase::Creating => {
            format!("making snapshots: {} of {}", volumes.created + volumes.existing, volumes.discovered)
        }
        Phase::Judging => "looking for expired snapshots".to_owned(),
        Phase::Deleting => format!("deleting snapshots: {} of {}", snapshots.deleted, snapshots.expired),
        Phase::Succeeded => show::green("done"),
        Phase::Failed => show::red(region.error.as_deref().unwrap_or("failed")),
    }
}
