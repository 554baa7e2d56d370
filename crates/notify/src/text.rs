//! The report for people: plain text, what happened and what to do in the first lines.

use std::collections::BTreeSet;
use std::fmt::Display;

use contract::Tally;
use contract::prices::{PRICES_AS_OF, PRICES_REGION};
use contract::selector::RETENTION_TAG;
use contract::tally::{AdviceNote, KeepKind, Sample, SnapshotCounts, SnapshotReason, TypeAdvice, VolumeCounts};
use contract::text::json_len;

use crate::evaluate::{RegionOutcome, Status};
use crate::report::{Report, counted, json, one_line};
use crate::{advice, table};

/// Kept free for the line that names the regions whose details do not fit, in bytes of JSON.
const LEFT_OUT_BYTES: usize = 2_000;
/// The regions that a report names in its head; of more it says how many there were.
const REGIONS_BY_NAME: usize = 6;
/// Regions named in the line that says why a run failed.
const CAUSES_IN_HEAD: usize = 3;

/// The report on a run in at most `room` bytes of JSON, as long as there is room for what is never cut: the result, the
/// totals, every failure, and how to replay or approve. Details of single regions fill the rest, failed regions first.
#[must_use]
pub fn render(report: &Report<'_>, room: usize) -> String {
    let blocks = [
        head(report),
        facts(report),
        counts(report),
        failures(report),
        replay(report),
        held(report),
        adoption(report),
        types(report),
    ];
    let mut text = blocks.into_iter().filter(|block| !block.is_empty()).collect::<Vec<_>>().join("\n\n");
    text.push('\n');
    let mut used = json_len(&text) + LEFT_OUT_BYTES;
    let mut left_out = Vec::new();
    for region in report.evaluation.by_weight() {
        let details = details(region);
        used += json_len(&details);
        // Once one is left out, all lighter ones are: a failed region never gives way to a healthy one.
        if used <= room && left_out.is_empty() {
            text.push_str(&details);
        } else {
            left_out.push(region.region().as_str());
        }
    }
    if !left_out.is_empty() {
        text += &format!(
            "\nThe details of {} did not fit: {}\n",
            counted(left_out.len() as u64, "region"),
            left_out.join(", ")
        );
    }
    text
}

fn head(report: &Report<'_>) -> String {
    let (evaluation, totals) = (report.evaluation, report.evaluation.totals());
    let mut lines = vec![format!("{}: {}", report.title(), outcome(report))];
    if evaluation.status() != Status::Ok {
        let mut causes = causes(&evaluation.by_weight());
        let more = causes.len().saturating_sub(CAUSES_IN_HEAD);
        causes.truncate(CAUSES_IN_HEAD);
        if more > 0 {
            causes.push(format!("{more} more below"));
        }
        lines.push(format!("Why: {}.", causes.join("; ")));
        lines.push(format!("To do: remove the causes, then choose \"Redrive from failure\" in {}", place(report)));
    }
    if evaluation.tag_found_nothing() {
        lines.push(
            "To do: if the tag was renamed, put it back on the volumes or into the policy. If the volumes are gone for good, \
             remove the policy."
                .to_owned(),
        );
    }
    if totals.purges_held > 0 {
        let verb = if evaluation.run.dry_run { "would be held" } else { "is held" };
        lines.push(format!(
            "The purge {verb} in {}: it is too large to be believed. See below.",
            counted(totals.purges_held, "region")
        ));
    }
    if totals.snapshots.overdue > 0 {
        lines.push(format!(
            "{} overdue: they should be gone and are still there. See the reasons below.",
            are(totals.snapshots.overdue, "snapshot")
        ));
    }
    let last: u64 =
        evaluation.regions.iter().map(|region| region.tally.snapshots.last_of_volume).fold(0, u64::saturating_add);
    if last > 0 {
        let left = if evaluation.run.dry_run || totals.purges_held > 0 { "would have" } else { "now have" };
        lines.push(format!(
            "Look at this: {} gone for long {left} no snapshot left, as the policy says of orphans. See below.",
            are_volumes(last)
        ));
    }
    let warned: u64 =
        evaluation.regions.iter().map(|region| region.tally.warnings.total()).fold(0, u64::saturating_add);
    if warned > 0 {
        lines.push(format!(
            "To do: correct the tag {RETENTION_TAG} of {}. Until then nothing of {} is deleted. See below.",
            counted(warned, "volume"),
            if warned == 1 { "it" } else { "them" }
        ));
    }
    let nothing_to_do =
        totals.purges_held == 0 && totals.snapshots.overdue == 0 && warned == 0 && !evaluation.tag_found_nothing();
    if evaluation.status() == Status::Ok && nothing_to_do {
        lines.push("To do: nothing.".to_owned());
    }
    if evaluation.run.dry_run {
        lines.push("This was a dry run: nothing was written.".to_owned());
    } else if evaluation.run.replay > 0 {
        lines.push(format!(
            "This was replay {}. It covers only {} that had failed or had volumes without a snapshot.",
            evaluation.run.replay,
            counted(totals.regions, "region")
        ));
    }
    lines.join("\n")
}

/// Where to find the execution.
fn place<'a>(report: &'a Report<'_>) -> &'a str {
    report.link.as_deref().unwrap_or(report.execution_arn)
}

fn outcome(report: &Report<'_>) -> String {
    let (evaluation, totals) = (report.evaluation, report.evaluation.totals());
    let (volumes, snapshots) = (&totals.volumes, &totals.snapshots);
    match evaluation.status() {
        Status::Failed => {
            let failed = evaluation.regions.iter().filter(|region| region.failure().is_some());
            let open: u64 = failed.map(|region| region.tally.volumes.unaccounted()).fold(0, u64::saturating_add);
            let parts = [
                Some(format!("{} of {} failed", totals.regions_failed, counted(totals.regions, "region"))),
                (totals.regions_incomplete > 0).then(|| format!("{} incomplete", totals.regions_incomplete)),
                (volumes.failed > 0).then(|| format!("{} got no snapshot", counted(volumes.failed, "volume"))),
                (open > 0).then(|| format!("{} not known to have one", counted(open, "volume"))),
            ];
            format!("{}.", parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
        }
        Status::Incomplete => format!(
            "{} of {} got no snapshot, in {}.",
            volumes.failed,
            counted(volumes.discovered, "volume"),
            counted(totals.regions_incomplete, "region")
        ),
        Status::Ok if evaluation.tag_found_nothing() => format!(
            "nothing is backed up. No volume in {} bears the tag {}, and the policy has {} there.",
            counted(totals.regions, "region"),
            evaluation.run.policy.tag,
            counted(totals.snapshots.managed, "snapshot")
        ),
        Status::Ok if evaluation.idle() => format!("nothing was to do in {}.", counted(totals.regions, "region")),
        Status::Ok if evaluation.run.dry_run => {
            let passing = evaluation.regions.iter().filter(|region| region.tally.purge_held.is_none());
            let expired: u64 = passing.map(|region| region.tally.snapshots.expired).fold(0, u64::saturating_add);
            format!(
                "{} would be made of {}, {} would be deleted.",
                counted(volumes.planned, "snapshot"),
                counted(volumes.discovered, "volume"),
                counted(expired, "old snapshot")
            )
        }
        Status::Ok => {
            let gone = if volumes.skipped > 0 {
                format!(" ({} gone before their turn)", volumes.skipped)
            } else {
                String::new()
            };
            format!(
                "every volume has its snapshot: {} made, {} there already, of {}{gone}; {} deleted.",
                volumes.created,
                volumes.existing,
                counted(volumes.discovered, "volume"),
                counted(snapshots.deleted, "old snapshot")
            )
        }
    }
}

/// Why regions are not well, in a few words for each cause.
fn causes(regions: &[&RegionOutcome]) -> Vec<String> {
    let failed =
        regions.iter().filter_map(|region| Some((one_line(&region.failure()?.error), region.region().as_str())));
    let failed = together(failed).into_iter().map(|(error, regions)| format!("{error} in {}", shortened(&regions)));
    let incomplete = regions.iter().filter(|region| region.failure().is_none() && region.tally.volumes.failed > 0);
    let incomplete = incomplete.map(|region| format!("{} in {}", error_counts(&region.tally), region.region()));
    failed.chain(incomplete).collect()
}

/// The regions by what they share, in the order in which it is met first: a cause that struck all is told once.
fn together<'a, K: PartialEq>(pairs: impl Iterator<Item = (K, &'a str)>) -> Vec<(K, Vec<&'a str>)> {
    let mut groups: Vec<(K, Vec<&str>)> = Vec::new();
    for (key, region) in pairs {
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, regions)) => regions.push(region),
            None => groups.push((key, vec![region])),
        }
    }
    groups
}

fn shortened(regions: &[&str]) -> String {
    match regions {
        [first, second, third, rest @ ..] if !rest.is_empty() => {
            format!("{first}, {second}, {third} and {}", counted(rest.len() as u64, "more region"))
        }
        few => few.join(", "),
    }
}

fn facts(report: &Report<'_>) -> String {
    let run = &report.evaluation.run;
    let policy = &run.policy;
    let dry_run = if run.dry_run { "yes, nothing was written" } else { "no" };
    let lines = [
        format!("Account:    {} ({})", report.account_name, report.account_id),
        format!("Run:        {}", run.run_id),
        format!("Started:    {}", run.started_at.format("%Y-%m-%d %H:%M:%S UTC")),
        format!("Policy:     {}", policy.name),
        format!("Volumes:    tagged {}", policy.tag),
        format!("Retention:  {}, and always the newest {} of each volume", policy.retention, policy.floor.get()),
        format!(
            "Minimum:    {}",
            policy
                .minimum
                .map_or_else(|| "the same: a volume's own retention only lengthens".to_owned(), |m| m.to_string())
        ),
        format!("Orphans:    {} (snapshots of volumes that are gone)", policy.orphans),
        format!("Regions:    {}", regions(report)),
        format!("Dry run:    {dry_run}"),
        format!("Execution:  {}", place(report)),
    ];
    lines.join("\n")
}

/// The regions of the run by name, or how many there were: a replay covers a few, and must not look like a whole night.
fn regions(report: &Report<'_>) -> String {
    let regions = &report.evaluation.regions;
    if regions.len() > REGIONS_BY_NAME {
        return regions.len().to_string();
    }
    regions.iter().map(|region| region.region().as_str()).collect::<Vec<_>>().join(", ")
}

/// `1 volume that is`, `2 volumes that are`.
fn are_volumes(count: u64) -> String {
    format!("{} that {}", counted(count, "volume"), if count == 1 { "is" } else { "are" })
}

/// `1 snapshot is`, `2 snapshots are`.
fn are(count: u64, thing: &str) -> String {
    format!("{} {}", counted(count, thing), if count == 1 { "is" } else { "are" })
}

fn counts(report: &Report<'_>) -> String {
    let evaluation = report.evaluation;
    let made = if evaluation.run.dry_run { "to make" } else { "created" };
    let header =
        ["region", "discovered", made, "existing", "skipped", "failed", "expired", "deleted", "overdue", "outcome"];
    // Of a region that failed before it said anything nothing is known: that is not the same as nothing.
    let row = |name: &str, known: bool, volumes: &VolumeCounts, snapshots: &SnapshotCounts, outcome: &str| {
        let numbers = [
            volumes.discovered,
            volumes.created.saturating_add(volumes.planned),
            volumes.existing,
            volumes.skipped,
            volumes.failed,
            snapshots.expired,
            snapshots.deleted,
            snapshots.overdue,
        ];
        let shown = numbers.map(|number| if known { number.to_string() } else { "?".to_owned() });
        let cells = std::iter::once(name.to_owned()).chain(shown);
        cells.chain([outcome.to_owned()]).collect::<Vec<String>>()
    };
    let busy = evaluation.regions.iter().filter(|region| !region.idle());
    let mut rows: Vec<Vec<String>> = busy
        .map(|region| {
            let held = if region.tally.purge_held.is_some() { ", HELD" } else { "" };
            let outcome = format!("{}{held}", region.standing.status().word());
            let known = region.failure().is_none() || region.tally != Tally::default();
            row(region.region().as_str(), known, &region.tally.volumes, &region.tally.snapshots, &outcome)
        })
        .collect();
    let idle: Vec<&str> =
        evaluation.regions.iter().filter(|region| region.idle()).map(|region| region.region().as_str()).collect();
    let idle_line = format!("Nothing to do in {}: {}", counted(idle.len() as u64, "region"), idle.join(", "));
    if rows.is_empty() {
        return idle_line;
    }
    let totals = evaluation.totals();
    rows.push(row("total", true, &totals.volumes, &totals.snapshots, evaluation.status().word()));
    let table = table::render(&header, &rows);
    if idle.is_empty() { table } else { format!("{table}\n{idle_line}") }
}

fn failures(report: &Report<'_>) -> String {
    let mut lines = vec!["WHAT FAILED".to_owned()];
    let regions: Vec<&RegionOutcome> = report.evaluation.to_replay().collect();
    let failed = regions.iter().filter_map(|region| Some((region.failure()?, region.region().as_str())));
    for (failure, regions) in together(failed) {
        let message = one_line(&failure.message);
        let message = if message.is_empty() { "(no message)" } else { &message };
        lines.push(format!("  {}: {}: {message}", regions.join(", "), one_line(&failure.error)));
    }
    for region in regions.iter().filter(|region| region.tally.volumes.failed > 0) {
        let volumes = &region.tally.volumes;
        let of = counted(volumes.discovered, "volume");
        let errors = error_counts(&region.tally);
        lines.push(format!("  {}: {} of {of} got no snapshot: {errors}", region.region(), volumes.failed));
    }
    let of_regions = regions.iter().filter_map(|region| region.failure()).map(|failure| failure.error.as_str());
    let of_volumes = regions.iter().flat_map(|region| region.tally.errors.keys()).map(String::as_str);
    let names: BTreeSet<&str> = of_regions.chain(of_volumes).collect();
    if lines.len() == 1 {
        return String::new();
    }
    let advice: Vec<String> =
        names.into_iter().filter_map(|name| advice::on(name).map(|advice| format!("  {name}: {advice}."))).collect();
    if !advice.is_empty() {
        lines.push("What helps:".to_owned());
        lines.extend(advice);
    }
    lines.join("\n")
}

fn replay(report: &Report<'_>) -> String {
    let Some(input) = report.evaluation.replay_input() else { return String::new() };
    format!(
        "HOW TO REPLAY these regions, and only these\n  \
         Either open the execution and choose Recover > Redrive from failure, within 14 days.\n  \
         Or choose New execution of the same state machine, with this input:\n{}\n  \
         Both are safe to repeat: a volume that has its snapshot of this run gets no second one.",
        json(&input)
    )
}

fn held(report: &Report<'_>) -> String {
    let mut lines = Vec::new();
    for region in &report.evaluation.regions {
        let Some(held) = &region.tally.purge_held else { continue };
        let guard = region.job.policy.purge_guard;
        let why = if guard.holds(held.deletions, held.managed) {
            format!("more than {} %", guard.max_percent)
        } else {
            "in a run that adopts".to_owned()
        };
        let last = region.tally.snapshots.last_of_volume;
        let last = if last > 0 { format!("; {} would have none left", are_volumes(last)) } else { String::new() };
        lines.push(format!(
            "  {}: {} of {} would go, {why}{last} (plan {}).",
            region.region(),
            held.deletions,
            counted(held.managed, "snapshot"),
            held.plan
        ));
        lines.extend(region.approval().map(|input| json(&input)));
    }
    if lines.is_empty() {
        return String::new();
    }
    let explained = if report.evaluation.run.dry_run {
        "PURGE WOULD BE HELD: a real run would delete nothing here, and its report would say how to approve."
    } else {
        "PURGE HELD: nothing was deleted here, and waiting is safe. If so many snapshots are really to go, choose New execution with the region's\n  \
         input below. It lets exactly this plan pass; one that has changed since is held again."
    };
    format!("{explained}\n{}", lines.join("\n"))
}

/// What others left behind in the regions, where the policy lists it.
fn adoption(report: &Report<'_>) -> String {
    let mut lines = Vec::new();
    let mut open = 0_u64;
    for region in &report.evaluation.regions {
        let Some(found) = &region.tally.adoption else { continue };
        let candidates = found.candidates.total();
        open = open.saturating_add(candidates.saturating_sub(found.adopted));
        let ids = sample("adoptable", &found.candidates, ToString::to_string);
        let ids = ids.as_deref().and_then(|line| line.split_once(": ")).map_or("", |(_, ids)| ids);
        let error = found.error.as_deref().map(|error| format!(" ({})", one_line(error))).unwrap_or_default();
        let parts = [
            (candidates > 0).then(|| format!("{} of the script before: {ids}", counted(candidates, "snapshot"))),
            (found.adopted > 0).then(|| format!("{} adopted", found.adopted)),
            (found.failed > 0).then(|| format!("{} not adopted{error}", found.failed)),
            (found.lifecycle_manager > 0)
                .then(|| format!("{} of Data Lifecycle Manager, never touched", found.lifecycle_manager)),
            (found.aws_backup > 0).then(|| format!("{} of AWS Backup, never touched", found.aws_backup)),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if !parts.is_empty() {
            lines.push(format!("  {}: {}", region.region(), parts.join("; ")));
        }
    }
    if lines.is_empty() {
        return String::new();
    }
    let mut text = format!("WHAT OTHERS LEFT BEHIND\n{}", lines.join("\n"));
    if open > 0 && report.evaluation.run.dry_run {
        text += "\n  A run with \"adopt\": true, and without \"dryRun\", adopts them: the policy's retention then applies to them.";
    } else if open > 0 {
        let policy = &report.evaluation.run.policy.name;
        text += &format!(
            "\n  The policy's retention does not apply to them yet. To adopt them, look at a dry run first, with this input:\n{}",
            json(&serde_json::json!({ "policy": policy, "adopt": true, "dryRun": true })),
        );
    }
    text
}

/// As which other type volumes are cheaper or better, where the policy asks for it.
fn types(report: &Report<'_>) -> String {
    let totals = report.evaluation.totals();
    if totals.advised == 0 {
        return String::new();
    }
    let mut lines = vec!["CHEAPER OR BETTER AS".to_owned()];
    let mut notes = Vec::new();
    for region in &report.evaluation.regions {
        let Some(advice) = region.tally.advice.as_ref().filter(|advice| advice.volumes.total() > 0) else { continue };
        let sum = format!("{}, {} less a month", counted(advice.volumes.total(), "volume"), usd(advice.saves_cents));
        lines.push(format!("  {}: {sum}", region.region()));
        lines.extend(advice.volumes.first.iter().map(|volume| {
            format!("    {} as {}: {}", volume.volume_id, one_line(&volume.to), monthly_difference(volume))
        }));
        if advice.volumes.more > 0 {
            lines.push(format!("    and {} more", advice.volumes.more));
        }
        notes.extend(advice.volumes.first.iter().filter_map(|volume| to_mind(volume.note)));
    }
    lines.push(format!(
        "  In all {}, {} less a month. List prices of {PRICES_REGION} as of {PRICES_AS_OF}; other regions differ: a hint, not a quote.",
        counted(totals.advised, "volume"),
        usd(totals.saves_cents)
    ));
    notes.sort_unstable();
    notes.dedup();
    lines.extend(notes.into_iter().map(|note| format!("  {note}")));
    lines.push("  All of them, with all that can be advised, are in the log of create-snapshots.".to_owned());
    lines.join("\n")
}

/// What a volume costs less or more as the other type, and what the other type is.
fn monthly_difference(advice: &TypeAdvice) -> String {
    let difference = match advice.saves_cents {
        0 => "at the same price".to_owned(),
        saves @ 1.. => format!("{} less a month", usd(saves.unsigned_abs())),
        costs => format!("{} more a month", usd(costs.unsigned_abs())),
    };
    let note = match advice.note {
        AdviceNote::SameOrBetter => "the same or better",
        AdviceNote::MoreDurable => "more durable",
        AdviceNote::OtherLatency => "another latency",
        AdviceNote::LessDurable => "another latency, less durable",
        AdviceNote::Sequential => "for large, sequential requests only",
        AdviceNote::Cold => "for cold data only",
        AdviceNote::Faster => "faster",
    };
    format!("{difference}, {note}")
}

/// What there is to mind before a volume is changed, told once for all volumes.
fn to_mind(note: AdviceNote) -> Option<&'static str> {
    match note {
        AdviceNote::OtherLatency => {
            Some("An io1 volume whose latency matters is better as io2: never dearer, and more durable.")
        }
        AdviceNote::Cold | AdviceNote::Faster => Some("What a magnetic volume costs for each request is not counted."),
        AdviceNote::SameOrBetter | AdviceNote::MoreDurable | AdviceNote::LessDurable | AdviceNote::Sequential => None,
    }
}

/// US cents as dollars: `1,234.50 USD`.
fn usd(cents: u64) -> String {
    let (mut dollars, mut groups) = (cents / 100, Vec::new());
    while dollars >= 1_000 {
        groups.push(format!(",{:03}", dollars % 1_000));
        dollars /= 1_000;
    }
    groups.reverse();
    format!("{dollars}{}.{:02} USD", groups.concat(), cents % 100)
}

/// All that is known of one region; empty when that is nothing.
fn details(region: &RegionOutcome) -> String {
    let tally = &region.tally;
    let error = region.failure().map(|failure| format!(", {}", one_line(&failure.error))).unwrap_or_default();
    let mut lines = vec![String::new(), format!("--- {}: {}{error}", region.region(), region.standing.status().word())];
    lines.extend(sample("discovered", &tally.discovered, ToString::to_string));
    lines.extend(sample("snapshots made", &tally.created, ToString::to_string));
    lines.extend(sample("gone before their turn", &tally.skipped, ToString::to_string));
    lines.extend(list("failed", &tally.failures, |failure| {
        format!("{}: {}: {}", failure.volume_id, one_line(&failure.error), one_line(&failure.message))
    }));
    lines.extend(list("warnings", &tally.warnings, |warning| {
        format!("{}: {}", warning.volume_id, one_line(&warning.message))
    }));
    if let Some(error) = &tally.creates_stopped {
        lines.push(format!("  no further snapshot was tried: {}", one_line(error)));
    }
    let open = if region.failure().is_some() { tally.volumes.unaccounted() } else { 0 };
    if open > 0 {
        lines.push(format!("  not known to have a snapshot: {}", counted(open, "volume")));
    }
    if tally.snapshots.managed > 0 {
        let kept = if tally.kept.is_empty() { String::new() } else { format!(" ({})", kept(tally)) };
        lines.push(format!(
            "  snapshots of the policy: {}, kept {}{kept}",
            tally.snapshots.managed, tally.snapshots.kept
        ));
    }
    lines.extend(list("to be deleted", &tally.expired, with_reason));
    if tally.expired.more > 0 {
        lines.push("    (all of them, each with its reason, are in the log of find-expired)".to_owned());
    }
    lines.extend(sample("deleted", &tally.deleted, ToString::to_string));
    if tally.snapshots.already_gone > 0 {
        lines.push(format!("  deleted by somebody else: {}", tally.snapshots.already_gone));
    }
    lines.extend(list("overdue", &tally.overdue, with_reason));
    // A title alone tells nothing that was not told above.
    if lines.len() > 2 { lines.join("\n") + "\n" } else { String::new() }
}

fn with_reason(snapshot: &SnapshotReason) -> String {
    format!("{}: {}", snapshot.snapshot_id, one_line(&snapshot.reason))
}

/// The first entries on one line.
fn sample<T, const N: usize>(what: &str, sample: &Sample<T, N>, show: impl Fn(&T) -> String) -> Option<String> {
    let shown: Vec<String> = sample.first.iter().map(show).collect();
    let more = if sample.more > 0 { format!(" and {} more", sample.more) } else { String::new() };
    (!shown.is_empty()).then(|| format!("  {what}: {}{more}", shown.join(", ")))
}

/// The first entries, one a line.
fn list<T, const N: usize>(what: &str, sample: &Sample<T, N>, show: impl Fn(&T) -> String) -> Vec<String> {
    if sample.first.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![format!("  {what}:")];
    lines.extend(sample.first.iter().map(|entry| format!("    {}", show(entry))));
    if sample.more > 0 {
        lines.push(format!("    and {} more", sample.more));
    }
    lines
}

fn error_counts(tally: &Tally) -> String {
    joined(tally.errors.iter().map(|(name, count)| (one_line(name), count)))
}

fn kept(tally: &Tally) -> String {
    joined(tally.kept.iter().map(|(kind, count)| (keep_words(*kind), count)))
}

fn joined<'a>(counts: impl Iterator<Item = (impl Display, &'a u64)>) -> String {
    counts.map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
}

fn keep_words(kind: KeepKind) -> &'static str {
    match kind {
        KeepKind::KeepLast => "keepLast",
        KeepKind::KeepWithin => "keepWithin",
        KeepKind::KeepHourly => "keepHourly",
        KeepKind::KeepDaily => "keepDaily",
        KeepKind::KeepWeekly => "keepWeekly",
        KeepKind::KeepMonthly => "keepMonthly",
        KeepKind::KeepYearly => "keepYearly",
        KeepKind::Minimum => "minimum",
        KeepKind::Floor => "floor",
        KeepKind::Hold => "hold tag",
        KeepKind::Pending => "pending",
        KeepKind::RecentError => "recent error",
        KeepKind::NotCompleted => "not completed",
        KeepKind::BackupFailed => "backup failed",
        KeepKind::InvalidRetention => "retention tag not valid",
        KeepKind::Unattributed => "volume unknown",
        KeepKind::AfterPlan => "newer than the plan",
    }
}
